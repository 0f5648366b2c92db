"""What a demo installation has from the start besides its accounts, made only once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from config import demo_accounts, demo_seed_data
from executions.access import audit_log
from executions.models import AuditEntry, CorrelationRule, Note, NoticeMute, NoticeRule, Workflow
from executions.payloads import business_keys
from providers.demo import serve
from providers.demo.simulator import World
from providers.models import ProviderAccount

pytestmark = pytest.mark.django_db


@pytest.fixture
def installed() -> User:
    user = User.objects.create_superuser("admin", password="lamps-are-on-4")
    demo_seed_data.set_up_demo()
    return user


def test_rules_notes_and_a_mute_are_there_at_the_first_start(installed):
    assert {rule.name for rule in CorrelationRule.objects.all()} >= {"order number", "claim number"}
    tied = CorrelationRule.objects.filter(name="order number")
    assert {rule.account.provider for rule in tied} == set(serve.PORTS)
    assert NoticeRule.objects.filter(enabled=True).count() == len(demo_seed_data.NOTICE_RULES)
    assert Note.objects.filter(author=installed, is_pinned=True).count() >= 3
    assert NoticeMute.objects.get().until > timezone.now() + timedelta(days=6)
    assert (
        AuditEntry.objects.filter(action=audit_log.Action.NOTE_WRITTEN).count()
        == Note.objects.count()
    )


def test_a_month_of_history_is_asked_for_and_later_changes_of_people_stay(installed):
    for account in ProviderAccount.objects.all():
        assert timezone.now() - account.covered_since > timedelta(days=29)
    NoticeRule.objects.all().delete()
    Note.objects.first().delete()
    kept = Note.objects.count()
    demo_seed_data.set_up_demo()
    assert not NoticeRule.objects.exists()
    assert Note.objects.count() == kept
    assert ProviderAccount.objects.count() == len(demo_accounts.NAMES)


def test_what_is_noted_and_muted_are_workflows_that_the_simulators_have(installed):
    for key, name in demo_accounts.NAMES.items():
        world = World()
        serve.app_of(key, world)
        known = repr(world.kept)
        for workflow in Workflow.objects.filter(account__name=name):
            assert workflow.ref in known, workflow.name
            assert workflow.name in known


@pytest.mark.parametrize(
    ("key", "carried", "names"),
    [
        ("flow8", {"order": "ORD-10017", "customer": "Hofer"}, ["order number"]),
        ("flow8", {"invoiceId": "INV-10017"}, ["invoice number"]),
        ("eightx8", {"claim": "CLM-10017"}, ["claim number"]),
        (
            "generio",
            {"additional": {"order": "ORD-1", "article": "8"}},
            ["order number", "article"],
        ),
    ],
)
def test_the_rules_find_the_keys_of_what_the_simulators_carry(key, carried, names):
    made = demo_seed_data.KEY_RULES[key]
    rules = [business_keys.Rule(1, name, "input", path) for name, path in made]
    assert [found.name for found in business_keys.find(rules, {"input": carried})] == names

"""Rules in the admin: who may, what is asked, and addresses that go in and never come out."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.test import Client

from executions.management.commands.rotate_credentials import rotate
from executions.models import AuditEntry, Delivery, Notice, NoticeMessage, NoticeRule
from executions.notifications import rule_form
from providers import connection_test
from providers.contract import Status
from tests.executions.notifications.conftest import SECRET, Receiver

pytestmark = pytest.mark.django_db(transaction=True)

LIST = "/admin/executions/noticerule/"


@pytest.fixture
def admin(account: Any) -> Client:
    cache.clear()
    return signed_in("ada", "admin", account.group.name)


def signed_in(name: str, *groups: str) -> Client:
    user = User.objects.create_user(name, is_staff=True)
    user.groups.set(Group.objects.filter(name__in=groups))
    client = Client()
    client.force_login(user, "config.eager_user_backend.PeopleBackend")
    return client


def typed(**more: Any) -> dict[str, Any]:
    return {
        "name": "Night shift", "event": "failed", "enabled": "on", "tells_cleared": "on",
        "pause_seconds": "1m", "group": "", "after_seconds": "", "period_seconds": "",
        "grace_seconds": "", "new_addresses": "", "_continue": "1", **more,
    }  # fmt: skip


def errors_of(page: Any) -> dict[str, list[str]]:
    return {name: list(found) for name, found in page.context["adminform"].form.errors.items()}


@pytest.mark.parametrize("role", ["operator", "viewer"])
def test_only_admins_set_rules_up(account, role):
    client = signed_in("rosa", role)
    assert client.get(LIST).status_code == 403
    assert client.post(f"{LIST}add/", typed()).status_code == 403
    assert not NoticeRule.objects.exists()


def test_an_address_goes_in_and_never_comes_out(admin: Client, receiver: Receiver) -> None:
    saved = admin.post(f"{LIST}add/", typed(new_addresses=receiver.url), follow=True)
    rule = NoticeRule.objects.get()
    assert rule.addresses()[0]["url"] == receiver.url
    pages = [saved, admin.get(LIST), admin.get(f"{LIST}{rule.pk}/change/"), admin.get("/notices/")]
    pages.append(admin.get(f"{LIST}{rule.pk}/history/"))
    for page in pages:
        assert page.status_code == 200
        assert SECRET not in page.content.decode()
    assert "json://127.0.0.1" in pages[2].content.decode()
    assert SECRET not in str(list(AuditEntry.objects.values()))
    assert SECRET not in str(list(LogEntry.objects.values()))
    assert SECRET not in str(NoticeRule.objects.values().get())
    said = AuditEntry.objects.get(action="notice_rule.added")
    assert "address added: json://127.0.0.1" in said.detail["changes"]


def test_a_form_with_a_mistake_does_not_repeat_the_address(admin: Client) -> None:
    lines = (
        f"jsons://user:{SECRET}@127.0.0.1/?verify=no\nfile:///{SECRET}\njson://10.1.2.3/{SECRET}"
    )
    page = admin.post(f"{LIST}add/", typed(new_addresses=lines))
    found = errors_of(page)["new_addresses"]
    assert len(found) == 3
    assert "verify is not allowed" in found[0]
    assert "not among the services" in found[1]
    assert "10.1.2.3 is not public" in found[2]
    assert SECRET not in page.content.decode()
    assert not NoticeRule.objects.exists()


def test_an_address_is_removed_and_the_others_stay(admin: Client, receiver: Receiver) -> None:
    both = f"{receiver.url}\njson://127.0.0.1:{receiver.port}/second"
    admin.post(f"{LIST}add/", typed(new_addresses=both))
    rule = NoticeRule.objects.get()
    box = rule_form.REMOVE + rule.targets[0]["id"]
    admin.post(f"{LIST}{rule.pk}/change/", typed(**{box: "on"}))
    rule.refresh_from_db()
    assert [each["url"] for each in rule.addresses()] == [both.splitlines()[1]]
    assert len(rule.targets) == 1


@pytest.mark.parametrize(
    ("posted", "field"),
    [
        ({"event": "waiting"}, "after_seconds"),
        ({"event": "stuck", "after_seconds": "soon"}, "after_seconds"),
        ({"event": "missing"}, "workflows"),
        ({"pause_seconds": ""}, "pause_seconds"),
        ({"pause_seconds": "-5"}, "pause_seconds"),
        ({"pause_seconds": "99999d"}, "pause_seconds"),
        ({"name": ""}, "name"),
        ({"event": "rain"}, "event"),
    ],
)
def test_what_is_missing_or_not_understood_is_said_at_the_field(admin, posted, field):
    page = admin.post(f"{LIST}add/", typed(**posted))
    assert page.status_code == 200
    assert field in errors_of(page)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("15m", 900), ("2 h", 7200), ("1D", 86400)]
)
def test_a_length_of_time_is_typed_as_people_write_it(admin, text, seconds):
    admin.post(f"{LIST}add/", typed(event="waiting", after_seconds=text))
    rule = NoticeRule.objects.get()
    assert rule.after_seconds == seconds
    assert rule_form.span(seconds) in admin.get(f"{LIST}{rule.pk}/change/").content.decode()


def test_a_rule_that_is_changed_begins_anew(admin, make_rule, store_run, tick):
    rule = make_rule(new_addresses="")
    store_run("r1", Status.FAILED)
    tick()
    assert Notice.objects.count() == 1
    admin.post(f"{LIST}{rule.pk}/change/", typed(name="Renamed", event="failed"))
    assert Notice.objects.count() == 1  # a new name changes nothing
    admin.post(f"{LIST}{rule.pk}/change/", typed(name="Renamed", event="overdue"))
    assert Notice.objects.count() == 0
    rule.refresh_from_db()
    assert not rule.is_primed
    actions = AuditEntry.objects.order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["notice_rule.changed", "notice_rule.changed"]


def test_a_test_message_is_marked_and_its_result_is_said_in_plain_words(
    admin: Client, receiver: Receiver, make_rule: Any
) -> None:
    rule = make_rule()
    url = f"{LIST}{rule.pk}/test/"
    said = admin.post(url, headers={"HX-Request": "true"}).content.decode()
    assert "Sent." in said
    assert "The service accepted it." in said
    assert receiver.titles == ["Test: Rule 1"]
    assert "Nothing has happened." in receiver.got[0]["message"]
    receiver.status = 404
    said = admin.post(url, headers={"HX-Request": "true"}).content.decode()
    assert "Not sent." in said
    assert "It answered 404. Nothing was found at this address." in said
    assert list(Delivery.objects.order_by("pk").values_list("state", flat=True)) == [
        "sent",
        "failed",
    ]
    assert set(NoticeMessage.objects.values_list("kind", flat=True)) == {"test"}
    assert AuditEntry.objects.filter(action="notice_rule.tested").count() == 2
    assert SECRET not in said


def test_tests_are_rationed(admin: Client, receiver: Receiver, make_rule: Any) -> None:
    rule = make_rule()
    while connection_test.may_try("ada"):
        pass
    said = admin.post(f"{LIST}{rule.pk}/test/", headers={"HX-Request": "true"})
    assert "Wait a minute" in said.content.decode()
    assert receiver.got == []


def test_addresses_are_sealed_anew_with_the_other_secrets(make_rule, settings, receiver):
    from cryptography.fernet import Fernet

    rule = make_rule()
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode(), *settings.CREDENTIAL_KEYS]
    assert rotate(NoticeRule, "sealed_targets").resealed == 1
    settings.CREDENTIAL_KEYS = settings.CREDENTIAL_KEYS[:1]
    rule.refresh_from_db()
    assert rule.addresses()[0]["url"] == receiver.url


def test_sealed_addresses_of_another_rule_do_not_open(make_rule, store_run, tick, receiver):
    first, second = make_rule(), make_rule()
    NoticeRule.objects.filter(pk=second.pk).update(sealed_targets=first.sealed_targets)
    store_run("r1", Status.FAILED)
    tick()
    assert len(receiver.got) == 1
    assert "belongs to another row" in Delivery.objects.get(rule=second).says


def test_a_rule_is_deleted_with_what_it_raised(admin, make_rule, store_run, tick):
    rule = make_rule(new_addresses="")
    store_run("r1", Status.FAILED)
    tick()
    admin.post(f"{LIST}{rule.pk}/delete/", {"post": "yes"})
    assert not NoticeRule.objects.exists()
    assert not Notice.objects.exists()
    assert AuditEntry.objects.filter(action="notice_rule.deleted").exists()

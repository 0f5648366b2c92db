"""Who may make an account unreachable, and for how long. What it then does: tests/flow."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from providers import account_switches
from providers.models import ProviderAccount


@pytest.fixture
def root(account, sign_in) -> Client:
    return sign_in(User.objects.create_superuser("root"))


def path_of(account: ProviderAccount) -> str:
    return f"/accounts/{account.pk}/blind-test/"


def test_it_lasts_half_an_hour_at_most(account):
    until = account_switches.go_blind(account, 10_000, by="root")
    assert until is not None
    assert until - timezone.now() <= timedelta(minutes=30)


@pytest.mark.parametrize("minutes", ["-5", "1e9", "abc", "", "45"])
def test_other_durations_are_the_shortest_one(account, root, minutes):
    root.post(path_of(account), {"minutes": minutes})
    account.refresh_from_db()
    left = account.blind_until - timezone.now()
    assert timedelta(minutes=4) < left <= timedelta(minutes=5)


def test_only_administrators_begin_one(account, ana, root):
    assert ana.post(path_of(account), {"minutes": "5"}).status_code == 403
    assert "Start the test" not in ana.get(f"/accounts/{account.pk}/").content.decode()
    assert "Start the test" in root.get(f"/accounts/{account.pk}/").content.decode()


def test_a_disabled_account_needs_no_test(account, root):
    ProviderAccount.objects.update(enabled=False)
    answer = root.post(path_of(account), {"minutes": "5"}, follow=True)
    assert "is disabled, so it is not polled anyway." in answer.content.decode()
    account.refresh_from_db()
    assert account.blind_until is None


def test_the_form_to_start_a_run_says_that_it_is_a_test(account, ana, put, root):
    run = put("r1")
    root.post(path_of(account), {"minutes": "5"})
    assert "This is a blind test" in ana.get(f"/workflows/{run.workflow_id}/").content.decode()


def test_the_admin_tells_it_with_its_zone(account, root):
    root.post(path_of(account), {"minutes": "5"})
    page = root.get(f"/admin/providers/provideraccount/{account.pk}/change/").content.decode()
    assert "A blind test is on</strong> <time" in page
    assert "Times are in UTC." in page

"""What people decide for a while, and what is deleted for its age, goes by the database's clock: a
process whose own is hours or years off decides nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from executions import database_clock
from executions.errors import acts as error_acts
from executions.models import ErrorAcknowledgement, Execution, Notice, NoticeRule
from executions.notifications import rule_form
from executions.storage import retention, settled_by_success
from executions.triage import acts, form_choices
from providers.contract import Status
from providers.models import ProviderAccount

pytestmark = [pytest.mark.django_db, pytest.mark.fault("P18")]
SOON = timedelta(seconds=30)
HOURS = [-2, 2]


@pytest.fixture(params=HOURS, ids=["two hours behind", "two hours ahead"])
def skewed(request: Any, monkeypatch: pytest.MonkeyPatch) -> timedelta:
    """This process's own clock."""
    return set_off(monkeypatch, timedelta(hours=request.param))


def set_off(monkeypatch: pytest.MonkeyPatch, off: timedelta) -> timedelta:
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + off)
    assert abs(database_clock.now() - datetime.now(UTC)) < SOON
    return off


def is_near(found: datetime | None, expected: timedelta) -> bool:
    return found is not None and abs(found - datetime.now(UTC) - expected) < SOON


@pytest.fixture
def failed(put: Callable[..., Execution]) -> Execution:
    return put("r1", Status.FAILED, error="disk full", finished_at=datetime.now(UTC))


def test_an_error_in_hand_is_so_for_a_day_and_no_longer(
    skewed: timedelta, failed: Execution, people: dict[str, User], account: ProviderAccount
) -> None:
    error_acts.take(failed.error_key, [account], people["ana"], "mine")
    kept = ErrorAcknowledgement.objects.get()
    assert is_near(kept.until, error_acts.ACKNOWLEDGED_FOR)
    ErrorAcknowledgement.objects.update(until=datetime.now(UTC) + timedelta(hours=1))
    assert error_acts.settle() == 0
    ErrorAcknowledgement.objects.update(until=datetime.now(UTC) - timedelta(seconds=1))
    assert error_acts.settle() == 1
    kept.refresh_from_db()
    assert is_near(kept.ended_at, timedelta())


def test_what_is_ignored_comes_back_when_its_time_is_over(
    skewed: timedelta, failed: Execution, people: dict[str, User]
) -> None:
    until = form_choices.end_of("4h")
    assert is_near(until, timedelta(hours=4))
    later = datetime.now(UTC) + timedelta(minutes=30)
    assert acts.ignore(people["ana"], acts.picked([failed.pk]), until=later, reason="known") == 1
    settled_by_success.sweep()
    failed.refresh_from_db()
    assert (failed.settled_how, is_near(failed.settled_at, timedelta())) == ("ignored", True)
    Execution.objects.update(ignored_until=datetime.now(UTC) - timedelta(seconds=1))
    settled_by_success.sweep()
    failed.refresh_from_db()
    assert failed.settled_how == ""
    past = datetime.now(UTC) - timedelta(minutes=30)
    with pytest.raises(acts.NotDone, match="Choose an end between now and"):
        acts.ignore(people["ana"], acts.picked([failed.pk]), until=past, reason="known")


def test_a_rule_looks_at_what_happens_from_now_on(skewed: timedelta, ana: Client) -> None:
    data = {"name": "Failures", "event": "failed", "enabled": "on", "pause_seconds": "1m",
            "new_addresses": "json://127.0.0.1:9/hook"}  # fmt: skip
    form = rule_form.rule_form()(data)
    assert form.is_valid(), form.errors
    rule_form.set_up(form.save(commit=False), form, by="ana")
    assert is_near(NoticeRule.objects.get().active_since, timedelta())


def test_the_page_of_notifications_knows_who_is_on_it(
    skewed: timedelta, ana: Client, people: dict[str, User], account: ProviderAccount
) -> None:
    rule, now = NoticeRule.objects.create(name="Failures", event="account"), datetime.now(UTC)
    notice = Notice.objects.create(
        rule=rule, account=account, subject=f"account:{account.pk}", label=account.name,
        group_key="g", since=now, acknowledged_by=people["ana"], acknowledged_at=now,
        acknowledged_until=now + timedelta(hours=1),
    )  # fmt: skip
    assert "ana is on it" in told(ana)
    Notice.objects.filter(pk=notice.pk).update(acknowledged_until=now - SOON)
    assert "ana is on it" not in told(ana)


def told(client: Client) -> str:
    return client.get("/notices/").content.decode()


@pytest.mark.parametrize("years", [-5, 5])
def test_a_clock_that_is_years_ahead_deletes_no_history(
    monkeypatch: pytest.MonkeyPatch, failed: Execution, years: int
) -> None:
    months = "SELECT count(*) FROM pg_inherits"
    with connection.cursor() as cursor:
        cursor.execute(months)
        [before] = cursor.fetchone()
        set_off(monkeypatch, timedelta(days=365 * years))
        assert retention.delete_old_executions() == 0
        assert retention.drop_old_months() == 0
        cursor.execute(months)
        assert cursor.fetchone() == (before,)
    assert Execution.objects.filter(pk=failed.pk).exists()


def test_a_slow_answer_of_the_database_sets_no_clock_back(monkeypatch: pytest.MonkeyPatch) -> None:
    execute = psycopg.Connection.execute

    def slow(*args: Any, **more: Any) -> Any:
        answer = execute(*args, **more)
        time.sleep(0.3)
        return answer

    before = database_clock.now()
    monkeypatch.setattr(psycopg.Connection, "execute", slow)
    monkeypatch.setattr(database_clock, "_tried_at", None)  # it is time to ask again
    took = time.monotonic()
    after = database_clock.now()
    took = time.monotonic() - took
    assert took > 0.3
    assert abs((after - before).total_seconds() - took) < 0.1

"""/healthz, /readyz and /metrics: words and numbers for machines, without signing in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from config.health import poller_is_fresh
from executions import database_clock
from executions.accounts import views
from executions.live import process_figures, publish
from executions.models import Command, StatusCount
from providers.models import Health, ProviderAccount

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def account(name: str = 'Claims "north"', **state: Any) -> ProviderAccount:
    given = {"next_poll_at": NOW, "last_poll_at": NOW, "provider": "generio", **state}
    return ProviderAccount.objects.create(name=name, **given)


def test_it_is_up_without_signing_in(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok")


def test_it_is_ready_while_everything_answers(client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ready",
        "checks": {"database": True, "broker": True, "poller": True},
    }


def test_it_is_not_ready_without_a_broker(client: Client, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"database": True, "broker": False, "poller": True}


def test_it_is_not_ready_when_nobody_polls(client: Client) -> None:
    account(next_poll_at=NOW - timedelta(minutes=5))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["poller"] is False


@pytest.mark.parametrize(
    ("state", "is_fresh"),
    [
        ({}, True),
        ({"next_poll_at": NOW - timedelta(minutes=2)}, False),
        ({"last_poll_at": None}, True),
        ({"last_poll_at": NOW - timedelta(minutes=4)}, False),  # claimed, never finished
        ({"last_poll_at": NOW - timedelta(minutes=4), "poll_every": 120}, True),
        ({"last_poll_at": NOW - timedelta(minutes=20), "failures": 5}, True),  # backs off
        ({"last_poll_at": NOW - timedelta(hours=2), "failures": 5}, False),
        ({"next_poll_at": NOW - timedelta(days=1), "health": Health.AUTH}, True),
        ({"next_poll_at": NOW - timedelta(days=1), "enabled": False}, True),
    ],
)
def test_the_poller_is_judged_by_its_accounts(state: dict[str, Any], is_fresh: bool) -> None:
    account(**state)
    assert poller_is_fresh(NOW) is is_fresh


def test_one_account_that_stands_still_is_not_the_pollers_fault() -> None:
    account("Claims", next_poll_at=NOW - timedelta(minutes=5))
    account("Letters")
    assert poller_is_fresh(NOW)


def test_the_figures_are_in_the_text_format(client: Client, settings: Any) -> None:
    settings.ANNUNCIATOR_METRICS_TOKEN = "seventeen"
    row = account(last_success_at=NOW, failures=2, health=Health.FAILING)
    StatusCount.objects.create(account=row, status="failed", count=1234567)
    user = User.objects.create_user("ana")
    Command.objects.create(
        kind="cancel", account=row, target="run:1", requested_by=user, state="unknown"
    )
    answer = client.get("/metrics", headers={"authorization": "Bearer seventeen"})
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(answer.content.decode()))
    assert {family.type for family in families} == {"gauge"}
    found = {
        (sample.name.removeprefix("annunciator_"), *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }
    assert found["executions", 'Claims "north"', "generio", "failed"] == 1234567
    assert found["executions", 'Claims "north"', "generio", "running"] == 0
    assert found["account_health", 'Claims "north"', "failing", "generio"] == 1
    assert found["account_health", 'Claims "north"', "ok", "generio"] == 0
    assert found["account_failures", 'Claims "north"', "generio"] == 2
    assert found["commands_open", "unknown"] == 1
    assert found["questions_open", 'Claims "north"', "generio"] == 0


def test_what_strangers_read_names_no_cause(client: Client) -> None:
    account(last_error="The key of host 10.1.2.3 was refused", health=Health.AUTH)
    for path in ("/healthz", "/readyz", "/metrics"):
        assert "10.1.2.3" not in client.get(path).content.decode()


@pytest.mark.fault("P18")
def test_a_clock_that_is_off_is_said_and_is_no_reason_not_to_be_ready(client: Client) -> None:
    key = f"{process_figures.KEY}:worker:host-7:12"
    publish.client().hset(key, database_clock.AHEAD, "7200.4")
    try:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["clock_skew_seconds"]) == (200, 7200.4)
        assert views.clock_sentences() == [
            "The clock of worker on host-7 (12) is 2 h 00 m ahead of the database's. Polls and "
            "commands go by the database's clock. Set the clock of that machine, ideally by NTP."
        ]
    finally:
        publish.client().delete(key)

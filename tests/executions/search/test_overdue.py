"""What a workflow usually takes, from its own newest successes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from executions.models import Execution, Workflow
from executions.search import overdue as search_overdue
from executions.storage import typical_durations
from executions.storage.store import store
from providers.contract import Snapshot, Status
from providers.contract import Workflow as Named
from providers.models import ProviderAccount


@pytest.fixture
def account(db: None) -> ProviderAccount:
    return ProviderAccount.objects.create(name="Claims", provider="smartflows")


def put(account: ProviderAccount, seconds: list[float], status: Status) -> list[int]:
    now = datetime.now(UTC)
    snapshots = [
        Snapshot(
            ref=f"{status.value}{number}",
            workflow=Named(ref="w1", name="Nightly import"),
            status=status,
            native_status=status.value,
            started_at=now - timedelta(seconds=took),
            finished_at=now if status.is_final else None,
        )
        for number, took in enumerate(seconds)
    ]
    return [row.execution_id for row in store(account.pk, 1, snapshots)[0]]


def test_the_median_and_the_95th_percentile_come_from_successes_alone(account):
    ids = put(account, [10, 20, 30, 40, 50], Status.SUCCEEDED)
    put(account, [5000], Status.FAILED)
    assert typical_durations.measure(ids) == 1
    workflow = Workflow.objects.get()
    assert workflow.successes == 5
    assert workflow.typical_seconds == pytest.approx(30)
    assert workflow.long_seconds == pytest.approx(48)


def test_a_workflow_is_not_measured_twice_in_a_minute(account):
    ids = put(account, [10, 20], Status.SUCCEEDED)
    assert typical_durations.measure(ids) == 1
    assert typical_durations.measure(ids) == 0


def overdue() -> list[str]:
    found = Execution.objects.raw(
        f"SELECT x.* FROM executions_execution x WHERE {search_overdue.is_overdue()} ORDER BY ref"  # noqa: S608
    )
    return [each.ref for each in found]


def test_a_run_is_overdue_once_it_takes_longer_than_that(account):
    typical_durations.measure(put(account, [100, 200, 300, 400, 500], Status.SUCCEEDED))
    put(account, [580, 620], Status.RUNNING)
    assert overdue() == ["running1"]  # twice the median of 300
    limits = search_overdue.with_limits(Execution.objects.filter(ref="running0")).get()
    assert limits.overdue_after == pytest.approx(600)
    assert (limits.overdue_at - limits.started_at).total_seconds() == pytest.approx(600)


def test_four_successes_say_nothing_yet(account):
    typical_durations.measure(put(account, [1, 1, 1, 1], Status.SUCCEEDED))
    put(account, [5000], Status.RUNNING)
    assert overdue() == []
    assert (
        search_overdue.with_limits(Execution.objects.filter(status="running")).get().overdue_at
        is None
    )


def test_a_run_that_waits_for_a_person_or_has_ended_is_not_overdue(account):
    typical_durations.measure(put(account, [1, 1, 1, 1, 1], Status.SUCCEEDED))
    put(account, [5000], Status.USER_INPUT)
    put(account, [5000], Status.QUEUED)
    assert overdue() == []

"""What a workflow usually takes, from its own newest successes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from executions import durations
from executions.models import Execution, Workflow
from executions.storing import store
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
    assert durations.measure(ids) == 1
    workflow = Workflow.objects.get()
    assert workflow.successes == 5
    assert workflow.typical_seconds == pytest.approx(30)
    assert workflow.long_seconds == pytest.approx(48)


def test_a_workflow_is_not_measured_twice_in_a_minute(account):
    ids = put(account, [10, 20], Status.SUCCEEDED)
    assert durations.measure(ids) == 1
    assert durations.measure(ids) == 0


def test_a_run_is_overdue_once_it_takes_longer_than_that(account):
    durations.measure(put(account, [10, 20, 30, 40, 50], Status.SUCCEEDED))
    put(account, [40, 60], Status.RUNNING)
    short, long = Execution.objects.filter(status="running").order_by("ref")
    workflow = Workflow.objects.get()
    assert durations.overdue_for(short, workflow, datetime.now(UTC)) is None
    over = durations.overdue_for(long, workflow, datetime.now(UTC))
    assert over is not None
    assert over.total_seconds() == pytest.approx(12, abs=5)
    found = Execution.objects.raw(
        f"SELECT x.* FROM executions_execution x WHERE {durations.IS_OVERDUE}"  # noqa: S608
    )
    assert [each.pk for each in found] == [long.pk]


def test_four_successes_say_nothing_yet(account):
    durations.measure(put(account, [1, 1, 1, 1], Status.SUCCEEDED))
    put(account, [5000], Status.RUNNING)
    run = Execution.objects.get(status="running")
    assert durations.overdue_for(run, Workflow.objects.get(), datetime.now(UTC)) is None

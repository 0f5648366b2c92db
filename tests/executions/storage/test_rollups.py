"""The roll-up behind the charts says what the runs say, whatever happened to them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum

from executions.models import FINAL_STATUSES, AccountTally, Execution, WorkflowTally
from executions.storage import retention, rollups
from executions.storage.store import store
from providers.contract import Snapshot, Status, Workflow
from providers.models import ProviderAccount

NOW = datetime.now(UTC).replace(microsecond=0)
Put = Callable[..., None]


@pytest.fixture
def account(db: None) -> ProviderAccount:
    return ProviderAccount.objects.create(name="Claims", provider="smartflows")


@pytest.fixture
def put(account: ProviderAccount) -> Put:
    seq = 0

    def stored(ref: str, status: Status, ended: datetime | None, **more: Any) -> None:
        nonlocal seq
        seq += 1
        given = {
            "workflow": Workflow(ref="w1", name="Nightly import"),
            "native_status": f"{status.value} {seq}",
            "started_at": NOW - timedelta(hours=2),
            "finished_at": ended,
            **more,
        }
        store(account.pk, seq, [Snapshot(ref=ref, status=status, **given)])

    return stored


Truth = Counter[tuple[int, int, str, int]]


def truth(owner: str) -> Truth:
    """What the rows should be, counted run by run and without the product's SQL."""
    found: Truth = Counter()
    for run in Execution.objects.filter(status__in=FINAL_STATUSES):
        ended = run.finished_at
        quarter = rollups.NO_END if ended is None else int(ended.timestamp() // 900)
        slot = rollups.UNMEASURED
        if run.status == "succeeded" and ended and run.started_at:
            took = max(0.0, (ended - run.started_at).total_seconds())
            slot = sum(took >= bound for bound in rollups.LADDER)
        found[getattr(run, owner), quarter, run.status, slot] += 1
    return found


def told(model: Any, owner: str) -> Truth:
    rows = model.objects.filter(count__gt=0).values_list(
        owner, "quarter", "status", "slot", "count"
    )
    return Counter({row[:4]: row[4] for row in rows})


def assert_true() -> None:
    assert told(WorkflowTally, "workflow_id") == truth("workflow_id")
    assert told(AccountTally, "account_id") == truth("account_id")
    assert not WorkflowTally.objects.filter(count__lt=0).exists()


def test_a_run_that_ends_is_counted_once_however_often_it_is_read(put):
    put("r1", Status.RUNNING, None)
    assert not WorkflowTally.objects.exists()
    for _ in range(3):
        put("r1", Status.SUCCEEDED, NOW)
    assert WorkflowTally.objects.get().count == 1
    assert_true()


def test_a_reopened_run_leaves_its_count_and_enters_the_next_when_it_ends_again(put):
    put("r1", Status.FAILED, NOW - timedelta(hours=1))
    put("r1", Status.RUNNING, None)
    assert WorkflowTally.objects.aggregate(n=Sum("count"))["n"] == 0
    put("r1", Status.SUCCEEDED, NOW)
    assert_true()


def test_a_refined_status_and_a_corrected_end_move_the_count(put):
    put("r1", Status.FAILED, NOW - timedelta(hours=1), native_status="Terminated")
    put("r1", Status.CANCELED, NOW - timedelta(hours=1), native_status="Terminated")
    assert_true()
    put("r1", Status.CANCELED, NOW)
    put("r1", Status.CANCELED, NOW, started_at=NOW - timedelta(minutes=1))
    assert_true()


def test_a_run_that_moves_to_another_workflow_takes_its_count_along(put):
    put("r1", Status.SUCCEEDED, NOW)
    put("r1", Status.SUCCEEDED, NOW, workflow=Workflow(ref="w2", name="Other"))
    assert_true()


def test_an_end_without_a_time_is_counted_apart(put):
    put("r1", Status.SUCCEEDED, None)
    assert WorkflowTally.objects.get().quarter == rollups.NO_END
    put("r1", Status.SUCCEEDED, NOW)
    assert_true()


@pytest.mark.parametrize("seed", range(5))
def test_whatever_happens_the_tallies_equal_the_runs(put, seed):
    chance = random.Random(seed)
    for _ in range(150):
        status = chance.choice(list(Status))
        ended = NOW - timedelta(minutes=chance.randint(0, 3000))
        has_end = status.value in FINAL_STATUSES and chance.random() < 0.9
        put(
            f"r{chance.randint(0, 25)}",
            status,
            ended if has_end else None,
            started_at=ended - timedelta(seconds=10 ** chance.uniform(-2, 6)),
            workflow=Workflow(ref=chance.choice("abc"), name="Some"),
        )
    assert_true()


def test_tidy_repairs_what_drifted_and_forgets_what_was_deleted(put, settings):
    for number in range(6):
        put(f"r{number}", Status.SUCCEEDED, NOW - timedelta(hours=number))
    WorkflowTally.objects.update(count=7)
    AccountTally.objects.filter(quarter=rollups.quarter_of(NOW)).delete()
    Execution.objects.filter(ref="r3").delete()
    assert retention.tidy()["tallies"] > 0
    assert_true()
    assert rollups.correct() == 0


def test_the_migration_counts_the_runs_that_were_there_before(put):
    for number, status in enumerate(FINAL_STATUSES * 3):
        put(f"r{number}", status=Status(status), ended=NOW - timedelta(minutes=number * 7))
    put("open", Status.RUNNING, None)
    put("no end", Status.FAILED, None)
    WorkflowTally.objects.all().delete()
    AccountTally.objects.all().delete()
    migration = import_module("executions.migrations.0012_overview")
    with connection.cursor() as cursor:
        cursor.execute(migration.FILL)
    assert_true()
    assert rollups.correct() == 0


@pytest.mark.parametrize("seed", range(20))
def test_percentiles_are_within_one_slot_of_the_exact_ones(seed):
    chance = random.Random(seed)
    seconds = sorted(chance.lognormvariate(chance.uniform(0, 8), 1) for _ in range(200))
    slots = Counter(sum(took >= bound for bound in rollups.LADDER) for took in seconds)
    for share in (0.5, 0.95):
        exact = seconds[int(share * 199)]
        estimate = rollups.percentile(slots, share)
        assert estimate is not None
        assert exact / 1.5 <= estimate <= exact * 1.5 or estimate < 0.5
    assert rollups.percentile({rollups.UNMEASURED: 5}, 0.5) is None

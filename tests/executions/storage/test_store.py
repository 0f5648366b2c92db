"""The storing statement, through `store`, on a real Postgres."""

from __future__ import annotations

import dataclasses
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from executions.models import (
    Execution,
    ExecutionDetail,
    Output,
    Quarantine,
    Question,
    StatusCount,
    Step,
    Transition,
    Workflow,
)
from executions.storage.store import store
from providers import contract
from providers.contract import MAX_REF, Snapshot, Status
from providers.exact_json import Exact
from providers.models import ProviderAccount
from providers.redaction import Secrets

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC).replace(microsecond=0)
STEP = contract.Step(ref="1", name="Read", status=Status.RUNNING, native_status="Running")


@pytest.fixture
def account() -> ProviderAccount:
    return ProviderAccount.objects.create(name="Warehouse", provider="generio")


def snap(ref: str = "r1", status: Status = Status.RUNNING, **more: Any) -> Snapshot:
    given = {"native_status": status.value, "started_at": NOW - timedelta(minutes=5), **more}
    workflow = contract.Workflow(ref="w1", name="Nightly import")
    return Snapshot(ref=ref, workflow=workflow, status=status, **given)


def detailed(ref: str = "r1", status: Status = Status.RUNNING, **more: Any) -> Snapshot:
    given = {"steps": (STEP,), "questions": (), "outputs": (), **more}
    return snap(ref, status, **given)


def statuses(ref: str = "r1") -> list[tuple[str, str]]:
    rows = Transition.objects.filter(execution__ref=ref)
    return list(rows.values_list("from_status", "to_status"))


def test_a_new_run_is_stored_with_its_workflow_and_first_transition(account):
    stored, bad = store(account.pk, 1, [snap()])
    run = Execution.objects.get()
    assert (len(stored), bad) == (1, 0)
    assert (run.workflow.name, run.status, run.version) == ("Nightly import", "running", 1)
    assert statuses() == [("", "running")]


def test_an_unchanged_snapshot_writes_nothing(account):
    store(account.pk, 1, [detailed(raw={"n": 1})])
    before = Execution.objects.values().get()
    stored, _ = store(account.pk, 2, [detailed(raw={"n": 1})])
    assert stored == []
    assert Execution.objects.values().get() == before


def test_a_thousand_unchanged_runs_cost_two_statements(account):
    batch = [snap(f"r{n}") for n in range(1000)]
    store(account.pk, 1, batch)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        store(account.pk, 2, batch)
    statements = [q for q in queries if "WITH incoming" in q["sql"]]
    assert len(statements) == 2


def test_every_status_change_is_stored_once_with_its_transition(account):
    path = [Status.QUEUED, Status.RUNNING, Status.RUNNING, Status.USER_INPUT, Status.SUCCEEDED]
    for seq, status in enumerate(path, start=1):
        store(account.pk, seq, [snap(status=status)])
    assert [to for _, to in statuses()] == ["queued", "running", "user_input", "succeeded"]


@pytest.mark.fault("D7", "D12")
def test_a_snapshot_of_an_older_poll_changes_nothing(account):
    store(account.pk, 5, [snap(status=Status.SUCCEEDED)])
    stored, _ = store(account.pk, 4, [snap(status=Status.RUNNING)])
    assert stored == []
    assert Execution.objects.get().status == "succeeded"


@pytest.mark.fault("D7")
def test_an_older_provider_version_changes_nothing(account):
    store(account.pk, 1, [snap(status=Status.SUCCEEDED, version="0002")])
    store(account.pk, 2, [snap(status=Status.RUNNING, version="0001")])
    assert Execution.objects.get().status == "succeeded"


@pytest.mark.fault("D7")
def test_a_run_that_leaves_a_final_status_is_believed_and_marked_reopened(account):
    store(account.pk, 1, [snap(status=Status.FAILED)])
    store(account.pk, 2, [snap(status=Status.RUNNING)])
    assert Transition.objects.order_by("version").last().flags == ["reopened"]


def test_a_refined_final_status_is_marked_refined(account):
    store(account.pk, 1, [snap(status=Status.SUCCEEDED, native_status="completed")])
    store(account.pk, 2, [detailed(status=Status.WARNING, native_status="completed")])
    assert Transition.objects.order_by("version").last().flags == ["refined"]


def test_a_list_row_does_not_blank_what_only_the_detail_knows(account):
    store(account.pk, 1, [detailed(status=Status.FAILED, error="disk full", progress=40)])
    stored, _ = store(account.pk, 2, [snap(status=Status.FAILED)])
    assert stored == []
    assert Execution.objects.get().error_summary == "disk full"


def test_an_input_is_found_by_its_values_after_it_changed_and_after_it_did_not(account):
    for number, given in enumerate(({"order": "A-1"}, {"order": "B-2"}, {"order": "B-2"}, None), 1):
        store(account.pk, number, [detailed(input=given, raw={"look": number})])
        detail = ExecutionDetail.objects.get()
        assert (detail.input, detail.raw) == (given, {"look": number})
        assert detail.input_values == (given and [given["order"].lower()])


def test_the_statement_is_planned_once_for_many_batches(account):
    """It takes a third of its time to plan, so a poll of a few runs would be mostly that."""
    for number in range(12):
        store(account.pk, number + 1, [snap(progress=number)])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(generic_plans) FROM pg_prepared_statements"
            " WHERE statement LIKE 'WITH incoming%'"
        )
        [[generic]] = cursor.fetchall()
    assert generic >= 5


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_planned_the_statement_goes_on_after_a_migration():
    account = ProviderAccount.objects.create(name="Warehouse", provider="generio")
    for number in range(8):
        store(account.pk, number + 1, [snap(progress=number)])
    alter = "ALTER TABLE executions_execution ALTER {} TYPE varchar({})"
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as migration:
        before = migration.execute(
            "SELECT attname, atttypmod - 4 FROM pg_attribute WHERE attname IN ('status', 'ref')"
            " AND attrelid = 'executions_execution'::regclass"
        ).fetchall()
        try:
            for column, length in before:
                migration.execute(alter.format(column, length + 10))
            stored, bad = store(account.pk, 9, [snap(status=Status.SUCCEEDED)])
        finally:
            for column, length in before:
                migration.execute(alter.format(column, length))
    assert ([row.old_status for row in stored], bad) == (["running"], 0)


def test_steps_are_updated_and_those_gone_are_removed(account):
    second = dataclasses.replace(STEP, ref="2", name="Write")
    store(account.pk, 1, [detailed(steps=(STEP, second))])
    done = dataclasses.replace(STEP, status=Status.SUCCEEDED)
    store(account.pk, 2, [detailed(steps=(done,))])
    assert list(Step.objects.values_list("ref", "status")) == [("1", "succeeded")]


def test_attempts_are_counted_where_the_provider_does(account):
    store(account.pk, 1, [detailed()])
    assert (Step.objects.get().attempt, ExecutionDetail.objects.get().attempt) == (0, 0)
    again = dataclasses.replace(STEP, attempt=3)
    store(account.pk, 2, [detailed(steps=(again,), attempt=2)])
    assert (Step.objects.get().attempt, ExecutionDetail.objects.get().attempt) == (3, 2)
    absurd = dataclasses.replace(STEP, attempt=10**12)
    store(account.pk, 3, [detailed(steps=(absurd,), attempt=-4)])
    assert (Step.objects.get().attempt, ExecutionDetail.objects.get().attempt) == (32_000, 0)


def test_a_question_closes_when_it_is_no_longer_asked_and_reopens_when_it_is(account):
    question = contract.Question(ref="q1", kind="form", schema={"type": "object"})
    asking = detailed(status=Status.USER_INPUT, questions=(question,))
    store(account.pk, 1, [asking])
    assert Question.objects.get().closed_at is None
    store(account.pk, 2, [detailed(status=Status.RUNNING)])
    assert Question.objects.get().closed_at is not None
    store(account.pk, 3, [asking])
    assert Question.objects.get().closed_at is None


def test_a_list_row_that_says_ended_closes_the_question(account):
    question = contract.Question(ref="q1", kind="approval")
    store(account.pk, 1, [detailed(status=Status.USER_INPUT, questions=(question,))])
    store(account.pk, 2, [snap(status=Status.CANCELED)])
    assert Question.objects.get().closed_at is not None


def test_counters_follow_the_rows(account):
    store(account.pk, 1, [snap(f"r{n}") for n in range(5)])
    store(account.pk, 2, [snap("r0", Status.FAILED), snap("r1", Status.SUCCEEDED)])
    counts = dict(StatusCount.objects.values_list("status", "count"))
    assert counts == {"running": 3, "failed": 1, "succeeded": 1}


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


ODD: dict[str, Any] = {
    "an integer over 64 bits": 10**40,
    "a negative one": -(10**900),
    "more digits than Python writes": 10**5000,
    "more than Postgres keeps": Exact("1e200000"),
    "half a character": "\ud800",
    "a NUL": "\0",
    "nesting": nested(100),
    "nesting without end": nested(5000),
    "a number as a key": {7: "seven"},
    "a set": {1, 2},
    "an object": object(),
    "a decimal": Decimal("1.10"),
    "bytes": b"bytes",
    "not a number": float("nan"),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_run_is_stored_whatever_is_in_it(account, odd):
    step = dataclasses.replace(STEP, output=odd)
    asked = contract.Question(ref="q1", kind="form", schema={"type": "object"}, model={"a": odd})
    one = detailed(
        "odd", Status.FAILED, raw={"n": odd}, input=odd, output=[odd], error="disk full",
        finished_at=NOW, steps=(step,), questions=(asked,), attempt=odd, progress=odd,
    )  # fmt: skip
    stored, bad = store(account.pk, 1, [snap("r1"), one, snap("r2")])
    assert (len(stored), bad) == (3, 0)
    run = Execution.objects.get(ref="odd")
    assert (run.status, run.error_summary, run.finished_at) == ("failed", "disk full", NOW)
    assert Step.objects.get().name == "Read"
    assert Question.objects.get().ref == "q1"


@pytest.mark.fault("B5", "B11")
def test_a_run_whose_identifier_is_too_long_is_set_aside_and_the_rest_is_stored(account):
    rows = [snap(f"r{n}") for n in range(9)]
    stored, bad = store(account.pk, 1, [*rows[:4], detailed("x" * (MAX_REF + 1)), *rows[4:]])
    assert (len(stored), bad) == (9, 1)
    kept = Quarantine.objects.get()
    assert str(MAX_REF) in kept.reason
    assert len(kept.ref) == MAX_REF


def test_long_identifiers_with_one_beginning_stay_two(account):
    for ending in ("a" * 300, "a" * 2000):
        left, right = ending + "0", ending + "1"
        detail = detailed(
            "r1", Status.USER_INPUT,
            steps=tuple(dataclasses.replace(STEP, ref=ref, run_ref=ref) for ref in (left, right)),
            questions=tuple(contract.Question(ref=ref, kind="form") for ref in (left, right)),
            outputs=tuple(contract.Output(ref=ref, name="report") for ref in (left, right)),
        )  # fmt: skip
        workflows = [contract.Workflow(ref=ref, name="W", can_start=True) for ref in (left, right)]
        rows = [dataclasses.replace(snap(f"w{n}"), workflow=w) for n, w in enumerate(workflows)]
        assert store(account.pk, len(ending), [detail, *rows])[1] == 0
        for found in (Step.objects, Output.objects, Question.objects.filter(closed_at=None)):
            assert len(set(found.values_list("ref", flat=True))) == 2
        assert Step.objects.values("run_ref").distinct().count() == 2
        assert Execution.objects.values("workflow").distinct().count() == 3
    cut = Question.objects.filter(closed_at=None)
    assert not [each for each in cut if each.is_answerable]
    assert "identifier is longer" in cut[0].title
    assert not Workflow.objects.filter(ref__contains="~", can_start=True).exists()


@pytest.mark.fault("B6", "B11")
def test_nul_bytes_and_endless_texts_are_made_fit(account):
    snapshot = detailed(name="a\0b" + "x" * 5000, error="first\nsecond" + "y" * 50_000)
    stored, bad = store(account.pk, 1, [snapshot])
    run = Execution.objects.get()
    assert (len(stored), bad) == (1, 0)
    assert run.name.startswith("a�b")
    assert run.error_summary == "first"


def test_an_absurd_start_does_not_decide_the_order(account):
    store(account.pk, 1, [snap(started_at=datetime(9000, 1, 1, tzinfo=UTC))])
    assert Execution.objects.get().sort_at <= datetime.now(UTC)


def test_secrets_in_provider_text_are_not_stored(account):
    snapshot = detailed(
        error="call failed: token=abc123", raw={"api_key": "k", "n": "v plant-ed-1"}
    )
    store(account.pk, 1, [snapshot], secrets=Secrets(["plant-ed-1"]))
    run = Execution.objects.select_related("detail").get()
    assert "abc123" not in run.error_summary + run.detail.error
    assert run.detail.raw == {"api_key": "[redacted]", "n": "v [redacted]"}


def test_a_renamed_workflow_is_renamed_not_doubled(account):
    store(account.pk, 1, [snap()])
    renamed = contract.Workflow(ref="w1", name="Hourly import")
    store(account.pk, 2, [dataclasses.replace(snap("r2"), workflow=renamed)])
    assert list(Workflow.objects.values_list("name", flat=True)) == ["Hourly import"]


@pytest.mark.fault("D1")
def test_the_same_ref_twice_in_a_batch_is_one_row_and_the_last_counts(account):
    store(account.pk, 1, [snap(status=Status.RUNNING), snap(status=Status.FAILED)])
    assert Execution.objects.get().status == "failed"


@pytest.mark.parametrize(
    "at",
    [
        datetime(1, 1, 1, tzinfo=UTC),  # what .NET writes for "no time"
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone(timedelta(hours=-12))),
    ],
)
def test_a_time_that_some_clock_cannot_show_is_no_time(account, at):
    step = dataclasses.replace(STEP, started_at=at, finished_at=at)
    asked = contract.Question(ref="q1", kind="form", due_at=at)
    done = detailed(
        "r1", Status.USER_INPUT, started_at=at, finished_at=at, steps=(step,), questions=(asked,)
    )
    assert store(account.pk, 1, [done])[1] == 0
    run, read, question = Execution.objects.get(), Step.objects.get(), Question.objects.get()
    assert (run.started_at, run.finished_at, question.due_at) == (None, None, None)
    assert (read.started_at, read.finished_at) == (None, None)
    assert Transition.objects.get().provider_time is None


@pytest.mark.parametrize("secret", ['pass"word\\1', "päss\\wort", "with\ttab"])
def test_a_secret_that_json_writes_otherwise_is_taken_out_too(account, secret):
    told = {"error": f"Login with {secret} failed", "raw": {"said": [f"<{secret}>"]}}
    assert store(account.pk, 1, [detailed(**told)], secrets=Secrets([secret]))[1] == 0
    run, detail = Execution.objects.get(), ExecutionDetail.objects.get()
    assert run.error_summary == "Login with [redacted] failed"
    assert detail.raw == {"said": ["<[redacted]>"]}


def several(seq: int, status: Status) -> list[Snapshot]:
    """One run of each of twelve workflows."""
    flows = [contract.Workflow(ref=f"w{n:02}", name=f"Flow {n}") for n in range(12)]
    shown = {"native_status": status.value, "started_at": NOW - timedelta(minutes=5)}
    shown |= {"finished_at": NOW + timedelta(seconds=seq)} if status.is_final else {}
    return [
        Snapshot(ref=f"r{seq}-{flow.ref}", workflow=flow, status=status, **shown) for flow in flows
    ]


@pytest.mark.django_db(transaction=True)
def test_who_stores_successes_waits_for_the_first_workflow_before_it_takes_the_next(account):
    store(account.pk, 1, several(1, Status.RUNNING))
    storing = threading.Thread(
        target=store_alone, args=(account.pk, 2, several(2, Status.SUCCEEDED))
    )
    workflows = Workflow.objects.select_for_update(nowait=True)
    with transaction.atomic():
        workflows.get(ref="w00")
        storing.start()
        time.sleep(1)
        assert storing.is_alive()
        assert len(workflows.exclude(ref="w00")) == 11  # OperationalError: it holds one of them
    storing.join()
    assert Execution.objects.filter(status="succeeded").count() == 12


def store_alone(*args: Any) -> None:
    try:
        store(*args)
    finally:
        connection.close()

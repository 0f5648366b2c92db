"""What a snapshot says of a run besides its state: lineage, labels, tries, an output's step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from executions.models import Execution, Lineage, Output, Question, RunLabel, Step, Workflow
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status
from providers.models import ProviderAccount
from providers.redaction import Secrets

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC).replace(microsecond=0)
TRIES = tuple(
    contract.Try(
        attempt=number, status=Status.FAILED, native_status="failed", error=f"no stock {number}",
        started_at=NOW - timedelta(minutes=9 - number), finished_at=NOW - timedelta(minutes=8),
    )
    for number in (1, 2)
)  # fmt: skip


@pytest.fixture
def account() -> ProviderAccount:
    return ProviderAccount.objects.create(name="Warehouse", provider="generio")


def snap(ref: str = "r1", **more: Any) -> Snapshot:
    given = {
        "workflow": contract.Workflow(ref="w1", name="import", group="Sales"),
        "status": Status.RUNNING,
        "native_status": "running",
        "started_at": NOW - timedelta(minutes=5),
        **more,
    }
    return Snapshot(ref=ref, **given)


def detailed(**more: Any) -> Snapshot:
    return snap(**{"steps": (), "questions": (), "outputs": (), **more})


def labels(ref: str = "r1") -> list[str]:
    return sorted(RunLabel.objects.filter(execution__ref=ref).values_list("text", flat=True))


def test_the_group_of_a_workflow_goes_before_its_name(account):
    other = contract.Workflow(ref="w2", name="import", group="Stock")
    store(account.pk, 1, [snap(), snap("r2", workflow=other)])
    names = Workflow.objects.order_by("ref").values_list("name", flat=True)
    assert list(names) == ["Sales / import", "Stock / import"]


def test_when_a_run_was_made_is_kept_and_orders_one_that_has_not_started(account):
    made = NOW - timedelta(hours=3)
    store(account.pk, 1, [snap(status=Status.QUEUED, started_at=None, created_at=made)])
    run = Execution.objects.get()
    assert (run.created_at, run.sort_at, run.changed_at) == (made, made, made)


def test_of_a_run_that_is_there_already_the_creation_is_learned(account):
    store(account.pk, 1, [snap()])
    store(account.pk, 2, [snap(created_at=NOW - timedelta(hours=1))])
    assert Execution.objects.get().created_at == NOW - timedelta(hours=1)


def test_labels_are_those_of_the_last_reading_and_cost_nothing_where_nothing_changed(account):
    store(account.pk, 1, [detailed(labels={"team": "sales", "nightly": ""})])
    assert labels() == ["nightly", "team=sales"]
    assert store(account.pk, 2, [detailed(labels={"nightly": "", "team": "sales"})])[0] == []
    store(account.pk, 3, [detailed(labels={"team": "stock"})])
    assert labels() == ["team=stock"]
    store(account.pk, 4, [detailed(message="on", labels=None)])
    assert labels() == ["team=stock"], "not asked is not none"
    store(account.pk, 5, [detailed(labels={})])
    assert labels() == []


def test_labels_are_bounded_and_tell_no_secret(account):
    many = {f"label{number:02}": "x" * 900 for number in range(30)}
    store(account.pk, 1, [snap("many", labels=many)])
    assert len(labels("many")) == contract.MOST_LABELS
    assert {len(text) for text in labels("many")} == {len("label00=") + contract.MAX_LABEL_VALUE}
    told = {"api_key": "abc-123-def", "note": "it is planted-key-7", "planted-key-7": ""}
    store(account.pk, 1, [snap("told", labels=told)], secrets=Secrets(["planted-key-7"]))
    assert not [text for text in labels("told") if "planted-key-7" in text or "abc-123" in text]
    assert len(labels("told")) == 3


def test_of_which_run_a_run_came_is_kept_from_a_list_row_too(account):
    store(account.pk, 1, [snap("child", parent_ref="r1"), snap("again", retry_of="r1"), snap()])
    rows = Lineage.objects.values_list("execution__ref", "account", "parent_ref", "retry_of")
    assert set(rows) == {("child", account.pk, "r1", ""), ("again", account.pk, "", "r1")}
    store(account.pk, 2, [snap("child", message="on")])
    assert Lineage.objects.get(execution__ref="child").parent_ref == "r1"


def test_the_tries_of_a_step_are_kept_the_last_ones(account):
    step = contract.Step(
        ref="s1", name="Read", status=Status.FAILED, native_status="failed", tries=TRIES * 40
    )
    secrets = Secrets(["stock 2"])
    store(account.pk, 1, [detailed(steps=(step,))], secrets=secrets)
    tries = Step.objects.get().tries
    assert len(tries) == contract.MOST_TRIES
    assert tries[0]["error"] == "no stock 1"
    assert "stock 2" not in str(tries)
    assert datetime.fromisoformat(tries[0]["started_at"]) == TRIES[0].started_at
    assert store(account.pk, 2, [detailed(steps=(step,))], secrets=secrets)[0] == []


def test_an_output_knows_its_step_and_a_question_whom_it_asks(account):
    asked = contract.Question(
        ref="q1", kind="approval", title="Release?", url="https://engine.example/q1",
        assignees=("ana", "", "finance"), due_at=NOW,
    )  # fmt: skip
    made = contract.Output(ref="o1", name="report.pdf", step_ref="s1")
    store(account.pk, 1, [detailed(questions=(asked,), outputs=(made,))])
    row = Question.objects.get()
    assert (row.url, row.assignees, row.due_at) == (
        "https://engine.example/q1", ["ana", "finance"], NOW,
    )  # fmt: skip
    assert Output.objects.get().step_ref == "s1"
    bad = contract.Question(ref="q2", kind="approval", url="javascript:alert(1)")
    store(account.pk, 2, [detailed(questions=(bad,))])
    assert Question.objects.get(ref="q2").url == ""

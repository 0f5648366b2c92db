"""The product's own poller and commands against a real n8n, with a real Postgres.

`make live ENGINE=n8n` runs this. What n8n itself says, asked past our adapter, decides.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from executions.models import Execution, Question, Step, Workflow
from providers.adapters import n8n as adapter
from providers.contract import Rejected, Snapshot, Verb
from providers.models import open_account
from tests.engines.live_desk import LiveDesk, LiveScene, reachable, scene_of
from tests.engines.n8n import ENDED, SLOTS, Engine
from tests.engines.n8n_workflows import ODD, ODD_STEP, ROUNDS
from tests.flow.conftest import ana

__all__ = ["ana", "reachable"]
pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

Scene = LiveScene[Engine]
WITHIN = 120.0  # seconds for a run to get where a command sends it
STATUSES = {
    "succeeded": ("succeeded", "success"),
    "failed": ("failed", "error"),
    "warning": ("warning", "success"),
    "branched": ("warning", "success"),
    "tried_node": ("failed", "error"),
    "loop": ("succeeded", "success"),
    "timed_out": ("timed_out", "canceled"),
    "odd": ("succeeded", "success"),
    "parent": ("succeeded", "success"),
    "child": ("succeeded", "success"),
    "guarded": ("failed", "error"),
    "alarm": ("succeeded", "success"),
    "retry": ("failed", "error"),
    "timer": ("waiting", "waiting"),
    "form": ("user_input", "waiting"),
    "limited_form": ("user_input", "waiting"),
    "unclear_form": ("user_input", "waiting"),
    "webhook": ("user_input", "waiting"),
    "signal": ("user_input", "waiting"),
    "pages": ("user_input", "waiting"),
    "waiting_parent": ("waiting", "waiting"),
    "waiting_child": ("user_input", "waiting"),
    "crashed": ("failed", "crashed"),
    "canceled": ("canceled", "canceled"),
    "canceled_waiting": ("canceled", "canceled"),
    "canceled_queued": ("canceled", "canceled"),
    "running": ("running", "running"),
    "running_2": ("running", "running"),
    "running_3": ("running", "running"),
    "running_4": ("running", "running"),
    "queued": ("queued", "new"),
}
ERRORS = {
    "failed": "the ledger does not take it",
    "retry": "the ledger does not take it",
    "guarded": "no such rate",
    "tried_node": "mailbox is full",
    "warning": "Send mail: mailbox is full",
    "branched": "Send mail: mailbox is full",
    "timed_out": "It took longer than its workflow allows (5 s).",
}
ASKED = {"form", "limited_form", "unclear_form", "webhook", "signal", "pages", "waiting_child"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    yield from scene_of(Engine, "n8n", tmp_path_factory)


class AtN8n(LiveDesk):
    within = WITHIN

    def __init__(self, engine: Engine, user: User) -> None:
        login = engine.login()
        super().__init__(user, "n8n", {"base_url": login["base_url"]}, api_key=login["api_key"])


@pytest.fixture
def desk(scene: Scene, ana: User, reachable: None) -> AtN8n:
    return AtN8n(scene.engine, ana)


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


# ----------------------------------------------------------------------------------------- reading


def test_every_run_is_stored_as_n8n_itself_says(
    scene: Scene, desk: AtN8n, capsys: pytest.CaptureFixture[str]
) -> None:
    account = desk.polled()
    assert (account.health, account.last_error) == ("ok", "")
    refs = {row["id"] for row in scene.engine.runs()}
    assert refs == set(scene.runs.values())
    assert refs == set(Execution.objects.values_list("ref", flat=True))
    steps = 0
    for name, ref in scene.runs.items():
        run, theirs = desk.run(ref), scene.engine.run(ref)
        assert (run.status, run.native_status) == STATUSES[name], name
        assert run.native_status == theirs["status"]
        assert run.started_at == moment(theirs["startedAt"]), name
        is_over = theirs["status"] in ENDED - {"crashed"}
        assert run.finished_at == (moment(theirs["stoppedAt"]) if is_over else None), name
        assert run.created_at == moment(theirs["createdAt"]), name
        assert run.workflow.name == theirs["workflowData"]["name"]
        assert ERRORS.get(name, "") in run.error_summary, name
        assert "abc123" not in run.error_summary
        steps += compare_steps(name, run, theirs)
    asked = Question.objects.filter(closed_at=None).values_list("execution__ref", flat=True)
    assert set(asked) == {scene.runs[name] for name in ASKED}
    counts = Counter(status for status, _ in STATUSES.values())
    with capsys.disabled():
        told = ", ".join(f"{status} {count}" for status, count in sorted(counts.items()))
        sys.stdout.write(f"\n{len(refs)} runs and {steps} steps compared: {told}\n")


def compare_steps(name: str, run: Execution, theirs: dict[str, Any]) -> int:
    ours = {step.ref: step for step in Step.objects.filter(execution=run)}
    data = theirs["data"]["resultData"]["runData"]
    ran = {f"{node}/{index}": entry for node in data for index, entry in enumerate(data[node])}
    assert ran.keys() <= ours.keys(), name
    stack = (theirs["data"].get("executionData") or {}).get("nodeExecutionStack") or [None]
    present = stack[0] and stack[0]["node"]["name"]  # where it is, or was when it ended
    if not ran:
        assert not ours, name
    for ref, step in ours.items():
        if ref not in ran:
            is_over, is_present = theirs["status"] in ENDED, step.name == present
            expected = "canceled" if is_present else "skipped"
            if not is_over:
                expected = "running" if is_present else "queued"
            assert (step.status, step.native_status) == (expected, ""), (name, ref)
            continue
        entry = ran[ref]
        assert step.native_status == entry["executionStatus"], (name, ref)
        # Of a node that crashed n8n notes whole seconds.
        unit = 1 if entry["executionStatus"] == "crashed" else 1000
        began = datetime.fromtimestamp(entry["startTime"] / unit, UTC)
        assert step.started_at is not None
        assert abs(step.started_at - began) < timedelta(milliseconds=1), (name, ref)
        if step.status in ("succeeded", "failed"):
            took = timedelta(milliseconds=entry["executionTime"])
            assert step.finished_at is not None
            assert abs(step.finished_at - began - took) < timedelta(milliseconds=1), (name, ref)
    return len(ours)


def test_steps_errors_lineage_and_names(scene: Scene, desk: AtN8n) -> None:
    desk.polled()

    def steps(name: str) -> dict[str, Step]:
        rows = Step.objects.filter(execution__ref=scene.runs[name]).order_by("position")
        return {step.name: step for step in rows}

    branches = steps("succeeded")
    assert (branches["Report many"].status, branches["Report few"].status) == (
        "skipped", "succeeded",
    )  # fmt: skip
    failed = steps("failed")
    assert (failed["Post"].status, failed["Close books"].status) == ("failed", "skipped")
    assert "token=abc123" not in failed["Post"].error
    for name in ("warning", "branched"):
        mail = steps(name)["Send mail"]
        assert (mail.status, mail.native_status, mail.status_reason) == (
            "failed", "success", "run_went_on",
        ), name  # fmt: skip
    rounds = [each for each in steps("loop") if each.startswith("Count")]
    assert len(rounds) == ROUNDS
    assert steps("parent")["Print"].run_ref == scene.runs["child"]
    assert steps("form")["Approve"].status == "user_input"
    for child, parent in (("child", "parent"), ("waiting_child", "waiting_parent"),
                          ("alarm", "guarded")):  # fmt: skip
        assert desk.run(scene.runs[child]).lineage.parent_ref == scene.runs[parent], child
    assert desk.run(scene.runs["retry"]).lineage.retry_of == scene.runs["failed"]
    assert desk.run(scene.runs["odd"]).workflow.name == ODD
    assert ODD_STEP in steps("odd")
    assert desk.run(scene.runs["waiting_parent"]).status_reason == "workflow"
    assert desk.run(scene.runs["timer"]).status_reason == "timer"
    assert "body" in desk.run(scene.runs["succeeded"]).detail.input
    assert desk.run(scene.runs["succeeded"]).detail.output == {"told": "few"}


def test_questions_are_those_of_the_nodes(scene: Scene, desk: AtN8n) -> None:
    desk.polled()
    form = desk.open_question(scene.runs["form"])
    assert form is not None
    assert form.title == "Is the invoice right?"
    assert list(form.schema["properties"]) == [f"field-{number}" for number in range(5)]
    limited = desk.open_question(scene.runs["limited_form"])
    theirs = scene.engine.run(scene.runs["limited_form"])
    assert limited is not None
    assert limited.due_at == moment(theirs["waitTill"])
    unclear = desk.open_question(scene.runs["unclear_form"])
    assert unclear is not None
    assert not unclear.is_answerable
    assert Verb.ANSWER.value not in desk.run(scene.runs["unclear_form"]).offers


# ---------------------------------------------------------------------------------------- commands


def test_a_start_that_n8n_queues_gets_no_answer_and_is_found_by_its_key(
    scene: Scene, desk: AtN8n
) -> None:
    """All slots are taken, so n8n answers the call only when one becomes free."""
    desk.polled()
    workflow = Workflow.objects.get(account=desk.account, name="import-invoices")
    command = desk.start(workflow, {"arguments": {"count": 1}})
    assert command.state == "unknown", command.message
    assert desk.settled(command).state == "confirmed", command.message
    assert desk.status(command.new_ref) == "queued"
    assert scene.engine.run(command.new_ref)["status"] == "new"
    scene.engine.stop_run(command.new_ref)


def test_commands_are_confirmed_by_what_n8n_says(scene: Scene, desk: AtN8n) -> None:
    engine, runs = scene.engine, scene.runs
    desk.polled()
    for name in ("queued", "running", "running_2", "running_3", "timer"):
        command = desk.settled(desk.do(runs[name], Verb.CANCEL))
        assert command.state == "confirmed", (name, command.message)
        assert engine.run(runs[name])["status"] == "canceled"
        assert desk.status(runs[name]) == "canceled"

    def answer(name: str, **values: Any) -> dict[str, Any]:
        ref = runs[name]
        question = desk.open_question(ref)
        command = desk.settled(desk.do(ref, Verb.ANSWER, question=question, values=values))
        assert command.state == "confirmed", (name, command.message)
        desk.poll_until(lambda: engine.run(ref)["status"] in ENDED, WITHIN)
        assert engine.run(ref)["status"] == "success"
        desk.poll_until(lambda: desk.status(ref) == "succeeded", WITHIN)
        return dict(engine.run(ref)["data"]["resultData"]["runData"])

    def given(data: dict[str, Any], node: str) -> dict[str, Any]:
        return dict(data[node][-1]["data"]["main"][0][0]["json"])

    booked = given(
        answer("form", **{"field-0": "paid <at once>", "field-1": 900.5, "field-2": "Pay",
                          "field-3": ["Ledger"], "field-4": "2026-12-01"}),
        "Approve",
    )  # fmt: skip
    assert booked["Note"] == "paid <at once>"
    assert booked["Amount"] == 900.5
    assert booked["Verdict"] == "Pay"
    assert booked["Copies"] == ["Ledger"]
    assert "2026" in booked["Due"]
    less = given(answer("limited_form", **{"field-0": "no", "field-2": "Refuse"}), "Approve")
    assert (less["Note"], less["Amount"]) == ("no", None)
    stowed = given(answer("webhook", given={"boxes": 3}), "Delivery")
    assert stowed["body"] == {"boxes": 3}
    assert "x-n8n-api-key" not in stowed["headers"]
    answer("signal", given={"by": "ana"})
    assert given(answer("pages", **{"field-0": "Oslo"}), "Address")["City"] == "Oslo"
    answer("waiting_child", **{"field-0": "yes", "field-2": "Pay"})
    desk.poll_until(lambda: desk.status(runs["waiting_parent"]) == "succeeded", WITHIN)

    failed = runs["failed"]
    for option in ("original", "current"):
        again = desk.settled(desk.do(failed, Verb.RETRY, option=option))
        assert again.state == "confirmed", again.message
        theirs = engine.run(again.new_ref)
        assert (theirs["retryOf"], theirs["mode"]) == (failed, "retry")
    with pytest.raises(Rejected, match="is currently canceled"):
        open_account(desk.account).cancel(runs["canceled_waiting"])
    with pytest.raises(Rejected, match="cannot be retried"):
        open_account(desk.account).retry(runs["succeeded"], "6f1d0c3e")


def test_workflows_are_started_by_their_webhooks_and_forms(scene: Scene, desk: AtN8n) -> None:
    desk.polled()
    opened = open_account(desk.account)
    known = {workflow.name: workflow for workflow in opened.workflows()}
    assert known["import-invoices"].can_start
    assert known["ask-in-pages"].can_start
    assert not known["print-label"].can_start
    rows = Workflow.objects.filter(account=desk.account)
    workflow = rows.get(ref=known["import-invoices"].ref)
    started = desk.settled(desk.start(workflow, {"arguments": {"count": 700}}))
    assert started.state == "confirmed", started.message
    theirs = scene.engine.run(started.new_ref)
    assert theirs["workflowId"] == workflow.ref
    desk.poll_until(lambda: desk.status(started.new_ref) == "succeeded", WITHIN)
    assert desk.run(started.new_ref).detail.output == {"told": "many"}
    headers = desk.run(started.new_ref).detail.input["headers"]
    assert "x-n8n-api-key" not in headers
    pages = rows.get(ref=known["ask-in-pages"].ref)
    begun = desk.settled(desk.start(pages, {"field_0": "Acme & Co"}))
    assert begun.state == "confirmed", begun.message
    desk.poll_until(lambda: desk.status(begun.new_ref) == "user_input", WITHIN)
    assert desk.run(begun.new_ref).detail.input["Customer"] == "Acme & Co"


# ------------------------------------------------------------------------------------------- costs


def test_a_poll_of_many_open_runs_costs_less_than_a_request_per_hundred(
    scene: Scene, desk: AtN8n, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Measured with pages of a tenth of their size."""
    many = 110
    for _ in range(many):
        scene.engine.request("POST", "/webhook/sleep", {})
    desk.poll()
    monkeypatch.setattr(adapter, "PAGE", adapter.PAGE // 10)
    opened = open_account(desk.account)
    found = [run for run in opened.snapshots(datetime.now(UTC)) if isinstance(run, Snapshot)]
    open_runs = [run for run in found if not run.status.is_final]
    assert len(open_runs) >= many
    assert len({run.ref for run in found}) == len(found)
    pages = len(open_runs) // adapter.PAGE + 1
    assert opened.http.requests <= pages + len(adapter.OPEN) + 1  # the canceled ones
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(open_runs)} open runs: {opened.http.requests} requests, with pages of "
            f"{adapter.PAGE}; {SLOTS} run at a time\n"
        )

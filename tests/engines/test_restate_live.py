"""The product's own poller and commands against a real Restate, with a real Postgres.

`make live ENGINE=restate` runs this. What Restate itself says, asked past our adapter, decides.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from executions.models import Command, Execution, Lineage, Question, Step, Workflow
from executions.polling.workflow_sync import refresh_workflows
from providers.adapters.restate import queries
from providers.adapters.restate.journal import awakeable_id
from providers.contract import Snapshot, Verb
from providers.models import open_account
from tests.engines.live_desk import LiveDesk, LiveScene, reachable, scene_of
from tests.engines.restate import IMPORT, LONG_JOURNAL, MIX, ODD_KEY, SLOTS, Engine
from tests.flow.conftest import ana

__all__ = ["ana", "reachable"]
pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

Scene = LiveScene[Engine]
WITHIN = 90.0  # seconds for an invocation to get where a command sends it
STATUSES = {
    "succeeded": ("succeeded", "success"),
    "failed": ("failed", "failure"),
    "timed_out": ("timed_out", "failure"),
    "retried": ("succeeded", "success"),
    "given_up": ("failed", "failure"),
    "long": ("succeeded", "success"),
    "parent": ("succeeded", "success"),
    "backing_off": ("waiting", "backing-off"),
    "paused": ("paused", "paused"),
    "paused_in_code": ("paused", "paused"),
    "sleeping": ("waiting", "suspended"),
    "canceled": ("canceled", "failure"),
    "undone": ("canceled", "failure"),
    "killed": ("canceled", "failure"),
    "running": ("running", "running"),
    "holding": ("waiting", "suspended"),
    "pending": ("queued", "pending"),
    "asking": ("user_input", "suspended"),
    "refused": ("failed", "failure"),
    "asking_until": ("user_input", "suspended"),
    "forwarding": ("waiting", "suspended"),
    "approving": ("user_input", "suspended"),
    "approved": ("succeeded", "success"),
    "surveying": ("user_input", "suspended"),
    "scheduled": ("queued", "scheduled"),
    "restarted": ("failed", "failure"),
    "child": ("succeeded", "success"),
    "sent": ("waiting", "suspended"),
    "asked": ("user_input", "suspended"),
    "deciding": ("succeeded", "success"),
}
ERRORS = {
    "failed": "the ledger does not take it",
    "restarted": "the ledger does not take it",
    "timed_out": "Timeout occurred",
    "given_up": "there is none",
    "backing_off": "no route",
    "paused": "the pen is empty",
    "paused_in_code": "the code is wrong",
    "refused": "not today",
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    yield from scene_of(Engine, "restate", tmp_path_factory)


class AtRestate(LiveDesk):
    within = WITHIN

    def __init__(self, engine: Engine, user: User) -> None:
        super().__init__(user, "restate", dict(engine.login()))


@pytest.fixture
def desk(scene: Scene, ana: User, reachable: None) -> AtRestate:
    return AtRestate(scene.engine, ana)


def moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def lineage_of(ref: str) -> tuple[str | None, str | None]:
    """Who invoked it, and what it tries again."""
    found = Lineage.objects.filter(execution__ref=ref).first()
    return (found.parent_ref or None, found.retry_of or None) if found else (None, None)


def steps_of(ref: str) -> list[Step]:
    return list(Step.objects.filter(execution__ref=ref).order_by("position"))


# ----------------------------------------------------------------------------------------- reading


def test_every_invocation_is_stored_as_restate_itself_says(
    scene: Scene, desk: AtRestate, capsys: pytest.CaptureFixture[str]
) -> None:
    account = desk.polled()
    assert (account.health, account.last_error) == ("ok", "")
    theirs = scene.engine.runs()
    assert theirs.keys() == set(scene.runs.values())
    assert theirs.keys() == set(Execution.objects.values_list("ref", flat=True))
    steps = 0
    for name, ref in scene.runs.items():
        run, row = desk.run(ref), theirs[ref]
        assert (run.status, run.native_status) == STATUSES[name], name
        assert run.native_status == row["state"], name
        assert run.created_at == moment(row["created_at"]), name
        assert run.started_at == moment(row.get("running_at")), name
        assert run.finished_at == moment(row.get("completed_at")), name
        assert ERRORS.get(name, "") in run.error_summary, name
        assert bool(run.error_summary) is (name in ERRORS), name
        assert run.name == row.get("target_service_key", ""), name
        assert run.workflow.ref == f"{row['target_service_name']}/{row['target_handler_name']}"
        assert lineage_of(ref) == (row.get("invoked_by_id"), row.get("restarted_from")), name
        steps += compare_steps(name, ref, scene.engine.journal(ref))
    counts = Counter(status for status, _ in STATUSES.values())
    with capsys.disabled():
        told = ", ".join(f"{status} {count}" for status, count in sorted(counts.items()))
        sys.stdout.write(f"\n{len(theirs)} invocations and {steps} steps compared: {told}\n")


def compare_steps(name: str, ref: str, journal: list[dict[str, Any]]) -> int:
    """Each command but what goes in and out is a step, with the time of its entry."""
    ours = {step.ref: step for step in steps_of(ref)}
    ends = {"Command: Input", "Command: Output"}
    commands = {
        str(row["index"]): row
        for row in journal
        if row["entry_type"].startswith("Command: ") and row["entry_type"] not in ends
    }
    assert commands.keys() == {each for each in ours if each.isdigit()}, name
    for index, row in commands.items():
        assert ours[index].started_at == moment(row["appended_at"]), (name, index)
        if row["name"]:
            assert ours[index].name == row["name"], (name, index)
    done = sum(row["entry_type"].startswith("Notification: Run") for row in journal)
    runs = [index for index in commands if commands[index]["entry_type"] == "Command: Run"]
    assert len([index for index in runs if ours[index].finished_at]) == done, name
    return len(ours)


def test_steps_tries_payloads_and_lineage(scene: Scene, desk: AtRestate) -> None:
    desk.polled()
    runs = scene.runs

    fetch, write = steps_of(runs["succeeded"])
    assert (fetch.name, fetch.output) == ("fetch rows", {"rows": 3})
    assert (write.name, write.status) == ("write <ledger> & Büro", "succeeded")
    detail = desk.run(runs["succeeded"]).detail
    assert detail.input == IMPORT
    assert detail.output == {"rows": 3, "priority": "URGENT"}

    read, post = steps_of(runs["failed"])
    assert (read.status, post.status) == ("succeeded", "failed")
    assert "the ledger does not take it" in post.error
    assert "abc123" not in post.error
    assert "hunter2" not in desk.run(runs["backing_off"]).error_summary

    asked, *rest = steps_of(runs["retried"])
    assert asked.name == "ask partner"
    assert [each["status"] for each in asked.tries][-1] == "succeeded"
    assert {each["error"] for each in asked.tries[:-1]} == {"[500] partner is busy"}
    assert [step.ref for step in rest] == ["handler"]
    assert steps_of(runs["backing_off"])[0].status_reason == "retry"
    assert [step.status for step in steps_of(runs["paused"])] == ["succeeded", "paused"]
    assert steps_of(runs["paused_in_code"])[0].ref == "handler"

    assert len(steps_of(runs["long"])) == LONG_JOURNAL
    assert len(desk.run(runs["long"]).detail.output) == 20_000

    parent = desk.run(runs["parent"])
    assert parent.name == ODD_KEY
    started = {step.name: step.run_ref for step in steps_of(runs["parent"]) if step.run_ref}
    assert started == {
        "invoices/import": runs["child"],
        "Send to invoices/archive": runs["sent"],
    }
    assert [step.status_reason for step in steps_of(runs["sleeping"])] == ["timer"]
    assert [step.name for step in steps_of(runs["undone"])][-1] == "unbook"


def test_what_waits_for_people_says_what_it_asks(scene: Scene, desk: AtRestate) -> None:
    desk.polled()
    runs = scene.runs

    def asked(name: str) -> Question:
        return Question.objects.get(execution__ref=runs[name], closed_at=None)

    assert asked("asking").title == "write to the boss"
    assert awakeable_id(runs["asking"], 17) == scene.engine.awakeable_of(runs["asking"])
    assert asked("asking").opened_at == moment(scene.engine.run(runs["asking"])["modified_at"])
    assert asked("asking_until").title == "Awakeable 1"
    assert asked("approving").title == "decision"
    assert set(asked("approving").schema["properties"]) == {"approved", "note"}
    assert asked("surveying").title == "opinion & mood"
    handlers = asked("surveying").schema["properties"]["handler"]["enum"]
    assert sorted(handlers) == ["complain", "praise"]


def test_services_that_are_public_can_be_started(scene: Scene, desk: AtRestate) -> None:
    opened = open_account(desk.account)
    refs = {workflow.ref for workflow in opened.workflows()}
    assert {"invoices/import", "approval/run", "approval/decide", "orders/look"} <= refs
    assert not [ref for ref in refs if ref.startswith("back_office")]
    fields = {field.key: field for field in opened.start_fields("invoices/import")}
    assert sorted(fields) == ["count", "labels", "note", "priority", "rehearsal"]
    assert fields["count"].required
    assert fields["labels"].default == ["a"]
    assert [field.key for field in opened.start_fields("orders/add")] == [
        "restate_key", "arguments",
    ]  # fmt: skip
    assert "Restate 1." in opened.check()


# ---------------------------------------------------------------------------------------- commands


def test_commands_are_confirmed_by_what_restate_says(scene: Scene, desk: AtRestate) -> None:
    engine, runs = scene.engine, scene.runs
    desk.polled()
    for name, option, told in (
        ("sleeping", "cancel", "[409] Cancelled"),
        ("running", "kill", "[409] killed"),
        ("sent", "kill", "[409] killed"),
        ("pending", "", ""),
        ("scheduled", "kill", ""),
    ):
        command = desk.settled(desk.do(runs[name], Verb.CANCEL, option=option))
        assert command.state == "confirmed", (name, command.message)
        # Of one that has not begun Restate keeps nothing.
        assert engine.runs().get(runs[name], {}).get("completion_failure", "") == told, name
        assert desk.status(runs[name]) == "canceled"
        assert desk.run(runs[name]).missing_since is None, name

    command = desk.settled(desk.do(runs["backing_off"], Verb.SUSPEND))
    assert command.state == "confirmed", command.message
    assert engine.run(runs["backing_off"])["state"] == "paused"
    command = desk.settled(desk.do(runs["backing_off"], Verb.RESUME))
    assert command.state == "confirmed", command.message
    assert engine.run(runs["backing_off"])["state"] in ("backing-off", "running")

    # One more failure, and the pen writes.
    command = desk.settled(desk.do(runs["paused"], Verb.RESUME))
    assert command.state == "confirmed", command.message
    desk.poll_until(lambda: desk.status(runs["paused"]) == "succeeded", WITHIN)
    assert engine.run(runs["paused"])["state"] == "success"


def test_retries_make_new_invocations_from_where_it_failed(scene: Scene, desk: AtRestate) -> None:
    desk.polled()
    failed = scene.runs["failed"]
    again = desk.settled(desk.do(failed, Verb.RETRY))
    assert again.state == "confirmed", again.message
    row = scene.engine.run(again.new_ref)
    assert row["restarted_from"] == failed
    old, new = (scene.engine.journal(ref) for ref in (failed, again.new_ref))
    assert new[1]["appended_at"] == old[1]["appended_at"] or len(new) >= len(old)
    desk.poll_until(lambda: desk.status(again.new_ref) == "failed", WITHIN)
    assert lineage_of(again.new_ref) == (None, failed)
    whole = desk.settled(desk.do(failed, Verb.RETRY, option="all"))
    assert whole.state == "confirmed", whole.message
    assert scene.engine.run(whole.new_ref)["restarted_from"] == failed


def test_runs_are_started_with_a_form(scene: Scene, desk: AtRestate) -> None:
    desk.polled()
    assert refresh_workflows(desk.account) >= 24
    flows = Workflow.objects.filter(account=desk.account)
    values = {"count": 2, "priority": "NORMAL", "labels": ["b"], "rehearsal": True, "note": ""}
    started = desk.settled(desk.start(flows.get(ref="invoices/import"), values))
    assert started.state == "confirmed", started.message
    desk.poll_until(lambda: desk.status(started.new_ref) == "succeeded", WITHIN)
    given = desk.run(started.new_ref).detail.input
    assert given == {"count": 2, "priority": "NORMAL", "labels": ["b"], "rehearsal": True}

    ours = {"restate_key": "Köln / 4", "arguments": ["pen"]}
    added = desk.settled(desk.start(flows.get(ref="orders/add"), ours))
    assert added.state == "confirmed", added.message
    row = scene.engine.run(added.new_ref)
    assert row["target_service_key"] == "Köln / 4"
    opened = open_account(desk.account)
    assert opened.started("orders/add", row["idempotency_key"]) == added.new_ref

    flow = flows.get(ref="approval/run")
    named = desk.settled(desk.start(flow, {"restate_key": "budget-8", "arguments": {"sum": 1}}))
    assert named.state == "confirmed", named.message
    assert scene.engine.run(named.new_ref)["target_service_key"] == "budget-8"
    assert opened.started("approval/run", str(named.key)) == named.new_ref
    twice = desk.start(flow, {"restate_key": "budget-8", "arguments": {"sum": 1}})
    assert twice.state == "rejected"
    assert "budget-8" in twice.message


def test_people_answer_awakeables_and_promises(scene: Scene, desk: AtRestate) -> None:
    engine, runs = scene.engine, scene.runs
    desk.polled()

    def answered(name: str, values: dict[str, Any]) -> Command:
        question = desk.open_question(runs[name])
        assert question is not None, name
        command = desk.do(runs[name], Verb.ANSWER, question=question, values=values)
        return desk.settled(command)

    for name, values in (
        ("asking", {"decision": "resolve", "value": {"ok": True}}),
        ("asking_until", {"decision": "reject", "reason": "out of office"}),
        ("asked", {"decision": "resolve", "value": "yes"}),
        ("approving", {"approved": True, "note": "go"}),
        ("surveying", {"handler": "praise", "value": "well done"}),
    ):
        command = answered(name, values)
        assert command.state == "confirmed", (name, command.message)
        engine.wait_for(runs[name], "success", "failure")
    desk.poll_until(lambda: desk.status(runs["surveying"]) == "succeeded", WITHIN)
    desk.polled()
    assert desk.run(runs["asking"]).detail.output == {
        "asked": {"city": "Oslo"}, "told": {"ok": True},
    }  # fmt: skip
    assert "out of office" in desk.run(runs["asking_until"]).error_summary
    assert desk.run(runs["approving"]).detail.output == {"approved": True, "note": "go"}
    assert desk.run(runs["surveying"]).detail.output == {"praise": "well done"}
    engine.wait_for(runs["forwarding"], "success")
    late = open_account(desk.account)
    with pytest.raises(Exception, match="does not wait for this any more"):
        late.answer(runs["asking"], "signal 17", {"decision": "resolve", "value": 1})


# ------------------------------------------------------------------------------------------- costs


def test_what_has_no_slot_is_ready_and_a_poll_of_many_costs_little(
    scene: Scene, desk: AtRestate, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Measured with pages of a tenth of their size."""
    many = 110
    began = datetime.now(UTC) - timedelta(seconds=5)
    refs = [scene.engine.send("invoices/watch") for _ in range(many)]
    states = desk.poll_until(
        lambda: {scene.engine.runs()[ref]["state"] for ref in refs} >= {"ready", "running"}, WITHIN
    )
    assert states
    monkeypatch.setattr(queries, "PAGE", queries.PAGE // 10)
    opened = open_account(desk.account)
    found = [run for run in opened.snapshots(began) if isinstance(run, Snapshot)]
    told = Counter((run.status.value, run.native_status) for run in found if run.ref in refs)
    assert told["running", "running"] <= SLOTS
    assert told["queued", "ready"] >= many - SLOTS
    assert len({run.ref for run in found}) == len(found)
    opened_runs = len([run for run in found if not run.status.is_final])
    pages = opened_runs // queries.PAGE + 1
    assert opened.http.requests <= 3 * pages + 1
    listed = opened.http.requests
    some = [run.ref for run in found if not run.status.is_final][: opened.details_at_once]
    assert len(list(opened.details(some))) == len(some)
    with capsys.disabled():
        sys.stdout.write(
            f"\nwith their steps {opened.http.requests - listed} requests for {len(some)}; "
            f"{opened_runs} open invocations: {listed} requests, {pages} of them "
            f"for pages of {queries.PAGE}; {told['queued', 'ready']} have no slot\n"
        )
    for ref in refs:
        scene.engine.command(ref, "kill")


def test_every_state_of_the_mix_is_in_the_table() -> None:
    assert STATUSES.keys() >= MIX.keys()

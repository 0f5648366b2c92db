"""The adapter alone against a real Prefect: every situation of the mix, read, answered and stopped.

Starts a server of its own (about a minute; the first time also an installation).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.adapters.prefect import Prefect
from providers.address_policy import Policy
from providers.contract import (
    AuthFailed,
    LogLine,
    NotFound,
    Rejected,
    Snapshot,
    Status,
    Verb,
)
from providers.http import Http
from tests.engines.prefect import CLOSED, Engine

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

WITHIN = 60.0  # seconds for a run to get where a command sends it
LOOPBACK = Policy.from_cidrs(["127.0.0.0/8:*"])


class PatientHttp(Http):
    """Asks again while Prefect's SQLite is locked: 503, rolled back (seen November 2026). Outside
    of tests the account's row decides when to come again."""

    def send(self, *args: Any, **options: Any) -> Any:
        end = time.monotonic() + WITHIN
        while True:
            response, guard = super().send(*args, **options)
            if response.status_code != 503 or time.monotonic() > end:
                return response, guard
            self.read(response, guard, 2**20, "Prefect")
            time.sleep(0.5)


def open_prefect(engine: Engine, auth: str) -> Prefect:
    settings = {"base_url": engine.base_url, "auth": auth}
    return Prefect(settings, PatientHttp(LOOPBACK, secrets=[auth]), {})


@dataclass(frozen=True)
class Scene:
    engine: Engine
    runs: dict[str, str]
    adapter: Any  # a Prefect; its optional values are there, or the test fails by itself

    def see(self, name: str) -> Any:
        return self.adapter.snapshot(self.runs[name])

    def wait(self, ref: str, is_so: Callable[[Snapshot], bool]) -> Any:
        end = time.monotonic() + WITHIN
        while not is_so(found := self.adapter.snapshot(ref)):
            assert time.monotonic() < end, f"{ref} stayed {found.native_status}"
            time.sleep(0.5)
        return found

    def wait_for(self, ref: str, status: Status) -> Any:
        return self.wait(ref, lambda found: found.status is status)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home: Path = tmp_path_factory.mktemp("prefect")
    with Engine.running(home) as engine:
        runs = engine.mix()
        yield Scene(engine, runs, open_prefect(engine, engine.auth))


EXPECTED = {
    "succeeded": Status.SUCCEEDED,
    "failed": Status.FAILED,
    "warning": Status.WARNING,
    "timed_out": Status.TIMED_OUT,
    "parallel": Status.SUCCEEDED,
    "parent": Status.SUCCEEDED,
    "running": Status.RUNNING,
    "canceled": Status.CANCELED,
    "input": Status.USER_INPUT,
    "declined": Status.FAILED,
    "paused": Status.PAUSED,
    "suspended": Status.USER_INPUT,
    "scheduled": Status.QUEUED,
}


# ----------------------------------------------------------------------------------------- reading


def test_the_login_is_checked(scene: Scene) -> None:
    assert "The login works" in scene.adapter.check()
    with pytest.raises(AuthFailed, match="Unauthorized"):
        open_prefect(scene.engine, "operator:wrong-password").check()


@pytest.mark.parametrize("hours", [None, 1])
def test_discovery_brings_every_run_in_its_status(scene: Scene, hours: int | None) -> None:
    since = None if hours is None else datetime.now(UTC) - timedelta(hours=hours)
    found = list(scene.adapter.snapshots(since))
    by_ref = {snapshot.ref: snapshot for snapshot in found}
    assert len(by_ref) == len(found) >= len(EXPECTED) + 2  # and the two sub-flows
    statuses = {name: by_ref[ref].status for name, ref in scene.runs.items()}
    assert statuses == EXPECTED
    assert {name for name, ref in scene.runs.items() if by_ref[ref].needs_detail} == {
        "input",
        "suspended",
    }


def test_discovery_leaves_out_what_ended_before(scene: Scene) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    found = list(scene.adapter.snapshots(later))
    assert {snapshot.ref for snapshot in found} >= {scene.runs["running"], scene.runs["scheduled"]}
    assert not [snapshot for snapshot in found if snapshot.status.is_final]


def test_every_run_read_by_its_ref_agrees_with_the_list(scene: Scene) -> None:
    assert {name: scene.see(name).status for name in scene.runs} == EXPECTED


def test_runs_carry_names_times_errors_and_links(scene: Scene) -> None:
    snapshot = scene.see("failed")
    assert snapshot.workflow.name == "reconcile-ledger"
    assert snapshot.workflow.can_start
    assert snapshot.started_at < snapshot.finished_at
    assert "ledger refused the entry" in snapshot.error
    assert snapshot.url.endswith(f"/runs/flow-run/{snapshot.ref}")
    assert scene.see("input").input == {"amount": 1200}
    assert scene.see("timed_out").native_status == "FAILED TimedOut"


def test_steps_are_the_task_runs(scene: Scene) -> None:
    statuses = [step.status for step in scene.see("failed").steps]
    assert statuses == [Status.SUCCEEDED, Status.FAILED, Status.SKIPPED]
    assert len(scene.see("parallel").steps) == 4
    failed = [step for step in scene.see("warning").steps if step.status is Status.FAILED]
    assert "mailbox is full" in failed[0].error


def test_sub_flows_are_linked_and_their_steps_nested(scene: Scene) -> None:
    steps = scene.see("parent").steps
    assert [len(step.path) for step in steps] == [0, 1, 0, 1]
    child = scene.adapter.snapshot(steps[0].run_ref)
    assert child.workflow.name == "check-supplier"
    assert not child.workflow.can_start
    assert [step.ref for step in child.steps] == [steps[1].ref]


def test_an_unknown_run_is_not_found(scene: Scene) -> None:
    with pytest.raises(NotFound):
        scene.adapter.snapshot("00000000-0000-0000-0000-000000000000")
    with pytest.raises(NotFound):
        scene.adapter.snapshot("not-an-id")


def read_log(scene: Scene, ref: str) -> list[LogLine]:
    lines: list[LogLine] = []
    cursor, end = "", time.monotonic() + WITHIN
    while True:
        chunk = scene.adapter.log(ref, cursor)
        lines += chunk.lines
        cursor = chunk.next_cursor
        if chunk.is_complete:
            return lines
        assert time.monotonic() < end
        time.sleep(0.5)


def test_a_log_is_read_to_its_end_with_the_steps_it_belongs_to(scene: Scene) -> None:
    lines = read_log(scene, scene.runs["failed"])
    texts = [line.text for line in lines]
    assert "reading 3 rows" in texts
    refs = {step.name.rpartition("-")[0]: step.ref for step in scene.see("failed").steps}
    assert {line.step_ref for line in lines if line.text == "reading 3 rows"} == {refs["read_rows"]}
    assert [line.level for line in lines if "the ledger does not" in line.text] == ["error"] * 2
    times = [line.at for line in lines if line.at]
    assert times == sorted(times)
    assert len(times) == len(lines)


def test_the_log_of_a_running_run_is_not_complete(scene: Scene) -> None:
    chunk = scene.adapter.log(scene.runs["running"], "")
    assert chunk.lines
    again = scene.adapter.log(scene.runs["running"], chunk.next_cursor)
    assert not {line.text for line in again.lines} & {chunk.lines[0].text}
    assert not again.is_complete


# ---------------------------------------------------------------------------------------- commands


def test_a_form_is_read_refused_answered_and_closed(scene: Scene) -> None:
    ref = scene.runs["input"]
    (question,) = scene.see("input").questions
    assert question.description == "A payment of 1200 is waiting."
    assert list(question.schema["properties"]) == ["approve", "note"]
    assert question.due_at > datetime.now(UTC)
    with pytest.raises(Rejected) as caught:
        scene.adapter.answer(ref, question.ref, {"approve": True, "note": 5})
    assert caught.value.fields == {"note": "5 is not of type 'string'"}
    assert scene.see("input").questions == (question,)
    scene.adapter.answer(ref, question.ref, {"approve": True, "note": "fine"})
    assert scene.wait_for(ref, Status.SUCCEEDED).questions == ()
    assert "decided: True fine" in [line.text for line in read_log(scene, ref)]
    with pytest.raises(Rejected, match="moved on"):
        scene.adapter.answer(ref, question.ref, {"approve": False, "note": ""})


def test_an_answered_suspended_run_gets_a_new_process_and_ends(scene: Scene) -> None:
    (question,) = scene.see("suspended").questions
    scene.adapter.answer(scene.runs["suspended"], question.ref, {"amount": 3, "reviewer": "ana"})
    assert scene.wait_for(scene.runs["suspended"], Status.SUCCEEDED).finished_at


def test_a_plain_pause_is_resumed_once(scene: Scene) -> None:
    ref = scene.runs["paused"]
    assert scene.see("paused").offers == {Verb.RESUME, Verb.CANCEL}
    scene.adapter.resume(ref)
    scene.wait_for(ref, Status.SUCCEEDED)
    with pytest.raises(Rejected, match="Cannot resume a flow run that is not paused"):
        scene.adapter.resume(ref)


def test_a_running_run_is_canceled_once(scene: Scene) -> None:
    ref = scene.runs["running"]
    scene.adapter.cancel(ref)
    # Until it has ended, a cancel by force is still possible.
    assert scene.adapter.snapshot(ref).native_status in ("CANCELLING", "CANCELLED")
    scene.wait_for(ref, Status.CANCELED)
    assert Verb.CANCEL not in scene.adapter.snapshot(ref).offers
    with pytest.raises(Rejected, match="already in terminal state CANCELLED"):
        scene.adapter.cancel(ref)


def test_a_run_that_has_not_begun_is_canceled_at_once(scene: Scene) -> None:
    scene.adapter.cancel(scene.runs["scheduled"])
    assert scene.see("scheduled").status is Status.CANCELED


def test_a_deployment_is_started_once_per_key_and_found_by_it(scene: Scene) -> None:
    workflows = {workflow.name: workflow for workflow in scene.adapter.workflows()}
    workflow = workflows["import-invoices"]
    assert workflow == scene.see("succeeded").workflow
    fields = {field.key: field.kind for field in scene.adapter.start_fields(workflow.ref)}
    assert fields == {"count": "integer", "priority": "choice"}
    assert scene.adapter.started(workflow.ref, "a-key-of-ours") is None
    with pytest.raises(Rejected, match="'many' is not of type 'integer'"):
        scene.adapter.start(workflow.ref, {"count": "many"}, "a-key-of-ours")
    arguments = {"count": 2, "priority": "urgent"}
    refs = {scene.adapter.start(workflow.ref, arguments, "a-key-of-ours") for _ in range(2)}
    assert refs == {scene.adapter.started(workflow.ref, "a-key-of-ours")}
    found = scene.wait_for(refs.pop(), Status.SUCCEEDED)
    assert found.input == arguments


def test_a_run_that_is_started_again_leaves_its_final_state(scene: Scene) -> None:
    ref = scene.runs["timed_out"]
    again = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}}
    scene.engine.api("POST", f"/flow_runs/{ref}/set_state", again)
    found = scene.wait(ref, lambda found: not found.status.is_final)
    assert found.finished_at is None
    scene.engine.wait_for(ref, CLOSED)
    assert scene.see("timed_out").status is Status.TIMED_OUT

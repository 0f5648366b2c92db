"""The product's own poller and commands against a real Celery with Flower, with a real Postgres.

`make live ENGINE=flower` runs this. What Flower itself says, asked past our adapter, decides.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User

from executions.models import Execution, Lineage, Workflow
from providers.contract import Snapshot, Verb
from providers.models import open_account
from tests.engines.flower import Engine
from tests.engines.live_desk import LiveDesk, LiveScene, reachable, scene_of
from tests.engines.processes import wait_until
from tests.flow.conftest import ana

__all__ = ["ana", "reachable"]
pytestmark = [pytest.mark.engine, pytest.mark.timeout(1500)]

Scene = LiveScene[Engine]
WITHIN = 60.0  # seconds for a task to get where a command sends it
CANVASES = ("chain_first", "chain_second", "chain_last", "group_first", "group_second",
            "chord_first", "chord_body")  # fmt: skip
STATUSES = {
    "succeeded": ("succeeded", "SUCCESS"),
    "long_result": ("succeeded", "SUCCESS"),
    "failed": ("failed", "FAILURE"),
    "timed_out": ("timed_out", "FAILURE"),
    "timed_out_softly": ("timed_out", "FAILURE"),
    "tried_again": ("succeeded", "SUCCESS"),
    "gave_up": ("failed", "FAILURE"),
    "rejected": ("failed", "FAILURE"),
    "odd": ("succeeded", "SUCCESS"),
    "parent": ("succeeded", "SUCCESS"),
    "child": ("succeeded", "SUCCESS"),
    "ignored": ("running", "STARTED"),
    "retrying": ("waiting", "RETRY"),
    "delayed": ("waiting", "RECEIVED"),
    "delayed_revoked": ("canceled", "RECEIVED"),
    "running": ("running", "STARTED"),
    "terminated": ("canceled", "REVOKED"),
    "own_state": ("running", "STARTED"),
    "own_event": ("unknown", "SIGNING"),
    "unclaimed": ("queued", "PENDING"),
    "holder": ("running", "STARTED"),
    "queued": ("queued", "RECEIVED"),
    "revoked": ("canceled", "REVOKED"),
    "expired": ("skipped", "REVOKED"),
    **dict.fromkeys(CANVASES, ("succeeded", "SUCCESS")),
}
ERRORS = {
    "failed": "ConnectionError: ledger refused the entry of June",
    "timed_out": "TimeLimitExceeded",
    "timed_out_softly": "SoftTimeLimitExceeded",
    "gave_up": "ValueError: nobody there",
    "rejected": "reject requeue=False: no such ware",
}
ENDS = {"SUCCESS": "succeeded", "FAILURE": "failed", "REVOKED": "revoked"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    yield from scene_of(Engine, "flower", tmp_path_factory)


class AtFlower(LiveDesk):
    within = WITHIN

    def __init__(self, engine: Engine, user: User) -> None:
        settings = {"base_url": engine.base_url, "username": "ana"}
        super().__init__(user, "flower", settings, password=engine.password)


@pytest.fixture
def desk(scene: Scene, ana: User, reachable: None) -> AtFlower:
    desk = AtFlower(scene.engine, ana)
    for _ in range(2):
        desk.poll()
    return desk


def moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


# ----------------------------------------------------------------------------------------- reading


def test_every_task_is_stored_as_flower_itself_says(
    scene: Scene, desk: AtFlower, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (desk.account.health, desk.account.last_error) == ("ok", "")
    listed = scene.engine.tasks()
    assert listed.keys() >= set(scene.runs.values())
    assert listed.keys() == set(Execution.objects.values_list("ref", flat=True))
    for name, ref in scene.runs.items():
        run, theirs = desk.run(ref), listed[ref]
        # A retry shows as the one or the other, whichever event came last.
        assert run.status == STATUSES[name][0], name
        assert run.native_status in (STATUSES[name][1], *(["RECEIVED"] * (name == "retrying"))), (
            name
        )
        assert run.native_status == theirs["state"], name
        began, ended = moment(theirs["started"]), theirs.get(ENDS.get(theirs["state"], ""))
        assert abs_difference(run.started_at, began) < 0.001, name
        assert abs_difference(run.finished_at, moment(ended)) < 0.001, name
        assert ERRORS.get(name, "") in run.error_summary, name
        assert bool(run.error_summary) is (name in ERRORS), name
        assert run.workflow.ref == theirs["name"]
    assert "abc123" not in desk.run(scene.runs["failed"]).error_summary
    own = desk.run(scene.runs["own_state"])
    assert scene.engine.state_in_backend(own.ref) in own.message
    counts = Counter(status for status, _ in STATUSES.values())
    with capsys.disabled():
        told = ", ".join(f"{status} {count}" for status, count in sorted(counts.items()))
        sys.stdout.write(f"\n{len(listed)} tasks, {len(scene.runs)} compared: {told}\n")


def abs_difference(one: datetime | None, other: datetime | None) -> float:
    """Infinite where only one is there."""
    if one is None or other is None:
        return 0.0 if one is other else float("inf")
    return abs((one - other).total_seconds())


def test_input_output_and_who_sent_it_are_stored(scene: Scene, desk: AtFlower) -> None:
    detail = desk.run(scene.runs["succeeded"]).detail
    assert detail.input == {"args": [3], "kwargs": {"priority": "urgent"}}
    assert detail.output == {"rows": 3, "priority": "urgent", "total": 17.5}
    wares = desk.run(scene.runs["long_result"])
    desk.poll_until(lambda: isinstance(desk.run(wares.ref).detail.output, list), WITHIN)
    assert len(desk.run(wares.ref).detail.output) == 400
    parents = dict(Lineage.objects.values_list("execution__ref", "parent_ref"))
    listed = scene.engine.tasks()
    wanted = {ref: row["parent"] for ref, row in listed.items() if row["parent"] not in (None, ref)}
    assert {ref: parent for ref, parent in parents.items() if parent} == wanted
    assert wanted[scene.runs["chain_last"]] == scene.runs["chain_second"]


# ---------------------------------------------------------------------------------------- commands


def test_commands_are_confirmed_by_what_flower_and_the_backend_say(
    scene: Scene, desk: AtFlower, capsys: pytest.CaptureFixture[str]
) -> None:
    engine, runs = scene.engine, scene.runs
    for name, option in (("running", "terminate"), ("own_state", "kill"), ("queued", "revoke")):
        command = desk.settled(desk.do(runs[name], Verb.CANCEL, option=option))
        assert command.state == "confirmed", (name, command.message)
        assert desk.status(runs[name]) == "canceled"
        assert engine.state_in_backend(runs[name]) == "REVOKED"
    assert engine.task(runs["queued"])["state"] == "RECEIVED"  # only the backend knows
    for name in ("delayed", "retrying"):
        command = desk.settled(desk.do(runs[name], Verb.CANCEL))
        assert command.state == "confirmed", (name, command.message)
        assert engine.state_in_backend(runs[name]) == "REVOKED"
    for _ in range(3):  # its list goes on calling them received
        desk.poll()
    canceled = ("queued", "delayed", "retrying", "running", "own_state", "delayed_revoked")
    assert {desk.status(runs[name]) for name in canceled} == {"canceled"}
    holder = desk.do(runs["holder"], Verb.CANCEL, option="revoke")
    assert (holder.state, "It runs already" in holder.message) == ("rejected", True)

    workflow = Workflow.objects.get(account=desk.account, ref="sales.import_invoices")
    started = desk.settled(desk.start(workflow, {"args": [2], "kwargs": {"priority": "low"}}))
    assert started.state == "confirmed", started.message
    assert engine.task(started.new_ref)["kwargs"] == "{'priority': 'low'}"
    desk.poll_until(lambda: desk.status(started.new_ref) == "succeeded", WITHIN)
    wrong = desk.start(workflow, {"args": {"not": "a list"}})
    assert (wrong.state, "JSON array" in wrong.message) == ("rejected", True)
    with capsys.disabled():
        sys.stdout.write("\n5 cancels in 3 ways and a start confirmed, 2 commands refused\n")


# ------------------------------------------------------------------------------------------- costs


def test_a_poll_of_many_open_tasks_costs_a_few_requests(
    scene: Scene, desk: AtFlower, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(100):
        scene.engine.send("stock.watch", args=["many"], queue="nobody")
    opened = open_account(desk.account)
    found = [run for run in opened.snapshots(datetime.now(UTC)) if isinstance(run, Snapshot)]
    open_runs = [run for run in found if not run.status.is_final]
    assert len(open_runs) >= 100
    assert opened.http.requests == 5
    with capsys.disabled():
        sys.stdout.write(f"\n{len(open_runs)} open tasks: {opened.http.requests} requests\n")


# -------------------------------------------------------------------- workers and memory are lost


def test_a_worker_that_ends_and_a_flower_that_begins_again_cost_no_run(
    scene: Scene, desk: AtFlower
) -> None:
    engine = scene.engine
    known = dict(Execution.objects.values_list("ref", "status"))
    engine.end("narrow")

    def is_silent() -> bool:  # once its last heartbeat is old enough
        parts = {part.name: part.is_well for part in open_account(desk.account).engine()}
        return not parts.get("narrow@office")

    wait_until(is_silent, WITHIN, "Flower goes on hearing a worker that has ended")
    engine.restart_flower()
    account = desk.poll()
    assert account.health == "ok"
    assert dict(Execution.objects.values_list("ref", "status")) == known
    ref = engine.send("sales.add", args=[1, 2])
    desk.poll_until(lambda: desk.status(ref) == "succeeded", WITHIN)

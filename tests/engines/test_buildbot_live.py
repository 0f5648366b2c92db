"""The product's own poller and commands against a real Buildbot, with a real Postgres.

`make live ENGINE=buildbot` runs this. What Buildbot itself says, asked past our adapter, decides.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from executions.models import Execution, Lineage, LogEntry, Step, Workflow
from executions.polling import log_fetcher
from providers.contract import Snapshot, Verb
from providers.models import open_account
from tests.engines.buildbot import CANCELLED, Engine
from tests.engines.live_desk import LiveDesk, LiveScene, reachable, scene_of
from tests.flow.conftest import ana

__all__ = ["ana", "reachable"]
pytestmark = [pytest.mark.engine, pytest.mark.timeout(1500)]

Scene = LiveScene[Engine]
WITHIN = 90.0  # seconds for a build to get where a command sends it
STATUSES = {
    "succeeded": ("succeeded", "SUCCESS"),
    "failed": ("failed", "FAILURE"),
    "warning": ("warning", "WARNINGS"),
    "exception": ("failed", "EXCEPTION"),
    "timed_out": ("timed_out", "FAILURE"),
    "out_of_time": ("timed_out", "FAILURE"),
    "long_log": ("succeeded", "SUCCESS"),
    "tried_again": ("succeeded", "SUCCESS"),
    "parent": ("succeeded", "SUCCESS"),
    "child": ("succeeded", "SUCCESS"),
    "odd": ("succeeded", "SUCCESS"),
    "stopped": ("canceled", "CANCELLED"),
    "running": ("running", "building"),
    "canceled": ("canceled", "CANCELLED"),
    "queued": ("queued", "unclaimed"),
    "rebuilt": ("failed", "FAILURE"),
}
ERRORS = {
    "failed": "post to ledger: ledger refused the entry",
    "rebuilt": "post to ledger: ledger refused the entry",
    "exception": "explode: builtins.ConnectionError: ledger refused the entry",
    "timed_out": "load: ",
    "out_of_time": "close: on",
}
RESULTS = ("succeeded", "warning", "failed", "skipped", "failed", "warning", "canceled")


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    yield from scene_of(Engine, "buildbot", tmp_path_factory)


class AtBuildbot(LiveDesk):
    within = WITHIN

    def __init__(self, engine: Engine, user: User, login: str = "ana") -> None:
        settings = {"base_url": engine.base_url, "username": login}
        super().__init__(user, "buildbot", settings, password=engine.password)


@pytest.fixture
def desk(scene: Scene, ana: User, reachable: None) -> AtBuildbot:
    desk = AtBuildbot(scene.engine, ana)
    for _ in range(2):
        desk.poll()
    return desk


def moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


# ----------------------------------------------------------------------------------------- reading


def test_every_request_is_stored_as_buildbot_itself_says(
    scene: Scene, desk: AtBuildbot, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (desk.account.health, desk.account.last_error) == ("ok", "")
    listed = scene.engine.get("buildrequests")["buildrequests"]
    refs = {str(row["buildrequestid"]) for row in listed}
    assert refs >= set(scene.runs.values())
    assert refs == set(Execution.objects.values_list("ref", flat=True))
    steps = 0
    for name, ref in scene.runs.items():
        run, theirs, builds = desk.run(ref), scene.engine.request(ref), scene.engine.builds(ref)
        assert (run.status, run.native_status) == STATUSES[name], name
        assert run.created_at == moment(theirs["submitted_at"]), name
        assert run.started_at == (moment(builds[0]["started_at"]) if builds else None), name
        assert run.finished_at == moment(theirs["complete_at"]), name
        assert run.error_summary.startswith(ERRORS.get(name, "")), name
        assert bool(run.error_summary) is (name in ERRORS), name
        steps += compare_steps(name, run, builds, scene.engine)
    assert not Execution.objects.filter(error_summary__contains="abc123").exists()
    counts = Counter(status for status, _ in STATUSES.values())
    with capsys.disabled():
        told = ", ".join(f"{status} {count}" for status, count in sorted(counts.items()))
        sys.stdout.write(f"\n{len(refs)} requests and {steps} steps compared: {told}\n")


def compare_steps(name: str, run: Execution, builds: list[Any], engine: Engine) -> int:
    ours = {step.ref: step for step in Step.objects.filter(execution=run)}
    theirs = engine.get(f"builds/{builds[-1]['buildid']}/steps")["steps"] if builds else []
    assert ours.keys() == {str(step["stepid"]) for step in theirs if not step["hidden"]}, name
    for told in theirs:
        if told["hidden"]:
            continue
        step = ours[str(told["stepid"])]
        assert step.name == told["name"]
        late = "(timed out)" in told["state_string"]
        ended = "timed_out" if late else RESULTS[told["results"]] if told["complete"] else "running"
        assert step.status == ended, (name, step.name)
        assert step.started_at == moment(told["started_at"]), (name, step.name)
        assert step.finished_at == moment(told["complete_at"]), (name, step.name)
    return len(theirs)


def test_what_a_build_was_given_found_out_and_came_of_is_stored(
    scene: Scene, desk: AtBuildbot
) -> None:
    detail = desk.run(scene.runs["succeeded"]).detail
    given = {"count": 4, "urgency": "urgent", "dry_run": True}
    assert given.items() <= detail.input.items()
    assert detail.output == {"rows": "17"}
    of = Lineage.objects.in_bulk([desk.run(scene.runs[name]).pk for name in ("child", "rebuilt")])
    child, rebuilt = (of[desk.run(scene.runs[name]).pk] for name in ("child", "rebuilt"))
    assert child.parent_ref == scene.runs["parent"]
    assert rebuilt.retry_of == scene.runs["failed"]
    started = Step.objects.get(execution__ref=scene.runs["parent"], name="import first")
    assert started.run_ref == scene.runs["child"]


def test_logs_are_read_to_their_end_without_the_environment(scene: Scene, desk: AtBuildbot) -> None:
    def lines(name: str) -> list[LogEntry]:
        run = desk.run(scene.runs[name])
        log_fetcher.fetch(run)
        return list(LogEntry.objects.filter(execution=run).order_by("seq"))

    counted = [line.text for line in lines("long_log") if line.text.startswith("ware ")]
    assert counted == [f"ware {number}" for number in range(1, 5001)]
    told = lines("tried_again") + lines("failed")
    assert not [line for line in told if "BB_PASSWORD" in line.text or "abc123" in line.text]
    assert [line.text for line in lines("running") if line.text == "looking"] == ["looking"]
    assert not desk.run(scene.runs["running"]).detail.log_is_complete


# ---------------------------------------------------------------------------------------- commands


def test_a_login_without_a_right_reads_and_is_refused_with_a_reason(
    scene: Scene, ana: User, settings: Any
) -> None:
    settings.ANNUNCIATOR_ALLOWED_NETWORKS = ["127.0.0.0/8:*"]
    desk = AtBuildbot(scene.engine, ana, "vera")
    for _ in range(2):
        assert desk.poll().health == "ok"
    command = desk.do(scene.runs["running"], Verb.CANCEL)
    assert command.state == "rejected"
    assert "you need to have role 'admins'" in command.message
    assert desk.poll().health == "ok"
    assert desk.status(scene.runs["running"]) == "running"


def test_a_poll_of_many_open_requests_costs_a_few_requests(
    scene: Scene, desk: AtBuildbot, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = open_account(desk.account)
    found = [run for run in opened.snapshots(datetime.now(UTC)) if isinstance(run, Snapshot)]
    open_runs = [run for run in found if not run.status.is_final]
    assert len(open_runs) >= 2
    assert opened.http.requests <= 5  # the login with them
    with capsys.disabled():
        sys.stdout.write(f"\n{len(open_runs)} open runs: {opened.http.requests} requests\n")


def test_commands_are_confirmed_by_what_buildbot_says(
    scene: Scene, desk: AtBuildbot, capsys: pytest.CaptureFixture[str]
) -> None:
    engine, runs = scene.engine, scene.runs
    for name in ("queued", "running"):
        command = desk.settled(desk.do(runs[name], Verb.CANCEL))
        assert command.state == "confirmed", (name, command.message)
        assert desk.status(runs[name]) == "canceled"
        assert engine.request(runs[name])["results"] == CANCELLED

    command = desk.settled(desk.do(runs["failed"], Verb.RETRY))
    assert command.state == "confirmed", command.message
    buildset = engine.request(command.new_ref)["buildsetid"]
    (told,) = engine.get(f"buildsets/{buildset}")["buildsets"]
    assert told["rebuilt_buildid"] == engine.builds(runs["failed"])[-1]["buildid"]

    workflow = Workflow.objects.get(account=desk.account, name="import-invoices")
    started = desk.settled(desk.start(workflow, {"count": 2, "urgency": "normal"}))
    assert started.state == "confirmed", started.message
    desk.poll_until(lambda: desk.status(started.new_ref) == "succeeded", WITHIN)
    (theirs,) = engine.get(f"buildrequests/{started.new_ref}", property="*")["buildrequests"]
    assert theirs["properties"]["count"][0] == 2
    wrong = desk.start(workflow, {"count": "many"})
    assert (wrong.state, "count" in wrong.message) == ("rejected", True)
    with capsys.disabled():
        sys.stdout.write("\n2 cancels, a rebuild and a start confirmed, 2 commands refused\n")

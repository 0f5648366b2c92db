"""The product's own poller and commands against a real Dagster, with a real Postgres.

`make live ENGINE=dagster` runs this. What Dagster itself says, asked past our adapter, decides.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from executions.models import Execution, LogEntry, Output, Step, Workflow
from executions.polling import log_fetcher
from providers.adapters import dagster as adapter
from providers.contract import Snapshot, Verb
from providers.models import open_account
from tests.engines.dagster import BROKEN, ENDED, LONG_LOG, SECOND, Engine
from tests.engines.live_desk import LiveDesk, LiveScene, reachable, scene_of
from tests.flow.conftest import ana

__all__ = ["ana", "reachable"]
pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

Scene = LiveScene[Engine]
WITHIN = 150.0  # seconds for a run to get where a command sends it
STATUSES = {
    "not_started": ("queued", "NOT_STARTED"),
    "starting": ("queued", "STARTING"),
    "managed": ("running", "MANAGED"),
    "suspended": ("paused", "SUSPENDED"),
    "scripted": ("succeeded", "SUCCESS"),
    "succeeded": ("succeeded", "SUCCESS"),
    "failed": ("failed", "FAILURE"),
    "retried_step": ("succeeded", "SUCCESS"),
    "skipping": ("succeeded", "SUCCESS"),
    "mapped": ("succeeded", "SUCCESS"),
    "long_log": ("succeeded", "SUCCESS"),
    "lost": ("failed", "FAILURE"),
    "no_resource": ("failed", "FAILURE"),
    "auto_retried": ("failed", "FAILURE"),
    "retry": ("failed", "FAILURE"),
    "partition": ("succeeded", "SUCCESS"),
    "warning": ("warning", "SUCCESS"),
    "timed_out": ("timed_out", "FAILURE CANCELED"),
    "canceled": ("canceled", "CANCELED"),
    "canceled_in_queue": ("canceled", "CANCELED"),
    "queued": ("queued", "QUEUED"),
    "deaf": ("running", "CANCELING"),
    "retrying": ("running", "STARTED"),
    "running": ("running", "STARTED"),
    "elsewhere": ("succeeded", "SUCCESS"),
    "selected": ("succeeded", "SUCCESS"),
}
ERRORS = {
    "failed": "the ledger does not take it",
    "timed_out": "Exceeded maximum runtime of 8 seconds.",
    "no_resource": "there is no such warehouse",
    "auto_retried": "ValueError: mailbox is full",
    "warning": "orders_have_customers of orders",
}
STEPS = {"SUCCESS": "succeeded", "FAILURE": "failed", "SKIPPED": "skipped"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    yield from scene_of(Engine, "dagster", tmp_path_factory)


class AtDagster(LiveDesk):
    within = WITHIN

    def __init__(self, engine: Engine, user: User) -> None:
        super().__init__(user, "dagster", {"base_url": engine.base_url})


@pytest.fixture
def desk(scene: Scene, ana: User, reachable: None) -> AtDagster:
    return AtDagster(scene.engine, ana)


def moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def is_near(one: datetime | None, other: datetime | None) -> bool:
    """Dagster's times are floating point numbers."""
    if one is None or other is None:
        return one is other
    return abs((one - other).total_seconds()) < 0.001


# ----------------------------------------------------------------------------------------- reading


def test_every_run_is_stored_as_dagster_itself_says(
    scene: Scene, desk: AtDagster, capsys: pytest.CaptureFixture[str]
) -> None:
    account = desk.polled()
    assert (account.health, account.last_error) == ("ok", "")
    refs = {run["runId"] for run in scene.engine.runs()}
    assert refs == set(scene.runs.values())
    assert refs == set(Execution.objects.values_list("ref", flat=True))
    steps = 0
    for name, ref in scene.runs.items():
        run, theirs = desk.run(ref), scene.engine.run(ref)
        status, words = STATUSES[name]
        assert run.status == status, name
        assert run.native_status in words.split(), name
        assert run.native_status == theirs["status"]
        began, ended = theirs["startTime"], theirs["endTime"]
        assert is_near(run.started_at, moment(None if began == ended else began)), name
        assert is_near(run.finished_at, moment(ended)), name
        assert is_near(run.created_at, moment(theirs["creationTime"])), name
        assert ERRORS.get(name, "") in run.error_summary, name
        assert run.detail.input == theirs["runConfig"] or name == "no_resource"
        steps += compare_steps(name, run, theirs)
    counts = Counter(status for status, _ in STATUSES.values())
    with capsys.disabled():
        told = ", ".join(f"{status} {count}" for status, count in sorted(counts.items()))
        sys.stdout.write(f"\n{len(refs)} runs and {steps} steps compared: {told}\n")


def compare_steps(name: str, run: Execution, theirs: dict[str, Any]) -> int:
    ours = {step.ref: step for step in Step.objects.filter(execution=run)}
    begun = {each["stepKey"]: each for each in theirs["stepStats"] if each["status"]}
    assert begun.keys() <= ours.keys(), name
    for key, step in ours.items():
        if key not in begun:
            expected = "skipped" if theirs["status"] in ENDED else "queued"
            assert (step.status, step.native_status) == (expected, ""), (name, key)
            continue
        about = begun[key]
        goes_on = "canceled" if theirs["status"] in ENDED else "running"
        expected = "waiting" if name == "retrying" else STEPS.get(about["status"], goes_on)
        assert (step.status, step.native_status) == (expected, about["status"]), (name, key)
        assert is_near(step.started_at, moment(about["startTime"])), (name, key)
        goes_on_now = about["status"] == "IN_PROGRESS" and expected != "waiting"
        tries = len(about["attempts"]) + goes_on_now if about["startTime"] else 0
        assert step.attempt == tries, (name, key)
    return len(ours)


def test_steps_labels_lineage_and_groups(scene: Scene, desk: AtDagster) -> None:
    desk.polled()

    def steps(name: str) -> list[Step]:
        return list(Step.objects.filter(execution__ref=scene.runs[name]).order_by("position"))

    wares = [f"render_label[{ware}]" for ware in ("anchors", "barrels", "candles")]
    assert [step.name for step in steps("mapped")] == ["count_wares", *wares, "print_sheet"]
    read, post, close = steps("failed")
    assert (post.path, post.name, post.attempt) == (["ledger"], "post", 2)
    assert "token=abc123" not in post.error
    assert [each["attempt"] for each in post.tries] == [1, 2]
    assert (read.status, close.status, close.status_reason) == (
        "succeeded", "skipped", "not_reached",
    )  # fmt: skip
    assert [each["status"] for each in steps("retried_step")[0].tries] == [
        "failed", "failed", "succeeded",
    ]  # fmt: skip
    assert steps("retrying")[0].status_reason == "retry"
    lineage = desk.run(scene.runs["retry"]).lineage
    assert lineage.retry_of == scene.runs["auto_retried"]
    assert desk.run(scene.runs["retry"]).detail.attempt == 2
    assert desk.run(scene.runs["elsewhere"]).workflow.name == f"{SECOND} / call_partner"
    assert desk.run(scene.runs["partition"]).name == "Nord / Süd & <1>"
    assert desk.run(scene.runs["selected"]).name == "customers"
    made = Output.objects.filter(execution__ref=scene.runs["succeeded"])
    assert [output.name for output in made] == ["ledger/invoices [2026-11]"]


def test_logs_are_read_to_their_end(scene: Scene, desk: AtDagster) -> None:
    desk.polled()

    def lines(name: str) -> list[LogEntry]:
        run = desk.run(scene.runs[name])
        log_fetcher.fetch(run)
        return list(LogEntry.objects.filter(execution=run).order_by("seq"))

    counted = [line.text for line in lines("long_log") if line.text.startswith("ware ")]
    assert len(counted) == LONG_LOG
    assert counted == sorted(counted)
    told = lines("failed")
    tries = [line.text for line in told if line.text.startswith("Execution of step")]
    assert len([text for text in tries if "ledger refused the entry" in text]) == 2
    assert not [line for line in told if "abc123" in line.text]
    before = len(lines("running"))
    again = desk.poll_until(lambda: lines("running")[before:], WITHIN)
    assert all("look number" in line.text for line in again)
    assert not desk.run(scene.runs["running"]).detail.log_is_complete


def test_the_health_of_daemons_and_code_locations_is_told(scene: Scene, desk: AtDagster) -> None:
    parts = {each.name: each for each in open_account(desk.account).engine()}
    assert parts["queued run coordinator daemon"].is_well
    assert not parts[f"code location {BROKEN}"].is_well
    assert "this location is broken" in parts[f"code location {BROKEN}"].message


# ---------------------------------------------------------------------------------------- commands


def test_commands_are_confirmed_by_what_dagster_says(scene: Scene, desk: AtDagster) -> None:
    engine, runs = scene.engine, scene.runs
    desk.polled()
    for name, option in (("running", ""), ("queued", "graceful"), ("deaf", "forced"),
                         ("suspended", "forced")):  # fmt: skip
        command = desk.settled(desk.do(runs[name], Verb.CANCEL, option=option))
        assert command.state == "confirmed", (name, command.message)
        assert engine.run(runs[name])["status"] == "CANCELED"
        assert desk.status(runs[name]) == "canceled"
    refused = desk.do(runs["starting"], Verb.CANCEL, option="graceful")
    assert refused.state == "rejected"
    assert "due to having status STARTING" in refused.message

    jobs = Workflow.objects.filter(account=desk.account)
    workflow = jobs.get(ref="shop/__repository__/import_invoices")
    values = {"ops__fetch__config__count": 2, "ops__fetch__config__priority": "URGENT"}
    started = desk.settled(desk.start(workflow, values))
    assert started.state == "confirmed", started.message
    theirs = engine.run(started.new_ref)
    assert theirs["runConfig"]["ops"]["fetch"]["config"]["count"] == 2
    wrong = desk.start(workflow, {"arguments": {"ops": {"fetch": {"config": {"count": "many"}}}}})
    assert wrong.state == "rejected"
    assert "count" in wrong.message

    failed = runs["failed"]
    again = desk.settled(desk.do(failed, Verb.RETRY))
    assert again.state == "confirmed", again.message
    assert engine.run(again.new_ref)["parentRunId"] == failed
    desk.poll_until(lambda: desk.status(again.new_ref) == "failed", WITHIN)
    done = {step.ref for step in Step.objects.filter(execution__ref=again.new_ref)}
    assert done == {"ledger.post", "close_books"}
    desk.poll_until(lambda: desk.status(started.new_ref) == "succeeded", WITHIN)


# ------------------------------------------------------------------------------------------- costs


def test_a_poll_of_many_open_runs_costs_less_than_a_request_per_hundred(
    scene: Scene, desk: AtDagster, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Measured with pages of a tenth of their size."""
    many = 110
    for _ in range(many):
        scene.engine.launch("archive_orders")
    monkeypatch.setattr(adapter, "PAGE", adapter.PAGE // 10)
    opened = open_account(desk.account)
    found = [run for run in opened.snapshots(datetime.now(UTC)) if isinstance(run, Snapshot)]
    open_runs = [run for run in found if not run.status.is_final]
    assert len(open_runs) >= many
    assert len({run.ref for run in found}) == len(found)
    pages = len(open_runs) // adapter.PAGE + 1
    assert opened.http.requests <= pages + 1
    listed = opened.http.requests
    refs = [run.ref for run in open_runs[: adapter.Dagster.details_at_once]]
    assert len(list(opened.details(refs))) == len(refs)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(open_runs)} open runs: {listed} requests, {pages} of them for pages of "
            f"{adapter.PAGE}; with their steps {opened.http.requests - listed} for "
            f"{len(refs)} runs\n"
        )

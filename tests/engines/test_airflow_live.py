"""The product's own poller and commands against a real Airflow 3, with a real Postgres.

`make live ENGINE=airflow` runs this. What Airflow itself says, asked past our adapter, decides.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from executions.models import Execution, LogEntry, Question, Step, Transition, Workflow
from executions.polling import log_fetcher
from providers.adapters import airflow as adapter
from providers.contract import Snapshot, Verb
from providers.models import open_account
from tests.engines.airflow import ENDED, LONG_LOG, Engine
from tests.engines.live_desk import LiveDesk, LiveScene, reachable, scene_of
from tests.flow.conftest import ana

__all__ = ["ana", "reachable"]
pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

Scene = LiveScene[Engine]
WITHIN = 120.0  # seconds for a run to get where a command sends it
STATUSES = {
    "running": ("running", "running"),
    "marked": ("failed", "failed"),
    "deferred": ("waiting", "running, deferred"),
    "rescheduled": ("waiting", "running, up_for_reschedule"),
    "retrying": ("waiting", "running, up_for_retry"),
    "queued": ("queued", "queued"),
    "form": ("user_input", "running, awaiting_input"),
    "approval": ("user_input", "running, awaiting_input"),
    "several": ("user_input", "running, awaiting_input"),
    "refused": ("succeeded", "success"),
    "succeeded": ("succeeded", "success"),
    "failed": ("failed", "failed"),
    "warning": ("warning", "success"),
    "run_timed_out": ("timed_out", "failed"),
    "task_timed_out": ("timed_out", "failed"),
    "unanswered": ("timed_out", "failed"),
    "mapped": ("succeeded", "success"),
    "parent": ("succeeded", "success"),
    "child": ("succeeded", "success"),
    "skipping": ("succeeded", "success"),
    "long_log": ("succeeded", "success"),
    "odd": ("succeeded", "success"),
}
ERRORS = {
    "failed": "ConnectionError: ledger refused the entry",
    "task_timed_out": "AirflowTaskTimeout",
    "unanswered": "HITLTimeoutError",
    "run_timed_out": "dagrun_timeout",
}
TASKS = {
    None: "queued", "scheduled": "queued", "queued": "queued", "running": "running",
    "restarting": "running", "success": "succeeded", "failed": "failed", "skipped": "skipped",
    "upstream_failed": "skipped", "removed": "skipped", "deferred": "waiting",
    "up_for_reschedule": "waiting", "up_for_retry": "waiting", "awaiting_input": "user_input",
}  # fmt: skip
ENDED_STEPS = {"succeeded", "failed", "skipped"}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    yield from scene_of(Engine, "airflow", tmp_path_factory)


class AtAirflow(LiveDesk):
    within = WITHIN

    def __init__(self, engine: Engine, user: User, login: str = "ana") -> None:
        settings = {"base_url": engine.base_url, "username": login}
        super().__init__(user, "airflow", settings, password=engine.passwords[login])


@pytest.fixture
def desk(scene: Scene, ana: User, reachable: None) -> AtAirflow:
    return AtAirflow(scene.engine, ana)


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def name_of(task: dict[str, Any]) -> str:
    index = task["map_index"]
    return task["task_id"] if index < 0 else f"{task['task_id']}[{index}]"


# ----------------------------------------------------------------------------------------- reading


def test_every_run_is_stored_as_airflow_itself_says(
    scene: Scene, desk: AtAirflow, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        account = desk.poll()
    assert (account.health, account.last_error) == ("ok", "")
    listed = scene.engine.api("GET", "/dags/~/dagRuns", limit=100)["dag_runs"]
    refs = {f"{row['dag_id']}/{row['dag_run_id']}" for row in listed}
    assert refs >= set(scene.runs.values())
    assert refs == set(Execution.objects.values_list("ref", flat=True))
    steps = 0
    for name, ref in scene.runs.items():
        run, theirs = desk.run(ref), scene.engine.run(ref)
        assert (run.status, run.native_status) == STATUSES[name], name
        assert run.native_status.partition(",")[0] == theirs["state"]
        assert (run.started_at, run.finished_at) == (
            moment(theirs["start_date"]),
            moment(theirs["end_date"]),
        ), name
        assert ERRORS.get(name, "") in run.error_summary, name
        steps += compare_steps(name, run, scene.engine.tasks(ref))
    asked = Question.objects.filter(closed_at=None).values_list("execution__ref", flat=True)
    assert set(asked) == {scene.runs[name] for name in ("form", "approval", "several")}
    counts = Counter(status for status, _ in STATUSES.values())
    with capsys.disabled():
        told = ", ".join(f"{status} {count}" for status, count in sorted(counts.items()))
        sys.stdout.write(f"\n{len(refs)} runs and {steps} steps compared: {told}\n")


def compare_steps(name: str, run: Execution, tasks: list[dict[str, Any]]) -> int:
    ours = {step.ref: step for step in Step.objects.filter(execution=run)}
    assert ours.keys() == {name_of(task) for task in tasks}, name
    for task in tasks:
        step = ours[name_of(task)]
        assert step.status == TASKS[task["state"]], (name, step.ref)
        assert step.native_status == (task["state"] or "")
        began = moment(task["start_date"]) if step.status != "queued" else None
        ended = moment(task["end_date"]) if step.status in ENDED_STEPS else None
        assert (step.started_at, step.finished_at) == (began, ended), (name, step.ref)
        assert step.attempt == task["try_number"]
    return len(tasks)


def test_steps_have_groups_names_errors_and_the_runs_they_started(
    scene: Scene, desk: AtAirflow
) -> None:
    for _ in range(2):
        desk.poll()

    def steps(name: str) -> list[Step]:
        return list(Step.objects.filter(execution__ref=scene.runs[name]).order_by("position"))

    assert [step.path for step in steps("mapped")] == [["warehouse", "north"]] * 3
    wares = ("anchors", "barrels", "candles")
    names = {f"render_label [label of {ware}]" for ware in wares}
    assert {step.name for step in steps("mapped")} == names
    (parent,) = steps("parent")
    assert parent.run_ref == scene.runs["child"]
    (mail, _) = steps("warning")
    assert "ValueError: mailbox is full" in mail.error
    failed = {step.name: step for step in steps("failed")}
    assert failed["post_to_ledger"].attempt == 2
    assert failed["close_books"].status_reason == "upstream"
    assert "abc123" not in failed["post_to_ledger"].error
    odd = desk.run(scene.runs["odd"])
    assert odd.workflow.name == 'Büro: Exporte / <täglich> & "mehr"'
    assert [step.name for step in steps("odd")] == ["Schritt <1> & mehr / 日本"]


def test_logs_are_read_to_their_end(scene: Scene, desk: AtAirflow) -> None:
    for _ in range(2):
        desk.poll()

    def lines(name: str) -> list[LogEntry]:
        run = desk.run(scene.runs[name])
        log_fetcher.fetch(run)
        return list(LogEntry.objects.filter(execution=run).order_by("seq"))

    counted = [line.text for line in lines("long_log") if line.text.startswith("ware ")]
    assert len(counted) == LONG_LOG
    assert counted == sorted(counted)
    told = lines("failed")
    assert len([line for line in told if "the ledger does not take" in line.text]) == 2
    assert {line.step_ref for line in told} == {"read_rows", "post_to_ledger"}
    assert not [line for line in told if "abc123" in line.text]
    before = len(lines("running"))
    again = desk.poll_until(lambda: lines("running")[before:], WITHIN)
    assert [line.text for line in again] == sorted({line.text for line in again}, key=len)
    assert not desk.run(scene.runs["running"]).detail.log_is_complete


# ---------------------------------------------------------------------------------------- commands


def test_commands_are_confirmed_by_what_airflow_says(scene: Scene, desk: AtAirflow) -> None:
    engine, runs = scene.engine, scene.runs
    for _ in range(2):
        desk.poll()

    def answer(name: str, **values: Any) -> str:
        ref = runs[name]
        question = desk.open_question(ref)
        command = desk.settled(desk.do(ref, Verb.ANSWER, question=question, values=values))
        assert command.state == "confirmed", (name, command.message)
        desk.poll_until(lambda: engine.run(ref)["state"] in ENDED, WITHIN)
        return str(engine.run(ref)["state"])

    assert answer("form", note="paid at once", amount=900, chosen_options="Pay") == "success"
    left = "taskInstances/book/xcomEntries/return_value"
    dag, _, run = runs["form"].partition("/")
    value = engine.api("GET", f"/dags/{dag}/dagRuns/{run.replace('+', '%2B')}/{left}")["value"]
    assert "paid at once" in str(value)
    assert "900" in str(value)
    assert answer("approval", chosen_options="Approve") == "success"
    assert answer("several", chosen_options=["anchors", "candles"]) == "success"

    ref = runs["running"]
    command = desk.settled(desk.do(ref, Verb.CANCEL))
    assert command.state == "confirmed", command.message
    assert engine.run(ref)["state"] == "failed"
    assert "Canceled by Annunciator" in engine.run(ref)["note"]
    assert desk.status(ref) == "canceled"
    engine.api("PATCH", f"/dags/archive-orders/dagRuns/{run_id(runs['queued'])}", {"note": "mine"})
    desk.poll()
    desk.settled(desk.do(runs["queued"], Verb.CANCEL))
    assert desk.status(runs["queued"]) == "canceled"
    assert engine.run(runs["queued"])["note"].startswith("mine\n")

    workflow = Workflow.objects.get(account=desk.account, ref="import-invoices")
    started = desk.start(workflow, {"count": 2, "priority": "urgent", "dry_run": True})
    assert started.state in ("accepted", "confirmed"), started.message
    started = desk.settled(started)
    assert started.state == "confirmed"
    theirs = engine.run(started.new_ref)
    assert theirs["conf"] == {"count": 2, "priority": "urgent", "dry_run": True}
    desk.poll_until(lambda: desk.status(started.new_ref) == "succeeded", WITHIN)
    wrong = desk.start(workflow, {"count": 5000})
    assert wrong.state == "rejected"
    assert "5000" in wrong.message

    failed = runs["failed"]
    before = {task["task_id"]: task["try_number"] for task in engine.tasks(failed)}
    assert desk.settled(desk.do(failed, Verb.RETRY)).state == "confirmed"
    engine.wait_for(failed, "failed")
    after = {task["task_id"]: task["try_number"] for task in engine.tasks(failed)}
    assert after["read_rows"] == before["read_rows"]
    assert after["post_to_ledger"] > before["post_to_ledger"]


def run_id(ref: str) -> str:
    return ref.partition("/")[2].replace("+", "%2B").replace(":", "%3A")


def test_a_login_without_a_right_reads_and_is_refused_with_a_reason(
    scene: Scene, ana: User, settings: Any
) -> None:
    settings.ANNUNCIATOR_ALLOWED_NETWORKS = ["127.0.0.0/8:*"]
    desk = AtAirflow(scene.engine, ana, "vera")
    for _ in range(2):
        assert desk.poll().health == "ok"
    ref = scene.runs["deferred"]
    command = desk.do(ref, Verb.CANCEL)
    assert command.state == "rejected"
    assert "Not permitted" in command.message
    assert "403" in command.message
    assert scene.engine.run(ref)["state"] == "running"
    assert desk.status(ref) == "waiting"


# ------------------------------------------------------------------------------------------- costs


def test_a_poll_of_many_open_runs_costs_less_than_a_request_per_hundred(
    scene: Scene, desk: AtAirflow, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Measured with pages of a tenth of their size."""
    many = 110
    for number in range(many):
        scene.engine.trigger("archive-orders", dag_run_id=f"many__{number}")
    monkeypatch.setattr(adapter, "BATCH", adapter.BATCH // 10)
    monkeypatch.setattr(adapter, "FEW", 0)
    opened = open_account(desk.account)
    found = [run for run in opened.snapshots(datetime.now(UTC)) if isinstance(run, Snapshot)]
    open_runs = [run for run in found if not run.status.is_final]
    assert len(open_runs) >= many
    assert len({run.ref for run in open_runs}) == len(open_runs)
    pages = -(-len(open_runs) // adapter.BATCH)
    others = 1 + 1 + 1 + 1 + 2  # version, held, active, questions, ended and their failed tasks
    assert opened.http.requests <= pages + others
    ten_thousand = -(-10_000 // (adapter.BATCH * 10))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(open_runs)} open runs: {opened.http.requests} requests, {pages} of them for "
            f"pages of {adapter.BATCH}; 10,000 in pages of {adapter.BATCH * 10}: {ten_thousand} "
            f"and at most as many for each of waiting tasks, working tasks\n"
        )


# ------------------------------------------------------------------- a server that lost everything


def test_a_server_that_begins_again_with_an_empty_database_costs_no_run(
    scene: Scene, desk: AtAirflow
) -> None:
    engine = scene.engine
    for _ in range(2):
        desk.poll()
    known = dict(Execution.objects.values_list("ref", "status"))
    engine.begin_again()
    account = desk.poll()
    assert account.health == "ok"
    assert "empty_list" in account.poll_warnings
    assert known.items() <= dict(Execution.objects.values_list("ref", "status")).items()
    ref = scene.runs["running"]
    assert known[ref] == "canceled"
    engine.trigger(*ref.split("/")[:1], dag_run_id=ref.partition("/")[2])
    engine.wait_for(ref, "running")
    desk.poll_until(lambda: desk.status(ref) == "running", WITHIN)
    assert Execution.objects.count() == len(known)
    told = Transition.objects.filter(execution__ref=ref).order_by("pk")
    assert list(told.values_list("to_status", flat=True))[-1] == "running"

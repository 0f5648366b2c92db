"""What is special about Airflow. What holds for every provider is in `test_every_adapter.py`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from providers.adapter import Adapter
from providers.adapters import airflow as module
from providers.adapters.airflow import logs, session
from providers.contract import (
    AuthFailed,
    BadResponse,
    NotFound,
    Rejected,
    Snapshot,
    Status,
    Unreachable,
    Verb,
)

API = "/api/v2"
RUNS = f"{API}/dags/~/dagRuns"
TASKS = f"{RUNS}/~/taskInstances/list"
QUESTIONS = f"{RUNS}/~/hitlDetails"
SINCE = datetime(2026, 11, 30, 5, tzinfo=UTC)
NOTHING: dict[str, Any] = {"dag_runs": [], "total_entries": 0, "next_cursor": None}
NO_TASKS: dict[str, Any] = {"task_instances": [], "total_entries": 0}


@pytest.fixture(autouse=True)
def _no_token_is_kept() -> None:
    session._tokens.clear()


@pytest.fixture
def body(recorded) -> Callable[[str], Any]:
    return lambda name: recorded("airflow", name)["body"]


@pytest.fixture
def airflow(server, open_adapter, body) -> Adapter:
    """An account at a server that has nothing; tests put in front what they need."""
    server.on("GET", f"{API}/version", {"body": body("version_of_the_server")})
    server.on("POST", f"{RUNS}/list", {"body": NOTHING})
    server.on("GET", RUNS, {"body": NOTHING})
    server.on("POST", TASKS, {"body": NO_TASKS})
    server.on("GET", QUESTIONS, {"body": body("no_questions")})
    adapter: Adapter = open_adapter("airflow")
    return adapter


@pytest.fixture
def login(server, airflow, open_adapter) -> Adapter:
    """The same with user name and password."""
    token = {"status": 201, "body": {"access_token": "planted.first.token"}}
    second = {"status": 201, "body": {"access_token": "planted.second.token"}}
    server.on("POST", "/auth/token", token, second)
    adapter: Adapter = open_adapter(
        "airflow", token="", username="ana", password="planted-password"
    )
    return adapter


def place_of(run: dict[str, Any]) -> str:
    ids = (quote(run[name], safe="") for name in ("dag_id", "dag_run_id"))
    return "{}/dags/{}/dagRuns/{}".format(API, *ids)


def show(server, body, word: str, **changes: Any) -> str:
    """Serve a recorded run with its tasks. Returns its ref."""
    run = body(f"run_{word}") | changes
    tasks = body(f"tasks_of_a_run_{word}")
    place = place_of(run)
    server.on("GET", place, {"body": run})
    server.on("GET", f"{place}/taskInstances", {"body": tasks})
    server.on("GET", f"{place}/taskInstances/~/xcomEntries", {"body": {"xcom_entries": []}})
    server.on("GET", f"{place}/hitlDetails", {"body": body("no_questions")})
    for task in tasks["task_instances"]:
        tries = f"{place}/taskInstances/{task['task_id']}/-1/tries"
        server.on("GET", tries, {"body": body("tries_of_a_task")})
        for number in range(1, task["try_number"] + 1):
            log = f"{place}/taskInstances/{task['task_id']}/logs/{number}"
            server.on("GET", log, {"body": {"content": []}})
    return f"{run['dag_id']}/{run['dag_run_id']}"


@pytest.fixture
def read(server, airflow, body) -> Callable[..., Snapshot]:
    """The running run, with tasks in these states."""

    def snapshot(*states: Any, **changes: Any) -> Snapshot:
        ref = show(server, body, "that_is_running", **changes)
        task = body("tasks_of_a_run_that_is_running")["task_instances"][0]
        tasks = [
            task | {"state": state, "task_id": f"task-{number}", "id": f"{number}"}
            for number, state in enumerate(states)
        ]
        place = f"{place_of(body('run_that_is_running'))}/taskInstances"
        server.on("GET", place, {"body": {"task_instances": tasks, "total_entries": len(tasks)}})
        for each in tasks:
            log = f"{place}/{each['task_id']}/logs/1"
            server.on("GET", log, {"body": {"content": []}})
        return airflow.snapshot(ref)

    return snapshot


# ---------------------------------------------------------------------------------------- statuses


@pytest.mark.parametrize(
    ("states", "status", "word"),
    [
        (["success", None], Status.RUNNING, "running"),
        (["deferred", "running"], Status.RUNNING, "running"),
        (["deferred", "scheduled"], Status.RUNNING, "running"),
        (["deferred", None, "success"], Status.WAITING, "running, deferred"),
        (["up_for_retry", "skipped"], Status.WAITING, "running, up_for_retry"),
        (["up_for_reschedule"], Status.WAITING, "running, up_for_reschedule"),
        (["restarting", "up_for_retry"], Status.RUNNING, "running"),
    ],
)
def test_a_running_run_waits_where_nothing_of_it_goes_on(read, states, status, word):
    run = read(*states)
    assert (run.status, run.native_status) == (status, word)
    assert run.offers == {Verb.CANCEL}


@pytest.mark.parametrize(
    ("state", "status", "reason"),
    [
        (None, Status.QUEUED, ""),
        ("scheduled", Status.QUEUED, ""),
        ("queued", Status.QUEUED, ""),
        ("running", Status.RUNNING, ""),
        ("restarting", Status.RUNNING, "restarting"),
        ("success", Status.SUCCEEDED, ""),
        ("failed", Status.FAILED, ""),
        ("skipped", Status.SKIPPED, ""),
        ("upstream_failed", Status.SKIPPED, "upstream"),
        ("removed", Status.SKIPPED, "removed"),
        ("deferred", Status.WAITING, "deferred"),
        ("up_for_reschedule", Status.WAITING, "reschedule"),
        ("up_for_retry", Status.WAITING, "retry"),
        ("awaiting_input", Status.USER_INPUT, "input"),
        ("zorbulating", Status.UNKNOWN, "unrecognized"),
    ],
)
def test_a_step_has_a_status_for_every_state_of_a_task(read, state, status, reason):
    (step,) = read(state).steps
    assert (step.status, step.status_reason) == (status, reason)
    assert step.native_status == (state or "")


def test_a_run_asks_only_while_its_task_does(server, airflow, body):
    """A question whose time is over stays in the list of those without an answer."""
    ref = show(server, body, "that_asks")
    place = place_of(body("run_that_asks"))
    server.on("GET", f"{place}/hitlDetails", {"body": body("question_of_a_run")})
    asking = airflow.snapshot(ref)
    assert (asking.status, Verb.ANSWER in asking.offers) == (Status.USER_INPUT, True)
    over = body("question_of_a_run")
    over["hitl_details"][0]["task_instance"]["state"] = "failed"
    server.on("GET", f"{place}/hitlDetails", {"body": over})
    ended = airflow.snapshot(ref)
    assert (ended.status, ended.questions) == (Status.RUNNING, ())


def test_a_task_that_asks_is_deferred_before_version_3_3(server, airflow, body):
    ref = show(server, body, "that_asks")
    older = body("question_of_a_run")
    older["hitl_details"][0]["task_instance"]["state"] = "deferred"
    server.on("GET", f"{place_of(body('run_that_asks'))}/hitlDetails", {"body": older})
    assert airflow.snapshot(ref).status is Status.USER_INPUT


def test_the_word_of_a_newer_state_is_not_sent_to_an_older_server(server, airflow, body):
    """It would answer 422."""
    opened = body("open_runs")
    server.on("POST", f"{RUNS}/list", {"body": opened})
    tasks = body("tasks_of_the_open_runs")
    for task in tasks["task_instances"]:
        if task["state"] == "awaiting_input":
            task["state"] = "deferred"
    server.on("POST", TASKS, {"body": tasks})
    server.on("GET", f"{API}/version", {"body": {"version": "3.1.5"}})
    list(airflow.snapshots(SINCE))
    (asked,) = [seen for seen in server.requests if seen.path == QUESTIONS]
    assert asked.query["state"] == "deferred"
    assert not [seen for seen in server.requests if "awaiting_input" in seen.text]


def test_a_run_that_was_canceled_and_then_tried_again_fails_by_itself(server, airflow, body):
    """Its note stays with it; its start does not."""
    ref = show(server, body, "that_was_canceled")
    assert airflow.snapshot(ref).status is Status.CANCELED
    show(server, body, "that_was_canceled", start_date="2026-11-30T06:00:00Z")
    assert airflow.snapshot(ref).status is Status.FAILED


def test_a_task_that_is_tried_again_has_not_begun(server, airflow, body):
    ref = show(server, body, "that_is_tried_again")
    run = airflow.snapshot(ref)
    steps = {step.ref: step for step in run.steps}
    again = steps["post_to_ledger"]
    assert run.status is Status.RUNNING
    assert again.attempt == 3
    assert (again.status, again.started_at, again.finished_at) == (Status.QUEUED, None, None)


def test_the_looks_of_the_scheduler_do_not_change_a_run(read):
    first = read("running", last_scheduling_decision="2026-11-30T05:40:00Z")
    second = read("running", last_scheduling_decision="2026-11-30T05:40:01Z")
    assert first == second


# --------------------------------------------------------------------------------------- discovery


def opened(body, count: int, *, same_moment: bool = False) -> list[dict[str, Any]]:
    row = body("open_runs")["dag_runs"][7]
    began = datetime(2026, 11, 30, 4, tzinfo=UTC)
    return [
        row
        | {
            "dag_run_id": f"run-{number:05}",
            "run_after": (began + timedelta(seconds=0 if same_moment else number)).isoformat(),
        }
        for number in range(count)
    ]


def serve_open(server, rows: list[dict[str, Any]]) -> None:
    """As the server pages them: by `run_after_gte`, offset and limit of the body."""

    def answers(seen: Any) -> dict[str, Any] | None:
        if (seen.method, seen.path) != ("POST", f"{RUNS}/list"):
            return None
        asked = seen.json
        begin = asked.get("run_after_gte", "")
        left = [row for row in rows if row["run_after"] >= begin]
        offset = asked.get("page_offset", 0)
        page = left[offset : offset + asked["page_limit"]]
        return {"body": {"dag_runs": page, "total_entries": len(left)}}

    plain = server.answer_to

    def answer_to(seen: Any) -> Any:
        if (answer := answers(seen)) is not None:
            server.requests.append(seen)
            return answer
        return plain(seen)

    server.answer_to = answer_to


@pytest.mark.parametrize("same_moment", [False, True])
def test_ten_thousand_open_runs_cost_less_than_a_request_per_hundred(
    server, airflow, body, same_moment
):
    rows = opened(body, 10_000, same_moment=same_moment)
    serve_open(server, rows)
    found = {run.ref for run in airflow.snapshots(SINCE)}
    assert len(found) == len(rows)
    assert len(server.requests) <= len(rows) / 100


def test_runs_that_end_while_the_list_is_read_hide_no_other(server, airflow, body, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 10)
    rows = opened(body, 35)
    serve_open(server, rows)
    found = []
    for run in airflow.snapshots(SINCE):
        found.append(run.ref)
        if len(found) == 5:
            del rows[:5]
    assert len(found) == 35


def test_many_open_runs_wait_by_two_lists_of_their_tasks(server, airflow, body, monkeypatch):
    monkeypatch.setattr(module, "FEW", 3)
    open_runs = body("open_runs")
    del open_runs["dag_runs"][4]  # it was answered before the lists of tasks were recorded
    open_runs["total_entries"] -= 1
    server.on("POST", f"{RUNS}/list", {"body": open_runs})
    server.on("POST", TASKS, {"body": body("tasks_that_go_on")}, json={"state": module.ACTIVE})
    held = [*module.HELD, "awaiting_input"]
    server.on("POST", TASKS, {"body": body("tasks_that_wait_or_ask")}, json={"state": held})
    found = {run.workflow.ref: run for run in airflow.snapshots(SINCE)}
    assert {name: run.native_status for name, run in found.items()} == {
        "await-stock": "running, deferred",
        "poll-harbour": "running, up_for_reschedule",
        "flaky-export": "running, up_for_retry",
        "archive-orders": "queued",
        "sign-contract": "running, awaiting_input",
        "choose-wares": "running, awaiting_input",
        "watch-inbox": "running",
    }
    assert all(run.steps is None for run in found.values())
    assert len(server.requests) == 6


def test_few_open_runs_come_with_their_steps_in_one_request(server, airflow, body):
    server.on("POST", f"{RUNS}/list", {"body": body("open_runs")})
    server.on("POST", TASKS, {"body": body("tasks_of_the_open_runs")})
    server.on("GET", QUESTIONS, {"body": body("questions_without_an_answer")})
    found = list(airflow.snapshots(SINCE))
    assert server.count("POST", TASKS) == 1
    assert [len(run.steps) for run in found] == [1, 1, 1, 1, 2, 2, 1, 2]
    assert not [run.ref for run in found if run.needs_detail]


def test_a_list_and_a_reading_tell_an_open_run_alike(server, airflow, body):
    """Else each poll would undo what the last reading stored."""
    run = body("run_that_waits_for_a_timer")
    server.on("POST", f"{RUNS}/list", {"body": NOTHING | {"dag_runs": [run], "total_entries": 1}})
    server.on("POST", TASKS, {"body": body("tasks_of_a_run_that_waits_for_a_timer")})
    (listed,) = airflow.snapshots(SINCE)
    assert listed == airflow.snapshot(show(server, body, "that_waits_for_a_timer"))


def test_same_run_ids_of_two_dags_are_two_runs(server, airflow, body):
    """A schedule gives runs of many DAGs the same id."""
    failed = body("failed_tasks_of_runs_that_succeeded")["task_instances"][0]
    good = body("run_that_succeeded") | {"dag_run_id": failed["dag_run_id"]}
    bad = good | {"dag_id": failed["dag_id"]}
    server.on("GET", RUNS, {"body": NOTHING | {"dag_runs": [good, bad], "total_entries": 2}})
    server.on("POST", TASKS, {"body": body("failed_tasks_of_runs_that_succeeded")})
    found = {run.ref: run.status for run in airflow.snapshots(SINCE)}
    assert sorted(found.values()) == [Status.SUCCEEDED, Status.WARNING]


def test_a_server_without_cursors_is_paged_by_number(server, airflow, body):
    rows = body("runs_ended_last_page")["dag_runs"]
    answers = [
        {"body": {"dag_runs": rows[at : at + 3], "total_entries": len(rows)}} for at in (0, 3, 6)
    ]
    server.on("GET", RUNS, *answers)
    assert len(list(airflow.snapshots(SINCE))) == len(rows)
    asked = [seen.query["offset"] for seen in server.requests if seen.path == RUNS]
    assert asked == ["0", "3", "6"]


def test_a_page_that_the_server_made_smaller_is_not_the_last(server, airflow, body):
    """`limit` is clamped to maximum_page_limit without a word."""
    rows = body("runs_ended_last_page")["dag_runs"]
    first = {"body": {"dag_runs": rows[:2], "total_entries": 8, "next_cursor": "kRA"}}
    last = {"body": {"dag_runs": rows[2:], "total_entries": 8, "next_cursor": None}}
    server.on("GET", RUNS, first, last)
    assert len(list(airflow.snapshots(SINCE))) == len(rows)


def test_a_first_discovery_is_bounded(server, airflow, body):
    row = body("run_that_succeeded")
    pages = [
        {
            "body": {
                "dag_runs": [row | {"dag_run_id": f"{page}-{n}"} for n in range(100)],
                "total_entries": 50_000,
                "next_cursor": f"c{page}",
            }
        }
        for page in range(12)
    ]
    server.on("GET", RUNS, *pages)
    assert len(list(airflow.snapshots(None))) == module.HISTORY


# --------------------------------------------------------------------------------------- the login


def test_a_login_is_kept_and_made_anew_when_it_is_over(server, login, body):
    list(login.snapshots(SINCE))
    assert server.count("POST", "/auth/token") == 1
    server.on("GET", RUNS, {"status": 401, "body": {"detail": "Token Expired"}}, {"body": NOTHING})
    list(login.snapshots(SINCE))
    assert server.count("POST", "/auth/token") == 2
    used = [seen.headers.get("authorization") for seen in server.requests if seen.path == RUNS]
    assert used[-1] == "Bearer planted.second.token"


def test_a_login_is_made_anew_after_the_server_began_with_another_key(server, login, body):
    """Then it answers 403, as for a missing right (seen)."""
    list(login.snapshots(SINCE))
    refusal = {"status": 403, "body": body("token_that_is_over")}
    server.on("GET", RUNS, refusal, {"body": NOTHING})
    list(login.snapshots(SINCE))
    assert server.count("POST", "/auth/token") == 2


def test_a_missing_right_is_no_reason_to_log_in_again(server, login, body):
    list(login.snapshots(SINCE))
    server.on("GET", RUNS, {"status": 403, "body": body("right_to_cancel_is_missing")})
    with pytest.raises(AuthFailed, match="Forbidden"):
        list(login.snapshots(SINCE))
    assert server.count("POST", "/auth/token") == 1


def test_a_wrong_password_is_told(server, login, body):
    server.on("POST", "/auth/token", {"status": 401, "body": body("wrong_password")})
    with pytest.raises(AuthFailed, match="Invalid credentials"):
        login.check()


def test_no_token_and_no_password_is_told_before_anything_is_sent(airflow, open_adapter):
    bare = open_adapter("airflow", token="")
    with pytest.raises(AuthFailed, match="needs a token, or a user name and a password"):
        bare.cancel("a/b")


def test_the_address_may_end_in_the_path_of_the_api(server, airflow, open_adapter, body):
    adapter = open_adapter("airflow", base_url=f"{server.url}{API}/")
    run = adapter.snapshot(show(server, body, "that_succeeded"))
    assert run.url.startswith(f"{server.url}/dags/import-invoices/runs/manual__2026")


# ------------------------------------------------------------------------------------ the versions


@pytest.mark.parametrize(
    ("version", "word"), [("3.0.6", "too old"), ("2.11.0", "too old"), ("4.0.0", "too new")]
)
def test_another_version_is_refused_with_those_that_work(server, airflow, version, word):
    server.on("GET", f"{API}/version", {"body": {"version": version}})
    sentence = f"Airflow {version} is {word}. This works with Airflow 3.1 and every later 3.x"
    for ask in (airflow.check, lambda: list(airflow.snapshots(SINCE))):
        with pytest.raises(BadResponse, match=sentence):
            ask()


@pytest.mark.parametrize("version", ["3.1.0", "3.3.2", "3.11.0rc1"])
def test_every_later_version_3_works(server, airflow, version):
    server.on("GET", f"{API}/version", {"body": {"version": version}})
    assert list(airflow.snapshots(SINCE)) == []


def test_airflow_2_is_told_by_what_it_does_not_have(server, airflow):
    server.on("GET", f"{API}/version", {"status": 404, "body": {"title": "Not Found"}})
    with pytest.raises(NotFound, match="no REST API of Airflow 3 at this address"):
        airflow.check()


# --------------------------------------------------------------------------------------- questions


def ask(server, airflow, body, **changes: Any) -> Any:
    ref = show(server, body, "that_asks")
    details = body("question_of_a_run")
    details["hitl_details"][0] |= changes
    place = f"{place_of(body('run_that_asks'))}/hitlDetails"
    server.on("GET", place, {"body": details})
    (question,) = airflow.snapshot(ref).questions
    return question


def test_several_options_are_chosen_in_a_list(server, airflow, body):
    question = ask(server, airflow, body, multiple=True, defaults=["Pay"], params={})
    chosen = question.schema["properties"]["chosen_options"]
    assert (chosen["type"], chosen["minItems"]) == ("array", 1)
    assert question.model == {"chosen_options": ["Pay"]}


def test_a_parameter_may_be_called_as_the_options_are(server, airflow, body):
    about = {"value": 1, "description": "Mine.", "schema": {"type": "integer"}}
    question = ask(server, airflow, body, params={"chosen_options": about})
    properties = question.schema["properties"]
    assert properties["chosen_options"]["type"] == "integer"
    assert properties["chosen_options"]["description"] == "Mine."
    assert properties["chosen_options_"]["enum"] == ["Pay", "Hold", "Refuse"]
    assert question.schema["required"] == ["chosen_options_"]


@pytest.mark.parametrize(("seconds", "is_sent"), [(0, False), (3, False), (8, True)])
def test_an_answer_waits_until_the_task_is_ready_for_it(server, airflow, body, seconds, is_sent):
    """One in the very moment of the question fails the run (seen)."""
    asked_at = datetime.now(UTC) - timedelta(seconds=seconds)
    question = ask(server, airflow, body, created_at=asked_at.isoformat())
    place = place_of(body("run_that_asks"))
    answer = f"{place}/taskInstances/decide/-1/hitlDetails"
    server.on("PATCH", answer, {"body": body("answer_accepted")})
    ref = f"approve-payment/{body('run_that_asks')['dag_run_id']}"
    if is_sent:
        airflow.answer(ref, question.ref, {"chosen_options": "Pay"})
    else:
        with pytest.raises(Unreachable, match="a moment ago") as caught:
            airflow.answer(ref, question.ref, {"chosen_options": "Pay"})
        assert not airflow.http.may_have_acted(caught.value)
    assert server.count("PATCH", answer) == is_sent


def test_a_question_names_whom_it_asks(server, airflow, body):
    people = [{"id": "ana", "name": "Ana"}, {"id": "7", "name": ""}]
    assert ask(server, airflow, body, assigned_users=people).assignees == ("Ana", "7")


# -------------------------------------------------------------------------------------- the cancel


def test_a_note_without_room_is_left_as_it_is(server, airflow, body):
    ref = show(server, body, "that_is_running", note="x" * 990)
    place = place_of(body("run_that_is_running"))
    server.on("PATCH", place, {"body": body("cancel_accepted")})
    airflow.cancel(ref)
    assert server.requests[-1].json == {"state": "failed"}


def test_a_run_that_failed_by_itself_is_not_marked_again(server, airflow, body):
    ref = show(server, body, "that_failed")
    with pytest.raises(Rejected, match="already ended"):
        airflow.cancel(ref)
    assert not [seen for seen in server.requests if seen.method == "PATCH"]


# --------------------------------------------------------------------------------------- the retry


def retried(server, airflow, body, word: str, **changes: Any) -> Any:
    """The tasks that a retry of a recorded run names."""
    ref = show(server, body, word, **changes)
    dag = ref.partition("/")[0]
    place = f"{API}/dags/{dag}/clearTaskInstances"
    server.on("POST", place, {"body": body("retry_accepted")})
    assert airflow.retry(ref, "a-key") == ref
    return server.requests[-1].json["task_ids"]


def test_a_retry_names_what_was_cut_off_by_the_limit_of_a_run(server, airflow, body):
    assert retried(server, airflow, body, "that_took_too_long") == ["book_all", "publish"]


def test_a_retry_over_a_failed_task_names_that_alone(server, airflow, body):
    word = "that_succeeded_over_a_failed_task"
    assert retried(server, airflow, body, word) == ["send_courtesy_mail"]


def test_a_run_without_a_failed_task_has_nothing_to_try_again(server, airflow, body):
    ref = show(server, body, "that_succeeded")
    with pytest.raises(Rejected, match="nothing to try again"):
        airflow.retry(ref, "a-key")


def test_a_failed_step_has_its_tries(server, airflow, body):
    run = airflow.snapshot(show(server, body, "that_failed"))
    tries = {step.ref: step.tries for step in run.steps}
    assert tries["read_rows"] == ()
    first, last = tries["post_to_ledger"]
    assert (first.attempt, first.status, first.error) == (1, Status.FAILED, "")
    assert first.finished_at < last.started_at
    assert last.error == "Its log tells no error."


@pytest.mark.parametrize(
    ("word", "offers"),
    [
        ("that_is_queued", {Verb.CANCEL}),
        ("that_is_running", {Verb.CANCEL}),
        ("that_waits_for_a_timer", {Verb.CANCEL}),
        ("that_failed", {Verb.RETRY}),
        ("that_was_canceled", {Verb.RETRY}),
        ("that_took_too_long", {Verb.RETRY}),
        ("that_succeeded_over_a_failed_task", {Verb.RETRY}),
        ("that_succeeded", set()),
    ],
)
def test_a_run_offers_what_airflow_does_with_it(server, airflow, body, word, offers):
    assert airflow.snapshot(show(server, body, word)).offers == offers


# -------------------------------------------------------------------------------------- the engine


def test_a_part_of_the_engine_that_never_was_there_is_not_missed(server, airflow, body):
    health = body("health_of_the_server")
    health["triggerer"] = {"status": None, "latest_triggerer_heartbeat": None}
    health["dag_processor"]["status"] = "healthy"
    server.on("GET", f"{API}/monitor/health", {"body": health})
    parts = {part.name: part for part in airflow.engine()}
    assert {name: part.is_well for name, part in parts.items()} == {
        "metadatabase": True, "scheduler": False, "dag processor": True,
    }  # fmt: skip
    assert parts["scheduler"].seen_at is not None


# ---------------------------------------------------------------------------------------- the logs


def test_every_line_of_a_log_comes_once_while_its_task_goes_on(server, airflow, body):
    ref = show(server, body, "that_is_running")
    place = f"{place_of(body('run_that_is_running'))}/taskInstances/look_for_mail/logs/1"
    whole = body("log_of_a_running_task")["content"]
    for count in (3, 3, 10, len(whole)):
        server.on("GET", place, {"body": {"content": whole[:count]}})
        if count == 3 and server.count("GET", place) == 0:
            chunk = airflow.log(ref, "")
            told, cursor = [*chunk.lines], chunk.next_cursor
            continue
        chunk = airflow.log(ref, cursor)
        told += chunk.lines
        cursor = chunk.next_cursor
        assert not chunk.is_complete
    assert [line.text for line in told] == [entry["event"] for entry in whole]


def test_the_log_of_a_try_that_comes_later_is_read_as_well(server, airflow, body):
    """A task that is cleared keeps its lines and begins another try."""
    ref = show(server, body, "that_failed")
    place = f"{place_of(body('run_that_failed'))}/taskInstances"
    for task, number in (("read_rows", 1), ("post_to_ledger", 1), ("post_to_ledger", 2)):
        entry = {"event": f"{task} {number}"}
        server.on("GET", f"{place}/{task}/logs/{number}", {"body": {"content": [entry]}})
    first = airflow.log(ref, "")
    assert [line.text for line in first.lines] == [
        "read_rows 1", "post_to_ledger 1", "post_to_ledger 2",
    ]  # fmt: skip
    assert first.is_complete
    tasks = copy.deepcopy(body("tasks_of_a_run_that_failed"))
    for task in tasks["task_instances"]:
        if task["task_id"] == "post_to_ledger":
            task |= {"try_number": 3, "start_date": "2026-11-30T06:00:00Z", "state": "running"}
    server.on("GET", place, {"body": tasks})
    log = f"{place}/post_to_ledger/logs/3"
    server.on("GET", log, {"body": {"content": [{"event": "post_to_ledger 3"}]}})
    second = airflow.log(ref, first.next_cursor)
    assert [line.text for line in second.lines] == ["post_to_ledger 3"]


def test_a_long_log_comes_in_parts(server, airflow, body, monkeypatch):
    monkeypatch.setattr(module, "LINES", 4)
    ref = show(server, body, "that_failed")
    place = f"{place_of(body('run_that_failed'))}/taskInstances"
    for task, number, count in (
        ("read_rows", 1, 6),
        ("post_to_ledger", 1, 1),
        ("post_to_ledger", 2, 3),
    ):
        content = [{"event": f"{task} {number} {line}"} for line in range(count)]
        server.on("GET", f"{place}/{task}/logs/{number}", {"body": {"content": content}})
    told, cursor, sizes = [], "", []
    while True:
        chunk = airflow.log(ref, cursor)
        told += [line.text for line in chunk.lines]
        sizes.append(len(chunk.lines))
        cursor = chunk.next_cursor
        if chunk.is_complete:
            break
    assert sizes == [4, 4, 2]
    assert len(told) == len(set(told)) == 10


def test_an_exception_in_a_log_has_its_frames_and_its_words(server, airflow, body):
    ref = show(server, body, "that_failed")
    place = f"{place_of(body('run_that_failed'))}/taskInstances/post_to_ledger/logs/2"
    server.on("GET", place, {"body": body("log_of_a_task_that_failed")})
    told = [line.text for line in airflow.log(ref, "").lines if "Task failed" in line.text]
    assert "in post_to_ledger" in told[0]
    assert told[0].endswith("ConnectionError: ledger refused the entry: token=abc123")


def test_what_ended_a_task_comes_before_what_its_runner_met_then():
    """A busy server refuses to note the end of a task (seen)."""
    raised = {"event": "Task failed with exception", "error_detail": [{"exc_type": "OSError"}]}
    later = {"event": "Failed to report", "error_detail": [{"exc_type": "AirflowRuntimeError"}]}
    killed = {"event": "Task killed!", "level": "error"}
    assert logs.cause([raised, later, killed]) == ("OSError", "OSError")
    assert logs.cause([later, killed]) == ("AirflowRuntimeError", "AirflowRuntimeError")
    assert logs.cause([killed, {"event": "bye"}]) == ("", "Task killed!")


# ---------------------------------------------------------------------------------- starts, values


def test_parameters_become_fields_of_their_kind(server, airflow, body):
    place = f"{API}/dags/import-invoices/details"
    server.on("GET", place, {"body": body("dag_with_parameters")})
    fields = {field.key: field for field in airflow.start_fields("import-invoices")}
    assert {key: field.kind for key, field in fields.items()} == {
        "count": "integer", "priority": "choice", "source": "text", "dry_run": "boolean",
        "tags": "json",
    }  # fmt: skip
    assert not [key for key, field in fields.items() if field.required]
    assert fields["tags"].default == ["a"]


def test_a_text_left_empty_is_not_sent_where_the_dag_has_none(server, airflow, body):
    place = f"{API}/dags/import-invoices"
    server.on("GET", f"{place}/details", {"body": body("dag_with_parameters")})
    server.on("POST", f"{place}/dagRuns", {"body": body("start_accepted")})
    airflow.start("import-invoices", {"source": "", "priority": "", "count": 3}, "key")
    assert server.requests[-1].json["conf"] == {"priority": "", "count": 3}


def test_what_a_run_was_given_fills_both_kinds_of_form(airflow):
    given = {"count": 3}
    assert airflow.arguments_of(given) == {"count": 3, "arguments": {"count": 3}}
    assert airflow.arguments_of(None) == {}


def test_values_that_airflow_leaves_for_itself_are_not_shown(server, airflow, body):
    run = show(server, body, "that_started_another")
    place = f"{place_of(body('run_that_started_another'))}/taskInstances"
    values = {"body": body("values_of_a_run_that_started_another")}
    server.on("GET", f"{place}/~/xcomEntries", values)
    child = f"{place}/import_first/xcomEntries/trigger_run_id"
    server.on("GET", child, {"body": body("value_that_names_the_started_run")})
    assert [output.name for output in airflow.snapshot(run).outputs] == [
        "import_first trigger_run_id"
    ]


def test_digits_of_a_value_come_as_they_were(server, airflow, body):
    run = body("run_with_an_odd_name")
    place = f"{place_of(run)}/taskInstances/{quote('schritt.ä-1')}/xcomEntries/return_value"
    server.on("GET", place, {"body": body("value_with_odd_digits")})
    ref = f"{run['dag_id']}/{run['dag_run_id']}"
    opened = airflow.open_output(ref, "schritt.ä-1/-1/return_value")
    assert "12345678901234567890" in b"".join(opened.chunks).decode()

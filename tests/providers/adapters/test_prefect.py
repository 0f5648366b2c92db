"""What is special about Prefect. What holds for every provider is in `test_every_adapter.py`."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.adapter import Adapter
from providers.contract import AuthFailed, Rejected, Snapshot, Status, Unsupported, Verb

FLOW_RUNS = "/api/flow_runs/filter"
BROKEN = {"state": {"type": {"any_": ["FAILED", "CRASHED"]}}}
NOT_BEGUN = {"sort": "NEXT_SCHEDULED_START_TIME_ASC"}
SINCE = datetime(2026, 11, 22, tzinfo=UTC)
KEYSET = {"schema": "paused-1-schema", "response": "x", "description": "paused-1-description"}


@pytest.fixture
def body(recorded) -> Callable[[str], Any]:
    return lambda name: recorded("prefect", name)["body"]


@pytest.fixture
def prefect(server, open_adapter) -> Adapter:
    """An account at a server that has nothing; tests put in front what they need."""
    for kind in ("flow_runs", "task_runs", "flows", "deployments", "logs"):
        server.on("POST", f"/api/{kind}/filter", {"body": []})
    adapter: Adapter = open_adapter("prefect")
    return adapter


@pytest.fixture
def read(server, prefect, body) -> Callable[..., Snapshot]:
    """The snapshot of the recorded running run, in another state."""

    def snapshot(kind: str, name: str, **details: Any) -> Snapshot:
        run = body("run_running")
        run |= {"state_type": kind, "state_name": name}
        run["state"]["state_details"] |= details
        server.on("GET", f"/api/flow_runs/{run['id']}", {"body": run})
        server.on("POST", f"/api/flow_runs/{run['id']}/input/filter", {"body": []})
        return prefect.snapshot(run["id"])

    return snapshot


def show(server, name: str, body: Callable[[str], Any], **changes: Any) -> str:
    """Serve a recorded run. Returns its ref."""
    run = body(name) | changes
    server.on("GET", f"/api/flow_runs/{run['id']}", {"body": run})
    return str(run["id"])


# ---------------------------------------------------------------------------------------- statuses


@pytest.mark.parametrize(
    ("kind", "name", "status", "reason"),
    [
        ("SCHEDULED", "Late", Status.QUEUED, "late"),
        ("SCHEDULED", "Resuming", Status.QUEUED, "resuming"),
        ("SCHEDULED", "AwaitingRetry", Status.WAITING, "retry"),
        ("SCHEDULED", "AwaitingConcurrencySlot", Status.WAITING, "concurrency"),
        ("PENDING", "Submitting", Status.QUEUED, ""),
        ("PENDING", "InfrastructurePending", Status.QUEUED, ""),
        ("PENDING", "NotReady", Status.QUEUED, "upstream"),
        ("RUNNING", "Retrying", Status.RUNNING, "retry"),
        ("RUNNING", "Counting apples", Status.RUNNING, ""),
        ("CANCELLING", "Cancelling", Status.RUNNING, "aborting"),
        ("PAUSED", "Suspended", Status.PAUSED, "suspended"),
        ("COMPLETED", "Cached", Status.SUCCEEDED, "cached"),
        ("COMPLETED", "RolledBack", Status.SUCCEEDED, "rolled_back"),
        ("COMPLETED", "Skipped", Status.SKIPPED, ""),
        ("FAILED", "TimedOut", Status.TIMED_OUT, ""),
        ("CRASHED", "Crashed", Status.FAILED, "crashed"),
    ],
)
def test_the_name_of_a_state_can_change_what_its_type_means(read, kind, name, status, reason):
    snapshot = read(kind, name)
    assert (snapshot.status, snapshot.status_reason) == (status, reason)
    assert kind in snapshot.native_status


def test_a_pause_waits_for_a_person_only_if_it_asks_for_input(read):
    assert read("PAUSED", "Paused", run_input_keyset=None).status is Status.PAUSED
    assert read("PAUSED", "Paused", run_input_keyset=KEYSET).status is Status.USER_INPUT
    assert read("RUNNING", "Running", run_input_keyset=KEYSET).status is Status.RUNNING


@pytest.mark.parametrize(
    ("name", "offers"),
    [
        ("run_paused_for_input", {Verb.CANCEL, Verb.ANSWER}),
        ("run_suspended_for_input", {Verb.CANCEL, Verb.ANSWER}),
        ("run_paused_without_input", {Verb.CANCEL, Verb.RESUME}),
        ("run_scheduled", {Verb.CANCEL}),
        ("run_running", {Verb.CANCEL}),
        ("run_started_again", {Verb.CANCEL}),
        ("run_failed", {Verb.RETRY}),
        ("run_timed_out", {Verb.RETRY}),
        ("run_completed", set()),
        ("run_canceled", set()),
    ],
)
def test_a_run_offers_what_its_state_takes(server, prefect, body, name, offers):
    server.on("POST", FLOW_RUNS, {"body": [body(name)]}, json=NOT_BEGUN)
    (snapshot,) = prefect.snapshots(SINCE)
    assert snapshot.offers == offers


def test_a_run_without_deployment_cannot_be_canceled_while_it_has_a_process(server, prefect, body):
    offers = [
        prefect.snapshot(show(server, name, body, deployment_id=None)).offers
        for name in ("run_running", "run_scheduled", "run_suspended_for_input")
        if server.on("POST", f"/api/flow_runs/{body(name)['id']}/input/filter", {"body": []})
        is None
    ]
    assert [Verb.CANCEL in each for each in offers] == [False, True, True]


def test_a_run_that_completed_over_a_failed_task_is_a_warning(server, prefect, body):
    damaged = body("completed_runs_with_a_failed_task")
    server.on(
        "POST", FLOW_RUNS, {"body": body("runs_open_or_ended_since")}, json={"sort": "ID_DESC"}
    )
    server.on("POST", FLOW_RUNS, {"body": damaged}, json={"task_runs": BROKEN})
    found = {run.ref: run for run in prefect.snapshots(SINCE)}
    warnings = [ref for ref, run in found.items() if run.status is Status.WARNING]
    assert warnings == [damaged[0]["id"]]
    assert not found[warnings[0]].needs_detail
    ref = damaged[0]["id"]
    server.on("GET", f"/api/flow_runs/{ref}", {"body": damaged[0]})
    assert prefect.snapshot(ref).status is Status.WARNING


def test_times_error_and_link_of_a_failed_run(server, prefect, body):
    snapshot = prefect.snapshot(show(server, "run_failed", body))
    assert snapshot.error.startswith("Flow run encountered an exception: ValueError")
    assert snapshot.finished_at == datetime(2026, 11, 22, 0, 38, 8, 938319, UTC)
    assert snapshot.url == f"{server.url}/runs/flow-run/{snapshot.ref}"


def test_the_pages_of_prefect_cloud_are_on_another_host(server, prefect, open_adapter):
    cloud = open_adapter(
        "prefect", base_url="https://api.prefect.cloud/api/accounts/a1/workspaces/w2"
    )
    assert cloud.site == "https://app.prefect.cloud/account/a1/workspace/w2"


# --------------------------------------------------------------------------------------- discovery


def test_discovery_takes_two_lists_and_asks_for_names_once(server, prefect, body):
    rows = body("runs_open_or_ended_since")
    server.on("POST", FLOW_RUNS, {"body": rows}, json={"sort": "ID_DESC"})
    server.on("POST", "/api/flows/filter", {"body": body("flows_of_the_runs")})
    server.on("POST", "/api/deployments/filter", {"body": body("deployments_of_the_runs")})
    first = list(prefect.snapshots(SINCE))
    # two lists, whether one of them goes on, and which of its runs are damaged
    assert server.count("POST", FLOW_RUNS) == 4
    assert server.count("POST", "/api/flows/filter") == 1
    asked = len(server.requests)
    assert [run.workflow for run in prefect.snapshots(SINCE)] == [run.workflow for run in first]
    assert len(server.requests) == asked + 4
    where = next(s.json["flow_runs"] for s in server.requests if s.json["sort"] == "ID_DESC")
    assert where["operator"] == "or_"
    assert datetime.fromisoformat(where["end_time"]["after_"]) == SINCE


def test_a_first_discovery_is_bounded(server, prefect, body):
    def page(number: int) -> dict[str, Any]:
        run = body("run_failed")
        return {"body": [run | {"id": f"{number}-{n}"} for n in range(200)]}

    server.on("POST", FLOW_RUNS, *(page(n) for n in range(9)), json={"sort": "END_TIME_DESC"})
    assert len(list(prefect.snapshots(None))) == 1000


def test_rows_that_move_while_we_read_come_once_and_a_page_of_old_rows_ends_it(
    server, prefect, body
):
    run = body("run_running")
    first = [run | {"id": f"run-{n}"} for n in range(200)]
    second = [run | {"id": f"run-{n}"} for n in range(150, 350)]
    answers = [{"body": first}, {"body": second}, {"body": second}]
    server.on("POST", FLOW_RUNS, *answers, json={"sort": "ID_DESC"})
    refs = [found.ref for found in prefect.snapshots(SINCE)]
    assert sorted(refs) == sorted(f"run-{n}" for n in range(350))


def test_a_server_with_a_limit_of_its_own_is_read_to_the_end(server, prefect, body):
    """It refuses a limit above PREFECT_API_DEFAULT_LIMIT, so none is sent."""
    run = body("run_running")
    pages = [[run | {"id": f"{start + n}"} for n in range(50)] for start in (0, 50, 100)]
    answers = [{"body": rows} for rows in (*pages, [])]
    server.on("POST", FLOW_RUNS, *answers, json={"sort": "ID_DESC"})
    assert len(list(prefect.snapshots(SINCE))) == 150
    asked = [seen.json for seen in server.requests if seen.json.get("sort") == "ID_DESC"]
    assert [body["offset"] for body in asked] == [0, 50, 100, 150]
    assert not [body for body in asked if "limit" in body]


def test_what_a_schedule_plans_is_no_run_until_it_is_due(server, prefect, body):
    planned = body("run_scheduled") | {"auto_scheduled": True}
    late = planned | {"id": "late", "state_name": "Late"}
    by_hand = planned | {"id": "by-hand", "auto_scheduled": False}
    server.on("POST", FLOW_RUNS, {"body": [planned, late, by_hand]}, json=NOT_BEGUN)
    assert [run.ref for run in prefect.snapshots(SINCE)] == ["late", "by-hand"]


def test_the_workflow_of_a_run_is_its_deployment_else_its_flow(server, prefect, body):
    run = body("run_running")
    ref, flow = run["deployment_id"], run["flow_id"]
    server.on("POST", "/api/flows/filter", {"body": [{"id": flow, "name": "watch"}]})
    server.on("POST", "/api/deployments/filter", {"body": [{"id": ref, "name": "nightly"}]})
    deployed = prefect.snapshot(show(server, "run_running", body)).workflow
    assert (deployed.ref, deployed.name, deployed.can_start) == (ref, "watch / nightly", True)
    loose = prefect.snapshot(show(server, "run_running", body, deployment_id=None)).workflow
    assert (loose.ref, loose.name, loose.can_start) == (flow, "watch", False)


def test_a_deployment_that_is_gone_is_asked_for_once_and_cannot_be_started(server, prefect, body):
    for _ in range(2):
        workflow = prefect.snapshot(show(server, "run_running", body)).workflow
    assert not workflow.can_start
    assert server.count("POST", "/api/deployments/filter") == 1


# ------------------------------------------------------------------------------------------- steps


def test_steps_of_a_sub_flow_follow_the_step_that_stands_for_it(server, prefect, body):
    ref = show(server, "run_with_sub_flows", body)
    tasks, inner = body("tasks_of_a_run_with_sub_flows"), body("tasks_of_the_sub_flows")
    server.on("POST", "/api/task_runs/filter", {"body": tasks}, {"body": inner}, {"body": []})
    steps = prefect.snapshot(ref).steps
    shown = [(step.path, step.name.rpartition("-")[0]) for step in steps]
    assert shown == [
        ((), "check-supplier"),
        (("check-supplier-0",), "read_rows"),
        ((), "check-supplier"),
        (("check-supplier-1",), "read_rows"),
    ]
    assert {step.run_ref for step in steps} == {"", *(task["flow_run_id"] for task in inner)}


def test_a_sub_flow_that_contains_itself_ends(server, prefect, body):
    ref = show(server, "run_with_sub_flows", body)
    task = body("tasks_of_a_run_with_sub_flows")[0]
    task["state"]["state_details"]["child_flow_run_id"] = ref
    server.on("POST", "/api/task_runs/filter", {"body": [task]})
    assert len(prefect.snapshot(ref).steps) == 1


def test_a_task_says_how_often_it_was_tried(server, prefect, body):
    ref = show(server, "run_failed", body)
    server.on("POST", "/api/task_runs/filter", {"body": body("tasks_of_a_failed_run")})
    snapshot = prefect.snapshot(ref)
    tries = {step.name: step.attempt for step in snapshot.steps}
    assert tries == {"explode-a55": 2, "extract-d0a": 1}
    assert snapshot.attempt == body("run_failed")["run_count"]


def test_a_task_whose_upstream_failed_was_skipped(server, prefect, body):
    ref = show(server, "run_failed", body)
    tasks = body("tasks_of_a_failed_run")
    tasks[0] |= {"state_type": "PENDING", "state_name": "NotReady"}
    server.on("POST", "/api/task_runs/filter", {"body": tasks})
    first, second = prefect.snapshot(ref).steps
    assert (first.status, first.error) == (Status.SUCCEEDED, "")
    assert (second.status, second.status_reason) == (Status.SKIPPED, "upstream")


# --------------------------------------------------------------------------------------- questions


def ask(server, prefect, body, answers: Any) -> Snapshot:
    ref = show(server, "run_paused_for_input_with_a_description", body)
    server.on("POST", f"/api/flow_runs/{ref}/input/filter", {"body": answers})
    found: Snapshot = prefect.snapshot(ref)
    return found


def test_a_pause_shows_its_form_its_words_and_its_deadline(server, prefect, body):
    snapshot = ask(server, prefect, body, body("input_with_a_description"))
    (question,) = snapshot.questions
    assert question.title == "PaymentDecision"
    assert question.description == "A payment of 1200 is waiting."
    assert question.schema["required"] == ["approve"]
    assert question.due_at - snapshot.started_at > timedelta(hours=5)
    assert snapshot.status_since == datetime.fromisoformat(snapshot.raw["state"]["timestamp"])
    assert server.requests[-2].json["prefix"] == "paused-1-"


def test_a_form_that_is_not_written_yet_cannot_be_answered(server, prefect, body):
    snapshot = ask(server, prefect, body, [])
    assert [question.is_answerable for question in snapshot.questions] == [False]
    assert snapshot.status is Status.USER_INPUT
    assert Verb.ANSWER not in snapshot.offers


def test_a_list_row_that_asks_a_person_has_to_be_read(server, prefect, body):
    rows = [body("run_paused_for_input"), body("run_paused_without_input")]
    server.on("POST", FLOW_RUNS, {"body": rows}, json={"sort": "ID_DESC"})
    asking, plain = prefect.snapshots(SINCE)
    assert (asking.needs_detail, asking.questions) == (True, None)
    assert (plain.needs_detail, plain.questions) == (False, ())


def test_an_answer_to_an_earlier_pause_is_not_sent(server, prefect, body):
    ref = show(server, "run_paused_for_input", body)
    with pytest.raises(Rejected, match="moved on"):
        prefect.answer(ref, "the-state-of-yesterday", {"approve": True})
    assert not server.count("POST", f"/api/flow_runs/{ref}/resume")


def test_a_refused_answer_names_the_field(server, prefect, body):
    ref = show(server, "run_paused_for_input", body)
    server.on(
        "POST", f"/api/flow_runs/{ref}/resume", {"status": 200, "body": body("answer_refused")}
    )
    question = body("run_paused_for_input")["state"]["id"]
    with pytest.raises(Rejected) as caught:
        prefect.answer(ref, question, {"approve": "not a bool", "comment": 5})
    assert caught.value.fields == {"comment": "5 is not of type 'string'"}
    assert "5 is not of type 'string'" in str(caught.value)


@pytest.mark.parametrize("hidden", [{"a": [{"__prefect_kind": "jinja"}]}, {"__prefect_kind": "x"}])
def test_an_instruction_to_prefect_is_not_sent_as_a_value(server, prefect, hidden):
    with pytest.raises(Unsupported):
        prefect.answer("run", "question", {"note": hidden})
    with pytest.raises(Unsupported):
        prefect.start("deployment", {"note": hidden}, "key")
    assert not server.requests


# ---------------------------------------------------------------------------------------- commands


@pytest.mark.parametrize(
    "name",
    ["cancel_of_a_running_run", "cancel_of_a_paused_run", "cancel_of_a_scheduled_run",
     "cancel_of_a_suspended_run"],
)  # fmt: skip
def test_a_cancel_counts_by_the_state_that_was_set(server, prefect, recorded, name):
    """A scheduled run answers 201 with REJECT, and is canceled."""
    server.on("POST", "/api/flow_runs/run/set_state", recorded("prefect", name))
    prefect.cancel("run")
    assert server.count("POST", "/api/flow_runs/run/set_state") == 1


def test_a_cancel_that_changed_nothing_was_refused(server, prefect, recorded):
    refusal = recorded("prefect", "cancel_of_a_completed_run_refused")
    server.on("POST", "/api/flow_runs/run/set_state", refusal)
    with pytest.raises(Rejected, match=r"Run is already in terminal state COMPLETED\.") as caught:
        prefect.cancel("run")
    assert caught.value.status == 200


def test_a_second_cancel_is_refused_although_the_run_is_canceled(server, prefect, recorded):
    refusal = recorded("prefect", "cancel_of_a_completed_run_refused")
    refusal["body"]["state"] |= {"type": "CANCELLED", "name": "Cancelled"}
    server.on("POST", "/api/flow_runs/run/set_state", refusal)
    with pytest.raises(Rejected):
        prefect.cancel("run")


def test_resuming_what_is_not_paused_was_refused(server, prefect, recorded):
    refusal = recorded("prefect", "resume_of_a_run_that_is_not_paused")
    server.on("POST", "/api/flow_runs/run/resume", refusal)
    with pytest.raises(Rejected, match="not paused"):
        prefect.resume("run")


def test_a_pause_that_timed_out_meanwhile_was_not_resumed(server, prefect, recorded):
    """The server sets FAILED in place of RUNNING: 201, and still a refusal."""
    answer = recorded("prefect", "resume_of_a_pause")
    answer["body"] |= {"status": "REJECT", "details": {"reason": "The flow was never resumed."}}
    answer["body"]["state"] |= {"type": "FAILED", "name": "Failed"}
    server.on("POST", "/api/flow_runs/run/resume", answer)
    with pytest.raises(Rejected, match="never resumed"):
        prefect.resume("run")


def test_the_same_key_starts_one_run(server, prefect, recorded):
    path = "/api/deployments/d/create_flow_run"
    first = recorded("prefect", "start_of_a_deployment")
    again = recorded("prefect", "start_with_the_same_key_again")
    assert (first["status"], again["status"]) == (201, 200)
    server.on("POST", path, first, again)
    refs = {prefect.start("d", {"count": 4, "priority": None}, "6f1d0c3e") for _ in range(2)}
    assert refs == {first["body"]["id"]}
    assert server.requests[-1].json["parameters"] == {"count": 4}


def test_a_wrong_parameter_is_refused_in_prefects_words(server, prefect, recorded):
    refusal = recorded("prefect", "start_with_a_wrong_parameter")
    server.on("POST", "/api/deployments/d/create_flow_run", refusal)
    with pytest.raises(Rejected, match="'many' is not of type 'integer'"):
        prefect.start("d", {"count": "many"}, "key")


def test_parameters_become_fields(server, prefect, body):
    deployment = body("deployment_with_parameters")
    properties = deployment["parameter_openapi_schema"]["properties"]
    properties["weights"] = {"type": "array", "position": 2, "title": "weights"}
    deployment["parameter_openapi_schema"]["required"] = ["weights", "count"]
    deployment["parameters"] = {"count": 3}
    server.on("GET", "/api/deployments/d", {"body": deployment})
    count, priority, weights = prefect.start_fields("d")
    assert (count.kind, count.default, count.required) == ("integer", 3, False)
    assert (priority.kind, priority.default) == ("choice", "normal")
    assert priority.choices == (("normal", "normal"), ("urgent", "urgent"))
    assert (weights.kind, weights.default, weights.required) == ("json", "", True)


# -------------------------------------------------------------------------------------------- logs


def line(number: int, at: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"01a200b0-5a5b-7e5a-8660-{number:012d}",
        "timestamp": at,
        "message": f"line {number}",
        "level": 20,
        "flow_run_id": "run",
        "task_run_id": None,
        **more,
    }


def moment(seconds: float) -> str:
    return (SINCE + timedelta(seconds=seconds)).isoformat()


def test_a_log_line_has_its_level_and_its_step(server, prefect, body):
    ref = show(server, "run_failed", body)
    server.on("POST", "/api/logs/filter", {"body": body("log_of_a_failed_run")})
    lines = prefect.log(ref, "").lines
    assert {each.level for each in lines} == {"info", "error"}
    assert lines[2].text == "extracting 3 rows"
    assert lines[2].step_ref == body("tasks_of_a_failed_run")[1]["id"]


def serve_log(server, rows: list[dict[str, Any]], cursor: str) -> None:
    """Answer the next call as Prefect does: lines at or after the moment, by time."""
    begin = cursor.partition("~")[0]
    left = sorted(
        (
            row
            for row in rows
            if not begin
            or datetime.fromisoformat(row["timestamp"]) >= datetime.fromisoformat(begin)
        ),
        key=lambda row: row["timestamp"],
    )
    pages = [{"body": left[start : start + 200]} for start in range(0, len(left) + 1, 200)]
    server.on("POST", "/api/logs/filter", *pages)


def test_a_log_goes_on_without_repeating_or_losing_a_late_line(server, prefect, body):
    ref = show(server, "run_running", body)
    rows = [line(1, moment(0)), line(2, moment(10)), line(3, moment(10))]
    serve_log(server, rows, "")
    first = prefect.log(ref, "")
    assert [each.text for each in first.lines] == ["line 1", "line 2", "line 3"]
    rows += [line(4, moment(9)), line(5, moment(11))]
    serve_log(server, rows, first.next_cursor)
    second = prefect.log(ref, first.next_cursor)
    assert [each.text for each in second.lines] == ["line 4", "line 5"]
    asked = server.requests[-1].json["logs"]["timestamp"]["after_"]
    assert asked == first.next_cursor.partition("~")[0]
    assert not second.is_complete


def test_a_busy_log_keeps_a_short_cursor_and_every_line(server, prefect, body):
    ref = show(server, "run_running", body)
    rows = [line(n, moment(n // 2 / 1000)) for n in range(1500)]
    cursor, told = "", []
    for _ in range(4):
        serve_log(server, rows, cursor)
        chunk = prefect.log(ref, cursor)
        told += [each.text for each in chunk.lines]
        cursor = chunk.next_cursor
        assert len(cursor) < 1000
    assert told == [row["message"] for row in rows]


def test_lines_of_one_moment_are_never_torn_apart(server, prefect, body):
    ref = show(server, "run_running", body)
    rows = [line(n, moment(0)) for n in range(250)]
    serve_log(server, rows, "")
    first = prefect.log(ref, "")
    rows.append(line(250, moment(1)))
    serve_log(server, rows, first.next_cursor)
    assert [each.text for each in prefect.log(ref, first.next_cursor).lines] == ["line 250"]


def test_a_log_is_complete_when_a_final_run_brings_nothing_new(server, prefect, body):
    """The last lines are written after the final state."""
    ref = show(server, "run_completed", body)
    server.on("POST", "/api/logs/filter", {"body": [line(1, moment(0))]})
    first = prefect.log(ref, "")
    assert not first.is_complete
    second = prefect.log(ref, first.next_cursor)
    assert (second.lines, second.is_complete) == ((), True)
    assert second.next_cursor == first.next_cursor


# -------------------------------------------------------------------------------------- credentials


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"auth": "ana:s3cret:word"}, f"Basic {base64.b64encode(b'ana:s3cret:word').decode()}"),
        ({"auth": "", "api_key": "pnu_key"}, "Bearer pnu_key"),
        ({"auth": ""}, None),
    ],
)
def test_a_login_a_key_or_nothing_is_sent(server, open_adapter, body, given, sent):
    for kind in ("flow_runs", "deployments"):
        server.on("POST", f"/api/{kind}/count", {"body": 1234})
    assert "flow runs: 1,234" in open_adapter("prefect", **given).check()
    assert {seen.headers.get("authorization") for seen in server.requests} == {sent}


def test_a_refused_login_is_not_repeated_in_the_message(server, open_adapter):
    adapter = open_adapter("prefect", auth="ana:s3cret-word")
    token = base64.b64encode(b"ana:s3cret-word").decode()
    answer = {"exception_message": f"Unauthorized: Basic {token} (s3cret-word)"}
    server.on("POST", "/api/flow_runs/count", {"status": 401, "body": answer})
    with pytest.raises(AuthFailed, match="Unauthorized") as caught:
        adapter.check()
    assert token not in str(caught.value)
    assert "s3cret" not in str(caught.value)

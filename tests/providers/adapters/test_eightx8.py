"""8x8's quirks: two words that decide nothing alone, lists per version, an unexplained offset."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from providers.contract import (
    BadResponse,
    NotFound,
    RateLimited,
    Rejected,
    Snapshot,
    Status,
    Unreadable,
    Verb,
)

KEY = "eightx8"
ROOT = "/api/v1/accounts/acme_account"
NOTICE = "1d7c2a54-8f0b-4a0e-9a6d-5b1f6f3a2c77"
RUN = "6638a1f0c2b7d94e5a10b3c7"
REF = f"{NOTICE}/{RUN}"
RUNS_AT = f"{ROOT}/definitions/{NOTICE}/workflows"
RUN_AT = f"{RUNS_AT}/{RUN}"
SINCE = datetime(2024, 5, 6, tzinfo=UTC)
BROKEN = {"status": 500, "body": {"code": 2000, "message": "Internal error."}}


@pytest.fixture
def account(server, recorded, open_adapter) -> Callable[..., Any]:
    """An adapter that knows its definition, on a server with one run (and its errors)."""

    def opened(run: str, errors: Any = None, memory: dict[str, Any] | None = None) -> Any:
        server.on("GET", RUN_AT, recorded(KEY, run))
        server.on("GET", f"{RUN_AT}/errors", errors or {"body": []})
        server.on("GET", f"{ROOT}/definitions/{NOTICE}", recorded(KEY, "versions_newest_first"))
        return open_adapter(KEY, {} if memory is None else memory)

    return opened


def run(number: int, at: datetime, version: int = 1, status: str = "Complete") -> dict[str, Any]:
    return {
        "workflowId": f"{number:024x}",
        "data": {},
        "definitionId": NOTICE,
        "version": version,
        "status": status,
        "startedAt": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "completedAt": None,
    }


def definition(version: int, ref: str = NOTICE) -> dict[str, Any]:
    return {"id": ref, "version": version, "definition": {"name": f"Flow {ref[:6]}"}}


def serve_definitions(server, *versions: int) -> None:
    """One listed definition, its versions newest first, all without runs."""
    server.on("GET", f"{ROOT}/definitions", {"body": [definition(versions[0])]})
    server.on("GET", f"{ROOT}/definitions/{NOTICE}", {"body": [definition(v) for v in versions]})
    server.on("GET", RUNS_AT, {"body": []})


def runs_asked(server) -> list[dict[str, str]]:
    return [seen.query for seen in server.requests if seen.path == RUNS_AT]


def lists_begun(server) -> list[dict[str, str]]:
    """Without their later pages."""
    return [query for query in runs_asked(server) if "startTimeTo" not in query]


# ----------------------------------------------------------------------------------- Runnable


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["Complete", "Running", "WaitingForEvent"], (Status.RUNNING, "")),
        (["Sleeping", "WaitingForEvent", "Pending"], (Status.WAITING, "event")),
        (["Complete", "Sleeping"], (Status.WAITING, "timer")),
        (["Complete", "Pending"], (Status.RUNNING, "")),
        (["Complete", "Cancelled"], (Status.RUNNING, "")),
        (["Failed", "Running"], (Status.RUNNING, "")),
        (["Compensated"], (Status.RUNNING, "")),
        ([], (Status.RUNNING, "")),
    ],
)
def test_open_steps_say_what_a_runnable_run_does(server, account, words, expected) -> None:
    adapter = account("instance_without_its_log")
    logs = [
        {"id": f"s{n}", "stepName": "step", "startedAt": None, "status": word}
        for n, word in enumerate(words)
    ]
    server.on("GET", RUN_AT, {"body": {**run(1, SINCE, status="Runnable"), "logs": logs}})
    found = adapter.snapshot(REF)
    assert (found.status, found.status_reason) == expected
    assert found.offers == {Verb.CANCEL, Verb.SUSPEND}
    assert server.count("GET", f"{RUN_AT}/errors") == ("Failed" in words)


def test_a_run_without_a_log_is_running(account) -> None:
    found = account("instance_without_its_log").snapshot(REF)
    assert (found.status, found.steps) == (Status.RUNNING, ())


def test_steps_keep_their_own_id_when_a_name_comes_twice(server, account) -> None:
    adapter = account("instance_without_its_log")
    logs = [
        {
            "id": f"s{n}",
            "stepName": "again",
            "startedAt": "2021-06-30T03:20:39.3857479Z",
            "status": s,
        }
        for n, s in enumerate(["Cancelled", "Pending", "Legacy"])
    ]
    server.on("GET", RUN_AT, {"body": {**run(1, SINCE, status="Runnable"), "logs": logs}})
    steps = adapter.snapshot(REF).steps
    assert [(s.ref, s.status, s.status_reason) for s in steps] == [
        ("s0", Status.CANCELED, "event_timeout_possible"),
        ("s1", Status.QUEUED, ""),
        ("s2", Status.UNKNOWN, "unrecognized"),
    ]
    assert steps[0].started_at == datetime(2021, 6, 30, 3, 20, 39, 385747, tzinfo=UTC)


# ---------------------------------------------------------------------------------------- log


def test_the_step_log_and_the_errors_are_lines_in_the_order_of_their_times(server, account) -> None:
    errors = [{"step": "call", "message": "503", "errorTime": "2024-05-06T09:00:05Z"}]
    adapter = account("instance_without_its_log", {"body": errors})
    first = {"id": "s1", "stepName": "ask", "startedAt": "2024-05-06T09:00:00Z",
             "completedAt": "2024-05-06T09:00:02Z", "status": "Complete"}  # fmt: skip
    second = {"id": "s2", "stepName": "call", "startedAt": "2024-05-06T09:00:02.1Z",
              "completedAt": None, "status": "Running"}  # fmt: skip
    body = {**run(1, SINCE, status="Runnable"), "logs": [first, second]}
    server.on("GET", RUN_AT, {"body": body})
    begun = adapter.log(REF, "")
    assert [line.text for line in begun.lines] == ["started", "Complete", "started"]
    assert [line.step_ref for line in begun.lines] == ["s1", "s1", "s2"]
    assert not begun.is_complete

    ended = {**second, "completedAt": "2024-05-06T09:00:05Z", "status": "Failed"}
    server.on("GET", RUN_AT, {"body": {**body, "status": "Terminated", "logs": [first, ended]}})
    rest = adapter.log(REF, begun.next_cursor)
    assert [(line.text, line.level, line.step_ref) for line in rest.lines] == [
        ("503", "error", "s2"),
        ("Failed", "error", "s2"),
    ]
    assert adapter.log(REF, rest.next_cursor).is_complete


# --------------------------------------------------------------------------------- Terminated


def test_a_terminated_run_with_errors_failed_and_the_newest_comes_first(account, recorded) -> None:
    errors = recorded(KEY, "errors_of_a_faulted_instance")
    found = account("instance_that_was_terminated", errors).snapshot(REF)
    assert (found.status, found.status_reason) == (Status.FAILED, "faulted")
    assert found.error.splitlines() == [
        "call_depot: The depot answered 503.",
        "send_notice: Destination number is not reachable.",
    ]
    assert not found.offers


def test_a_single_error_object_counts_as_a_list_of_one(account, recorded) -> None:
    errors = recorded(KEY, "errors_as_a_single_object")
    found = account("instance_that_was_terminated", errors).snapshot(REF)
    assert found.status is Status.FAILED
    assert found.error == "send_notice: Destination number is not reachable."


def test_a_terminated_run_without_errors_was_stopped_by_somebody(account) -> None:
    found = account("instance_that_was_terminated").snapshot(REF)
    assert (found.status, found.status_reason) == (Status.CANCELED, "")


def test_our_accepted_terminate_makes_it_canceled_and_errors_are_still_shown(
    server, account, recorded
) -> None:
    memory: dict[str, Any] = {}
    adapter = account(
        "instance_that_was_terminated", recorded(KEY, "errors_of_a_faulted_instance"), memory
    )
    server.on("PATCH", RUN_AT, {})
    adapter.cancel(REF)
    found = adapter.snapshot(REF)
    assert (found.status, found.status_reason) == (Status.CANCELED, "terminated_by_us")
    assert "The depot answered 503." in found.error
    assert memory[f"terminated:{REF}"]


@pytest.mark.parametrize("answer", [{"status": 400}, {"fault": "close"}])
def test_a_terminate_that_was_not_accepted_is_not_remembered(server, account, answer) -> None:
    memory: dict[str, Any] = {}
    adapter = account("instance_that_was_terminated", memory=memory)
    server.on("PATCH", RUN_AT, answer)
    with pytest.raises(Exception, match=r"8x8|broke"):
        adapter.cancel(REF)
    assert f"terminated:{REF}" not in memory


def test_only_the_newest_accepted_terminates_are_remembered(server, open_adapter) -> None:
    memory = {f"terminated:{NOTICE}/{n}": n for n in range(1, 502)}
    server.on("PATCH", RUN_AT, {})
    open_adapter(KEY, memory).cancel(REF)
    assert memory[f"terminated:{REF}"] == 502
    assert [key for key, value in memory.items() if value is None] == [f"terminated:{NOTICE}/1"]


def test_a_failed_step_says_faulted_even_where_errors_are_unreadable(server, account) -> None:
    adapter = account("instance_that_was_terminated", BROKEN)
    logs = [{"id": "s1", "stepName": "call_depot", "startedAt": None, "status": "Failed"}]
    server.on("GET", RUN_AT, {"body": {**run(1, SINCE, status="Terminated"), "logs": logs}})
    found = adapter.snapshot(REF)
    assert (found.status, found.error) == (Status.FAILED, "Step call_depot failed.")


@pytest.mark.parametrize("errors", [BROKEN, {"status": 404}, {"fault": "close"}, {"text": "<p>"}])
def test_a_hidden_cause_is_unknown_for_ten_minutes_and_then_a_failure(
    open_adapter, account, errors
) -> None:
    memory: dict[str, Any] = {}
    account("instance_that_was_terminated", errors)
    pace = open_adapter(KEY).pace.busy_every  # of a run that is unknown
    tries = timedelta(minutes=10) // pace
    found = [open_adapter(KEY, memory).snapshot(REF) for _ in range(tries + 2)]
    assert {s.status for s in found[: tries - 1]} == {Status.UNKNOWN}
    assert not any(s.offers for s in found)
    assert [s.status for s in found[tries - 1 :]] == [Status.FAILED] * 3
    assert found[-1].error == "Terminated, cause not available."


def test_a_cause_that_becomes_readable_settles_it_and_the_tries_are_forgotten(
    server, account, recorded
) -> None:
    memory: dict[str, Any] = {}
    adapter = account("instance_that_was_terminated", BROKEN, memory)
    assert adapter.snapshot(REF).status is Status.UNKNOWN
    server.on("GET", f"{RUN_AT}/errors", recorded(KEY, "errors_of_an_instance_stopped_by_hand"))
    assert adapter.snapshot(REF).status is Status.CANCELED
    assert memory[f"unread:{REF}"] is None


def test_a_throttled_error_list_is_waited_for(account) -> None:
    busy = {"status": 429, "headers": {"Retry-After": "9"}}
    with pytest.raises(RateLimited):
        account("instance_that_was_terminated", busy).snapshot(REF)


# ------------------------------------------------------------------------- errors elsewhere


def test_a_run_suspended_by_a_fault_shows_it_and_can_be_resumed(server, account, recorded) -> None:
    adapter = account("instance_without_its_log", recorded(KEY, "errors_of_a_faulted_instance"))
    server.on("GET", RUN_AT, {"body": run(1, SINCE, status="Suspended")})
    found = adapter.snapshot(REF)
    assert (found.status, found.offers) == (Status.PAUSED, {Verb.RESUME, Verb.CANCEL})
    assert found.error.startswith("call_depot: ")


def test_errors_of_retried_attempts_do_not_spoil_a_complete_run(server, account, recorded) -> None:
    adapter = account("instance_without_its_log", recorded(KEY, "errors_of_a_faulted_instance"))
    logs = [
        {"id": "s1", "stepName": "send_notice", "startedAt": None, "status": "Failed"},
        {"id": "s2", "stepName": "send_notice", "startedAt": None, "status": "Complete"},
    ]
    server.on("GET", RUN_AT, {"body": {**run(1, SINCE), "logs": logs}})
    found = adapter.snapshot(REF)
    assert (found.status, found.error) == (Status.SUCCEEDED, "")
    assert [s.error for s in found.steps] == ["Destination number is not reachable.", ""]


def test_code_and_error_id_are_kept_for_8x8s_support(server, recorded, open_adapter) -> None:
    server.on("GET", RUN_AT, recorded(KEY, "error_for_an_unknown_definition"))
    with pytest.raises(NotFound, match=r"not found\. \(code 1300, error id 2558ff83-"):
        open_adapter(KEY).snapshot(REF)
    server.on("PATCH", RUN_AT, recorded(KEY, "error_for_a_command_in_the_wrong_state"))
    with pytest.raises(Rejected, match=r"Workflow is not running\. \(code 1000, error id 9f0c0f5e"):
        open_adapter(KEY).suspend(REF)


# ------------------------------------------------------------------------ what a run carries


def test_a_run_says_what_started_it_and_what_its_steps_saved(server, account) -> None:
    adapter = account("instance_that_waits_for_a_reply")
    body = run(1, SINCE, status="Runnable")
    body["data"] = {
        "payload": {"order": "P-1"},
        "triggeredAt": "x",
        "accountId": "a",
        "reply": "yes",
    }
    server.on("GET", RUN_AT, {"body": body})
    found = adapter.snapshot(REF)
    assert (found.input, found.output) == ({"order": "P-1"}, {"reply": "yes"})
    assert "data" not in found.raw


def test_a_ref_names_definition_and_instance(server, open_adapter) -> None:
    for ref in (RUN, f"{NOTICE}/", f"/{RUN}"):
        with pytest.raises(NotFound):
            open_adapter(KEY).snapshot(ref)
    assert not server.requests


def test_an_id_of_dots_climbs_nowhere(server, open_adapter) -> None:
    with pytest.raises(BadResponse, match="dots"):
        open_adapter(KEY).cancel(f"{NOTICE}/..")
    assert not server.requests


def test_the_name_of_a_definition_is_asked_for_once(server, account) -> None:
    memory: dict[str, Any] = {}
    adapter = account("instance_with_a_running_step", memory=memory)
    names = [adapter.snapshot(REF).workflow.name for _ in range(3)]
    assert names == ["Parcel notice"] * 3
    # and whether there is a second page
    assert server.count("GET", f"{ROOT}/definitions/{NOTICE}") == 2


def test_the_key_travels_as_a_bearer_token(server, account) -> None:
    account("instance_with_a_running_step").snapshot(REF)
    assert server.requests[0].headers["authorization"] == "Bearer planted-key/of acme"
    assert server.requests[0].query == {"includeLogs": "true"}


# ------------------------------------------------------------------------------- discovery


def test_every_version_is_asked_for_by_its_number(server, open_adapter) -> None:
    serve_definitions(server, 4, 3)
    list(open_adapter(KEY).snapshots(SINCE))
    asked = [(q["version"], q.get("status"), q.get("startTimeFrom")) for q in runs_asked(server)]
    start = "2024-05-06T00:00:00.000Z"
    assert asked == [
        ("4", None, start), ("4", "Runnable", None), ("4", "Suspended", None),
        ("3", None, start), ("3", "Runnable", None), ("3", "Suspended", None),
    ]  # fmt: skip
    assert {q["offset"] for q in runs_asked(server)} == {"0"}


def test_a_disabled_definition_is_still_asked_for_its_runs(server, open_adapter) -> None:
    serve_definitions(server, 2)
    memory: dict[str, Any] = {}
    first = list(open_adapter(KEY, memory).snapshots(SINCE))
    server.on("GET", f"{ROOT}/definitions", {"body": []})
    server.on("GET", RUNS_AT, {"body": [run(7, SINCE, 2, "Runnable")]}, query={"version": "2"})
    (found,) = open_adapter(KEY, memory).snapshots(SINCE)
    assert not first
    assert (found.workflow.name, found.workflow.can_start) == ("Flow 1d7c2a", False)


def test_versions_are_listed_again_only_when_a_new_one_turns_up(server, open_adapter) -> None:
    serve_definitions(server, 2, 1)
    memory: dict[str, Any] = {}
    for _ in range(3):
        list(open_adapter(KEY, memory).snapshots(SINCE))
    assert server.count("GET", f"{ROOT}/definitions/{NOTICE}") == 2
    serve_definitions(server, 3, 2, 1)
    list(open_adapter(KEY, memory).snapshots(SINCE))
    assert server.count("GET", f"{ROOT}/definitions/{NOTICE}") == 4
    assert "3" in {q["version"] for q in runs_asked(server)}


def test_the_first_look_needs_no_list_of_open_runs(server, open_adapter) -> None:
    serve_definitions(server, 1)
    server.on("GET", RUNS_AT, {"body": [run(1, SINCE, status="Suspended"), run(2, SINCE)]})
    assert len(list(open_adapter(KEY).snapshots(None))) == 2
    assert [set(q) for q in lists_begun(server)] == [{"version", "limit", "offset"}]


def test_old_versions_without_open_runs_are_asked_in_turn_from_their_last_visit(
    server, open_adapter
) -> None:
    serve_definitions(server, *range(41, 0, -1))
    memory: dict[str, Any] = {}
    list(open_adapter(KEY, memory).snapshots(SINCE))
    visited: set[str] = set()
    for hours in range(1, 5):
        server.requests.clear()
        list(open_adapter(KEY, memory).snapshots(SINCE + timedelta(hours=hours)))
        starts = {q["version"]: q["startTimeFrom"] for q in runs_asked(server)}
        assert len(runs_asked(server)) == len(starts) == 11
        assert starts.pop("41") == f"2024-05-06T0{hours - 1}:00:00.000Z"
        assert set(starts.values()) == {"2024-05-06T00:00:00.000Z"}
        visited |= starts.keys()
    assert visited == {str(v) for v in range(1, 41)}


def test_a_run_that_an_old_version_starts_is_found_when_its_turn_comes(
    server, open_adapter
) -> None:
    serve_definitions(server, 2, 1)
    memory: dict[str, Any] = {}
    list(open_adapter(KEY, memory).snapshots(SINCE))
    late = {"body": [run(5, SINCE + timedelta(minutes=5), 1, "Runnable")]}
    server.on("GET", RUNS_AT, late, query={"version": "1"})
    (found,) = open_adapter(KEY, memory).snapshots(SINCE + timedelta(hours=9))
    assert found.status is Status.RUNNING


def test_an_old_version_with_an_open_run_is_asked_every_time(server, open_adapter) -> None:
    serve_definitions(server, *range(41, 0, -1))
    alive = {"body": [run(5, SINCE - timedelta(days=9), 3, "Suspended")]}
    server.on("GET", RUNS_AT, alive, query={"version": "3", "status": "Suspended"})
    memory: dict[str, Any] = {}
    for _ in range(4):
        (found,) = open_adapter(KEY, memory).snapshots(SINCE)
        assert found.status is Status.PAUSED


def test_one_list_from_the_oldest_open_run_on_shows_them_all(server, open_adapter) -> None:
    serve_definitions(server, 1)
    young = [run(6, SINCE), run(5, SINCE - timedelta(minutes=20), 1, "Runnable")]
    server.on("GET", RUNS_AT, {"body": young})
    memory: dict[str, Any] = {}
    for _ in range(2):
        server.requests.clear()
        assert len(list(open_adapter(KEY, memory).snapshots(SINCE))) == 2
    (asked,) = lists_begun(server)
    assert asked["startTimeFrom"] == "2024-05-05T23:40:00.000Z"


def test_an_open_run_from_long_ago_is_asked_for_by_its_status(server, open_adapter) -> None:
    serve_definitions(server, 1)
    old = {"body": [run(5, SINCE - timedelta(days=9), 1, "Runnable")]}
    server.on("GET", RUNS_AT, old, query={"status": "Runnable"})
    memory: dict[str, Any] = {}
    for _ in range(3):
        server.requests.clear()
        assert len(list(open_adapter(KEY, memory).snapshots(SINCE))) == 1
    assert [q.get("status") for q in lists_begun(server)] == [None, "Runnable", "Suspended"]


def test_after_the_first_look_only_what_is_new_or_open_is_asked_for(server, open_adapter) -> None:
    serve_definitions(server, 2, 1)
    server.on("GET", RUNS_AT, {"body": [run(1, SINCE - timedelta(days=1))]}, query={"version": "2"})
    memory: dict[str, Any] = {}
    list(open_adapter(KEY, memory).snapshots(None))
    server.requests.clear()
    list(open_adapter(KEY, memory).snapshots(SINCE))
    assert [q["startTimeFrom"] for q in lists_begun(server)] == [
        "2024-05-05T00:00:00.000Z",
        "1970-01-01T00:00:00.000Z",
    ]


def test_a_deleted_definition_stops_nobody_and_is_forgotten(server, recorded, open_adapter) -> None:
    serve_definitions(server, 1)
    gone = {"name": "Old", "versions": [2, 1], "listed": False, "visits": {}}
    memory: dict[str, Any] = {"definition:0-gone": gone}
    server.on(
        "GET",
        f"{ROOT}/definitions/0-gone/workflows",
        recorded(KEY, "error_for_an_unknown_definition"),
    )
    server.on("GET", RUNS_AT, {"body": [run(1, SINCE)]})
    found = list(open_adapter(KEY, memory).snapshots(SINCE))
    assert len(found) == 1
    assert memory["definition:0-gone"] is None


def test_pages_are_walked_back_in_time_and_runs_that_start_together_are_not_lost(
    server, open_adapter
) -> None:
    serve_definitions(server, 1)
    late, early = SINCE + timedelta(hours=2), SINCE + timedelta(hours=1)
    first = [run(n, late if n < 98 else early) for n in range(100)]
    second = [run(n, early) for n in range(98, 130)]
    server.on("GET", RUNS_AT, {"body": first}, query={"startTimeFrom": "2024-05-06T00:00:00.000Z"})
    server.on("GET", RUNS_AT, {"body": second}, query={"startTimeTo": "2024-05-06T01:00:00.001Z"})
    found = list(open_adapter(KEY).snapshots(SINCE))
    assert len(found) == 130


@pytest.mark.parametrize("start", ["9999-12-31T23:59:59.9999999Z", "0001-01-01T00:00:00+14:00"])
def test_a_start_at_the_end_of_the_calendar_does_not_end_the_walk(
    server, open_adapter, start
) -> None:
    serve_definitions(server, 1)
    first = [run(n, SINCE + timedelta(hours=1)) for n in range(99)]
    odd = {**run(99, SINCE), "startedAt": start}
    second = [run(n, SINCE) for n in range(100, 120)]
    server.on("GET", RUNS_AT, {"body": [*first, odd]})
    server.on("GET", RUNS_AT, {"body": second}, query={"startTimeTo": "2024-05-06T01:00:00.001Z"})
    assert len(list(open_adapter(KEY).snapshots(SINCE))) == 120


def test_a_server_that_ignores_the_time_bound_is_asked_twice_at_most(server, open_adapter) -> None:
    serve_definitions(server, 1)
    server.on("GET", RUNS_AT, {"body": [run(n, SINCE) for n in range(100)]})
    assert len(list(open_adapter(KEY).snapshots(SINCE))) == 100
    assert len(runs_asked(server)) == 6


@pytest.mark.parametrize("size", [100, 64, 50])
@pytest.mark.parametrize("counts", ["rows", "pages"])
def test_definitions_are_all_found_whatever_offset_counts(
    server, open_adapter, counts, size
) -> None:
    everything = [definition(1, f"{n:036d}") for n in range(250)]
    server.on("GET", f"{ROOT}/definitions", {"body": []})
    for offset in range(300):
        start = offset if counts == "rows" else offset * size
        rows = everything[start : start + size]
        if rows:
            query = {"offset": str(offset)}
            server.on("GET", f"{ROOT}/definitions", {"body": rows}, query=query)
    found = [workflow.ref for workflow in open_adapter(KEY).workflows()]
    assert sorted(found) == [item["id"] for item in everything]
    assert len(server.requests) <= 250 / size + 3


@pytest.mark.parametrize(
    "odd", [{}, "text", None, {"id": "x", "version": None}, {"id": "x", "version": "new"}, 7]
)
def test_a_definition_that_cannot_be_read_does_not_hide_the_others(
    server, open_adapter, odd
) -> None:
    serve_definitions(server, 1)
    server.on("GET", f"{ROOT}/definitions", {"body": [odd, definition(1)]})
    server.on("GET", f"{ROOT}/definitions/{NOTICE}", {"body": [odd, definition(1)]})
    server.on("GET", RUNS_AT, {"body": [run(1, SINCE)]})
    found = list(open_adapter(KEY).snapshots(SINCE))
    assert [type(item) for item in found] == [Unreadable, Snapshot]


def test_a_row_that_cannot_be_read_does_not_hide_the_others(server, open_adapter) -> None:
    serve_definitions(server, 1)
    bad = {**run(2, SINCE), "startedAt": "yesterday"}
    server.on("GET", RUNS_AT, {"body": [run(1, SINCE), bad, {"status": "Complete"}, "run"]})
    found = list(open_adapter(KEY).snapshots(None))
    assert [type(item) for item in found] == [Snapshot, Snapshot, Unreadable, Unreadable]


def test_rows_that_decide_nothing_ask_for_the_run(server, open_adapter) -> None:
    serve_definitions(server, 1)
    words = ["Runnable", "Suspended", "Complete", "Terminated", "Terminated"]
    rows = [run(n, SINCE, status=word) for n, word in enumerate(words)]
    server.on("GET", RUNS_AT, {"body": rows})
    memory = {f"terminated:{NOTICE}/{4:024x}": 1}
    found = list(open_adapter(KEY, memory).snapshots(None))
    assert [(item.status, item.needs_detail) for item in found] == [
        (Status.RUNNING, True),
        (Status.PAUSED, False),
        (Status.SUCCEEDED, False),
        (Status.UNKNOWN, True),
        (Status.CANCELED, False),
    ]


# ----------------------------------------------------------------------------------- start


@pytest.mark.parametrize("location", [f"{RUNS_AT}/abc", f"{{server}}{RUNS_AT}/abc?x=1", "abc/"])
def test_the_new_run_is_the_end_of_the_location(server, open_adapter, location) -> None:
    server.on("POST", RUNS_AT, {"status": 201, "headers": {"Location": location}})
    assert open_adapter(KEY).start(NOTICE, {"arguments": {}}, "k") == f"{NOTICE}/abc"


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ({"arguments": [1, "two"]}, [1, "two"]),
        ({"arguments": None}, {}),
        ({"arguments": ""}, {}),
        ({"order": "P-1"}, {"order": "P-1"}),
        ({}, {}),
    ],
)
def test_a_start_sends_the_given_json_as_it_is(server, open_adapter, arguments, sent) -> None:
    server.on("POST", RUNS_AT, {"status": 201, "headers": {"Location": "/x/abc"}})
    open_adapter(KEY).start(NOTICE, arguments, "k")
    assert server.requests[0].json == sent


def test_a_start_that_does_not_say_which_run_is_a_bad_answer(server, open_adapter) -> None:
    server.on("POST", RUNS_AT, {"status": 201})
    with pytest.raises(BadResponse, match="did not say which"):
        open_adapter(KEY).start(NOTICE, {}, "k")

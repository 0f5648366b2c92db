"""What is special about Restate. What holds for every provider is in `test_every_adapter.py`."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from executions.forms import compile_question
from providers.adapter import Adapter
from providers.adapters.restate import forms, journal, queries, reading
from providers.adapters.restate.forms import Handler
from providers.contract import (
    BadResponse,
    NotFound,
    Rejected,
    Snapshot,
    Status,
    Unreachable,
    Unreadable,
    Verb,
)

SITE = "http://restate.example:9070"


@pytest.fixture
def body(recorded) -> Callable[[str], Any]:
    return lambda name: recorded("restate", name)["body"]


@pytest.fixture
def row(body) -> Callable[..., Any]:
    """A recorded invocation, with some of its columns changed; None takes one away."""

    def recorded_row(word: str, **changes: Any) -> dict[str, Any]:
        told = {**body(f"invocation_{word}")["rows"][0], **changes}
        return {name: value for name, value in told.items() if value is not None}

    return recorded_row


@pytest.fixture
def entries(body) -> Callable[[str], list[Any]]:
    return lambda word: [
        journal.read_entry(each) for each in body(f"journal_of_an_invocation_{word}")["rows"]
    ]


@pytest.fixture
def read(row, entries) -> Callable[..., Snapshot]:
    """A recorded invocation with its journal, without events."""
    return lambda word, **changes: reading.whole(row(word, **changes), entries(word), [], SITE)


@pytest.fixture
def restate(open_adapter) -> Adapter:
    adapter: Adapter = open_adapter("restate")
    return adapter


# ---------------------------------------------------------------------------------------- statuses


@pytest.mark.parametrize(
    ("word", "status", "native", "offers"),
    [
        ("that_is_scheduled", Status.QUEUED, "scheduled", {Verb.CANCEL}),
        ("that_waits_for_its_object", Status.QUEUED, "pending", {Verb.CANCEL}),
        ("that_runs", Status.RUNNING, "running", {Verb.CANCEL, Verb.SUSPEND}),
        ("that_is_to_be_tried_again", Status.WAITING, "backing-off", {Verb.CANCEL, Verb.SUSPEND}),
        ("that_failed_too_often", Status.PAUSED, "paused", {Verb.CANCEL, Verb.RESUME}),
        # Restate says yes to the pause of one that sleeps, and nothing comes of it (seen).
        ("that_sleeps", Status.WAITING, "suspended", {Verb.CANCEL}),
        ("that_waits_for_a_call", Status.WAITING, "suspended", {Verb.CANCEL}),
        ("that_succeeded", Status.SUCCEEDED, "success", set()),
        ("that_failed", Status.FAILED, "failure", {Verb.RETRY}),
        ("that_took_too_long", Status.TIMED_OUT, "failure", {Verb.RETRY}),
        ("that_was_canceled", Status.CANCELED, "failure", {Verb.RETRY}),
        ("that_was_killed", Status.CANCELED, "failure", {Verb.RETRY}),
    ],
)
def test_every_recorded_invocation_has_its_status(row, word, status, native, offers) -> None:
    run = reading.read_run(row(word), SITE)
    assert (run.status, run.native_status, run.offers) == (status, native, offers)


@pytest.mark.parametrize(
    ("told", "status", "reason"),
    [
        ("[409] Cancelled", Status.CANCELED, ""),
        ("[409 Aborted] canceled", Status.CANCELED, ""),
        ("[409] killed", Status.CANCELED, "killed"),
        ("[408] Timeout occurred", Status.TIMED_OUT, ""),
        ("[409] Cancelled by the customer", Status.FAILED, ""),
        ("[500] killed", Status.FAILED, ""),
        ("", Status.FAILED, ""),
    ],
)
def test_a_cancel_and_a_timeout_are_failures_with_certain_words(row, told, status, reason) -> None:
    run = reading.read_run(row("that_failed", completion_failure=told), SITE)
    assert (run.status, run.status_reason) == (status, reason)
    assert (run.error, run.message) == (("", told) if status is Status.CANCELED else (told, ""))


def test_a_workflow_cannot_be_tried_again(row) -> None:
    ended = {"state": "failure", "completion_failure": "[500] it failed"}
    assert reading.read_run(row("that_waits_for_a_promise", **ended), SITE).offers == set()


def test_a_word_that_restate_does_not_document_is_unknown(row) -> None:
    run = reading.read_run(row("that_runs", state="hibernating"), SITE)
    assert (run.status, run.native_status, run.offers) == (Status.UNKNOWN, "hibernating", set())
    assert reading.read_run(row("that_runs", state=None), SITE).status is Status.UNKNOWN


def test_columns_that_are_left_out_because_they_are_null_cost_nothing(row) -> None:
    needed = {"id", "target_service_name", "target_handler_name", "state"}
    told = {name: value for name, value in row("that_failed").items() if name in needed}
    run = reading.read_run(told, SITE)
    assert (run.status, run.name, run.started_at, run.labels) == (Status.FAILED, "", None, {})


# ------------------------------------------------------------------------------ what it waits for


def test_every_one_that_is_parked_waits_to_be_canceled_which_asks_nobody(row) -> None:
    sleeping = row("that_sleeps")
    assert ("SignalIndex", journal.CANCEL) in journal.awaited(sleeping)
    assert not journal.may_wait_for_people(sleeping)


def test_an_awakeable_has_no_entry_and_its_id_follows_from_that_of_the_invocation(
    row, entries
) -> None:
    asking = row("that_asks")
    told = entries("that_asks")
    assert journal.read_waits(asking, told).awakeables == (journal.FIRST_AWAKEABLE,)
    (kept,) = [entry for entry in told if entry.kind == "Run" and entry.category != "Command"]
    published = journal.read_result(kept).value["reply_to"]
    assert journal.awakeable_id(asking["id"], journal.FIRST_AWAKEABLE) == published


@pytest.mark.parametrize("ref", ["", "inv_1", "inv_2" + "a" * 33, "inv_1" + "Z" * 33, "dp_1abc"])
def test_an_id_of_another_shape_has_no_awakeables_that_could_be_answered(ref) -> None:
    assert journal.awakeable_id(ref, 17) == ""
    question = forms.awakeable_question(ref, 17, (), None)
    assert not question.is_answerable
    assert "not known here" in question.title


def test_an_answer_that_has_arrived_is_no_longer_waited_for(row, entries) -> None:
    """Between its arrival and the moment in which the invocation goes on."""
    arrived = {
        "index": 99,
        "entry_type": "Notification: Signal",
        "entry_lite_json": json.dumps(
            {"Notification": {"ty": "Signal", "id": {"SignalIndex": 17}, "result": "Success"}}
        ),
    }
    told = [*entries("that_asks"), journal.read_entry(arrived)]
    assert not journal.read_waits(row("that_asks"), told)


def test_one_that_says_running_may_wait_for_people_already(read) -> None:
    """Of a service that speaks protocol 7, before Restate suspends it."""
    run = read("that_runs_and_asks")
    assert (run.status, run.native_status, run.status_since) == (
        Status.USER_INPUT, "running", None,
    )  # fmt: skip
    assert Verb.SUSPEND in run.offers
    assert read("that_runs_and_asks", last_awaiting_on_future_json=None).status is Status.RUNNING


@pytest.mark.parametrize("word", ["that_asks_for_an_hour", "that_runs_and_asks_for_an_hour"])
def test_a_timer_beside_a_question_says_how_long_it_is_asked(row, entries, word) -> None:
    until = journal.read_waits(row(word), entries(word)).until
    began = entries(word)[0].at
    assert until is not None
    assert timedelta(minutes=59) < until - began < timedelta(minutes=61)


def test_a_timer_that_is_waited_for_together_with_a_question_is_no_limit(row, entries) -> None:
    told = [{"Single": {"SignalIndex": 17}}, {"Single": {"CompletionId": 1}}]
    tree = json.dumps({"AllCompleted": told})
    waiting = row("that_asks_for_an_hour", suspended_waiting_future_json=tree)
    waits = journal.read_waits(waiting, entries("that_asks_for_an_hour"))
    assert (waits.awakeables, waits.until) == ((17,), None)


def test_of_several_things_that_are_waited_for_the_ones_for_people_are_found(row) -> None:
    tree = {
        "FirstCompleted": [
            {"AllCompleted": [{"Single": {"SignalIndex": 18}}, {"Single": {"CompletionId": 4}}]},
            {"Single": {"SignalName": "go"}},
            {"Single": {"SignalIndex": 17}},
        ]
    }
    told = row("that_asks", suspended_waiting_future_json=json.dumps(tree))
    assert journal.read_waits(told, []).awakeables == (17, 18)


# ------------------------------------------------------------------------------------------ steps


def test_what_is_waited_for_is_a_step_of_its_own(read) -> None:
    def last(word: str) -> tuple[str, Status, str]:
        step = read(word).steps[-1]
        return step.name, step.status, step.status_reason

    assert last("that_asks") == ("Awakeable 1", Status.USER_INPUT, "awakeable")
    assert last("that_sleeps") == ("Sleep", Status.WAITING, "timer")
    assert last("that_waits_for_a_call") == ("desk/ask", Status.WAITING, "call")
    assert last("that_waits_for_a_promise") == (
        "Get promise decision", Status.USER_INPUT, "promise",
    )  # fmt: skip


def test_steps_without_a_result_end_with_their_invocation(read) -> None:
    (step,) = read("that_was_killed").steps
    assert (step.status, step.status_reason) == (Status.CANCELED, "ended_with_run")


@pytest.mark.parametrize(
    ("word", "changes", "status", "reason"),
    [
        ("whose_code_fails", {}, Status.PAUSED, ""),
        ("whose_code_fails", {"state": "backing-off"}, Status.WAITING, "retry"),
        ("whose_code_fails", {"state": "success"}, Status.SUCCEEDED, ""),
        ("whose_code_fails", {"state": "suspended"}, Status.SUCCEEDED, ""),  # it went on
        ("whose_code_fails", {"state": "failure"}, Status.FAILED, ""),
        ("that_was_given_up", {}, Status.FAILED, ""),
        ("that_failed_too_often", {}, Status.PAUSED, ""),
        ("that_is_to_be_tried_again", {}, Status.WAITING, "retry"),
        ("that_is_to_be_tried_again", {"state": "running"}, Status.RUNNING, ""),
    ],
)
def test_a_failure_shows_at_its_step_as_long_as_it_matters(
    row, entries, body, word, changes, status, reason
) -> None:
    events = body(f"events_of_an_invocation_{word}")["rows"]
    run = reading.whole(row(word, **changes), entries(word), events, SITE)
    step = run.steps[-1]
    assert (step.status, step.status_reason) == (status, reason)
    shows = status in (Status.PAUSED, Status.WAITING, Status.FAILED)
    assert bool(step.error) is shows
    assert step.tries[0].status is Status.FAILED
    assert step.attempt == len(step.tries)


def test_payloads_that_are_no_json_are_texts_and_others_are_counted() -> None:
    assert journal.read_value(list(b'{"a": 1}')) == {"a": 1}
    assert journal.read_value(list("Büro".encode())) == "Büro"
    assert journal.read_value([0xFF, 0xFE]) == "2 bytes"
    assert journal.read_value([]) is None
    assert journal.read_value(None) is None


def test_a_payload_that_was_left_out_costs_the_value_alone(row, body) -> None:
    rows = body("journal_of_an_invocation_that_succeeded")["rows"]
    told = [
        journal.read_entry({key: each[key] for key in each if key != "entry_json"}) for each in rows
    ]
    run = reading.whole(row("that_succeeded"), told, [], SITE)
    assert [step.status for step in run.steps] == [Status.SUCCEEDED, Status.SUCCEEDED]
    assert (run.input, run.output) == (None, None)


def test_the_journal_of_an_old_sdk_is_shown_without_its_meaning() -> None:
    old = {"index": 1, "entry_type": "Sleep", "name": ""}
    (step,) = journal.read_steps([journal.read_entry(old)], [], journal.Around(Status.RUNNING))
    assert (step.name, step.status) == ("Sleep", Status.UNKNOWN)


def test_one_that_somebody_paused_says_no_reason(body) -> None:
    paused = {"event_type": "Paused", "event_json": '{"ty": "Paused"}'}
    assert journal.pause_error(paused) == ""
    *_, told = body("pauses_of_invocations")["rows"]
    assert journal.pause_error(told).startswith("[500] ")


# ------------------------------------------------------------------------------------------- pages


def test_open_invocations_are_read_page_by_page_by_their_ids(
    server, restate, body, monkeypatch
) -> None:
    rows = sorted(body("open_invocations_that_ask_nobody")["rows"], key=lambda each: each["id"])
    monkeypatch.setattr(queries, "PAGE", 2)
    none = {"body": {"rows": []}}
    server.on("POST", "/query", none)
    for begin in range(0, len(rows), 2):
        after = rows[begin - 1]["id"] if begin else ""
        page = {"body": {"rows": rows[begin : begin + 2]}}
        server.on("POST", "/query", page, has=f"status <> 'completed' AND id > '{after}'")
    found = list(restate.snapshots(datetime(2026, 11, 30, tzinfo=UTC)))
    assert [run.ref for run in found] == [each["id"] for each in rows]


def test_a_long_journal_is_read_page_by_page(server, restate, body, monkeypatch) -> None:
    rows = body("journal_of_an_invocation_that_succeeded")["rows"]
    monkeypatch.setattr(queries, "ENTRIES", 2)
    server.on("POST", "/query", {"body": {"rows": []}})
    for begin in range(0, len(rows), 2):
        after = rows[begin - 1]["index"] if begin else -1
        page = {"body": {"rows": rows[begin : begin + 2]}}
        server.on("POST", "/query", page, has=f"AND index > {after} ")
    run = body("invocation_that_succeeded")
    server.on("POST", "/query", {"body": run}, has="FROM sys_invocation")
    assert len(restate.snapshot(run["rows"][0]["id"]).steps) == 2


@pytest.mark.parametrize(
    ("entries", "sizes", "requests"),
    [
        (500, (6, 6), 3),  # both together
        (12, (6, 6), 4),  # there is room for one
        (13, (1, 1), 5),  # there was, when they were counted: the answer may be cut
    ],
)
def test_journals_are_read_together_as_far_as_their_answer_has_room(
    server, restate, body, monkeypatch, entries, sizes, requests
) -> None:
    monkeypatch.setattr(queries, "ENTRIES", entries)
    words = ("that_succeeded", "that_failed")
    rows = [body(f"invocation_{word}")["rows"][0] for word in words]
    rows = [{**row, "journal_size": size} for row, size in zip(rows, sizes, strict=True)]
    journals = [body(f"journal_of_an_invocation_{word}")["rows"] for word in words]
    together = [entry for each in journals for entry in each]
    server.on("POST", "/query", {"body": {"rows": []}})
    server.on("POST", "/query", {"body": {"rows": rows}}, has="FROM sys_invocation")
    cut = {"body": {"rows": [*together, together[-1]][:entries]}}
    server.on("POST", "/query", cut, has="ORDER BY id, index")
    for row, told in zip(rows, journals, strict=True):
        alone = {"body": {"rows": told}}
        server.on("POST", "/query", alone, has=f"id = '{row['id']}' AND index > -1")
    found = list(restate.details([row["id"] for row in rows]))
    assert [(run.ref, len(run.steps)) for run in found] == [(row["id"], 2) for row in rows]
    assert len(server.requests) == requests


def test_a_row_that_waits_for_what_nobody_understands_is_read_all_the_same(
    server, restate, body
) -> None:
    rows = body("open_invocations_that_ask_nobody")["rows"]
    odd = {**rows[0], "id": "inv_odd", "status": "suspended", "suspended_waiting_future_json": "?"}
    server.on("POST", "/query", {"body": {"rows": []}})
    server.on("POST", "/query", {"body": {"rows": [odd, *rows]}}, has="status <> 'completed'")
    found = list(restate.snapshots(datetime(2026, 11, 30, tzinfo=UTC)))
    assert len(found) == len(rows) + 1
    assert not [item for item in found if isinstance(item, Unreadable)]


# ------------------------------------------------------------------------------------- SQL is safe


@pytest.mark.parametrize(
    "odd", ["x' OR '1'='1", "'; DROP TABLE x; --", "a''b", "\\'", "Nord / Süd", "%_", ""]
)
def test_what_people_and_services_write_is_only_a_text_in_sql(odd) -> None:
    literal = queries.text(odd)
    assert literal[0] == literal[-1] == "'"
    assert literal[1:-1].replace("''", "") == odd.replace("'", "")
    assert literal[1:-1].replace("''", "'") == odd
    for query in (
        queries.runs([odd]),
        queries.started(odd, odd, odd),
        queries.started_as_workflow(odd, odd, odd),
        queries.waits([odd]),
        queries.pauses([odd]),
        queries.events([odd]),
        queries.journals([odd]),
        queries.journal(odd, 0),
        queries.open_page(odd),
    ):
        assert literal in query


def test_a_ref_that_would_be_sql_finds_nothing(server, restate) -> None:
    server.on("POST", "/query", {"body": {"rows": []}})
    with pytest.raises(NotFound):
        restate.snapshot("x' OR '1'='1")
    (asked,) = server.requests
    assert asked.json["query"].endswith("WHERE id IN ('x'' OR ''1''=''1')")


# ---------------------------------------------------------------------------------------- commands


def test_a_second_answer_of_an_awakeable_is_accepted_by_restate_and_so_never_sent(
    server, restate, recorded, row
) -> None:
    again = recorded("restate", "awakeable_resolved_a_second_time")
    assert again["status"] == 202
    server.on("POST", "/query", {"body": {"rows": []}})
    answered = row("that_was_answered")
    server.on("POST", "/query", {"body": {"rows": [answered]}}, has="FROM sys_invocation")
    with pytest.raises(Rejected, match="does not wait for this any more"):
        restate.answer(answered["id"], "signal 17", {"decision": "resolve", "value": 1})
    assert not [seen for seen in server.requests if "awakeables" in seen.path]


def test_what_is_canceled_before_it_begins_is_gone_from_restate_and_told_all_the_same(
    server, open_adapter, recorded, body, row
) -> None:
    memory: dict[str, Any] = {}
    ref = row("that_waits_for_its_object")["id"]
    accepted = recorded("restate", "cancel_of_one_that_has_not_begun")
    assert accepted["status"] == 200
    server.on("POST", "/query", {"body": body("invocation_that_waits_for_its_object")})
    server.on("PATCH", f"/invocations/{ref}/cancel", accepted)
    began = datetime.now(UTC).replace(microsecond=0)
    open_adapter("restate", memory).cancel(ref)
    gone = recorded("restate", "invocation_that_was_canceled_before_it_began")
    assert gone["body"] == {"rows": []}
    server.on("POST", "/query", gone)

    def told(since: datetime | None) -> list[tuple[Status, str]]:
        adapter = open_adapter("restate", memory)
        return [(run.status, run.native_status) for run in adapter.snapshots(since)]

    assert told(None) == told(began) == [(Status.CANCELED, "pending")]
    run = open_adapter("restate", memory).snapshot(ref)
    assert (run.status, run.offers, run.steps) == (Status.CANCELED, set(), ())
    assert began <= run.finished_at <= datetime.now(UTC)
    later = began + timedelta(hours=1)
    told(later)
    assert told(later) == []
    with pytest.raises(NotFound):
        open_adapter("restate", memory).snapshot(ref)


def test_the_cancel_of_one_that_has_begun_is_told_by_restate_alone(
    server, open_adapter, recorded, body, row
) -> None:
    memory: dict[str, Any] = {}
    ref = row("that_sleeps")["id"]
    server.on("POST", "/query", {"body": body("invocation_that_sleeps")})
    server.on("PATCH", f"/invocations/{ref}/cancel", recorded("restate", "cancel_accepted"))
    open_adapter("restate", memory).cancel(ref)
    assert memory == {}


def test_the_pause_of_one_that_sleeps_is_accepted_without_effect(recorded) -> None:
    assert recorded("restate", "pause_of_one_that_sleeps")["status"] == 200


def test_an_id_that_restate_does_not_know_is_told(server, restate, recorded) -> None:
    server.on("POST", "/query", {"body": {"rows": []}})
    unknown = recorded("restate", "invocation_that_nobody_knows")
    server.on("PATCH", "/invocations/inv_1/cancel", unknown)
    with pytest.raises(NotFound):
        restate.cancel("inv_1")
    malformed = recorded("restate", "malformed_id_of_an_invocation")
    server.on("PATCH", "/invocations/inv_1/cancel", malformed)
    with pytest.raises(Rejected):
        restate.cancel("inv_1")


def test_a_retry_takes_over_what_has_a_result(entries) -> None:
    failed = entries("that_failed")
    kept = journal.last_good(failed)
    (read, post) = [entry for entry in failed if entry.kind == "Run" and entry.name]
    assert read.index <= kept < post.index
    assert journal.last_good(entries("whose_code_fails")) == 0
    # What a service was to wait for is not taken over, and what it has sent is.
    assert journal.last_good(entries("that_sleeps")) == 0
    called = [entry for entry in entries("that_called_others") if entry.category == "Command"]
    assert journal.last_good(entries("that_called_others")) == called[-2].index  # then its output
    whole = entries("that_succeeded")
    last = [entry for entry in whole if entry.category == "Command" and entry.kind == "Run"][-1]
    assert journal.last_good(whole) == last.index


def test_a_handler_that_is_gone_cannot_be_started(server, restate, body) -> None:
    server.on("GET", "/services", {"body": body("services_of_the_server")})
    with pytest.raises(NotFound, match="no longer has the handler invoices/gone"):
        restate.start_fields("invoices/gone")
    with pytest.raises(Rejected, match="no handler of a service"):
        restate.start_fields("invoices")


# ------------------------------------------------------------------------------------------- forms


def handler(**about: Any) -> Handler:
    known: dict[str, Any] = {
        "service": "s", "name": "h", "service_kind": "Service", "kind": "", "schema": None,
        "about": "", "is_public": True,
    }  # fmt: skip
    return Handler(**{**known, **about})


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {},
        {"type": "string"},
        {"type": "object"},
        {"type": "object", "properties": {"no name": {}}},
        {"type": "object", "properties": {"a": True}},
        {"type": "object", "properties": {"restate_key": {"type": "string"}}},
    ],
)
def test_what_is_no_plain_object_is_entered_as_json(schema) -> None:
    (field,) = forms.start_fields(handler(schema=schema))
    assert (field.key, field.kind) == ("arguments", "json")
    assert forms.start_body(handler(schema=schema), {"arguments": [1]}) == {"json": [1]}
    assert forms.start_body(handler(schema=schema), {"arguments": None}) == {}


def test_a_field_that_is_left_empty_is_not_sent_unless_it_is_demanded() -> None:
    properties = {name: {"type": "string"} for name in ("a", "b", "c")}
    schema = {"type": "object", "properties": properties, "required": ["a"]}
    given = {"a": "", "b": "", "c": None}
    assert forms.start_body(handler(schema=schema), given) == {"json": {"a": ""}}


def test_handlers_have_one_order_although_restate_lists_them_in_another_each_time(
    server, restate, body
) -> None:
    told = body("services_of_the_server")
    server.on("GET", "/services", {"body": told})
    refs = [workflow.ref for workflow in restate.workflows()]
    told["services"].reverse()
    for service in told["services"]:
        service["handlers"].reverse()
    server.on("GET", "/services", {"body": told})
    assert [workflow.ref for workflow in restate.workflows()] == refs == sorted(refs)


@pytest.mark.parametrize(
    ("typed", "verb", "sent"),
    [
        ({"f1": "0", "f3": '{"ok": true}'}, "resolve", {"json": {"ok": True}}),
        ({"f1": "0", "f3": '"yes"'}, "resolve", {"json": "yes"}),
        ({"f1": "0", "f3": ""}, "resolve", {"json": None}),
        ({"f1": "1", "f2": "no"}, "reject", {"body": b"no", "content_type": "text/plain"}),
        ({"f1": "1", "f2": ""}, "reject", {"body": b"Rejected.", "content_type": "text/plain"}),
    ],
)
def test_an_awakeable_takes_what_is_typed_into_the_form_of_its_question(
    row, typed, verb, sent
) -> None:
    question = forms.awakeable_question(row("that_asks")["id"], 17, (), None)
    form = compile_question(question).bind(typed)
    assert form.is_valid(), form.errors
    assert forms.awakeable_answer(form.body()) == (verb, sent)


def test_a_handler_that_is_not_there_is_no_answer() -> None:
    shared = [handler(name="yes"), handler(name="no")]
    assert forms.promise_answer(shared, {"handler": "no", "value": 1}) == ("no", {"json": 1})
    with pytest.raises(Rejected):
        forms.promise_answer(shared, {"handler": "maybe"})


def test_a_promise_that_no_handler_can_complete_is_shown_and_not_answered() -> None:
    question = forms.promise_question(3, "decision", [], None)
    assert not question.is_answerable


# ------------------------------------------------------------------------------------ what it says


@pytest.mark.parametrize(("version", "word"), [("1.6.2", "old"), ("2.0.0", "new")])
def test_another_version_is_told_in_one_sentence(server, restate, body, version, word) -> None:
    told = body("version_of_the_server") | {"version": version}
    server.on("GET", "/version", {"body": told})
    with pytest.raises(BadResponse, match=f"too {word}. This works with Restate 1.7"):
        restate.check()


@pytest.mark.parametrize("name", ["column_that_the_server_lacks", "table_that_the_server_lacks"])
def test_a_server_that_lacks_a_column_is_told_as_such(server, restate, recorded, name) -> None:
    server.on("POST", "/query", recorded("restate", name))
    with pytest.raises((Rejected, Unreachable), match="This works with Restate"):
        list(restate.snapshots(None))


def test_an_ingress_that_is_not_there_is_told_by_the_check(server, restate, body) -> None:
    server.on("GET", "/version", {"body": body("version_of_the_server")})
    server.on("GET", "/services", {"body": body("services_of_the_server")})
    server.on("POST", "/query", {"body": body("number_of_invocations")})
    server.on("GET", "/ingress/restate/health", {"status": 404, "body": {}})
    with pytest.raises(NotFound, match="Restate's ingress"):
        restate.check()

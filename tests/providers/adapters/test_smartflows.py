"""What is peculiar to Smart Flows; everything else is in `test_every_adapter.py`."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from providers.contract import NotFound, Rejected, Status, Unreachable, Unreadable, Verb

RUNS = "/api/v1/flows/executions"
RUNNING = "85f8fe94-6f61-4216-af6c-4889e2547b72"
ASKING = "0b6f2c1e-9d0a-4c57-8a43-2f0f5d1c7e11"
DONE = "c2b1a098-7766-4554-8332-211000ffeedd"
WARNED = "6e5d4c3b-2a19-4887-9665-544332211000"
DOCUMENT = "23639cf9-908a-453c-9bbc-f9bb22be9d54"
SINCE = datetime(2024, 5, 6, 8, tzinfo=UTC)


@pytest.fixture
def smartflows(open_adapter):
    return open_adapter("smartflows")


@pytest.fixture
def says(server, recorded):
    """`says(ref, progress, details)`: what the provider tells about a run, by fixture names."""

    def say(ref, progress, details="details_of_a_run_that_asks_for_input"):
        server.on("GET", f"{RUNS}/{ref}/progress", recorded("smartflows", progress))
        server.on("GET", f"{RUNS}/{ref}", recorded("smartflows", details))

    return say


# ------------------------------------------------------------------------------------------ reading


def test_the_key_travels_in_its_header_and_the_progress_is_not_held(smartflows, server, says):
    says(RUNNING, "progress_of_a_running_run", "details_of_a_running_run")
    smartflows.snapshot(RUNNING)
    asked = {seen.path: seen for seen in server.requests}
    assert asked[f"{RUNS}/{RUNNING}"].headers["x-api-key"] == "planted-smart-flows-key/7"
    assert asked[f"{RUNS}/{RUNNING}/progress"].query == {"timeout": "1"}
    assert len(server.requests) == 2


def test_steps_are_read_again_where_the_run_went_on_meanwhile(smartflows, server, recorded):
    names = ("details_of_a_running_run", "details_of_a_run_that_asks_for_input")
    server.on("GET", f"{RUNS}/{ASKING}", *(recorded("smartflows", name) for name in names))
    progress = recorded("smartflows", "progress_of_a_run_that_asks_for_input")
    server.on("GET", f"{RUNS}/{ASKING}/progress", progress)
    run = smartflows.snapshot(ASKING)
    assert run.status is Status.USER_INPUT
    assert Status.USER_INPUT in [step.status for step in run.steps]
    assert len(server.requests) == 3


def test_a_running_run_shows_percentage_message_and_times(smartflows, says):
    says(RUNNING, "progress_of_a_running_run", "details_of_a_running_run")
    run = smartflows.snapshot(RUNNING)
    assert (run.progress, run.message, run.error) == (30, "Generating Document", "")
    assert run.workflow.name == "Offer letter"
    assert run.started_at == datetime(2024, 5, 6, 9, 14, 3, 512000, tzinfo=UTC)
    assert run.finished_at is None
    assert run.offers == {Verb.CANCEL}
    assert [step.status for step in run.steps] == [
        Status.SUCCEEDED,
        Status.RUNNING,
        Status.QUEUED,
    ]


def test_full_percentage_does_not_end_a_run(smartflows, server, recorded, says):
    says(RUNNING, "progress_of_a_running_run", "details_of_a_running_run")
    answer = recorded("smartflows", "progress_of_a_running_run")
    answer["body"]["percentage"] = 100
    server.on("GET", f"{RUNS}/{RUNNING}/progress", answer)
    run = smartflows.snapshot(RUNNING)
    assert run.status is Status.RUNNING
    assert run.finished_at is None


def test_documents_are_found_anywhere_in_the_model_once_each(smartflows, says):
    says(DONE, "progress_of_a_finished_run_with_documents")
    outputs = smartflows.snapshot(DONE).outputs
    assert {output.name for output in outputs} == {"My document", "Offer Oslo 12"}
    assert len(outputs) == 2


def test_steps_of_several_records_keep_their_place_and_own_refs(smartflows, says):
    says(
        DONE,
        "progress_of_a_finished_run_with_documents",
        "details_of_a_finished_run_for_two_records",
    )
    steps = smartflows.snapshot(DONE).steps
    assert [(step.ref, step.path) for step in steps] == [
        ("it-1/b1", ("Customer 1",)),
        ("it-2/b1", ("Customer 2",)),
        ("b2", ()),
        ("b3", ("Is it urgent?",)),
        ("b4", ()),
        ("b5", ("By channel", "mail")),
        ("b5#2", ("By channel", "mail")),
    ]
    assert [step.status.value for step in steps[2:5]] == ["skipped", "skipped", "succeeded"]


def test_a_catch_makes_a_warning_with_its_reason(smartflows, says):
    says(WARNED, "progress_of_a_run_with_a_warning", "details_of_a_run_with_a_warning")
    run = smartflows.snapshot(WARNED)
    assert run.status is Status.WARNING
    assert run.error == "SMTP connection refused"
    by_name = {step.name: step for step in run.steps}
    assert by_name["Guarded mail"].status is Status.WARNING
    assert by_name["Send mail"].path == ("Guarded mail", "try")
    assert by_name["Send mail"].status is Status.FAILED
    assert by_name["Store in archive"].path == ("Guarded mail", "catch")


def test_a_list_and_its_run_tell_the_same_times(smartflows, says, play, server, recorded):
    says(WARNED, "progress_of_a_run_with_a_warning", "details_of_a_run_with_a_warning")
    row = recorded("smartflows", "details_of_a_run_with_a_warning")["body"]
    del row["state"]
    server.on("POST", f"{RUNS}/filter", {"body": [row]})
    (listed,) = smartflows.snapshots(SINCE)
    run = smartflows.snapshot(WARNED)
    assert (listed.started_at, listed.finished_at) == (run.started_at, run.finished_at)
    assert listed.needs_detail


def test_a_callback_address_is_not_kept(smartflows, says):
    says(ASKING, "progress_of_a_run_that_asks_for_input")
    assert "callback" not in repr(smartflows.snapshot(ASKING))


# ---------------------------------------------------------------------------------------- discovery


def test_a_server_that_refuses_the_filter_is_listed_plainly_from_then_on(
    open_adapter, server, recorded
):
    row = recorded("smartflows", "open_runs_of_all_flows")["body"][0]
    server.on("POST", f"{RUNS}/filter", recorded("smartflows", "filter_refused"))
    server.on("GET", RUNS, {"body": [row]})
    memory: dict[str, object] = {}
    assert len(list(open_adapter("smartflows", memory).snapshots(SINCE))) == 1
    assert len(list(open_adapter("smartflows", memory).snapshots(SINCE))) == 1
    assert server.count("POST", f"{RUNS}/filter") == 1


def test_a_server_that_refuses_the_sort_key_too_is_listed_in_its_own_order(
    smartflows, server, recorded
):
    rows = recorded("smartflows", "open_runs_of_all_flows")["body"]
    refusal = recorded("smartflows", "filter_refused")
    server.on("POST", f"{RUNS}/filter", recorded("smartflows", "no_such_path"))
    server.on("GET", RUNS, {"body": rows})
    server.on("GET", RUNS, refusal, query={"sort": "createdAt,desc"})
    assert {run.ref for run in smartflows.snapshots(SINCE)} == {row["id"] for row in rows}


def test_a_wrong_address_does_not_leave_a_wrong_memory(open_adapter, server, recorded):
    server.fault = recorded("smartflows", "no_such_path")
    memory: dict[str, object] = {}
    with pytest.raises(NotFound):
        list(open_adapter("smartflows", memory).snapshots(SINCE))
    assert not memory.get("listing")


def test_a_page_cut_to_a_round_number_is_not_taken_for_the_last(smartflows, server, recorded):
    row = recorded("smartflows", "open_runs_of_all_flows")["body"][0]
    rows = [{**row, "id": f"run-{number}"} for number in range(53)]
    server.on("POST", f"{RUNS}/filter", {"body": []})
    server.on("POST", f"{RUNS}/filter", {"body": rows[:50]}, query={"page": "0"})
    server.on("POST", f"{RUNS}/filter", {"body": rows[50:]}, query={"page": "1"})
    assert len(list(smartflows.snapshots(SINCE))) == 53


def test_a_sorted_list_is_left_once_it_is_older_than_asked_for(smartflows, server, recorded):
    row = recorded("smartflows", "open_runs_of_all_flows")["body"][0]
    old = [
        {**row, "id": f"run-{number}", "createdAt": f"2024-05-05T{23 - number // 60:02}:00:00Z"}
        for number in range(100)
    ]
    server.on("POST", f"{RUNS}/filter", {"body": []}, {"body": old})
    list(smartflows.snapshots(SINCE))
    assert server.count("POST", f"{RUNS}/filter") == 2


# ------------------------------------------------------------------------------ questions, answers


def test_the_form_is_passed_on_as_the_provider_gave_it(smartflows, recorded, says):
    says(ASKING, "progress_of_a_run_that_asks_for_input")
    given = recorded("smartflows", "progress_of_a_run_that_asks_for_input")["body"]
    run = smartflows.snapshot(ASKING)
    (question,) = run.questions
    assert (question.schema, question.form, question.model) == (
        given["schema"],
        given["form"],
        given["model"],
    )
    assert run.offers == {Verb.CANCEL, Verb.ANSWER}


def test_the_next_round_of_input_is_another_question(smartflows, says):
    says(ASKING, "progress_of_a_run_that_asks_for_input")
    first = smartflows.snapshot(ASKING).questions[0].ref
    says(ASKING, "progress_of_a_run_that_asks_again_for_the_next_record")
    assert smartflows.snapshot(ASKING).questions[0].ref != first


def test_an_answer_to_an_earlier_round_is_not_sent(smartflows, server, says):
    says(ASKING, "progress_of_a_run_that_asks_for_input")
    (question,) = smartflows.snapshot(ASKING).questions
    says(ASKING, "progress_of_a_run_that_asks_again_for_the_next_record")
    with pytest.raises(Rejected, match="Answered elsewhere"):
        smartflows.answer(ASKING, question.ref, {})
    assert not server.count("POST", f"{RUNS}/{ASKING}/progress")


def test_an_answer_to_a_run_that_went_on_is_not_sent(smartflows, server, says):
    says(ASKING, "progress_of_a_running_run")
    with pytest.raises(Rejected, match="now Running"):
        smartflows.answer(ASKING, "some-round", {})
    assert not server.count("POST", f"{RUNS}/{ASKING}/progress")


@pytest.mark.parametrize(
    ("progress", "reason"),
    [
        ("progress_without_a_form_yet", ""),
        ("progress_of_a_run_that_wants_a_flow_chosen", "select_flow"),
    ],
)
def test_input_that_cannot_be_given_here_is_shown_but_not_offered(
    smartflows, says, progress, reason
):
    says(ASKING, progress)
    run = smartflows.snapshot(ASKING)
    assert run.status is Status.USER_INPUT
    assert run.status_reason == reason
    assert [question.is_answerable for question in run.questions] == [False]
    assert (run.status_since == run.started_at) is (reason == "select_flow")
    assert Verb.ANSWER not in run.offers


# --------------------------------------------------------------------------------- other commands


@pytest.mark.parametrize("word", ["Success", "Error", "Cancelled", "Interrupted", "Zorbulating"])
def test_nothing_is_deleted_unless_the_run_is_open(smartflows, server, recorded, word):
    answer = recorded("smartflows", "progress_of_a_running_run")
    answer["body"]["status"] = word
    server.on("GET", f"{RUNS}/{RUNNING}/progress", answer)
    with pytest.raises(Rejected, match=f"{word}; there is nothing to cancel"):
        smartflows.cancel(RUNNING)
    assert not [seen for seen in server.requests if seen.method == "DELETE"]


@pytest.mark.parametrize("refusal", ["no_such_path", "method_not_allowed"])
def test_an_older_server_is_asked_to_cancel_at_its_own_path(
    smartflows, server, recorded, says, refusal
):
    says(RUNNING, "progress_of_a_running_run")
    server.on("DELETE", f"{RUNS}/{RUNNING}", recorded("smartflows", refusal))
    server.on("DELETE", f"{RUNS}/{RUNNING}/progress", recorded("smartflows", "cancel_accepted"))
    smartflows.cancel(RUNNING)
    assert server.count("DELETE", f"{RUNS}/{RUNNING}/progress") == 1


def test_a_cancel_that_may_have_arrived_is_not_tried_at_the_other_path(smartflows, server, says):
    says(RUNNING, "progress_of_a_running_run")
    server.on("DELETE", f"{RUNS}/{RUNNING}", {"status": 502})
    with pytest.raises(Unreachable):
        smartflows.cancel(RUNNING)
    assert len([seen for seen in server.requests if seen.method == "DELETE"]) == 1


def test_a_start_without_xml_has_no_body(smartflows, server, recorded):
    server.on("POST", RUNS, recorded("smartflows", "run_started_without_input"))
    smartflows.start("flow-1", {"xml": "  "}, "some-key")
    (sent,) = server.requests
    assert sent.body == b""
    assert sent.query == {"flowId": "flow-1"}
    assert "content-type" not in sent.headers


def test_a_start_with_xml_says_that_it_is_xml(smartflows, server, recorded):
    server.on("POST", RUNS, recorded("smartflows", "run_started_with_xml"))
    smartflows.start("flow-1", {"xml": "<order/>"}, "some-key")
    assert server.requests[0].headers["content-type"] == 'application/xml; charset="utf-8"'


def test_an_operation_result_is_quoted_with_its_message(smartflows, server, recorded):
    server.on("POST", RUNS, recorded("smartflows", "refusal_as_an_operation_result"))
    with pytest.raises(Rejected, match="answered 400: The flow does not take this input"):
        smartflows.start("flow-1", {}, "some-key")


def test_a_document_gets_its_ending_from_its_type(smartflows, server, recorded):
    server.on("GET", f"/api/v1/documents/{DOCUMENT}", recorded("smartflows", "about_a_document"))
    content = recorded("smartflows", "content_of_a_document")
    server.on("GET", f"/api/v1/documents/content/{DOCUMENT}", content)
    download = smartflows.open_output(DONE, DOCUMENT)
    assert (download.name, download.content_type) == ("My document.pdf", "application/pdf")
    assert b"".join(download.chunks) == b"%PDF-1.4 an offer"


def test_a_document_is_also_found_at_the_other_documented_path(smartflows, server, recorded):
    server.on("GET", f"/api/v1/documents/{DOCUMENT}", recorded("smartflows", "about_a_document"))
    content = recorded("smartflows", "content_of_a_document")
    missing = recorded("smartflows", "no_such_path")
    server.on("GET", f"/api/v1/documents/content/{DOCUMENT}", missing)
    server.on("GET", f"/api/v1/documents/{DOCUMENT}/content", content)
    download = smartflows.open_output(DONE, DOCUMENT)
    assert b"".join(download.chunks).startswith(b"%PDF")


@pytest.mark.fault("D5")
def test_an_odd_time_costs_no_row_but_the_time_alone(smartflows, server, recorded):
    rows = recorded("smartflows", "open_runs_of_all_flows")["body"]
    rows[0]["createdAt"] = "yesterday"
    server.on("POST", f"{RUNS}/filter", {"body": rows})
    found = list(smartflows.snapshots(SINCE))
    assert not any(isinstance(item, Unreadable) for item in found)
    assert found[0].started_at is None
    assert found[0].raw["[not kept]"] == ["[not kept: yesterday as a time]"]

"""What neither the shared suite nor the scenarios can say of n8n."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from providers.adapters.n8n import form_fields, questions, reading, triggers
from providers.contract import NotFound, Status, Unsupported, Verb
from tests.providers.recorded import exchange

TIMED_OUT = "execution_that_took_too_long"


def row_of(name: str) -> dict[str, Any]:
    """A fresh copy."""
    return deepcopy(dict(exchange("n8n", name)["response"]["body"]))


def read(row: dict[str, Any]) -> Any:
    return reading.whole(row, reading.read_about(row["workflowData"]), "https://n8n.example.com")


def test_every_status_that_is_not_an_end_is_asked_for() -> None:
    from providers.adapters.n8n import OPEN

    opened = {word for word, status in reading.RUNS.items() if not status.is_final}
    assert opened - {"unknown"} == set(OPEN)


def test_what_was_canceled_long_after_its_limit_has_not_timed_out() -> None:
    """It waited, and its limit counts for what it did alone."""
    row = row_of(TIMED_OUT)
    assert read(row).status is Status.TIMED_OUT
    row["startedAt"] = "2026-11-01T00:00:00.000Z"
    assert read(row).status is Status.CANCELED


def test_a_limit_that_n8n_names_as_the_reason_is_believed() -> None:
    row = row_of("execution_that_was_canceled")
    assert read(row).status is Status.CANCELED
    row["data"]["resultData"]["error"] = {"message": "It was canceled.", "reason": "timeout"}
    run = read(row)
    assert (run.status, run.error) == (Status.TIMED_OUT, "It took longer than n8n allows.")


def test_what_n8n_cannot_go_on_with_is_not_offered_for_a_retry() -> None:
    row = row_of("execution_that_failed")
    assert read(row).offers == {Verb.RETRY}
    row["data"].pop("executionData")
    assert read(row).offers == frozenset()


def test_an_item_that_holds_an_error_is_none_where_the_run_does_not_go_on_after_one() -> None:
    row = row_of("execution_with_a_failed_node")
    assert read(row).status is Status.WARNING
    for node in row["workflowData"]["nodes"]:
        node.pop("onError", None)
    assert read(row).status is Status.SUCCEEDED


def test_the_token_of_an_address_is_taken_out_of_every_message(
    server: Any, open_adapter: Any
) -> None:
    name = "execution_that_waits_for_a_form"
    row = row_of(name)
    server.on("GET", f"/api/v1/executions/{row['id']}", exchange("n8n", name)["response"])
    opened = open_adapter("n8n")
    opened.snapshot(row["id"])
    node = next(node for node in row["workflowData"]["nodes"] if node["name"] == "Approve")
    (entry,) = row["data"]["resultData"]["runData"]["Approve"]
    door = questions.door_of(row, node, entry)
    assert door is not None
    token = door.query["signature"]
    assert len(token) > 10
    assert token not in opened.http.redact(f"signature={token}")


def test_a_wait_without_a_noted_address_is_answered_by_its_token() -> None:
    row = row_of("execution_that_waits_for_a_call")
    node = next(node for node in row["workflowData"]["nodes"] if node["name"] == "Delivery")
    row["data"]["resumeToken"] = "t0ken"
    door = questions.door_of(row, node, {})
    assert door == questions.Door("POST", ("webhook-waiting", row["id"]), {"signature": "t0ken"})
    row["data"].pop("resumeToken")
    assert questions.door_of(row, node, {}) is None
    node["parameters"]["incomingAuthentication"] = "basicAuth"
    row["data"]["resumeToken"] = "t0ken"
    assert questions.door_of(row, node, {}) is None


@pytest.mark.parametrize(
    ("address", "path", "below"),
    [
        ("https://example.com/n8n", ("n8n", "form-waiting", "7"), ("form-waiting", "7")),
        ("https://example.com/n8n/api/v1", ("form-waiting", "7"), ("form-waiting", "7")),
        ("https://n8n.example.com", ("n8n", "form-waiting", "7"), ("n8n", "form-waiting", "7")),
    ],
)
def test_an_address_of_n8n_s_own_is_called_below_that_of_the_account(
    address: str, path: tuple[str, ...], below: tuple[str, ...], open_adapter: Any
) -> None:
    assert open_adapter("n8n", base_url=address)._below(path) == below


def test_the_key_goes_to_the_api_alone(open_adapter: Any) -> None:
    opened = open_adapter("n8n")
    assert opened.api.headers.keys() == {"X-N8N-API-KEY"}
    assert opened.plain.headers == {}


def test_another_server_at_the_address_is_told(server: Any, open_adapter: Any) -> None:
    server.on("GET", "/api/v1/executions", {"status": 404, "text": "<html>nothing</html>"})
    with pytest.raises(NotFound, match=r"no public API of n8n at this address\. This works"):
        open_adapter("n8n").check()


def test_an_archived_workflow_keeps_its_name_and_is_not_offered(
    server: Any, open_adapter: Any
) -> None:
    page = exchange("n8n", "workflows_last_page")["response"]["body"]
    page["data"][0]["isArchived"] = True
    server.on("GET", "/api/v1/workflows", {"body": page})
    opened = open_adapter("n8n")
    listed = {workflow.ref for workflow in opened.workflows()}
    archived = page["data"][0]
    assert archived["id"] not in listed
    assert opened.memory[f"workflow {archived['id']}"].partition(" ")[2] == archived["name"]


def field(kind: str, **more: Any) -> dict[str, Any]:
    return {"fieldLabel": kind, "fieldType": kind, **more}


CHOICES = {"fieldOptions": {"values": [{"option": "a"}, {"option": "b"}]}}


def test_fields_of_every_kind_are_asked_as_what_they_are() -> None:
    fields = [
        field("html", html="<b>Read this</b>"),
        field("hiddenField", fieldName="source", fieldValue="desk"),
        field("textarea", requiredField=True, placeholder="Why?"),
        field("email", defaultValue="ana@example.com"),
        field("radio", **CHOICES),
        field("checkbox", limitSelection="range", minSelections=1, maxSelections=2, **CHOICES),
        field("dropdown", multiselect=True, requiredField=True, **CHOICES),
        field("file", acceptFileTypes=".pdf"),
    ]
    schema = form_fields.schema_of(fields)
    assert schema["required"] == ["field-2", "field-6"]
    several = {"type": "string", "enum": ["a", "b"]}
    assert schema["properties"] == {
        "field-2": {
            "title": "textarea", "description": "Why?", "type": "string", "format": "textarea",
        },
        "field-3": {"title": "email", "type": "string", "format": "email"},
        "field-4": {"title": "radio", "type": "string", "enum": ["a", "b"]},
        "field-5": {
            "title": "checkbox", "type": "array", "items": several, "uniqueItems": True,
            "minItems": 1, "maxItems": 2,
        },
        "field-6": {
            "title": "dropdown", "type": "array", "items": several, "uniqueItems": True,
            "minItems": 1,
        },
        "field-7": {
            "title": "file", "type": "string", "format": "data-url", "contentMediaType": ".pdf",
        },
    }  # fmt: skip
    assert form_fields.model_of(fields) == {"field-3": "ana@example.com"}
    values = {
        "field-2": "because", "field-4": "a", "field-5": ["b"], "field-6": [],
        "field-7": "data:application/pdf;name=a%20b.pdf;base64,JVBERi0=",
    }  # fmt: skip
    texts, files = form_fields.parts_of(fields, values)
    assert texts == {
        "field-1": "desk", "field-2": "because", "field-4": '["a"]', "field-5": '["b"]',
    }  # fmt: skip
    assert files == {"field-7": ("a b.pdf", b"%PDF-", "application/pdf")}


def test_a_form_that_its_author_wrote_as_json_is_read_unless_n8n_has_to_work_it_out() -> None:
    written = '[{"fieldLabel": "City", "fieldType": "text"}]'
    fields = form_fields.fields_of({"defineForm": "json", "jsonOutput": written})
    assert fields is not None
    assert list(form_fields.schema_of(fields)["properties"]) == ["field-0"]
    for unclear in (f"={written}", "{{ $json }}"):
        assert form_fields.fields_of({"defineForm": "json", "jsonOutput": unclear}) is None


def webhook(**parameters: Any) -> dict[str, Any]:
    return {"name": "W", "type": triggers.WEBHOOK, "parameters": {"path": "in", **parameters}}


@pytest.mark.parametrize(
    ("node", "method"),
    [
        (webhook(), "GET"),
        (webhook(httpMethod="PUT"), "PUT"),
        (webhook(httpMethod=["GET", "POST"]), "POST"),
        (webhook(authentication="headerAuth"), None),
        (webhook(path="orders/:id"), None),
        (webhook(path="={{ $json.path }}"), None),
        ({**webhook(), "disabled": True}, None),
    ],
)
def test_a_webhook_that_can_be_called_starts_a_workflow(
    node: dict[str, Any], method: str | None
) -> None:
    trigger = triggers.trigger_of([node])
    assert (trigger and trigger.method) == method


def test_a_form_that_demands_a_file_cannot_be_started_here() -> None:
    fields = {"values": [field("file", requiredField=True)]}
    node = {"name": "F", "type": triggers.FORM, "parameters": {"path": "f", "formFields": fields}}
    assert triggers.trigger_of([node]) is None


def test_a_question_of_a_node_that_sends_it_itself_has_a_link(
    server: Any, open_adapter: Any
) -> None:
    row = row_of("execution_that_waits_for_a_call")
    for node in row["workflowData"]["nodes"]:
        if node["name"] == "Delivery":
            node |= {"type": "n8n-nodes-base.slack", "parameters": {"operation": "sendAndWait"}}
    run = read(row)
    (question,) = run.questions
    assert (run.status, run.offers) == (Status.USER_INPUT, {Verb.CANCEL})
    assert (question.is_answerable, question.url) == (False, run.url)
    server.on("GET", f"/api/v1/executions/{row['id']}", {"body": row})
    with pytest.raises(Unsupported):
        open_adapter("n8n").answer(row["id"], question.ref, {})


def test_what_a_webhook_was_called_with_fills_another_start(open_adapter: Any) -> None:
    opened = open_adapter("n8n")
    assert opened.arguments_of({"headers": {}, "query": {}, "body": {"a": 1}}) == {
        "arguments": {"a": 1}
    }
    assert opened.arguments_of(None) == {}

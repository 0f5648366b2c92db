"""What programs can read, and in which shape."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from executions.models import ApiToken, TokenScope
from providers import contract
from providers.contract import Status
from providers.models import Grant, Level, ProviderAccount
from tests.executions.api.conftest import APPROVAL, NOW, QUESTION, Api
from tests.providers.conftest import Server

ITEM = {
    "id", "account", "provider", "ref", "workflow", "status", "status_reason", "native_status",
    "progress", "error_summary", "started_at", "finished_at", "observed_at", "changed_at",
    "is_change_reported", "url", "label", "values", "whereabouts", "is_unresolved", "assignee",
    "settled_at", "settled_how", "settled_by", "settled_reason", "ignored_until", "created_at",
}  # fmt: skip


def test_a_list_has_items_in_the_promised_shape(ana: Api, put: Callable[..., int]) -> None:
    pk = put("r1", progress=40, url="https://claims.example.com/r1")
    body = ana.get("executions").json()
    assert set(body) == {"items", "next"}
    (item,) = body["items"]
    assert set(item) == ITEM
    assert (item["id"], item["account"], item["provider"]) == (pk, "Claims", "smartflows")
    assert item["workflow"] == {"ref": "w1", "name": "Nightly import"}
    assert (item["status"], item["native_status"], item["progress"]) == ("running", "Running", 40)
    assert item["finished_at"] is None
    assert item["started_at"].endswith("Z")
    assert datetime.fromisoformat(item["started_at"]).utcoffset() is not None


def test_pages_follow_one_another_without_gap_or_repeat(ana: Api, put: Callable[..., int]) -> None:
    pks = [put(f"r{number}", age=number) for number in range(1, 8)]
    seen: list[int] = []
    cursor = None
    while True:
        query = {"limit": 3, **({"cursor": cursor} if cursor else {})}
        body = ana.get("executions", **query).json()
        seen += [item["id"] for item in body["items"]]
        cursor = body["next"]
        if cursor is None:
            break
    assert seen == pks


@pytest.mark.parametrize("limit", ["0", "201", "many"])
def test_a_limit_out_of_range_is_refused(ana: Api, limit: str) -> None:
    answer = ana.get("executions", limit=limit)
    assert answer.status_code == 422
    assert answer.json()["error"] == "invalid"
    assert "limit" in answer.json()["message"]


def test_the_filters_are_those_of_the_page(ana: Api, put: Callable[..., int]) -> None:
    put("r1")
    failed = put("r2", Status.FAILED, error="Disk full")
    for query in (
        {"status": "failed"}, {"lamp": "failed"}, {"not_status": "running"}, {"q": "disk"},
        {"status": ["failed", "timed_out"], "account": "Claims", "provider": "smartflows"},
    ):  # fmt: skip
        body = ana.get("executions", **query).json()
        assert [item["id"] for item in body["items"]] == [failed], query


@pytest.mark.parametrize(
    "query", [{"status": "done"}, {"account": "Nobody"}, {"colour": "red"}, {"cursor": "x"}]
)
def test_a_filter_that_is_not_understood_is_refused(ana: Api, query: dict[str, str]) -> None:
    answer = ana.get("executions", **query)
    assert answer.status_code == 422
    assert set(answer.json()) == {"error", "message"}


def test_the_number_of_queries_does_not_grow_with_the_rows(
    ana: Api, put: Callable[..., int]
) -> None:
    put("r0")
    ana.get("executions")
    with CaptureQueriesContext(connection) as few:
        ana.get("executions")
    for number in range(1, 20):
        put(f"r{number}")
    with CaptureQueriesContext(connection) as many:
        ana.get("executions")
    assert len(many) == len(few) <= 8


def test_an_execution_is_told_in_full(ana: Api, put: Callable[..., int]) -> None:
    step = contract.Step(
        ref="s1", name="Read", path=("Outer",), status=Status.FAILED, native_status="Error",
        error="Bad row", attempt=2, run_ref="r7",
        tries=(contract.Try(attempt=1, status=Status.FAILED, error="Bad file"),),
    )  # fmt: skip
    output = contract.Output(
        ref="o1", name="letter.pdf", content_type="application/pdf", size=12, step_ref="s1"
    )
    put("r1", Status.RUNNING)
    pk = put(
        "r1", Status.USER_INPUT, steps=(step,), questions=(QUESTION, APPROVAL), outputs=(output,),
        labels={"team": "sales", "nightly": ""}, parent_ref="top", retry_of="old", created_at=NOW,
    )  # fmt: skip
    body = ana.get(f"executions/{pk}").json()
    assert set(body) == ITEM | {
        "is_altered", "steps", "transitions", "questions", "commands", "outputs", "reading",
        "labels", "parent_ref", "retry_of",
    }  # fmt: skip
    assert body["labels"] == ["nightly", "team=sales"]
    assert (body["parent_ref"], body["retry_of"]) == ("top", "old")
    assert datetime.fromisoformat(body["created_at"]) == NOW
    assert body["steps"] == [
        {
            "ref": "s1", "path": ["Outer"], "name": "Read", "status": "failed",
            "native_status": "Error", "started_at": None, "finished_at": None, "error": "Bad row",
            "attempt": 2, "run_ref": "r7",
            "tries": [
                {
                    "attempt": 1, "status": "failed", "native_status": "", "started_at": None,
                    "finished_at": None, "error": "Bad file",
                }
            ],
        }
    ]  # fmt: skip
    assert [(change["from"], change["to"]) for change in body["transitions"]] == [
        ("", "running"),
        ("running", "user_input"),
    ]
    form, approval = body["questions"]
    assert (form["ref"], form["schema"], form["form"]) == ("q1", {"type": "object"}, ["*"])
    assert form["model"] == {"a": 1}
    assert [choice["value"] for choice in approval["choices"]] == ["yes", "no"]
    assert (form["delegated_to"], form["delegated_at"], form["delegation_note"]) == (None, None, "")
    (told,) = body["outputs"]
    assert (told["name"], told["size"], told["step_ref"]) == ("letter.pdf", 12, "s1")
    assert told["href"].startswith(f"/api/v1/executions/{pk}/outputs/")


def test_the_run_as_a_file_is_what_the_api_says_of_it(
    ana: Api, client: Client, people: dict[str, User], put: Callable[..., int]
) -> None:
    pk = put("r1", Status.USER_INPUT, steps=(), questions=(QUESTION, APPROVAL))
    client.force_login(people["ana"])
    file = client.get(f"/executions/{pk}.json")
    assert file["Content-Disposition"] == f'attachment; filename="run-{pk}.json"'
    assert list(file.json().items()) == list(ana.get(f"executions/{pk}").json().items())


def test_what_is_not_granted_is_not_there(eve: Api, put: Callable[..., int]) -> None:
    pk = put("r1", Status.USER_INPUT, questions=(QUESTION,))
    assert eve.get("executions").json() == {"items": [], "next": None}
    assert eve.get("accounts").json() == []
    assert eve.get("workflows").json() == []
    for path in (f"executions/{pk}", "executions/999999", "nothing/here", "nothing%0Ahere"):
        answer = eve.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"] == "not_found"
    assert eve.get("executions", account="Claims").status_code == 422
    assert eve.post(f"executions/{pk}/commands", {"kind": "cancel"}).status_code == 404


def test_accounts_are_told_without_settings_and_credentials(
    vik: Api, account: ProviderAccount
) -> None:
    account.set_credentials({"api_key": "claims-secret"}, by="ana")
    account.save()
    answer = vik.get("accounts")
    (told,) = answer.json()
    assert (told["name"], told["health"], told["group"]) == ("Claims", "new", "east")
    assert "secret" not in answer.content.decode()
    assert not {"settings", "credentials", "sealed_credentials"} & set(told)


def test_a_program_learns_on_which_accounts_it_may_act(
    ana: Api, vik: Api, people: dict[str, User], account: ProviderAccount
) -> None:
    def told(who: Api) -> list[bool]:
        return [each["may_act"] for each in who.get("accounts").json()]

    assert told(ana) == [True]
    assert told(vik) == [False]
    Grant.objects.create(person=people["vik"], account=account, level=Level.OPERATE)
    assert told(vik) == [True]
    ApiToken.objects.filter(user=people["vik"]).update(scope=TokenScope.READ)
    assert told(vik) == [False]


def test_workflows_are_listed_with_their_ids(vik: Api, put: Callable[..., int]) -> None:
    put("r1")
    (told,) = vik.get("workflows", q="night", can_start=True).json()
    assert (told["name"], told["ref"], told["account"]) == ("Nightly import", "w1", "Claims")


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic abc", "Bearer "])
def test_without_a_valid_token_the_answer_is_401_as_json(
    client: Client, people: dict[str, User], header: str | None
) -> None:
    headers = {"Authorization": header} if header else {}
    for path in ("executions", "accounts", "openapi.json", "nothing"):
        answer = client.get(f"/api/v1/{path}", headers=headers)
        assert answer.status_code == 401
        assert answer.json()["error"] == "unauthorized"
        assert answer["WWW-Authenticate"] == "Bearer"


def test_a_session_is_no_token(client: Client, people: dict[str, User]) -> None:
    client.force_login(people["ana"])
    assert client.get("/api/v1/executions").status_code == 401


def test_a_token_ends_with_its_row_and_with_its_person(ana: Api, people: dict[str, User]) -> None:
    assert ana.get("accounts").status_code == 200
    User.objects.filter(username="ana").update(is_active=False)
    assert ana.get("accounts").status_code == 401
    User.objects.filter(username="ana").update(is_active=True)
    ApiToken.objects.all().delete()
    assert ana.get("accounts").status_code == 401


def test_the_description_names_every_address(ana: Api) -> None:
    described = ana.get("openapi.json").json()
    assert set(described["paths"]) == {
        "/api/v1/executions",
        "/api/v1/executions/{pk}",
        "/api/v1/executions/{pk}/commands",
        "/api/v1/executions/{pk}/decisions",
        "/api/v1/executions/{pk}/delegations",
        "/api/v1/decisions",
        "/api/v1/executions/{pk}/outputs/{output_pk}",
        "/api/v1/executions/{pk}/readings",
        "/api/v1/commands/{key}",
        "/api/v1/commands/{key}/agreement",
        "/api/v1/commands/{key}/return",
        "/api/v1/commands/{key}/undo",
        "/api/v1/accounts",
        "/api/v1/workflows",
        "/api/v1/workflows/{pk}/runs",
    }
    question = described["components"]["schemas"]["Question"]["properties"]
    assert {"schema", "form", "model"} <= set(question)


def test_the_command_prints_a_token_alone_on_the_last_line(
    client: Client, people: dict[str, User], capsys: Any
) -> None:
    call_command("token", "ana", label="night watch")
    token = capsys.readouterr().out.splitlines()[-1]
    headers = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/accounts", headers=headers).status_code == 200
    row = ApiToken.objects.get()
    assert (row.label, len(row.hash)) == ("night watch", 64)
    assert token not in str(ApiToken.objects.values())


def test_the_command_refuses_people_who_may_not_sign_in(people: dict[str, User]) -> None:
    with pytest.raises(CommandError, match="no user named nobody"):
        call_command("token", "nobody")
    User.objects.filter(username="eve").update(is_active=False)
    with pytest.raises(CommandError, match="may not sign in"):
        call_command("token", "eve")


@pytest.fixture
def provider() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.stop()
    thread.join(5)


def test_a_document_is_streamed_to_those_who_may_see_its_run(
    ana: Api, eve: Api, put: Callable[..., int], account: ProviderAccount, provider: Server
) -> None:
    account.settings = {"base_url": provider.url}
    account.set_credentials({"api_key": "claims-secret"}, by="ana")
    account.save()
    output = contract.Output(ref="d1", name="letter.pdf", content_type="application/pdf")
    pk = put("r1", steps=(), outputs=(output,))
    about = {"displayName": "letter.pdf", "contentType": "application/pdf"}
    provider.on("GET", "/api/v1/documents/d1", {"body": about})
    provider.on("GET", "/api/v1/documents/content/d1", {"base64": "JVBERi0xLjQ="})
    (told,) = ana.get(f"executions/{pk}").json()["outputs"]
    path = told["href"].removeprefix("/api/v1/")
    answer = ana.get(path)
    assert b"".join(answer.streaming_content) == b"%PDF-1.4"
    assert answer["Content-Disposition"].startswith("attachment")
    assert eve.get(path).status_code == 404
    provider.on("GET", "/api/v1/documents/d1", {"status": 500, "body": {}})
    failed = ana.get(path)
    assert (failed.status_code, failed.json()["error"]) == (502, "provider")


def test_the_secrets_of_a_question_are_masked(ana, put):
    """In the model, in defaults of the schema and the form, and in parts that are JSON texts."""
    secret = contract.Question(
        ref="q1",
        kind="form",
        title="Log in",
        schema={
            "type": "object",
            "properties": {
                "user": {"type": "string", "default": "bo"},
                "apiToken": {"type": "string", "default": "preset-1"},
                "pin": {"type": "string", "default": "preset-2"},
            },
        },
        form=["user", "apiToken", {"key": "pin", "type": "password", "default": "preset-3"}],
        model={"user": "cy", "pin": "stored-1", "deep": {"password": "stored-2"}},
    )
    texts = replace(secret, ref="q2", model=json.dumps(secret.model))
    odd = replace(secret, ref="q3", model="{not json stored-3")
    pk = put("r1", Status.USER_INPUT, steps=(), questions=(secret, texts, odd))
    text = ana.get(f"executions/{pk}").content.decode()
    assert "stored-" not in text
    assert "preset-" not in text
    first = json.loads(text)["questions"][0]
    assert first["model"] == {"user": "cy", "pin": "[redacted]", "deep": {"password": "[redacted]"}}
    assert first["schema"]["properties"]["user"] == {"type": "string", "default": "bo"}
    assert list(first["schema"]["properties"]) == ["user", "apiToken", "pin"]


def test_the_api_takes_every_filter_that_the_page_takes(ana, put):
    hour = timedelta(hours=1)
    put("a", Status.FAILED, age=600, finished_at=NOW - hour, steps=(), input={"order": "PO-4711"})
    put("b", Status.FAILED, age=90, finished_at=NOW - 2 * hour / 3)
    put("c", Status.RUNNING, age=30)

    def refs(**query):
        answer = ana.get("executions", **query)
        assert answer.status_code == 200, answer.content
        return [item["ref"] for item in answer.json()["items"]]

    assert refs(finished="24h") == ["b", "a"]
    assert refs(finished="24h", sort="newest") == ["b", "a"]
    assert refs(sort="oldest") == ["a", "b", "c"]
    assert refs(took_min="2h") == ["a"]
    assert refs(q="po-4711") == ["a"]
    assert refs(**{"not_status": "failed"}) == ["c"]
    for nothing in ({"is": "overdue"}, {"is": "mine"}, {"waiting": "1h"}):
        assert refs(**nothing) == []
    by_end = ana.get("executions", sort="finished", limit=1).json()["next"]
    assert refs(sort="finished", cursor=by_end) == ["a"]


def test_the_api_refuses_a_place_of_another_order_and_what_is_for_pages_only(ana, put):
    put("a", Status.FAILED, age=10, finished_at=NOW)
    put("b", Status.FAILED, age=9, finished_at=NOW)
    by_end = ana.get("executions", sort="finished", limit=1).json()["next"]
    assert ana.get("executions", cursor=by_end).status_code == 422
    assert ana.get("executions", view="1").status_code == 422
    assert ana.get("executions", took_min="soon").status_code == 422

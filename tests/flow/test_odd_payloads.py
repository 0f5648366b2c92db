"""Whatever a run carries, its status, times and error are stored, and its page and the API tell
them: a scripted provider over HTTP, a poll, the database, the page, the API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from executions import tasks
from executions.access import api_tokens
from executions.models import Execution, Quarantine
from providers.contract import Verb
from providers.demo import serve
from tests.flow.conftest import Desk

BALANCE = "123456789012345678901234567890123456789012345678901234567890123456789012345678"
BEGAN = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
ENDED = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
NOT_KEPT = "could not be stored as sent"

PLANTED = {
    "an integer over 64 bits": (BALANCE, BALANCE),
    "a decimal with many digits": ("12345678901234567890.1234567890", None),
    "a price": ("1.10", "1.10"),
    "not a number": ("NaN", "[not kept: NaN]"),
    "no end": ("-Infinity", "[not kept: -Infinity]"),
    "a number out of range": ("1e999", "[not kept: 1e999]"),
    "more digits than anybody reads": ("9" * 5000, "[not kept: a number of 5,000 digits]"),
    "a key twice": ('{"a": 1, "a": 2}', "another value of “a”, which came twice"),
    "half a character": (r'"x \ud83d y"', "x � y"),
    "a NUL": (r'"x \u0000 y"', "x � y"),
    "nesting without end": ("[" * 3000 + "]" * 3000, "[not kept: nested more than 60 levels deep]"),
    "brackets in a text": (f'"{"[" * 3000}"', None),
}
KEPT_AS_SENT = {
    "an integer over 64 bits", "a decimal with many digits", "a price", "brackets in a text",
}  # fmt: skip


def flow(ref: str, planted: str, state: str = "failed") -> str:
    """A flow of Generio's, as text: no JSON writer would write all of it."""
    return (
        f'{{"flow_id": "{ref}", "template": "model_optimize", "state": "{state}",'
        f'"created_at": "{BEGAN}", "started_at": "{BEGAN}", "finished_at": "{ENDED}",'
        '"error": "The mesh has a hole",'
        f'"parameters": {{"planted": {planted}, "beside": 7}}}}'
    )


class Scripted:
    """Answers with the texts given by path; keeps what was sent to it."""

    def __init__(self, answers: dict[str, str | bytes]) -> None:
        self.answers = answers
        self.sent: list[tuple[str, str, str]] = []

    async def __call__(self, request: Request) -> Response:
        body = (await request.body()).decode()
        path = f"{request.method} {request.url.path}"
        self.sent.append((request.method, request.url.path, body))
        answer = self.answers.get(path)
        status = 404 if answer is None else 200
        return Response(answer or "{}", status, media_type="application/json")


@pytest.fixture
def scripted(open_desk: Callable[..., Desk]) -> Iterator[Callable[..., tuple[Desk, Scripted]]]:
    """`scripted("generio", {"GET /flows": "[...]"})`: a desk at a provider that says this."""
    with ExitStack() as stack:

        def start(key: str, answers: dict[str, Any]) -> tuple[Desk, Scripted]:
            desk, script = open_desk(key), Scripted(answers)

            async def endpoint(request: Request) -> Response:
                return await script(request)

            methods = ["GET", "POST", "PATCH", "DELETE"]
            routes = [Route("/{rest:path}", endpoint, methods=methods)]
            url = stack.enter_context(serve.serving(Starlette(routes=routes)))
            desk.account.settings = {**desk.account.settings, "base_url": url}
            desk.account.save()
            return desk, script

        yield start


def generio(*flows: str | bytes) -> dict[str, Any]:
    """The answers of a provider with these flows; the first character of a ref is its path."""
    encoded = [each if isinstance(each, bytes) else each.encode() for each in flows]
    answers: dict[str, Any] = {"GET /flows": b"[" + b",".join(encoded) + b"]"}
    for each in encoded:
        ref = each.split(b'"flow_id": "')[1].split(b'"')[0].decode()
        answers[f"GET /flows/{ref}"] = each
        answers[f"GET /flows/{ref}/outputs"] = "[]"
    return answers


@pytest.fixture
def page(ana: Any) -> Client:
    client = Client()
    client.force_login(ana)
    return client


def text_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return unescape(answer.content.decode())


def told_by_the_api(ana: Any, path: str) -> str:
    bearer = {"Authorization": f"Bearer {api_tokens.issue(ana)}"}
    answer = Client().get(f"/api/v1/{path}", headers=bearer)
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def look(ref: str) -> Execution:
    """Read the run in detail, as opening its page does."""
    run = Execution.objects.get(ref=ref)
    tasks.read_ref(run.account_id, ref)
    run.refresh_from_db()
    return run


@pytest.mark.fault("B3", "B4", "B5", "B6", "B9")
def test_a_run_is_told_whatever_its_payload_holds(scripted, page, ana):
    flows = [flow(f"odd{n}", planted) for n, (planted, _) in enumerate(PLANTED.values())]
    desk, _ = scripted("generio", generio(*flows, flow("good", "1", "running")))
    assert desk.poll().health == "ok"
    assert not Quarantine.objects.exists()
    assert Execution.objects.count() == len(flows) + 1
    for number, (name, (planted, shown)) in enumerate(PLANTED.items()):
        run = look(f"odd{number}")
        assert (run.status, run.error_summary) == ("failed", "The mesh has a hole"), name
        assert run.started_at, name
        assert run.finished_at, name
        told = text_of(page, f"/executions/{run.pk}/?tab=data")
        assert "The mesh has a hole" in text_of(page, f"/executions/{run.pk}/"), name
        assert (NOT_KEPT in told) == (name not in KEPT_AS_SENT), name
        file = page.get(f"/executions/{run.pk}/input.json").content.decode()
        assert (shown or planted) in file, name
        assert '"beside": 7' in file, name
        assert shown is None or shown in told, name
        by_api = json.loads(told_by_the_api(ana, f"executions/{run.pk}"))
        assert by_api["status"] == "failed", name
        assert by_api["is_altered"] == (name not in KEPT_AS_SENT), name


@pytest.mark.fault("B7")
def test_bytes_that_are_no_text_cost_their_characters_only(scripted, page):
    odd = flow("odd", '"M?ller"').encode().replace(b"?", b"\xfc")
    desk, _ = scripted("generio", generio(odd))
    assert desk.poll().health == "ok"
    run = look("odd")
    assert run.status == "failed"
    told = text_of(page, f"/executions/{run.pk}/?tab=data")
    assert "M�ller" in told
    assert NOT_KEPT in told


@pytest.mark.fault("B4")
def test_a_run_that_ends_with_an_odd_payload_does_not_stay_running(scripted):
    desk, script = scripted("generio", generio(flow("odd", "1", "running")))
    desk.poll()
    assert desk.status("odd") == "running"
    script.answers |= generio(flow("odd", f'{{"balance": {BALANCE}, "x": NaN}}'))
    desk.poll()
    assert desk.status("odd") == "failed"


def test_a_name_that_is_no_text_does_not_cost_the_run(scripted, page):
    names = {"7": "7", "7.50": "7.50", "true": "true", "null": "f3", '{"en": "A"}': '{"en": "A"}'}
    rows = [
        f'{{"id": "r{n}", "status": "Waiting", "createdAt": "{BEGAN}",'
        f' "flow": {{"id": "f{n}", "displayName": {name}}}}}'
        for n, name in enumerate(names)
    ]
    desk, _ = scripted("smartflows", {"GET /api/v1/flows/executions": f"[{','.join(rows)}]"})
    assert desk.poll().health == "ok"
    found = dict(Execution.objects.values_list("ref", "workflow__name"))
    assert found == {f"r{n}": shown for n, shown in enumerate(names.values())}
    told = text_of(page, "/")
    assert not [shown for shown in names.values() if shown not in told]


def test_an_answer_and_a_copied_input_carry_the_digits_that_came(scripted, page):
    """From the provider's model to the form and back, and from an input to another start."""
    model = f'{{"amount": {BALANCE}, "rate": 1.10, "city": "Oslo"}}'
    progress = (
        '{"id": "r1", "status": "UserInput", "schema": {"properties": {"amount": {"type":'
        ' "integer"}, "rate": {"type": "number"}, "city": {"type": "string"}}},'
        f' "form": ["*"], "model": {model}}}'
    )
    run = f'{{"id": "r1", "status": "UserInput", "createdAt": "{BEGAN}", "flow": {{"id": "f1"}}}}'
    at = "/api/v1/flows/executions"
    answers = {
        f"GET {at}": f"[{run}]",
        f"GET {at}/r1": run,
        f"GET {at}/r1/progress": progress,
        f"POST {at}/r1/progress": "{}",
    }
    desk, script = scripted("smartflows", answers)
    question = desk.poll_until(lambda: desk.open_question("r1"))
    told = text_of(page, f"/questions/{question.pk}/")
    assert BALANCE in told
    assert "1.10" in told
    desk.do("r1", Verb.ANSWER, question=question, values=question.model)
    (sent,) = [body for method, _, body in script.sent if method == "POST" and "Oslo" in body]
    assert f'"amount":{BALANCE}' in sent
    assert '"rate":1.10' in sent


def test_what_is_a_note_here_is_not_sent_to_the_provider(scripted):
    run = f'{{"id": "r1", "status": "UserInput", "createdAt": "{BEGAN}", "flow": {{"id": "f1"}}}}'
    schema = '{"properties": {"a": {"type": "number"}}}'
    at = "/api/v1/flows/executions"
    answers = {
        f"GET {at}": f"[{run}]",
        f"GET {at}/r1": run,
        f"GET {at}/r1/progress": f'{run[:-1]}, "schema": {schema}, "model": {{"a": NaN}}}}',
        f"POST {at}/r1/progress": "{}",
    }
    desk, script = scripted("smartflows", answers)
    question = desk.poll_until(lambda: desk.open_question("r1"))
    command = desk.do("r1", Verb.ANSWER, question=question, values=question.model)
    assert command.state == "rejected"
    assert "Nothing was sent" in command.message
    assert f"POST {at}/r1/progress" not in [f"{method} {path}" for method, path, _ in script.sent]

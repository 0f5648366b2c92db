"""What the site refuses, and what every answer carries, at its own doors and at the stream's."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.test import Client
from starlette.requests import Request

from config import live_stream
from config.site_setup import prepare
from executions.access import api_tokens
from executions.live import publish
from providers.contract import BadResponse
from providers.http.replies import Reply
from providers.models import ProviderAccount

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ana"))
    return client


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/nothing-here/", "/healthz"])
def test_every_page_switches_off_what_it_never_uses(ana: Client, path: str) -> None:
    assert "camera=()" in ana.get(path)["Permissions-Policy"]


def test_what_a_page_of_another_site_posts_is_refused_whatever_token_it_has(ana: Client) -> None:
    answer = ana.post("/sign-out/", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "another site" in answer.content.decode()
    assert ana.get("/").status_code == 200
    assert ana.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
    assert ana.post("/sign-out/", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 302


def test_browsers_report_what_the_content_policy_refused_and_the_log_says_it_once_a_minute(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert "report-uri /csp-reports/" in client.get("/sign-in/")["Content-Security-Policy"]
    publish.client().delete("annunciator:once:csp:script-src")
    report = {"violated-directive": "script-src", "blocked-uri": "https://evil.example/a?key=s3"}
    with caplog.at_level(logging.WARNING, "config.csp_reports"):
        codes = [send_report(client, json.dumps({"csp-report": report})) for _ in range(5)]
    assert codes == [204] * 5
    assert len(caplog.messages) == 1
    assert "evil.example by script-src" in caplog.text
    assert "s3" not in caplog.text
    assert send_report(client, "[" * 5000) == 400
    assert send_report(client, " " * 9000) == 413


def send_report(client: Client, body: str) -> int:
    return client.post("/csp-reports/", body, content_type="application/csp-report").status_code


def test_a_session_ends_when_nobody_does_anything_for_eight_hours(ana: Client) -> None:
    assert ana.get("/").status_code == 200
    session = ana.session
    session["seen"] = time.time() - 7 * 3600
    session.save()
    ana.get("/changes/")  # an open page asks by itself
    assert ana.session["seen"] < time.time() - 6 * 3600
    ana.get("/")
    assert ana.session["seen"] > time.time() - 60
    session = ana.session
    session["seen"] = time.time() - 9 * 3600
    session.save()
    assert ana.get("/").status_code == 302


def test_a_session_ends_a_day_after_its_beginning_however_busy(ana: Client) -> None:
    ana.get("/")
    session = ana.session
    session["begun"] = time.time() - 25 * 3600
    session.save()
    assert ana.get("/").status_code == 302


@pytest.mark.fault("P8")
def test_it_is_not_ready_while_the_broker_is_full(client: Client) -> None:
    broker = publish.client()
    broker.config_set("maxmemory", "1kb")
    try:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["checks"]["broker"]) == (503, False)
    finally:
        broker.config_set("maxmemory", "0")
    assert client.get("/readyz").json()["checks"]["broker"] is True


def test_a_body_too_large_for_the_api_is_413_in_its_own_words(client: Client) -> None:
    user = User.objects.create_superuser("api")
    token = api_tokens.issue(user)
    answer = client.post(
        "/api/v1/executions/1/commands",
        b"{" + b" " * (17 * 2**20) + b"}",
        content_type="application/json",
        headers={"Authorization": f"Bearer {token}"},
    )
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


@pytest.mark.fault("B8")
def test_json_that_says_it_is_a_web_page_is_no_data() -> None:
    page = Reply(200, {"Content-Type": "text/html; charset=utf-8"}, b'{"flows": []}', "GET /flows")
    with pytest.raises(BadResponse, match="web page"):
        page.json()
    plain = Reply(200, {"Content-Type": "text/plain"}, b'{"flows": []}', "GET /flows")
    assert plain.json() == {"flows": []}


def test_a_start_with_keys_of_another_installation_is_refused(settings: Any) -> None:
    account = ProviderAccount(name="Sealed", provider="generio", settings={})
    account.set_credentials({"api_key": "k"}, by="test")
    account.save()
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(SystemExit, match="CREDENTIAL_KEYS opens none of the 1 stored"):
        prepare(lambda line: None)


# ---------------------------------------------------------------------------------- the stream


def ask_stream(path: str, host: str) -> tuple[int, dict[str, str]]:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
             "query_string": b"", "headers": [(b"host", host.encode())], "scheme": "http",
             "http_version": "1.1", "root_path": ""}  # fmt: skip
    asyncio.run(live_stream.app(scope, receive, send))
    head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], head


def test_the_stream_answers_under_the_sites_own_names_with_every_header() -> None:
    status, head = ask_stream("/healthz", "localhost:8001")
    assert status == 200
    assert head["x-content-type-options"] == "nosniff"
    assert head["content-security-policy"].startswith("default-src 'none'")
    assert ask_stream("/healthz", "evil.example")[0] == 400
    assert ask_stream("/live/", "evil.example")[0] == 400
    assert ask_stream("/live/", "localhost")[0] == 401


@pytest.mark.fault("L2")
def test_one_person_has_twenty_streams_and_others_are_not_the_worse_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def of(person: int) -> int:
        async def seer_of(key: str | None) -> live_stream.Seer:
            return live_stream.Seer(person, frozenset())

        monkeypatch.setattr(live_stream, "seer_of", seer_of)
        answer = await live_stream.stream(Request({"type": "http", "headers": [], "method": "GET"}))
        if answer.status_code == 429:
            assert "Retry-After" in answer.headers
            assert "is updated every 15 s" in bytes(answer.body).decode()
        return answer.status_code

    async def look() -> list[int]:
        clients = {
            live_stream.Client(live_stream.Seer(7, frozenset()))
            for _ in range(live_stream.PER_PERSON)
        }
        monkeypatch.setattr(live_stream.hub, "clients", clients)
        return [await of(7), await of(8)]

    assert asyncio.run(look()) == [429, 200]

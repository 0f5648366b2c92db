"""What a poll asked and what it got stands on the account's page, without secrets, in bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from starlette.responses import Response

from executions.models import PollTrace
from executions.polling import poll_traces
from providers.http.exchanges import FIRST, LAST, Exchanges
from providers.models import ProviderAccount
from tests.flow.conftest import poll_once

KEY = "planted-key-0123456789"


@pytest.fixture
def root(transactional_db: None) -> Client:
    client = Client()
    user = User.objects.create_superuser("root")
    client.force_login(user, "config.eager_user_backend.PeopleBackend")
    return client


def text(page: Any) -> str:
    return " ".join(page.content.decode().split())


def account_at(address: str) -> ProviderAccount:
    account = ProviderAccount.objects.create(
        name="Claims", provider="smartflows", settings={"base_url": address}, poll_every=1
    )
    account.set_credentials({"api_key": KEY}, by="test")
    account.save()
    return account


def test_each_request_of_a_poll_is_shown_with_what_it_brought(open_desk, root):
    desk = open_desk("smartflows")
    desk.begin("waiting_esign")
    desk.poll()
    trace = PollTrace.objects.get()
    assert trace.slot == trace.poll_seq % poll_traces.KEPT
    assert sum(row[5] for row in trace.requests) >= 1
    assert {row[2] for row in trace.requests} == {200}
    home = f"/accounts/{desk.account.pk}/"
    address = f"{home}polls/{trace.poll_seq}/"
    assert address in text(root.get(home))
    page = text(root.get(address))
    assert trace.requests[0][1].partition("?")[0] in page
    assert "The last poll that failed" not in text(root.get(home))
    assert root.get(f"{home}polls/9999/").status_code == 404


def test_the_last_that_failed_keeps_how_its_answer_began(served, root):
    body = {"message": "boom", "token": "made-up-value-1", "echo": f"key {KEY} refused", "n": 1.50}

    async def endpoint(request: Any) -> Response:
        return Response(json.dumps(body), status_code=500, media_type="application/json")

    account = poll_once(account_at(served(endpoint)))
    assert account.health == "failing"
    failed = PollTrace.objects.get(slot=poll_traces.FAILED)
    assert (failed.outcome, failed.requests[-1][2]) == ("unreachable", 500)
    assert "boom" in failed.excerpt
    page = text(root.get(f"/accounts/{account.pk}/"))
    assert "The last poll that failed" in page
    assert "The provider has an error of its own." in page
    assert "boom" in page
    for secret in (KEY, "made-up-value-1"):
        assert secret not in page
        assert secret not in str(list(PollTrace.objects.values()))


def test_a_server_that_nobody_reaches_is_said_as_such(root):
    account = poll_once(account_at("http://127.0.0.1:9"))
    page = text(root.get(f"/accounts/{account.pk}/"))
    assert "No answer came: the server could not be reached, or was too slow." in page
    assert PollTrace.objects.get(slot=poll_traces.FAILED).excerpt == ""


def test_an_account_never_keeps_more_than_its_places(open_desk, monkeypatch):
    monkeypatch.setattr(poll_traces, "KEPT", 3)
    desk = open_desk("smartflows")
    for _ in range(5):
        desk.poll()
    desk.sim.fault("down")
    for _ in range(3):
        desk.poll()
    kept = PollTrace.objects.filter(account=desk.account)
    assert sorted(kept.values_list("slot", flat=True)) == [-1, 0, 1, 2]
    newest = kept.exclude(slot=-1).order_by("-poll_seq")[0]
    assert kept.get(slot=-1).poll_seq == newest.poll_seq


def test_of_many_requests_the_first_and_the_last_are_kept() -> None:
    many = Exchanges()
    for number in range(100):
        many.begin("GET", f"https://example.com/runs/{number}", {"page": number})
        many.answered(200)
        many.end(b"x" * 100_000)
    kept = [each.address for each in many]
    assert len(kept) == FIRST + LAST
    assert kept[0] == "/runs/0?page=0"
    assert kept[-1] == "/runs/99?page=99"
    assert many.left_out == 100 - FIRST - LAST
    assert len(many.answer) == 2**16

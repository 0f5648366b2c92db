"""Every address of the site, asked with every method by every kind of person: what the table says,
and nothing else. An address that is not in the table fails the build."""

from __future__ import annotations

import asyncio
import copy
import re
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import transaction
from django.test import Client

from config import live_stream
from executions.access import api_tokens
from executions.models import AuditEntry
from providers.models import ProviderAccount
from tests.executions.access import addresses, matrix, world

HTMX = {"HX-Request": "true"}


def rule(route: str, method: str) -> str:
    _, get, post, *rest = matrix.TABLE[route]
    put, delete = (*rest, *rest[-1:])[:2] if rest else (matrix.NOT_TAKEN, matrix.NOT_TAKEN)
    return {"get": get, "head": get, "post": post, "put": put, "delete": delete}[method]


def asked_of(who: str, route: str) -> Iterator[tuple[str, dict[str, str]]]:
    """GET and POST are asked by everybody. What else could let somebody in is asked by those who
    are not: HEAD, and htmx, for whose sake pages answer in parts. Whether an address takes a method
    at all is asked by one person of each kind of answer."""
    place = world.PRINCIPALS.index(who)
    is_page = not route.startswith(("api/", "admin/"))
    tries_more = who in (world.NOBODY, "viewer", "foreign operator")
    for method in ("get", "post"):
        yield method, {}
        is_shut = rule(route, method)[place] not in "om"
        if is_page and ((tries_more and is_shut) or who == "superuser"):
            yield method, HTMX
        if method == "get" and tries_more and is_shut:
            yield "head", {}
    for method in ("put", "delete"):
        if rule(route, method)[place] not in "ms" or who in (world.NOBODY, "operator"):
            yield method, {}


def body(route: str, things: dict[str, Any]) -> dict[str, Any]:
    """Only where an empty one is refused before anybody asks who it is that posts."""
    if route == "notices/mutes/":
        return {"thing": f"account:{things['account'].pk}"}
    if route.endswith("/commands"):
        return {"kind": "cancel"}
    if route.endswith("/return"):
        return {"reason": "Look at the amount again"}
    if route.endswith("decisions"):  # which nobody can carry out: the role is asked before
        return {"act": "ignore"}
    if route.endswith("/delegations"):  # of the API; of no question
        return {"question": "nowhere"}
    return {}


def letter(answer: Any) -> str:
    code = answer.status_code
    if code == 401 or (code in (301, 302) and re.search("sign-in|/login/", answer["Location"])):
        return "s"
    assert code != 500
    return {403: "n", 404: "a", 405: "m"}.get(code, "o")


def test_every_address_is_in_the_table_and_nothing_else_is() -> None:
    assert set(addresses.routes()) == set(matrix.TABLE)
    assert {route.path for route in live_stream.app.routes} == set(matrix.LIVE)  # type: ignore[attr-defined]


@pytest.mark.django_db
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("who", world.PRINCIPALS)
def test_the_table_holds(who: str) -> None:
    people = world.people()
    things = world.everything(people)
    cookies, token = Client().cookies, ""
    if who in people:
        client = Client()
        client.force_login(people[who], settings.AUTHENTICATION_BACKENDS[-1])
        cookies, token = client.cookies, api_tokens.issue(people[who])
    if who == world.LEFT:
        people[who].is_active = False
        people[who].save()
    place = world.PRINCIPALS.index(who)
    before = AuditEntry.objects.count()
    wrong, asked = {}, 0
    asker = Client(raise_request_exception=False)
    for route in matrix.TABLE:
        is_api = route.startswith("api/")
        for method, more in asked_of(who, route):
            expected = rule(route, method)[place]
            headers = {**more}
            if is_api and token:
                headers["Authorization"] = f"Bearer {token}"
            asker.cookies = SimpleCookie() if is_api else copy.deepcopy(cookies)
            sent: dict[str, Any] = {"headers": headers}
            if method == "post":
                sent["data"] = body(route, things)
                sent |= {"content_type": "application/json"} if is_api else {}
            with transaction.atomic():  # each asks the same world
                answer = getattr(asker, method)(addresses.address(route, things), **sent)
                found, asked = letter(answer), asked + 1
                for close in answer._resource_closers:  # a download counts until it is left
                    close()
                entries = AuditEntry.objects.count() - before
                transaction.set_rollback(True)
            if found != expected and not (method == "head" and found == "m"):
                wrong[method, route, bool(more)] = (found, expected, answer.status_code)
            if (
                entries
                and (found != "o" or method not in ("post",))
                and route not in ("executions.csv", "audit.csv")
            ):
                wrong[method, route, "left an audit entry"] = (found, expected, entries)
    assert wrong == {}
    assert asked >= len(matrix.TABLE) * 2


@pytest.mark.django_db(transaction=True)
def test_the_stream_obeys_the_same_table() -> None:
    """Who may listen, and to which accounts: those of their pages."""
    people = world.people()
    account = ProviderAccount.objects.create(
        name="Claims", provider="smartflows", group=people["viewer"].groups.get(name="east")
    )
    keys: dict[str, str] = {}
    for name, user in people.items():
        client = Client()
        client.force_login(user, settings.AUTHENTICATION_BACKENDS[-1])
        keys[name] = client.cookies[settings.SESSION_COOKIE_NAME].value
    people[world.LEFT].is_active = False
    people[world.LEFT].save()
    found = dict.fromkeys(matrix.LIVE, "")
    heard = ""
    for who in world.PRINCIPALS:
        for path in matrix.LIVE:
            status = asyncio.run(_status(path, keys.get(who, "")))
            found[path] += {200: "o", 401: "s"}.get(status, "?")
        seer = async_to_sync(live_stream.seer_of)(keys.get(who))
        heard += "s" if seer is None else "o" if account.pk in seer.accounts else "a"
    assert found == matrix.LIVE
    assert heard == matrix.SEES


async def _status(path: str, key: str) -> int:
    """Of the stream's answer; it is left as soon as it has begun."""
    sent: list[int] = []
    begun = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if sent or begun.is_set():
            return {"type": "http.disconnect"}
        begun.set()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            sent.append(message["status"])

    cookie = f"{settings.SESSION_COOKIE_NAME}={key}".encode()
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": [(b"host", b"localhost"), *([(b"cookie", cookie)] if key else [])],
        "client": ("127.0.0.1", 1), "server": ("localhost", 80), "root_path": "",
    }  # fmt: skip
    await asyncio.wait_for(live_stream.app(scope, receive, send), 10)
    return sent[0]

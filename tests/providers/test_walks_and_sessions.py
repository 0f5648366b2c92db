"""What the door has for adapters beside plain requests: walks, GraphQL, forms, sessions."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from email import message_from_bytes
from typing import Any

import pytest

from providers.contract import AuthFailed, BadResponse, Rejected, Unreachable
from providers.http import (
    Endpoint,
    Http,
    Pass,
    SignedIn,
    by_cursor,
    by_link,
    by_offset,
    by_page,
    forget_sessions,
)
from tests.providers.conftest import LOOPBACK, ImpatientHttp, Server

ROWS = [{"id": number} for number in range(1, 6)]


@pytest.fixture(autouse=True)
def no_session_is_left_over() -> Iterator[None]:
    yield
    forget_sessions()


@pytest.fixture
def http() -> Http:
    return ImpatientHttp(LOOPBACK, session_key="walks")


@pytest.fixture
def api(server: Server, http: Http) -> Endpoint:
    return http.at(f"{server.url}/api", service="Acme")


def flat(pages: Iterator[list[Any]]) -> list[Any]:
    return [row for page in pages for row in page]


# ------------------------------------------------------------------------------------------ walks


def test_a_list_is_walked_by_offset_page_or_cursor() -> None:
    assert flat(by_offset(lambda offset: ROWS[offset : offset + 2])) == ROWS
    assert flat(by_page(lambda page: (ROWS[page * 2 : page * 2 + 2], page == 2))) == ROWS
    cursors = {None: (ROWS[:3], "a"), "a": (ROWS[3:], None)}
    assert flat(by_cursor(cursors.__getitem__)) == ROWS


ENDLESS: dict[str, Callable[[], Iterator[list[Any]]]] = {
    "the same rows again": lambda: by_offset(lambda offset: ROWS),
    "a cursor that names itself": lambda: by_cursor(lambda place: (ROWS, "a"), start="a"),
    "a page without rows": lambda: by_page(lambda page: ([] if page else ROWS, False)),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_a_walk_ends_though_the_provider_never_says_so(kind: str) -> None:
    assert flat(ENDLESS[kind]()) == ROWS


def test_a_walk_ends_after_as_many_rows_as_are_wanted_and_knows_what_was_read_before() -> None:
    def endless(offset: int) -> list[Any]:
        return [{"id": offset + 1}, {"id": offset + 2}]

    assert len(flat(by_offset(endless, most=6))) == 6
    seen = {"1"}
    assert flat(by_offset(lambda offset: ROWS[offset:], seen=seen)) == ROWS[1:]
    assert seen == {"1", "2", "3", "4", "5"}


def test_links_of_the_header_are_followed_below_the_address_alone(
    server: Server, api: Endpoint
) -> None:
    link = {"Link": '<{server}/api/jobs?page=2>; rel="next", <{server}/api/jobs>; rel="first"'}
    server.on("GET", "/api/jobs", {"body": ROWS[:2], "headers": link})
    server.on("GET", "/api/jobs", {"body": ROWS[2:]}, query={"page": "2"})
    read = flat(by_link(lambda: api.get("jobs"), api.follow, lambda reply: reply.json()))
    assert read == ROWS
    away = {"Link": '<http://127.0.0.1:1/api/jobs>; rel="next"'}
    server.on("GET", "/api/jobs", {"body": ROWS[:2], "headers": away})
    with pytest.raises(BadResponse, match="links outside its own address"):
        flat(by_link(lambda: api.get("jobs"), api.follow, lambda reply: reply.json()))


# ---------------------------------------------------------------------------------------- GraphQL

STOP = "mutation Stop($id: ID!) { stop(id: $id) { ok } }"
GONE = {"message": "No run 7."}
GRAPHQL: dict[str, tuple[str, Any, type[Exception], bool]] = {
    # query, answer, error, whether it may have been carried out
    "a query that is refused": ("{ runs }", {"errors": [GONE]}, BadResponse, False),
    "a mutation that was not executed": (STOP, {"errors": [GONE]}, Rejected, False),
    "a mutation that broke": (STOP, {"errors": [GONE], "data": {"stop": None}}, BadResponse, True),
    "a stranger": (
        STOP, {"errors": [{**GONE, "extensions": {"code": "FORBIDDEN"}}]}, AuthFailed, True,
    ),
    "no data": ("{ runs }", {"data": None}, BadResponse, False),
    "another shape": ("{ runs }", [], BadResponse, False),
    "errors of another shape": (STOP, {"errors": "No run 7."}, Rejected, False),
}  # fmt: skip


@pytest.mark.parametrize("case", GRAPHQL)
def test_errors_inside_a_200_are_errors(case: str, server: Server, api: Endpoint) -> None:
    query, answer, expected, may_have_acted = GRAPHQL[case]
    server.on("POST", "/api/graphql", {"body": answer})
    with pytest.raises(expected) as caught:
        api.graphql(query, id=7)
    assert "errors" not in answer or "No run 7." in str(caught.value)
    assert api.http.may_have_acted(caught.value) is may_have_acted
    assert server.requests[-1].json == {"query": query, "variables": {"id": 7}}


def test_an_answer_without_errors_is_its_data(server: Server, api: Endpoint) -> None:
    server.on("POST", "/api/v2/query", {"body": {"data": {"runs": []}}})
    assert api.graphql("{ runs }", "v2", "query") == {"runs": []}
    assert not api.http.unproven


def test_an_answer_with_data_tells_whatever_its_status(server: Server, api: Endpoint) -> None:
    refused = {"stop": {"__typename": "PythonError"}}
    server.on("POST", "/api/graphql", {"status": 500, "body": {"data": refused}})
    assert api.graphql(STOP, id=7) == refused
    broken = {"status": 500, "body": {"data": {"stop": None}, "errors": [GONE]}}
    server.on("POST", "/api/graphql", broken)
    with pytest.raises(Unreachable) as caught:
        api.graphql(STOP, id=7)
    assert api.http.may_have_acted(caught.value)


# ------------------------------------------------------------------------------------------ forms


def test_a_form_and_a_file_are_sent_as_browsers_send_them(server: Server, api: Endpoint) -> None:
    server.on("POST", "/api/form", {"body": {}})
    api.post("form", form={"a": "ö & =", "b": ["1", "2"]})
    seen = server.requests[-1]
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"
    assert seen.text == "a=%C3%B6+%26+%3D&b=1&b=2"
    api.post("form", form={"a": "7"}, files={"doc": ("a.txt", b"text", "text/plain")})
    seen = server.requests[-1]
    kind = seen.headers["content-type"].encode()
    sent = message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + seen.body)
    found = {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in sent.walk()
        if not part.is_multipart()
    }
    assert found == {"a": b"7", "doc": b"text"}


# --------------------------------------------------------------------------------------- sessions

LOGIN = {
    "status": 302,
    "headers": {
        "Location": "/",
        "Set-Cookie": "SID=old-secret-1; Path=/, SID=new-secret-2; Path=/",
    },
}


def signed_in(api: Endpoint) -> SignedIn:
    def log_in(plain: Endpoint) -> Pass:
        login = {"user": "ana", "password": "pw"}
        return Pass.cookies(plain.post("login", json=login, accept={302}, changes=False))

    return SignedIn(api, log_in, ("ana", "pw"))


def test_a_login_that_redirects_with_a_cookie_is_kept_for_all_requests(server, api) -> None:
    server.on("POST", "/api/login", LOGIN)
    server.on("GET", "/api/jobs", {"body": ROWS})
    for _ in range(3):
        assert signed_in(api).get("jobs").json() == ROWS
    assert server.count("POST", "/api/login") == 1
    assert server.requests[-1].headers["cookie"] == "SID=new-secret-2"
    assert "new-secret-2" not in api.http.redact("the session is new-secret-2")


def test_a_session_that_is_over_is_renewed_once_also_for_a_command(server, api) -> None:
    server.on("POST", "/api/login", LOGIN)
    server.on("GET", "/api/jobs", {"body": ROWS})
    server.on("POST", "/api/stop", {"status": 401}, {"body": {}}, {"status": 401})
    session = signed_in(api)
    session.get("jobs")
    session.post("stop", json={})
    assert (server.count("POST", "/api/stop"), server.count("POST", "/api/login")) == (2, 2)
    with pytest.raises(AuthFailed):
        session.post("stop", json={})
    assert (server.count("POST", "/api/stop"), server.count("POST", "/api/login")) == (4, 3)


def test_a_command_whose_login_got_lost_is_not_in_doubt(server, api) -> None:
    server.on("POST", "/api/login", {"fault": "close"})
    with pytest.raises(Unreachable) as caught:
        signed_in(api).post("stop", json={})
    assert caught.value.was_sent, "the login was"
    assert not api.http.may_have_acted(caught.value), "the command was not"


def token(**claims: Any) -> str:
    head, body = (
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=")
        for each in ({"alg": "none"}, claims)
    )
    return f"{head}.{body}.sig"


def test_a_token_is_renewed_before_it_ends_by_its_own_claims(server, api) -> None:
    server.on("GET", "/api/jobs", {"body": ROWS})
    for seconds, logins in ((3600, 1), (10, 3)):
        forget_sessions()
        given: list[str] = []

        def log_in(plain: Endpoint, seconds: int = seconds, given: list[str] = given) -> Pass:
            given.append(token(iat=1000, exp=1000 + seconds, jti=len(given)))
            return Pass.bearer(given[-1])

        for _ in range(3):
            SignedIn(api, log_in, ("ana",)).get("jobs")
        assert len(given) == logins
        assert server.requests[-1].headers["authorization"] == f"Bearer {given[-1]}"


def test_a_refusal_that_repeats_the_session_does_not_tell_it(server, api) -> None:
    server.on("POST", "/api/login", LOGIN)
    server.on("POST", "/api/stop", {"status": 409, "body": {"message": "SID=new-secret-2 is busy"}})
    with pytest.raises(Rejected) as caught:
        signed_in(api).post("stop", json={})
    assert "new-secret-2" not in f"{caught.value} {caught.value.detail}"


def test_a_login_without_a_cookie_says_so(server, api) -> None:
    server.on("POST", "/api/login", {"body": {}})
    with pytest.raises(BadResponse, match="set no session cookie"):
        signed_in(api).get("jobs")

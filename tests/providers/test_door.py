"""The one door out: which addresses it opens to, how long it takes, whom it believes, and what it
says when it stays shut. Real sockets, names and certificates on this machine."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from providers.address_policy import Policy, Refused, below
from providers.contract import BadResponse, Unreachable
from providers.http import Http, transports
from tests.busy import LATE
from tests.providers.authority import Authority, secure_server
from tests.providers.conftest import LOOPBACK

BASE = "https://flows.example.com/api/v1"
DEADLINE = 0.4  # seconds


# --------------------------------------------------------------------------------------- links


@pytest.mark.fault("D11")
@pytest.mark.parametrize(
    "link",
    [
        f"{BASE}/../other",
        f"{BASE}/runs/../../other",
        f"{BASE}/runs/./x",
        f"{BASE}/%2e%2e/other",
        f"{BASE}/%2E%2e/other",
        f"{BASE}/.%2e/other",
        f"{BASE}/%252e%252e/other",
        f"{BASE}/%2e%2e%2fother",
        f"{BASE}/x%2f..%2f..%2fother",
        f"{BASE}/..%5cother",
        f"{BASE}//evil.example.com/x",
        f"{BASE}//",
        f"{BASE}\\..\\other",
        f"{BASE}/\\evil.example.com",
        f"{BASE}/runs\n/x",
        f"{BASE}/ runs",
        f"{BASE}",
        f"{BASE}?page=2",
        f"{BASE}x/runs",
        "https://flows.example.com/api/v2/runs",
        "https://flows.example.com/api%2fv1/runs",
        "http://flows.example.com/api/v1/runs",
        "https://flows.example.com:444/api/v1/runs",
        "https://flows.example.com:x/api/v1/runs",
        "https://flows.example.com.evil.com/api/v1/runs",
        "https://me@flows.example.com/api/v1/runs",
        "https://flows.example.com:443@evil.com/api/v1/runs",
        "https://flows.example.com@evil.com/api/v1/runs",
        "//evil.com/api/v1/runs",
        "/api/v1/runs",
        "ftp://flows.example.com/api/v1/runs",
        "file:///api/v1/runs",
        "https://ﬂows.example.com/api/v1/runs",
        "",
    ],
)
def test_a_link_that_leads_elsewhere_is_no_link(link: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        below(BASE, link)


@pytest.mark.parametrize(
    ("link", "sent"),
    [
        (f"{BASE}/runs?page=2", f"{BASE}/runs?page=2"),
        (f"{BASE}/runs/", f"{BASE}/runs/"),
        ("HTTPS://Flows.Example.com:443/api/v1/runs", f"{BASE}/runs"),
        (f"{BASE}/runs/a%2Fb?cursor=%2e%2e/x", f"{BASE}/runs/a%2Fb?cursor=%2e%2e/x"),
        (f"{BASE}/runs/...", f"{BASE}/runs/..."),
        (f"{BASE}/runs#part", f"{BASE}/runs"),
    ],
)
def test_a_link_below_the_address_is_sent_as_it_was_compared(link: str, sent: str) -> None:
    assert below(BASE, link) == sent


@pytest.mark.fault("D11")
@pytest.mark.parametrize("way", ["/../other", "/%2e%2e/other", "//other", "/x/../../other"])
def test_the_credential_never_goes_along_a_link_that_climbs(server: Any, way: str) -> None:
    server.on("GET", "/other", {"status": 200, "body": {}})
    endpoint = Http(LOOPBACK).at(f"{server.url}/api", headers={"Authorization": "Bearer secret"})
    with pytest.raises(BadResponse, match="outside its own address; the link is not followed"):
        endpoint.follow(f"{server.url}/api{way}")
    assert server.requests == []


# ------------------------------------------------------------------------------------ addresses


@pytest.mark.fault("N7")
@pytest.mark.parametrize(
    "address",
    [
        "::7f00:1", "::a9fe:a9fe", "::", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "100::1",
        "192.88.99.1", "192.88.99.255", "fec0::1", "::ffff:169.254.169.254", "2002:7f00:1::",
    ],
)  # fmt: skip
def test_what_carries_an_inner_address_in_it_is_never_public(address: str) -> None:
    for policy in (Policy(), Policy.from_cidrs(["10.0.0.0/8:*"])):
        with pytest.raises(Refused):
            policy.check(address, 443, is_encrypted=True)


def test_the_never_allowed_stay_so_whatever_a_deployment_lists() -> None:
    everything = Policy.from_cidrs(["0.0.0.0/0:*", "::/0:*"])
    for address in ("::7f00:1", "192.88.99.1", "169.254.169.254", "64:ff9b::1"):
        with pytest.raises(Refused, match="never allowed"):
            everything.check(address, 443, is_encrypted=True)
    everything.check("::1", 8080, is_encrypted=False)
    everything.check("2606:4700::1", 443, is_encrypted=True)


@pytest.mark.parametrize(
    ("network", "opened", "shut"),
    [
        ("10.20.0.0/16", {80, 443, 4200, 8080, 8443}, {22, 81, 3000, 5432, 5433, 9200}),
        ("10.20.0.0/16:9000", {9000}, {443, 8999, 9001}),
        ("10.20.0.0/16:9000-9002", {9000, 9001, 9002}, {8999, 9003}),
        ("10.20.0.0/16:*", {1, 443, 65535}, {22, 5432, 6379}),
    ],
)
def test_inside_a_network_only_listed_ports_are_open(
    network: str, opened: set[int], shut: set[int]
) -> None:
    policy = Policy.from_cidrs([network])
    for port in opened:
        policy.check("10.20.3.4", port, is_encrypted=False)
    for port in shut:
        with pytest.raises(Refused, match=f"Port {port} "):
            policy.check("10.20.3.4", port, is_encrypted=True)


@pytest.mark.parametrize(
    "text", ["10.0.0.0/8:", "10.0.0.0/8:0", "10.0.0.0/8:9-8", "10.0.0.0/8:x", "10.0.0.0/8:1-70000"]
)
def test_ports_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Policy.from_cidrs([text])


# ----------------------------------------------------------------------- how long, and what is said


def asked(url: str, *, authority: str = "", deadline: float = DEADLINE) -> Unreachable:
    """Why a GET of this address was not answered."""
    http = Http(LOOPBACK, authority=authority)
    with pytest.raises(Unreachable) as caught:
        http.at(url).get("runs", deadline=deadline)
    return caught.value


@pytest.mark.fault("N7")
def test_a_resolver_that_hangs_is_within_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    is_over = threading.Event()
    lookups: list[str] = []

    def hanging(host: str, *_: Any) -> Any:
        lookups.append(host)
        is_over.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    start = time.monotonic()
    errors = [asked("http://slow.example.com") for _ in range(3)]
    took = time.monotonic() - start
    is_over.set()
    assert took < 3 * DEADLINE + LATE
    assert {str(error) for error in errors} == {
        "The name slow.example.com was not looked up in time: its name server does not answer."
    }
    assert [error.was_sent for error in errors] == [False] * 3
    assert lookups == ["slow.example.com"]  # one thread asks for all who wait


@pytest.mark.fault("N2")
def test_addresses_that_take_no_connection_share_one_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        place = full.getsockname()
        waiting = [socket.socket() for _ in range(3)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(place)
        four = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place)] * 4
        monkeypatch.setattr(transports.socket, "getaddrinfo", lambda *_: four)
        start = time.monotonic()
        error = asked(f"http://full.example.com:{place[1]}")
        assert time.monotonic() - start < DEADLINE + LATE
        assert str(error) == "full.example.com did not take the connection in time."
        for each in waiting:
            each.close()


@pytest.mark.fault("N1")
def test_a_refused_connection_is_called_refused() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    error = asked(f"http://127.0.0.1:{port}")
    assert str(error) == "127.0.0.1 refused the connection: nothing listens there."
    assert error.was_sent is False


@pytest.mark.fault("N7")
@pytest.mark.parametrize(
    ("code", "said"),
    [
        (socket.EAI_NONAME, "does not resolve: there is no such host"),
        (socket.EAI_AGAIN, "its name server does not answer"),
    ],
)
def test_a_name_that_is_not_there_and_a_silent_name_server_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, code: int, said: str
) -> None:
    def answer(*_: Any) -> Any:
        raise socket.gaierror(code, "x")

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert said in str(asked("http://gone.example.com"))


@pytest.mark.fault("N7")
def test_one_forbidden_record_spoils_the_name_before_anything_is_connected(
    monkeypatch: pytest.MonkeyPatch, server: Any
) -> None:
    records = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server.server_address[1]))
        for address in ("127.0.0.1", "169.254.169.254")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: records)
    error = asked(f"http://mixed.example.com:{server.server_address[1]}")
    assert "may not be reached" in str(error)
    assert server.requests == []


# ------------------------------------------------------------------------------- whom it believes


@pytest.fixture(scope="module")
def own() -> Authority:
    return Authority("Own authority")


@pytest.mark.fault("N5")
def test_an_authority_of_ones_own_is_trusted_by_the_account_that_names_it(
    own: Authority, tmp_path: Path
) -> None:
    with secure_server(own.issue(tmp_path, "127.0.0.1")) as server:
        url = f"https://127.0.0.1:{server.server_port}"
        headers = {"Authorization": "Bearer secret"}
        reply = Http(LOOPBACK, authority=own.pem).at(url, headers=headers).get("runs", deadline=5)
        assert reply.json() == {}
        assert server.seen == ["Bearer secret"]


@pytest.mark.fault("N5")
@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("nobody's", "its issuer is unknown here. Is it your own? Add it to the account."),
        ("another's", "its issuer is unknown here."),
        ("expired", "it has expired."),
        ("other host", "it was issued for another host."),
    ],
)
def test_a_certificate_that_is_not_trusted_gets_no_credential_and_says_why(
    own: Authority, tmp_path: Path, case: str, said: str
) -> None:
    host = "other.example.com" if case == "other host" else "127.0.0.1"
    trusted = {"nobody's": "", "another's": Authority("Another").pem}.get(case, own.pem)
    file = own.issue(tmp_path, host, days=-1 if case == "expired" else 30)
    with secure_server(file) as server:
        error = asked(f"https://127.0.0.1:{server.server_port}", authority=trusted, deadline=5)
        assert str(error).startswith("The certificate of 127.0.0.1 is not trusted: ")
        assert said in str(error)
        assert error.was_sent is False
        assert server.seen == []


@pytest.mark.fault("N5")
def test_a_handshake_that_is_never_answered_ends_with_the_deadline() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(5)
        start = time.monotonic()
        asked(f"https://127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - start < DEADLINE + LATE


@pytest.mark.fault("N5")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("newest", ["TLSv1", "TLSv1_1"])
def test_a_provider_whose_tls_is_too_old_gets_no_credential(
    own: Authority, tmp_path: Path, newest: str
) -> None:
    file = own.issue(tmp_path, "127.0.0.1")
    with secure_server(file, ssl.TLSVersion[newest]) as server:
        error = asked(f"https://127.0.0.1:{server.server_port}", authority=own.pem, deadline=5)
        assert str(error) == "127.0.0.1 does not speak TLS as it should: no safe connection."
        assert (error.was_sent, server.seen) == (False, [])


@pytest.mark.fault("N4")
@pytest.mark.parametrize("is_kept", [False, True], ids=["new connection", "kept connection"])
@pytest.mark.parametrize(
    "drip",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 400,
        b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b" " * 900,
    ],
    ids=["head", "body"],
)
def test_a_byte_now_and_then_ends_with_the_deadline_over_tls_too(
    own: Authority, tmp_path: Path, drip: bytes, is_kept: bool
) -> None:
    deadline = 1.0
    with secure_server(own.issue(tmp_path, "127.0.0.1")) as server:
        http = Http(LOOPBACK, session_key=("drip", server.server_port), authority=own.pem)
        endpoint = http.at(f"https://127.0.0.1:{server.server_port}")
        if is_kept:
            assert endpoint.get("runs", deadline=5).status == 200
        server.drips = drip
        began = time.monotonic()
        with pytest.raises(Unreachable):
            endpoint.get("runs", deadline=deadline)
        assert deadline - 0.1 < time.monotonic() - began < deadline + LATE


def test_two_accounts_never_share_whom_they_trust(own: Authority, tmp_path: Path) -> None:
    """Connections are kept per account; a test of a form has no number yet."""
    with secure_server(own.issue(tmp_path, "127.0.0.1")) as server:
        url = f"https://127.0.0.1:{server.server_port}"
        trusting = Http(LOOPBACK, session_key=(None, 1), authority=own.pem)
        assert trusting.at(url).get("runs", deadline=5).status == 200
        with pytest.raises(Unreachable, match="not trusted"):
            Http(LOOPBACK, session_key=(None, 1)).at(url).get("runs", deadline=5)

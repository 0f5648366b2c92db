"""Readers and senders that stall: however many there are, pages answer."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from tests.busy import LATE
from tests.product import PASSWORD, Product

pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(900)]
QUICK = LATE + 1  # seconds in which pages answer meanwhile
RUNS = 20_000  # more than the buffers of a connection hold

SEED = """
from django.utils import timezone
from executions.models import Execution, Output
from executions.storage.store import store
from providers.contract import Snapshot, Status, Workflow
from providers.models import ProviderAccount
account = ProviderAccount(name="Slow", provider="generio", next_poll_at="2099-01-01T00:00Z",
    settings={{"base_url": "{url}"}})
account.set_credentials({{"api_key": "k"}}, by="test")
account.save()
store(account.pk, 1, [Snapshot(ref="first", status=Status.FAILED, native_status="FAILED",
    workflow=Workflow(ref="w", name="Slow flow"), error="e" * 400, finished_at=timezone.now())])
run = Execution.objects.get(ref="first")
for number in range(10):
    Output.objects.create(execution=run, ref=f"file-{{number}}", name=f"file-{{number}}.pdf")
"""
COPIES = """
INSERT INTO executions_execution SELECT (jsonb_populate_record(e,
    jsonb_build_object('id', 1000000 + n, 'ref', 'r-' || n))).*
FROM executions_execution e, generate_series(1, %s) n WHERE e.ref = 'first'
"""


class SlowDocuments(BaseHTTPRequestHandler):
    """Even files: never a first byte. Odd ones: a byte now and then."""

    def do_GET(self) -> None:
        if int(self.path[-1:]) % 2:
            self.send_response(200)
            self.send_header("Content-Type", "application/pdf")
            self.send_header("Content-Length", "5000")
            self.end_headers()
        for _ in range(100):
            time.sleep(0.5)
            try:
                self.wfile.write(b"x" if int(self.path[-1:]) % 2 else b"")
                self.wfile.flush()
            except OSError:
                return

    def log_message(self, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def run_id(product: Product) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), SlowDocuments)
    server.daemon_threads, server.block_on_close = True, False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    product.manage("shell", "-c", SEED.format(url=f"http://127.0.0.1:{server.server_port}"))
    [[run_id]] = product.query("SELECT id FROM executions_execution WHERE ref = 'first'")
    product.query(COPIES + " RETURNING 1", RUNS)
    yield run_id
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def session(product: Product) -> Iterator[requests.Session]:
    with requests.Session() as session:
        sign_in(product, session)
        yield session


def sign_in(product: Product, session: requests.Session) -> None:
    address = f"{product.base_url}/sign-in/"
    session.get(address, timeout=10)
    form = {"username": "admin", "password": PASSWORD}
    form["csrfmiddlewaretoken"] = next(c.value for c in session.cookies if "csrf" in c.name)
    assert session.post(address, form, headers={"Referer": address}, timeout=10).ok


def waits(product: Product, session: requests.Session) -> list[float]:
    """Seconds of the list and of the health check, several times."""
    found = []
    for _ in range(4):
        for path in ("/", "/healthz"):
            began = time.monotonic()
            assert session.get(product.base_url + path, timeout=30).status_code == 200
            found.append(round(time.monotonic() - began, 2))
        time.sleep(0.3)
    return found


_open: list[socket.socket] = []


@pytest.fixture(autouse=True)
def _hang_up() -> Iterator[None]:
    yield
    hang_up()


def hang_up() -> None:
    while _open:
        _open.pop().close()


def connect(product: Product, *, reads_little: bool = False, port: int = 0) -> socket.socket:
    sock = socket.socket()
    _open.append(sock)
    if reads_little:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(10)
    sock.connect(("127.0.0.1", port or product.port))
    return sock


def ask(product: Product, session: requests.Session, path: str) -> socket.socket:
    """A request whose answer nobody reads."""
    sock = connect(product, reads_little=True)
    cookies = "; ".join(f"{each.name}={each.value}" for each in session.cookies)
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{product.port}\r\nCookie: {cookies}\r\n\r\n"
    sock.sendall(head.encode())
    return sock


def test_slow_documents_and_stalled_downloads_of_one_viewer_hold_no_page_up(
    product: Product, session: requests.Session, run_id: int
) -> None:
    assert max(waits(product, session)) < QUICK
    for [pk] in product.query("SELECT id FROM executions_output ORDER BY id"):
        ask(product, session, f"/executions/{run_id}/outputs/{pk}/")
    time.sleep(1)
    with_documents = waits(product, session)
    hang_up()
    for _ in range(10):
        ask(product, session, "/executions.csv")
    time.sleep(3)
    with_exports = waits(product, session)
    open_transactions = product.query(
        "SELECT query FROM pg_stat_activity WHERE state = 'idle in transaction'"
    )
    answer = session.get(f"{product.base_url}/executions.csv", timeout=10)
    print(f"documents {with_documents}, exports {with_exports}")  # noqa: T201
    assert max(with_documents) < QUICK, with_documents
    assert max(with_exports) < QUICK, with_exports
    assert open_transactions == []
    assert answer.status_code == 429
    assert "3 downloads under way" in answer.text
    assert int(answer.headers["Retry-After"]) > 0


def test_a_reader_who_stalls_loses_the_download_and_it_never_looks_complete(
    product: Product, session: requests.Session, run_id: int
) -> None:
    def one_more() -> requests.Response:
        return session.get(f"{product.base_url}/executions.csv", timeout=30)

    product.wait_until(lambda: one_more().ok, "those of before are over", 60)
    held = [ask(product, session, "/executions.csv") for _ in range(3)]
    time.sleep(2)
    assert one_more().status_code == 429
    product.wait_until(lambda: one_more().ok, "the stalled ones are over", 60)
    whole = len(one_more().content)
    received = b""
    while piece := held[0].recv(65536):
        received += piece
    assert len(received) < whole
    assert not received.endswith(b"0\r\n\r\n")


def test_an_export_is_whole(product: Product, session: requests.Session, run_id: int) -> None:
    [[account]] = product.query("SELECT account_id FROM executions_execution WHERE ref = 'first'")
    export = f"{product.base_url}/executions.csv?account={account}"
    text = session.get(export, timeout=60).text
    refs = [line.split(",")[5] for line in text.splitlines()[1:]]
    assert len(refs) == len(set(refs)) == RUNS + 1


def test_half_open_connections_and_slow_bodies_hold_no_page_up(
    product: Product, session: requests.Session
) -> None:
    half_open = [connect(product) for _ in range(300)]
    for sock in half_open:
        sock.settimeout(25)
        sock.sendall(b"GET / HTTP/1.1\r\nHost: ")
    head = f"POST /sign-in/ HTTP/1.1\r\nHost: 127.0.0.1:{product.port}\r\nContent-Length: 9000\r\n"
    bodies = [connect(product) for _ in range(30)]
    for sock in bodies:
        sock.sendall(f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\na=".encode())
    time.sleep(1)
    seen = waits(product, session)
    assert max(seen) < QUICK, seen
    for sock in half_open:
        assert b"200 OK" not in sock.recv(100)  # closed, or told why
    for sock in bodies:
        sock.settimeout(30)
        assert sock.recv(100).startswith(b"HTTP/1.1 408")


@pytest.mark.fault("L6")
def test_half_open_connections_and_slow_requests_hold_no_stream_up(
    product: Product, session: requests.Session
) -> None:
    began = time.monotonic()
    head = b" HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    whole = b"GET /healthz" + head + b"\r\n"
    body = b"POST /live/" + head + b"Content-Length: 900\r\n\r\nx"
    starts = [b"", b"GET /li", b"GET /live/" + head, whole + b"GET /live/" + head, body]
    half_open = [connect(product, port=product.live_port) for _ in range(300)]
    for number, sock in enumerate(half_open):
        sock.settimeout(0.01)
        sock.sendall(starts[number % len(starts)])
    dripping = half_open[2 :: len(starts)]
    open_ones, took = set(half_open), []
    while open_ones and time.monotonic() - began < 40:
        asked = time.monotonic()
        answer = requests.get(f"http://127.0.0.1:{product.live_port}/healthz", timeout=20)
        took.append(time.monotonic() - asked)
        assert answer.text == "ok"
        for sock in list(open_ones):
            try:
                if sock in dripping:
                    sock.sendall(b"X")
                if not sock.recv(4096):
                    open_ones.discard(sock)
            except TimeoutError:
                continue
            except OSError:
                open_ones.discard(sock)
    assert not open_ones, f"{len(open_ones)} are open after {time.monotonic() - began:.0f} s"
    assert max(took) < QUICK, took


@pytest.mark.fault("L6")
def test_a_stream_holds_no_connection_to_the_database(product: Product) -> None:
    keys = product.manage("shell", "-c", SESSIONS).stdout.split()[-20:]
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    counts = []
    for start in (0, 100):
        streams = [listen(product, keys[n % len(keys)]) for n in range(start, start + 100)]
        for sock in streams:
            heard = b""
            while b"event: hello" not in heard:
                heard += sock.recv(4096)
                assert b" 200 OK" in heard.split(b"\r\n")[0], heard
        time.sleep(1)
        counts.append(product.query(asked)[0][0])
    # The pool keeps those with which the sessions were looked up, a few whatever comes.
    assert counts[1] <= counts[0] + 2, counts


def listen(product: Product, key: str) -> socket.socket:
    sock = connect(product, port=product.live_port)
    host = f"127.0.0.1:{product.live_port}"
    head = f"GET /live/ HTTP/1.1\r\nHost: {host}\r\nCookie: session_{product.port}={key}"
    sock.sendall(f"{head}\r\n\r\n".encode())
    return sock


SESSIONS = """
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from tests.busy import LATE
from django.contrib.auth.models import User
Store = import_module(settings.SESSION_ENGINE).SessionStore
for number in range(20):
    user, _ = User.objects.get_or_create(username=f"listener-{number}")
    session = Store()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    print(session.session_key)
"""

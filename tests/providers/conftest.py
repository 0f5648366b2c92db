"""A scripted provider on loopback, and adapters opened against it.

`server` answers from fixtures or with faults, and counts what it sees, so that "a command is sent
once" is a fact of the other side. `adapters/fixtures/README.md` describes the formats.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import pytest

from providers.adapter import Adapter
from providers.address_policy import Policy
from providers.http import Http
from tests.providers.recorded import class_of, declaration, exchange

READ_TIMEOUT = 0.5  # seconds a test waits for a byte
DEADLINE = 1.0  # seconds a test waits for a whole answer
LOOPBACK = Policy.from_cidrs(["127.0.0.0/8:*"])

Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Seen:
    """One request as the server received it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The body as JSON; None for an empty body, "" for one that is no JSON."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return ""


@dataclass
class Route:
    """Answers for one kind of request: one per request, the last one repeats."""

    method: str
    path: str
    answers: list[Answer]
    query: Mapping[str, str] = field(default_factory=dict)
    json: Mapping[str, Any] = field(default_factory=dict)
    has: str = ""
    used: int = 0

    def fits(self, seen: Seen) -> bool:
        sent = seen.json if isinstance(seen.json, dict) else {}
        return (
            (seen.method, seen.path) == (self.method, self.path)
            and all(seen.query.get(key) == value for key, value in self.query.items())
            and all(sent.get(key) == value for key, value in self.json.items())
            and self.has in seen.text
        )

    def next_answer(self) -> Answer:
        self.used += 1
        return self.answers[min(self.used, len(self.answers)) - 1]


class Server(ThreadingHTTPServer):
    """Answers what its routes say; notes every request and every one that nobody expected."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests: list[Seen] = []
        self.unexpected: list[str] = []
        self.fault: Answer | None = None
        self.is_over = threading.Event()
        self._routes: list[Route] = []
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()

    def on(
        self,
        method: str,
        path: str,
        *answers: Answer,
        query: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        has: str | None = None,
    ) -> None:
        route = Route(method, path, list(answers), query or {}, json or {}, has or "")
        self._routes.insert(0, route)

    def count(self, method: str, path: str, **wanted: Any) -> int:
        """How many requests came that a route of this kind would answer."""
        route = Route(method, path, [], **wanted)
        return sum(route.fits(seen) for seen in self.requests)

    def answer_to(self, seen: Seen) -> Answer:
        with self._lock:
            self.requests.append(seen)
            if self.fault is not None:
                return self.fault
            for route in self._routes:
                if route.fits(seen):
                    return route.next_answer()
            self.unexpected.append(f"{seen.method} {seen.path} {seen.query} {seen.json}")
        return {"status": 404, "body": {"message": "This route is not in the test's script."}}

    def filled(self, text: str) -> str:
        return text.replace("{server}", self.url)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the game."""

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.append(request)
        super().process_request(request, client_address)

    def stop(self) -> None:
        self.is_over.set()
        self.shutdown()
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # gone already
        self.server_close()


Served = TypeVar("Served", bound=Server)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def handle_any(self) -> None:
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        headers = {key.lower(): value for key, value in self.headers.items()}
        pairs = dict(parse_qsl(query, keep_blank_values=True))
        answer = self.server.answer_to(Seen(self.command, path, pairs, headers, body))
        fault = answer.get("fault")
        if fault is None:
            self.send(answer)
        else:
            self.close_connection = True
            getattr(self, f"fault_{fault}")()

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any

    def send(self, answer: Answer) -> None:
        kind, content = _content(answer, self.server.filled)
        headers = {"Content-Type": kind, **answer.get("headers", {})}
        self.send_response(answer.get("status", 200))
        for name, value in headers.items():
            self.send_header(name, self.server.filled(value))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def fault_close(self) -> None:
        """The request was read and nobody knows whether it was carried out."""

    def fault_cut(self) -> None:
        """Success, and the connection ends before the answer does."""
        self.start_endless({"Content-Length": "100"})
        self.wfile.write(b'{"id": ')

    def fault_silence(self) -> None:
        self.server.is_over.wait(20)

    def fault_drip(self) -> None:
        """Always a byte in time, never the end of the answer."""
        self.start_endless()
        self.trickle()

    def fault_drip_until_closed(self) -> None:
        """The same without a length: the answer ends with the connection, that is never."""
        self.start_endless({"Connection": "close"})
        self.trickle()

    def fault_huge(self) -> None:
        self.start_endless()
        self.wfile.write(b'"')
        for _ in range(2000):
            self.wfile.write(b"x" * 65536)

    def start_endless(self, extent: Mapping[str, str] | None = None) -> None:
        self.send_response(200)
        for name, value in (extent or {"Content-Length": str(2**31)}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.end_headers()

    def trickle(self) -> None:
        while not self.server.is_over.wait(READ_TIMEOUT / 4):
            self.wfile.write(b" ")
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the test reads `server.requests`."""


def _content(answer: Answer, filled: Callable[[str], str]) -> tuple[str, bytes]:
    if "base64" in answer:
        return "application/octet-stream", base64.b64decode(answer["base64"])
    if "text" in answer:
        return "text/plain", filled(answer["text"]).encode()
    if "body" in answer:
        return "application/json", filled(json.dumps(answer["body"])).encode()
    return "text/plain", b""


class ImpatientHttp(Http):
    """The real door with shorter waits."""

    def send(
        self, method: str, url: str, *, read_timeout: float, deadline: float, **rest: Any
    ) -> Any:
        return super().send(
            method,
            url,
            read_timeout=min(read_timeout, READ_TIMEOUT),
            deadline=min(deadline, DEADLINE),
            **rest,
        )


@contextmanager
def serving(running: Served) -> Iterator[Served]:
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        running.stop()
        thread.join(5)


def live_adapter(
    server: Server,
    key: str,
    memory: dict[str, Any] | None = None,
    cls: type[Adapter] | None = None,
    **settings: Any,
) -> Adapter:
    """An adapter against `server`, with the settings of its `suite.json`, as its class or `cls`."""
    cls = cls or class_of(key)
    config = {**declaration(key)["settings"], **settings}
    config = {
        name: server.filled(value) if isinstance(value, str) else value
        for name, value in config.items()
    }
    kept = (item for item in cls.settings if item.secret and item.kind != "email")
    secrets = [config[item.key] for item in kept if item.key in config]
    http = ImpatientHttp(LOOPBACK, session_key="tests", secrets=secrets)
    return cls(config, http, {} if memory is None else memory)


def put_routes(server: Server, key: str, routes: list[dict[str, Any]]) -> None:
    """Put the routes of a declaration on the server; the first that fits answers."""
    for route in reversed(routes):
        names = route["fixture"] if isinstance(route["fixture"], list) else [route["fixture"]]
        answers = [exchange(key, name)["response"] for name in names]
        wanted = {name: route.get(name) for name in ("query", "json", "has")}
        server.on(route["method"], route["path"], *answers, **wanted)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(Server()) as running:
        yield running


@pytest.fixture
def recorded() -> Callable[[str, str], dict[str, Any]]:
    """The `response` of a fixture, a fresh copy each time."""
    return lambda key, name: exchange(key, name)["response"]


@pytest.fixture
def play(server: Server) -> Callable[..., None]:
    return partial(put_routes, server)


@pytest.fixture
def open_adapter(server: Server) -> Callable[..., Adapter]:
    return partial(live_adapter, server)

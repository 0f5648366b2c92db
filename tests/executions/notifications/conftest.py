"""Real receivers on this machine, rules that send to them, and one look of the worker."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import timezone

from executions.models import Delivery, Execution, NoticeRule
from executions.notifications import compose, delivery, evaluation, rule_form
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status, Verb
from providers.models import ProviderAccount

SECRET = "planted-word-in-the-address"
SLOW = 30.0  # seconds that a receiver holds an answer at most


class Receiver:
    """A webhook that keeps what it gets. `status` is what it answers, None: hangs up silently."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.status: int | None = 200
        self.delay = 0.0  # seconds before it answers
        self.go_on = threading.Event()
        self.go_on.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.paths.append(self.path)
                outer.headers.append(dict(self.headers))
                outer.bodies.append(self.rfile.read(length))
                outer.go_on.wait(SLOW)
                time.sleep(outer.delay)
                if outer.status is None:
                    self.close_connection = True
                    return
                self.send_response(outer.status)
                if 300 <= outer.status < 400:
                    self.send_header("Location", f"http://127.0.0.1:{outer.port}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def got(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    @property
    def url(self) -> str:
        return f"json://user:{SECRET}@127.0.0.1:{self.port}/hook/{SECRET}?+X-Key={SECRET}"

    @property
    def titles(self) -> list[str]:
        return [each["title"] for each in self.got]

    def close(self) -> None:
        self.go_on.set()
        self.server.shutdown()
        self.server.server_close()


class Post(socketserver.ThreadingTCPServer):
    """A mail server that takes everything and keeps it."""

    allow_reuse_address = daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.got: list[str] = []
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 post\r\n")
        while line := self.rfile.readline().decode().strip():
            word = line.split(":")[0].split()[0].upper()
            if word == "DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (text := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                    lines.append(text)
                self.server.got.append("\n".join(lines))  # type: ignore[attr-defined]
            self.wfile.write(b"221 bye\r\n" if word == "QUIT" else b"250 ok\r\n")
            if word == "QUIT":
                return


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def post() -> Iterator[Post]:
    with Post() as made:
        yield made
        made.shutdown()


@pytest.fixture
def tick() -> Callable[..., None]:
    """What the worker does every few seconds. `again`: look at everything, although it has just
    been looked at, and rules have rested."""

    def once(*, again: bool = True) -> None:
        if again:
            evaluation.NoticeClock.objects.update(conditions_at=None)
            NoticeRule.objects.update(last_message_at=None)
        evaluation.look()
        compose.write_messages()
        delivery.expire_leases()
        for rule_id, target in delivery.due_targets():
            delivery.deliver(rule_id, target)

    return once


@pytest.fixture
def store_run(account: ProviderAccount) -> Callable[..., Execution]:
    """Store a run of now, of a workflow and in an account of one's own choice."""

    def stored(ref: str, status: Status = Status.RUNNING, **more: Any) -> Execution:
        flow = more.pop("flow", "Nightly import")
        given: dict[str, Any] = {
            "workflow": contract.Workflow(ref=flow, name=flow, can_start=True),
            "native_status": status.value.title(),
            "started_at": timezone.now(),
            "offers": frozenset({Verb.CANCEL}),
            **more,
        }
        at = given.pop("account", account)
        store(at.pk, given.pop("seq", 1), [Snapshot(ref=ref, status=status, **given)])
        return Execution.objects.get(account=at, ref=ref)

    return stored


@pytest.fixture
def make_rule(
    account: ProviderAccount, receiver: Receiver, tick: Callable[..., None]
) -> Callable[..., NoticeRule]:
    """Through the form, as the admin does. It has had its first look."""

    def made(event: str = "failed", **more: Any) -> NoticeRule:
        data = {
            "name": f"Rule {NoticeRule.objects.count() + 1}", "event": event, "enabled": "on",
            "tells_cleared": "on", "pause_seconds": "1m", "new_addresses": receiver.url, **more,
        }  # fmt: skip
        form = rule_form.rule_form()(data)
        assert form.is_valid(), form.errors
        rule_form.set_up(form.save(commit=False), form, by="ana")
        form.save_m2m()
        tick()
        return NoticeRule.objects.get(pk=form.instance.pk)

    return made


def outcomes() -> list[tuple[str, int]]:
    """State and attempts of every delivery, oldest first."""
    return list(Delivery.objects.order_by("pk").values_list("state", "attempts"))

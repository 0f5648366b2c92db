"""An account whose provider does what a test says, a good one beside it, and secrets that must turn
up nowhere. `Trouble.endure` asks for what holds for every row of the fault matrix."""

from __future__ import annotations

import base64
import json
import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test import Client

from executions.live import publish
from executions.models import Execution, PollRun, Transition
from providers.models import ProviderAccount
from tests.busy import LATE
from tests.flow.conftest import poll_once

KEY = "planted key/4711+x="
SECRETS = (KEY, quote(KEY, safe=""), base64.b64encode(KEY.encode()).decode())
READ_TIMEOUT = 0.6  # seconds between two bytes, instead of 15
DEADLINE = 1.2  # seconds of one request, instead of 30
GRACE = 0.5  # seconds that a request may take beyond it
ROOM = 20 * 2**20  # bytes by which a poll may make the process grow, whatever is sent
STARTED = "2026-11-20T08:15:30+00:00"

Fault = Callable[[socket.socket, "Asked"], None]


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def flow(ref: str, state: str = "running", **more: Any) -> dict[str, Any]:
    return {"flow_id": ref, "template": "model_optimize", "state": state, "started_at": STARTED,
            **more}  # fmt: skip


def answer(
    body: bytes | str | list[Any] | dict[str, Any] = b"", status: int = 200, **headers: str
) -> bytes:
    """A whole answer; a header that is "" is left out."""
    content = body if isinstance(body, bytes) else (
        body.encode() if isinstance(body, str) else json.dumps(body).encode()
    )  # fmt: skip
    named = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in named.items() if value]
    return "\r\n".join([f"HTTP/1.1 {status} Word", *lines, "", ""]).encode("latin-1") + content


def sends(content: bytes) -> Fault:
    """Answers so, and closes the connection."""
    return lambda sock, asked: sock.sendall(content)


class Provider(socketserver.ThreadingTCPServer):
    """Speaks Generio, with flows by their refs; or whatever `fault` does with the connection,
    which is closed then."""

    daemon_threads = allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), _Connection)
        self.url = f"http://{host}:{self.server_address[1]}"
        self.flows: dict[str, dict[str, Any]] = {}
        self.fault: Fault | None = None
        self.asked: list[Asked] = []
        self.is_over = threading.Event()

    def reply(self, asked: Asked) -> bytes:
        path = asked.path.partition("?")[0]
        if path == "/flows":
            return answer({"flows": list(self.flows.values())})
        if path == "/templates":
            return answer({"templates": []})
        found = self.flows.get(path.removeprefix("/flows/"))
        if found is None:
            return answer(
                [] if path.endswith("/outputs") else {}, 200 if "outputs" in path else 404
            )
        return answer(found)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of the game."""


class _Connection(socketserver.StreamRequestHandler):
    server: Provider
    disable_nagle_algorithm = True

    def handle(self) -> None:
        while line := self.rfile.readline():
            method, path, _ = line.decode("latin-1").split(" ", 2)
            headers = {}
            while (line := self.rfile.readline().strip()) != b"":
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.strip().lower()] = value.strip()
            body = self.rfile.read(int(headers.get("content-length") or 0))
            asked = Asked(method, path, headers, body)
            self.server.asked.append(asked)
            if (fault := self.server.fault) is not None:
                fault(self.request, asked)
                return
            self.request.sendall(self.server.reply(asked))


@contextmanager
def running(host: str = "127.0.0.1") -> Iterator[Provider]:
    with Provider(host) as provider:
        threading.Thread(target=provider.serve_forever, args=(0.02,), daemon=True).start()
        yield provider
        provider.is_over.set()
        provider.shutdown()


class Trouble:
    def __init__(self, provider: Provider, beside: Provider, ana: User, caplog: Any) -> None:
        self.provider, self.beside, self.caplog = provider, beside, caplog
        self.account, self.good = (
            self._account(name, each.url)
            for name, each in (("In trouble", provider), ("Beside it", beside))
        )
        for each in (provider, beside):
            each.flows = {ref: flow(ref) for ref in ("a", "b", "c")}
        self.client = Client()
        self.client.force_login(ana)
        self.polls = 0
        for _ in range(
            3
        ):  # a busy machine may take longer than the short time that polls have here
            self.poll()
            if (self.account.health, Execution.objects.count()) == ("ok", 6):
                break
        assert (self.account.health, Execution.objects.count()) == ("ok", 6)
        caplog.clear()

    @staticmethod
    def _account(name: str, url: str) -> ProviderAccount:
        account = ProviderAccount.objects.create(
            name=name, provider="generio", settings={"base_url": url}, poll_every=1
        )
        account.set_credentials({"api_key": KEY}, by="test")
        account.save()
        return account

    def poll(self) -> float:
        """One poll of each account; the seconds that the one in trouble took."""
        began = time.monotonic()
        poll_once(self.account)
        took = time.monotonic() - began
        poll_once(self.good)
        self.polls += 1
        return took

    def move_to(self, url: str) -> None:
        """The account asks there, until it recovers."""
        ProviderAccount.objects.filter(pk=self.account.pk).update(settings={"base_url": url})

    def state(self) -> Any:
        rows = Execution.objects.order_by("pk").values_list(
            "account_id", "ref", "status", "native_status", "version", "missing_since"
        )
        return list(rows), Transition.objects.count()

    def endure(
        self, fault: Fault, says: str, *, health: str = "failing", polls: int = 2
    ) -> list[str]:
        """Polls while the provider does this, and once more afterwards; asserts what holds for
        every row. Returns the errors that were said, one of each poll."""
        before, requests = self.state(), len(self.provider.asked)
        self.caplog.clear()
        self.provider.fault = fault
        errors = []
        for _ in range(polls):
            room = Room()
            took = self.poll()
            assert room.taken() < ROOM, f"{room.taken() / 2**20:.0f} MiB"
            assert took < DEADLINE + GRACE + 3 * LATE, took
            errors.append(self.account.last_error)
            assert (self.account.health, self.account.failures > 0) == (health, True), errors
        assert says in errors[0], errors[0]
        assert self.state() == before
        assert len(self.provider.asked) - requests <= polls, "no request is repeated"
        self.check_records()
        self.check_pages(says)
        lost = [line for line in self.caplog.messages if "account In trouble is" in line]
        assert len(lost) == 1, lost
        self.check_secrets()
        self.recover()
        return errors

    def recover(self) -> None:
        self.provider.fault = None
        self.move_to(self.provider.url)
        ProviderAccount.objects.update(quiet_until=None)
        self.caplog.clear()
        for _ in range(2):
            self.poll()
        assert (self.account.health, self.account.failures, self.account.last_error) == (
            "ok", 0, "",
        )  # fmt: skip
        assert self.good.health == "ok"
        back = [line for line in self.caplog.messages if "account In trouble is" in line]
        assert len(back) == 1, back
        self.check_records()

    def check_records(self) -> None:
        """One entry for each poll, of each account."""
        for account in (self.account, self.good):
            assert PollRun.objects.filter(account=account).count() == self.polls
        assert set(PollRun.objects.filter(account=self.good).values_list("outcome", flat=True)) == {
            "ok"
        }

    def check_pages(self, says: str) -> None:
        run = Execution.objects.filter(account=self.account).first()
        paths = ["/", "/accounts/", f"/accounts/{self.account.pk}/"]
        for path in [*paths, *([f"/executions/{run.pk}/"] if run else [])]:
            response = self.client.get(path)
            assert response.status_code == 200, path
            text = unescape(response.content.decode())
            assert "Traceback" not in text
            assert not found_in(text), path
        words = " ".join(re.sub(r"<[^>]+>", " ", unescape(self.page())).split())
        assert "In trouble" in words
        assert says in words
        assert re.search(r"\b(since|for (less than )?\d)", words)

    def page(self) -> str:
        return self.client.get(f"/accounts/{self.account.pk}/").content.decode()

    def check_secrets(self) -> None:
        sinks = {
            "the database": database_text(),
            "the broker": broker_text(),
            "the log": self.caplog.text,
            "mail": str([(each.subject, each.body) for each in getattr(mail, "outbox", [])]),
        }
        for name, text in sinks.items():
            assert not found_in(text), name


def found_in(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def database_text() -> str:
    """Every row of every table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [row[0] for row in cursor.fetchall()]
        rows = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608
            rows += [row[0] for row in cursor.fetchall()]
    return "\n".join(rows)


def broker_text() -> str:
    broker, said = publish.client(), []
    for name in broker.scan_iter(count=1000):
        kind = broker.type(name)
        value = broker.get(name) if kind == b"string" else b""
        value = b" ".join(broker.lrange(name, 0, -1)) if kind == b"list" else value
        said.append(f"{name!r} {value!r}")
    return "\n".join(said)


class Room:
    """How much more memory this process has at its peak than now."""

    STATUS = Path("/proc/self/status")

    def __init__(self) -> None:
        if self.STATUS.exists():
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        self.before = self._now("VmRSS")

    def taken(self) -> int:
        return self._now("VmHWM") - self.before

    def _now(self, what: str) -> int:
        if not self.STATUS.exists():
            return 0
        found = re.search(rf"{what}:\s+(\d+) kB", self.STATUS.read_text())
        return int(found[1]) * 1024 if found else 0

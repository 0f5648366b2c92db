"""The recorder in front of every simulated provider: logs each request of the provider's API and
lets it meet the fault that is set, with the command carried out before it, after it or never."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qsl

from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from providers.demo.fault_plan import Faults

CONTROL = "/__demo"
BODY_KEPT = 200_000  # characters of a request body kept in the log

ErrorMaker = Callable[[int, str], Response]  # (HTTP status, text) -> the provider's error body


class Recorded(Protocol):
    """What the recorder needs of a world."""

    log: list[dict[str, Any]]
    faults: Faults

    def now(self) -> datetime: ...


class Recorder:
    """ASGI middleware: logs each request of the provider's API and applies the faults."""

    def __init__(self, app: ASGIApp, world: Recorded, error: ErrorMaker) -> None:
        self.app = app
        self.world = world
        self.error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"].startswith(CONTROL):
            await self.app(scope, receive, send)
            return
        method = scope.get("method", "WEBSOCKET")
        body = await read_body(receive) if scope["type"] == "http" else b""
        entry = self._log(scope, method, body)
        fault = self.world.faults.take(method, scope["path"])
        sent = watch_status(entry, send)
        replay = Replay(body, receive) if scope["type"] == "http" else receive
        if fault is None:
            await self.app(scope, replay, sent)
        elif fault.mode == "slow":
            await self._slow(fault, scope, replay, sent)
        elif fault.mode == "cut":
            await self._cut(scope, replay, sent)
        else:
            await self._fault(fault, scope, replay, sent)

    def _log(self, scope: Scope, method: str, body: bytes) -> dict[str, Any]:
        entry = {
            "at": self.world.now().isoformat(),
            "method": method,
            "path": scope["path"],
            "query": dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True)),
            "body": parse_body(body),
            "status": None,  # stays None where the connection was closed without an answer
        }
        self.world.log.append(entry)
        return entry

    async def _slow(self, fault: Faults, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer late. `before`: carried out at once; `never`: late, and then no answer."""
        if fault.execute == "before":
            await self.app(scope, receive, late(send, fault.seconds))
            return
        await asyncio.sleep(fault.seconds)
        if fault.execute == "never":
            await hang_up(receive)
        else:
            await self.app(scope, receive, send)

    async def _cut(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carried out at once; the answer breaks off before its last byte."""
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self.app(scope, receive, keep)
        begin, content = answer[0], b"".join(part.get("body", b"") for part in answer[1:])
        others = [pair for pair in begin["headers"] if pair[0].lower() != b"content-length"]
        length = (b"content-length", str(max(len(content), 2)).encode())
        status = begin["status"] if content else 200  # a 204 has no end that could be missing
        await send({**begin, "status": status, "headers": [*others, length]})
        await send({"type": "http.response.body", "body": content[:-1] or b"{", "more_body": True})
        await asyncio.sleep(0.05)  # lets the bytes go out before the end
        await hang_up(receive)

    async def _fault(self, fault: Faults, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the fault. The request is carried out before it, after it, or never."""
        if fault.execute == "before":
            await self.app(scope, receive, swallow)
        if fault.mode == "down":
            await hang_up(receive)
        elif scope["type"] == "websocket":
            refusal = WebSocket(scope, receive, send)
            await refusal.send_denial_response(self._answer(fault))
        else:
            await self._answer(fault)(scope, receive, send)
        if fault.execute == "after":
            await asyncio.sleep(fault.seconds)
            await self.app(scope, receive, swallow)

    def _answer(self, fault: Faults) -> Response:
        if fault.mode == "html":
            return HTMLResponse("<!doctype html><title>Sign in</title><h1>Please sign in</h1>")
        if fault.mode == "auth":
            return self.error(401, "Unauthorized")
        if fault.mode == "throttled":
            response = self.error(429, "Too many requests")
            response.headers["Retry-After"] = str(int(fault.seconds))
            return response
        response = self.error(fault.status, HTTPStatus(fault.status).phrase)
        if fault.retry_after is not None:
            response.headers["Retry-After"] = str(fault.retry_after)
        return response


async def read_body(receive: Receive) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


class Replay:
    """A `receive` that hands out the body already read, then what really follows."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self.message: Message | None = {"type": "http.request", "body": body, "more_body": False}
        self.receive = receive

    async def __call__(self) -> Message:
        message, self.message = self.message, None
        return message or await self.receive()


def parse_body(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except ValueError:
        return body[:BODY_KEPT].decode(errors="replace")


def watch_status(entry: dict[str, Any], send: Send) -> Send:
    async def watched(message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            entry["status"] = message["status"]
        elif message["type"] == "websocket.accept":
            entry["status"] = 101
        await send(message)

    return watched


def late(send: Send, seconds: float) -> Send:
    async def delayed(message: Message) -> None:
        if message["type"] == "http.response.start":
            await asyncio.sleep(seconds)
        await send(message)

    return delayed


async def swallow(message: Message) -> None:
    """A `send` for answers nobody is to see."""


async def hang_up(receive: Receive) -> None:
    """Close the connection without a byte of answer, as a server that dies does.

    ASGI has no word for that; the server's own object behind `receive` holds the transport.
    """
    owner: Any = receive
    while isinstance(owner, Replay):
        owner = owner.receive
    owner.__self__.transport.abort()
    await asyncio.sleep(0.05)  # lets the server notice, or it would complain of a missing answer

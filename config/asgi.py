"""The pages, for an ASGI server: nobody who reads or sends slowly holds a page thread.

A request reaches one when all of it has arrived. Downloads (`executions.web.download_limits`) are
made in a pool of their own, a piece at a time, as their reader takes them, and hold neither a
database connection nor a thread in between. A sender or reader that stalls is cut off; a download
that ends so never looks complete.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.http import FileResponse, HttpResponseBase
from django.urls import Resolver404, resolve

from providers.contract import ProviderError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

PAGE_THREADS = 8
DOWNLOAD_THREADS = 32
WAITING = 256  # requests that may wait for a page thread
STALLS = 20.0  # seconds in which the next piece of a request arrives, or of an answer is taken
BODY_WITHIN = 120.0  # seconds for all of a request
LARGEST_BODY = 32 * 2**20  # bytes; what pages and API take is less
IN_MEMORY = 2**20  # bytes of a body; more goes to a file

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class _CutOff(Exception):
    """Answer with this status and sentence, and close the connection."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class _Gone(Exception):
    """The other side has closed the connection, or takes nothing any more."""


class Pages:
    def __init__(self, django: WSGIHandler) -> None:
        self.django = django
        self.page_threads = ThreadPoolExecutor(PAGE_THREADS, "page")
        self.download_threads = ThreadPoolExecutor(DOWNLOAD_THREADS, "download")
        self.waiting = 0

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            with await _body(receive) as body:
                await self._answer(_environ(scope, body), _Reader(send))
        except _CutOff as why:
            await _say(_Reader(send), why.status, str(why))
        except _Gone:
            return  # an answer that has begun is broken off by the server

    async def _answer(self, environ: dict[str, Any], reader: _Reader) -> None:
        is_download = _is_download(environ)
        threads = self.download_threads if is_download else self.page_threads
        if not is_download and self.waiting >= WAITING + PAGE_THREADS:
            raise _CutOff(503, "Too many requests at once. Try again in a few seconds.")
        self.waiting += not is_download
        loop = asyncio.get_running_loop()
        try:
            response = await loop.run_in_executor(threads, self._respond, environ)
        finally:
            self.waiting -= not is_download
        if isinstance(response, _Whole):
            await reader.start(response.status, response.headers)
            await reader.take(response.content)
            return
        try:
            await reader.start(response.status_code, _headers(response))
            pieces = iter(response)
            while (piece := await loop.run_in_executor(threads, _next, pieces)) is not None:
                await reader.take(piece, more=True)
            await reader.take(b"")
        finally:
            await loop.run_in_executor(threads, _close, response)

    def _respond(self, environ: dict[str, Any]) -> _Whole | HttpResponseBase:
        """In a thread: the whole answer, or one that is still to be read."""
        response = self.django(environ, _ignore)
        if response.streaming and not isinstance(response, FileResponse):
            connections.close_all()
            return response
        try:
            content = b"" if environ["REQUEST_METHOD"] == "HEAD" else b"".join(response)
            return _Whole(response.status_code, _headers(response), content)
        finally:
            response.close()


class _Whole:
    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], content: bytes) -> None:
        self.status, self.headers, self.content = status, headers, content


class _Reader:
    """Who takes the answer. _Gone if they stall."""

    def __init__(self, send: Send) -> None:
        self.send = send

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def take(self, piece: bytes, *, more: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": piece, "more_body": more})

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            await asyncio.wait_for(self.send(message), STALLS)
        except (TimeoutError, OSError, RuntimeError):
            raise _Gone from None


async def _say(reader: _Reader, status: int, sentence: str) -> None:
    headers = {"content-type": "text/plain; charset=utf-8", "connection": "close"}
    if status == 503:
        headers["retry-after"] = "5"
    try:
        await reader.start(status, [(k.encode(), v.encode()) for k, v in headers.items()])
        await reader.take(f"{sentence}\n".encode())
    except _Gone:
        return


async def _body(receive: Receive) -> IO[bytes]:
    """All of the request's body, at its beginning."""
    body = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the caller closes it
    try:
        async with asyncio.timeout(BODY_WITHIN):
            while True:
                message = await asyncio.wait_for(receive(), STALLS)
                if message["type"] == "http.disconnect":
                    raise _Gone
                body.write(message.get("body", b""))
                if body.tell() > LARGEST_BODY:
                    raise _CutOff(413, "The request is larger than the site takes.")
                if not message.get("more_body"):
                    break
    except TimeoutError:
        body.close()
        raise _CutOff(408, "The request did not arrive in time. Send it again.") from None
    except (_Gone, _CutOff):
        body.close()
        raise
    body.seek(0)
    return body


def _environ(scope: dict[str, Any], body: IO[bytes]) -> dict[str, Any]:
    """As PEP 3333 has it."""
    size = body.seek(0, os.SEEK_END)
    body.seek(0)
    raw_path = scope.get("raw_path") or scope["path"].encode()
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(raw_path.partition(b"?")[0]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": str(scope["server"][0]),
        "SERVER_PORT": str(scope["server"][1]),
        "REMOTE_ADDR": str((scope.get("client") or ("",))[0]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" in raw_name:  # would pass for the same name with a hyphen
            continue
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        value = raw_value.decode("latin-1")
        key = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        joint = "; " if name == "COOKIE" else ","
        environ[key] = f"{environ[key]}{joint}{value}" if key in environ else value
    environ["CONTENT_LENGTH"] = str(size)
    return environ


def _is_download(environ: dict[str, Any]) -> bool:
    path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
    try:
        return hasattr(resolve(path).func, "is_download")
    except Resolver404:
        return False


def _headers(response: HttpResponseBase) -> list[tuple[bytes, bytes]]:
    found = [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in response.items()]
    cookies = (each.output(header="").strip() for each in response.cookies.values())
    return found + [(b"set-cookie", each.encode("latin-1")) for each in cookies]


def _next(pieces: Iterator[bytes]) -> bytes | None:
    """None at the end. What a piece needs of the database is given back at once."""
    try:
        return next(pieces, None)
    except (ConnectionAbortedError, ProviderError):
        raise _Gone from None
    finally:
        connections.close_all()


def _close(response: HttpResponseBase) -> None:
    response.close()
    connections.close_all()


def _ignore(*args: Any) -> Callable[[bytes], object]:
    """What Django says here stands in its response."""
    return bytes


app = Pages(get_wsgi_application())

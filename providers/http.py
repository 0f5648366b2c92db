"""The one door out: every request to an address that a person typed goes through here.

What requests leaves open is closed here: the address policy is checked on the socket that is
connected, a deadline covers the whole request, the byte cap counts after decompression, redirects
are not followed, cookies, netrc and proxy variables are ignored, nothing is sent twice.
Retries live in one place, the account's row. Sends once, raises the errors of `contract`.
"""

from __future__ import annotations

import email.utils
import heapq
import json
import math
import re
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.response import BaseHTTPResponse

from providers.contract import (
    AuthFailed,
    BadResponse,
    NotFound,
    ProviderError,
    RateLimited,
    Rejected,
    Unreachable,
)
from providers.network import Policy, Refused

CONNECT_TIMEOUT = 5.0  # seconds
READ_TIMEOUT = 15.0  # seconds between two bytes
DEADLINE = 30.0  # seconds for one whole request
BODY_CAP = 5 * 2**20  # bytes of a JSON answer, after decompression
DOWNLOAD_CAP = 64 * 2**20  # bytes of a document
DOWNLOAD_DEADLINE = 300.0  # seconds
MAX_DEPTH = 60  # nested lists and objects in an answer
MAX_RETRY_AFTER = 3600.0  # seconds
DEFAULT_RETRY_AFTER = 30.0  # seconds
USER_AGENT = "Annunciator"

Explain = Callable[["Reply"], str]


# ---------------------------------------------------------------------------------- the deadline


class _Guard:
    """The sockets that one request uses, shut down when its deadline passes.

    A connection that the server closes after the answer is let go of before the body is read: its
    socket is then left to the guard, which closes it with the request.
    """

    def __init__(self) -> None:
        self.has_expired = False
        self.is_over = False
        self._sockets: list[socket.socket] = []
        self._left: list[socket.socket] = []
        self._lock = threading.Lock()

    def hold(self, sock: socket.socket) -> None:
        with self._lock:
            self._sockets.append(sock)

    def take_over(self, sock: socket.socket) -> None:
        """Close it when the request is over, which may be now."""
        with self._lock:
            if self.is_over:
                sock.close()
            else:
                self._left.append(sock)

    def expire(self) -> None:
        with self._lock:
            self.has_expired = True
            for sock in self._sockets:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # already closed by the other side

    def finish(self) -> None:
        with self._lock:
            self.is_over = True
            self._sockets.clear()
            while self._left:
                self._left.pop().close()


class _Watchdog:
    """One thread that expires the guards of all requests in flight."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._due: list[tuple[float, int, _Guard]] = []
        self._thread: threading.Thread | None = None
        self._count = 0

    def watch(self, guard: _Guard, seconds: float) -> None:
        with self._condition:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="http-deadline", daemon=True)
                self._thread.start()
            self._count += 1
            heapq.heappush(self._due, (time.monotonic() + seconds, self._count, guard))
            if self._due[0][2] is guard:
                self._condition.notify()

    def _run(self) -> None:
        with self._condition:
            while True:
                while self._due and (self._due[0][2].is_over or self._due[0][0] <= self._now()):
                    guard = heapq.heappop(self._due)[2]
                    if not guard.is_over:
                        guard.expire()
                self._condition.wait(self._due[0][0] - self._now() if self._due else None)

    @staticmethod
    def _now() -> float:
        return time.monotonic()


_watchdog = _Watchdog()
_thread = threading.local()


# ------------------------------------------------------------------------- connections with policy


def _connect(policy: Policy, host: str, port: int, timeout: Any, *, tls: bool) -> socket.socket:
    """A connected socket to `host`. One forbidden record spoils the whole name."""
    infos = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    for info in infos:
        policy.check(str(info[4][0]), port, is_encrypted=tls)
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, proto, _, address in infos:
        sock = socket.socket(family, kind, proto)
        try:
            sock.settimeout(timeout if isinstance(timeout, int | float) else CONNECT_TIMEOUT)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.connect(address)
            policy.check(str(sock.getpeername()[0]), port, is_encrypted=tls)
        except OSError as error:
            sock.close()
            if isinstance(error, Refused):
                raise
            failure = error
        else:
            return sock
    raise failure


class _Guarded:
    """Mixed into urllib3's connections. A duplicate of the socket stays at hand, since TLS takes
    the original away: shutting it down ends the connection whatever wraps it."""

    policy: Policy
    lifeline: socket.socket | None = None
    guard: _Guard | None = None

    def _new_conn(self) -> socket.socket:
        connection: Any = self
        try:
            sock = _connect(
                self.policy,
                connection._dns_host,
                connection.port,
                connection.timeout,
                tls=isinstance(self, HTTPSConnection),
            )
        except Refused:
            raise
        except TimeoutError as error:
            raise ConnectTimeoutError(self, "no answer") from error
        except OSError as error:
            raise NewConnectionError(connection, str(error)) from error
        self.lifeline = sock.dup()
        self._put_under_guard()
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._put_under_guard()
        super().request(*args, **kwargs)  # type: ignore[misc]

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        lifeline, self.lifeline = self.lifeline, None
        if lifeline is not None and self.guard is not None:
            self.guard.take_over(lifeline)
        elif lifeline is not None:
            lifeline.close()

    def _put_under_guard(self) -> None:
        self.guard = getattr(_thread, "guard", None)
        if self.guard is not None and self.lifeline is not None:
            self.guard.hold(self.lifeline)


class _Transport(HTTPAdapter):
    """requests' own transport, without the Session above it: what a Session adds is what the door
    does not want (cookies, redirects, netrc, proxies, hooks), and a third of a request's time."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(max_retries=0, pool_connections=2, pool_maxsize=4)
        plain = type("PlainConnection", (_Guarded, HTTPConnection), {"policy": policy})
        secure = type("SecureConnection", (_Guarded, HTTPSConnection), {"policy": policy})
        self.poolmanager.pool_classes_by_scheme = {
            "http": type("Plain", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("Secure", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }

    def request_url(self, request: requests.PreparedRequest, proxies: Any) -> str:
        return request.path_url

    def build_response(
        self, req: requests.PreparedRequest, resp: BaseHTTPResponse
    ) -> requests.Response:
        response = requests.Response()
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw = resp
        return response


def _transport_for(key: object, policy: Policy) -> _Transport:
    """One per account and thread, the 64 last used."""
    pool: OrderedDict[object, _Transport] = _thread.__dict__.setdefault("transports", OrderedDict())
    transport = pool.pop((key, policy), None) or _Transport(policy)
    pool[(key, policy)] = transport
    if len(pool) > 64:
        pool.popitem(last=False)[1].close()
    return transport


# An address that needs no preparing: lower-case host, every segment quoted, nothing that climbs.
_READY_URL = re.compile(
    r"https?://[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d+)?(?:/(?:[A-Za-z0-9_~-]|%[0-9A-F]{2})"
    r"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})*)*"
)


def _prepared(
    method: str, url: str, params: Any, headers: Mapping[str, str], body: bytes | None
) -> requests.PreparedRequest:
    """Raises ValueError for an address or a header that cannot be sent."""
    request = requests.PreparedRequest()
    request.method = method
    if params or not _READY_URL.fullmatch(url):
        request.prepare_url(url, params)
    else:
        request.url = url
    request.prepare_headers({"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", **headers})
    request.body = body
    if body is not None or method != "GET":
        request.headers["Content-Length"] = str(len(body or b""))
    return request


def open_socket(policy: Policy, host: str, port: int, *, is_encrypted: bool) -> socket.socket:
    """A connected TCP socket under the policy. Raises Unreachable with `was_sent=False`."""
    try:
        return _connect(policy, host, port, CONNECT_TIMEOUT, tls=is_encrypted)
    except Refused as error:
        raise Unreachable(f"{host} may not be reached. {error}", was_sent=False) from None
    except OSError:
        raise Unreachable(f"{host} cannot be connected to.", was_sent=False) from None


# ----------------------------------------------------------------------------------------- replies


class _Unfit(ValueError):
    """JSON that a stored value must not hold."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _Unfit("an object names the same key twice")
    return result


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _Unfit("a number is out of range")
    return value


def _constant(text: str) -> float:
    raise _Unfit(f"it holds {text}")


def _clean(value: Any, depth: int = 0) -> Any:
    """Text without NUL and lone surrogates, which Postgres refuses."""
    if isinstance(value, str):
        return value.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item, depth + 1) for key, item in value.items()}
    return value


def _depth_of(text: str) -> int:
    """The deepest nesting a JSON text can have; brackets inside strings count too, so this is an
    upper bound and only decides whether the value itself is measured."""
    deepest = depth = 0
    for char in text:
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def parse_json(content: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises ValueError (with a sentence) for anything that
    could not be stored as it is: duplicate keys, NaN, infinity, too deep, not UTF-8."""
    text = content.decode("utf-8-sig")
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth_of(text) > MAX_DEPTH:
        raise _Unfit(f"it is nested more than {MAX_DEPTH} levels deep")
    value = json.loads(
        text, object_pairs_hook=_object, parse_float=_number, parse_constant=_constant
    )
    if "\\u0000" in text or "\\ud" in text or "\\uD" in text:
        value = _clean(value)
    return value


@dataclass(frozen=True)
class Reply:
    """A complete answer. `content` is decompressed and within the cap."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    where: str
    """Method and path, without query: for messages."""

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").split(";")[0].strip().lower()

    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Raises BadResponse for a web page, an empty body or JSON that does not parse."""
        start = self.content[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if not start:
            raise BadResponse(f"{self.where} answered with an empty body.", status=self.status)
        if start == b"<":
            raise BadResponse(
                f"{self.where} answered with a web page, not data. A proxy or a sign-in page?",
                status=self.status,
                detail=self.text()[:200],
            )
        try:
            return parse_json(self.content)
        except (ValueError, RecursionError) as error:
            why = str(error) if isinstance(error, _Unfit) else "it is not valid JSON"
            raise BadResponse(
                f"{self.where} sent JSON that cannot be used: {why}.",
                status=self.status,
                detail=self.text()[:200],
            ) from None


def plain_explanation(reply: Reply) -> str:
    """The provider's own words in an error body: the usual keys, else the start of the text."""
    try:
        body = parse_json(reply.content)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        for key in ("message", "detail", "error", "title", "exception_message"):
            if isinstance(body.get(key), str) and body[key].strip():
                return str(body[key])
    text = reply.text().strip()
    return "" if text.startswith("<") else text


def parse_retry_after(value: str | None, now: float | None = None) -> float:
    """Seconds to wait, within [1, MAX_RETRY_AFTER]. Takes seconds or an HTTP date; anything else
    is DEFAULT_RETRY_AFTER."""
    text = (value or "").strip()
    seconds: float | None = None
    if text.isascii() and text.isdigit() and len(text) < 10:
        seconds = float(text)
    elif text:
        try:
            moment = email.utils.parsedate_to_datetime(text)
        except (ValueError, TypeError, OverflowError, IndexError):
            moment = None
        if moment is not None:
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            seconds = aware.timestamp() - (time.time() if now is None else now)
    if seconds is None:
        return DEFAULT_RETRY_AFTER
    return min(max(seconds, 1.0), MAX_RETRY_AFTER)


# ------------------------------------------------------------------------------------------- pacing


class Bucket:
    """A token bucket: `wait` blocks until one more request is allowed. Shared by threads."""

    def __init__(self, per_second: float, burst: float | None = None) -> None:
        self.per_second = per_second
        self.burst = burst or max(1.0, per_second)
        self._tokens = self.burst
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.per_second)
            self._at = now
            self._tokens -= 1
            debt = -self._tokens
        if debt > 0:
            time.sleep(debt / self.per_second)


# ----------------------------------------------------------------------------------------- the door


class Http:
    """Opened for one account. Counts what it sends; forgets nothing it must redact."""

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        session_key: object = None,
        secrets: Iterable[str] = (),
        bucket: Bucket | None = None,
        seconds: float | None = None,
    ) -> None:
        self.policy = policy or Policy()
        self.requests = 0
        self.bytes = 0
        self.server_skew: float | None = None
        """Seconds the provider's clock is ahead of ours, from the last `Date` header."""
        self._last_date: str | None = None
        self._key = session_key
        self._bucket = bucket
        self._until = math.inf if seconds is None else time.monotonic() + seconds
        self._secrets: list[str] = []
        for secret in secrets:
            self.remember_secret(secret)

    def remember_secret(self, secret: str) -> None:
        """Redact this value, plain and URL-encoded, in every message from now on."""
        if len(secret) >= 4:
            self._secrets += [secret, quote(secret, safe="")]

    def redact(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text

    def at(
        self,
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        explain: Explain = plain_explanation,
        service: str = "The provider",
    ) -> Endpoint:
        """An endpoint below `base_url`; `service` is the name used in messages."""
        return Endpoint(self, base_url.rstrip("/"), dict(headers or {}), explain, service)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Any,
        body: bytes | None,
        read_timeout: float,
        deadline: float,
    ) -> tuple[requests.Response, _Guard]:
        """One request, sent once, body unread. Raises Unreachable and BadResponse."""
        if self._bucket is not None:
            self._bucket.wait()
        place = f"{method} {urlsplit(url).hostname}"
        deadline = min(deadline, self._until - time.monotonic())
        if deadline <= 0:
            raise Unreachable(f"{place}: there was no time left to send it.", was_sent=False)
        self.requests += 1
        guard = _Guard()
        _watchdog.watch(guard, deadline)
        _thread.guard = guard
        try:
            response = _transport_for(self._key, self.policy).send(
                _prepared(method, url, params, headers, body),
                timeout=(CONNECT_TIMEOUT, read_timeout),
                stream=True,
            )
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            guard.finish()
            raise self._connection_error(error, guard, place, deadline) from None
        finally:
            _thread.guard = None
        self._note_clock(response.headers.get("Date"))
        return response, guard

    def read(self, response: requests.Response, guard: _Guard, cap: int, where: str) -> bytes:
        """The whole body, decompressed. Raises BadResponse over `cap` bytes, Unreachable if the
        body breaks off or takes too long."""
        if response.headers.get("Content-Encoding", "gzip").lower() not in ("gzip", "identity", ""):
            response.close()
            guard.finish()
            raise BadResponse(f"{where} used a compression nobody asked for.")
        try:
            content: bytes = response.raw.read(cap + 1, decode_content=True)
        except (HTTPError, OSError, ValueError) as error:
            response.close()
            raise self._body_error(error, guard, where) from None
        finally:
            guard.finish()
        if guard.has_expired:
            raise Unreachable(f"{where} was too slow: the answer was not complete in time.")
        if len(content) > cap:
            response.close()
            raise BadResponse(f"{where} sent more than {cap // 2**20} MiB.")
        self.bytes += len(content)
        return content

    def chunks(
        self, response: requests.Response, guard: _Guard, cap: int, where: str
    ) -> Iterator[bytes]:
        """The body in pieces of at most 64 KiB. Errors as in `read`."""
        total = 0
        try:
            while piece := response.raw.read(65536, decode_content=True):
                total += len(piece)
                self.bytes += len(piece)
                if total > cap:
                    raise BadResponse(f"{where} sent more than {cap // 2**20} MiB.")
                yield piece
        except (HTTPError, OSError, ValueError) as error:
            raise self._body_error(error, guard, where) from None
        finally:
            guard.finish()
            response.close()

    def _body_error(self, error: Exception, guard: _Guard, where: str) -> ProviderError:
        if guard.has_expired or isinstance(error, TimeoutError):
            return Unreachable(f"{where} was too slow: the answer was not complete in time.")
        return Unreachable(f"{where} broke off in the middle of its answer.")

    def _connection_error(
        self, error: Exception, guard: _Guard, place: str, deadline: float
    ) -> ProviderError:
        host = place.split(" ", 1)[1]
        chain = _causes(error)
        refused = next((cause for cause in chain if isinstance(cause, Refused)), None)
        if refused is not None:
            return Unreachable(f"{host} may not be reached. {refused}", was_sent=False)
        if guard.has_expired:
            return Unreachable(f"{host} gave no complete answer within {deadline:.3g} s.")
        for cause in chain:
            if isinstance(cause, ConnectTimeoutError | requests.ConnectTimeout):
                return Unreachable(f"{host} did not take the connection in time.", was_sent=False)
            if isinstance(cause, socket.gaierror):
                return Unreachable(f"The name {host} does not resolve.", was_sent=False)
            if isinstance(cause, requests.exceptions.SSLError):
                return Unreachable(f"The certificate of {host} is not trusted.", was_sent=False)
            if isinstance(cause, ConnectionRefusedError):
                return Unreachable(f"{host} refused the connection.", was_sent=False)
            if isinstance(cause, requests.ReadTimeout):
                return Unreachable(f"{host} did not answer in time.")
            if isinstance(cause, requests.exceptions.InvalidURL | UnicodeError):
                return BadResponse(f"The address of {host} cannot be used.")
        if any(isinstance(cause, NewConnectionError) for cause in chain):
            return Unreachable(f"{host} cannot be connected to.", was_sent=False)
        return Unreachable(f"{host} broke the connection before it answered.")

    def _note_clock(self, date: str | None) -> None:
        if date == self._last_date:
            return  # the same second as before: it was seen nearer to its start then
        self._last_date = date
        try:
            moment = email.utils.parsedate_to_datetime(date or "")
        except (ValueError, TypeError, OverflowError, IndexError):
            return
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        self.server_skew = aware.timestamp() - time.time()


def _causes(error: BaseException) -> list[BaseException]:
    """The error and everything behind it, urllib3's `reason` included."""
    found: list[BaseException] = []
    queue: list[Any] = [error]
    while queue and len(found) < 20:
        current = queue.pop(0)
        if not isinstance(current, BaseException) or current in found:
            continue
        found.append(current)
        queue += [current.__cause__, current.__context__, getattr(current, "reason", None)]
        queue += list(current.args[:2])
    return found


class Endpoint:
    """A base URL with headers. Path segments are quoted one by one, so a ref cannot escape."""

    def __init__(
        self, http: Http, base_url: str, headers: dict[str, str], explain: Explain, service: str
    ) -> None:
        self.http = http
        self.base_url = base_url
        self.headers = headers
        self.service = service
        self._explain = explain

    def get(self, *path: str, **options: Any) -> Reply:
        return self.request("GET", *path, **options)

    def post(self, *path: str, **options: Any) -> Reply:
        return self.request("POST", *path, **options)

    def patch(self, *path: str, **options: Any) -> Reply:
        return self.request("PATCH", *path, **options)

    def delete(self, *path: str, **options: Any) -> Reply:
        return self.request("DELETE", *path, **options)

    def follow(self, url: str) -> Reply:
        """GET a link that the provider gave. Raises BadResponse if it leaves the base URL."""
        if not url.startswith(self.base_url + "/"):
            raise BadResponse(f"{self.service} links outside its own address; ignored.")
        return self._reply("GET", url, f"GET {urlsplit(url).path}")

    def request(self, method: str, *path: str, **options: Any) -> Reply:
        """Options: `params`, `json` (any JSON value), `body` (bytes) with `content_type`,
        `headers`, `read_timeout` (s), `deadline` (s), `cap` (bytes).
        Raises all errors of the contract but Unsupported."""
        return self._reply(method, self.url(*path), f"{method} /{'/'.join(path)}", **options)

    def url(self, *path: str) -> str:
        """Raises BadResponse for a segment that would climb out: quoting leaves dots alone."""
        if "." in path or ".." in path:
            raise BadResponse(f"{self.service} named a thing by dots only; it cannot be asked for.")
        return "/".join([self.base_url, *(quote(segment, safe="") for segment in path)])

    def open(self, *path: str, params: Any = None, cap: int = DOWNLOAD_CAP) -> Opened:
        """GET a document without reading it yet. Errors as in `request`."""
        where = f"GET /{'/'.join(path)}"
        response, guard = self.http.send(
            "GET",
            self.url(*path),
            headers=self.headers,
            params=params,
            body=None,
            read_timeout=READ_TIMEOUT,
            deadline=DOWNLOAD_DEADLINE,
        )
        if response.status_code != 200:
            content = self.http.read(response, guard, BODY_CAP, where)
            self._judge(Reply(response.status_code, response.headers, content, where))
        return Opened(response.headers, self.http.chunks(response, guard, cap, where))

    def _reply(self, method: str, url: str, where: str, **options: Any) -> Reply:
        headers = {"Accept": "application/json", **self.headers, **options.get("headers", {})}
        body: bytes | None = options.get("body")
        if "json" in options:
            body = json.dumps(options["json"], ensure_ascii=False, allow_nan=False).encode()
            headers["Content-Type"] = "application/json"
        elif body is not None:
            headers["Content-Type"] = options.get("content_type", "application/octet-stream")
        where = self.http.redact(f"{self.service} ({where})")
        response, guard = self.http.send(
            method,
            url,
            headers=headers,
            params=options.get("params"),
            body=body,
            read_timeout=options.get("read_timeout", READ_TIMEOUT),
            deadline=options.get("deadline", max(DEADLINE, options.get("read_timeout", 0) + 10)),
        )
        content = self.http.read(response, guard, options.get("cap", BODY_CAP), where)
        reply = Reply(response.status_code, response.headers, content, where)
        return self._judge(reply)

    def _judge(self, reply: Reply) -> Reply:
        """The reply if it is a plain success, else the error that says what to do."""
        status = reply.status
        if 200 <= status < 300 and status not in (206,):
            return reply
        if 300 <= status < 400:
            target = urlsplit(reply.headers.get("Location", "")).hostname or "another address"
            raise BadResponse(
                f"{reply.where} was redirected to {self.http.redact(target)}; redirects are not "
                "followed. Edit the account's address if the provider moved.",
                status=status,
            )
        detail = self.http.redact(self._explain(reply).strip())[:500]
        words = f": {detail}" if detail else "."
        message = f"{reply.where} answered {status}{words}"
        if status == 429 or (status == 503 and reply.headers.get("Retry-After")):
            raise RateLimited(
                message,
                retry_after=parse_retry_after(reply.headers.get("Retry-After")),
                status=status,
                detail=detail,
            )
        if status in (401, 403):
            raise AuthFailed(message, status=status, detail=detail)
        if status == 404:
            raise NotFound(message, status=status, detail=detail)
        if status >= 500:
            raise Unreachable(message, status=status, detail=detail)
        if status >= 400:
            raise Rejected(message, status=status, detail=detail)
        raise BadResponse(message, status=status, detail=detail)


@dataclass(frozen=True)
class Opened:
    """A document whose body is still on the wire."""

    headers: Mapping[str, str]
    chunks: Iterator[bytes]

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").split(";")[0].strip().lower()

    @property
    def size(self) -> int | None:
        length = self.headers.get("Content-Length", "")
        return int(length) if length.isdigit() and "Content-Encoding" not in self.headers else None

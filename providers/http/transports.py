"""Connections under the address policy, which is checked on the socket that is connected."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.response import BaseHTTPResponse
from urllib3.util.ssl_ import create_urllib3_context

from providers.address_policy import Policy, Refused
from providers.contract import Unreachable
from providers.http.deadlines import Guard, current
from providers.http.limits import CONNECT_TIMEOUT, MOST_TRANSPORTS, USER_AGENT


class NameNotFound(OSError):
    """There is no such name."""


class NameServerSilent(TimeoutError):
    """The name could not be looked up now: no answer, or not in time."""


_lookups: dict[tuple[str, int], Future[Any]] = {}
_lookups_lock = threading.Lock()


def _resolve(host: str, port: int, seconds: float) -> list[Any]:
    """What the name stands for, in time. A resolver knows no limit of ours, so each name has a
    thread that asks for it, shared by all who wait. Raises NameNotFound and NameServerSilent."""
    with _lookups_lock:
        found = _lookups.get((host, port))
        if found is None:
            found = _lookups[host, port] = Future()
            asking = (found, host, port)
            threading.Thread(target=_look_up, args=asking, name="resolver", daemon=True).start()
    try:
        infos: list[Any] = found.result(seconds)
        return infos
    except FutureTimeout:
        raise NameServerSilent(host) from None
    except socket.gaierror as error:
        if error.errno in (socket.EAI_AGAIN, socket.EAI_FAIL):
            raise NameServerSilent(host) from None
        raise NameNotFound(host) from None


def _look_up(found: Future[Any], host: str, port: int) -> None:
    try:
        infos = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        answer: Any = partial(found.set_exception, error)
    else:
        answer = partial(found.set_result, infos)
    with _lookups_lock:  # whoever asks from now on wants a fresh answer
        _lookups.pop((host, port), None)
    answer()


def connect(policy: Policy, host: str, port: int, seconds: float, *, tls: bool) -> socket.socket:
    """A connected socket to `host`, within these seconds altogether, the look-up of its name and
    all of its addresses included. One forbidden record spoils the whole name."""
    ends_at = time.monotonic() + seconds
    infos = _resolve(host, port, seconds)
    for info in infos:
        policy.check(str(info[4][0]), port, is_encrypted=tls)
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, proto, _, address in infos:
        left = ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        sock = socket.socket(family, kind, proto)
        try:
            sock.settimeout(left)
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


class Guarded:
    """Mixed into urllib3's connections. A duplicate of the socket stays at hand, since TLS takes
    the original away: shutting it down ends the connection whatever wraps it."""

    policy: Policy
    lifeline: socket.socket | None = None
    guard: Guard | None = None

    def _new_conn(self) -> socket.socket:
        connection: Any = self
        guard: Guard | None = getattr(current, "guard", None)
        seconds = CONNECT_TIMEOUT if guard is None else min(CONNECT_TIMEOUT, guard.left)
        is_encrypted = isinstance(self, HTTPSConnection)
        host, port = connection._dns_host, connection.port
        try:
            sock = connect(self.policy, host, port, seconds, tls=is_encrypted)
            sock.settimeout(connection.timeout)
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

    def send(self, data: Any) -> None:
        connection: Any = self
        if connection.sock is None:
            connection.connect()
        if self.guard is not None:
            self.guard.has_sent = True
        super().send(data)  # type: ignore[misc]

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        lifeline, self.lifeline = self.lifeline, None
        if lifeline is not None and self.guard is not None:
            self.guard.take_over(lifeline)
        elif lifeline is not None:
            lifeline.close()

    def _put_under_guard(self) -> None:
        self.guard = getattr(current, "guard", None)
        if self.guard is not None and self.lifeline is not None:
            self.guard.hold(self.lifeline)


class Secure(HTTPSConnection):
    authority: str | None

    def connect(self) -> None:
        self.ca_cert_data = self.authority
        super().connect()


class Transport(HTTPAdapter):
    """requests' own transport, without the Session above it: what a Session adds is what the door
    does not want (cookies, redirects, netrc, proxies, hooks), and a third of a request's time."""

    def __init__(self, policy: Policy, authority: str = "") -> None:
        """`authority`: certificates (PEM) that are trusted besides the public ones."""
        super().__init__(max_retries=0, pool_connections=2, pool_maxsize=4)
        plain = type("PlainConnection", (Guarded, HTTPConnection), {"policy": policy})
        trusting = {"policy": policy, "authority": authority or None}
        secure = type("SecureConnection", (Guarded, Secure), trusting)
        # One context for all of its connections: each of its own would be half a megabyte.
        self.poolmanager.connection_pool_kw["ssl_context"] = create_urllib3_context()
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
        response.url = req.url or ""
        response.status_code = resp.status
        response.headers = CaseInsensitiveDict(resp.headers)
        response.raw = resp
        return response


_transports: OrderedDict[object, Transport] = OrderedDict()
_transports_lock = threading.Lock()


def transport_for(key: object, policy: Policy, authority: str = "") -> Transport:
    """One per account, for all threads: the MOST_TRANSPORTS last used. One for each thread as well
    would keep connections, and memory, by the thousand."""
    place = (key, policy, authority)
    with _transports_lock:
        transport = _transports.pop(place, None) or Transport(policy, authority)
        _transports[place] = transport
        old = _transports.popitem(last=False)[1] if len(_transports) > MOST_TRANSPORTS else None
    if old is not None:
        old.close()
    return transport


# An address that needs no preparing: lower-case host, every segment quoted, nothing that climbs.
_READY_URL = re.compile(
    r"https?://[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d+)?(?:/(?:[A-Za-z0-9_~-]|%[0-9A-F]{2})"
    r"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})*)*"
)


def prepared(
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
        return connect(policy, host, port, CONNECT_TIMEOUT, tls=is_encrypted)
    except OSError as error:
        why = why_not_connected([error], host) or f"{host} cannot be connected to."
        raise Unreachable(why, was_sent=False) from None


def why_not_connected(causes: Sequence[BaseException], host: str) -> str:
    """Why there is no connection to `host`, as a sentence, "" if these causes do not say: what is
    refused, not there, silent or not trusted asks different things of a person."""
    for kind, words in _WHY.items():
        for cause in causes:
            if isinstance(cause, kind):
                return words(host, cause)
    return ""


_OTHER_ISSUER = "its issuer is unknown here. Is it your own? Add it to the account"
_DISTRUST: Mapping[int, str] = {  # by the codes of OpenSSL
    9: "it is not valid yet",
    10: "it has expired",
    **dict.fromkeys((2, 18, 19, 20, 21), _OTHER_ISSUER),
    **dict.fromkeys((62, 64), "it was issued for another host"),
}
_WHY: Mapping[type[BaseException], Callable[[str, Any], str]] = {  # the first that fits
    Refused: lambda host, error: f"{host} may not be reached. {error}",
    NameNotFound: lambda host, _: f"The name {host} does not resolve: there is no such host.",
    NameServerSilent: lambda host, _: (
        f"The name {host} was not looked up in time: its name server does not answer."
    ),
    ConnectionRefusedError: lambda host, _: (
        f"{host} refused the connection: nothing listens there."
    ),
    ssl.SSLCertVerificationError: lambda host, error: (
        f"The certificate of {host} is not trusted: "
        f"{_DISTRUST.get(error.verify_code, 'it cannot be checked')}."
    ),
    ssl.SSLError: lambda host, _: f"{host} does not speak TLS as it should: no safe connection.",
    TimeoutError: lambda host, _: f"{host} did not take the connection in time.",
}

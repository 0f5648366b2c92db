"""Connections under the address policy, which is checked on the socket that is connected."""

from __future__ import annotations

import re
import socket
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.response import BaseHTTPResponse

from providers.address_policy import Policy, Refused
from providers.contract import Unreachable
from providers.http.deadlines import Guard, current
from providers.http.limits import CONNECT_TIMEOUT, USER_AGENT


def connect(policy: Policy, host: str, port: int, timeout: Any, *, tls: bool) -> socket.socket:
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


class Guarded:
    """Mixed into urllib3's connections. A duplicate of the socket stays at hand, since TLS takes
    the original away: shutting it down ends the connection whatever wraps it."""

    policy: Policy
    lifeline: socket.socket | None = None
    guard: Guard | None = None

    def _new_conn(self) -> socket.socket:
        connection: Any = self
        try:
            sock = connect(
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


class Transport(HTTPAdapter):
    """requests' own transport, without the Session above it: what a Session adds is what the door
    does not want (cookies, redirects, netrc, proxies, hooks), and a third of a request's time."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(max_retries=0, pool_connections=2, pool_maxsize=4)
        plain = type("PlainConnection", (Guarded, HTTPConnection), {"policy": policy})
        secure = type("SecureConnection", (Guarded, HTTPSConnection), {"policy": policy})
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


def transport_for(key: object, policy: Policy) -> Transport:
    """One per account and thread, the 64 last used."""
    pool: OrderedDict[object, Transport] = current.__dict__.setdefault("transports", OrderedDict())
    transport = pool.pop((key, policy), None) or Transport(policy)
    pool[(key, policy)] = transport
    if len(pool) > 64:
        pool.popitem(last=False)[1].close()
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
    except Refused as error:
        raise Unreachable(f"{host} may not be reached. {error}", was_sent=False) from None
    except OSError:
        raise Unreachable(f"{host} cannot be connected to.", was_sent=False) from None

"""A WebSocket client that only listens, under the address policy of the HTTP client."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit, urlunsplit

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect

from providers.contract import AuthFailed, RateLimited, Unreachable
from providers.http import CONNECT_TIMEOUT, Http, open_socket, parse_retry_after

MAX_MESSAGE = 2**20  # bytes


def listen(http: Http, url: str, *, headers: Mapping[str, str] | None = None) -> Iterator[str]:
    """The text messages of a `http(s)` or `ws(s)` address, until the connection ends.

    Raises Unreachable, RateLimited and AuthFailed. The URL may carry a token: it is never in a
    message.
    """
    parts = urlsplit(url)
    is_encrypted = parts.scheme in ("https", "wss")
    port = parts.port or (443 if is_encrypted else 80)
    host = parts.hostname or ""
    target = urlunsplit(("wss" if is_encrypted else "ws", *parts[1:]))
    http.gate.check()
    sock = open_socket(http.policy, host, port, is_encrypted=is_encrypted)
    sock.settimeout(None)
    try:
        with connect(
            target,
            sock=sock,
            ssl=_trusting(http.authority) if is_encrypted else None,
            additional_headers=dict(headers or {}),
            open_timeout=CONNECT_TIMEOUT,
            max_size=MAX_MESSAGE,
            proxy=None,
        ) as connection:
            for message in connection:
                yield message if isinstance(message, str) else message.decode("utf-8", "replace")
    except InvalidStatus as error:
        status, answered = error.response.status_code, error.response.headers
        if status == 429 or (status == 503 and "Retry-After" in answered):
            wait = parse_retry_after(answered.get("Retry-After"), answered.get("Date"))
            raise RateLimited(
                f"{host} answered {status} to the live channel.",
                retry_after=http.gate.close(wait),
                status=status,
            ) from None
        kind = AuthFailed if status in (401, 403) else Unreachable
        raise kind(f"{host} answered {status} to the live channel.", status=status) from None
    except (WebSocketException, OSError):
        raise Unreachable(f"The live channel of {host} ended.") from None
    finally:
        sock.close()


def _trusting(authority: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if authority:
        context.load_verify_locations(cadata=authority)
    return context

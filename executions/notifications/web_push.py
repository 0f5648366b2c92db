"""One message to one browser: encrypted for it alone (RFC 8291), signed (RFC 8292), and handed to
its push service by the client that sends requests to providers, under the same address policy.

The address of a browser is a secret and comes from the browser: whoever has it may send there.
"""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from executions.notifications.apprise_sending import Outcome
from providers.address_policy import Policy
from providers.contract import ProviderError, Unreachable
from providers.http.client import Http

SECONDS = 10.0  # for one message, everything included
MOST_ANSWER = 64 * 1024  # bytes of the answer that are looked at
MOST_PAYLOAD = 3500  # bytes; push services take 4096 when encrypted
MAX_ENDPOINT = 1000  # characters
KEPT_FOR = 4 * 3600  # seconds that a push service keeps it for a browser that is away
SIGNED_FOR = 12 * 3600  # seconds; at most a day
CURVE = ec.SECP256R1()


class NotABrowser(ValueError):
    """What was sent is no subscription; str() says why, without its address."""


@dataclass(frozen=True)
class Subscription:
    """What a browser gives out: where to send, and what only it can open."""

    endpoint: str
    p256dh: str
    auth: str

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).hostname or ""

    def __repr__(self) -> str:
        return f"Subscription({self.host})"


def read_subscription(endpoint: str, p256dh: str, auth: str) -> Subscription:
    """Raises NotABrowser."""
    try:
        parts = urlsplit(endpoint)
        is_fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        if not is_fine or "@" in parts.netloc or parts.fragment or len(endpoint) > MAX_ENDPOINT:
            raise ValueError
        if "\\" in endpoint or any(not 33 <= ord(char) <= 126 for char in endpoint):
            raise ValueError
    except ValueError:
        raise NotABrowser("The address of the browser is not one of a push service.") from None
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(CURVE, _octets(p256dh))
        is_fine = len(_octets(auth)) == 16
    except ValueError:
        is_fine = False
    if not is_fine:
        raise NotABrowser("The keys of the browser are not understood.")
    return Subscription(endpoint, p256dh, auth)


def send(
    to: Subscription,
    payload: bytes,
    *,
    key: ec.EllipticCurvePrivateKey,
    point: str,
    contact: str,
    allowed: Iterable[str],
    may_go: Callable[[], bool],
) -> Outcome:
    """One message of at most MOST_PAYLOAD, sent once. `may_go` is asked right before anything
    leaves. The state `gone` says that the browser takes no messages any more."""
    body = http_ece.encrypt(
        payload,
        private_key=ec.generate_private_key(CURVE),
        dh=_octets(to.p256dh),
        auth_secret=_octets(to.auth),
        version="aes128gcm",
    )
    headers = {
        "Authorization": f"vapid t={_signed(to, key, contact)}, k={point}",
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(KEPT_FOR),
        "Urgency": "high",
        "Connection": "close",
    }
    if not may_go():
        return Outcome("failed", "It was not sent: somebody else took it over.")
    http = Http(Policy.from_cidrs(allowed), secrets=[urlsplit(to.endpoint).path])
    try:
        response, guard = http.send(
            "POST", to.endpoint, headers=headers, params=None, body=body,
            read_timeout=SECONDS, deadline=SECONDS, changes=True,
        )  # fmt: skip
    except Unreachable as error:
        if error.was_sent:
            return Outcome(
                "unknown",
                "The push service did not answer, so the message may or may not have arrived.",
            )
        return Outcome("failed", str(error))
    except ProviderError as error:
        return Outcome("refused", str(error))
    with suppress(ProviderError):  # its status is known, and is all that counts
        http.read(response, guard, MOST_ANSWER, to.host)
    return _outcome(response.status_code)


def _outcome(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome("sent", "The push service accepted it.")
    if status in (404, 410):
        return Outcome("gone", "The browser takes no messages any more; it was removed.")
    if 300 <= status < 400:
        return Outcome("failed", "It answered with a redirect; redirects are not followed.")
    return Outcome("failed", f"The push service answered {status}.")


def _signed(to: Subscription, key: ec.EllipticCurvePrivateKey, contact: str) -> str:
    parts = urlsplit(to.endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int(time.time()) + SIGNED_FOR,
        "sub": contact,
    }
    return jwt.encode(claims, key, algorithm="ES256")


def _octets(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))

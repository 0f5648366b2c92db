"""Signing in at a provider that gives a cookie or a token for it: kept by the door, never stored.

What was given stays in this process, by whom it is for, and goes with every request. Where it is
over (it says so itself, or a request is answered 401), one new sign-in is made and the request is
sent once more: a 401 is a refusal, nothing was carried out. It is a secret like the account's own:
no message and no snapshot tells it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from providers.contract import AuthFailed, BadResponse
from providers.http.api_client import Endpoint
from providers.http.replies import Reply, parse_json

if TYPE_CHECKING:
    from providers.http.client import Http

MOST = 256  # sessions of one process
EARLY = 30.0  # seconds before its end in which a session is renewed
_COOKIE = re.compile(r"(?:^|,)\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)=([^;,\s]*)")


@dataclass(frozen=True)
class Pass:
    """What a sign-in gave: headers for every request, and for how many seconds they are good, None
    where nobody says."""

    headers: Mapping[str, str]
    seconds: float | None = None

    @classmethod
    def bearer(cls, token: str, seconds: float | None = None) -> Pass:
        """A token; the end of a JSON Web Token is read from the token itself."""
        known = seconds if seconds is not None else _seconds_left(token)
        return cls({"Authorization": f"Bearer {token}"}, known)

    @classmethod
    def cookies(cls, reply: Reply, seconds: float | None = None) -> Pass:
        """Every cookie that the answer sets, the last of a name. Raises BadResponse without any."""
        found = dict(_COOKIE.findall(reply.headers.get("Set-Cookie", "")))
        if not found:
            raise BadResponse(f"{reply.where} accepted the login but set no session cookie.")
        pairs = "; ".join(f"{name}={value}" for name, value in found.items())
        return cls({"Cookie": pairs}, seconds)


@dataclass(frozen=True)
class _Kept:
    given: Pass
    until: float


_kept: dict[str, _Kept] = {}


class SignedIn(Endpoint):
    """An endpoint with a session. `sign_in` gets an endpoint without one and sends the login with
    `changes=False`; `who` names whose session it is (address, user, password): only its hash is
    kept. `over`: statuses by which the provider tells that a session has ended, 403 as well where
    it makes no difference between that and a missing right."""

    def __init__(
        self,
        plain: Endpoint,
        sign_in: Callable[[Endpoint], Pass],
        who: tuple[str, ...],
        over: frozenset[int] = frozenset({401}),
    ) -> None:
        super().__init__(plain.http, plain.base_url, plain.headers, plain.explain, plain.service)
        self._plain = plain
        self._sign_in = sign_in
        self._over = over
        self._key = hashlib.sha256("\0".join((plain.base_url, *who)).encode()).hexdigest()

    def session_headers(self) -> Mapping[str, str]:
        """Of the session that goes on, or of a new one: for a push channel."""
        known = self._known()
        return (known or self._renew()).headers

    def _reply(self, method: str, url: str, where: str, **options: Any) -> Reply:
        known = self._known()
        if known is not None:
            try:
                return self._with(known, method, url, where, options)
            except AuthFailed as error:
                if error.status not in self._over:
                    raise
        return self._with(self._renew(), method, url, where, options)

    def open(self, *path: str, params: Any = None, **limits: Any) -> Any:
        plain = Endpoint(
            self.http,
            self.base_url,
            {**self.headers, **self.session_headers()},
            self.explain,
            self.service,
        )
        return plain.open(*path, params=params, **limits)

    def _with(
        self, given: Pass, method: str, url: str, where: str, options: Mapping[str, Any]
    ) -> Reply:
        headers = {**given.headers, **options.get("headers", {})}
        return super()._reply(method, url, where, **{**options, "headers": headers})

    def _known(self) -> Pass | None:
        kept = _kept.get(self._key)
        if kept is None or kept.until < time.monotonic():
            return None
        _remember(self.http, kept.given)
        return kept.given

    def _renew(self) -> Pass:
        _kept.pop(self._key, None)
        given = self._sign_in(self._plain)
        _remember(self.http, given)
        if len(_kept) >= MOST:
            _kept.clear()
        good_for = float("inf") if given.seconds is None else given.seconds - EARLY
        _kept[self._key] = _Kept(given, time.monotonic() + good_for)
        return given


def forget_sessions() -> None:
    """As in a new process."""
    _kept.clear()


def _remember(http: Http, given: Pass) -> None:
    """Every value of the headers is a secret from now on."""
    for name, value in given.headers.items():
        parts = value.split("; ") if name == "Cookie" else [value]
        for part in parts:
            http.remember_secret(part.partition("=")[2] if name == "Cookie" else part)
            if name == "Authorization":
                http.remember_secret(part.partition(" ")[2])


def _seconds_left(token: str) -> float | None:
    """By the token's own claims (RFC 7519, `exp`, `iat`): its whole life, since only the provider's
    clock tells what `exp` is. None for a token that does not say."""
    payload = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        claims = parse_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return None
    begins, ends = (claims.get(name) for name in ("iat", "exp")) if isinstance(claims, dict) else (
        None, None,
    )  # fmt: skip
    if not isinstance(ends, int | float):
        return None
    return float(ends) - (float(begins) if isinstance(begins, int | float) else time.time())

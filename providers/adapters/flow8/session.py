"""How flow8 is reached: path prefix, API key, or email and password with a session cookie.

Sources: https://flow8-docs.pages.dev/developer/api/authentication and .../api/overview, read
November 2026. The technical section of that site writes `/api/v1` where the developer section
(which agrees with the seed) writes `/api`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from providers.contract import AuthFailed
from providers.http import (
    Endpoint,
    Http,
    Pass,
    Reply,
    SignedIn,
    parse_json,
    plain_explanation,
)

PREFIX = "/api"
OTHER_PREFIX = "/api/v1"
MCP_ONLY = (
    "This API key has the scope mcp, which opens flow8 to AI agents only. "
    "Make one with the scope standard."
)


class Session:
    """Sends requests with whatever credentials the account has."""

    def __init__(self, http: Http, config: Mapping[str, Any], prefix: str) -> None:
        self.http = http
        self.config = config
        self.prefix = prefix

    def get(self, *path: str, **params: Any) -> Reply:
        return self.request("GET", *path, params=params)

    def post(self, *path: str, json: Any) -> Reply:
        return self.request("POST", *path, json=json)

    def request(self, method: str, *path: str, **options: Any) -> Reply:
        """Errors as in `Endpoint.request`."""
        return self._api().request(method, *path, **options)

    def live_address(self) -> tuple[str, dict[str, str]]:
        """URL and headers of the push channel. The URL carries the key: not for logs."""
        api = self._api()
        url = api.url("ws")
        if not isinstance(api, SignedIn):
            return f"{url}?token={quote(self.config['api_key'], safe='')}", {}
        api.get("auth", "me")  # renews a session that is over
        return url, dict(api.session_headers())

    def _api(self) -> Endpoint:
        if key := self.config.get("api_key"):
            return self._at({"Authorization": f"Bearer {key}"})
        who = tuple(self.config.get(name) or "" for name in ("email", "password"))
        return SignedIn(self._at({}), self._log_in, who)

    def _at(self, headers: dict[str, str]) -> Endpoint:
        root = self.http.at(self.config["base_url"])
        path = [segment for segment in self.prefix.split("/") if segment]
        return self.http.at(root.url(*path), headers=headers, explain=explain, service="flow8")

    def _log_in(self, api: Endpoint) -> Pass:
        """A session lasts an hour. Its cookie's name is undocumented (one page says `sid`), so
        whatever is set goes back (November 2026)."""
        email, password = self.config.get("email"), self.config.get("password")
        if not email or not password:
            raise AuthFailed("flow8 needs an API key, or an email address and a password.")
        login = {"email": email, "password": password}
        return Pass.cookies(api.post("auth", "login", json=login, changes=False))


def explain(reply: Reply) -> str:
    """`error` is a code such as FLOW_NOT_FOUND or VALIDATION_ERROR, `message` is for people."""
    words = plain_explanation(reply)
    try:
        body = parse_json(reply.content)
    except (ValueError, RecursionError):
        return words
    code = body.get("error") if isinstance(body, dict) else None
    return f"{code}: {words}" if isinstance(code, str) and code != words else words


def is_mcp_only(api_key: str) -> bool:
    """Whether a key's own payload names the scope `mcp` without `standard`. Not verified: this
    only explains a refusal. Keys that are no JWT say nothing."""
    payload = api_key.split(".")[1] if api_key.count(".") == 2 else ""
    try:
        claims = parse_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return False
    scopes = claims.get("scopes") if isinstance(claims, dict) else None
    words = scopes.split() if isinstance(scopes, str) else scopes or []
    return "mcp" in words and "standard" not in words

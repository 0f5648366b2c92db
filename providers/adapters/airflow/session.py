"""How Airflow is reached: a ready token, or user name and password for a token that is kept.

Source: https://airflow.apache.org/docs/apache-airflow/stable/security/api.html (November 2026).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from providers.contract import AuthFailed, BadResponse
from providers.http import Endpoint, Http, Reply, parse_json, plain_explanation

SERVICE = "Airflow"
OLDEST, TOO_NEW = (3, 1), (4,)  # questions came with 3.1
WORKS_WITH = "This works with Airflow 3.1 and every later 3.x"
MOST_TOKENS = 64

# A token lasts a day (seen November 2026), an adapter one poll. Tokens are secrets, so they stay
# in this process and never go into the account's memory; the key hides whose they are.
_tokens: dict[str, str] = {}


class Session:
    """Sends requests below /api/v2 with whatever credentials the account has."""

    def __init__(self, http: Http, config: Mapping[str, Any]) -> None:
        self.http = http
        self.config = config
        self.site = str(config["base_url"]).rstrip("/").removesuffix("/api/v2")

    def get(self, *path: str, **options: Any) -> Reply:
        return self.request("GET", *path, **options)

    def read(self, *path: str, json: Any, **options: Any) -> Reply:
        """A POST that only reads: filters too long for an address."""
        return self.request("POST", *path, json=json, changes=False, **options)

    def request(self, method: str, *path: str, **options: Any) -> Reply:
        """With a token that we got by a login, its refusal means that it is over, or that the
        server began again with another key: nothing was carried out, so one new login and one more
        request. Errors as in `Endpoint.request`."""
        if token := self.config.get("token"):
            return self._at(token).request(method, *path, **options)
        known = _tokens.get(self._key)
        if known is not None:
            try:
                return self._at(known).request(method, *path, **options)
            except AuthFailed as error:
                if not _refuses_token(error):
                    raise
        return self._at(self._log_in()).request(method, *path, **options)

    def version(self) -> tuple[str, tuple[int, ...]]:
        """The server's version as text and numbers; it tells without a login. Raises BadResponse
        for one that this adapter cannot speak with."""
        version = str(self._at("").get("version").json()["version"])
        numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
        if numbers < OLDEST or numbers >= TOO_NEW:
            old = "old" if numbers < OLDEST else "new"
            raise BadResponse(f"Airflow {version} is too {old}. {WORKS_WITH}.")
        return version, numbers

    def _at(self, token: str) -> Endpoint:
        headers = {}
        if token:
            self.http.remember_secret(token)
            headers["Authorization"] = f"Bearer {token}"
        address = f"{self.site}/api/v2"
        return self.http.at(address, headers=headers, explain=explain, service=SERVICE)

    def _log_in(self) -> str:
        name, password = self.config.get("username"), self.config.get("password")
        if not name or not password:
            raise AuthFailed("Airflow needs a token, or a user name and a password.")
        login = {"username": name, "password": password}
        root = self.http.at(self.site, explain=explain, service=SERVICE)
        token = root.post("auth", "token", json=login, changes=False).json()["access_token"]
        if not isinstance(token, str) or not token:
            raise BadResponse("Airflow accepted the login but gave no token.")
        if len(_tokens) >= MOST_TOKENS:
            _tokens.clear()
        _tokens[self._key] = token
        return token

    @property
    def _key(self) -> str:
        parts = (self.config.get(key) or "" for key in ("base_url", "username", "password"))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def explain(reply: Reply) -> str:
    """`detail` is a text, a list of complaints about the request, or an object with a reason."""
    if reply.status == 404 and reply.where.endswith(("/version)", "/auth/token)")):
        return f"There is no REST API of Airflow 3 at this address. {WORKS_WITH}."
    try:
        body = parse_json(reply.content)
    except (ValueError, RecursionError):
        return plain_explanation(reply)
    detail = body.get("detail") if isinstance(body, dict) else None
    if isinstance(detail, list):
        return "; ".join(map(_complaint, detail))
    if isinstance(detail, dict):
        return str(detail.get("reason") or detail.get("message") or detail)
    return plain_explanation(reply)


def _refuses_token(error: AuthFailed) -> bool:
    """401 for one whose time is over, 403 for one with a foreign signature (seen); 403 is also what
    a missing right gets."""
    return error.status == 401 or "JWT" in error.detail


def _complaint(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    place = item.get("loc")
    where = ".".join(map(str, place[1:])) if isinstance(place, list) else ""
    return f"{where}: {item.get('msg', '')}" if where else str(item.get("msg", item))

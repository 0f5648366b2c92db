"""The conversation with an OpenID provider: discovery, the code for tokens, and what the ID token
proves. All of it goes through the one door (`providers/http`), under the policy of accounts.
"""

from __future__ import annotations

import logging
import secrets
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

import jwt
from django.conf import settings

from config.sign_in.providers_file import OpenIDProvider
from providers.address_policy import Policy
from providers.contract import ProviderError
from providers.http import Http, Reply

SECONDS = 20.0  # for all requests of one sign-in
ANSWER_WITHIN = 8.0  # seconds, of each
CAP = 2**20  # bytes of an answer
AT_ONCE = 8  # sign-ins that wait for a provider, in one process; the rest of it serves pages
LEEWAY = 60  # seconds that two clocks may differ
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
FORM = "application/x-www-form-urlencoded"

log = logging.getLogger(__name__)
_places = threading.BoundedSemaphore(AT_ONCE)


class Refused(Exception):
    """Nobody is signed in. str() is a sentence for the person, without secrets."""


class Conversation:
    """With one provider, for one sign-in. Raises Refused."""

    def __init__(self, provider: OpenIDProvider) -> None:
        self.provider = provider
        self._http = Http(
            Policy.from_cidrs(settings.ANNUNCIATOR_ALLOWED_NETWORKS),
            session_key=("openid", provider.id),
            secrets=[provider.client_secret],
            seconds=SECONDS,
            authority=provider.certificate_authority,
        )
        self._found: dict[str, Any] = {}

    @property
    def document(self) -> dict[str, Any]:
        """What the provider publishes about itself; read once."""
        if not self._found:
            found = self._json("GET", f"{self.provider.issuer}/.well-known/openid-configuration")
            issuer = str(found.get("issuer", ""))
            if issuer.rstrip("/") != self.provider.issuer:
                raise Refused(
                    f"{self.provider.name} calls itself {issuer[:200] or 'nothing'}, and "
                    f"{self.provider.issuer} was expected."
                )
            self._found = found
        return self._found

    def endpoint(self, name: str) -> str:
        address = str(self.document.get(name, ""))
        if urlsplit(address).scheme not in ("http", "https"):
            raise Refused(f"{self.provider.name} does not say where its {name} is.")
        return address

    def tokens(self, code: str, verifier: str, redirect_uri: str) -> dict[str, Any]:
        """What the provider gives for the code that it sent with the browser."""
        given = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "client_id": self.provider.client_id,
        }
        headers = {"Content-Type": FORM}
        methods = self.document.get("token_endpoint_auth_methods_supported")
        if methods and "client_secret_post" not in methods:
            headers["Authorization"] = self._basic()
        else:
            given["client_secret"] = self.provider.client_secret
        answer = self._json(
            "POST", self.endpoint("token_endpoint"), headers, urlencode(given).encode()
        )
        if not isinstance(answer.get("id_token"), str):
            raise Refused(f"{self.provider.name} sent no ID token. Is the scope openid missing?")
        return answer

    def _basic(self) -> str:
        pair = f"{quote_plus(self.provider.client_id)}:{quote_plus(self.provider.client_secret)}"
        return "Basic " + b64encode(pair.encode()).decode()

    def claims(self, id_token: str, nonce: str) -> dict[str, Any]:
        """What the ID token says, once signature, issuer, audience, times and nonce are right."""
        name = self.provider.name
        try:
            found: dict[str, Any] = jwt.decode(
                id_token,
                self._key_of(id_token),
                algorithms=list(ALGORITHMS),
                audience=self.provider.client_id,
                issuer=str(self.document["issuer"]),
                leeway=LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise Refused(
                f"The answer of {name} has expired. Is the clock of one of the two wrong?"
            ) from None
        except jwt.ImmatureSignatureError:
            raise Refused(
                f"The answer of {name} is from the future. Is the clock of one of the two wrong?"
            ) from None
        except jwt.InvalidIssuerError:
            raise Refused(f"The answer of {name} was issued by somebody else.") from None
        except jwt.InvalidAudienceError:
            raise Refused(f"The answer of {name} is meant for another site.") from None
        except jwt.PyJWTError:
            raise Refused(f"The answer of {name} is not signed as it should be.") from None
        is_shared = isinstance(found["aud"], list) and len(found["aud"]) > 1
        if is_shared and found.get("azp") != self.provider.client_id:
            raise Refused(f"The answer of {name} is meant for another site.")
        if not secrets.compare_digest(str(found.get("nonce", "")), nonce):
            raise Refused(f"The answer of {name} belongs to another sign-in. Begin again.")
        return found

    def _key_of(self, id_token: str) -> Any:
        """Raises jwt.PyJWTError."""
        header = jwt.get_unverified_header(id_token)
        keys = jwt.PyJWKSet.from_dict(self._json("GET", self.endpoint("jwks_uri"))).keys
        fitting = [key for key in keys if header.get("kid") in (None, key.key_id)]
        if not fitting or (header.get("kid") is None and len(fitting) > 1):
            raise jwt.InvalidKeyError
        return fitting[0].key

    def more_claims(self, access_token: str, subject: str) -> dict[str, Any]:
        """What the provider adds on request, about the same person."""
        headers = {"Authorization": f"Bearer {access_token}"}
        found = self._json("GET", self.endpoint("userinfo_endpoint"), headers)
        if found.get("sub") != subject:
            raise Refused(f"{self.provider.name} answered about somebody else. Begin again.")
        return found

    def _json(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> dict[str, Any]:
        name = self.provider.name
        where = f"{name} ({method} {urlsplit(url).path})"
        with _place(name):
            try:
                reply = self._ask(method, url, headers or {}, body, where)
                if reply.status != 200:
                    raise Refused(self._refusal(where, reply))
                found = reply.json()
            except ProviderError as error:
                raise Refused(f"{name} cannot be used now. {error} Try again later.") from None
        if not isinstance(found, dict):
            raise Refused(f"{where} did not answer as OpenID Connect says.")
        return found

    def _refusal(self, where: str, reply: Reply) -> str:
        reason = self._http.redact(_oauth_error(reply)) or str(reply.status)
        log.warning("sign-in: %s refused: %s", where, reason)
        return f"{self.provider.name} refused to go on ({reason}). Begin again."

    def _ask(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, where: str
    ) -> Reply:
        response, guard = self._http.send(
            method,
            url,
            headers={"Accept": "application/json", **headers},
            params=None,
            body=body,
            read_timeout=ANSWER_WITHIN,
            deadline=ANSWER_WITHIN,
        )
        content = self._http.read(response, guard, CAP, where)
        return Reply(response.status_code, response.headers, content, where)


@contextmanager
def _place(name: str) -> Iterator[None]:
    if not _places.acquire(blocking=False):
        raise Refused(f"Many sign-ins wait for {name} at this moment. Try again in a minute.")
    try:
        yield
    finally:
        _places.release()


def _oauth_error(reply: Reply) -> str:
    """The error in the words of OAuth: `error` and `error_description`."""
    try:
        body = reply.json()
    except ProviderError:
        return ""
    if not isinstance(body, dict):
        return ""
    words = [body.get("error"), body.get("error_description")]
    return ": ".join(str(word)[:200] for word in words if word)

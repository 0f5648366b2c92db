"""Secrets at rest: sealed with keys that are not `SECRET_KEY`, bound to the row they belong to.

A value that does not open raises; it is never returned as it is.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from providers import exact_json

PREFIX = "v1:"


class SealError(Exception):
    """Stop: the key is wrong, the text was changed, or it belongs to another row."""


def seal(context: str, value: Any) -> str:
    """A JSON value as text that only opens with the same `context` (e.g. "account:<uuid>")."""
    payload = exact_json.write([context, value])
    return PREFIX + _keys().encrypt(payload).decode()


def unseal(context: str, sealed: str) -> Any:
    """Raises SealError."""
    if not sealed.startswith(PREFIX):
        raise SealError("This value was not sealed.")
    try:
        payload = _keys().decrypt(sealed[len(PREFIX) :].encode())
    except InvalidToken:
        raise SealError(
            "A stored secret does not open with CREDENTIAL_KEYS. Was a key removed?"
        ) from None
    owner, value = exact_json.read_stored(payload)
    if owner != context:
        raise SealError("A stored secret belongs to another row.")
    return value


def reseal(sealed: str) -> str:
    """The same value under the first key of CREDENTIAL_KEYS. Raises SealError."""
    try:
        return PREFIX + _keys().rotate(sealed.removeprefix(PREFIX).encode()).decode()
    except InvalidToken:
        raise SealError("A stored secret does not open with CREDENTIAL_KEYS.") from None


def fingerprint(value: str) -> str:
    """Four hex digits that tell two secrets apart without telling either."""
    key = hashlib.sha256(settings.CREDENTIAL_KEYS[0].encode()).digest()
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()[:4]


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.CREDENTIAL_KEYS])

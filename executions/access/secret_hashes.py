"""Long random secrets that are shown once: what is kept of one, and finds it again."""

from __future__ import annotations

import hashlib
import secrets


def new(prefix: str = "") -> str:
    return prefix + secrets.token_urlsafe(32)


def hash_of(secret: str) -> str:
    """No salt and no slow hash: it is 256 random bits, which nobody guesses."""
    return hashlib.sha256(secret.encode()).hexdigest()

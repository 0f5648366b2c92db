"""Which names have secrets for values: the one list for storing, forms, logs and starts."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_SECRETS = _set(
    """
    password passwords passwd passwds pwd pwds pw pws passphrase passphrases passcode passcodes
    passkey passkeys secret secrets token tokens credential credentials cred creds authorization
    authorizations cookie cookies bearer jwt jwts otp otps totp pin pins cvv cvc sid
    apikey apikeys accesskey accesskeys privatekey privatekeys secretkey secretkeys sessionid
    passwort passwörter kennwort wachtwoord contraseña
    """
)
_ENDINGS = (
    "password", "passwords", "passwd", "passphrase", "secret", "secrets", "token", "tokens",
    "apikey", "apikeys", "accesskey", "privatekey", "secretkey", "credential", "credentials",
    "passwort", "kennwort", "wachtwoord",
)  # fmt: skip
_KEYS = _set(
    """
    api access private secret signing encryption decryption ssh account auth master client service
    shared sas hmac session subscription deploy webhook symmetric aes rsa pgp gpg admin
    """
)
_PAIRS = frozenset(
    {
        ("session", "id"), ("connection", "string"), ("basic", "auth"), ("proxy", "auth"),
        ("auth", "code"), ("verification", "code"), ("security", "code"), ("recovery", "codes"),
        ("recovery", "code"), ("auth", "header"),
    }
)  # fmt: skip
_ABOUT = _set(
    """
    accepted age alg algorithm arn at audience banner budget changed consent cost count counter
    counts created date detail details disabled domain enabled encoding endpoint exists expiration
    expired expires expiry field fields file filename format id ids in index issuer kind label len
    length limit limits link location manager max method min name names on path policies policy
    position price provider quota rate ref reference remaining required rotated rules scope scopes
    score set size source state status store strength time title total ttl type types updated uri
    url usage used valid validity vault version window
    """
)
"""Last words of names that tell something about a secret, not the secret."""
_ASKS = _set(
    """
    has have is was are needs need requires require allow allows can should must show hide use uses
    no num number count max min total sum avg mean average estimated remaining without
    """
)
"""First words of names that ask whether there is a secret, or how many."""
_METERS = _set(
    """
    prompt completion input output cached cache reasoning thinking generated used audio text image
    context billed consumed prediction max min total num
    """
)
"""What is counted in tokens."""
_HEAD = re.compile(r"([a-z0-9])([A-Z])|([A-Z])(?=[A-Z][a-z])")
_LETTERS = re.compile(r"[^\W\d_]+")


def _words(name: str) -> list[str]:
    """`dbPassword_2` is db, password."""
    parted = _HEAD.sub(lambda found: f"{found[1] or found[3]} {found[2] or ''}", name[:200])
    return _LETTERS.findall(parted.lower())


@lru_cache(8192)
def is_secret_name(name: str) -> bool:
    """Whether a value under this name is a secret: `pwd`, `clientSecret`, `x-api-key`; not
    `has_password`, `prompt_tokens`, `secretary`, `token_url`."""
    words = _words(name)
    if not words or (len(words) > 1 and words[0] in _ASKS):
        return False
    pair = tuple(words[-2:])
    if pair in _PAIRS or words in (["secret", "id"], ["pass"]):
        return True
    if len(words) > 1 and words[-1] in ("key", "keys"):
        return words[-2] in _KEYS
    if len(words) > 1 and words[-1] in _ABOUT:
        return False
    if words[-1] in ("token", "tokens") and any(word in _METERS for word in words[:-1]):
        return False
    if words[-1] == "pass" and len(words) == 2:
        return words[0] in ("db", "user", "smtp", "ftp", "admin", "login", "auth", "api", "mail")
    return any(map(_says_secret, words))


def _says_secret(word: str) -> bool:
    return word in _SECRETS or word.endswith(_ENDINGS)


def is_hidden(name: str, value: Any) -> bool:
    """Whether this value is masked, whole, under this name."""
    return is_secret_name(name) and has_content(name, value)


def has_content(name: str, value: Any) -> bool:
    """Whether there is something to mask under a secret name: not in a boolean, not in a number
    under a plural (`tokens: 812` is a count), not where nothing stands."""
    plurals = [word for word in _words(name) if word.endswith("s")]
    return _has_content(value, counts="keys" in plurals or any(map(_says_secret, plurals)))


def _has_content(value: Any, *, counts: bool) -> bool:
    if isinstance(value, dict):
        return any(_has_content(item, counts=counts) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_has_content(item, counts=counts) for item in value)
    if value is None or isinstance(value, bool):
        return False
    return value != "" if isinstance(value, str) else not counts

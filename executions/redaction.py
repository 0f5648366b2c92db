"""Takes what looks like a secret out of provider text before it is stored or shown."""

from __future__ import annotations

import re

_NAMED = re.compile(
    r"(?i)\b((?:api[_-]?key|access[_-]?key|token|secret|password|passwd|pwd|authorization|bearer)"
    r"[\"']?\s*[=:]\s*[\"']?|bearer\s+|basic\s+(?=[A-Za-z0-9+/]{8}))([^\s\"',;&}]{3,})"
)
_NAMES = re.compile(
    r"(?i)(api[_-]?key|token|secret|password|passwd|authorization|cookie|credential)"
)

MASK = "[redacted]"


def redact_text(text: str) -> str:
    """`token=abc123` becomes `token=[redacted]`."""
    return _NAMED.sub(lambda match: match.group(1) + MASK, text) if text else text


def is_secret_name(name: str) -> bool:
    return bool(_NAMES.search(name))


def redact_value(value: object) -> object:
    """A JSON value with the values of secret-looking keys masked, and texts redacted."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, list | tuple):
        return [redact_value(item) for item in value]
    if isinstance(value, dict):
        return {
            key: MASK
            if is_secret_name(str(key)) and isinstance(item, str | int | float) and item != ""
            else redact_value(item)
            for key, item in value.items()
        }
    return value

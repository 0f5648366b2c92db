"""Files inside an answer: data URLs, their names and sizes, and what a field takes."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import quote, unquote

from executions.display.html_sanitizing import plain
from executions.forms.json_path import MISSING

MAX_FILE = 5_000_000  # bytes
TOO_LARGE = "too large"  # stands for a file that was not taken

_KIND = re.compile(r"[a-z0-9.+-]+/(?:[a-z0-9.+-]+|\*)|\.[a-z0-9]{1,10}")
_NAME = re.compile(r";name=([^;,]*)")


def data_url(upload: Any) -> str:
    """An uploaded file as a data URL with its name, or the mark of one that is too large."""
    if upload.size > MAX_FILE:
        return TOO_LARGE
    upload.seek(0)  # it may have been read for a draft
    kind = str(getattr(upload, "content_type", "") or "")
    if not _KIND.fullmatch(kind) or kind.endswith("*"):
        kind = "application/octet-stream"
    name = quote(str(getattr(upload, "name", "") or "")[:200], safe="")
    named = f";name={name}" if name else ""
    return f"data:{kind}{named};base64,{base64.b64encode(upload.read()).decode()}"


def sent_url(url: str, like: Any) -> str:
    """As the provider writes them: with the name only where the present value has one."""
    head, comma, content = url.partition(",")
    has_name = isinstance(like, str) and _NAME.search(like.partition(",")[0])
    return url if has_name else f"{_NAME.sub('', head)}{comma}{content}"


def accepted(attributes: dict[str, Any], rules: dict[str, Any]) -> tuple[str, ...]:
    """The kinds of file a field takes, as `accept` writes them; () for every kind."""
    given = attributes.get("accept", rules.get("contentMediaType"))
    parts = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else []
    kinds = [part.strip().lower() for part in parts if isinstance(part, str)]
    return tuple(kind for kind in kinds if _KIND.fullmatch(kind))[:20]


def is_accepted(url: str, kinds: tuple[str, ...]) -> bool:
    """By type or by the name's ending; a file whose type says nothing is judged by its name."""
    head = url.partition(",")[0]
    kind, name = head[5:].split(";")[0].lower(), name_of(url).lower()
    return not kinds or any(
        name.endswith(each)
        if each[0] == "."
        else kind == each or (each.endswith("/*") and kind.startswith(each[:-1]))
        for each in kinds
    )


def limits_words(rules: dict[str, Any], kinds: tuple[str, ...]) -> str:
    """What a field takes, said before anybody chooses a file."""
    only = f" Only {', '.join(kinds)}." if kinds else ""
    return f"At most {_size(most_bytes(rules))}.{only}"


def most_bytes(rules: dict[str, Any]) -> int:
    """Our limit, or the provider's where `maxLength` of the text means less."""
    most = rules.get("maxLength")
    own = most * 3 // 4 if type(most) is int and most > 0 else MAX_FILE
    return min(own, MAX_FILE)


def name_of(url: str) -> str:
    match = _NAME.search(url.partition(",")[0])
    return unquote(match[1]) if match else ""


def file_words(value: Any) -> str:
    """A data URL by name, type and size; other values as they are."""
    if value is MISSING or not isinstance(value, str) or value in ("", TOO_LARGE):
        return ""
    if not value.startswith("data:"):
        return plain(value, 200)
    head, _, payload = value.partition(",")
    size = len(payload) * 3 // 4 if head.endswith(";base64") else len(payload)
    kind = plain(head[5:].split(";")[0], 60) or "a file"
    name = plain(name_of(value), 120)
    return f"Now: {name + ', ' if name else ''}{kind}, {_size(max(1000, size))}."


def short_files(value: Any) -> Any:
    """A body for reading: a file's content by its size."""
    if isinstance(value, dict):
        return {key: short_files(item) for key, item in value.items()}
    if isinstance(value, list):
        return [short_files(item) for item in value]
    if isinstance(value, str) and value.startswith("data:") and len(value) > 200:
        return f"{value.partition(',')[0][:200]},… ({len(value):,} characters)"
    return value


def _size(number: int) -> str:
    if number < 10**6:
        return f"{number // 1000:,} kB" if number >= 1000 else f"{number} bytes"
    return f"{number / 10**6:.1f} MB".replace(".0 MB", " MB")

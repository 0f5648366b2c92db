"""What came back: read once, parsed strictly, explained in words."""

from __future__ import annotations

import email.utils
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from providers.contract import BadResponse
from providers.http.limits import DEFAULT_RETRY_AFTER, MAX_DEPTH, MAX_RETRY_AFTER

Explain = Callable[["Reply"], str]


class _Unfit(ValueError):
    """JSON that a stored value must not hold."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _Unfit("an object names the same key twice")
    return result


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _Unfit("a number is out of range")
    return value


def _constant(text: str) -> float:
    raise _Unfit(f"it holds {text}")


def _clean(value: Any, depth: int = 0) -> Any:
    """Text without NUL and lone surrogates, which Postgres refuses."""
    if isinstance(value, str):
        return value.replace("\0", "�").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {_clean(key): _clean(item, depth + 1) for key, item in value.items()}
    return value


def _depth_of(text: str) -> int:
    """The deepest nesting a JSON text can have; brackets inside strings count too, so this is an
    upper bound and only decides whether the value itself is measured."""
    deepest = depth = 0
    for char in text:
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest


def parse_json(content: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises ValueError (with a sentence) for anything that
    could not be stored as it is: duplicate keys, NaN, infinity, too deep, not UTF-8."""
    text = content.decode("utf-8-sig")
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth_of(text) > MAX_DEPTH:
        raise _Unfit(f"it is nested more than {MAX_DEPTH} levels deep")
    value = json.loads(
        text, object_pairs_hook=_object, parse_float=_number, parse_constant=_constant
    )
    if "\\u0000" in text or "\\ud" in text or "\\uD" in text:
        value = _clean(value)
    return value


@dataclass(frozen=True)
class Reply:
    """A complete answer. `content` is decompressed and within the cap."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    where: str
    """Method and path, without query: for messages."""

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").split(";")[0].strip().lower()

    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Raises BadResponse for a web page, an empty body or JSON that does not parse."""
        start = self.content[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        if not start:
            raise BadResponse(f"{self.where} answered with an empty body.", status=self.status)
        if start == b"<":
            raise BadResponse(
                f"{self.where} answered with a web page, not data. A proxy or a sign-in page?",
                status=self.status,
                detail=self.text()[:200],
            )
        try:
            return parse_json(self.content)
        except (ValueError, RecursionError) as error:
            why = str(error) if isinstance(error, _Unfit) else "it is not valid JSON"
            raise BadResponse(
                f"{self.where} sent JSON that cannot be used: {why}.",
                status=self.status,
                detail=self.text()[:200],
            ) from None


def plain_explanation(reply: Reply) -> str:
    """The provider's own words in an error body: the usual keys, else the start of the text."""
    try:
        body = parse_json(reply.content)
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        for key in ("message", "detail", "error", "title", "exception_message"):
            if isinstance(body.get(key), str) and body[key].strip():
                return str(body[key])
    text = reply.text().strip()
    return "" if text.startswith("<") else text


def parse_retry_after(value: str | None, now: float | None = None) -> float:
    """Seconds to wait, within [1, MAX_RETRY_AFTER]. Takes seconds or an HTTP date; anything else
    is DEFAULT_RETRY_AFTER."""
    text = (value or "").strip()
    seconds: float | None = None
    if text.isascii() and text.isdigit() and len(text) < 10:
        seconds = float(text)
    elif text:
        try:
            moment = email.utils.parsedate_to_datetime(text)
        except (ValueError, TypeError, OverflowError, IndexError):
            moment = None
        if moment is not None:
            aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            seconds = aware.timestamp() - (time.time() if now is None else now)
    if seconds is None:
        return DEFAULT_RETRY_AFTER
    return min(max(seconds, 1.0), MAX_RETRY_AFTER)

"""What came back: read once, parsed strictly, explained in words."""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from providers import exact_json
from providers.contract import BadResponse
from providers.http.limits import DEFAULT_RETRY_AFTER, MAX_RETRY_AFTER, VALUES_CAP

Explain = Callable[["Reply"], str]
# One that never ends goes to the end: else its end would be looked for from each quote anew.
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)


def parse_json(content: bytes) -> Any:
    """The value of a JSON text that a provider sent, as `exact_json.read` has it. Raises ValueError
    for what is no JSON at all; a part that cannot be kept becomes a note."""
    return exact_json.read(content)


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

    @property
    def _start(self) -> bytes:
        return self.content[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]

    def refuse_web_page(self) -> None:
        """Raises BadResponse for what a proxy or a sign-in page answers in the provider's place."""
        if self._start == b"<" or self.content_type in ("text/html", "application/xhtml+xml"):
            raise BadResponse(
                f"{self.where} answered with a web page, not data. A proxy or a sign-in page?",
                status=self.status,
                detail=self.text()[:200],
            )

    def json(self) -> Any:
        """Raises BadResponse for a web page, an empty body or JSON that does not parse."""
        self.refuse_web_page()
        if not self._start:
            raise BadResponse(f"{self.where} answered with an empty body.", status=self.status)
        if _is_crowded(self.content):
            raise BadResponse(
                f"{self.where} sent more single values in one answer than can be read.",
                status=self.status,
            )
        try:
            return parse_json(self.content)
        except (ValueError, RecursionError):
            raise BadResponse(
                f"{self.where} sent JSON that cannot be used: it is not valid JSON.",
                status=self.status,
                detail=self.text()[:200],
            ) from None


def _is_crowded(content: bytes) -> bool:
    """Whether this JSON holds so many values that reading them would take dozens of times its
    bytes. What looks like values within a text is none."""
    weight = _weight(content, 0, len(content))
    if weight > VALUES_CAP:
        weight -= sum(_weight(content, *text.span()) for text in _TEXT.finditer(content))
    return weight > VALUES_CAP


def _weight(content: bytes, start: int, end: int) -> int:
    lists, objects = content.count(b"[", start, end), content.count(b"{", start, end)
    return content.count(b",", start, end) + 3 * (lists + objects)


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


def parse_retry_after(value: str | None, date: str | None = None) -> float:
    """Seconds to wait, within [0, MAX_RETRY_AFTER]. Takes seconds or an HTTP date, compared with
    the answer's own `date` where there is one: the provider's clock may be wrong. Anything else is
    DEFAULT_RETRY_AFTER."""
    text = (value or "").strip()
    seconds: float | None = None
    if text.isascii() and text.isdigit() and len(text) < 10:
        seconds = float(text)
    elif (moment := _http_date(text)) is not None:
        server_time = _http_date(date or "")
        seconds = moment - (time.time() if server_time is None else server_time)
    if seconds is None:
        return DEFAULT_RETRY_AFTER
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def _http_date(text: str) -> float | None:
    """In seconds since the epoch."""
    try:
        moment = email.utils.parsedate_to_datetime(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None

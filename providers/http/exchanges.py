"""What an account's requests were and what they got, in short: for the page of the account.

Bounded in number and size, and no more than a few words per request, so that it costs nothing.
What is kept still holds secrets: whoever stores it takes them out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

FIRST, LAST = 30, 20  # requests that are kept of many
EXCERPT = 2**16  # bytes of the last answer


@dataclass(slots=True)
class Exchange:
    """One request. `status` is 0 where no answer came."""

    method: str
    url: str
    params: Any
    began: float
    status: int = 0
    seconds: float = 0.0
    bytes: int = 0
    records: int = 0
    """That the list gave while this was its last request."""

    @property
    def address(self) -> str:
        """Path and query, secrets included."""
        parts = urlsplit(self.url)
        words = self.params if isinstance(self.params, str) else urlencode(self.params or {}, True)
        query = "&".join(part for part in (parts.query, words) if part)
        return f"{parts.path or '/'}{'?' if query else ''}{query}"


class Exchanges:
    """The first FIRST and the last LAST requests, and the begin of the last answer."""

    def __init__(self) -> None:
        self._kept: list[Exchange] = []
        self.left_out = 0
        self.answer = b""
        """The first EXCERPT bytes of the last answer; b"" where the last request got none."""

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self._kept)

    def begin(self, method: str, url: str, params: Any) -> None:
        if len(self._kept) == FIRST + LAST:
            del self._kept[FIRST]
            self.left_out += 1
        self._kept.append(Exchange(method, url, params, time.monotonic()))
        self.answer = b""

    def answered(self, status: int) -> None:
        self._kept[-1].status = status

    def end(self, content: bytes = b"") -> None:
        last = self._kept[-1]
        last.seconds, last.bytes = time.monotonic() - last.began, len(content)
        self.answer = content[:EXCERPT]

    def count_record(self) -> None:
        """One more record, of the last request."""
        if self._kept:
            self._kept[-1].records += 1

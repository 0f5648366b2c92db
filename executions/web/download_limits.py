"""Downloads: answers that are made while they are read, at most a few at a time for one person.

`config.asgi` gives them threads of their own.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from executions.web.live_page import show
from executions.web.requester import person

View = Callable[..., HttpResponseBase]
PER_PERSON = 3  # at a time, in one process
IN_ALL = 24  # at a time, in one process
RETRY_AFTER = 10  # seconds
EXPORTS = 20  # that one person may begin within MINUTE, in one process
MINUTE = 60.0  # seconds

_under_way: Counter[int] = Counter()
_begun: defaultdict[int, deque[float]] = defaultdict(lambda: deque(maxlen=EXPORTS))
_lock = threading.Lock()
_turn = threading.Lock()


def export(view: View) -> View:
    """A download that reads whatever a list holds: beside their number at a time, how many one
    person begins within a minute is limited."""

    @wraps(view)
    def paced(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if wait := _wait(person(request).pk):
            problem = (
                f"You have begun {EXPORTS} exports within a minute, the most for one person. Try "
                f"again in {wait} s."
            )
            return _refused(request, problem, wait)
        return view(request, *args, **kwargs)

    return download(paced)


def _wait(key: int) -> int:
    """Whole seconds until this person may begin one more; 0: now, and it is counted."""
    now = time.monotonic()
    with _lock:
        begun = _begun[key]
        if len(begun) == EXPORTS and (left := begun[0] + MINUTE - now) > 0:
            return math.ceil(left)
        begun.append(now)
    return 0


def download(view: View, *, in_turn: bool = True) -> View:
    """A view whose answer may be a StreamingHttpResponse. Beyond the limits it is 429, in words.
    `in_turn`: its pieces are made here, one download after the other, so that pages get their share
    of the processor; not so where a piece is waited for."""

    @wraps(view)
    def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        key = person(request).pk
        if problem := _take(key):
            return _refused(request, problem, RETRY_AFTER)
        slot = _Slot(key)
        try:
            response = view(request, *args, **kwargs)
        except BaseException:
            slot.close()
            raise
        if isinstance(response, StreamingHttpResponse):
            pieces: Any = response.streaming_content
            response.streaming_content = _Held(pieces, slot, in_turn=in_turn)
        else:
            slot.close()
        return response

    limited.is_download = True  # type: ignore[attr-defined]
    return limited


def _refused(request: HttpRequest, problem: str, wait: int) -> HttpResponseBase:
    context = {"title": "Not yet", "sentence": problem}
    refused = show(request, "executions/runs/page/refused.html", context, status=429)
    refused["Retry-After"] = str(wait)
    return refused


def _take(key: int) -> str:
    """ "" if one more is allowed, and counted."""
    with _lock:
        if _under_way[key] >= PER_PERSON:
            return (
                f"You have {_under_way[key]} downloads under way, the most for one person. Wait "
                f"until one has ended or stop one, then try again in {RETRY_AFTER} s."
            )
        if _under_way.total() >= IN_ALL:
            return (
                f"{IN_ALL} downloads of several people are under way, the most at a time. Try "
                f"again in {RETRY_AFTER} s."
            )
        _under_way[key] += 1
    return ""


class _Slot:
    def __init__(self, key: int) -> None:
        self.key: int | None = key

    def close(self) -> None:
        with _lock:
            if self.key is not None:
                _under_way[self.key] -= 1
                if not _under_way[self.key]:
                    del _under_way[self.key]
            self.key = None


class _Held:
    """Pieces of an answer; Django closes it with the answer."""

    def __init__(self, pieces: Iterator[bytes], slot: _Slot, *, in_turn: bool) -> None:
        self.pieces, self.slot, self.in_turn = pieces, slot, in_turn

    def __iter__(self) -> Iterator[bytes]:
        if not self.in_turn:
            yield from self.pieces
            return
        while True:
            with _turn:
                piece = next(self.pieces, None)
            if piece is None:
                return
            yield piece

    def close(self) -> None:
        self.slot.close()

"""The one gate of an account: closed while its provider wants to be left alone."""

from __future__ import annotations

import time
from collections.abc import Callable

from providers.contract import RateLimited
from providers.http.limits import MAX_RETRY_AFTER


class Gate:
    """Every request passes here, whoever makes it. What a provider asks of one holds for all.

    `look` gives the seconds for which the account is still to be left alone, as everybody's
    workers know it, and is asked at most every `fresh_for` seconds; `shut` tells it to them. An
    account is left alone for `shortest` seconds at least: its own pace is never exceeded.
    """

    def __init__(
        self,
        look: Callable[[], float] = lambda: 0.0,
        shut: Callable[[float], None] = lambda seconds: None,
        *,
        shortest: float = 1.0,
        fresh_for: float = 1.0,
    ) -> None:
        self._look = look
        self._shut = shut
        self._shortest = shortest
        self._fresh_for = fresh_for
        self._looked_at = -1e9
        self._until = 0.0

    def check(self) -> None:
        """Raises RateLimited while it is closed: nothing was sent."""
        now = time.monotonic()
        if now - self._looked_at > self._fresh_for:
            self._looked_at = now
            self._until = now + self._look()
        left = self._until - now
        if left > 0:
            raise RateLimited(
                f"The provider asked us to wait; {left:.0f} s are left, and nothing is sent.",
                retry_after=left,
            )

    def close(self, seconds: float) -> float:
        """The provider asked for this. Returns for how long the account is left alone."""
        seconds = min(max(seconds, self._shortest), MAX_RETRY_AFTER)
        self._shut(seconds)
        self._looked_at = time.monotonic()
        self._until = max(self._until, self._looked_at + seconds)
        return seconds

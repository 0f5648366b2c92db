"""How fast an account may be asked."""

from __future__ import annotations

import threading
import time


class Bucket:
    """A token bucket: `wait` blocks until one more request is allowed. Shared by threads.

    Who leaves a reserve waits until there is more than that share of a full bucket, so that those
    who leave none find something there.
    """

    def __init__(self, per_second: float, burst: float | None = None) -> None:
        self.per_second = per_second
        self.burst = burst or max(1.0, per_second)
        self._tokens = self.burst
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def wait(self, reserve: float = 0.0) -> None:
        kept = min(reserve * self.burst, self.burst - 1)
        while True:
            with self._lock:
                missing = kept + 1 - self._refilled() if reserve else 0.0
                if missing <= 0:
                    self._tokens = self._refilled() - 1
                    debt = -self._tokens
                    break
            time.sleep(missing / self.per_second)
        if debt > 0:
            time.sleep(debt / self.per_second)

    @property
    def share(self) -> float:
        """How full it is: 1.0 when nobody has asked lately, below 0 when others wait already."""
        with self._lock:
            return self._refilled() / self.burst

    def _refilled(self) -> float:
        now = time.monotonic()
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.per_second)
        self._at = now
        return self._tokens

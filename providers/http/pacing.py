"""How fast an account may be asked."""

from __future__ import annotations

import threading
import time


class Bucket:
    """A token bucket: `wait` blocks until one more request is allowed. Shared by threads."""

    def __init__(self, per_second: float, burst: float | None = None) -> None:
        self.per_second = per_second
        self.burst = burst or max(1.0, per_second)
        self._tokens = self.burst
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.per_second)
            self._at = now
            self._tokens -= 1
            debt = -self._tokens
        if debt > 0:
            time.sleep(debt / self.per_second)

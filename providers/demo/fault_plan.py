"""Faults on demand: which request is to meet which wrong, late or missing answer."""

from dataclasses import asdict, dataclass
from typing import Any

MODES = ("ok", "down", "error", "auth", "throttled", "html", "slow", "cut")
EXECUTE = ("before", "after", "never")


@dataclass
class Faults:
    """What the next requests meet instead of, or besides, the real answer."""

    mode: str = "ok"
    path: str = ""  # only paths that begin like this
    method: str = ""  # only this method
    times: int | None = None  # how many requests it hits; None: until changed
    seconds: float = 2.0  # delay of `slow`, Retry-After of `throttled`
    execute: str | None = None  # None: `after` for slow, `never` for the others
    status: int = 500  # of the answer of `error`
    retry_after: int | None = None  # seconds, as the header of `error`

    def take(self, method: str, path: str) -> "Faults | None":
        """Return the fault this request meets and count it, or None."""
        if self.mode == "ok" or not path.startswith(self.path):
            return None
        if self.method and self.method != method:
            return None
        if self.times is not None:
            if self.times <= 0:
                return None
            self.times -= 1
        return Faults(**asdict(self))

    def set(self, **values: Any) -> None:
        """Replace the fault: whatever is not named returns to its default."""
        fresh = Faults(**values)
        if fresh.mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}")
        if fresh.execute is not None and fresh.execute not in EXECUTE:
            raise ValueError(f"execute is one of {', '.join(EXECUTE)}")
        self.__dict__.update(fresh.__dict__)

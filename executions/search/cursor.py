"""A place in the order of the table of runs, as addresses carry it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from executions.models import Execution

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Cursor:
    """A place in the order of the list: a start, or an end where the list is by end."""

    at: datetime
    id: int
    is_end: bool = False

    def __str__(self) -> str:
        number = (self.at - EPOCH) // timedelta(microseconds=1)
        return f"{'f' if self.is_end else ''}{number}-{self.id}"

    @classmethod
    def of(cls, execution: Execution, is_end: bool = False) -> Cursor:
        at = execution.finished_at if is_end else execution.sort_at
        return cls(at or EPOCH, execution.pk, is_end)

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """None for what is not a cursor."""
        is_end = text.startswith("f")
        moment, _, number = text[is_end:].partition("-")
        try:
            if len(text) < 40 and text.isascii() and 0 <= int(number) < 2**63:
                return cls(EPOCH + timedelta(microseconds=int(moment)), int(number), is_end)
        except (ValueError, OverflowError):
            pass
        return None

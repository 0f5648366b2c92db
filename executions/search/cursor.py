"""A place in the order of a list, as addresses carry it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from executions.models import Execution

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEXT = re.compile(r"([a-z]?)(-?\d{1,18})-(\d{1,39})(?:-(-?\d{1,18}))?", re.ASCII)


class Order(StrEnum):
    """By what a list is ordered; the letter in front of its cursors."""

    START = ""
    """Runs by their start."""
    END = "f"
    """Runs by their end."""
    DUE = "q"
    """Questions by due time, then by opening."""
    REQUEST = "a"
    """Answers by their request; their numbers are those of UUIDs."""


@dataclass(frozen=True)
class Cursor:
    """The row at a place: the moment by which it is listed, and its number."""

    at: datetime
    id: int
    order: Order = Order.START
    due_at: datetime | None = None
    """Comes before `at`, where a list is by due time."""

    def __str__(self) -> str:
        due = f"-{_microseconds(self.due_at)}" if self.due_at else ""
        return f"{self.order}{_microseconds(self.at)}-{self.id}{due}"

    @classmethod
    def of(cls, execution: Execution, order: Order = Order.START) -> Cursor:
        at = execution.finished_at if order == Order.END else execution.sort_at
        return cls(at or EPOCH, execution.pk, order)

    @classmethod
    def parse(cls, text: str, *orders: Order) -> Cursor | None:
        """None for what is not a cursor of one of these orders."""
        match = TEXT.fullmatch(text)
        if match is None or match[1] not in orders:
            return None
        order, number = Order(match[1]), int(match[3])
        if number >= 2 ** (128 if order == Order.REQUEST else 63):
            return None
        try:
            return cls(_moment(match[2]), number, order, _moment(match[4]) if match[4] else None)
        except OverflowError:
            return None


def _microseconds(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def _moment(text: str) -> datetime:
    return EPOCH + timedelta(microseconds=int(text))

"""When a run waited for a person, and who ended that: by its status changes and its questions.

Read once per run and request, for its head, its time line and its people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from executions.display.formatting import duration
from executions.display.people import user_name
from executions.display.statuses import STATUS_VIEWS
from executions.models import FINAL_STATUSES, Execution, Transition
from executions.payloads.text_escaping import plain
from providers.contract import Status

MOVES = 100  # status changes that are drawn
QUESTIONS = 200


@dataclass(frozen=True)
class Wait:
    """One question that was asked in a run."""

    ref: str
    title: str
    start: datetime
    end: datetime | None
    """None while it is open."""
    by: str
    """Whose answer ended it; "" where that is not known."""

    @property
    def took(self) -> timedelta | None:
        """None while it is open."""
        return self.end - self.start if self.end else None


def moves_of(run: Any) -> list[Transition]:
    """The newest status changes of the run, oldest first. One query."""
    if not hasattr(run, "_moves"):
        newest = Transition.objects.filter(execution=run).order_by("-version")[:MOVES]
        run._moves = list(newest)[::-1]
    found: list[Transition] = run._moves
    return found


def waits_of(run: Any) -> list[Wait]:
    """The questions of the run in the order they were asked. One query."""
    if not hasattr(run, "_waits"):
        rows = run.questions.select_related("answered_by").order_by("opened_at", "pk")
        fields = ("ref", "title", "opened_at", "closed_at", "execution_id", "answered_by__username")
        run._waits = [
            Wait(
                row.ref,
                plain(row.title, 160) or "Input is needed",
                row.opened_at,
                row.closed_at,
                user_name(row.answered_by) if row.answered_by_id else "",
            )
            for row in rows.only(*fields)[:QUESTIONS]
        ]
    found: list[Wait] = run._waits
    return found


def stretches(moves: Sequence[Transition], end: datetime) -> list[tuple[str, datetime, datetime]]:
    """(status, from, until) of a run, oldest first, as polls have seen it. A status that was over
    when the run was first seen has no length and is left out."""
    found = []
    for number, move in enumerate(moves):
        start = move.provider_time or move.observed_at
        after = moves[number + 1] if number + 1 < len(moves) else None
        until = min((after.provider_time or after.observed_at) if after else end, end)
        if move.to_status not in FINAL_STATUSES and until > start:
            found.append((move.to_status, start, until))
    return found


def spent(found: Sequence[tuple[str, datetime, datetime]]) -> list[str]:
    """`waited for a person 2 h 10 m`, by status, in the order of a run's life."""
    sums: dict[str, timedelta] = {}
    for status, start, until in found:
        sums[status] = sums.get(status, timedelta()) + (until - start)
    return [
        f"{view.spent} {duration(sums[status].total_seconds())}"
        for status, view in STATUS_VIEWS.items()
        if view.spent and status in sums
    ]


def waited(run: Execution, end: datetime) -> float:
    """Seconds in which the run waited for a person, as its status told."""
    spans = stretches(moves_of(run), end)
    asked = [until - start for status, start, until in spans if status == Status.USER_INPUT]
    return sum(asked, timedelta()).total_seconds()

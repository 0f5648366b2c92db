"""The newest runs of workflows, a few of each: what the strips of bars are drawn from.

One query: for each workflow a handful of entries of one index, whatever the number of runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from executions.display.strips import MOST
from executions.sql_sections import statements

_sql = statements(__file__)


@dataclass(frozen=True)
class LastRun:
    status: str
    sort_at: datetime
    """When it started, or was first seen."""
    started_at: datetime | None
    finished_at: datetime | None

    def took(self) -> float | None:
        """Seconds."""
        if self.started_at is None or self.finished_at is None:
            return None
        return max(0.0, (self.finished_at - self.started_at).total_seconds())


@dataclass(frozen=True)
class Bar:
    """What a strip draws of a run."""

    status: str
    seconds: float | None

    def took(self) -> float | None:
        return self.seconds


def bars_sql() -> str:
    """SQL: the newest runs of a workflow `w`, as two arrays of a row `bars`: `statuses` and
    `seconds`, oldest first; for a query that reads the workflows anyway."""
    return _sql("bars", most=MOST)


def last_runs(workflow_ids: Iterable[int]) -> dict[int, list[LastRun]]:
    """By workflow its MOST runs, oldest first; those without a run lack."""
    asked = list(workflow_ids)
    found: dict[int, list[LastRun]] = {}
    if not asked:
        return found
    with connection.cursor() as cursor:
        cursor.execute(_sql("last_runs"), [asked, MOST])
        for workflow, *run in cursor.fetchall():
            found.setdefault(workflow, []).append(LastRun(*run))
    return {workflow: runs[::-1] for workflow, runs in found.items()}

"""Which runs are overdue by the history of their workflow, as `storage.typical_durations` has it.

Read by lists, pages and notifications. What *overdue* means stands here alone: `overdue_after` and
`overdue_at` are SQL, and pages get the moment with the row.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import DateTimeField, FloatField, QuerySet
from django.db.models.expressions import RawSQL

from executions.models import Execution
from providers.contract import Status

ENOUGH = 5  # successes before anything is called overdue
GOING = (Status.RUNNING.value, Status.WAITING.value)


def overdue_after() -> str:
    """SQL: after how many seconds a run of the workflow `w` is overdue; null where too little is
    known. The 95th percentile of its successes, but at least so many times their median, and never
    before the floor of this installation. No parameters."""
    factor = float(settings.ANNUNCIATOR_OVERDUE_FACTOR)
    floor = settings.ANNUNCIATOR_OVERDUE_FLOOR.total_seconds()
    return (
        f"CASE WHEN w.successes >= {ENOUGH} THEN "
        f"greatest(w.long_seconds, w.typical_seconds * {factor}, {floor}) END"
    )


def overdue_at(run: str = "x") -> str:
    """SQL: when the run of the alias `run` becomes overdue or became so; null where it does not
    run. No parameters."""
    after = f"{_of_workflow(run)} * interval '1 second'"
    return f"CASE WHEN {run}.status IN {GOING} THEN {run}.started_at + {after} END"


def is_overdue(run: str = "x") -> str:
    """SQL: a condition on the run of the alias `run`. No parameters."""
    return f"{run}.status IN {GOING} AND ({overdue_at(run)}) < now()"


def rule(after: str) -> str:
    """When a run is called overdue, as pages say it: after how long, and why then."""
    factor, floor = settings.ANNUNCIATOR_OVERDUE_FACTOR, settings.ANNUNCIATOR_OVERDUE_FLOOR
    times = "twice" if factor == 2 else f"{factor:g} times"
    return (
        f"Overdue after {after}: {times} the usual time, at least {floor.total_seconds():g} s, "
        "and slower than 95 % of the newest successes."
    )


def with_limits(runs: QuerySet[Execution]) -> QuerySet[Any]:
    """These runs, each with `overdue_at`, and `overdue_after` of its workflow in seconds."""
    run = "executions_execution"
    return runs.annotate(
        overdue_at=RawSQL(overdue_at(run), (), DateTimeField()),  # noqa: S611 - our own words
        overdue_after=RawSQL(_of_workflow(run), (), FloatField()),  # noqa: S611
    )


def _of_workflow(run: str) -> str:
    found = f"SELECT {overdue_after()} FROM executions_workflow w WHERE w.id = {run}.workflow_id"  # noqa: S608
    return f"({found})"

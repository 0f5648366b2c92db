"""How long runs of a workflow usually take, and which are overdue by the workflow's own history.

Called by `tasks` after polls that saw something new; read by lists, pages and notifications.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from executions.models import Execution, Workflow
from providers.contract import Status

NEWEST = 50  # successes looked at
ENOUGH = 5  # successes before anything is called overdue; IS_OVERDUE says it too
AGAIN_AFTER = timedelta(seconds=60)
GOING = (Status.RUNNING.value, Status.WAITING.value)

IS_OVERDUE = (
    "x.status IN ('running', 'waiting') AND EXISTS ("
    "SELECT 1 FROM executions_workflow w WHERE w.id = x.workflow_id "
    "AND w.successes >= 5 "
    "AND x.started_at < now() - w.long_seconds * interval '1 second')"
)
"""Condition on a run `x`, for lists and counts; no parameters."""


def overdue_for(execution: Execution, workflow: Workflow, now: datetime) -> timedelta | None:
    """How much longer than the 95th percentile of its workflow a run takes; None if it does not,
    or if too little is known."""
    long = workflow.long_seconds
    if execution.status not in GOING or execution.started_at is None:
        return None
    if long is None or workflow.successes < ENOUGH:
        return None
    over = now - execution.started_at - timedelta(seconds=long)
    return over if over > timedelta(0) else None


def measure(execution_ids: Sequence[int]) -> int:
    """Measure the workflows of these runs again, those measured lately left out. One statement;
    returns how many were written."""
    parameters: list[Any] = [list(execution_ids), AGAIN_AFTER, NEWEST]
    with connection.cursor() as cursor:
        cursor.execute(_MEASURE, parameters)
        return int(cursor.rowcount)


_MEASURE = """
UPDATE executions_workflow w
SET successes = s.number, typical_seconds = s.typical, long_seconds = s.long, measured_at = now()
FROM (
    SELECT v.id, d.* FROM (
        SELECT DISTINCT w.id FROM executions_execution x
        JOIN executions_workflow w ON w.id = x.workflow_id
        WHERE x.id = ANY(%s) AND x.status = 'succeeded'
            AND (w.measured_at IS NULL OR w.measured_at < now() - %s)
    ) v CROSS JOIN LATERAL (
        SELECT count(*) AS number,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY took) AS typical,
            percentile_cont(0.95) WITHIN GROUP (ORDER BY took) AS long
        FROM (
            SELECT greatest(0, extract(epoch FROM finished_at - started_at)) AS took
            FROM executions_execution
            WHERE workflow_id = v.id AND status = 'succeeded'
                AND started_at IS NOT NULL AND finished_at IS NOT NULL
            ORDER BY sort_at DESC, id DESC LIMIT %s
        ) newest
    ) d
) s WHERE w.id = s.id AND s.number > 0
"""

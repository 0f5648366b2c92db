"""How long runs of a workflow usually take, measured from its newest successes.

Called by `tasks` after polls that saw something new; `search.overdue` says what follows from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import connection

from executions.sql_sections import statements

_sql = statements(__file__)

NEWEST = 50  # successes looked at
AGAIN_AFTER = timedelta(seconds=60)


def measure(execution_ids: Sequence[int]) -> int:
    """Measure the workflows of these runs again, those measured lately left out. One statement;
    returns how many were written."""
    parameters: list[Any] = [list(execution_ids), AGAIN_AFTER, NEWEST]
    with connection.cursor() as cursor:
        cursor.execute(_sql("measure"), parameters)
        return int(cursor.rowcount)

"""Monthly partitions: made ahead, and dropped once all in them is older than what is kept."""

from __future__ import annotations

from datetime import date, timedelta

from django.conf import settings
from django.db import connection

from executions import database_clock
from executions.sql_sections import statements

_sql = statements(__file__)
PARENTS = ("executions_transition", "executions_pollrun")


def make_months_ahead() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_sql("make_months_ahead"), [list(PARENTS)])


def drop_old_months() -> int:
    """Partitions that hold nothing younger than the retention."""
    oldest = (database_clock.now() - timedelta(days=settings.ANNUNCIATOR_KEEP_DAYS)).date()
    keep_from = date(oldest.year, oldest.month, 1)
    dropped = 0
    with connection.cursor() as cursor:
        cursor.execute(_sql("partitions"), [list(PARENTS)])
        for (name,) in cursor.fetchall():
            year, _, month = name[-7:].partition("_")
            is_month = year.isdigit() and month.isdigit()
            if not is_month:
                continue
            begin = date(int(year), int(month), 1)
            if begin < keep_from:
                cursor.execute(_sql("drop_month"), [name[: -len("_YYYY_MM")], begin])
                dropped += 1
    return dropped

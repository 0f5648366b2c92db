"""Counts kept beside the runs, of the charts above all: what their rows mean, and their repair from
the runs themselves.

`store.sql` moves the counts within the statement that writes the runs; `retention` repairs what
drifted. Only ended runs are counted, by the time at which they ended: a list with `finished_from`
and `finished_to` finds the same runs. A run that is read again with another end, status or workflow
leaves one count and enters another.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import connection

from executions.sql_sections import statements

_sql = statements(__file__)

QUARTER = timedelta(minutes=15)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NO_END = -(2**31)  # the quarter of runs that ended at a time their provider does not tell
UNMEASURED = -1  # the slot of what has no duration, or is no success
LADDER = tuple(0.25 * 2 ** (step / 2) for step in range(48))
"""Seconds at which the slots of durations begin: from a quarter second to 34 days, two per
doubling. Slot n lies below LADDER[n], the last one above all."""
TABLES = (
    ("executions_workflowtally", "workflow_id"),
    ("executions_accounttally", "account_id"),
)
_LADDER = f"'{{{','.join(repr(bound) for bound in LADDER)}}}'::float8[]"


def quarter_sql(finished: str) -> str:
    """The quarter of an end, as SQL."""
    return f"coalesce(floor(extract(epoch FROM {finished}) / 900)::int, {NO_END})"


def slot_sql(status: str, started: str, finished: str) -> str:
    """The slot of a run, as SQL."""
    seconds = f"greatest(0, extract(epoch FROM {finished} - {started}))::float8"
    return (
        f"CASE WHEN {status} = 'succeeded' AND {finished} - {started} IS NOT NULL "
        f"THEN width_bucket({seconds}, {_LADDER}) ELSE {UNMEASURED} END"
    )


def quarter_of(moment: datetime) -> int:
    """The quarter that holds this moment."""
    return (moment - EPOCH) // QUARTER


def start_of(quarter: int) -> datetime:
    return EPOCH + quarter * QUARTER


def percentile(slots: dict[int, int], share: float) -> float | None:
    """Seconds below which this share lies, straight lines drawn within a slot: at most a factor
    of √2 from the exact value. None of nothing."""
    measured = sorted((slot, n) for slot, n in slots.items() if slot != UNMEASURED and n > 0)
    wanted = share * sum(n for _, n in measured)
    passed = 0
    for slot, n in measured:
        if passed + n >= wanted:
            low = LADDER[slot - 1] if slot else 0.0
            high = LADDER[slot] if slot < len(LADDER) else LADDER[-1] * 2**0.5
            return low + (high - low) * (wanted - passed) / n
        passed += n
    return None


def correct() -> int:
    """Move both tables to what the runs say; how many counts were off.

    What differs is added, not set: counts that another statement moves meanwhile stay right.
    """
    off = 0
    with connection.cursor() as cursor:
        for table, owner in TABLES:
            statement = _sql(
                "correct",
                table=table,
                owner=owner,
                quarter=quarter_sql("finished_at"),
                slot=slot_sql("status", "started_at", "finished_at"),
            )
            cursor.execute(statement)
            off += int(cursor.rowcount)
            cursor.execute(f"DELETE FROM {table} WHERE count = 0")  # noqa: S608 - our own words
    return off


def correct_counts() -> int:
    """Set the counters to what the rows say, under a lock; how many were off."""
    with connection.cursor() as cursor:
        cursor.execute(_sql("correct_counts"))
        return int(cursor.rowcount)

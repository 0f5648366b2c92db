"""The time as the database has it, in every process: what workers decide by time they decide alike,
whatever their own clocks say.

Read from the database every half minute, counted on in between by a clock that nobody sets. A slow
answer tells the time less exactly: what we count on stays as long as it may be right, and so does
not go back for that. Who is more than SKEWED seconds off with their own clock says so for the
accounts page and /readyz.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

import psycopg
from django.db import connection

from executions.live import process_figures
from executions.live.process_figures import Process

READ_EVERY = 30.0  # seconds
SKEWED = 5.0  # seconds
AHEAD = "clock_ahead_seconds"
STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while a machine sleeps

_lock = threading.Lock()
_ahead: float | None = None  # seconds since 1970 at the database, less those of STEADY
_tried_at: float | None = None


def now() -> datetime:
    """The database's time, to some milliseconds; this machine's until a database first answers."""
    ticks = time.clock_gettime(STEADY)
    if _tried_at is None or ticks - _tried_at > READ_EVERY:
        with _lock:
            if _tried_at is None or ticks - _tried_at > READ_EVERY:
                _read(ticks)
    if _ahead is None:
        return datetime.now(UTC)
    return datetime.fromtimestamp(time.clock_gettime(STEADY) + _ahead, UTC)


def skewed() -> dict[Process, float]:
    """Seconds that a process's own clock is ahead of the database (negative: behind), by process,
    where it is more than SKEWED. Empty if the broker does not answer."""
    off = {process: each.get(AHEAD, 0.0) for process, each in process_figures.latest().items()}
    return {process: ahead for process, ahead in off.items() if abs(ahead) > SKEWED}


def _read(ticks: float) -> None:
    """By a connection of its own: it belongs to no transaction."""
    global _ahead, _tried_at
    _tried_at = ticks
    parameters = connection.get_connection_params() | {"connect_timeout": 2}
    try:
        with psycopg.connect(**parameters, autocommit=True) as database:
            asked_at = time.clock_gettime(STEADY)
            row = database.execute("SELECT clock_timestamp()").fetchone()
            answered_at = time.clock_gettime(STEADY)
    except psycopg.Error:
        return  # counted on from the last time
    if row is not None:
        seconds = row[0].timestamp()  # at some moment between these two
        earliest, latest = seconds - answered_at, seconds - asked_at
        _ahead = earliest if _ahead is None else min(max(_ahead, earliest), latest)
        off = datetime.now(UTC).timestamp() - answered_at - _ahead
        process_figures.say(**{AHEAD: round(off, 1)})

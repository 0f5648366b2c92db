"""The time as the database has it, in every process: what workers decide by time they decide alike,
whatever their own clocks say.

Read from the database every half minute, counted on in between by a clock that nobody sets. Who is
more than SKEWED seconds off with their own clock says so for the accounts page and /readyz.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import psycopg
import redis
from django.db import connection

from executions.live import publish

READ_EVERY = 30.0  # seconds
SKEWED = 5.0  # seconds
SAYS_FOR = 90  # seconds
KEY = "annunciator:clock"
STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # goes on while a machine sleeps
ROLES = ("poller", "worker", "listen", "granian", "uvicorn")  # as command lines name them
WORDS = {"granian": "pages", "uvicorn": "live", "listen": "listener"}

_lock = threading.Lock()
_read_at: float | None = None
_then = datetime.min.replace(tzinfo=UTC)
_tried_at: float | None = None


def now() -> datetime:
    """The database's time, to some milliseconds; this machine's until a database first answers."""
    ticks = time.clock_gettime(STEADY)
    if _tried_at is None or ticks - _tried_at > READ_EVERY:
        with _lock:
            if _tried_at is None or ticks - _tried_at > READ_EVERY:
                _read(ticks)
    if _read_at is None:
        return datetime.now(UTC)
    return _then + timedelta(seconds=time.clock_gettime(STEADY) - _read_at)


def skewed() -> dict[str, float]:
    """Seconds that a process's own clock is ahead of the database (negative: behind), by process,
    where it is more than SKEWED. Empty if the broker does not answer."""
    try:
        found = publish.client().scan_iter(match=f"{KEY}:*", count=100)
        names = [name.decode() for name in found]
        values = publish.client().mget(names) if names else []
    except redis.RedisError:
        return {}
    return {
        name.removeprefix(f"{KEY}:"): float(value)
        for name, value in zip(names, values, strict=True)
        if value is not None
    }


def _read(ticks: float) -> None:
    """By a connection of its own: it belongs to no transaction."""
    global _read_at, _then, _tried_at
    _tried_at = ticks
    parameters = connection.get_connection_params() | {"connect_timeout": 2}
    try:
        with psycopg.connect(**parameters, autocommit=True) as database:
            row = database.execute("SELECT clock_timestamp()").fetchone()
    except psycopg.Error:
        return  # counted on from the last time
    if row is not None:
        _read_at, _then = time.clock_gettime(STEADY), row[0].astimezone(UTC)
        _say((datetime.now(UTC) - _then).total_seconds())


def _say(ahead: float) -> None:
    if abs(ahead) <= SKEWED:
        return
    role = next((word for word in ROLES if any(word in part for part in sys.argv)), "command")
    name = f"{WORDS.get(role, role)} on {socket.gethostname()} ({os.getpid()})"
    try:
        publish.client().set(f"{KEY}:{name}", round(ahead, 1), ex=SAYS_FOR)
    except redis.RedisError:
        return

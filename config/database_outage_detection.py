"""A database that is away: noticed at once, said once, and over as soon as it answers.

The pool of each process asks `fail_waiting` when it could not connect: who waits for a connection
learns of it then, not after the pool's own time. `server_error_page` turns that into a page.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from django.db import InterfaceError, OperationalError
from django.db.backends.signals import connection_created

UNAVAILABLE = (OperationalError, InterfaceError)

log = logging.getLogger(__name__)
_away_since: datetime | None = None


def away_since() -> datetime | None:
    """When this process first could not connect; None while it can."""
    return _away_since


def fail_waiting(pool: Any) -> None:
    """OperationalError for everybody who waits for a connection of a psycopg_pool.ConnectionPool;
    the next who asks has it try anew."""
    global _away_since
    if _away_since is None:
        _away_since = datetime.now(UTC)
        log.error("The database does not answer.")
    with pool._lock:
        waiting = list(pool._waiting)
        pool._waiting.clear()
    for client in waiting:
        client.fail(_operational_error())


def _operational_error() -> Exception:
    from psycopg import OperationalError as Lost

    return Lost("the database does not answer")


def _is_back(**_: Any) -> None:
    global _away_since
    if _away_since is not None:
        seconds = (datetime.now(UTC) - _away_since).total_seconds()
        _away_since = None
        log.warning("The database answers again, after %.0f s.", seconds)


connection_created.connect(_is_back, dispatch_uid="config.database_outage_detection")


class OncePerOutage(logging.Filter):
    """Passes over what each request and task would say of a database that is away."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        return not (_away_since is not None and isinstance(error, UNAVAILABLE))

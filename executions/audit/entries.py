"""Entries of the audit log that a person may see, by a filter, the newest first.

Called by `views`. Bounded at millions of entries: each look is a page of an index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from executions.access.permissions import audit_sight, visible_executions
from executions.models import AuditEntry, Command
from executions.search import statement_timeout
from executions.search.cursor import Cursor
from executions.sql_sections import statements

_sql = statements(__file__)

CHUNK = 500  # entries of one statement of a download
MOST_COMMANDS = 500  # of one run


@dataclass(frozen=True)
class AuditFilter:
    """What is asked for; "" and None ask for everything."""

    actor: str = ""
    action: str = ""
    account: str = ""
    run: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def page(
    user: User, asked: AuditFilter, place: Cursor | None, limit: int
) -> tuple[list[AuditEntry], bool]:
    """At most `limit` entries older than the place, and whether there are more. Raises TooLong."""
    sight = audit_sight(user)
    targets, keys = _of_run(user, asked.run)
    values: dict[str, Any] = {
        "actor": asked.actor, "action": asked.action, "account": asked.account,
        "targets": targets, "keys": keys, "since": asked.since, "until": asked.until,
        "at": place.at if place else None, "id": place.id if place else None,
        "limit": limit + 1, "names": sight or [], "me": user.get_username(),
    }  # fmt: skip
    statement = _sql("newest" if sight is None else "newest_in_sight")
    with statement_timeout.bounded(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        ids = [row[0] for row in cursor.fetchall()]
    found = AuditEntry.objects.in_bulk(ids[:limit])
    return [found[pk] for pk in ids[:limit] if pk in found], len(ids) > limit


def walk(user: User, asked: AuditFilter) -> Iterator[list[AuditEntry]]:
    """All of them, CHUNK at a time."""
    place: Cursor | None = None
    has_more = True
    while has_more:
        rows, has_more = page(user, asked, place, CHUNK)
        if rows:
            place = Cursor(rows[-1].at, rows[-1].pk)
            yield rows


def _of_run(user: User, run: int | None) -> tuple[list[str] | None, list[Any]]:
    """The targets that name the run, and the keys of its commands."""
    if run is None:
        return None, []
    targets, keys = [f"run:{run}"], []
    found = visible_executions(user).filter(pk=run).first()
    if found is not None:
        targets += [str(found), found.label]
        commands = Command.objects.filter(execution=found).order_by("-requested_at")
        keys = list(commands.values_list("key", flat=True)[:MOST_COMMANDS])
    return targets, keys

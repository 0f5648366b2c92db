"""Whether the audit log is as it was written: every entry is hashed with the hash before it.

Called by the command line and by `audit.incremental_verification`, which does it in slices.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from django.db import connection
from django.db.models import Exists, OuterRef

from executions.models import AuditEntry, AuditSeal
from executions.sql_sections import statements

_sql = statements(__file__)
STEP = 2000  # rows read at a time


@dataclass(frozen=True)
class Verdict:
    """`problem` is a sentence about the first entry that is not as it was, "" if all are."""

    problem: str
    entries: int
    last: AuditSeal | None
    is_whole: bool = True
    """Whether it was read to its end."""


def verify(after: AuditSeal | None = None, seconds: float | None = None) -> Verdict:
    """Reads the log from its begin, or after a seal that was found intact; the whole of it, or for
    so long. Entries that are written meanwhile are read as well, or are not."""
    number, before, last = (after.number, after.hash, after) if after else (0, "", None)
    until = None if seconds is None else time.monotonic() + seconds
    while rows := _rows(number):
        for found, entry, kept, text in rows:
            number += 1
            if found != number:
                return Verdict(f"The seal {number} was removed.", number - 1, last)
            if text is None:
                return Verdict(f"The entry {entry} was removed.", number - 1, last)
            before = hashlib.sha256((before + text).encode()).hexdigest()
            if before != kept:
                problem = f"The entry {entry} is not as it was written."
                return Verdict(problem, number - 1, last)
            last = AuditSeal(number=number, entry=entry, hash=kept)
        if until is not None and time.monotonic() > until:
            return Verdict("", number, last, is_whole=False)
    sealed = Exists(AuditSeal.objects.filter(entry=OuterRef("pk")))
    added = AuditEntry.objects.filter(~sealed).order_by("pk").first()
    problem = f"The entry {added.pk} did not come through the site." if added else ""
    return Verdict(problem, number, last)


def _rows(after: int) -> list[tuple[int, int, str, str | None]]:
    with connection.cursor() as cursor:
        cursor.execute(_sql("sealed"), [after, STEP])
        rows: list[tuple[int, int, str, str | None]] = cursor.fetchall()
    return rows

"""Keeps the history in bounds: monthly partitions made ahead and dropped behind, old runs deleted
in batches, and the counters corrected from the rows they count."""

from __future__ import annotations

from datetime import date, timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from executions.models import (
    FINAL_STATUSES,
    OPEN_BATCH_STATES,
    OPEN_STATUSES,
    Batch,
    BatchState,
    Draft,
    Execution,
    LastAsked,
    StartDraft,
)
from executions.sql_files import statements
from executions.storage import rollups

_sql = statements(__file__)

PARENTS = ("executions_transition", "executions_pollrun")
BATCH = 2000
KEEP_DRAFTS = 30  # days after their question was closed


def tidy() -> dict[str, int]:
    """All of it, once. Returns how many of what went."""
    make_months_ahead()
    return {
        "partitions": drop_old_months(),
        "executions": delete_old_executions(),
        "looks": delete_old_looks(),
        "drafts": delete_old_drafts(),
        "batches": delete_old_batches(),
        "counters": correct_counts(),
        "tallies": rollups.correct(),
    }


def make_months_ahead() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_sql("make_months_ahead"), [list(PARENTS)])


def drop_old_months() -> int:
    """Partitions that hold nothing younger than the retention."""
    oldest = (timezone.now() - timedelta(days=settings.ANNUNCIATOR_KEEP_DAYS)).date()
    keep_from = date(oldest.year, oldest.month, 1)
    dropped = 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " JOIN pg_class p ON p.oid = i.inhparent WHERE p.relname = ANY(%s)",
            [list(PARENTS)],
        )
        for (name,) in cursor.fetchall():
            year, _, month = name[-7:].partition("_")
            is_month = year.isdigit() and month.isdigit()
            if is_month and date(int(year), int(month), 1) < keep_from:
                cursor.execute(f"DROP TABLE {connection.ops.quote_name(name)}")
                dropped += 1
    return dropped


def delete_old_executions() -> int:
    """Finished runs older than the retention, in batches of BATCH."""
    oldest = timezone.now() - timedelta(days=settings.ANNUNCIATOR_KEEP_DAYS)
    rows = Execution.objects.filter(sort_at__lt=oldest).exclude(status__in=OPEN_STATUSES)
    deleted = 0
    while ids := list(rows.values_list("pk", flat=True)[:BATCH]):
        Execution.objects.filter(pk__in=ids).delete()
        deleted += len(ids)
    return deleted


def delete_old_looks() -> int:
    """Of runs that have ended: polls ask for them no more."""
    return LastAsked.objects.filter(execution__status__in=FINAL_STATUSES).delete()[0]


def delete_old_drafts() -> int:
    """Texts of questions closed long ago: they were kept for copying, not for ever. And what was
    typed long ago for a start that never came."""
    before = timezone.now() - timedelta(days=KEEP_DRAFTS)
    unsent = StartDraft.objects.filter(saved_at__lt=before).delete()[0]
    return unsent + Draft.objects.filter(question__closed_at__lt=before).delete()[0]


def delete_old_batches() -> int:
    """Previews that nobody started within a day, and finished batches older than the retention."""
    now = timezone.now()
    unused = Batch.objects.filter(state=BatchState.DRAFT, created_at__lt=now - timedelta(days=1))
    oldest = now - timedelta(days=settings.ANNUNCIATOR_KEEP_DAYS)
    old = Batch.objects.filter(created_at__lt=oldest).exclude(state__in=OPEN_BATCH_STATES)
    return sum(rows.delete()[1].get("executions.Batch", 0) for rows in (unused, old))


def correct_counts() -> int:
    """Set the counters to what the rows say, under a lock; how many were off."""
    with connection.cursor() as cursor:
        cursor.execute(_sql("correct_counts"))
        return int(cursor.rowcount)

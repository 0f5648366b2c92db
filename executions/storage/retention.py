"""Keeps the history in bounds: old runs, drafts and batches are deleted. `tidy` does so, and has
partitions and counters looked after."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

from executions import database_clock
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
from executions.storage import rollups
from executions.storage.partitions import drop_old_months, make_months_ahead
from executions.storage.rollups import correct_counts

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


def delete_old_executions() -> int:
    """Finished runs older than the retention, in batches of BATCH."""
    oldest = database_clock.now() - timedelta(days=settings.ANNUNCIATOR_KEEP_DAYS)
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
    before = database_clock.now() - timedelta(days=KEEP_DRAFTS)
    unsent = StartDraft.objects.filter(saved_at__lt=before).delete()[0]
    return unsent + Draft.objects.filter(question__closed_at__lt=before).delete()[0]


def delete_old_batches() -> int:
    """Previews that nobody started within a day, and finished batches older than the retention."""
    now = database_clock.now()
    unused = Batch.objects.filter(state=BatchState.DRAFT, created_at__lt=now - timedelta(days=1))
    oldest = now - timedelta(days=settings.ANNUNCIATOR_KEEP_DAYS)
    old = Batch.objects.filter(created_at__lt=oldest).exclude(state__in=OPEN_BATCH_STATES)
    return sum(rows.delete()[1].get("executions.Batch", 0) for rows in (unused, old))

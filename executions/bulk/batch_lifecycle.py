"""What people decide about a batch: its start and its stop; who sees it; how it stands.

Called by views. Nothing is sent from here: `runner` turns the waiting items of a running batch
into commands.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from executions import database_clock
from executions.access import audit_log
from executions.access.permissions import may_act
from executions.display.people import DELETED_USER
from executions.live import publish
from executions.models import (
    FOLLOWED,
    MAX_REASON,
    Batch,
    BatchItem,
    BatchState,
    Command,
    CommandState,
    ItemState,
)
from executions.sql_sections import statements
from providers.contract import Verb

_sql = statements(__file__)

TYPED_ABOVE = 20  # from here on the number has to be typed
PASS_LOCK = 0x62617463  # any number that nothing else locks


# ---------------------------------------------------------------------------------- decisions


def start(
    batch: Batch,
    *,
    reason: str,
    typed: str,
    address: str | None,
    sealed_answer: str = "",
    hold: timedelta = timedelta(),
) -> dict[str, str]:
    """Let the batch run. What speaks against it, as sentences by field; empty: it runs, or had
    been started before. `sealed_answer`: of `answers.sealed_answer`, for a batch of answers;
    `hold`: how long nothing of it is sent, so that it can be undone."""
    reason = " ".join(reason.replace("\0", " ").split())
    with transaction.atomic():
        row = Batch.objects.select_for_update().get(pk=batch.pk)
        if row.state != BatchState.DRAFT:
            return {}
        number = total(row, ItemState.WAITING)
        problems = _problems(row, reason, typed, number)
        if problems:
            return problems
        row.state, row.reason, row.started_at = BatchState.RUNNING, reason, database_clock.now()
        row.send_after = row.started_at + hold if hold else None
        row.sealed_answer = sealed_answer
        row.save(update_fields=["state", "reason", "started_at", "sealed_answer", "send_after"])
        audit_log.record(
            row.requested_by or DELETED_USER,
            audit_log.Action(f"batch {row.kind}"),
            target=str(row),
            detail={
                **({"reason": reason} if reason else {}),
                "questions" if row.kind == Verb.ANSWER else "runs": number,
                "filter": row.words[:500],
            },
            address=address,
        )
    tell(row)
    return {}


def _problems(batch: Batch, reason: str, typed: str, number: int) -> dict[str, str]:
    problems, noun = {}, "questions" if batch.kind == Verb.ANSWER else "runs"
    if not reason and batch.kind != Verb.ANSWER:
        problems["reason"] = "Enter a reason. It is kept with every command."
    elif len(reason) > MAX_REASON:
        problems["reason"] = f"At most {MAX_REASON} characters, not {len(reason):,}."
    if number == 0:
        problems["number"] = f"None of these {noun} can take this command."
    elif number > TYPED_ABOVE and "".join(c for c in typed if c not in ", .'") != str(number):
        problems["number"] = f"Type {number} to confirm. Nothing was sent."
    return problems


def take_back(batch: Batch, *, user: User, address: str | None) -> bool:
    """A started batch of this person is a preview again, while nothing of it was sent. False if it
    is too late."""
    with transaction.atomic():
        hold_passes()
        row = Batch.objects.select_for_update().get(pk=batch.pk)
        unsent = (ItemState.WAITING, ItemState.INELIGIBLE)
        is_too_late = row.send_after is None or row.items.exclude(state__in=unsent).exists()
        if row.requested_by_id != user.pk or row.state != BatchState.RUNNING or is_too_late:
            return False
        row.state, row.started_at, row.send_after = BatchState.DRAFT, None, None
        row.save(update_fields=["state", "started_at", "send_after"])
        audit_log.record(
            user,
            audit_log.Action.BATCH_UNDONE,
            target=str(row),
            detail={"not sent": total(row, ItemState.WAITING)},
            address=address,
        )
    tell(row)
    return True


def stop(batch: Batch, *, user: User, accounts: Iterable[int], address: str | None) -> int:
    """Send nothing more to these accounts; how many runs are spared. What was sent is followed."""
    with transaction.atomic():
        hold_passes()
        batch.refresh_from_db()
        if batch.state != BatchState.RUNNING:
            return 0
        own = batch.items.filter(account_id__in=list(accounts))
        change = {
            "state": ItemState.STOPPED,
            "message": f"Stopped by {user.get_username()} before it was sent.",
            "changed_at": timezone.now(),
        }
        spared = own.filter(state=ItemState.WAITING).update(**change)
        spared += own.filter(command__in=_withdraw(own, str(change["message"]))).update(**change)
        if not batch.items.filter(state=ItemState.WAITING).exists():
            Batch.objects.filter(pk=batch.pk).update(
                state=BatchState.STOPPING, stopped_at=change["changed_at"], stopped_by=user
            )
        finish([batch.pk])
        recount([batch.pk])
        detail = {"not sent": spared}
        audit_log.record(
            user, audit_log.Action.BATCH_STOPPED, target=str(batch), detail=detail, address=address
        )
    batch.refresh_from_db()
    tell(batch)
    return spared


def _withdraw(items: QuerySet[BatchItem], message: str) -> list[UUID]:
    """Commands of these items that no worker has touched yet will not be sent; their keys."""
    untouched = Command.objects.filter(
        batch_item__in=items.filter(state=ItemState.REQUESTED),
        state=CommandState.PENDING,
        attempts=0,
    )
    keys = list(
        untouched.select_for_update(of=("self",), skip_locked=True).values_list("pk", flat=True)
    )
    now = timezone.now()
    Command.objects.filter(pk__in=keys).update(
        state=CommandState.REJECTED, message=message, settled_at=now
    )
    return keys


def finish(batch_ids: Iterable[int]) -> None:
    """Close those that have nothing left to send or to follow."""
    pending = BatchItem.objects.filter(
        batch=OuterRef("pk"), state__in=[ItemState.WAITING, *FOLLOWED]
    )
    idle = Batch.objects.filter(~Exists(pending), pk__in=list(batch_ids))
    now = timezone.now()
    idle.filter(state=BatchState.STOPPING).update(state=BatchState.STOPPED, finished_at=now)
    idle.filter(state=BatchState.RUNNING).update(state=BatchState.DONE, finished_at=now)


def hold_passes() -> None:
    """Until the end of the transaction no worker turns items into commands; waits for one that
    is at it, some milliseconds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PASS_LOCK])


def tell(batch: Batch) -> None:
    """Open pages of everybody who may see one of its accounts have something new."""
    transaction.on_commit(lambda: publish.publish_rest(batch.accounts))


# -------------------------------------------------------------------------------------- counts


def recount(ids: Iterable[int]) -> None:
    """Set the counts and accounts of these batches to what their items say."""
    with connection.cursor() as cursor:
        cursor.execute(_sql("recount"), [list(ids)])


def total(batch: Batch, *states: ItemState, accounts: Iterable[int] | None = None) -> int:
    """How many items are in these states (none named: in any), of these accounts."""
    kept = None if accounts is None else {str(pk) for pk in accounts}
    return sum(
        number
        for account, by_state in batch.counts.items()
        if kept is None or account in kept
        for state, number in by_state.items()
        if not states or state in states
    )


def visible_batches(user: User, accounts: Iterable[int]) -> QuerySet[Batch]:
    """Those of the person, and the started ones with a run in an account the person may see."""
    shared = Batch.objects.exclude(state=BatchState.DRAFT).filter(accounts__overlap=list(accounts))
    return shared | Batch.objects.filter(requested_by=user)


def may_stop(user: User, batch: Batch) -> bool:
    return may_act(user) and batch.state == BatchState.RUNNING

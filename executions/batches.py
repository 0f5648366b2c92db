"""A wish about many runs: the frozen list, the preview of it, its start, stop and retry.

Called by views. Nothing is sent from here: `batching` turns the waiting items of a running batch
into commands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from executions import audit, live
from executions.filters import Filters
from executions.models import (
    OPEN_COMMAND_STATES,
    Batch,
    BatchItem,
    BatchState,
    Command,
    CommandState,
    Execution,
    ItemState,
    Workflow,
)
from executions.roles import may_act, visible_executions
from executions.wording import stamped
from providers.contract import Verb
from providers.models import Health, ProviderAccount

MOST = 10_000  # runs of one batch
SECONDS = 15  # that finding the runs of a filter may take
TYPED_ABOVE = 20  # from here on the number has to be typed
FRESH_FOR = timedelta(minutes=15)  # how long a preview can be believed
PASS_LOCK = 0x62617463  # any number that nothing else locks
DONE_BEFORE = {Verb.CANCEL: "canceled", Verb.SUSPEND: "suspended", Verb.RESUME: "resumed"}
RETRIED: Mapping[str, tuple[ItemState, ...]] = {
    "failed": (ItemState.REJECTED, ItemState.FAILED),
    "unsent": (ItemState.STOPPED, ItemState.SKIPPED),
}


class NothingToDo(Exception):
    """Show it: no batch can be made of this. str() is a sentence for a person."""


@dataclass(frozen=True)
class Asked:
    """Who wants what, from where: the same for every way to choose the runs."""

    user: User
    kind: Verb
    key: UUID
    accounts: Mapping[int, ProviderAccount]
    """Every account the person may see, by id."""


# ------------------------------------------------------------------------------ frozen lists


def freeze_matching(asked: Asked, filters: Filters) -> Batch:
    """Freeze every run that the filter finds now, newest first, at most MOST.

    Raises NothingToDo.
    """
    if filters.ignored:
        raise NothingToDo(f"The filter was not understood, so nothing was selected. "
                          f"{' '.join(filters.ignored[:3])}")  # fmt: skip
    found = filters.queryset().filter(account_id__in=list(asked.accounts))
    ids = _in_time(found.order_by("-sort_at", "-pk").values_list("pk", flat=True)[: MOST + 1])
    draft = Batch(query=filters.query(), words=in_words(filters), is_cut=len(ids) > MOST)
    return _freeze(asked, draft, ids[:MOST])


def freeze_picked(asked: Asked, ids: Iterable[int], filters: Filters) -> Batch:
    """Freeze these runs, without those that the person may not see. Raises NothingToDo."""
    chosen = list(dict.fromkeys(ids))
    found = visible_executions(asked.user).filter(pk__in=chosen[:MOST])
    words = "picked by hand" if filters.is_empty else f"picked by hand from {in_words(filters)}"
    draft = Batch(query=filters.query(), words=words, is_cut=len(chosen) > MOST)
    return _freeze(
        asked, draft, list(found.order_by("-sort_at", "-pk").values_list("pk", flat=True))
    )


def freeze_retry(asked: Asked, batch: Batch, which: str) -> Batch:
    """Freeze the items of a batch that did not work ("failed") or were never sent ("unsent")."""
    items = batch.items.filter(state__in=RETRIED[which], account_id__in=list(asked.accounts))
    ids = list(items.order_by("pk").values_list("execution_id", flat=True))
    what = "did not work" if which == "failed" else "were not sent"
    draft = Batch(words=f"what {what} in batch {batch.pk}", retry_of=batch, reason=batch.reason)
    return _freeze(asked, draft, ids)


def in_words(filters: Filters) -> str:
    """The filter as a sentence; times that are relative now are said as the moment they mean."""
    if filters.is_empty:
        return "every run that you may see"
    names = Workflow.objects.filter(
        pk__in=[*filters.workflow_ids(), *filters.barred_workflow_ids()]
    )
    chips = filters.chips(dict(names.values_list("pk", "name")))
    parts = [f"{chip.label} is {'not ' * chip.is_exclusion}{chip.value}" for chip in chips]
    if filters.started and filters.since:
        parts.append(f"that is since {stamped(filters.since)}")
    return ", ".join(parts)


def _in_time(found: Any) -> list[int]:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", [SECONDS * 1000])
            ids = list(found)
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
            return ids
    except OperationalError as error:
        raise NothingToDo(
            "Finding all these runs takes too long. Narrow the filter, by account or by time."
        ) from error


def _freeze(asked: Asked, draft: Batch, ids: list[int]) -> Batch:
    """The batch and its items in one transaction; the one that this form made before if there is
    one."""
    known = Batch.objects.filter(key=asked.key, requested_by=asked.user).first()
    if known is not None:
        return known
    if not ids:
        raise NothingToDo("None of these runs is there any more, or nothing was selected.")
    draft.key, draft.kind, draft.requested_by = asked.key, asked.kind.value, asked.user
    try:
        with transaction.atomic():
            draft.save(force_insert=True)
            rows = [
                BatchItem(batch=draft, execution=run, account_id=run.account_id, status=run.status,
                          state=ItemState.INELIGIBLE if why else ItemState.WAITING, message=why)
                for run, why in assessed(ids, asked.kind, asked.accounts)
            ]  # fmt: skip
            BatchItem.objects.bulk_create(rows, batch_size=2000)
            recount([draft.pk])
    except IntegrityError:  # the same form, twice at the same moment
        return Batch.objects.get(key=asked.key, requested_by=asked.user)
    draft.refresh_from_db()
    return draft


# -------------------------------------------------------------------------------- eligibility


def assessed(
    ids: list[int], kind: Verb, accounts: Mapping[int, ProviderAccount]
) -> list[tuple[Execution, str]]:
    """These runs in this order, each with the reason why it cannot be asked now, "" if it can.
    Two queries."""
    runs = Execution.objects.only("account_id", "status", "offers", "missing_since").in_bulk(ids)
    opened = Command.objects.filter(
        account_id__in={run.account_id for run in runs.values()},
        kind=kind.value,
        state__in=OPEN_COMMAND_STATES,
    )
    under_way = dict(opened.values_list("execution_id", "requested_by__username"))
    return [
        (run, why_not(run, accounts[run.account_id], kind, under_way))
        for pk in ids
        if (run := runs.get(pk)) is not None and run.account_id in accounts
    ]


def why_not(
    run: Execution,
    account: ProviderAccount,
    kind: Verb,
    under_way: Mapping[int, str],
) -> str:
    """Why this cannot be asked of the run now; "" if it can. `under_way`: who asked the same
    before and has no answer yet, by run."""
    words = run.status.replace("_", " ")
    try:
        adapter = account.adapter_class
    except KeyError:
        return "Annunciator does not know this provider any more."
    if kind not in adapter.verbs():
        return f"{adapter.name} cannot {kind.value} a run."
    if run.is_final:
        return f"It has already ended ({words})."
    if run.missing_since is not None:
        return "It is gone at the provider."
    if kind.value not in run.offers:
        return f"It cannot be {DONE_BEFORE[kind]} while it is {words}."
    if not account.enabled or account.health == Health.PAUSED:
        return "Its account is disabled."
    if account.health == Health.AUTH:
        return "Its provider refuses our credentials."
    if run.pk in under_way:
        return f"The same was already asked by {under_way[run.pk] or 'somebody'}."
    return ""


def recount(ids: Iterable[int]) -> None:
    """Set the counts and accounts of these batches to what their items say."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE executions_batch b SET
                counts = coalesce(s.counts, '{}'), accounts = coalesce(s.accounts, '{}')
            FROM unnest(%s::bigint[]) AS asked(id)
            LEFT JOIN LATERAL (
                SELECT jsonb_object_agg(account_id, states) AS counts,
                    array_agg(account_id) AS accounts
                FROM (
                    SELECT account_id, jsonb_object_agg(state, number) AS states
                    FROM (
                        SELECT account_id, state, count(*) AS number FROM executions_batchitem
                        WHERE batch_id = asked.id GROUP BY 1, 2
                    ) n GROUP BY 1
                ) p
            ) s ON true
            WHERE b.id = asked.id
            """,
            [list(ids)],
        )


# ---------------------------------------------------------------------------------- decisions


def start(batch: Batch, *, reason: str, typed: str, address: str | None) -> dict[str, str]:
    """Let the batch run. What speaks against it, as sentences by field; empty: it runs, or had
    been started before."""
    reason = " ".join(reason.replace("\0", " ").split())[:500]
    with transaction.atomic():
        row = Batch.objects.select_for_update().get(pk=batch.pk)
        if row.state != BatchState.DRAFT:
            return {}
        number = total(row, ItemState.WAITING)
        problems = _problems(row, reason, typed, number)
        if problems:
            return problems
        row.state, row.reason, row.started_at = BatchState.RUNNING, reason, timezone.now()
        row.save(update_fields=["state", "reason", "started_at"])
        audit.record(
            row.requested_by or "somebody",
            f"batch {row.kind}",
            target=str(row),
            detail={"reason": reason, "runs": number, "filter": row.words[:500]},
            address=address,
        )
    tell(row)
    return {}


def _problems(batch: Batch, reason: str, typed: str, number: int) -> dict[str, str]:
    problems = {}
    if not reason:
        problems["reason"] = "Say why. The reason is kept with every command."
    if number == 0:
        problems["number"] = "None of these runs can be asked."
    elif number > TYPED_ABOVE and "".join(c for c in typed if c not in ", .'") != str(number):
        problems["number"] = f"Type {number} to confirm. Nothing was sent."
    return problems


def is_outdated(batch: Batch) -> bool:
    """Whether the preview is too old to be believed."""
    return batch.state == BatchState.DRAFT and batch.assessed_at < timezone.now() - FRESH_FOR


def assess_again(batch: Batch, accounts: Mapping[int, ProviderAccount]) -> None:
    """Look again which runs of a draft can be asked. The list itself stays as it was frozen."""
    with transaction.atomic():
        row = Batch.objects.select_for_update().get(pk=batch.pk)
        if row.state != BatchState.DRAFT:
            return
        items = {item.execution_id: item for item in row.items.all()}
        for run, why in assessed(list(items), Verb(row.kind), accounts):
            item = items[run.pk]
            item.status, item.message = run.status, why
            item.state = ItemState.INELIGIBLE if why else ItemState.WAITING
        BatchItem.objects.bulk_update(items.values(), ["status", "message", "state"], 2000)
        Batch.objects.filter(pk=row.pk).update(assessed_at=timezone.now())
        recount([row.pk])
    batch.refresh_from_db()


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
            Batch.objects.filter(pk=batch.pk, state=BatchState.RUNNING).update(
                state=BatchState.STOPPING, stopped_at=change["changed_at"], stopped_by=user
            )
        recount([batch.pk])
        detail = {"not sent": spared}
        audit.record(user, "batch stopped", target=str(batch), detail=detail, address=address)
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


def hold_passes() -> None:
    """Until the end of the transaction no worker turns items into commands; waits for one that
    is at it, some milliseconds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PASS_LOCK])


def tell(batch: Batch) -> None:
    """Open pages of everybody who may see one of its accounts have something new."""
    transaction.on_commit(lambda: live.publish_batch(batch.pk, batch.accounts))


# -------------------------------------------------------------------------------------- counts


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

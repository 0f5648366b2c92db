"""Turns the waiting items of running batches into commands, gradually, and follows those.

Called by `tasks` once a second while a batch is open. Rows are the queue: a pass is one
transaction under a lock, so a worker that dies in it has done nothing, and the key of a command
follows from batch and run, so that an item cannot become two.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from itertools import zip_longest
from uuid import UUID, uuid5

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import Count, Q

from executions import database_clock
from executions.bulk import answers, batch_lifecycle
from executions.commands.eligibility import why_not
from executions.commands.submit import NotPossible, request_command
from executions.live import publish
from executions.models import (
    FOLLOWED,
    OPEN_BATCH_STATES,
    OPEN_COMMAND_STATES,
    Batch,
    BatchItem,
    BatchState,
    Command,
    CommandState,
    ItemState,
    Question,
)
from executions.sql_sections import statements
from providers.contract import Verb
from providers.models import Health

_sql = statements(__file__)

PER_ACCOUNT = 3  # commands of batches that are on their way to one account
AT_ONCE = 6  # to all accounts together: a command worker has 8 threads, people need some of them
UNCONFIRMED = 30  # of one account that were sent lately and are not seen to work yet
LATELY = timedelta(minutes=2)

Touched = set[tuple[int, int]]  # (batch, account) where something changed


def has_work() -> bool:
    return Batch.objects.filter(state__in=OPEN_BATCH_STATES).exists()


def advance() -> int:
    """One pass over every open batch; how many items changed. 0 as well while another worker is
    at it."""
    with transaction.atomic():
        if not _is_ours():
            return 0
        ids = list(Batch.objects.filter(state__in=OPEN_BATCH_STATES).values_list("pk", flat=True))
        touched = _follow(ids)
        touched += _send_some()
        batch_lifecycle.recount({batch_id for batch_id, _ in touched})
        batch_lifecycle.finish(ids)
        transaction.on_commit(lambda: _tell(set(touched)))
    return len(touched)


def command_key(item: BatchItem) -> UUID:
    what = f"question:{item.question_id}" if item.question_id else f"run:{item.execution_id}"
    return uuid5(item.batch.key, what)


def _is_ours() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [batch_lifecycle.PASS_LOCK])
        return bool(cursor.fetchone()[0])


def _tell(touched: Touched) -> None:
    publish.publish_rest({account_id for _, account_id in touched})


# ------------------------------------------------------------------------------------ following

STATE_OF_COMMAND = {
    CommandState.PENDING: ItemState.REQUESTED,
    CommandState.SENDING: ItemState.REQUESTED,
    CommandState.UNKNOWN: ItemState.REQUESTED,
    CommandState.ACCEPTED: ItemState.ACCEPTED,
    CommandState.CONFIRMED: ItemState.CONFIRMED,
    CommandState.REJECTED: ItemState.REJECTED,
    CommandState.NEEDS_PERSON: ItemState.FAILED,
    CommandState.WITHDRAWN: ItemState.STOPPED,
}


def _follow(batch_ids: list[int]) -> list[tuple[int, int]]:
    """Items take over the state and the words of their command."""
    with connection.cursor() as cursor:
        cursor.execute(
            _sql("follow"),
            [
                [str(state.value) for state in STATE_OF_COMMAND],
                [str(state.value) for state in STATE_OF_COMMAND.values()],
                batch_ids,
                [str(state.value) for state in FOLLOWED],
            ],
        )
        return list(cursor.fetchall())


# -------------------------------------------------------------------------------------- sending


def _send_some() -> list[tuple[int, int]]:
    """As many items as the accounts have room for; each becomes a command or is skipped."""
    touched = []
    for item in _next_items():
        _take(item)
        touched.append((item.batch_id, item.account_id))
    return touched


def _next_items() -> list[BatchItem]:
    """Locked items, taken from the accounts and from their batches in turn, so that none waits
    for another one's thousands."""
    waiting = BatchItem.objects.filter(state=ItemState.WAITING, batch__state=BatchState.RUNNING)
    waiting = waiting.exclude(batch__send_after__gt=database_clock.now())
    pairs = list(waiting.order_by().values_list("account_id", "batch_id").distinct())
    if not pairs:
        return []
    sending, unconfirmed = _under_way({account_id for account_id, _ in pairs})
    random.shuffle(pairs)
    queues = []
    for account_id in dict.fromkeys(account_id for account_id, _ in pairs):
        room = min(
            PER_ACCOUNT - sending.get(account_id, 0), UNCONFIRMED - unconfirmed.get(account_id, 0)
        )
        own = [batch_id for each, batch_id in pairs if each == account_id]
        queues.append(_items_of(account_id, own, max(room, 0)))
    room = max(AT_ONCE - sum(sending.values()), 0)
    return list(_in_turn(queues))[:room]


def _under_way(account_ids: set[int]) -> tuple[dict[int, int], dict[int, int]]:
    """How many commands of batches are being sent, by account, at all accounts; and how many of
    these accounts were sent lately without being seen to work."""
    rows = Command.objects.filter(state__in=OPEN_COMMAND_STATES, batch_item__isnull=False)
    being_sent = Q(state__in=[CommandState.PENDING, CommandState.SENDING])
    lately = Q(sent_at__gt=database_clock.now() - LATELY, account_id__in=account_ids)
    counted = (
        rows.order_by()
        .values("account_id")
        .annotate(sending=Count("pk", filter=being_sent), unconfirmed=Count("pk", filter=lately))
    )
    found = list(counted.values_list("account_id", "sending", "unconfirmed"))
    return {pk: number for pk, number, _ in found}, {pk: number for pk, _, number in found}


def _items_of(account_id: int, batch_ids: list[int], room: int) -> list[BatchItem]:
    """Up to `room` items of one account. An account that fails is left in peace until a poll
    succeeds: what is sent to it would only fail as well."""
    if not room:
        return []
    each = []
    for batch_id in batch_ids[:room]:
        rows = BatchItem.objects.select_for_update(skip_locked=True, of=("self",)).filter(
            batch_id=batch_id, account_id=account_id, state=ItemState.WAITING
        )
        rows = rows.exclude(account__health=Health.FAILING).select_related(
            "batch", "execution__account", "account"
        )
        each.append(list(rows.order_by("pk")[:room]))
    return list(_in_turn(each))[:room]


def _in_turn(queues: list[list[BatchItem]]) -> Iterator[BatchItem]:
    for row in zip_longest(*queues):
        yield from (item for item in row if item is not None)


def _take(item: BatchItem) -> None:
    """Turn a locked item into its command, or say why not. Everything is asked again: rights,
    sight, and whether the provider takes it now."""
    try:
        command = _request(item)
    except (NotPossible, PermissionDenied) as error:
        item.state, item.message = ItemState.SKIPPED, str(error)[:500]
    else:
        item.state, item.message, item.command = ItemState.REQUESTED, "", command
    item.changed_at = database_clock.now()
    item.save(update_fields=["state", "message", "command", "changed_at"])


def _request(item: BatchItem) -> Command:
    if item.question_id is not None:
        return _request_answer(item, item.question_id)
    batch, kind = item.batch, Verb(item.batch.kind)
    user = _person(batch)
    key = command_key(item)
    opened = Command.objects.filter(
        execution_id=item.execution_id, kind=kind.value, state__in=OPEN_COMMAND_STATES
    ).exclude(pk=key)
    under_way = dict(opened.values_list("execution_id", "requested_by__username"))
    why = why_not(item.execution, item.account, kind, under_way)
    if why:
        raise NotPossible(why)
    command = request_command(
        user=user,
        execution=item.execution,
        kind=kind,
        reason=batch.reason,
        key=key,
        is_paced=False,
    )
    return _own(command, key)


def _request_answer(item: BatchItem, question_id: int) -> Command:
    batch, user, key = item.batch, _person(item.batch), command_key(item)
    accounts = {item.account_id: item.account}
    found = answers.assessed([question_id], batch.asked["form_key"], accounts, user)
    for _, why in found:
        if why:
            raise NotPossible(why)
    question = Question.objects.select_related("execution__account").get(pk=question_id)
    form, values = answers.body_for(question, batch, answers.kept(batch))
    command = request_command(
        user=user,
        execution=question.execution,
        kind=Verb.ANSWER,
        question=question,
        form=form,
        values=values,
        reason=batch.reason,
        key=key,
        is_paced=False,
    )
    return _own(command, key)


def _own(command: Command, key: UUID) -> Command:
    if command.pk != key:
        raise NotPossible("Somebody else requested the same a moment before.")
    return command


def _person(batch: Batch) -> User:
    """Who asked, as they are now."""
    user = User.objects.filter(pk=batch.requested_by_id or 0).first()
    if user is None:
        raise PermissionDenied("The person who requested this is no longer a user here.")
    return user

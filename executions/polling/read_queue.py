"""Which runs are to be read, by whose order, and whose turn it is: rows, no provider.

Pages and the API `watch` and `ask`, polls `ask` for what they had no time for;
`read_queue_worker` takes from here. One row per run, however many want it read. Every time is the
database's own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from executions import database_clock
from executions.live import publish
from executions.live.wake_workers import wake
from executions.models import Backlog, Execution, Rank, Reading
from executions.sql_sections import statements

_sql = statements(__file__)

WATCH_FOR = timedelta(seconds=40)  # after the last sign of an open page; it gives one every 15 s
WATCHED_LATELY = timedelta(seconds=25)  # left of that: another sign writes nothing
AHEAD = timedelta(minutes=1)  # a page just opened goes before those that are kept up to date
AGAIN_AFTER = 10  # seconds between two readings of a run that has ended, for pages opened again
LEASE = timedelta(seconds=90)  # of a reader; much longer than one slice of its work
SOON = timedelta(seconds=6)
HISTORIANS = 8  # readers at a time that have nothing but history to read
ORDER = (Rank.PERSON, Rank.PERSON, Rank.POLL, Rank.PERSON, Rank.PERSON, Rank.POLL, Rank.HISTORY)
"""Whose turn it is: most for people, and none left out while the others want more than there is."""


@dataclass(frozen=True)
class Due:
    """A run whose turn it is. `taken_at`: what is asked for later is not answered by it."""

    execution_id: int
    ref: str
    rank: Rank
    wants_run: bool
    wants_log: bool
    tries: int
    taken_at: datetime


# --------------------------------------------------------------------------------------- asking


def watch(execution: Execution) -> None:
    """An open page shows this run: it is read at the provider's pace until no page shows it any
    more. A run that has ended is read once."""
    if execution.is_final and execution.observed_at < database_clock.now() - WATCH_FOR:
        if publish.is_first(f"look:{execution.pk}", AGAIN_AFTER):
            ask([execution.pk], Rank.PERSON)
        return
    parameters: dict[str, Any] = {
        "id": execution.pk,
        "ahead": AHEAD,
        "keep": WATCH_FOR,
        "lately": WATCHED_LATELY,
    }
    with connection.cursor() as cursor:
        cursor.execute(_sql("watch"), parameters)
        if cursor.rowcount:
            _call_reader(execution.account_id)


def ask(
    execution_ids: Sequence[int],
    rank: Rank,
    *,
    run: bool = True,
    log: bool = True,
    after: timedelta = timedelta(0),
) -> int:
    """Have these runs of one account, or their logs, read once, not before `after`. Returns how
    many were not waiting for it already."""
    if not execution_ids:
        return 0
    parameters: dict[str, Any] = {
        "ids": list(execution_ids),
        "rank": rank.value,
        "run": run,
        "log": log,
        "after": after - (AHEAD if rank is Rank.PERSON else timedelta(0)),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_sql("ask"), parameters)
        rows = cursor.fetchall()
        added = sum(1 for _, is_new in rows if is_new)
        if rank is Rank.HISTORY and added:
            _count_history(rows[0][0], added)
    if rank is Rank.PERSON and rows:
        _call_reader(rows[0][0])
    return added


def _count_history(account_id: int, added: int) -> None:
    left = Reading.objects.filter(account_id=account_id, rank=Rank.HISTORY).count()
    backlog, _ = Backlog.objects.get_or_create(account_id=account_id)
    before = backlog.history_total if left > added else 0
    Backlog.objects.filter(pk=account_id).update(history_total=before + added)


def _call_reader(account_id: int) -> None:
    transaction.on_commit(lambda: wake("read_due", account_id))


# ---------------------------------------------------------------------------------------- asked


def is_waiting(execution: Execution) -> bool:
    """Whether this run is still to be read on request. One that an open page shows
    has been, between two of its turns."""
    now = database_clock.now()
    between = Q(watched_until__gt=now, due_at__gt=now)
    return Reading.objects.filter(~between, pk=execution.pk, wants_run=True).exists()


def waiting_refs(account_id: int, refs: Sequence[str]) -> dict[str, bool]:
    """Which of these runs a reader is about to read, so that a poll need not, and whether that is
    because an open page shows it. Not those whose turn has been missed, as it is when a worker
    died with the account's lease."""
    with connection.cursor() as cursor:
        cursor.execute(_sql("waiting_refs"), [account_id, list(refs), Rank.HISTORY.value])
        return dict(cursor.fetchall())


def note_read(account_id: int, refs: Sequence[str], read_from: datetime) -> None:
    """A poll has read these itself, from `read_from` on: what was asked for before that is done."""
    if refs:
        with connection.cursor() as cursor:
            cursor.execute(_sql("delete_read"), [account_id, list(refs), read_from])


def history_of(account_id: int) -> tuple[int, int]:
    """Of the account's history: how many runs have been read, and how many there are."""
    left = Reading.objects.filter(account_id=account_id, rank=Rank.HISTORY).count()
    totals = Backlog.objects.filter(pk=account_id).values_list("history_total", flat=True)
    total = max(next(iter(totals), 0), left)
    return total - left, total


# --------------------------------------------------------------------------------------- taking


def due_accounts() -> list[int]:
    """Accounts with a run whose turn has come and without a reader at work. Those that fail are
    left alone until a poll has succeeded. Two index look-ups per account."""
    with connection.cursor() as cursor:
        cursor.execute(_sql("due_accounts"), {"history": Rank.HISTORY.value})
        rows = cursor.fetchall()
    at_work = Backlog.objects.filter(reader_until__gt=Now()).count() if rows else 0
    history = [pk for pk, is_urgent in rows if not is_urgent]
    return [pk for pk, is_urgent in rows if is_urgent] + history[: max(0, HISTORIANS - at_work)]


def claim(account_id: int) -> bool:
    """Take the account's readings for one worker."""
    parameters: dict[str, Any] = {"id": account_id, "lease": LEASE}
    with connection.cursor() as cursor:
        cursor.execute(_sql("claim"), parameters)
        return bool(cursor.rowcount)


def release_dead() -> None:
    """Accounts whose readers have died may be taken by others now."""
    with connection.cursor() as cursor:
        cursor.execute(_sql("release_dead"))


def release(account_id: int, rest: timedelta | None = None) -> None:
    """Let others take the account's readings, after `rest` if the provider wants to be left
    alone."""
    until = None if rest is None else Now() + rest
    Backlog.objects.filter(pk=account_id).update(reader_until=until, reader_backend=None)


def next_due(account_id: int, ranks: Sequence[Rank], most: int = 1) -> list[Due]:
    """The first runs whose turn it is, of the first of `ranks` that has one."""
    for rank in ranks:
        order = "r.sort_at DESC" if rank is Rank.HISTORY else "r.due_at"
        with connection.cursor() as cursor:
            cursor.execute(_sql("next_due", rank=rank.value, order=order), [account_id, most])
            if rows := cursor.fetchall():
                return [Due(row[0], row[1], Rank(row[2]), *row[3:]) for row in rows]
    return []


def is_due_soon(account_id: int) -> bool:
    """Whether the turn of a run that an open page shows comes within seconds, or there is history
    that only waits for room."""
    soon = database_clock.now() + SOON
    rows = Reading.objects.filter(account_id=account_id, due_at__lt=soon)
    return rows.exclude(rank=Rank.POLL).exists()


def finish(due: Sequence[Due], every: timedelta, over: Collection[int] = ()) -> None:
    """These were read. One that an open page shows comes again after `every`, unless it is among
    `over`; one that was asked for meanwhile comes again at once."""
    with connection.cursor() as cursor:
        for each in due:
            parameters: dict[str, Any] = {
                "id": each.execution_id,
                "taken": each.taken_at,
                "every": every,
                "over": each.execution_id in over,
            }
            cursor.execute(_sql("delete_if_done"), parameters)
            if not cursor.rowcount:
                cursor.execute(_sql("put_off"), parameters)


def drop(execution_id: int, wait: timedelta) -> None:
    """It cannot be read. While an open page shows it, it is tried again after `wait`."""
    mine = Reading.objects.filter(pk=execution_id)
    mine.filter(Q(watched_until=None) | Q(watched_until__lt=database_clock.now())).delete()
    mine.update(due_at=database_clock.now() + wait, tries=0)


def postpone(execution_id: int, wait: timedelta) -> None:
    """Its server could not answer this time."""
    Reading.objects.filter(pk=execution_id).update(tries=F("tries") + 1, due_at=Now() + wait)

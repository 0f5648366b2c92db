"""Reads the runs that `read_queue` says are due, one account at a time, inside the account's rate.

Called by `tasks`; calls `read_queue` for whose turn it is, the adapter, `storage.store` by way of
`poller`, the log, and `commands.reconciliation` with what was seen. Polls and commands come before
it: it leaves them a part of the account's burst, and reads history only while most of that is
unused."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count

from django.db import OperationalError

from executions.commands import reconciliation
from executions.live import publish
from executions.models import Execution, Rank
from executions.polling import log_fetcher, poller, read_queue
from executions.polling.read_queue import ORDER, Due
from executions.storage import telling_values, typical_durations
from providers.adapter import Adapter
from providers.contract import (
    AuthFailed,
    BadResponse,
    NotFound,
    ProviderError,
    RateLimited,
    Rejected,
    Snapshot,
    Unreachable,
    Unreadable,
)
from providers.models import ProviderAccount, open_account, remember
from providers.sealing import SealError

SLICE = 20.0  # seconds of work under one lease
HISTORY_AT_ONCE = 5  # runs stored with one statement
ROOM = 0.5  # share of the account's burst that must be unused before history is read
PAUSE = 0.2  # seconds between two looks for something due
TRIES = 3  # of a run whose server answers with an error
TRY_AGAIN = timedelta(seconds=20)
REST = timedelta(seconds=20)  # after an error of the whole account

log = logging.getLogger(__name__)
_idle = threading.BoundedSemaphore(8)
"""Readers of this process that may wait for the next turn of an open page; others are started
again by the next tick."""


def work(account_id: int) -> None:
    """Read what is due, for a while. Nothing if another worker holds the account."""
    if not read_queue.claim(account_id):
        return
    rest: timedelta | None = REST  # unless it ends as it should
    try:
        rest = _Reader(ProviderAccount.objects.get(pk=account_id)).run()
    finally:
        read_queue.release(account_id, rest)


class _Reader:
    def __init__(self, account: ProviderAccount) -> None:
        self.account = account
        self.changed_ids: list[int] = []

    def run(self) -> timedelta | None:
        """A slice of work. How long the account is to be left alone, None if it need not be."""
        try:
            adapter = open_account(self.account)
        except (ProviderError, SealError, KeyError) as error:
            return self._rest_after(error)
        adapter.http.reserve = poller.RESERVE
        try:
            self._read_for(SLICE, adapter)
        except (ProviderError, SealError) as error:
            return self._rest_after(error)
        finally:
            remember(self.account, adapter)
            if self.changed_ids:
                typical_durations.measure(self.changed_ids)
                telling_values.learn(self.changed_ids)
        return None

    def _rest_after(self, error: Exception) -> timedelta:
        log.info("runs of %s not read: %s", self.account, error)
        return REST

    def _read_for(self, seconds: float, adapter: Adapter) -> None:
        until = time.monotonic() + seconds
        for turn in count():
            if time.monotonic() > until:
                return
            due = self._next(turn, adapter)
            if due:
                self._read_all(due, adapter)
            elif not self._waits():
                return

    def _next(self, turn: int, adapter: Adapter) -> list[Due]:
        """The runs whose turn it is. History has a turn of its own, and every one that nobody
        else wants while there is room."""
        first = ORDER[turn % len(ORDER)]
        ranks = sorted(Rank, key=lambda rank: rank is not first)
        if first is not Rank.HISTORY:
            found = read_queue.next_due(self.account.pk, ranks[:-1])
            if found or adapter.http.room < ROOM:
                return found
            ranks = [Rank.HISTORY]
        return read_queue.next_due(self.account.pk, ranks, HISTORY_AT_ONCE)

    def _waits(self) -> bool:
        """Wait a moment for the next turn of a run that an open page shows, or for room. False:
        nothing comes up soon, or enough readers wait already."""
        if not read_queue.is_due_soon(self.account.pk) or not _idle.acquire(blocking=False):
            return False
        try:
            time.sleep(PAUSE)
        finally:
            _idle.release()
        return True

    def _read_all(self, due: Sequence[Due], adapter: Adapter) -> None:
        """Read and store these, and what hangs on them."""
        snapshots: list[Snapshot] = []
        read_at: dict[str, datetime] = {}
        done: list[Due] = []
        try:
            for each in due:
                read_at[each.ref] = each.taken_at
                if not each.wants_run:
                    done.append(each)
                elif (snapshot := self._read(each, adapter)) is not None:
                    snapshots.append(snapshot)
                    done.append(each)
        finally:
            poller.note_asked(self.account.pk, list(read_at))
            changed = self._store(snapshots, adapter, read_at) if snapshots else set()
            self._finish(done, changed, adapter)

    def _finish(self, done: Sequence[Due], changed: set[int], adapter: Adapter) -> None:
        """Give the places in the queue back, and read the logs of runs that are no history."""
        if not done:
            return
        if done[0].rank is Rank.HISTORY:
            read_queue.finish(done, adapter.pace.watched_every)
            publish.publish_rest([self.account.pk])
            return
        runs = Execution.objects.select_related("account")
        found = runs.in_bulk([each.execution_id for each in done])
        has_logs = log_fetcher.offers_logs(self.account)
        for each in done:
            run = found.get(each.execution_id)
            if run is not None and has_logs and (each.wants_log or run.pk in changed):
                self._fetch_log(run, adapter)
        ended = [run for run in found.values() if run.is_final]
        late = [run.pk for run in ended if has_logs and log_fetcher.may_grow(run)]
        over = {run.pk for run in ended} - set(late)
        read_queue.finish(done, adapter.pace.watched_every, over)
        read_queue.ask(late, Rank.POLL, run=False, after=log_fetcher.LATE)

    def _read(self, due: Due, adapter: Adapter) -> Snapshot | None:
        """One run. What concerns it alone does not stop the others; the rest is raised."""
        try:
            return adapter.snapshot(due.ref)
        except NotFound:
            poller.note_missing(self.account.pk, due.ref)
            read_queue.drop(due.execution_id, TRY_AGAIN)
        except (BadResponse, Rejected) as error:
            self._set_aside(due, str(error), adapter)
        except AuthFailed as error:
            if error.status != 403:
                raise
            self._set_aside(due, f"Not permitted: {error}", adapter)
        except Unreachable as error:
            read_queue.postpone(due.execution_id, TRY_AGAIN)
            if error.status is None:
                raise
            if due.tries + 1 >= TRIES:
                self._set_aside(due, str(error), adapter)
        return None

    def _set_aside(self, due: Due, reason: str, adapter: Adapter) -> None:
        record = Unreadable(ref=due.ref, reason=reason)
        poller.set_aside(self.account, [record], adapter.http.secrets)
        poller.note_unreadable(self.account.pk, due.ref)
        read_queue.drop(due.execution_id, TRY_AGAIN)

    def _store(
        self, snapshots: list[Snapshot], adapter: Adapter, read_at: Mapping[str, datetime]
    ) -> set[int]:
        """The ids of the runs that were written. Fresh news is not of an older poll."""
        self.account.refresh_from_db(fields=["poll_seq"])
        rows, _ = poller.store_and_tell(self.account, snapshots, adapter.http.secrets, read_at)
        reconciliation.confirm_observed(self.account.pk, list(read_at))
        changed = {row.execution_id for row in rows}
        self.changed_ids += changed
        return changed

    def _fetch_log(self, run: Execution, adapter: Adapter) -> None:
        try:
            log_fetcher.fetch(run, adapter)
        except RateLimited:
            raise
        except (ProviderError, OperationalError) as error:
            log.info("log of run %s not read: %s", run.pk, error)

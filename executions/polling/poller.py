"""Polls one claimed account: opens it, stores what it says, reads what its lists do not decide.

Called by `tasks` and the `poll` command; calls `storage.store`, `schedule`, `read_queue`, and
`live` after commit. A failed poll changes an account's health and the age of its data, never a
status. Discovery comes first and is never held up by readings: they have a few seconds of each
poll, and what is left over waits its turn as a row that `queue_reader` works at."""

from __future__ import annotations

import logging
import time
import traceback
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import connection, transaction

from executions.live import database_clock, publish
from executions.models import OPEN_STATUSES, Execution, Rank
from executions.polling import read_queue
from executions.polling.schedule import MISSES, Tally, finish
from executions.sql_files import statements
from executions.storage import key_backfill
from executions.storage.redaction import typed_secrets
from executions.storage.store import BATCH, NOW, Stored, quarantine, store
from providers import registry
from providers.adapter import Adapter
from providers.contract import (
    AuthFailed,
    BadResponse,
    NotFound,
    Phase,
    ProviderError,
    Rejected,
    Snapshot,
    Status,
    Unreachable,
    Unreadable,
)
from providers.credentials import SealError
from providers.models import ProviderAccount, open_account, remember
from providers.redaction import NOTHING, Secrets

_sql = statements(__file__)
log = logging.getLogger(__name__)

READ_FOR = 10.0  # seconds of one poll in which runs are read one by one
DETAILS = 200  # of them at most
RESERVE = 0.25  # share of the account's burst that readings leave to discovery and commands
BROKEN = 3  # of them that a server may answer with a 5xx before it counts as broken itself
STORE_MANY = 100  # of them in one statement, if they come fast
STORE_EVERY = 1.0  # seconds; what comes slowly is shown as it comes
OVERLAP = timedelta(minutes=10)  # how far a window reaches back over the last one
FIRST_WINDOW = timedelta(days=2)
MISS_EVERY = timedelta(minutes=5)  # 404s closer together count once
READ_BACK = timedelta(days=7)  # what ended well before that is stored as the list has it
RECENT = timedelta(hours=1)  # what ended before that is history when we first see it

OPEN = frozenset(OPEN_STATUSES)
SLOW = frozenset(status.value for status in Status if status.phase is Phase.HELD)


@dataclass(frozen=True)
class Known:
    """What is stored of a run, as far as a poll decides by it."""

    id: int
    status: str
    native_status: str
    progress: int | None
    is_detailed: bool
    is_missing: bool


# -------------------------------------------------------------------------------------- polling


def poll(account_id: int, poll_seq: int) -> Tally | None:
    """Poll one claimed account. None if the claim is not ours any more (a late message)."""
    account = ProviderAccount.objects.filter(pk=account_id, poll_seq=poll_seq).first()
    if account is None or account.lease_until is None or account.lease_until < database_clock.now():
        return None
    tally = Tally()
    started_at = database_clock.now()
    failure: Exception | None = None
    adapter: Adapter | None = None
    try:
        adapter = open_account(account)
        _Poll(account, adapter, tally).run()
    except (ProviderError, SealError) as error:
        failure = error
        tally.outcome, tally.error = getattr(error, "code", "misconfigured"), str(error)[:500]
    except Exception as error:  # noqa: BLE001 - logged without its text, which may hold a secret
        failure = error
        tally.outcome, tally.error = _what_broke(error, account, adapter)
        if account.last_error != tally.error:
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("account %s: %s\n%s", account.name, tally.error, where)
    if adapter is not None:
        tally.requests, tally.bytes = adapter.http.requests, adapter.http.bytes
        remember(account, adapter)
    if failure is None and (tally.quarantined or tally.left_over):
        tally.outcome = "partial"
    finish(account, poll_seq, started_at, tally, failure, adapter)
    return tally


def _what_broke(
    error: Exception, account: ProviderAccount, adapter: Adapter | None
) -> tuple[str, str]:
    """The outcome and a sentence for an error that no adapter may raise."""
    if not registry.is_known(account.provider):
        return "misconfigured", f"There is no provider named {account.provider}."
    detail = type(error).__name__
    if adapter is not None:  # only then are its secrets known
        detail = adapter.http.redact(f"{detail}: {error}")
    return "broken", f"Annunciator itself made a mistake while polling ({detail})."[:500]


class _Poll:
    """The work of one poll: discovery, then the open runs that it did not cover."""

    def __init__(self, account: ProviderAccount, adapter: Adapter, tally: Tally) -> None:
        self.account = account
        self.adapter = adapter
        self.tally = tally
        self.seen: set[str] = set()
        self.to_read: dict[str, Snapshot | None] = {}
        self.unknown: set[str] = set()
        self.history: list[int] = []
        """Stored from its list row alone, since it had ended before we first saw it."""
        self.undecided: list[int] = []
        """Those of them whose list row does not say how they ended."""
        self.broken = 0
        self.started_at = database_clock.now()
        self.read_at: dict[str, datetime] = {}
        """When the reading of a run began; of what a list tells, when the poll began."""

    def run(self) -> None:
        since = (self.account.covered_since or database_clock.now() - FIRST_WINDOW) - OVERLAP
        if self.account.covered_since is None:
            since = database_clock.now() - FIRST_WINDOW
        for page in _chunks(self.adapter.snapshots(since), BATCH):
            self._take(page)
        for ref, known in self._open_runs():
            if ref not in self.seen and self._is_turn(ref, known):
                self.to_read.setdefault(ref, None)
        read_queue.ask(self.undecided, Rank.POLL, log=False)
        read_queue.ask(self.history, Rank.HISTORY, log=False)
        self._read_details()

    def _take(self, page: list[Snapshot | Unreadable]) -> None:
        """Store what a page of the list decides; note which runs must be read by ref."""
        snapshots = []
        for record in page:
            if isinstance(record, Unreadable):
                set_aside(self.account, record, self.adapter.http.secrets)
                self.tally.quarantined += 1
            else:
                snapshots.append(record)
                self.seen.add(record.ref)
        known = _known(self.account.pk, [snapshot.ref for snapshot in snapshots])
        ready = []
        old: dict[str, Snapshot] = {}
        for snapshot in snapshots:
            if snapshot.ref not in known and self._is_history(snapshot):
                old[snapshot.ref] = snapshot
                ready.append(snapshot)
            elif not snapshot.needs_detail:
                ready.append(snapshot)
                if self._list_tells_too_little(snapshot, known.get(snapshot.ref)):
                    self.to_read[snapshot.ref] = snapshot
            elif self._wants_detail(snapshot, known.get(snapshot.ref)):
                self.to_read[snapshot.ref] = snapshot
                if snapshot.ref not in known:
                    self.unknown.add(snapshot.ref)
        for row in self._store(ready):
            if row.is_detailed or row.is_settled:
                continue
            if row.ref in old:
                if old[row.ref].status is Status.UNKNOWN:
                    self.undecided.append(row.execution_id)
                elif self._is_worth_reading(old[row.ref]):
                    self.history.append(row.execution_id)
            elif row.has_new_status:
                self.to_read.setdefault(row.ref, None)

    def _is_history(self, snapshot: Snapshot) -> bool:
        """Whether an unknown run had ended before we could see it going on. By its times as well:
        8x8 lists a run that was terminated without saying how it ended."""
        if not snapshot.status.is_final and snapshot.finished_at is None:
            return False
        ended = snapshot.finished_at or snapshot.started_at
        is_first_poll = self.account.covered_since is None
        return is_first_poll or (ended is not None and ended < self.started_at - RECENT)

    def _is_worth_reading(self, snapshot: Snapshot) -> bool:
        """Of long ago only what did not end well: the rest is read when a person opens it."""
        if snapshot.status not in (Status.SUCCEEDED, Status.CANCELED, Status.SKIPPED):
            return True
        ended = snapshot.finished_at or snapshot.started_at
        return ended is None or ended > self.started_at - READ_BACK

    def _list_tells_too_little(self, snapshot: Snapshot, known: Known | None) -> bool:
        if self._ended_otherwise(snapshot, known):
            return True
        if known is None or known.status not in OPEN or snapshot.status.is_final:
            return False
        return snapshot.steps is None and self._is_turn(snapshot.ref, known, is_decided=True)

    def _wants_detail(self, snapshot: Snapshot, known: Known | None) -> bool:
        if known is None:
            return True
        if known.native_status != snapshot.native_status[:60]:
            return True
        if known.status not in OPEN:
            return False  # final, and nothing says otherwise: read when a person opens it
        return self._is_turn(snapshot.ref, known)

    @staticmethod
    def _ended_otherwise(snapshot: Snapshot, known: Known | None) -> bool:
        """The list tells another end than is stored, in the same native word. `store` takes that
        from a reading by ref alone: Prefect records the failure of a task after the end of its
        run when it is busy (seen November 2026)."""
        if known is None or not known.is_detailed or known.status in OPEN:
            return False
        is_same_word = known.native_status == snapshot.native_status[:60]
        return is_same_word and snapshot.status.is_final and known.status != snapshot.status

    def _is_turn(self, ref: str, known: Known, is_decided: bool = False) -> bool:
        """Runs that wait, and those whose status the list has decided, are read every so many
        polls, each at its own turn: no clock is kept per run, so nothing is written for it."""
        pace = self.adapter.pace
        if known.status in SLOW:
            wait = pace.waiting_every
        elif is_decided:
            wait = pace.open_every
        else:
            return True
        every = self.account.poll_interval(is_busy=True)
        turns = max(1, round(wait / every))
        return (self.account.poll_seq + zlib.crc32(ref.encode())) % turns == 0

    def _open_runs(self) -> Iterator[tuple[str, Known]]:
        rows = Execution.objects.filter(account=self.account, status__in=OPEN_STATUSES)
        for ref, known in _as_known(rows):
            if not known.is_missing:
                yield ref, known

    def _read_details(self) -> None:
        """One by one, as long as there is time. What is left over, also because a reading failed,
        is stored as the list has it where it was not known at all, and waits its turn."""
        waiting = read_queue.waiting_refs(self.account.pk, list(self.to_read))
        left = sorted(self.to_read.keys() - waiting, key=self._place)
        until, most = time.monotonic() + READ_FOR, DETAILS
        batch: list[Snapshot] = []
        stored_at = time.monotonic()
        self.adapter.http.reserve = RESERVE
        try:
            while left and most and time.monotonic() < until:
                snapshot = self._read(left[0])
                most -= 1
                del left[0]
                if snapshot is not None:
                    batch.append(snapshot)
                if len(batch) >= STORE_MANY or time.monotonic() - stored_at > STORE_EVERY:
                    self._store(batch)
                    batch, stored_at = [], time.monotonic()
        finally:
            self._store(batch)
            self._leave(left)

    def _place(self, ref: str) -> tuple[bool, bool]:
        """What was not known at all comes first, and of that what goes on or waits for a person."""
        listed = self.to_read[ref]
        return ref not in self.unknown, listed is not None and listed.status.is_final

    def _leave(self, refs: list[str]) -> None:
        """To the readers. They work at known runs, so an unknown one is stored as it was listed."""
        if not refs:
            return
        self.tally.left_over = len(refs)
        known = _known(self.account.pk, refs)
        self._store([s for ref in refs if ref not in known and (s := self.to_read[ref])])
        ids = [run.id for run in _known(self.account.pk, refs).values()]
        read_queue.ask(ids, Rank.POLL, log=False)

    def _read(self, ref: str) -> Snapshot | None:
        """One run by its ref. What concerns this run alone does not stop the others."""
        self.read_at[ref] = database_clock.now()
        try:
            return self.adapter.snapshot(ref)
        except NotFound:
            note_missing(self.account.pk, ref)
        except (BadResponse, Rejected) as error:
            self._set_aside(ref, str(error))
        except AuthFailed as error:
            if error.status != 403:
                raise
            self._set_aside(ref, f"Not permitted: {error}")
        except Unreachable as error:
            self.broken += 1
            if error.status is None or self.broken > BROKEN:
                raise
            self._set_aside(ref, str(error))
        return None

    def _set_aside(self, ref: str, reason: str) -> None:
        set_aside(self.account, Unreadable(ref=ref, reason=reason), self.adapter.http.secrets)
        note_unreadable(self.account.pk, ref)
        self.tally.quarantined += 1

    def _store(self, snapshots: list[Snapshot]) -> list[Stored]:
        if not snapshots:
            return []
        read_at = {each.ref: self.read_at.get(each.ref, self.started_at) for each in snapshots}
        rows, bad = store_and_tell(self.account, snapshots, self.adapter.http.secrets, read_at)
        self.tally.seen += len(snapshots)
        self.tally.changed += len(rows)
        self.tally.quarantined += bad
        self.tally.changed_ids += [row.execution_id for row in rows]
        return rows


def set_aside(account: ProviderAccount, record: Unreadable, secrets: Secrets) -> None:
    """Keep a record that cannot be stored, without secrets of the account or typed into it."""
    typed = typed_secrets(account, [record.ref], secrets)
    quarantine(account.pk, record, typed.get(record.ref, secrets))


def store_and_tell(
    account: ProviderAccount,
    snapshots: list[Snapshot],
    secrets: Secrets = NOTHING,
    read_at: Mapping[str, datetime] = NOW,
) -> tuple[list[Stored], int]:
    """Store a batch and, after the commit, tell open pages which ids changed."""
    refs = [snapshot.ref for snapshot in snapshots]
    rules = key_backfill.rules_of(account.pk)
    rows, bad = store(
        account.pk,
        account.poll_seq,
        snapshots,
        read_at=read_at,
        secrets=secrets,
        typed=typed_secrets(account, refs, secrets),
        rules=rules,
    )
    key_backfill.report(rules)
    if rows:
        pairs = [(row.execution_id, row.version) for row in rows]
        new = [row.execution_id for row in rows if row.is_new]
        transaction.on_commit(lambda: publish.publish_runs(account.pk, pairs, new))
    return rows, bad


def refresh(execution: Execution) -> Snapshot | None:
    """Read one run now: after a command, or because a person looks at it. None: not there.

    Raises the contract's errors; changes no account health.
    """
    try:
        return read_now(execution.account, execution.ref)
    except NotFound:
        note_missing(execution.account_id, execution.ref)
        return None


def read_now(account: ProviderAccount, ref: str) -> Snapshot:
    """Read one run by its ref and store it at once, beside whatever poll is under way. Raises the
    contract's errors."""
    adapter = open_account(account)
    began_at = database_clock.now()
    try:
        snapshot = adapter.snapshot(ref)
    finally:
        remember(account, adapter)
    account.refresh_from_db(fields=["poll_seq"])  # fresh news is not of an older poll
    store_and_tell(account, [snapshot], adapter.http.secrets, {snapshot.ref: began_at})
    return snapshot


def note_missing(account_id: int, ref: str) -> None:
    """Count a 404 of a known run. Its status stays; after MISSES it is no longer asked for."""
    parameters: list[Any] = [account_id, ref, MISSES, MISS_EVERY]
    with connection.cursor() as cursor:
        cursor.execute(_sql("note_missing"), parameters)
        changed = [(row[0], row[1]) for row in cursor.fetchall()]
    if changed:
        transaction.on_commit(lambda: publish.publish_runs(account_id, changed))


def note_unreadable(account_id: int, ref: str) -> None:
    """An open run that could not be read twice: its status is what was last seen, and pages say so
    until it is read again. Unlike one that is missing it goes on being asked for."""
    with connection.cursor() as cursor:
        cursor.execute(
            _sql("note_unreadable"), [account_id, ref, list(OPEN_STATUSES), account_id, ref]
        )
        changed = [(row[0], row[1]) for row in cursor.fetchall()]
    if changed:
        transaction.on_commit(lambda: publish.publish_runs(account_id, changed))


def _known(account_id: int, refs: list[str]) -> dict[str, Known]:
    """What is stored of these runs; one query."""
    return dict(_as_known(Execution.objects.filter(account_id=account_id, ref__in=refs)))


def _as_known(rows: Iterable[Execution]) -> Iterator[tuple[str, Known]]:
    values = rows.values_list(  # type: ignore[attr-defined]
        "ref", "pk", "status", "native_status", "progress", "detail__read_at", "misses"
    )
    for ref, pk, status, native, progress, read_at, misses in values:
        yield ref, Known(pk, status, native, progress, read_at is not None, misses >= MISSES)


def _chunks(
    items: Iterable[Snapshot | Unreadable], size: int
) -> Iterator[list[Snapshot | Unreadable]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk

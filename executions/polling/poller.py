"""Polls one claimed account: opens it, stores what it says, reads what its lists do not decide.

Called by `tasks` and the `poll` command; calls `storage.store`, `schedule`, `read_queue`, and
`live` after commit. A failed poll changes an account's health and the age of its data, never a
status. Discovery comes first and is never held up by readings: they have a few seconds of each
poll, and what is left over waits its turn as a row that `read_queue_worker` works at."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction

from executions import database_clock
from executions.live import publish
from executions.models import FINAL_STATUSES, OPEN_STATUSES, Execution, Rank
from executions.polling import engine_components, poll_traces, read_queue, schedule
from executions.polling.schedule import MISSES, Tally, finish
from executions.sql_sections import statements
from executions.storage import key_rules
from executions.storage.snapshot_redaction import typed_secrets
from executions.storage.store import BATCH, NOW, Stored, quarantine, store
from providers import registry
from providers.adapter import Adapter
from providers.contract import (
    AuthFailed,
    BadResponse,
    Component,
    NotFound,
    Phase,
    ProviderError,
    RateLimited,
    Rejected,
    Snapshot,
    Status,
    Unreachable,
    Unreadable,
)
from providers.models import ProviderAccount, open_account, remember
from providers.redaction import NOTHING, Secrets
from providers.sealing import SealError

_sql = statements(__file__)
log = logging.getLogger(__name__)

READ_FOR = 10.0  # seconds of one poll in which runs are read one by one
DETAILS = 200  # of them at most
RESERVE = 0.25  # share of the account's burst that readings leave to discovery and commands
BROKEN = 3  # of them that a server may answer with a 5xx before it counts as broken itself
STORE_MANY = DETAILS  # of them in one statement, if they come fast
STORE_EVERY = 1.0  # seconds; what comes slowly is shown as it comes
OVERLAP = timedelta(minutes=10)  # how far a window reaches back over the last one
FIRST_WINDOW = timedelta(days=2)
READ_BACK = timedelta(days=7)  # what ended well before that is stored as the list has it
MISS_EVERY = timedelta(minutes=1)  # 404s closer together count once
RARELY = timedelta(hours=1)  # between two looks at a run whose status nobody understands, at most
ODD_LIST = 5  # open runs, of which a list that names none is odd
ODD_EVERY = timedelta(minutes=5)  # between two looks at a run, while the list is odd
MOST_WORDS = 20
WALK_ITEMS = 50_000  # records of one walk through the list
WALK_REQUESTS = 200
WALK_FOR = 60.0  # seconds
RECENT = timedelta(hours=1)  # what ended before that is history when we first see it

MOST_COMPONENTS = 30  # of one engine
ONE_OF_THEM = (BadResponse, Rejected, NotFound)
"""Errors of a call for several runs that one of them may cause."""

FINAL = frozenset(FINAL_STATUSES)
OPEN = frozenset(OPEN_STATUSES) - {Status.UNKNOWN.value}
SLOW = frozenset(status.value for status in Status if status.phase is Phase.HELD)


@dataclass(frozen=True)
class Known:
    """What is stored of a run, as far as a poll decides by it."""

    id: int
    status: str
    native_status: str
    progress: int | None
    is_detailed: bool
    misses: int
    changed_at: datetime
    asked_at: datetime | None

    @property
    def is_missing(self) -> bool:
        return self.misses >= MISSES


# -------------------------------------------------------------------------------------- polling


def poll(account_id: int, poll_seq: int) -> Tally | None:
    """Poll one claimed account. None if the claim is not ours any more (a late message)."""
    account = ProviderAccount.objects.filter(pk=account_id, poll_seq=poll_seq).first()
    if account is None or not schedule.hold(account_id, poll_seq):
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
    except schedule.ClaimLost:
        log.warning("account %s: a poll lost its claim and stopped", account.name)
        return None
    except Exception as error:  # noqa: BLE001 - logged without its text, which may hold a secret
        failure = error
        tally.outcome, tally.error = _what_broke(error, account, adapter)
        if account.last_error != tally.error:
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("account %s: %s\n%s", account.name, tally.error, where)
    if adapter is not None:
        tally.requests, tally.bytes = adapter.http.requests, adapter.http.bytes
        tally.trace = poll_traces.trace_of(account, adapter.http, has_failed=failure is not None)
        remember(account, adapter)
    if failure is None and tally.is_truncated:
        tally.outcome = "truncated"
    elif failure is None and (tally.quarantined or tally.left_over):
        tally.outcome = "partial"
    finish(account, poll_seq, started_at, tally, failure, adapter)
    return tally


def _what_broke(
    error: Exception, account: ProviderAccount, adapter: Adapter | None
) -> tuple[str, str]:
    """The outcome and a sentence for an error that no adapter may raise."""
    if not registry.is_known(account.provider):
        return "misconfigured", f"There is no provider named {account.provider}."
    if isinstance(error, OperationalError | InterfaceError):
        return "database", (
            "The database was too slow, or broke off, while this poll was stored; the next poll "
            "reads it again."
        )
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
        self.asked: list[str] = []
        """Asked for by ref, whatever came of it."""
        self.last_asked: dict[str, datetime | None] = {}
        self.words: set[str] = set()
        """Of statuses that the adapter does not know."""
        self.warnings: dict[str, Any] = dict(account.poll_warnings)
        self.renewed_at = time.monotonic()
        self.read_at: dict[str, datetime] = {}
        """When the reading of a run began; of what a list tells, when the poll began."""

    def run(self) -> None:
        self._walk(self._since())
        self._look_for_absent()
        read_queue.ask(self.undecided, Rank.POLL, log=False)
        read_queue.ask(self.history, Rank.HISTORY, log=False)
        self._look_at_engine()
        try:
            self._read_details()
        finally:
            self._note_words()
            self.tally.warnings = self.warnings

    def _since(self) -> datetime:
        """How far back the list is asked for. After a walk that did not end, half as far, and half
        of that, until one ends."""
        now = self.started_at
        since = now - FIRST_WINDOW
        if self.account.covered_since is not None:
            since = self.account.covered_since - OVERLAP
        tries = self.warnings.get("truncated", {}).get("tries", 0)
        longest = max(FIRST_WINDOW / 2 ** min(tries, 12), OVERLAP)
        return max(since, now - longest) if tries else since

    def _walk(self, since: datetime) -> None:
        """The whole list, within bounds of items, requests and time. Raises the contract's errors,
        and `schedule.ClaimLost`."""
        page: list[Snapshot | Unreadable] = []
        items, stale = 0, 0
        http = self.adapter.http
        with http.bounded(WALK_REQUESTS, WALK_FOR):
            try:
                for record in self.adapter.snapshots(since):
                    http.exchanges.count_record()
                    page.append(record)
                    items += 1
                    if len(page) >= BATCH:
                        stale = 0 if self._take(page) else stale + 1
                        page = []
                        if items >= WALK_ITEMS or stale > 1:
                            self.tally.is_truncated = True
                            break
            except ProviderError:
                if not (http.is_spent and items):
                    raise
                self.tally.is_truncated = True
        self._take(page)
        if self.tally.is_truncated:
            old = self.warnings.get("truncated", {"since": self.started_at.isoformat(), "tries": 0})
            self.warnings["truncated"] = {**old, "tries": old["tries"] + 1, "items": items}
        else:
            self.warnings.pop("truncated", None)

    def _look_for_absent(self) -> None:
        """Open runs that the list did not name: each is read by its ref, at its own pace. A list
        that names none of them at all is not believed, and they are read rarely."""
        open_runs = dict(self._open_runs())
        absent = open_runs.keys() - self.seen
        decided = [ref for ref, known in open_runs.items() if known.status in OPEN]
        is_odd = len(decided) >= ODD_LIST and not self.seen.intersection(decided)
        if is_odd and not self.tally.is_truncated:
            old = self.warnings.get("empty_list", {"since": self.started_at.isoformat()})
            self.warnings["empty_list"] = {**old, "open": len(decided)}
        else:
            self.warnings.pop("empty_list", None)
        for ref in absent:
            if self._is_turn(ref, open_runs[ref], is_absent=True, is_odd=is_odd):
                self.to_read.setdefault(ref, None)

    def _note_words(self) -> None:
        """Which words of its runs the adapter does not know, since when; logged once each."""
        old: dict[str, str] = self.warnings.pop("words", {})
        if not (old or self.words):
            return
        runs = Execution.objects.filter(account=self.account, status=Status.UNKNOWN)
        found = runs.filter(native_status__in=[*old, *self.words])
        now = self.started_at.isoformat()
        words = {word: old.get(word, now) for word in found.values_list("native_status", flat=True)}
        if words:
            self.warnings["words"] = dict(sorted(words.items())[:MOST_WORDS])
        for word in sorted(set(words) - set(old))[:MOST_WORDS]:
            log.warning(
                "account %s: its provider calls runs %r, an unknown word", self.account.name, word
            )

    def _look_at_engine(self) -> None:
        """How its parts are, now and then. What stands in the way of that stops no poll."""
        if not self.adapter.can(Adapter.engine):
            self.warnings.pop("engine", None)
            return
        old: dict[str, Any] = self.warnings.get("engine", {})
        looked_at = old.get("looked_at")
        every = self.adapter.pace.engine_every
        if looked_at and datetime.fromisoformat(looked_at) > self.started_at - every:
            return
        try:
            found = list(islice(self.adapter.engine(), MOST_COMPONENTS))
        except RateLimited:
            raise
        except ProviderError as error:
            found = [Component(name="health", is_well=False, message=str(error))]
        self.warnings["engine"] = engine_components.noted(old, found, self.started_at)

    def _keep_claim(self) -> None:
        if time.monotonic() - self.renewed_at > schedule.LEASE.total_seconds() / 4:
            schedule.renew(self.account.pk, self.account.poll_seq)
            self.renewed_at = time.monotonic()

    def _take(self, page: list[Snapshot | Unreadable]) -> bool:
        """Store what a page of the list decides; note which runs must be read by ref. False if it
        names no run that was not seen before."""
        self._keep_claim()
        before = len(self.seen)
        snapshots = [record for record in page if isinstance(record, Snapshot)]
        bad = [record for record in page if isinstance(record, Unreadable)]
        set_aside(self.account, bad, self.adapter.http.secrets)
        self.tally.quarantined += len(bad)
        self.seen.update(snapshot.ref for snapshot in snapshots)
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
        return len(self.seen) > before

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
        if known.status in FINAL:
            return False  # and nothing says otherwise: read when a person opens it
        return self._is_turn(snapshot.ref, known)

    @staticmethod
    def _ended_otherwise(snapshot: Snapshot, known: Known | None) -> bool:
        """The list tells another end than is stored, in the same native word. `store` takes that
        from a reading by ref alone: Prefect records the failure of a task after the end of its
        run when it is busy (seen November 2026)."""
        if known is None or not known.is_detailed or known.status not in FINAL:
            return False
        is_same_word = known.native_status == snapshot.native_status[:60]
        return is_same_word and snapshot.status.is_final and known.status != snapshot.status

    def _is_turn(
        self,
        ref: str,
        known: Known,
        *,
        is_decided: bool = False,
        is_absent: bool = False,
        is_odd: bool = False,
    ) -> bool:
        """Whether it is time to ask for this run again, by when it was last asked for. One with an
        unknown status is asked for after as long as it has been so, an hour at most."""
        pace = self.adapter.pace
        if known.status == Status.UNKNOWN:
            wait = max(pace.waiting_every, min(self.started_at - known.changed_at, RARELY))
        elif is_absent and known.misses:
            wait = MISS_EVERY
        elif is_odd:
            wait = ODD_EVERY
        elif known.status in SLOW:
            wait = pace.waiting_every
        elif is_decided or is_absent:
            wait = pace.open_every
        else:
            wait = pace.detail_every
        self.last_asked[ref] = known.asked_at
        return known.asked_at is None or known.asked_at <= self.started_at - wait

    def _open_runs(self) -> Iterator[tuple[str, Known]]:
        rows = Execution.objects.filter(account=self.account, status__in=OPEN_STATUSES)
        for ref, known in _as_known(rows):
            if not known.is_missing:
                yield ref, known

    def _read_details(self) -> None:
        """One by one, as long as there is time. What is left over, also because a reading failed,
        is stored as the list has it where it was not known at all, and waits its turn."""
        waiting = read_queue.waiting_refs(self.account.pk, list(self.to_read))
        self.tally.left_over = sum(not is_watched for is_watched in waiting.values())
        left = sorted(self.to_read.keys() - waiting.keys(), key=self._place)
        until, most = time.monotonic() + READ_FOR, DETAILS
        batch: list[Snapshot] = []
        stored_at = time.monotonic()
        self.adapter.http.reserve = RESERVE
        try:
            while left and most > 0 and time.monotonic() < until:
                refs = left[: self._at_once(most)]
                batch += self._read_some(refs)
                most -= len(refs)
                del left[: len(refs)]
                if len(batch) >= STORE_MANY or time.monotonic() - stored_at > STORE_EVERY:
                    self._store_read(batch)
                    batch, stored_at = [], time.monotonic()
        finally:
            self._store_read(batch)
            self._leave(left)
            note_asked(self.account.pk, self.asked)

    def _store_read(self, batch: list[Snapshot]) -> None:
        """What was read by ref; whoever asked for it before this poll has it now."""
        self._store(batch)
        read_queue.note_read(self.account.pk, [each.ref for each in batch], self.started_at)

    def _at_once(self, most: int) -> int:
        can = self.adapter.can(Adapter.details)
        return min(most, self.adapter.details_at_once) if can else 1

    def _read_some(self, refs: list[str]) -> list[Snapshot]:
        """With one call where the adapter has one; one by one where that fails by one of them."""
        if len(refs) > 1:
            now = database_clock.now()
            self._keep_claim()
            try:
                found = list(self.adapter.details(refs))
            except ONE_OF_THEM:
                pass
            else:
                self.read_at.update(dict.fromkeys(refs, now))
                self.asked += refs
                return self._readable(refs, found)
        return [snapshot for ref in refs if (snapshot := self._read(ref)) is not None]

    def _readable(self, refs: list[str], found: list[Snapshot | Unreadable]) -> list[Snapshot]:
        """The snapshots of several runs; the others are set aside, or not there."""
        snapshots = [each for each in found if isinstance(each, Snapshot)]
        for each in found:
            if isinstance(each, Unreadable):
                self._set_aside(each.ref, each.reason)
        for ref in set(refs) - {each.ref for each in found}:
            note_missing(self.account.pk, ref)
        return snapshots

    def _place(self, ref: str) -> tuple[bool, bool, bool, datetime | None]:
        """What was not known at all comes first, and of that what goes on or waits for a person;
        then what was not asked for the longest time."""
        listed = self.to_read[ref]
        at = self.last_asked.get(ref)
        is_over = listed is not None and listed.status.is_final
        return ref not in self.unknown, is_over, at is not None, at

    def _leave(self, refs: list[str]) -> None:
        """To the readers. They work at known runs, so an unknown one is stored as it was listed."""
        if not refs:
            return
        self.tally.left_over += len(refs)
        known = _known(self.account.pk, refs)
        self._store([s for ref in refs if ref not in known and (s := self.to_read[ref])])
        ids = [run.id for run in _known(self.account.pk, refs).values()]
        read_queue.ask(ids, Rank.POLL, log=False)

    def _read(self, ref: str) -> Snapshot | None:
        """One run by its ref. What concerns this run alone does not stop the others."""
        self.read_at[ref] = database_clock.now()
        self.asked.append(ref)
        self._keep_claim()
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
        set_aside(self.account, [Unreadable(ref=ref, reason=reason)], self.adapter.http.secrets)
        note_unreadable(self.account.pk, ref)
        self.tally.quarantined += 1

    def _store(self, snapshots: list[Snapshot]) -> list[Stored]:
        if not snapshots:
            return []
        self.words |= {
            snapshot.native_status[:60]
            for snapshot in snapshots
            if snapshot.status is Status.UNKNOWN and snapshot.status_reason != "cause_unknown"
        }
        read_at = {each.ref: self.read_at.get(each.ref, self.started_at) for each in snapshots}
        rows, bad = store_and_tell(
            self.account, snapshots, self.adapter.http.secrets, read_at,
            is_first=self.account.covered_since is None,
        )  # fmt: skip
        self.tally.seen += len(snapshots)
        self.tally.changed += len(rows)
        self.tally.quarantined += bad
        self.tally.changed_ids += [row.execution_id for row in rows]
        return rows


def set_aside(account: ProviderAccount, records: list[Unreadable], secrets: Secrets) -> None:
    """Keep records that cannot be stored, without secrets of the account or typed into them."""
    if records:
        typed = typed_secrets(account, [record.ref for record in records], secrets)
        quarantine(account.pk, records, secrets, typed)


def store_and_tell(
    account: ProviderAccount,
    snapshots: list[Snapshot],
    secrets: Secrets = NOTHING,
    read_at: Mapping[str, datetime] = NOW,
    *,
    is_first: bool = False,
) -> tuple[list[Stored], int]:
    """Store a batch and, after the commit, tell open pages which ids changed. `is_first`: of the
    account's first poll."""
    refs = [snapshot.ref for snapshot in snapshots]
    rules = key_rules.rules_of(account.pk)
    rows, bad = store(
        account.pk,
        account.poll_seq,
        snapshots,
        read_at=read_at,
        secrets=secrets,
        typed=typed_secrets(account, refs, secrets),
        rules=rules,
        is_first=is_first,
    )
    key_rules.report(rules)
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
        "ref", "pk", "status", "native_status", "progress", "detail__read_at", "misses",
        "changed_at", "last_asked__at",
    )  # fmt: skip
    for ref, pk, status, native, progress, read_at, *more in values:
        yield ref, Known(pk, status, native, progress, read_at is not None, *more)


def note_asked(account_id: int, refs: list[str]) -> None:
    """These were asked for by their refs just now, whatever came of it."""
    if refs:
        with connection.cursor() as cursor:
            cursor.execute(_sql("note_asked"), [account_id, refs])

"""When an account is polled: claims with a lease, and what follows a good or a bad poll.

Called by `tasks` and `poller`. A claim is one UPDATE; the account of a worker that died is
released within seconds, else when the lease is over. Every time is the database's own.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from executions import database_clock
from executions.live import publish
from executions.models import Execution
from executions.polling.poll_traces import Trace
from executions.sql_sections import statements
from providers import exact_json, registry
from providers.adapter import Adapter
from providers.contract import AuthFailed, RateLimited
from providers.models import Health, ProviderAccount
from providers.sealing import SealError

_sql = statements(__file__)

LEASE: timedelta = settings.ANNUNCIATOR_LEASE * 4 / 3
LONGEST_BACKOFF = timedelta(minutes=15)
PER_ORIGIN = 16  # polls under way at one origin; half of a poller's threads
FAILING_AT_ONCE = 8  # of accounts that failed last time, which may hang
FAILING_PER_ORIGIN = 4
MISSES = 2  # 404s after which a run is no longer asked for

log = logging.getLogger(__name__)


@dataclass
class Tally:
    """What one poll did; becomes its PollRun."""

    seen: int = 0
    changed: int = 0
    quarantined: int = 0
    left_over: int = 0
    is_truncated: bool = False
    warnings: dict[str, Any] | None = None
    """What an administrator should know of the account; None: as before."""
    requests: int = 0
    bytes: int = 0
    outcome: str = "ok"
    error: str = ""
    changed_ids: list[int] = field(default_factory=list)
    trace: Trace | None = None


# ------------------------------------------------------------------------------------- claiming


def claim_due(limit: int = 200) -> list[tuple[int, int]]:
    """Take the accounts that are due, the longest due first: (id, poll number). One UPDATE; no
    other worker gets them until the lease is over or the poll says when it wants to come back.
    Those that fail, and those of one origin, hold no more workers than their share: so one
    provider that hangs makes no other late."""
    bounds = {"lease": LEASE, "limit": limit, "origin": PER_ORIGIN, "failing": FAILING_AT_ONCE,
              "failing_origin": FAILING_PER_ORIGIN}  # fmt: skip
    return _claimed("claim_due", bounds)


def claim(account_id: int) -> int | None:
    """Take one account now, due or not; its poll number, None if another worker has it."""
    claimed = _claimed("claim", {"lease": LEASE, "id": account_id})
    return claimed[0][1] if claimed else None


def _claimed(statement: str, parameters: dict[str, Any]) -> list[tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_sql(statement), parameters)
        return [(row[0], row[1]) for row in cursor.fetchall()]


def hold(account_id: int, poll_seq: int) -> bool:
    """Hold a claim by the connection of this thread. False if the claim is not ours any more."""
    with connection.cursor() as cursor:
        cursor.execute(_sql("hold"), [account_id, poll_seq])
        return bool(cursor.rowcount)


def release_dead() -> None:
    """Claims whose pollers have died are due again now. One of which only the connection is lost
    may be claimed while it goes on: what it stores then is of an older poll, and is ignored."""
    with connection.cursor() as cursor:
        cursor.execute(_sql("release_dead"))


class ClaimLost(Exception):
    """Another worker has the account, or it was edited: this poll is over."""


def renew(account_id: int, poll_seq: int) -> None:
    """Keep a claim while the poll goes on. Raises ClaimLost."""
    parameters: list[Any] = [LEASE, LEASE, account_id, poll_seq]
    with connection.cursor() as cursor:
        cursor.execute(_sql("renew"), parameters)
        if not cursor.rowcount:
            raise ClaimLost


# -------------------------------------------------------------------------------- what follows


def backoff(failures: int, every: timedelta) -> timedelta:
    """Doubling from the interval up to LONGEST_BACKOFF, half of it by chance."""
    longest: timedelta = min(every * 2 ** min(failures, 12), LONGEST_BACKOFF)
    return longest * random.uniform(0.5, 1.0)


def finish(
    account: ProviderAccount,
    poll_seq: int,
    started_at: datetime,
    tally: Tally,
    failure: Exception | None,
    adapter: Adapter | None,
) -> None:
    """Record the attempt and decide when the account is due again; two statements."""
    old_health = account.health
    if failure is None and adapter is not None:
        health, wait = Health.OK, _wait_after_success(account)
    else:
        health, wait = _after_failure(account, failure, adapter)
    skew = adapter.http.server_skew if adapter is not None else None
    changes: dict[str, Any] = {
        "health": health.value,
        "outcome": tally.outcome,
        "error": tally.error,
        "requests": tally.requests,
        "bytes": tally.bytes,
        "seen": tally.seen,
        "changed": tally.changed,
        "quarantined": tally.quarantined,
        "ok": failure is None,
        "started": started_at,
        "covered": failure is None and not tally.is_truncated,
        "warnings": None if tally.warnings is None else exact_json.written(tally.warnings),
        "skew": skew,
        "wait": wait,
        "id": account.pk,
        "seq": poll_seq,
        "revision": account.revision,
    }
    with transaction.atomic():
        if tally.trace is not None:
            tally.trace.store(
                account.pk, poll_seq, started_at, tally.outcome, tally.error, failure is not None
            )
        with connection.cursor() as cursor:
            cursor.execute(_sql("finish"), changes)
            if not cursor.rowcount:  # edited meanwhile: its new settings decide
                mine = ProviderAccount.objects.filter(pk=account.pk, poll_seq=poll_seq)
                mine.update(lease_until=None, next_poll_at=Now())
    if health != old_health:
        publish.publish_health(account.pk, health.value)
        write = log.info if health == Health.OK else log.warning
        write("account %s is %s. %s", account.name, health.label, tally.error)


def _interval_now(account: ProviderAccount) -> timedelta:
    """The normal interval, by whether something is going on."""
    is_busy = Execution.objects.filter(
        account=account, status__in=("queued", "running"), misses__lt=MISSES
    ).exists()
    return account.poll_interval(is_busy=is_busy)


def _wait_after_success(account: ProviderAccount) -> timedelta:
    """The normal interval. Accounts that are polled late, as all are after a stop, are spread over
    one, so that they do not stay in step."""
    every = _interval_now(account)
    last = account.last_poll_at
    is_late = last is None or last < database_clock.now() - 3 * every
    return every * (random.uniform(0.5, 1.5) if is_late else random.uniform(0.95, 1.05))


def _after_failure(
    account: ProviderAccount, failure: Exception | None, adapter: Adapter | None
) -> tuple[Health, timedelta]:
    every = account.poll_interval(is_busy=True) if adapter else timedelta(minutes=1)
    if isinstance(failure, AuthFailed | SealError) or not registry.is_known(account.provider):
        return Health.AUTH, LONGEST_BACKOFF
    if isinstance(failure, RateLimited):  # never sooner than if nothing had been said
        wait = timedelta(seconds=failure.retry_after)
        if adapter is not None:
            wait = max(wait, _interval_now(account))
        return Health.FAILING, wait * random.uniform(1.0, 1.1)
    wait = backoff(account.failures + 1, every)
    if account.is_blind and account.blind_until:  # looked at again as soon as the test is over
        wait = min(wait, account.blind_until - database_clock.now() + timedelta(seconds=1))
    return Health.FAILING, wait

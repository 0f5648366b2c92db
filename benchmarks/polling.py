"""The poll path against bare `requests`, and what a poll writes when nothing has changed.

The poll is the product's own: claim, adapter, normalize, store, publish, finish. Runs that the
provider's list does not name are read one by one, so a poll costs one GET per run plus the list.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import requests
from django.db import connection, transaction
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from benchmarks.alternating_rounds import Figure, interleaved, median_ratio, spread
from executions import tasks
from executions.models import Execution, LastAsked, PollRun
from executions.polling import schedule
from executions.polling.poller import store_and_tell
from providers.http import CONNECT_TIMEOUT, READ_TIMEOUT, USER_AGENT
from providers.models import ProviderAccount, open_account

KEY = "benchmark-key"
THREADS = 32
LATENCY = 50  # ms
RUNS = 200  # of one account; a poll reads no more one by one
RUNS_PER_THREAD = 60
GOAL = 0.6
WRITES = ("INSERT", "UPDATE", "DELETE", "WITH INCOMING", "WITH RECORDED", "MERGE", "COPY")
BOOKKEEPING = ("providers_provideraccount", "executions_pollrun", "executions_polltrace")


def make_account(server: str, world: str, runs: int, latency: int = 0) -> ProviderAccount:
    """An account whose open runs are stored already."""
    account = ProviderAccount.objects.create(
        name=world, provider="generio", settings={"base_url": f"{server}/{world}/0"}
    )
    account.set_credentials({"api_key": KEY}, by="benchmark")
    adapter = open_account(account)
    seen = [adapter.snapshot(f"{world}-{number:05}") for number in range(runs)]
    store_and_tell(account, seen, adapter.http.secrets)
    account.settings = {"base_url": f"{server}/{world}/{latency}"}
    account.save()
    return account


def poll(account_id: int) -> None:
    """One poll of one account in which every run is due."""
    make_due(account_id)
    poll_what_is_due(account_id)


def make_due(account_id: int) -> None:
    LastAsked.objects.filter(execution__account=account_id).delete()


def poll_what_is_due(account_id: int) -> None:
    """One poll of one account, as a worker does it."""
    seq = schedule.claim(account_id)
    assert seq is not None
    tasks.poll(account_id, seq)


def bare_session() -> requests.Session:
    """The same settings as the product's door: no environment, the same headers."""
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    session.headers.update(
        {
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "gzip",
            "Accept": "application/json",
            "Authorization": f"Bearer {KEY}",
        }
    )
    return session


def bare_loop(session: requests.Session, urls: list[str]) -> None:
    for url in urls:
        session.get(url, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)).json()


@dataclass
class _Worker:
    """One thread with its account and its own session, so that connections are kept."""

    account: ProviderAccount
    runs: int

    def __post_init__(self) -> None:
        self.pool = ThreadPoolExecutor(1)
        self.session = bare_session()
        base = self.account.settings["base_url"].replace("/moving-", "/bare-")
        name = self.account.name
        self.urls = [f"{base}/flows/{name}-{number:05}" for number in range(self.runs)]
        self.urls.append(f"{base}/flows")  # the poll asks for the list as well

    def poll(self) -> Any:
        return self.pool.submit(poll, self.account.pk)

    def bare(self) -> Any:
        return self.pool.submit(bare_loop, self.session, self.urls)


def rate(workers: list[_Worker], begin: Callable[[_Worker], Any]) -> float:
    """Requests per second of all workers together."""
    started = time.perf_counter()
    for future in [begin(worker) for worker in workers]:
        future.result()
    return sum(len(worker.urls) for worker in workers) / (time.perf_counter() - started)


def _compare(workers: list[_Worker]) -> list[tuple[float, float]]:
    pairs = interleaved(lambda: rate(workers, _Worker.poll), lambda: rate(workers, _Worker.bare))
    _check_changed(workers)
    return pairs


def _check_changed(workers: list[_Worker]) -> None:
    """Every poll changed every run: else it was not the full path that was measured."""
    accounts = [worker.account.pk for worker in workers]
    polls = PollRun.objects.filter(account__in=accounts)
    for failed in polls.exclude(outcome="ok"):
        raise SystemExit(f"A poll failed, so the figure is void: {failed.outcome} {failed.error}")
    changed = polls.aggregate(sum=Sum("changed"))["sum"]
    expected = polls.count() * workers[0].runs
    assert changed == expected, f"{expected - changed} of {expected} runs had not changed"


def path_figures(server: str) -> list[Figure]:
    alone = [_Worker(make_account(server, f"moving-{RUNS}", RUNS), RUNS)]
    one = _compare(alone)
    many = [
        _Worker(make_account(server, f"moving-{number}", RUNS_PER_THREAD, LATENCY), RUNS_PER_THREAD)
        for number in range(THREADS)
    ]
    threaded = _compare(many)
    share = statistics.median(ours for ours, _ in threaded) / (THREADS * 1000 / LATENCY)
    for worker in alone + many:
        worker.pool.shutdown()
    name = "poll path, every run changed, / bare requests"
    return [
        Figure(f"{name}, 1 thread", median_ratio(one), goal=GOAL, note=spread(one)),
        Figure(
            f"{name}, {THREADS} threads, {LATENCY} ms",
            median_ratio(threaded),
            goal=GOAL,
            note=spread(threaded),
        ),
        Figure(f"  the same / what {THREADS} threads at {LATENCY} ms could do", share),
    ]


# ------------------------------------------------------------------------------- unchanged runs


@dataclass(frozen=True)
class Cost:
    """What one poll did to the database."""

    statements: int
    """That may write, whether they did or not."""
    tuples: int
    """Inserted, updated and deleted in all tables but the poll's own bookkeeping."""
    wal: int
    """Bytes."""


def cost_of_poll(account_id: int) -> Cost:
    """What a poll writes in which every run is due."""
    make_due(account_id)
    return cost_of(lambda: poll_what_is_due(account_id))


def cost_of(work: Callable[[], Any]) -> Cost:
    """Runs `work` in this thread, in one transaction, and reads what that transaction and this
    connection wrote: others may write as they like meanwhile."""
    wal = _wal()
    with transaction.atomic(), CaptureQueriesContext(connection) as queries:
        before = _tuples()
        work()
        tuples = _tuples() - before
    written = sum(each["sql"].strip().upper().startswith(WRITES) for each in queries)
    return Cost(written, tuples, _wal() - wal)


def _tuples() -> int:
    return int(
        _value(
            "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) "
            "FROM pg_stat_xact_user_tables WHERE NOT relname LIKE ANY(%s)",
            [f"{name}%" for name in BOOKKEEPING],
        )
    )


def _wal() -> int:
    """Of this connection, as far as it has been counted: from the end of a transaction on."""
    _value("SELECT pg_stat_force_next_flush()")
    return int(_value("SELECT wal_bytes FROM pg_stat_get_backend_wal(pg_backend_pid())"))


def _value(sql: str, *params: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def unchanged_figures(server: str) -> list[Figure]:
    listed = make_account(server, "still-1000", 0)
    poll(listed.pk)
    changed = make_account(server, "stepping-1000", 0)
    poll(changed.pk)
    for _ in range(2):
        poll(changed.pk)
    still, moving = cost_of_poll(listed.pk), cost_of_poll(changed.pk)
    assert Execution.objects.filter(account=listed).count() == 1000
    what = "a poll of 1,000 unchanged runs"
    return [
        Figure(f"{what}: statements that may write", still.statements, goal=6, way="at most"),
        Figure(f"{what}: rows written", still.tuples, goal=0, way="at most"),
        Figure(
            f"{what}: WAL / that of 1,000 changed ones",
            still.wal / moving.wal,
            goal=0.02,
            way="at most",
        ),
    ]

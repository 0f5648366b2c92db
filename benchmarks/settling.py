"""Storing a success, and the sweep, among many failures of its workflow that other orders left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count

from django.db import connection
from django.utils import timezone

from benchmarks.alternating_rounds import ROUNDS, Figure, interleaved, median_ratio, spread
from executions.models import CorrelationRule, Execution, Workflow
from executions.storage import settled_by_success
from executions.storage.key_rules import rules_of
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status
from providers.models import ProviderAccount

FEW, MANY = 100, 100_000
GOAL = 2.0
FAILURES = """
INSERT INTO executions_execution (
    account_id, workflow_id, ref, name, status, status_reason, native_status, message,
    error_summary, error_key, started_at, finished_at, observed_at, changed_at, sort_at, offers,
    url, misses, version, poll_seq, provider_version, is_keyed)
SELECT w.account_id, w.id, 'order-' || n, 'PO-' || n, 'failed', '', 'failed', '', '', '', at,
    at + interval '70 seconds', now(), at, at, '{}', '', 0, 1, 1, '', true
FROM executions_workflow w CROSS JOIN LATERAL (
    SELECT n, now() - interval '1 hour' - n * interval '90 seconds' AS at
    FROM generate_series(1, %s) n) made
WHERE w.id = %s
"""
KEYS = """
INSERT INTO executions_runkey (execution_id, account_id, name, value, text, sort_at)
SELECT id, account_id, 'order', lower(name), name, sort_at FROM executions_execution
WHERE workflow_id = %s AND status = 'failed'
"""


def figures() -> Iterator[Figure]:
    few, many = _account(FEW), _account(MANY)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE executions_execution, executions_runkey")
    pairs = interleaved(_timed(lambda: _succeed(many)), _timed(lambda: _succeed(few)), 3 * ROUNDS)
    yield Figure(
        f"a success among {MANY:,} other orders that failed / {FEW}",
        median_ratio(pairs), goal=GOAL, way="at most", note=spread(pairs),
    )  # fmt: skip
    left = Execution.objects.filter(account=many, status="failed", settled_at__isnull=True)
    yield Figure("  orders that it settled", MANY - left.count(), goal=0, way="at most")
    sweep = _timed(settled_by_success.sweep)
    yield Figure("  the sweep of them all", min(sweep() for _ in range(ROUNDS)) * 1000, " ms")


def _account(failures: int) -> ProviderAccount:
    account = ProviderAccount.objects.create(name=f"Orders {failures}", provider="generio")
    CorrelationRule.objects.create(account=account, name="order", source="name")
    _succeed(account)
    workflow = Workflow.objects.get(account=account)
    with connection.cursor() as cursor:
        cursor.execute(FAILURES, [failures, workflow.pk])
        cursor.execute(KEYS, [workflow.pk])
    return account


_numbers = count()


def _succeed(account: ProviderAccount) -> None:
    """A run of yet another order that goes well, as a poll stores it."""
    number, now = next(_numbers), timezone.now()
    run = Snapshot(
        ref=f"good-{number}", name=f"PO-good-{number}", status=Status.SUCCEEDED,
        native_status="done", workflow=contract.Workflow(ref="w", name="Order intake"),
        started_at=now - timedelta(minutes=1), finished_at=now,
    )  # fmt: skip
    store(account.pk, 1, [run], rules=rules_of(account.pk))


def _timed(act: Callable[[], object]) -> Callable[[], float]:
    """Seconds."""

    def timed() -> float:
        began = time.perf_counter()
        act()
        return time.perf_counter() - began

    return timed

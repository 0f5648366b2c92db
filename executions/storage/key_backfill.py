"""The key rules of an account over its stored runs again.

After a change of rules `ask` leaves a row; `due` finds it and `carry_on` works at it in slices,
newest runs first, so that a worker that dies costs a slice. Runs keep what the rules of today find
in them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Q

from executions import database_clock
from executions.live import publish
from executions.models import Execution, KeySearch
from executions.payloads import business_keys
from executions.payloads.business_keys import Rule
from executions.sql_sections import statements
from executions.storage import settled_by_success
from executions.storage.key_rules import report, rules_of
from providers.models import ProviderAccount
from providers.redaction import MASK

_sql = statements(__file__)

DAYS = 7  # looked back after a change, unless the caller says otherwise
MOST_DAYS = 90
MOST_RUNS = 50_000  # of one search
BATCH = 50  # runs in memory at once: their values may be large
SLICE = 20.0  # seconds of work under one lease
LEASE = timedelta(seconds=60)
DETAILED = ("input", "output", "raw")


def found_in(rules: Sequence[Rule], run: Execution) -> list[business_keys.Key]:
    """The keys of a stored run. Its secrets were masked when it was stored."""
    detail = getattr(run, "detail", None)
    sources: dict[str, Any] = {"name": run.name, "ref": run.ref, "error": run.error_summary}
    if detail is not None:
        sources["error"] = detail.error or run.error_summary
        for name in {rule.source for rule in rules} & set(DETAILED):
            sources[name] = getattr(detail, name)
    return [key for key in business_keys.find(rules, sources) if MASK not in key.text]


def newest_runs(account: ProviderAccount, rules: Sequence[Rule], limit: int) -> list[Execution]:
    """Runs with what the rules look at, newest first."""
    return list(_with_sources(Execution.objects.filter(account=account), rules)[:limit])


def newest_in_turn(
    account: ProviderAccount, rules: Sequence[Rule], limit: int, at_once: int
) -> Iterator[Execution]:
    """The same, `at_once` in memory, each with its workflow."""
    rows = _with_sources(Execution.objects.filter(account=account), rules)
    for start in range(0, limit, at_once):
        found = list(rows.select_related("detail", "workflow")[start : start + at_once])
        yield from found
        if len(found) < at_once:
            return


def ask(account: ProviderAccount, days: int, by: User | None) -> KeySearch | None:
    """Look through the account's runs of the last days again; a search under way starts anew."""
    if days <= 0:
        return None
    now = database_clock.now()
    search, _ = KeySearch.objects.update_or_create(
        account=account,
        defaults={
            "since": now - timedelta(days=min(days, MOST_DAYS)),
            "asked_by": by,
            "asked_at": now,
            "reached": None,
            "reached_id": 0,
            "looked_at": 0,
            "found": 0,
            "lease_until": None,
            "finished_at": None,
        },
    )
    return search


def due() -> list[int]:
    """Accounts with a search that nobody works at."""
    now = database_clock.now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    return list(
        KeySearch.objects.filter(free, finished_at__isnull=True).values_list("pk", flat=True)
    )


def carry_on(account_id: int) -> None:
    """One slice of a search. Nothing if it is over or another worker holds it."""
    now = database_clock.now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    mine = KeySearch.objects.filter(free, pk=account_id, finished_at__isnull=True)
    if not mine.update(lease_until=now + LEASE):
        return
    search = KeySearch.objects.get(pk=account_id)
    rules = rules_of(account_id)
    deadline = time.monotonic() + SLICE
    while time.monotonic() < deadline:
        runs = _next_runs(search, rules)
        if not _keep(search, runs, rules):
            return  # asked for anew meanwhile
        if search.finished_at is not None:
            break
    report(rules)
    publish.publish_rest([account_id])
    KeySearch.objects.filter(pk=account_id, asked_at=search.asked_at).update(lease_until=None)


def _next_runs(search: KeySearch, rules: Sequence[Rule]) -> list[Execution]:
    rows = Execution.objects.filter(account_id=search.pk, sort_at__gte=search.since)
    if search.reached is not None:
        rows = rows.filter(
            Q(sort_at__lt=search.reached) | Q(sort_at=search.reached, pk__lt=search.reached_id),
            sort_at__lte=search.reached,
        )
    return list(_with_sources(rows, rules)[: min(BATCH, MOST_RUNS - search.looked_at)])


def _with_sources(rows: Any, rules: Sequence[Rule]) -> Any:
    """In list order, with no more of the large columns than the rules look at."""
    unread = [f"detail__{name}" for name in DETAILED if name not in {r.source for r in rules}]
    return rows.select_related("detail").defer(*unread).order_by("-sort_at", "-pk")


@transaction.atomic
def _keep(search: KeySearch, runs: list[Execution], rules: Sequence[Rule]) -> bool:
    """Write the keys of these runs and how far the search is. False: the search is another."""
    held = KeySearch.objects.select_for_update().filter(pk=search.pk, asked_at=search.asked_at)
    if not held.exists():
        return False
    wanted = [
        (run.pk, key.name, key.value, key.text, run.sort_at)
        for run in runs
        for key in found_in(rules, run)
    ]
    _replace(search.pk, [run.pk for run in runs], wanted)
    may_come = any(rule.needs_detail for rule in rules)
    settled_by_success.note_keys(search.pk, [run.pk for run in runs], may_come=may_come)
    search.looked_at += len(runs)
    search.found += len(wanted)
    if runs:
        search.reached, search.reached_id = runs[-1].sort_at, runs[-1].pk
    if len(runs) < BATCH or search.looked_at >= MOST_RUNS:
        search.finished_at = database_clock.now()
    search.lease_until = database_clock.now() + LEASE
    search.save()
    return True


def _replace(account_id: int, run_ids: list[int], wanted: list[tuple[Any, ...]]) -> None:
    """Two statements; keys that stay are not written."""
    columns = list(zip(*wanted, strict=True)) if wanted else [()] * 5
    parameters: dict[str, Any] = {
        "runs": run_ids,
        "account": account_id,
        "ids": list(columns[0]),
        "names": list(columns[1]),
        "values": list(columns[2]),
        "texts": list(columns[3]),
        "times": list(columns[4]),
    }
    with connection.cursor() as cursor:
        cursor.execute(_sql("delete_other_keys"), parameters)
        cursor.execute(_sql("write_keys"), parameters)

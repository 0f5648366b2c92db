"""The list page at 100,000 rows against 1,000 rows, for every filter, as two kinds of people.

A page is compared with the same page of the small table if that shows as many rows, else with the
small table's plain page: drawing rows costs more than finding them, and must not pass for it.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from benchmarks.alternating_rounds import ROUNDS, Figure
from benchmarks.page_timing_process import Pages
from benchmarks.population import DORMANT, ERRORS, EVERY_SECONDS, FAILING
from executions.payloads.error_fingerprint import error_key
from executions.search.cursor import Cursor

SMALL, LARGE = 1000, 100_000
GOAL, MOST_QUERIES = 1.5, 8
AN_ERROR = error_key(ERRORS[0])
FILTERS = {
    "everything": "",
    "a big account": "account=1",
    "a small account": "account=9",
    "a dormant account": f"account={DORMANT}",
    "two accounts": "account=2&account=5",
    "all but one account": "not_account=1",
    "a provider": "provider=generio",
    "a workflow": "workflow=1",
    "a rare workflow": "workflow=20",
    "all but a workflow": "not_workflow=1",
    "a common status": "status=succeeded",
    "a status of some": "status=failed",
    "a rare, old status": "status=skipped",
    "a status that none has": "status=unknown",
    "a lamp": "lamp=failed",
    "two lamps": "lamp=failed&lamp=needs_you",
    "no good news": "not_lamp=done",
    "account and status": f"account={FAILING}&status=failed",
    "account and rare status": "account=9&status=skipped",
    "workflow and status": "workflow=1&status=failed",
    "workflow and rare status": "workflow=1&status=skipped",
    "last hour": "started=1h",
    "last 7 days": "started=7d",
    "an old day": "from=2020-01-01T00:00&to=2020-01-02T00:00",
    "last 30 days, failed": "started=30d&status=failed",
    "last 30 days, one account": "started=30d&account=9",
    "ended in the last day": "finished=24h",
    "ended, failed": "finished=30d&lamp=failed",
    "ended, one account": "finished=7d&account=9",
    "ended, a workflow": "finished=30d&workflow=1",
    "ended, by start": "finished=7d&sort=newest",
    "by end": "sort=finished",
    "by end, rare status": "sort=finished&status=skipped",
    "oldest first": "sort=oldest",
    "took long": "took_min=1h",
    "took little": "took_max=2m",
    "took never": "took_min=90d&took_max=91d",
    "unresolved": "is=unresolved",
    "unresolved, failed": "lamp=failed&is=unresolved",
    "unresolved, one account": "is=unresolved&account=9",
    "unresolved, a workflow": "is=unresolved&workflow=1",
    "unresolved, an error": f"is=unresolved&error={AN_ERROR}",
    "unresolved, a text": "is=unresolved&q=ledger",
    "in hand": "is=in_hand",
    "ended today": "lamp=done&finished=today",
    "overdue": "is=overdue",
    "overdue, one account": "is=overdue&account=9",
    "waiting for me": "is=mine",
    "waiting for an hour": "waiting=1h",
    "stale": "is=stale",
    "an input value": "q=order-700",
    "an old input value": "q=order-990",
    "an input value of many": "q=eur",
    "a common input value and status": "q=eur&status=failed",
    "text in a workflow's name": "q=Invoice",
    "text in an error": "q=ledger timed",
    "text in a name": "q=PO-2026-4",
    "an identifier": "q=run-500",
    "text found nowhere": "q=zebra",
    "text and status": "q=Invoice&status=failed",
    "an error": f"error={AN_ERROR}",
    "an error, ended lately": f"error={AN_ERROR}&finished=24h",
    "an error that none has": "error=0123456789abcdef",
    "all but an error": f"not_error={AN_ERROR}",
    "an error in one account": f"error={AN_ERROR}&account={FAILING}&status=failed",
    "a business key": "key=PO-2026-500",
    "a key of many runs": "key=site+1",
    "a key and a status": "key=site+1&lamp=failed",
    "all but a key": "not_key=site+1",
    "ended in the last hour": "finished=1h",
    "all kinds at once": "q=Invoice&account=1&lamp=failed&started=7d",
}


def figures() -> Iterator[Figure]:
    small, large = Pages(SMALL), Pages(LARGE)
    try:
        plain = small.get("admin", "/")["rows"]
        assert plain == 50, plain
        queries = 0
        for user, who in (("admin", "superuser"), ("vik", "viewer with hidden accounts")):
            for name, query in FILTERS.items():
                ratio, note, used = _compare(small, large, user, f"/?{query}" if query else "/")
                queries = max(queries, used)
                yield Figure(f"{who}: {name}", ratio, goal=GOAL, way="at most", note=note)
        yield Figure("most queries of a list page", queries, goal=MOST_QUERIES, way="at most")
        yield _depth(large)
    finally:
        small.close()
        large.close()


def _compare(small: Pages, large: Pages, user: str, path: str) -> tuple[float, str, int]:
    """The median of the paired ratios, what was compared, and the queries of the large page."""
    page, of_small = large.get(user, path), small.get(user, path)
    reference = path if of_small["rows"] == page["rows"] else "/"
    ratios = []
    for _ in range(ROUNDS):
        first, second = large.get(user, path, 3), small.get(user, reference, 3)
        ratios.append(min(first["seconds"]) / min(second["seconds"]))
    note = f"{page['rows']} rows, {page['queries']} queries"
    if reference != path:
        note += f"; small table has {of_small['rows']}, so against its plain page"
    return statistics.median(ratios), note, max(page["queries"], of_small["queries"])


def _depth(large: Pages) -> Figure:
    """A page far down against the first one, at the same size."""
    half_way = datetime.now(UTC) - timedelta(seconds=LARGE / 2 * EVERY_SECONDS)
    deep = f"/?before={Cursor(half_way, 0)}"
    ratios = []
    for _ in range(ROUNDS):
        first, second = large.get("admin", deep, 3), large.get("admin", "/", 3)
        ratios.append(min(first["seconds"]) / min(second["seconds"]))
    return Figure(
        "a page half way down / the first page", statistics.median(ratios), goal=GOAL, way="at most"
    )

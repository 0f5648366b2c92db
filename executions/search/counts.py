"""Counts that stay bounded: kept counters where they know the answer, else capped ones."""

from __future__ import annotations

from django.db import connection

from executions.models import StatusCount
from executions.search.access_paths import accounts_of, workflows_of
from executions.search.conditions import BY_END, BY_START, conditions, every
from executions.search.filters import Filters
from executions.search.scan_sql import finding_sql
from providers.contract import Status

CAP = 1000  # counts above say "1,000+"
NEWEST = 200  # matches counted where no index can count them; of more, "at least"


def counts(filters: Filters) -> tuple[dict[str, int], bool]:
    """How many runs in each status obey the filter, its status part left out; and whether they
    are only lower bounds. A count above CAP means "more than CAP". One query."""
    ids = filters.account_ids()
    if filters.is_counted:
        kept = StatusCount.objects.all()
        if ids is not None:
            kept = kept.filter(account_id__in=ids)
        found: dict[str, int] = {}
        for status, number in kept.values_list("status", "count"):
            found[status] = found.get(status, 0) + number
        return found, False
    if not filters.is_ranged:
        return _counts_of_newest(filters)
    return _counts_by_status(filters, ids), False


def _counts_by_status(filters: Filters, ids: list[int] | None) -> dict[str, int]:
    """Capped, per status: for a list that asks for what an index counts, so for no text."""
    if ids is None and (filters.is_by_end or filters.finished.is_set):
        ids = list(filters.accounts)
    asked = conditions(filters)
    times = (asked[key] for key in (*BY_START, *BY_END) if key in asked)
    where, params = every(("x.status = s.v", ()), *times)
    runs = f"SELECT 1 FROM executions_execution x WHERE {where}"  # noqa: S608 - our own words
    if filters.workflow_ids() or ids is not None:
        rows, own, condition = accounts_of(ids or [])
        if filters.workflow_ids():
            rows, own, condition = workflows_of(filters.workflow_ids(), ids)
        each = f"{runs} AND {condition.format('a.v')} LIMIT {CAP + 1}"
        runs = f"SELECT 1 FROM {rows} a(v) CROSS JOIN LATERAL ({each}) y"  # noqa: S608
        params = (*own, *params)
    sql = (
        f"SELECT s.v, (SELECT count(*) FROM ({runs} LIMIT {CAP + 1}) z) "  # noqa: S608
        "FROM unnest(%s::text[]) s(v)"
    )
    with connection.cursor() as db:
        db.execute(sql, [*params, [s.value for s in Status]])
        return dict(db.fetchall())


def _counts_of_newest(filters: Filters) -> tuple[dict[str, int], bool]:
    """Among the first that match, and whether there are more."""
    most = CAP if filters.is_open_only else NEWEST
    anything = Filters(**{**vars(filters), "values": dict(filters.values)})
    anything.excluded = {**filters.excluded, "status": [], "lamp": []}
    anything.values.update(status=[], lamp=[])
    if anything.is_impossible:
        return {}, False
    sql, params = finding_sql(anything, None, is_newer=False, limit=most + 1)
    with connection.cursor() as db:
        db.execute(
            f"SELECT f.what, x.status, count(*) FROM ({sql}) f "  # noqa: S608 - our own words only
            "LEFT JOIN LATERAL (SELECT status FROM executions_execution "
            "WHERE id = f.id AND f.what = 'hit' LIMIT 1) x ON true GROUP BY 1, 2",
            params,
        )
        found = db.fetchall()
    hits = {status: number for what, status, number in found if what == "hit"}
    is_cut = any(what == "end" for what, _, _ in found) or sum(hits.values()) > most
    return hits, is_cut

"""Counts that stay bounded: kept counters where they know the answer, else capped ones."""

from __future__ import annotations

from django.db import connection

from executions.models import StatusCount
from executions.search.filters import Filters
from executions.search.scan_sql import finding_sql
from executions.search.scans import Driver, within, workflows_of
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
    is_by_end = filters.is_by_end or filters.finished.is_set
    if is_by_end:
        where, params = within("x.finished_at", filters.finished)
        where = f"x.finished_at IS NOT NULL{f' AND {where}' if where else ''}"
        ids = list(filters.accounts) if ids is None else ids
    else:
        where, params = within("x.sort_at", filters.started)
    where = f" AND {where}" if where else ""
    driver, own = "executions_execution x", ""
    if filters.workflow_ids() or ids is not None:
        values: Driver = ("unnest(%s::bigint[])", [ids], "x.account_id = {}")
        if filters.workflow_ids():
            values = workflows_of(filters.workflow_ids(), ids)
        driver = (
            f"{values[0]} a(v) CROSS JOIN LATERAL (SELECT 1 FROM executions_execution x "  # noqa: S608
            f"WHERE {values[2].format('a.v')} AND x.status = s.v{where} LIMIT {CAP + 1}) y"
        )
        params = [*values[1], *params]
    else:
        own = f"WHERE x.status = s.v{where}"
    sql = (
        "SELECT s.v, (SELECT count(*) FROM "  # noqa: S608 - built from our own words only
        f"(SELECT 1 FROM {driver} {own} LIMIT {CAP + 1}) z) FROM unnest(%s::text[]) s(v)"
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

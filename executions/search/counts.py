"""Counts that stay bounded: kept counters where they know the answer, else capped ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from executions.search.access_paths import accounts_of, workflows_of
from executions.search.conditions import BY_END, BY_START, conditions, every
from executions.search.filters import Filters
from executions.search.merged_scans import finding_sql
from providers.contract import Status

CAP = 1000  # counts above say "1,000+"
NEWEST = 200  # matches counted where no index can count them; of more, "at least"


Statement = tuple[str, list[Any]]  # rows (what, status, number), and its parameters


Counted = tuple[dict[str, int], bool]  # by status; whether they are only lower bounds


@dataclass(frozen=True)
class Lamps:
    """What the lamps of a list count."""

    now: Counted
    """Of the list itself, by status, its own status part left out. A count above CAP means "more
    than CAP"."""
    bare: Counted
    """The same without what a lamp asks for."""
    today: Counted
    lit: dict[str, int]
    """Unresolved runs by status, without those in hand."""
    in_hand: dict[str, int]
    is_least: bool
    also: dict[str, list[tuple[str, str, int]]]
    """The rows of what was asked along with them."""


def lamps(
    filters: Filters,
    *,
    bare: Filters | None,
    today: Filters,
    unresolved: Filters,
    also: Mapping[str, Statement],
) -> Lamps:
    """Of a list, of it without what a lamp asks for (None: it asks for nothing), of one for an end
    in a range, of one for unresolved runs, and whatever else the page counts. One query."""
    statements = {"now": _statement(filters), "today": _statement(today)}
    if bare is not None:
        statements["bare"] = _statement(bare)
    statements |= {name: (*own, None) for name, own in also.items()}
    if not unresolved.is_impossible:
        finding, own = finding_sql(unresolved, None, is_newer=False, limit=CAP + 1)
        statements["unresolved"] = (
            "SELECT CASE WHEN x.assignee_id IS NULL THEN 'lit' ELSE 'in_hand' END, x.status, "  # noqa: S608
            f"count(*) FROM ({finding}) f JOIN executions_execution x ON x.id = f.id GROUP BY 1, 2",
            own,
            None,
        )
    selects = [
        f"SELECT '{name}', q.* FROM ({sql}) q(what, status, number)"  # noqa: S608 - our own words
        for name, (sql, _, _) in statements.items()
    ]
    rows: dict[str, list[tuple[str, str, int]]] = {name: [] for name in ("unresolved", *statements)}
    with connection.cursor() as db:
        params = [value for _, own, _ in statements.values() for value in own]
        db.execute(" UNION ALL ".join(selects), params)
        for name, *row in db.fetchall():
            rows[name].append(tuple(row))
    held = rows["unresolved"]
    now = _read(rows["now"], statements["now"][2])
    return Lamps(
        now=now,
        bare=_read(rows["bare"], statements["bare"][2]) if "bare" in rows else now,
        today=_read(rows["today"], statements["today"][2]),
        lit={status: number for what, status, number in held if what == "lit"},
        in_hand={status: number for what, status, number in held if what == "in_hand"},
        is_least=sum(number for *_, number in held) > CAP,
        also={name: rows[name] for name in also},
    )


def _read(rows: Sequence[tuple[str, str, int]], most: int | None) -> Counted:
    hits = {status: number for what, status, number in rows if what == "hit"}
    is_cut = any(what == "end" for what, _, _ in rows)
    return hits, is_cut or (most is not None and sum(hits.values()) > most)


def _statement(filters: Filters) -> tuple[str, list[Any], int | None]:
    """Rows (`hit`, status, number), and `end` for a search that stopped early; and the number of
    hits above which there are more, if it is not capped by status."""
    if filters.is_counted:
        return *_kept(filters.account_ids()), None
    if filters.is_ranged:
        return *_by_status(filters, filters.account_ids()), None
    return _of_newest(filters)


def _kept(ids: list[int] | None) -> Statement:
    where, params = ("", []) if ids is None else (" WHERE account_id = ANY(%s)", [ids])
    sql = "SELECT 'hit', status, sum(count)::bigint FROM executions_statuscount"
    return f"{sql}{where} GROUP BY status", params


def _by_status(filters: Filters, ids: list[int] | None) -> tuple[str, list[Any]]:
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
        f"SELECT 'hit', s.v, (SELECT count(*) FROM ({runs} LIMIT {CAP + 1}) z) "  # noqa: S608
        "FROM unnest(%s::text[]) s(v)"
    )
    return sql, [*params, [s.value for s in Status]]


def _of_newest(filters: Filters) -> tuple[str, list[Any], int]:
    """Among the first that match, and whether there are more."""
    most = CAP if filters.is_few_only else NEWEST
    anything = Filters(**{**vars(filters), "values": dict(filters.values)})
    anything.excluded = {**filters.excluded, "status": [], "lamp": []}
    anything.values.update(status=[], lamp=[])
    if anything.is_impossible:
        return "SELECT ''::text, ''::text, 0::bigint WHERE false", [], most
    sql, params = finding_sql(anything, None, is_newer=False, limit=most + 1)
    statement = (
        f"(SELECT f.what, x.status, count(*) FROM ({sql}) f "  # noqa: S608 - our own words only
        "LEFT JOIN LATERAL (SELECT status FROM executions_execution "
        "WHERE id = f.id AND f.what = 'hit' LIMIT 1) x ON true GROUP BY 1, 2)"
    )
    return statement, params, most

"""One statement that finds the places of a list's runs: one short index scan per account, status or
workflow, merged, and a window for what no index serves."""

from __future__ import annotations

from math import prod
from typing import Any

from executions.search.access_paths import Driver, Source, holding_sql, in_order, sources
from executions.search.conditions import Condition, conditions, every
from executions.search.cursor import Cursor
from executions.search.filters import Filters

WINDOW = 300  # runs looked at where no index serves the order
FEW = 3  # scans whose rows are read from the table at once


def finding_sql(
    filters: Filters, cursor: Cursor | None, *, is_newer: bool, limit: int
) -> tuple[str, list[Any]]:
    """Rows (what, at, id): each hit, and an `end` for a search that stopped early."""
    way = "ASC" if goes_up(filters, is_newer) else "DESC"
    ctes: list[str] = []
    selects: list[str] = []
    params: list[Any] = []
    part = _part(filters, cursor, way)
    column = _column(filters)
    if filters.text:
        holding, own = holding_sql(filters.text)
        ctes.append(f"held AS MATERIALIZED ({holding})")
        params += own
    for number, source in enumerate(sources(filters)):
        residual, residual_params = source.residual
        size = WINDOW if residual else limit
        scan, scan_params = _scan(source, column, every(part, source.inside), way, size)
        ctes.append(f"seen{number} AS MATERIALIZED ({scan})")
        check = f"WHERE {residual}" if residual else ""
        ctes.append(
            f"hit{number} AS (SELECT at, id FROM seen{number} x {check} "  # noqa: S608
            f"ORDER BY at {way}, id {way} LIMIT {limit})"
        )
        params += [*scan_params, *residual_params]
        selects.append(f"SELECT 'hit' AS what, at, id FROM hit{number}")  # noqa: S608
        if residual:
            selects.append(
                f"(SELECT 'end', at, id FROM seen{number} "  # noqa: S608 - our own words
                f"ORDER BY at {way}, id {way} OFFSET {WINDOW - 1} LIMIT 1)"
            )
    return f"WITH {', '.join(ctes)} {' UNION '.join(selects)}", params


def _scan(source: Source, by: str, where: Condition, way: str, size: int) -> tuple[str, list[Any]]:
    """The first `size` rows of one source, one index scan per driving value.

    What is read of many driving values is in the index; only rows of which more must be checked
    are fetched from the table, and by their key: the planner would rather read all of it.
    """
    residual = source.residual[0]
    is_direct = bool(residual) and _values_in(source.drivers) <= FEW
    tables, params, matched = [], [], []
    lead = ""
    for number, (rows, own, condition) in enumerate(source.drivers):
        tables.append(f"{rows} d{number}(v)")
        params += own
        matched.append(condition.format(f"d{number}.v"))
    if matched:
        # Ordered by the driving column first, which changes nothing but the plan: else, for a value
        # whose rows are all old, it walks through everything newer. An equation would make that
        # column a constant, and the planner leave it out of the order.
        column = matched[0].split(" = ")[0]
        matched[0] = f"{column} = ANY(ARRAY[d0.v])"
        lead = f"{column} {'ASC' if way == 'DESC' else 'DESC'}, "
    matched += [where[0]] if where[0] else []
    matches = " AND ".join(matched) or "true"
    columns = f"{by} AS at, x.id{_CHECKED}" if is_direct else f"{by} AS at, x.id"
    keys = (
        f"SELECT {columns} FROM executions_execution x "  # noqa: S608 - our own words only
        f"WHERE {matches} ORDER BY {lead}{by} {way}, x.id {way} LIMIT {size}"
    )
    if tables:
        joined = " CROSS JOIN ".join(tables)
        order = f"ORDER BY at {way}, id {way} LIMIT {size}"
        keys = f"SELECT e.* FROM {joined} CROSS JOIN LATERAL ({keys}) e {order}"  # noqa: S608
    if residual and not is_direct:
        keys = f"SELECT k.at, r.* FROM ({keys}) k CROSS JOIN LATERAL ({_FETCH}) r"  # noqa: S608
    return keys, [*params, *where[1]]


_CHECKED = (
    ", x.status, x.workflow_id, x.name, x.ref, x.error_summary, x.sort_at, x.started_at, "
    "x.finished_at, x.error_key, x.telling_values"
)
_FETCH = f"SELECT x.id{_CHECKED} FROM executions_execution x WHERE x.id = k.id LIMIT 1"  # noqa: S608


def _values_in(drivers: list[Driver]) -> int:
    """How many scans there will be; a driver that asks the database counts as many."""
    sizes = [len(own[0]) if rows.startswith("unnest") else FEW + 1 for rows, own, _ in drivers]
    return prod(sizes)


def _part(filters: Filters, cursor: Cursor | None, way: str) -> Condition:
    """The part of the order that is asked for."""
    asked = conditions(filters)
    beyond: Condition = ("", ())
    if cursor:
        sign = ">" if way == "ASC" else "<"
        beyond = (f"({_column(filters)}, x.id) {sign} (%s, %s)", (cursor.at, cursor.id))
    return every(*(asked[key] for key in in_order(filters) if key in asked), beyond)


def _column(filters: Filters) -> str:
    return "x.finished_at" if filters.is_by_end else "x.sort_at"


def goes_up(filters: Filters, is_newer: bool) -> bool:
    """Whether the rows are wanted from the oldest on."""
    return (filters.order == "oldest") != is_newer

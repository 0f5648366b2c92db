"""Finds the runs of a list: keyset pages over (sort_at, id).

Nothing here uses OFFSET or walks an unbounded part of the table. What an index can serve in order
is read in order (one short scan per account, status or workflow, merged); what it cannot serve
(names, error texts, a status within a workflow) is looked for in the newest `WINDOW` runs, and
the page says how far back it looked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import prod
from typing import Any

from django.db import connection

from executions.filters import Filters
from executions.models import OPEN_COMMAND_STATES, PROBLEM_STATUSES, Execution

PAGE = 50
WINDOW = 1000  # runs looked at where no index serves the order
FEW = 3  # scans whose rows are read from the table at once
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What the table says of a command: open ones, and for a while those that went wrong.
TROUBLED_COMMANDS = ("rejected", "needs_person")
TROUBLED_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class Cursor:
    """A place in the order of the list."""

    sort_at: datetime
    id: int

    def __str__(self) -> str:
        return f"{(self.sort_at - EPOCH) // timedelta(microseconds=1)}-{self.id}"

    @classmethod
    def of(cls, execution: Execution) -> Cursor:
        return cls(execution.sort_at, execution.pk)

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """None for what is not a cursor."""
        moment, _, number = text.partition("-")
        try:
            if len(text) < 40 and text.isascii() and int(number) < 2**63:
                return cls(EPOCH + timedelta(microseconds=int(moment)), int(number))
        except (ValueError, OverflowError):
            pass
        return None


@dataclass
class Page:
    """Rows newest first. Each carries `workflow_name` and the columns of its newest command."""

    rows: list[Execution]
    has_newer: bool = False
    older: Cursor | None = None
    searched_to: datetime | None = None
    """Set where the search stopped before it had looked at everything."""


Driver = tuple[str, list[Any], str]  # rows of one column v, their parameters, the condition


@dataclass
class _Source:
    """One way to find rows: scans that an index serves in order, and what is left to check."""

    drivers: list[Driver]
    residual: str = ""
    residual_params: tuple[Any, ...] = ()


def page(
    filters: Filters,
    cursor: Cursor | None = None,
    *,
    is_newer: bool = False,
    limit: int = PAGE,
) -> Page:
    """The page after `cursor`, or the one before it with `is_newer`. Two queries."""
    hits, end = _find(filters, cursor, is_newer=is_newer, limit=limit + 1)
    has_more = len(hits) > limit
    hits = hits[:limit]
    rows = load([pk for _, pk in hits])
    older: Cursor | None = None
    if is_newer:
        older = Cursor.of(rows[-1]) if rows else cursor
    elif has_more:
        older = Cursor.of(rows[-1])
    elif end:
        older = Cursor(*end)
    return Page(
        rows=rows,
        has_newer=has_more if is_newer else cursor is not None,
        older=older,
        searched_to=end[0] if end and not has_more else None,
    )


def count_newer(filters: Filters, cursor: Cursor | None) -> int:
    """How many runs above `cursor` the list would show; at most 100."""
    return len(_find(filters, cursor, is_newer=True, limit=100)[0]) if cursor else 0


def load(ids: list[int]) -> list[Execution]:
    """These runs, newest first, each with the name of its workflow, its newest command and its
    foremost note: its own before a pinned one of its workflow."""
    if not ids:
        return []
    open_states = [str(state) for state in OPEN_COMMAND_STATES]
    since = datetime.now(UTC) - TROUBLED_FOR
    return list(Execution.objects.raw(_LOAD, [open_states, list(TROUBLED_COMMANDS), since, ids]))


_LOAD = """
SELECT x.*, w.name AS workflow_name, c.kind AS command_kind, c.state AS command_state,
       c.message AS command_message, c.requested_at AS command_at, u.username AS command_by,
       n.id AS note_id, n.text AS note_text, a.username AS note_by, n.created_at AS note_at
FROM executions_execution x
JOIN executions_workflow w ON w.id = x.workflow_id
LEFT JOIN LATERAL (
    SELECT kind, state, message, requested_at, requested_by_id FROM executions_command
    WHERE execution_id = x.id AND (state = ANY(%s) OR (state = ANY(%s) AND requested_at > %s))
    ORDER BY requested_at DESC LIMIT 1
) c ON true
LEFT JOIN auth_user u ON u.id = c.requested_by_id
LEFT JOIN LATERAL (
    SELECT id, text, author_id, created_at FROM executions_note
    WHERE execution_id = x.id OR (workflow_id = x.workflow_id AND is_pinned)
    ORDER BY (execution_id IS NULL), is_pinned DESC, created_at DESC, id DESC LIMIT 1
) n ON true
LEFT JOIN auth_user a ON a.id = n.author_id
WHERE x.id = ANY(%s) ORDER BY x.sort_at DESC, x.id DESC
"""


# ------------------------------------------------------------------------------------ finding


def _find(
    filters: Filters, cursor: Cursor | None, *, is_newer: bool, limit: int
) -> tuple[list[tuple[datetime, int]], tuple[datetime, int] | None]:
    """(sort_at, id) in list order, and where the search stopped if it did not see everything."""
    if filters.account_ids() == [] or filters.statuses() == []:
        return [], None
    sql, params = finding_sql(filters, cursor, is_newer=is_newer, limit=limit)
    with connection.cursor() as db:
        db.execute(sql, params)
        found = db.fetchall()
    hits = [(sort_at, pk) for what, sort_at, pk in found if what == "hit"]
    ends = [(sort_at, pk) for what, sort_at, pk in found if what == "end"]
    end = (min(ends) if is_newer else max(ends)) if ends else None
    if end:  # beyond it another source may have rows that were not looked at
        hits = [hit for hit in hits if (hit <= end if is_newer else hit >= end)]
    hits.sort(reverse=not is_newer)
    return hits[:limit], end


def finding_sql(
    filters: Filters, cursor: Cursor | None, *, is_newer: bool, limit: int
) -> tuple[str, list[Any]]:
    """Rows (what, sort_at, id): each hit, and an `end` for a search that stopped early."""
    way = "ASC" if is_newer else "DESC"
    ctes: list[str] = []
    selects: list[str] = []
    params: list[Any] = []
    where, where_params = range_sql(filters, cursor, is_newer)
    for number, source in enumerate(_sources(filters)):
        size = WINDOW if source.residual else limit
        scan, scan_params = _scan(source, where, where_params, way, size)
        ctes.append(f"seen{number} AS MATERIALIZED ({scan})")
        check = f"WHERE {source.residual}" if source.residual else ""
        ctes.append(
            f"hit{number} AS (SELECT sort_at, id FROM seen{number} x {check} "  # noqa: S608
            f"ORDER BY sort_at {way}, id {way} LIMIT {limit})"
        )
        params += [*scan_params, *source.residual_params]
        selects.append(f"SELECT 'hit' AS what, sort_at, id FROM hit{number}")  # noqa: S608
        if source.residual:
            selects.append(
                f"(SELECT 'end', sort_at, id FROM seen{number} "  # noqa: S608 - our own words
                f"ORDER BY sort_at {way}, id {way} OFFSET {WINDOW - 1} LIMIT 1)"
            )
    return f"WITH {', '.join(ctes)} {' UNION '.join(selects)}", params


def _scan(
    source: _Source, where: str, where_params: list[Any], way: str, size: int
) -> tuple[str, list[Any]]:
    """The newest `size` rows of one source, one index scan per driving value.

    What is read of many driving values is in the index; only rows of which more must be checked
    are fetched from the table, and by their key: the planner would rather read all of it.
    """
    is_direct = bool(source.residual) and _values_in(source.drivers) <= FEW
    tables, params, conditions = [], [], []
    lead = ""
    for number, (rows, own, condition) in enumerate(source.drivers):
        tables.append(f"{rows} d{number}(v)")
        params += own
        conditions.append(condition.format(f"d{number}.v"))
    if conditions:
        # Ordered by the driving column first, which changes nothing but the plan: else, for a value
        # whose rows are all old, it walks through everything newer. An equation would make that
        # column a constant, and the planner leave it out of the order.
        column = conditions[0].split(" = ")[0]
        conditions[0] = f"{column} = ANY(ARRAY[d0.v])"
        lead = f"{column} {'ASC' if way == 'DESC' else 'DESC'}, "
    order = f"sort_at {way}, id {way} LIMIT {size}"
    matches = " AND ".join(conditions) or "true"
    columns = _CHECKED if is_direct else "x.id, x.sort_at"
    keys = (
        f"SELECT {columns} FROM executions_execution x "  # noqa: S608 - our own words only
        f"WHERE {matches}{where} ORDER BY {lead}{order}"
    )
    if tables:
        joined = " CROSS JOIN ".join(tables)
        keys = f"SELECT e.* FROM {joined} CROSS JOIN LATERAL ({keys}) e ORDER BY {order}"  # noqa: S608
    if source.residual and not is_direct:
        keys = f"SELECT r.* FROM ({keys}) k CROSS JOIN LATERAL ({_FETCH}) r"  # noqa: S608
    return keys, [*params, *where_params]


_CHECKED = "x.id, x.sort_at, x.status, x.workflow_id, x.name, x.ref, x.error_summary"
_FETCH = f"SELECT {_CHECKED} FROM executions_execution x WHERE x.id = k.id LIMIT 1"  # noqa: S608


def _values_in(drivers: list[Driver]) -> int:
    """How many scans there will be; a driver that asks the database counts as many."""
    sizes = [len(own[0]) if rows.startswith("unnest") else FEW + 1 for rows, own, _ in drivers]
    return prod(sizes)


def range_sql(filters: Filters, cursor: Cursor | None, is_newer: bool) -> tuple[str, list[Any]]:
    """The part of the order that is asked for."""
    parts: list[str] = []
    params: list[Any] = []
    if filters.since:
        parts.append("x.sort_at >= %s")
        params.append(filters.since)
    if filters.until:
        parts.append("x.sort_at < %s")
        params.append(filters.until)
    if cursor:
        parts.append(f"(x.sort_at, x.id) {'>' if is_newer else '<'} (%s, %s)")
        params += [cursor.sort_at, cursor.id]
    return "".join(f" AND {part}" for part in parts), params


def _sources(filters: Filters) -> list[_Source]:
    ids, statuses = filters.account_ids(), filters.statuses()
    accounts: list[Driver] = []
    if ids is not None:
        accounts = [("unnest(%s::bigint[])", [ids], "x.account_id = {}")]
    by_status: list[Driver] = []
    if statuses is not None:
        by_status = [("unnest(%s::text[])", [statuses], "x.status = {}")]
    barred = filters.barred_workflow_ids()
    not_barred = ("NOT x.workflow_id = ANY(%s)", (barred,)) if barred else ("", ())
    if filters.workflow_ids():
        chosen = [workflows_of(filters.workflow_ids(), ids), *by_status]
        return [_Source(chosen, *_both(not_barred, _text_check(filters)))]
    base = [*accounts, *by_status]
    if not filters.text:
        return [_Source(base, *_both(not_barred))]
    return _text_sources(filters, accounts, by_status, not_barred)


def _text_sources(
    filters: Filters,
    accounts: list[Driver],
    by_status: list[Driver],
    not_barred: tuple[str, tuple[Any, ...]],
) -> list[_Source]:
    """By name of the workflow; by exact identifier; among the newest runs and problems."""
    like = _like(filters.text)
    visible = list(filters.accounts) if filters.account_ids() is None else filters.account_ids()
    named = (
        "(SELECT id FROM executions_workflow WHERE account_id = ANY(%s) AND name ILIKE %s "
        "ORDER BY id LIMIT 50)",
        [visible, f"%{like}%"],
        "x.workflow_id = {}",
    )
    exact: list[Driver] = [
        ("unnest(%s::bigint[])", [visible], "x.account_id = {}"),
        ("unnest(%s::text[])", [[filters.text]], "x.ref = {}"),
    ]
    nearby = ("(x.name ILIKE %s OR x.ref ILIKE %s)", (f"%{like}%", f"{like}%"))
    sources = [
        _Source([named, *by_status], *_both(not_barred)),
        _Source([*exact, *by_status], *_both(not_barred)),
        _Source([*accounts, *by_status], *_both(nearby, not_barred)),
    ]
    statuses = filters.statuses()
    problems = [s for s in PROBLEM_STATUSES if statuses is None or s in statuses]
    if problems:
        failed = ("unnest(%s::text[])", [problems], "x.status = {}")
        said = ("x.error_summary ILIKE %s", (f"%{like}%",))
        sources.append(_Source([*accounts, failed], *_both(said, not_barred)))
    return sources


def workflows_of(chosen: list[int], ids: list[int] | None) -> Driver:
    """The chosen workflows, without those of accounts that are out of sight."""
    if ids is None:
        return "unnest(%s::bigint[])", [chosen], "x.workflow_id = {}"
    return (
        "(SELECT id FROM executions_workflow WHERE id = ANY(%s) AND account_id = ANY(%s))",
        [chosen, ids],
        "x.workflow_id = {}",
    )


def _text_check(filters: Filters) -> tuple[str, tuple[Any, ...]]:
    if not filters.text:
        return "", ()
    like = _like(filters.text)
    return (
        "(x.name ILIKE %s OR x.ref ILIKE %s OR x.error_summary ILIKE %s OR x.workflow_id IN "
        "(SELECT id FROM executions_workflow WHERE name ILIKE %s))",
        (f"%{like}%", f"{like}%", f"%{like}%", f"%{like}%"),
    )


def _both(*checks: tuple[str, tuple[Any, ...]]) -> tuple[str, tuple[Any, ...]]:
    asked = [check for check in checks if check[0]]
    return " AND ".join(sql for sql, _ in asked), tuple(p for _, own in asked for p in own)


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")

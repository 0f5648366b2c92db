"""Finds the runs of a list: keyset pages over (sort_at, id), or (finished_at, id) by end.

Nothing here uses OFFSET or walks an unbounded part of the table. What an index can serve in order
is read in order (one short scan per account, status or workflow, merged). What only open runs can
be (overdue, waiting for a person, stale) is checked along such a scan: there are never very many.
What no index serves (names, error texts, durations) is looked for in the newest `WINDOW` runs, and
the page says how far back it looked; what an index finds beyond that is shown at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import prod
from typing import Any

from django.db import connection

from executions.durations import IS_OVERDUE
from executions.filters import Filters
from executions.models import OPEN_COMMAND_STATES, OPEN_STATUSES, Execution
from executions.ranges import Range

PAGE = 50
WINDOW = 300  # runs looked at where no index serves the order
FEW = 3  # scans whose rows are read from the table at once
MANY = 200  # runs holding one input value that are found at once; of more, only windows tell
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What the table says of a command: open ones, and for a while those that went wrong.
TROUBLED_COMMANDS = ("rejected", "needs_person")
TROUBLED_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class Cursor:
    """A place in the order of the list: a start, or an end where the list is by end."""

    at: datetime
    id: int
    is_end: bool = False

    def __str__(self) -> str:
        number = (self.at - EPOCH) // timedelta(microseconds=1)
        return f"{'f' if self.is_end else ''}{number}-{self.id}"

    @classmethod
    def of(cls, execution: Execution, is_end: bool = False) -> Cursor:
        at = execution.finished_at if is_end else execution.sort_at
        return cls(at or EPOCH, execution.pk, is_end)

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """None for what is not a cursor."""
        is_end = text.startswith("f")
        moment, _, number = text[is_end:].partition("-")
        try:
            if len(text) < 40 and text.isascii() and 0 <= int(number) < 2**63:
                return cls(EPOCH + timedelta(microseconds=int(moment)), int(number), is_end)
        except (ValueError, OverflowError):
            pass
        return None


@dataclass
class Page:
    """Rows in the order of the list. Each carries the name of its workflow and how long that
    usually takes, and the columns of its newest command."""

    rows: list[Execution]
    has_newer: bool = False
    older: Cursor | None = None
    """Where the next page goes on: older runs, or newer ones where the oldest come first."""
    searched_to: datetime | None = None
    """Set where the search stopped before it had looked at everything."""


Driver = tuple[str, list[Any], str]  # rows of one column v, their parameters, the condition
Check = tuple[str, tuple[Any, ...]]


@dataclass
class _Source:
    """One way to find rows: scans that an index serves in order, what is checked along them, and
    what is left to check in a window."""

    drivers: list[Driver]
    inside: Check = ("", ())
    residual: str = ""
    residual_params: tuple[Any, ...] = ()


def page(
    filters: Filters,
    cursor: Cursor | None = None,
    *,
    is_newer: bool = False,
    limit: int = PAGE,
) -> Page:
    """The page after `cursor` in the order of the list, or the one before it with `is_newer`. Two
    queries."""
    hits, end = _find(filters, cursor, is_newer=is_newer, limit=limit + 1)
    has_more = len(hits) > limit
    hits = sorted(hits[:limit], reverse=filters.order != "oldest")
    rows = load([pk for _, pk in hits])
    by_end = filters.is_by_end
    older: Cursor | None = None
    searched_to = None
    if is_newer:
        older = Cursor.of(rows[-1], by_end) if rows else cursor
    elif end and (not has_more or _comes_after(filters, hits[-1], end)):
        older, searched_to = Cursor(*end, by_end), end[0]
    elif has_more:
        older = Cursor.of(rows[-1], by_end)
    return Page(
        rows=rows,
        has_newer=has_more if is_newer else cursor is not None,
        older=older,
        searched_to=searched_to,
    )


def count_newer(filters: Filters, cursor: Cursor | None) -> int:
    """How many runs above `cursor` the list would show; at most 100."""
    if cursor is None or filters.order == "oldest":
        return 0
    return len(_find(filters, cursor, is_newer=True, limit=100)[0])


def load(ids: list[int]) -> list[Execution]:
    """These runs in this order, each with its workflow's name and durations, its newest command and
    its foremost note: its own before a pinned one of its workflow."""
    if not ids:
        return []
    open_states = [str(state) for state in OPEN_COMMAND_STATES]
    since = datetime.now(UTC) - TROUBLED_FOR
    found = Execution.objects.raw(_LOAD, [open_states, list(TROUBLED_COMMANDS), since, ids])
    rows = {row.pk: row for row in found}
    return [rows[pk] for pk in ids if pk in rows]


_LOAD = """
SELECT x.*, w.name AS workflow_name, w.typical_seconds, w.long_seconds, w.successes,
       c.kind AS command_kind, c.state AS command_state,
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
WHERE x.id = ANY(%s)
"""


# ------------------------------------------------------------------------------------ finding


def _find(
    filters: Filters, cursor: Cursor | None, *, is_newer: bool, limit: int
) -> tuple[list[tuple[datetime, int]], tuple[datetime, int] | None]:
    """(moment, id) in list order, and where the search stopped if it did not see everything.

    On the first page there are hits beyond that place: an index found them. Going on from there
    finds them again among the others."""
    if filters.is_impossible:
        return [], None
    sql, params = finding_sql(filters, cursor, is_newer=is_newer, limit=limit)
    with connection.cursor() as db:
        db.execute(sql, params)
        found = db.fetchall()
    hits = [(at, pk) for what, at, pk in found if what == "hit"]
    ends = [(at, pk) for what, at, pk in found if what == "end"]
    is_up = _goes_up(filters, is_newer)
    end = (min(ends) if is_up else max(ends)) if ends else None
    if end and cursor:
        hits = [hit for hit in hits if (hit <= end if is_up else hit >= end)]
    hits.sort(reverse=not is_up)
    return hits[:limit], end


def _goes_up(filters: Filters, is_newer: bool) -> bool:
    return (filters.order == "oldest") != is_newer


def _comes_after(filters: Filters, hit: tuple[datetime, int], end: tuple[datetime, int]) -> bool:
    return hit > end if filters.order == "oldest" else hit < end


def finding_sql(
    filters: Filters, cursor: Cursor | None, *, is_newer: bool, limit: int
) -> tuple[str, list[Any]]:
    """Rows (what, at, id): each hit, and an `end` for a search that stopped early."""
    way = "ASC" if _goes_up(filters, is_newer) else "DESC"
    ctes: list[str] = []
    selects: list[str] = []
    params: list[Any] = []
    where, where_params = range_sql(filters, cursor, way)
    column = "x.finished_at" if filters.is_by_end else "x.sort_at"
    if filters.text:
        ctes.append(f"held AS MATERIALIZED ({_HOLDING})")
        params.append(filters.text)
    for number, source in enumerate(_sources(filters)):
        size = WINDOW if source.residual else limit
        inside, inside_params = source.inside
        full = where + (f" AND {inside}" if inside else "")
        scan, scan_params = _scan(source, column, full, [*where_params, *inside_params], way, size)
        ctes.append(f"seen{number} AS MATERIALIZED ({scan})")
        check = f"WHERE {source.residual}" if source.residual else ""
        ctes.append(
            f"hit{number} AS (SELECT at, id FROM seen{number} x {check} "  # noqa: S608
            f"ORDER BY at {way}, id {way} LIMIT {limit})"
        )
        params += [*scan_params, *source.residual_params]
        selects.append(f"SELECT 'hit' AS what, at, id FROM hit{number}")  # noqa: S608
        if source.residual:
            selects.append(
                f"(SELECT 'end', at, id FROM seen{number} "  # noqa: S608 - our own words
                f"ORDER BY at {way}, id {way} OFFSET {WINDOW - 1} LIMIT 1)"
            )
    return f"WITH {', '.join(ctes)} {' UNION '.join(selects)}", params


def _scan(
    source: _Source, by: str, where: str, where_params: list[Any], way: str, size: int
) -> tuple[str, list[Any]]:
    """The first `size` rows of one source, one index scan per driving value.

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
    matches = " AND ".join(conditions) or "true"
    columns = f"{by} AS at, x.id{_CHECKED}" if is_direct else f"{by} AS at, x.id"
    keys = (
        f"SELECT {columns} FROM executions_execution x "  # noqa: S608 - our own words only
        f"WHERE {matches}{where} ORDER BY {lead}{by} {way}, x.id {way} LIMIT {size}"
    )
    if tables:
        joined = " CROSS JOIN ".join(tables)
        order = f"ORDER BY at {way}, id {way} LIMIT {size}"
        keys = f"SELECT e.* FROM {joined} CROSS JOIN LATERAL ({keys}) e {order}"  # noqa: S608
    if source.residual and not is_direct:
        keys = f"SELECT k.at, r.* FROM ({keys}) k CROSS JOIN LATERAL ({_FETCH}) r"  # noqa: S608
    return keys, [*params, *where_params]


_CHECKED = (
    ", x.status, x.workflow_id, x.name, x.ref, x.error_summary, x.sort_at, x.started_at, "
    "x.finished_at, x.error_key"
)
_FETCH = f"SELECT x.id{_CHECKED} FROM executions_execution x WHERE x.id = k.id LIMIT 1"  # noqa: S608


def _values_in(drivers: list[Driver]) -> int:
    """How many scans there will be; a driver that asks the database counts as many."""
    sizes = [len(own[0]) if rows.startswith("unnest") else FEW + 1 for rows, own, _ in drivers]
    return prod(sizes)


def range_sql(filters: Filters, cursor: Cursor | None, way: str) -> tuple[str, list[Any]]:
    """The part of the order that is asked for."""
    column = "x.finished_at" if filters.is_by_end else "x.sort_at"
    sql, params = within(column, filters.finished if filters.is_by_end else filters.started)
    parts = [f"{column} IS NOT NULL"] if filters.is_by_end else []
    parts += [sql] if sql else []
    if cursor:
        parts.append(f"({column}, x.id) {'>' if way == 'ASC' else '<'} (%s, %s)")
        params += [cursor.at, cursor.id]
    return "".join(f" AND {part}" for part in parts), params


def within(column: str, asked: Range) -> tuple[str, list[Any]]:
    ends = [(">=", asked.since), ("<", asked.until)]
    parts = [f"{column} {sign} %s" for sign, moment in ends if moment]
    return " AND ".join(parts), [moment for _, moment in ends if moment]


# ------------------------------------------------------------------------------------ sources


def _sources(filters: Filters) -> list[_Source]:
    ids, statuses = filters.account_ids(), filters.statuses()
    if ids is None and filters.is_by_end:  # no index by end but those of accounts and workflows
        ids = list(filters.accounts)
    accounts: list[Driver] = []
    if ids is not None:
        accounts = [("unnest(%s::bigint[])", [ids], "x.account_id = {}")]
    by_status: list[Driver] = []
    if statuses is not None:
        by_status = [("unnest(%s::text[])", [statuses], "x.status = {}")]
    if filters.is_open_only:
        return [_open_source(filters, ids, accounts, by_status)]
    more = _more(filters)
    if filters.keys() or filters.values.get("error"):
        return [_by_error_or_key(filters, ids, statuses, more)]
    if filters.workflow_ids():
        chosen = [workflows_of(filters.workflow_ids(), ids)]
        if filters.is_by_end and statuses is not None:
            more = _both(("x.status = ANY(%s)", (statuses,)), more)
        else:
            chosen += by_status
        return [_Source(chosen, ("", ()), *_both(more, _text_check(filters)))]
    if not filters.text:
        return [_Source([*accounts, *by_status], ("", ()), *more)]
    return _text_sources(filters, accounts, by_status, more)


def _more(filters: Filters) -> Check:
    """What no order of an index serves, apart from text."""
    barred = filters.barred_workflow_ids()
    checks: list[Check] = [("NOT x.workflow_id = ANY(%s)", (barred,))] if barred else []
    if filters.excluded.get("error"):
        checks.append(("NOT x.error_key = ANY(%s)", (filters.excluded["error"],)))
    if filters.barred_keys():
        checks.append((f"NOT {_CARRIES}", (filters.barred_keys(),)))
    other = ("x.sort_at", filters.started)
    if not filters.is_by_end:
        other = ("x.finished_at", filters.finished)
    sql, params = within(*other)
    checks.append((sql, tuple(params)))
    took = (
        "(coalesce(x.finished_at, CASE WHEN x.status = ANY(%s) THEN %s::timestamptz END) "
        "- x.started_at)"
    )
    for sign, seconds in ((">=", filters.took_min), ("<=", filters.took_max)):
        if seconds is not None:
            params = [list(OPEN_STATUSES), _now(filters), timedelta(seconds=seconds)]
            checks.append((f"{took} {sign} %s", tuple(params)))
    return _both(*checks)


def _by_error_or_key(
    filters: Filters, ids: list[int] | None, statuses: list[str] | None, more: Check
) -> _Source:
    """An index has the runs of an error in order per account. Those of a key are few."""
    accounts = list(filters.accounts) if ids is None else ids
    checks = [more, _text_check(filters)]
    if statuses is not None:
        checks.append(("x.status = ANY(%s)", (statuses,)))
    if filters.workflow_ids():
        checks.append(("x.workflow_id = ANY(%s)", (filters.workflow_ids(),)))
    if filters.keys():
        checks += _error_and_key(filters)[:1] if filters.values.get("error") else []
        carried: Driver = (f"({_CARRIED})", [filters.keys(), accounts], "x.id = {}")
        return _Source([carried], _both(*checks))
    by_error: list[Driver] = [
        ("unnest(%s::text[])", [filters.values["error"]], "x.error_key = {}"),
        ("unnest(%s::bigint[])", [accounts], "x.account_id = {} AND x.error_key <> ''"),
    ]
    return _Source(by_error, ("", ()), *_both(*checks))


def _error_and_key(filters: Filters) -> list[Check]:
    """The chosen errors and keys, where something else drives the scan."""
    checks: list[Check] = []
    if filters.values.get("error"):
        checks.append(("x.error_key = ANY(%s)", (filters.values["error"],)))
    if filters.keys():
        checks.append((_CARRIES, (filters.keys(),)))
    return checks


_CARRIES = (
    "EXISTS (SELECT 1 FROM executions_runkey r WHERE r.execution_id = x.id AND r.value = ANY(%s))"
)
_CARRIED = (
    "SELECT execution_id FROM (SELECT DISTINCT k.execution_id, k.sort_at "  # noqa: S608 - our own
    "FROM unnest(%s::text[]) v(v) CROSS JOIN unnest(%s::bigint[]) a(v) CROSS JOIN LATERAL ("
    "SELECT execution_id, sort_at FROM executions_runkey WHERE value = v.v AND account_id = a.v "
    f"ORDER BY sort_at DESC, execution_id DESC LIMIT {MANY}) k) c "
    f"ORDER BY sort_at DESC, execution_id DESC LIMIT {MANY}"
)


def _open_source(
    filters: Filters, ids: list[int] | None, accounts: list[Driver], by_status: list[Driver]
) -> _Source:
    """Some of the open runs: driven by what is rarest, everything else checked along the scan."""
    statuses, workflows = filters.statuses(), filters.workflow_ids()
    checks: list[Check] = [_more(filters), _text_check(filters), *_error_and_key(filters)]
    if filters.waiting is not None:
        since = _now(filters) - timedelta(seconds=filters.waiting)
        checks.append(("x.changed_at <= %s", (since,)))
    if "overdue" in filters.flags:
        checks.append((IS_OVERDUE, ()))
    drivers = [*accounts, *by_status]
    if "mine" in filters.flags:
        drivers = [(_MINE, [filters.me], "x.id = {}")]
        checks += [("x.account_id = ANY(%s)", (ids,))] if ids is not None else []
        checks += [("x.status = ANY(%s)", (statuses,))] if statuses is not None else []
        checks += [("x.workflow_id = ANY(%s)", (workflows,))] if workflows else []
    elif workflows:
        drivers = [workflows_of(workflows, ids), *by_status]
    elif "overdue" in filters.flags:
        measured = f"({_MEASURED}{' AND account_id = ANY(%s)' if ids is not None else ''})"
        drivers = [(measured, [ids] if ids is not None else [], "x.workflow_id = {}"), *by_status]
    return _Source(drivers, _both(*checks))


_MEASURED = "SELECT id FROM executions_workflow WHERE successes >= 5 AND long_seconds IS NOT NULL"
_MINE = (
    "(SELECT DISTINCT execution_id FROM executions_question WHERE closed_at IS NULL "
    "AND is_answerable AND (claimed_by_id IS NULL OR claimed_by_id = %s))"
)


def _text_sources(
    filters: Filters, accounts: list[Driver], by_status: list[Driver], more: Check
) -> list[_Source]:
    """By name of the workflow, by exact identifier, by exact input value, among the newest runs."""
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
    holding: Driver = ("(SELECT execution_id FROM held)", [], "x.id = {}")
    statuses = filters.statuses()
    owned: list[Check] = [("x.account_id = ANY(%s)", (visible,))]
    owned += [("x.status = ANY(%s)", (statuses,))] if statuses is not None else []
    nearby = (
        f"({_SAID} ILIKE %s OR {_HELD_BY_MANY})",
        (f"%{like}%", filters.text),
    )
    if filters.is_by_end and statuses is not None:
        named_drivers, named_more = [named], _both(("x.status = ANY(%s)", (statuses,)), more)
    else:
        named_drivers, named_more = [named, *by_status], more
    return [
        _Source(named_drivers, ("", ()), *named_more),
        _Source([*exact, *by_status], more),
        _Source([holding], _both(more, *owned)),
        _Source([*accounts, *by_status], ("", ()), *_both(nearby, more)),
    ]


# Together, and with something between them that nobody types: one comparison is cheaper than three.
_SAID = "x.name || chr(31) || x.ref || chr(31) || x.error_summary"
_HOLDING = (
    "SELECT execution_id FROM executions_executiondetail "  # noqa: S608 - our own words
    f"WHERE input_values @> ARRAY[lower(%s)] LIMIT {MANY}"
)
# Which of very many runs the index names first is chance; so those of the window are asked.
_HELD_BY_MANY = (
    f"((SELECT count(*) FROM held) >= {MANY} AND (SELECT "  # noqa: S608 - our own words
    "d.input_values @> ARRAY[lower(%s)] "
    "FROM executions_executiondetail d WHERE d.execution_id = x.id))"
)


def workflows_of(chosen: list[int], ids: list[int] | None) -> Driver:
    """The chosen workflows, without those of accounts that are out of sight."""
    if ids is None:
        return "unnest(%s::bigint[])", [chosen], "x.workflow_id = {}"
    return (
        "(SELECT id FROM executions_workflow WHERE id = ANY(%s) AND account_id = ANY(%s))",
        [chosen, ids],
        "x.workflow_id = {}",
    )


def _text_check(filters: Filters) -> Check:
    if not filters.text:
        return "", ()
    like = _like(filters.text)
    return (
        f"({_SAID} ILIKE %s OR x.workflow_id IN "  # noqa: S608 - our own words
        "(SELECT id FROM executions_workflow WHERE name ILIKE %s) "
        f"OR x.id IN (SELECT execution_id FROM held) OR {_HELD_BY_MANY})",
        (f"%{like}%", f"%{like}%", filters.text),
    )


def _both(*checks: Check) -> Check:
    asked = [check for check in checks if check[0]]
    return " AND ".join(sql for sql, _ in asked), tuple(p for _, own in asked for p in own)


def _now(filters: Filters) -> datetime:
    return filters.now or datetime.now(UTC)


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")

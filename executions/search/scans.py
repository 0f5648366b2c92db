"""The ways in which the runs of a filter can be found.

What an index can serve in order is read in order (one short scan per account, status or workflow).
What only open runs can be (overdue, waiting for a person, stale) is checked along such a scan:
there are never very many. What no index serves (names, error texts, durations) is looked for in the
newest runs, and the page says how far back it looked; what an index finds beyond that is shown at
once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from executions.models import OPEN_STATUSES
from executions.search.filters import Filters
from executions.search.overdue import is_overdue, overdue_after
from executions.search.time_range import Range
from executions.search.unicode_spellings import both, spellings
from executions.sql_files import statements

_sql = statements(__file__)

MANY = 200  # runs holding one input value that are found at once; of more, only windows tell

Driver = tuple[str, list[Any], str]  # rows of one column v, their parameters, the condition
Check = tuple[str, tuple[Any, ...]]


@dataclass
class Source:
    """One way to find rows: scans that an index serves in order, what is checked along them, and
    what is left to check in a window."""

    drivers: list[Driver]
    inside: Check = ("", ())
    residual: str = ""
    residual_params: tuple[Any, ...] = ()


def sources(filters: Filters) -> list[Source]:
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
        return [Source(chosen, ("", ()), *_both(more, _text_check(filters)))]
    if not filters.text:
        return [Source([*accounts, *by_status], ("", ()), *more)]
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
) -> Source:
    """An index has the runs of an error in order per account. Those of a key are few."""
    accounts = list(filters.accounts) if ids is None else ids
    checks = [more, _text_check(filters)]
    if statuses is not None:
        checks.append(("x.status = ANY(%s)", (statuses,)))
    if filters.workflow_ids():
        checks.append(("x.workflow_id = ANY(%s)", (filters.workflow_ids(),)))
    if filters.keys():
        checks += _error_and_key(filters)[:1] if filters.values.get("error") else []
        carried: Driver = (
            f"({_sql('carried', most=MANY)})",
            [filters.keys(), accounts],
            "x.id = {}",
        )
        return Source([carried], _both(*checks))
    by_error: list[Driver] = [
        ("unnest(%s::text[])", [filters.values["error"]], "x.error_key = {}"),
        ("unnest(%s::bigint[])", [accounts], "x.account_id = {} AND x.error_key <> ''"),
    ]
    return Source(by_error, ("", ()), *_both(*checks))


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


def _open_source(
    filters: Filters, ids: list[int] | None, accounts: list[Driver], by_status: list[Driver]
) -> Source:
    """Some of the open runs: driven by what is rarest, everything else checked along the scan."""
    statuses, workflows = filters.statuses(), filters.workflow_ids()
    checks: list[Check] = [_more(filters), _text_check(filters), *_error_and_key(filters)]
    if filters.waiting is not None:
        since = _now(filters) - timedelta(seconds=filters.waiting)
        checks.append(("x.changed_at <= %s", (since,)))
    if "overdue" in filters.flags:
        checks.append((is_overdue(), ()))
    drivers = [*accounts, *by_status]
    if "mine" in filters.flags:
        drivers = [(_MINE, [filters.me], "x.id = {}")]
        checks += [("x.account_id = ANY(%s)", (ids,))] if ids is not None else []
        checks += [("x.status = ANY(%s)", (statuses,))] if statuses is not None else []
        checks += [("x.workflow_id = ANY(%s)", (workflows,))] if workflows else []
    elif workflows:
        drivers = [workflows_of(workflows, ids), *by_status]
    elif "overdue" in filters.flags:
        measured = f"({_measured()}{' AND w.account_id = ANY(%s)' if ids is not None else ''})"
        drivers = [(measured, [ids] if ids is not None else [], "x.workflow_id = {}"), *by_status]
    return Source(drivers, _both(*checks))


def _measured() -> str:
    known = f"({overdue_after()}) IS NOT NULL"
    return f"SELECT w.id FROM executions_workflow w WHERE {known}"  # noqa: S608 - our own words


_MINE = (
    "(SELECT DISTINCT execution_id FROM executions_question WHERE closed_at IS NULL "
    "AND is_answerable AND (claimed_by_id IS NULL OR claimed_by_id = %s))"
)


def _text_sources(
    filters: Filters, accounts: list[Driver], by_status: list[Driver], more: Check
) -> list[Source]:
    """By name of the workflow, by exact identifier, by exact input value, among the newest runs."""
    like = _like(filters.text)
    visible = list(filters.accounts) if filters.account_ids() is None else filters.account_ids()
    named = (
        "(SELECT id FROM executions_workflow WHERE account_id = ANY(%s) AND name ILIKE ANY(%s) "
        "ORDER BY id LIMIT 50)",
        [visible, like],
        "x.workflow_id = {}",
    )
    exact: list[Driver] = [
        ("unnest(%s::bigint[])", [visible], "x.account_id = {}"),
        ("unnest(%s::text[])", [spellings(filters.text)], "x.ref = {}"),
    ]
    holding: Driver = ("(SELECT execution_id FROM held)", [], "x.id = {}")
    statuses = filters.statuses()
    owned: list[Check] = [("x.account_id = ANY(%s)", (visible,))]
    owned += [("x.status = ANY(%s)", (statuses,))] if statuses is not None else []
    nearby = (
        f"({_SAID} ILIKE ANY(%s) OR {_HELD_BY_MANY})",
        (like, *both(filters.text)),
    )
    if filters.is_by_end and statuses is not None:
        named_drivers, named_more = [named], _both(("x.status = ANY(%s)", (statuses,)), more)
    else:
        named_drivers, named_more = [named, *by_status], more
    return [
        Source(named_drivers, ("", ()), *named_more),
        Source([*exact, *by_status], more),
        Source([holding], _both(more, *owned)),
        Source([*accounts, *by_status], ("", ()), *_both(nearby, more)),
    ]


# Together, and with something between them that nobody types: one comparison is cheaper than three.
_SAID = "x.name || chr(31) || x.ref || chr(31) || x.error_summary"
HOLDING = (
    "SELECT execution_id FROM executions_executiondetail "  # noqa: S608 - our own words
    f"WHERE input_values && ARRAY[lower(%s), lower(%s)] LIMIT {MANY}"
)
# Which of very many runs the index names first is chance; so those of the window are asked.
_HELD_BY_MANY = (
    f"((SELECT count(*) FROM held) >= {MANY} AND (SELECT "  # noqa: S608 - our own words
    "d.input_values && ARRAY[lower(%s), lower(%s)] "
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
        f"({_SAID} ILIKE ANY(%s) OR x.workflow_id IN "  # noqa: S608 - our own words
        "(SELECT id FROM executions_workflow WHERE name ILIKE ANY(%s)) "
        f"OR x.id IN (SELECT execution_id FROM held) OR {_HELD_BY_MANY})",
        (like, like, *both(filters.text)),
    )


def _both(*checks: Check) -> Check:
    asked = [check for check in checks if check[0]]
    return " AND ".join(sql for sql, _ in asked), tuple(p for _, own in asked for p in own)


def _now(filters: Filters) -> datetime:
    return filters.now or datetime.now(UTC)


def _like(text: str) -> list[str]:
    """Patterns for ILIKE ANY."""
    plain = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return [f"%{each}%" for each in spellings(plain)]


def within(column: str, asked: Range) -> tuple[str, list[Any]]:
    ends = [(">=", asked.since), ("<", asked.until)]
    parts = [f"{column} {sign} %s" for sign, moment in ends if moment]
    return " AND ".join(parts), [moment for _, moment in ends if moment]

"""Finds the runs of a list: keyset pages over (sort_at, id), or (finished_at, id) by end.

Nothing here uses OFFSET or walks an unbounded part of the table; `merged_scans` says how, and
`access_paths` what an index can serve.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import connection

from executions.models import OPEN_COMMAND_STATES, Execution
from executions.search.cursor import Cursor
from executions.search.filters import Filters
from executions.search.merged_scans import finding_sql, goes_up
from executions.search.overdue import overdue_at
from executions.sql_sections import statements

_sql = statements(__file__)

PAGE = 50
# What the table says of a command: open ones, and for a while those that went wrong.
TROUBLED_COMMANDS = ("rejected", "needs_person")
TROUBLED_FOR = timedelta(hours=1)


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
    older: Cursor | None = None
    searched_to = None
    if is_newer:
        older = Cursor.of(rows[-1], filters.cursor_order) if rows else cursor
    elif end and (not has_more or _comes_after(filters, hits[-1], end)):
        older, searched_to = Cursor(*end, filters.cursor_order), end[0]
    elif has_more:
        older = Cursor.of(rows[-1], filters.cursor_order)
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


class Around(NamedTuple):
    """Ids of the runs above and below a place in a list, the nearest first."""

    above: list[int]
    below: list[int]
    is_counted_above: bool
    """Whether these are all there are above."""
    is_counted: bool
    """Whether these are all there are."""


def around(filters: Filters, run: Execution, most: int) -> Around:
    """At most `most` runs on either side of this one, which need not be in the list itself. Two
    queries."""
    if filters.is_by_end and run.finished_at is None:
        return Around([], [], False, False)
    cursor = Cursor.of(run, filters.cursor_order)
    above, end_above = _find(filters, cursor, is_newer=True, limit=most)
    below, end_below = _find(filters, cursor, is_newer=False, limit=most)
    is_counted_above = end_above is None and len(above) < most
    is_counted_below = end_below is None and len(below) < most
    return Around(
        [pk for _, pk in above],
        [pk for _, pk in below],
        is_counted_above,
        is_counted_above and is_counted_below,
    )


def load(ids: list[int]) -> list[Execution]:
    """These runs in this order, each with its workflow's name and median duration, when it is
    overdue, its newest command and its foremost note: its own before one of its workflow."""
    if not ids:
        return []
    open_states = [str(state) for state in OPEN_COMMAND_STATES]
    since = datetime.now(UTC) - TROUBLED_FOR
    found = Execution.objects.raw(
        _sql("load", overdue_at=overdue_at()),
        [open_states, list(TROUBLED_COMMANDS), since, ids],
    )
    rows = {row.pk: row for row in found}
    return [rows[pk] for pk in ids if pk in rows]


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
    is_up = goes_up(filters, is_newer)
    end = (min(ends) if is_up else max(ends)) if ends else None
    if end and cursor:
        hits = [hit for hit in hits if (hit <= end if is_up else hit >= end)]
    hits.sort(reverse=not is_up)
    return hits[:limit], end


def _comes_after(filters: Filters, hit: tuple[datetime, int], end: tuple[datetime, int]) -> bool:
    return hit > end if filters.order == "oldest" else hit < end

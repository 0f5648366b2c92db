"""The numbers behind the charts: how runs ended, and how long people took to answer.

Reads the roll-up (`storage.rollups`), never the runs, so the cost grows with time and accounts
alone; and of questions at most the newest MOST_QUESTIONS of the range."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from executions.models import RATED_STATUSES, CommandState
from executions.overview.time_buckets import ChartRange
from executions.overview.workflow_tiles import workflows_sql
from executions.search.filters import Filters
from executions.sql_sections import listed, statements
from executions.storage.rollups import NO_END, percentile, start_of
from providers.contract import Lamp, Status

_sql = statements(__file__, taken_commands=listed((CommandState.ACCEPTED, CommandState.CONFIRMED)))

WEEK = 7 * 24 * 4  # quarters
MOST_QUESTIONS = 5000
MOST_WORKFLOWS = 12  # rows of the answer times
ENDED_LAMPS = (Lamp.FAILED, Lamp.WARNING, Lamp.DONE)

Hour = tuple[int, int]  # weekday, Monday is 0, and hour of the reader's zone


@dataclass
class Bucket:
    """What ended between two edges of the range."""

    statuses: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    slots: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    """Of successes, by duration."""

    @property
    def total(self) -> int:
        return sum(self.statuses.values())

    def of_lamp(self, lamp: Lamp) -> int:
        return sum(n for status, n in self.statuses.items() if Status(status).lamp is lamp)

    @property
    def rated(self) -> int:
        return sum(self.statuses.get(status, 0) for status in RATED_STATUSES)

    @property
    def rate(self) -> float | None:
        """Share of successes, None where nothing was rated."""
        return self.statuses.get(Status.SUCCEEDED, 0) / self.rated if self.rated else None

    def took(self, share: float) -> float | None:
        return percentile(self.slots, share)

    def add(self, other: Bucket) -> None:
        for status, number in other.statuses.items():
            self.statuses[status] += number
        for slot, number in other.slots.items():
            self.slots[slot] += number


@dataclass
class Endings:
    """All that charts show of runs that ended in a range."""

    buckets: list[Bucket]
    hours: dict[Hour, dict[Lamp, int]]
    without_end: int
    """Runs that ended, at whatever time, without their provider saying when."""

    @property
    def whole(self) -> Bucket:
        together = Bucket()
        for bucket in self.buckets:
            together.add(bucket)
        return together


@dataclass(frozen=True)
class Answering:
    """How long questions waited that were closed in the range. Seconds."""

    workflow_id: int | None
    """None: of all together."""
    name: str
    account_id: int | None
    closed: int
    here: int
    """How many of them a person answered in Annunciator."""
    claimed: int
    claim_typical: float | None
    claim_long: float | None
    typical: float
    long: float


def endings(filters: Filters, span: ChartRange) -> Endings:
    """One query."""
    source, params = _source(filters)
    offsets = span.offsets()
    with connection.cursor() as db:
        db.execute(
            _sql("endings", week=WEEK, no_end=NO_END, source=source),
            [list(span.edges), [first for first, _ in offsets], *params, span.edges[0],
             span.edges[-1], *params],
        )  # fmt: skip
        rows = db.fetchall()
    found = Endings([Bucket() for _ in span.edges[1:]], {}, 0)
    for what, bucket, status, slot, week, number in rows:
        if what == "bucket":
            _fill(found.buckets[bucket - 1], status, slot, int(number))
        elif what == "hour":
            _place(found.hours, offsets, status, week, int(number))
        else:
            found.without_end = int(number or 0)
    return found


def _source(filters: Filters) -> tuple[str, list[Any]]:
    """The smaller table where no workflow is asked for."""
    ids = filters.account_ids()
    accounts = list(filters.accounts) if ids is None else ids
    if not filters.workflow_ids() and not filters.barred_workflow_ids():
        return "executions_accounttally WHERE account_id = ANY(%s)", [accounts]
    where, params = workflows_sql(filters, accounts)
    own = f"SELECT w.id FROM executions_workflow w WHERE {where}"  # noqa: S608 - our own words
    return f"executions_workflowtally WHERE workflow_id IN ({own})", params


def _fill(bucket: Bucket, status: str, slot: int, number: int) -> None:
    bucket.statuses[status] += number
    if slot >= 0:
        bucket.slots[slot] += number


def _place(
    hours: dict[Hour, dict[Lamp, int]],
    offsets: list[tuple[int, int]],
    status: str,
    week: int,
    number: int,
) -> None:
    stretch, quarter = divmod(week, WEEK)
    local = start_of(quarter + offsets[stretch - 1][1])
    cell = hours.setdefault((local.weekday(), local.hour), defaultdict(int))
    cell[Status(status).lamp] += number


def intervals(span: ChartRange, weekday: int, hour: int) -> list[tuple[int, int]]:
    """The stretches of the range (first quarter, and that after the last) that are this hour of
    this weekday for the reader."""
    found: list[tuple[int, int]] = []
    for quarter, (_, own_day, own_hour) in span.hours():
        if (own_day, own_hour) != (weekday, hour):
            continue
        if found and found[-1][1] == quarter:
            found[-1] = (found[-1][0], quarter + 1)
        else:
            found.append((quarter, quarter + 1))
    return found


def counts_between(filters: Filters, cuts: Iterable[tuple[int, int]]) -> list[dict[Lamp, int]]:
    """How many runs ended in each of these stretches, by lamp. One query."""
    wanted = list(cuts)
    source, params = _source(filters)
    with connection.cursor() as db:
        db.execute(
            _sql("between", source=source),
            [[first for first, _ in wanted], [last for _, last in wanted], *params],
        )
        rows = db.fetchall()
    found: list[dict[Lamp, int]] = [defaultdict(int) for _ in wanted]
    for place, status, number in rows:
        found[place - 1][Status(status).lamp] += int(number)
    return found


# ------------------------------------------------------------------------------------- answers


def answering(filters: Filters, span: ChartRange) -> tuple[list[Answering], bool]:
    """All together, then the workflows that were asked most; and whether only the newest
    MOST_QUESTIONS questions were looked at. One query."""
    sql, params = questions_sql(filters, span)
    with connection.cursor() as db:
        db.execute(
            _sql("answering", questions=f"{sql} LIMIT {MOST_QUESTIONS}"),
            [*params, MOST_WORKFLOWS + 1],
        )
        rows = [Answering(*row) for row in db.fetchall()]
    rows.sort(key=lambda row: row.workflow_id is not None)
    return rows, bool(rows) and rows[0].closed == MOST_QUESTIONS


def questions_sql(filters: Filters, span: ChartRange) -> tuple[str, list[Any]]:
    """Questions that were closed in the range, newest first."""
    ids = filters.account_ids()
    where, params = workflows_sql(filters, list(filters.accounts) if ids is None else ids)
    return _sql("questions", workflows=where), [span.since, span.until, *params]


@dataclass(frozen=True)
class Closed:
    """One question of the list behind the answer times."""

    id: int
    execution_id: int
    title: str
    ref: str
    opened_at: datetime
    is_opening_reported: bool
    first_claimed_at: datetime | None
    closed_at: datetime
    workflow_id: int
    workflow_name: str
    account_id: int
    is_ours: bool


def closed_questions(filters: Filters, span: ChartRange, limit: int) -> list[Closed]:
    """One query."""
    sql, params = questions_sql(filters, span)
    with connection.cursor() as db:
        db.execute(f"{sql} LIMIT %s", [*params, limit])
        return [Closed(*row) for row in db.fetchall()]

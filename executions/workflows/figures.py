"""How a workflow did in the last 30 days, beside the 30 days before: figures and charts.

Ended runs come from the roll-up, questions from the newest MOST_RUNS runs: nothing here grows with
the number of runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.db import connection
from django.http import QueryDict

from executions.display.formatting import duration, today
from executions.overview import chart_queries, charts, time_buckets
from executions.overview.chart_queries import Bucket, Endings
from executions.overview.filters import Asked
from executions.overview.time_buckets import ChartRange
from executions.search.expected_start import ExpectedStart
from executions.search.filters import Filters
from executions.sql_sections import statements
from executions.storage.rollups import QUARTER

_sql = statements(__file__)

DAYS = 30
FEW = 5  # runs below which a figure would say nothing
MOST_RUNS = 2000  # newest runs whose questions are read
MOST_PEOPLE = 5
MUCH = 1.25  # times longer than before: marked
TOO_FEW = "Too few to tell"
NOT_KNOWN = "Not known"
UNRATED = "canceled or skipped not counted"


@dataclass(frozen=True)
class Figure:
    word: str
    value: str
    change: str
    is_worse: bool = False

    @property
    def is_known(self) -> bool:
        return self.value not in (TOO_FEW, NOT_KNOWN) and not self.value.startswith("No ")


@dataclass(frozen=True)
class Answers:
    """How long people took for questions of a workflow, in seconds, and who answered here."""

    now: list[float]
    before: list[float]
    people: list[tuple[str, int]]


def endings(filters: Filters, now: datetime) -> tuple[Asked, Endings, Bucket]:
    """Runs that ended in the last 30 days, cut by day, and in the 30 days before. One query."""
    span = time_buckets.parse(QueryDict(f"finished={DAYS}d"), now)
    whole = ChartRange(
        "",
        span.grain,
        (span.edges[0] - timedelta(days=DAYS) // QUARTER, *span.edges),
        span.zone,
        is_open=True,
    )
    found = chart_queries.endings(filters, whole)
    before, *days = found.buckets
    return Asked(filters, span, False, None, []), Endings(days, {}, found.without_end), before


def answers(workflow_id: int, now: datetime) -> Answers:
    """One query."""
    middle = now - timedelta(days=DAYS)
    values: dict[str, Any] = {
        "workflow": workflow_id,
        "runs": MOST_RUNS,
        "since": middle - timedelta(days=DAYS),
    }
    with connection.cursor() as cursor:
        cursor.execute(_sql("answers"), values)
        rows = cursor.fetchall()
    people = Counter(name for closed, _, name in rows if name and closed >= middle)
    return Answers(
        [took for closed, took, _ in rows if closed >= middle],
        [took for closed, took, _ in rows if closed < middle],
        people.most_common(MOST_PEOPLE),
    )


def drawn(asked: Asked, found: Endings) -> list[charts.Chart]:
    """Runs a day by outcome, and how long successes took."""
    return [
        charts.runs_over_time(found, asked.span, asked.runs),
        charts.durations(found, asked.span, asked.runs),
    ]


def figures(
    found: Endings,
    before: Bucket,
    waited: Answers,
    expected: ExpectedStart | None,
    *,
    is_missed: bool,
) -> list[Figure]:
    """Six, of which each says how it was in the 30 days before."""
    whole = found.whole
    took = sum(whole.slots.values()), sum(before.slots.values())
    return [
        _rate(whole, before),
        _span("Median", (whole.took(0.5), before.took(0.5)), took),
        _span("95 % within", (whole.took(0.95), before.took(0.95)), took),
        _runs_a_day(whole.total, before.total),
        _span(
            "Time to answer",
            (_middle(waited.now), _middle(waited.before)),
            (len(waited.now), len(waited.before)),
            "question",
        ),
        _next_run(expected, is_missed=is_missed),
    ]


def _rate(now: Bucket, before: Bucket) -> Figure:
    word = f"Succeeded, {DAYS} days"
    if now.rated < FEW:
        return Figure(word, TOO_FEW, _counted(now.rated, "run"))
    unrated = now.total - now.rated
    of = f"of {_counted(now.rated, 'run')}" + (f", {unrated:,} {UNRATED}" if unrated else "")
    if before.rated < FEW:
        return Figure(word, charts.percent(now.rate), of)
    shown, earlier = charts.percent(now.rate), charts.percent(before.rate)
    change = "as in the 30 days before" if shown == earlier else f"{earlier} the 30 days before"
    return Figure(word, shown, change, (now.rate or 0) < (before.rate or 0) - 0.02)


def _span(
    word: str,
    seconds: tuple[float | None, float | None],
    number: tuple[int, int],
    of: str = "success",
) -> Figure:
    now, before = seconds
    if number[0] < FEW or now is None:
        few = TOO_FEW if number[0] else f"No {of}"
        return Figure(word, few, _counted(number[0], of) if number[0] else f"in {DAYS} days")
    if number[1] < FEW or before is None:
        return Figure(word, duration(now), f"of {_counted(number[0], of)}")
    shown, earlier = duration(now), duration(before)
    if shown == earlier:
        return Figure(word, shown, "as in the 30 days before")
    return Figure(word, shown, f"{earlier} the 30 days before", now > MUCH * before)


def _runs_a_day(now: int, before: int) -> Figure:
    if now < FEW:
        return Figure("Runs a day", TOO_FEW, _counted(now, "run"))
    change = f"{_a_day(before)} the 30 days before" if before >= FEW else _counted(now, "run")
    return Figure("Runs a day", _a_day(now), change)


def _next_run(expected: ExpectedStart | None, *, is_missed: bool) -> Figure:
    word = "Next run expected"
    if expected is None:
        return Figure(word, NOT_KNOWN, "its starts are not regular")
    how = "learned from its last starts" if expected.is_learned else "set by a person"
    every = f"every {duration(expected.every.total_seconds())}, {how}"
    if is_missed:
        return Figure(word, "Did not run", f"expected {today(expected.at)}; {every}", True)
    return Figure(word, today(expected.at), every)


def _middle(seconds: Sequence[float]) -> float | None:
    return median(seconds) if seconds else None


def _a_day(number: int) -> str:
    rate = number / DAYS
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def _counted(number: int, of: str) -> str:
    many = {"success": "successes"}.get(of, f"{of}s")
    return f"{number:,} {of if number == 1 else many} in {DAYS} days"

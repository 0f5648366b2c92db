"""The last 60 minutes above the table: how many runs ended or stopped for a person in each, by
lamp, and the list behind each minute. Counted over an index, however long the history is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils import timezone

from executions.display.statuses import LAMP_WORDS
from executions.models import FINAL_STATUSES
from executions.search.counts import Statement
from executions.search.filters import Filters
from executions.search.time_range import stamp
from executions.sql_sections import statements
from providers.contract import Lamp, Status

_sql = statements(__file__)

MINUTES = 60
EVERY = timedelta(seconds=10)  # how often an open page draws it again
HEIGHT = 32  # of the strip, as its view box has it
SLOT = 10  # of one minute, with its gap
ORDER = (Lamp.DONE, Lamp.WARNING, Lamp.FAILED, Lamp.NEEDS_YOU)  # from the ground up
WORDS = {**LAMP_WORDS, Lamp.NEEDS_YOU: "waiting for a person"}


@dataclass(frozen=True)
class Bar:
    lamp: str
    y: float
    height: float


@dataclass(frozen=True)
class Minute:
    """One minute: its bars, and the list of what ended in it."""

    x: int
    label: str
    words: str
    """`3 done, 1 failed, 1 waiting for a person`; empty where nothing was."""
    ended: str
    """Of these words what the list holds; empty where nothing ended."""
    waiting: str
    bars: list[Bar]
    href: str
    """Empty where there is nothing to open."""
    is_chosen: bool


@dataclass(frozen=True)
class LastHour:
    minutes: list[Minute]
    words: str
    first: str
    drawn_at: int
    """Seconds since 1970: an open page asks for a newer one after `EVERY`."""

    @property
    def width(self) -> int:
        return MINUTES * SLOT


def statement(filters: Filters, now: datetime) -> Statement:
    """Rows (minute in seconds since 1970, status, number), of every account that the person may
    see, whatever else is asked."""
    since, until = _ends(now)
    accounts, waiting = list(filters.accounts), Status.USER_INPUT.value
    params = [accounts, list(FINAL_STATUSES), since, until, accounts, waiting, since, until]
    return _sql("minutes"), params


def last_hour(filters: Filters, now: datetime, counted: Iterable[tuple[str, str, int]]) -> LastHour:
    since, _ = _ends(now)
    found: dict[datetime, dict[Lamp, int]] = {}
    for minute, status, number in counted:
        at, lamp = datetime.fromtimestamp(int(minute), UTC), Status(status).lamp
        lamps = found.setdefault(at, {})
        lamps[lamp] = lamps.get(lamp, 0) + number
    most = max((sum(each.values()) for each in found.values()), default=0)
    starts = [since + timedelta(minutes=number) for number in range(MINUTES)]
    return LastHour(
        [_minute(filters, n, at, found.get(at, {}), most) for n, at in enumerate(starts)],
        f"runs per minute, last hour{', unfiltered' * filters.asks}",
        f"{timezone.localtime(since):%H:%M}",
        int(now.timestamp()),
    )


def is_due(asked: str, now: datetime) -> bool:
    """Whether the strip that was drawn at `asked` is to be drawn again."""
    return asked.isdecimal() and now.timestamp() - int(asked[:12]) >= EVERY.total_seconds()


def _ends(now: datetime) -> tuple[datetime, datetime]:
    until = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return until - timedelta(minutes=MINUTES), until


def _minute(
    filters: Filters, number: int, at: datetime, counts: dict[Lamp, int], most: int
) -> Minute:
    bars, y = [], float(HEIGHT)
    for lamp in ORDER:
        if count := counts.get(lamp, 0):
            height = max(1.5, count / most * (HEIGHT - 2))
            y = round(max(0.0, y - height), 1)
            bars.append(Bar(lamp.value, y, round(height, 1)))
    is_chosen = filters.finished.since == at and filters.finished.until == at + timedelta(minutes=1)
    ends = {"finished_from": stamp(at), "finished_to": stamp(at + timedelta(minutes=1))}
    said = {lamp: f"{counts[lamp]:,} {WORDS[lamp]}" for lamp in ORDER if counts.get(lamp)}
    ended = ", ".join(words for lamp, words in said.items() if lamp != Lamp.NEEDS_YOU)
    href = ""
    if is_chosen:
        href = filters.query(drop=("finished", *ends)) or "/"
    elif ended:  # counted whatever else is asked, so the list asks for nothing else
        href = filters.address([*_shape(filters), *ends.items()])
    return Minute(
        number * SLOT,
        f"{timezone.localtime(at):%H:%M}",
        ", ".join(said.values()),
        ended,
        said.get(Lamp.NEEDS_YOU, ""),
        bars,
        href,
        is_chosen,
    )


def _shape(filters: Filters) -> list[tuple[str, str]]:
    """How the list is drawn, not which runs it has."""
    return [pair for pair in filters.pairs() if pair[0] in ("size", "columns")]

"""A span of time of the overview, cut into buckets at the reader's own hours, days and weeks.

Ends of runs are counted per quarter hour (see `storage.rollups`), and every zone's hours and days
begin at one, so cuts are exact everywhere: on a day on which clocks change there are 23 or 25
hours, and an hour that happens twice is two buckets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from functools import cached_property
from itertools import pairwise

from django.http import QueryDict
from django.utils import timezone

from executions.search import time_range
from executions.search.time_range import PRESETS, read_range
from executions.storage.rollups import QUARTER, quarter_of, start_of

OFFERED = ("6h", "24h", "7d", "30d")  # of the presets of a list
USUAL = "24h"
LONGEST = timedelta(days=400)
DAY = timedelta(days=1)
GRAINS = (  # up to this span, cut like this
    (timedelta(hours=8), "quarter"),
    (timedelta(days=2), "hour"),
    (timedelta(days=8), "part"),
    (timedelta(days=45), "day"),
)
WORDS = {
    "quarter": "quarter hour",
    "hour": "hour",
    "part": "six hours",
    "day": "day",
    "week": "week",
}
PARTS = {"part": (0, 6, 12, 18), "day": (0,), "week": (0,)}  # local hours at which one begins
LABELS = {
    "quarter": "%H:%M",
    "hour": "%H:%M",
    "part": "%a %d %H:%M",
    "day": "%b %d",
    "week": "%b %d",
}


@dataclass(frozen=True)
class ChartRange:
    """From `edges[0]` to before `edges[-1]`, in quarters, with the edges of buckets between."""

    preset: str
    """A key of PRESETS, "" for a span of the reader's own."""
    grain: str
    edges: tuple[int, ...]
    zone: tzinfo
    is_open: bool
    """Whether it ends now."""
    ignored: tuple[str, ...] = ()

    @property
    def since(self) -> datetime:
        return start_of(self.edges[0])

    @property
    def until(self) -> datetime:
        return start_of(self.edges[-1])

    @property
    def grain_word(self) -> str:
        return WORDS[self.grain]

    def pairs(self) -> list[tuple[str, str]]:
        """Its words in an address."""
        if self.preset:
            return [("finished", self.preset)]
        to = [] if self.is_open else [("finished_to", stamp(self.edges[-1]))]
        return [("finished_from", stamp(self.edges[0])), *to]

    def labels(self) -> list[str]:
        """Of each bucket, short."""
        return [self._local(edge).strftime(LABELS[self.grain]) for edge in self.edges[:-1]]

    @cached_property
    def titles(self) -> list[str]:
        """Of each bucket, whole: `Tue Nov 24 14:00 to 15:00 CET`."""
        return [between(first, last, self.zone) for first, last in pairwise(self.edges)]

    @cached_property
    def stamps(self) -> list[str]:
        """Of each edge."""
        return [stamp(edge) for edge in self.edges]

    def sentence(self) -> str:
        """`Nov 24 14:00 CET to now`."""
        end = "now" if self.is_open else f"{self._local(self.edges[-1]):%b %d %H:%M %Z}"
        return f"{self._local(self.edges[0]):%b %d %H:%M %Z} to {end}"

    def offsets(self) -> list[tuple[int, int]]:
        """(first quarter, quarters that local time is ahead of UTC) for each stretch of the range
        with one offset."""
        found: list[tuple[int, int]] = []
        step, quarter, last = DAY // QUARTER, self.edges[0], self.edges[-1]
        while quarter < last:
            offset = self._offset(quarter)
            if not found or found[-1][1] != offset:
                found.append((quarter if not found else self._change(quarter - step), offset))
            quarter += step
        if self._offset(last - 1) != found[-1][1]:
            found.append(
                (self._change(max(self.edges[0], last - 1 - step)), self._offset(last - 1))
            )
        return found

    def hours(self) -> Iterator[tuple[int, tuple[int, int, int]]]:
        """Each quarter with its local (day number, weekday, hour)."""
        for quarter in range(self.edges[0], self.edges[-1]):
            at = self._local(quarter)
            yield quarter, (at.toordinal(), at.weekday(), at.hour)

    def _local(self, quarter: int) -> datetime:
        return start_of(quarter).astimezone(self.zone)

    def _offset(self, quarter: int) -> int:
        return (self._local(quarter).utcoffset() or timedelta()) // QUARTER

    def _change(self, quarter: int) -> int:
        """The first quarter after this one with another offset."""
        before = self._offset(quarter)
        while self._offset(quarter) == before:
            quarter += 1
        return quarter


def between(first: int, last: int, zone: tzinfo) -> str:
    """`Tue Nov 24 14:00 to 15:00 CET`, both days and both names of the zone where they differ."""
    start, end = start_of(first).astimezone(zone), start_of(last).astimezone(zone)
    if start.date() == (end - timedelta(minutes=1)).date():
        until = f"{end:%H:%M}" if end.date() == start.date() else "24:00"
    else:
        until = f"{end:%a %b %d %H:%M}"
    began = "" if start.utcoffset() == end.utcoffset() else f" {start:%Z}"
    return f"{start:%a %b %d %H:%M}{began} to {until} {end:%Z}"


def stamp(quarter: int) -> str:
    """A quarter as the address of a list names it: `2026-11-22T09:30Z`."""
    return time_range.stamp(start_of(quarter))


def parse(query: QueryDict, now: datetime) -> ChartRange:
    """The range that `finished`, or `finished_from` and `finished_to`, ask for, else the usual one.

    A time without an offset is one of the reader's zone. Ends are moved out to whole quarter
    hours, and the start of a preset to that of a bucket, so that the first one is whole. Never
    raises.
    """
    asked, ignored = read_range(query, "finished", now, OFFERED)
    since, until = asked.since, asked.until
    if since and since >= now:
        ignored.append("The time range begins in the future.")
        since = until = None
    if asked.preset or not (since or until):
        return _preset(asked.preset or USUAL, now, tuple(ignored))
    is_open = until is None or until > now
    end = quarter_of(now) + 1 if until is None or until > now else _first_from(until)
    start = quarter_of(since) if since else end - DAY // QUARTER
    if (end - start) * QUARTER > LONGEST:
        ignored.append(f"The time range was cut to its last {LONGEST.days} days.")
        start = end - LONGEST // QUARTER
    return _cut("", start, end, is_open, tuple(ignored), is_whole=False)


def _first_from(moment: datetime) -> int:
    """The first quarter that begins at or after this moment."""
    return quarter_of(moment - timedelta(microseconds=1)) + 1


def _preset(word: str, now: datetime, ignored: tuple[str, ...]) -> ChartRange:
    end = quarter_of(now) + 1
    start = quarter_of(now - PRESETS[word][1])
    return _cut(word, start, end, True, ignored, is_whole=True)


def _cut(
    preset: str, start: int, end: int, is_open: bool, ignored: tuple[str, ...], *, is_whole: bool
) -> ChartRange:
    zone = timezone.get_current_timezone()
    span = (end - start - 1) * QUARTER
    grain = next((grain for most, grain in GRAINS if span <= most), "week")
    cuts = list(_cuts(start, end, grain, zone))
    if is_whole:
        start = max((cut for cut in cuts if cut <= start), default=start)
    edges = (start, *(cut for cut in cuts if start < cut < end), end)
    return ChartRange(preset, grain, edges, zone, is_open, ignored)


def _cuts(start: int, end: int, grain: str, zone: tzinfo) -> Iterator[int]:
    """Where buckets begin, from at least one before `start`."""
    if grain == "quarter":
        yield from range(start, end)
        return
    if grain == "hour":
        for quarter in range(start - 4, end):
            if start_of(quarter).astimezone(zone).minute < 15:
                yield quarter
        return
    day = start_of(start).astimezone(zone).date() - 7 * DAY
    last = start_of(end).astimezone(zone).date()
    while day <= last:
        if grain != "week" or day.weekday() == 0:
            for hour in PARTS[grain]:
                yield quarter_of(datetime.combine(day, time(hour), tzinfo=zone))
        day += DAY

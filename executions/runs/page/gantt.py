"""Where things lie on a run's time line: bars, gaps and an axis, in percent of its length.

Percent, because an SVG without a view box stretches with its cell and distorts nothing; and
attributes, because the content policy allows no inline styles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import MAXYEAR, datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from executions.display.statuses import STATUS_VIEWS
from executions.display.text import duration, shown
from executions.models import FINAL_STATUSES, Transition
from executions.runs.page.step_tree import Node
from providers.contract import Phase, Status

LEAST = 0.5  # percent; a shorter bar could not be seen
MOST_SPANS = 12  # of one group
TICKS = 7
DAY = 86400
EVERY = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1800,
         3600, 7200, 10800, 21600, 43200, DAY, 2 * DAY, 7 * DAY, 30 * DAY, 365 * DAY)  # fmt: skip
"""Seconds between ticks."""
HOLLOW = (Phase.BEFORE, Phase.HELD)
"""Nothing is worked on: drawn as an outline."""


class Bar(NamedTuple):
    x: str
    width: str
    look: str
    """Names of its style: the lamp, and `hollow` where nothing is worked on."""


class Tick(NamedTuple):
    x: str
    label: str
    """"" where it would leave the axis."""


class Scale:
    """From the first moment to the last one."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.start = start
        self.end = max(end, start + timedelta(milliseconds=1))
        self.seconds = (self.end - start).total_seconds()

    def at(self, moment: datetime) -> float:
        return min(max(100 * (moment - self.start).total_seconds() / self.seconds, 0.0), 100.0)

    def bar(self, start: datetime, end: datetime, look: str) -> Bar:
        x = min(self.at(start), 100 - LEAST)
        return Bar(percent(x), percent(max(self.at(end) - x, LEAST)), look)

    def ticks(self) -> list[Tick]:
        """At most eight round times, in the reader's zone."""
        every = next((s for s in EVERY if self.seconds / s <= TICKS), self.seconds / TICKS)
        offset = (timezone.localtime(self.start).utcoffset() or timedelta()).total_seconds()
        local = self.start.timestamp() + offset
        first = -(-local // every) * every - local
        found = []
        for number in range(TICKS + 1):
            seconds = first + number * every
            if seconds <= self.seconds:
                x = 100 * seconds / self.seconds
                moment = self.start + timedelta(seconds=seconds)
                label = self._label(moment, every) if x < 90 else ""
                found.append(Tick(percent(x), label))
        return found

    def _label(self, moment: datetime, every: float) -> str:
        if every < 1:
            return timezone.localtime(moment).strftime("%H:%M:%S.%f")[:-4]
        if every >= DAY:
            return timezone.localtime(moment).strftime("%b %d" if every < 1e7 else "%b %Y")
        if every < 60:
            return shown(moment, "%H:%M:%S")
        return shown(moment, "%H:%M" if self.seconds < DAY else "%b %d %H:%M")


def percent(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".") + "%"


def scale_of(times: Iterable[datetime | None], last: datetime) -> Scale | None:
    """Around these times and `last`, when the run ended or was last seen."""
    known = [at for at in times if at is not None]
    if not known:
        return None
    start, end = min(known), max(*known, last)
    if start.year == MAXYEAR or (end - start).days > 36_500:  # absurd: nothing could be told apart
        return None
    return Scale(start, end)


def bars_of(node: Node, scale: Scale, last: datetime) -> list[Bar]:
    """The bar of a step; of a group the times in which anything in it went on."""
    look = look_of(node.status)
    if node.row is not None and node.start is not None:
        return [scale.bar(node.start, _until(node, last), look)]
    leaves = [leaf for leaf in node.leaves() if leaf.start is not None]
    spans = sorted((leaf.start, _until(leaf, last)) for leaf in leaves if leaf.start)
    near = timedelta(seconds=scale.seconds * LEAST / 100)
    return [scale.bar(start, end, f"{look} sum") for start, end in _merged(spans, near)]


def _until(node: Node, last: datetime) -> datetime:
    if node.end is not None:
        return node.end
    start = node.start or last
    return start if node.status in FINAL_STATUSES else max(last, start)


def _merged(
    spans: Sequence[tuple[datetime, datetime]], near: timedelta
) -> list[tuple[datetime, datetime]]:
    """Without overlaps and gaps too small to see, at most `MOST_SPANS`."""
    merged: list[list[datetime]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1] + near:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    if len(merged) > MOST_SPANS:
        return _merged(spans, near * 2)
    return [(start, end) for start, end in merged]


def look_of(status: str) -> str:
    lamp = Status(status).lamp.value
    return f"{lamp} hollow" if Status(status).phase in HOLLOW else lamp


def gap_before(node: Node, scale: Scale) -> tuple[Bar | None, str]:
    """The line from the end of what stands before a step to its start, and how long that was."""
    if node.row is None or node.start is None or node.ready is None or node.start <= node.ready:
        return None, ""
    waited = (node.start - node.ready).total_seconds()
    if waited < scale.seconds / 50:
        return None, ""
    x = scale.at(node.ready)
    bar = Bar(percent(x), percent(scale.at(node.start) - x), "gap")
    return bar, duration(waited) if waited >= 1 else ""


def most_at_once(root: Node, last: datetime) -> int:
    """How many steps went on at the same time at most."""
    events: list[tuple[datetime, int]] = []
    for leaf in root.leaves():
        if leaf.start is not None and (until := _until(leaf, last)) > leaf.start:
            events += [(leaf.start, 1), (until, -1)]
    now = most = 0
    for _, change in sorted(events):
        now += change
        most = max(most, now)
    return most


def stretches(moves: Sequence[Transition], end: datetime) -> list[tuple[str, datetime, datetime]]:
    """(status, from, until) of a run, oldest first, as polls have seen it. A status that was over
    when the run was first seen has no length and is left out."""
    found = []
    for number, move in enumerate(moves):
        start = move.provider_time or move.observed_at
        after = moves[number + 1] if number + 1 < len(moves) else None
        until = min((after.provider_time or after.observed_at) if after else end, end)
        if move.to_status not in FINAL_STATUSES and until > start:
            found.append((move.to_status, start, until))
    return found


def spent(found: Sequence[tuple[str, datetime, datetime]]) -> list[str]:
    """`waited for a person 2 h 10 m`, by status, in the order of a run's life."""
    sums: dict[str, timedelta] = {}
    for status, start, until in found:
        sums[status] = sums.get(status, timedelta()) + (until - start)
    return [
        f"{view.spent} {duration(sums[status].total_seconds())}"
        for status, view in STATUS_VIEWS.items()
        if view.spent and status in sums
    ]

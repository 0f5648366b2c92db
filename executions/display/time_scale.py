"""The scale of a time line: where moments lie in it, in percent, and round times above.

Percent, because an SVG without a view box stretches with its cell and distorts nothing; and
attributes, because the content policy allows no inline styles.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from executions.display.formatting import shown

LEAST = 0.5  # percent; a shorter bar could not be seen
TICKS = 7
DAY = 86400
EVERY = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1800,
         3600, 7200, 10800, 21600, 43200, DAY, 2 * DAY, 7 * DAY, 30 * DAY, 365 * DAY)  # fmt: skip
"""Seconds between ticks."""


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

"""The newest runs of a workflow as a strip of bars: one path per colour, so that a page of hundreds
of strips stays small. Newest at the right; height is duration, of the longest in the strip.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Protocol

from executions.display.statuses import STATUS_VIEWS

MOST = 30  # bars
TALL = 24
LEAST = 7.0  # height of a run that took no time


class Run(Protocol):
    @property
    def status(self) -> str: ...

    def took(self) -> float | None:
        """Seconds; None of one that goes on, whose bar is low and stays so."""


@dataclass(frozen=True)
class Strip:
    paths: list[tuple[str, str]]
    """(lamp, the `d` of an SVG path whose stroke is the bars)."""
    label: str
    """The same in words."""


def strip(runs: Sequence[Run]) -> Strip | None:
    """`runs`: oldest first. None of none."""
    if not runs:
        return None
    took = [each.took() or 0.0 for each in runs]
    longest = max(took) or 1.0
    paths: dict[str, list[str]] = {}
    first = MOST - len(runs)
    for place, (each, seconds) in enumerate(zip(runs, took, strict=True), first):
        top = TALL - LEAST - (TALL - LEAST) * sqrt(seconds / longest)
        bar = f"M{4 * place + 2} {TALL}V{top:.0f}"
        paths.setdefault(STATUS_VIEWS[each.status].lamp, []).append(bar)
    counts = Counter(STATUS_VIEWS[each.status].word.lower() for each in runs)
    parts = ", ".join(f"{number} {word}" for word, number in counts.most_common())
    which = "The only run" if len(runs) == 1 else f"Last {len(runs)} runs"
    return Strip([(lamp, "".join(bars)) for lamp, bars in paths.items()], f"{which}: {parts}")

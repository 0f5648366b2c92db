"""Where the steps of a run lie on its time line: bars and gaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import MAXYEAR, datetime, timedelta

from executions.display.formatting import duration
from executions.display.statuses import STATUS_VIEWS
from executions.display.time_scale import LEAST, Bar, Scale, percent
from executions.models import FINAL_STATUSES, Transition
from executions.runs.page.step_tree import Node
from providers.contract import Phase, Status

MOST_SPANS = 12  # of one group
HOLLOW = (Phase.BEFORE, Phase.HELD)
"""Nothing is worked on: drawn as an outline."""


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

"""Where the steps of a run lie on its time line: bars and gaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import MAXYEAR, datetime, timedelta

from executions.display.formatting import duration
from executions.display.time_scale import LEAST, Bar, Scale, percent
from executions.models import FINAL_STATUSES
from executions.runs.page.person_waits import Wait
from executions.runs.page.step_tree import Node
from providers.contract import Phase, Status

MOST_SPANS = 12  # of one group
WAIT = "needs_you hollow wait"
PAUSE = "pause"
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


def bars_of(node: Node, scale: Scale, last: datetime, waits: Sequence[Wait] = ()) -> list[Bar]:
    """The bars of a step: work, waits for a person, and pauses between its tries; of a group the
    times in which anything in it went on."""
    look = look_of(node.status)
    if node.row is not None and (waits or node.start is not None):
        bars: list[Bar] = []
        ended = None
        for each in node.tries():
            start = each.start or (waits[0].start if waits else last)
            if ended is not None and start > ended:
                x = scale.at(ended)
                bars.append(Bar(percent(x), percent(scale.at(start) - x), PAUSE))
            bars += _worked(each.status, start, _until(each, last), scale, last, waits)
            ended = each.end
        return bars
    leaves = [leaf for leaf in node.leaves() if leaf.start is not None]
    spans = sorted((leaf.start, _until(leaf, last)) for leaf in leaves if leaf.start)
    near = timedelta(seconds=scale.seconds * LEAST / 100)
    return [scale.bar(start, end, f"{look} sum") for start, end in _merged(spans, near)]


def _worked(
    status: str,
    start: datetime,
    end: datetime,
    scale: Scale,
    last: datetime,
    waits: Sequence[Wait],
) -> list[Bar]:
    """A stretch of work, with the waits for a person in it. One that is open has no right edge."""
    look = look_of(status)
    if not waits:
        if status == Status.USER_INPUT:
            return [_open_wait(scale, start)]
        return [scale.bar(start, end, look)]
    if status == Status.USER_INPUT:
        look = look_of(Status.RUNNING)
    bars, at = [], start
    for wait in waits:
        began, ended = max(at, wait.start), min(max(wait.end or last, start), max(end, start))
        if began > at:
            bars.append(scale.bar(at, began, look))
        if wait.end is None:
            return [*bars, _open_wait(scale, began)]
        if ended > began:
            bars.append(scale.bar(began, ended, WAIT))
            at = ended
    if end > at:
        bars.append(scale.bar(at, end, look))
    return bars


def _open_wait(scale: Scale, start: datetime) -> Bar:
    """Beyond the end of the axis, which cuts its edge off."""
    x = min(scale.at(start), 100 - LEAST)
    return Bar(percent(x), percent(102 - x), f"{WAIT} open")


def waits_by_step(root: Node, waits: Sequence[Wait], last: datetime) -> dict[int, list[Wait]]:
    """Which step each question was asked in: the one of its name, else the shortest one that went
    on for most of the wait, else the one that says it waits and tells no times."""
    found: dict[int, list[Wait]] = {}
    leaves = [leaf for leaf in root.leaves() if leaf.row is not None] if waits else []
    for wait in waits:
        end = wait.end or last
        half = (end - wait.start) / 2
        rated = []
        for leaf in leaves:
            if leaf.row is None or leaf.start is None:
                continue
            until = _until(leaf, last)
            if min(until, end) - max(leaf.start, wait.start) >= half and until > leaf.start:
                rated.append((leaf.row.ref != wait.ref, until - leaf.start, leaf.row.id))
        if rated:
            found.setdefault(min(rated)[2], []).append(wait)
        elif wait.end is None:
            asks = (leaf.row.id for leaf in leaves if leaf.row and _only_says_it_waits(leaf))
            if (step := next((each for each in asks if each not in found), None)) is not None:
                found[step] = [wait]
    return found


def _only_says_it_waits(leaf: Node) -> bool:
    return leaf.status == Status.USER_INPUT and leaf.start is None


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
    if status == Status.USER_INPUT:
        return WAIT
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

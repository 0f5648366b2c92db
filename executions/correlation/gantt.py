"""Where the runs of a time line stand in it: its ends, the bars in percent, the times above.

Called by `keys`; pure. Widths are percent and heights pixels, so that the text of a drawing keeps
its size on every screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from executions.display.statuses import STATUS_VIEWS
from executions.display.text import shown
from executions.models import Execution

LANE = 44  # px of one run: its words, below them its bar
BAR_AT = 22
AXIS = 22  # px of the hours above
TICKS = (0, 25, 50, 75)  # percent
THIN = 0.6  # percent that even the shortest run is wide


def span(runs: Sequence[Execution], now: datetime) -> tuple[datetime, datetime]:
    """From the first start to the last end, or now if something is still going on."""
    if not runs:
        return now, now
    begin = min(run.started_at or run.sort_at for run in runs)
    ends = [end_of(run, now) for run in runs]
    return begin, max([begin + timedelta(seconds=1), *ends])


def end_of(run: Execution, now: datetime) -> datetime:
    start = run.started_at or run.sort_at
    if run.finished_at is not None:
        return max(start, run.finished_at)
    return max(start, run.changed_at if STATUS_VIEWS[run.status].status.is_final else now)


def bar(run: Execution, begin: datetime, end: datetime, now: datetime, top: int) -> dict[str, Any]:
    """Where the run's bar is, in percent of the width; at least wide enough to be seen."""
    whole = (end - begin).total_seconds()
    start = ((run.started_at or run.sort_at) - begin).total_seconds() / whole * 100
    width = max(THIN, (end_of(run, now) - begin).total_seconds() / whole * 100 - start)
    left = min(start, 100 - THIN)
    return {
        "left": f"{left:.2f}",
        "width": f"{min(width, 100 - left):.2f}",
        "words_y": top + 15,
        "bar_y": top + BAR_AT,
        "line_y": top + LANE - 2,
    }


def ticks(begin: datetime, end: datetime) -> list[dict[str, str]]:
    """The times along the top, as exact as their distance needs."""
    whole = end - begin
    is_one_day = timezone.localtime(begin).date() == timezone.localtime(end).date()
    shape = "%H:%M:%S" if whole < timedelta(minutes=20) else "%H:%M"
    if not is_one_day:
        shape = "%b %d %H:%M"
    moments = ((percent, begin + whole * percent / 100) for percent in TICKS)
    if whole >= timedelta(days=20):
        return [
            {"left": f"{left}", "word": timezone.localtime(at).strftime("%b %d")}
            for left, at in moments
        ]
    return [{"left": f"{left}", "word": shown(at, shape)} for left, at in moments]

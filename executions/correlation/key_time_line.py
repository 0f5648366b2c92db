"""Where the runs with one key stand in their time line: its ends, and their bars.

Widths are percent and heights pixels, so that the text of a drawing keeps its size on every screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from executions.display.time_scale import LEAST, Scale
from executions.models import Execution

LANE = 44  # px of one run: its words, below them its bar
BAR_AT = 22
AXIS = 22  # px of the hours above


def scale_of(runs: Sequence[Execution], now: datetime) -> Scale:
    """From the first start to the last end, or now if something is still going on."""
    begin = min((run.started_at or run.sort_at for run in runs), default=now)
    return Scale(begin, max([begin + timedelta(seconds=1), *(end_of(run, now) for run in runs)]))


def end_of(run: Execution, now: datetime) -> datetime:
    start = run.started_at or run.sort_at
    if run.finished_at is not None:
        return max(start, run.finished_at)
    return max(start, run.changed_at if run.is_final else now)


def bar(run: Execution, scale: Scale, now: datetime, top: int) -> dict[str, Any]:
    """Where the run's bar is."""
    left = min(scale.at(run.started_at or run.sort_at), 100 - LEAST)
    return {
        "left": f"{left:.2f}",
        "width": f"{max(LEAST, scale.at(end_of(run, now)) - left):.2f}",
        "words_y": top + 15,
        "bar_y": top + BAR_AT,
        "line_y": top + LANE - 2,
    }

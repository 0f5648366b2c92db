"""When the next run of a workflow should start: as a person set it, or learned from regular starts.

Pure functions over the newest starts. A run that has not started after that time and its grace
*did not run*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

ENOUGH = 5  # distances between starts, to learn from
REGULAR = 1.5  # times the usual distance that nearly every one stays below, else nothing is learned
LEAST_GRACE = timedelta(minutes=1)
LEAST_LEARNED = 300.0  # seconds; distances below are a stream of runs, not a time of day


@dataclass(frozen=True)
class ExpectedStart:
    at: datetime
    until: datetime
    """With its grace."""
    is_learned: bool
    every: timedelta

    def is_missed(self, read_at: datetime | None, now: datetime) -> bool:
        """Only where we could have seen it: the account was read after the run was due."""
        return now > self.until and read_at is not None and read_at > self.until


def expected_start(
    starts: Sequence[datetime], *, every: int | None = None, grace: int | None = None
) -> ExpectedStart | None:
    """`starts`: oldest first. `every`, `grace`: seconds, as a person set them. None where too
    little is known, or runs start at no regular distance."""
    if not starts:
        return None
    if every:
        usual = timedelta(seconds=every)
    else:
        gaps = sorted((later - earlier).total_seconds() for earlier, later in pairwise(starts))
        if len(gaps) < ENOUGH:
            return None
        typical, long = median(gaps), gaps[min(len(gaps) - 1, int(len(gaps) * 0.95))]
        if typical < LEAST_LEARNED or long > REGULAR * typical:
            return None
        usual = timedelta(seconds=typical)
    late = timedelta(seconds=grace) if grace is not None else max(LEAST_GRACE, usual / 4)
    at = starts[-1] + usual
    return ExpectedStart(at, at + late, not every, usual)

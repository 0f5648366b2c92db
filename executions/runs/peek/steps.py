"""The steps of a run as a short list with small bars: all of a few, else those that matter most."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, DurationField, F, IntegerField, Value, When, Window
from django.utils import timezone

from executions.display.formatting import duration, iso
from executions.display.freshness import freshness, is_last_seen
from executions.display.statuses import STATUS_VIEWS, StatusView
from executions.display.time_scale import Bar, Scale
from executions.models import FINAL_STATUSES, PROBLEM_STATUSES, Execution, Step
from executions.payloads.text_escaping import plain
from executions.runs.page import gantt

MOST = 8  # rows


@dataclass(frozen=True)
class StepLine:
    """One row. `since`: when it began, of one that goes on; else `took` in words, "" if unknown."""

    id: int
    name: str
    status: StatusView
    attempt: int
    bar: Bar | None
    took: str
    since: str


def step_lines(run: Execution) -> tuple[list[StepLine], int]:
    """At most `MOST` rows, and how many steps there are. Of more than `MOST` those with problems,
    then what goes on, then what took longest. One query."""
    still = run.is_final or is_last_seen(run, freshness(run.account, timezone.now()))
    last = run.finished_at or (run.observed_at if still else timezone.now())
    urgency = Case(
        When(status__in=PROBLEM_STATUSES, then=0),
        When(started_at=None, then=3),
        When(status__in=FINAL_STATUSES, then=2),
        default=1,
        output_field=IntegerField(),
    )
    columns = ("id", "name", "status", "attempt", "started_at", "finished_at", "position", "total")
    rows = (
        Step.objects.filter(execution=run)
        .annotate(
            urgency=urgency,
            total=Window(Count("*")),
            spent=Case(
                When(status__in=FINAL_STATUSES, then=F("finished_at") - F("started_at")),
                default=Value(last) - F("started_at"),
                output_field=DurationField(),
            ),
        )
        .order_by("urgency", F("spent").desc(nulls_last=True), "position")
        .values(*columns)[:MOST]
    )
    found: list[dict[str, Any]] = list(rows)
    total = found[0]["total"] if found else 0
    if total <= MOST:
        found.sort(key=lambda row: row["position"])
    ends = [row[end] for row in found for end in ("started_at", "finished_at")]
    scale = gantt.scale_of([run.started_at, *ends], last)
    return [_line(row, scale, last, is_still=still) for row in found], total


def _line(row: dict[str, Any], scale: Scale | None, last: datetime, *, is_still: bool) -> StepLine:
    status, start, end = STATUS_VIEWS[row["status"]], row["started_at"], row["finished_at"]
    goes_on = start is not None and end is None and not status.status.is_final
    bar = None
    if scale is not None and start is not None:
        until = end or (max(last, start) if goes_on else start)
        bar = scale.bar(start, until, gantt.look_of(row["status"]))
    return StepLine(
        id=row["id"],
        name=plain(row["name"], 160) or "(no name)",
        status=status,
        attempt=row["attempt"],
        bar=bar,
        took=duration((end - start).total_seconds()) if start and end else "",
        since=iso(start) if goes_on and not is_still else "",
    )

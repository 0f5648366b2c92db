"""The steps of a run as a timeline: 200 at a time, in their order or failed ones first."""

from __future__ import annotations

import json
from datetime import MAXYEAR, datetime, timedelta
from typing import Any

from django.db.models import Case, QuerySet, When
from django.http import HttpRequest
from django.utils import timezone

from executions.freshness import freshness
from executions.models import PROBLEM_STATUSES, Execution, Step
from executions.wording import STATUS_VIEWS, duration, iso, moment, plain

PAGE = 200
MAX_SHOWN = 20_000  # characters of a step's output on the page
MAX_DEPTH = 6  # blocks that are still indented


def step_list(request: HttpRequest, execution: Execution) -> dict[str, Any]:
    """One page of steps and how to get to the others. Two or three queries."""
    failed_first = request.GET.get("steps") == "failed"
    total = Step.objects.filter(execution=execution).count()
    failed = _of(execution).filter(status__in=PROBLEM_STATUSES).count() if total else 0
    pages = max(1, -(-total // PAGE))
    page = min(_number(request.GET.get("steps_page", "1")), pages)
    rows = _of(execution)
    if failed_first:
        order = Case(When(status__in=PROBLEM_STATUSES, then=0), default=1)
        rows = rows.order_by(order, "position")
    shown = list(rows[(page - 1) * PAGE : page * PAGE])
    start, end = _span(execution, shown)
    return {
        "steps": [_view(step, start, end) for step in shown],
        "steps_total": total,
        "is_still": _is_still(execution),
        "steps_failed": failed,
        "failed_first": failed_first,
        "steps_page": page,
        "steps_pages": pages,
        "steps_from": (page - 1) * PAGE + 1,
        "steps_to": (page - 1) * PAGE + len(shown),
        "span": duration((end - start).total_seconds()) if start and end else "",
        "span_start": moment(start),
    }


def _of(execution: Execution) -> QuerySet[Step]:
    return Step.objects.filter(execution=execution)


def _is_still(execution: Execution) -> bool:
    """Whether no step goes on, whatever it said when it was last seen."""
    fresh = freshness(execution.account, timezone.now())
    return execution.is_final or fresh.is_stale or execution.missing_since is not None


def _number(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 8 else 1


def _span(execution: Execution, steps: list[Step]) -> tuple[datetime | None, datetime | None]:
    """From the first start to the last end that is known. A run that goes on has come to this
    moment; one that is no longer seen, to when it was."""
    starts = [t for t in (execution.started_at, *(s.started_at for s in steps)) if t]
    last_seen = execution.observed_at if _is_still(execution) else timezone.now()
    last_seen = execution.finished_at or last_seen
    ends = [t for t in (last_seen, *(s.finished_at for s in steps)) if t]
    if not starts or not ends:
        return None, None
    start, end = min(starts), max(ends)
    if start.year == MAXYEAR:  # absurd, and nothing can come after it
        return None, None
    return start, max(end, start + timedelta(milliseconds=1))


def _view(step: Step, start: datetime | None, end: datetime | None) -> dict[str, Any]:
    status = STATUS_VIEWS[step.status]
    took = since = ""
    if step.started_at and step.finished_at:
        took = duration((step.finished_at - step.started_at).total_seconds())
    elif step.started_at and not status.status.is_final:
        since = iso(step.started_at)
    output = _output(step.output)
    return {
        "id": step.pk,
        "name": plain(step.name) or plain(step.ref),
        "path": " / ".join(plain(str(part)) for part in step.path),
        "depth": min(len(step.path), MAX_DEPTH),
        "status": status,
        "reason": plain(step.status_reason),
        "native": plain(step.native_status),
        "started": moment(step.started_at),
        "started_iso": iso(step.started_at),
        "finished": moment(step.finished_at),
        "took": took,
        "since": since,
        "error": plain(step.error, MAX_SHOWN),
        "output": output,
        "is_cut": len(output) >= MAX_SHOWN,
        "run_ref": plain(step.run_ref),
        "has_more": bool(step.error or output),
        **_bar(step, start, end),
    }


def _bar(step: Step, start: datetime | None, end: datetime | None) -> dict[str, Any]:
    """Where the step lies on the run's time line, in thousandths of it."""
    if not (step.started_at and start and end):
        return {"bar_at": 0, "bar_width": 0}
    whole = (end - start).total_seconds()
    is_final = STATUS_VIEWS[step.status].status.is_final
    until = step.finished_at or (step.started_at if is_final else end)
    at = 1000 * (step.started_at - start).total_seconds() / whole
    width = 1000 * (until - step.started_at).total_seconds() / whole
    at = min(max(at, 0.0), 996.0)
    return {"bar_at": round(at), "bar_width": round(min(max(width, 4.0), 1000 - at))}


def _output(value: Any) -> str:
    if value is None or value == "" or value == {} or value == []:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return plain(text, MAX_SHOWN)

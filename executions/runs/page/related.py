"""What a run stands beside: the last runs of its workflow, how long those take, the run that
started it and the runs that it started."""

from __future__ import annotations

from math import sqrt
from typing import Any

from django.urls import reverse
from django.utils import timezone

from executions.display.formatting import duration, moment
from executions.display.statuses import STATUS_VIEWS
from executions.display.strips import MOST
from executions.display.time_scale import percent
from executions.models import Execution, Step
from executions.payloads.provider_text import plain
from executions.search import overdue
from providers.contract import Status

MAX_CHILDREN = 50
LOW = 12.0  # percent; the height of a run that took no time
FAR = 4  # times the usual duration; a bar that is longer is cut
COLUMNS = ("id", "status", "sort_at", "started_at", "finished_at")


def related(run: Execution) -> dict[str, Any]:
    """The last runs of the workflow as bars, this one among them, and the runs that its steps
    started. At most five queries."""
    rows = _last(run)
    refs = Step.objects.filter(execution=run).exclude(run_ref="").values_list("run_ref", flat=True)
    asked = [ref for ref in refs[:MAX_CHILDREN] if ref != run.ref]
    children = Execution.objects.filter(account=run.account_id, ref__in=asked).select_related(
        "workflow"
    )
    return {
        **_bars(rows, run),
        "children": [_child(row) for row in children.order_by("sort_at", "id")] if asked else [],
        "usual": usual(run),
        "good": last_good(run, rows),
    }


def _last(run: Execution) -> list[Execution]:
    """The newest runs of the workflow, oldest first; the last ones up to this where it is older."""
    mine = Execution.objects.filter(workflow=run.workflow_id).order_by("-sort_at", "-id")
    rows = list(mine.only(*COLUMNS)[:MOST])
    if run.pk not in {row.pk for row in rows}:
        rows = list(mine.filter(sort_at__lte=run.sort_at).only(*COLUMNS)[:MOST])
    return rows[::-1]


def _bars(rows: list[Execution], run: Execution) -> dict[str, Any]:
    """Height is duration, by its root, up to FAR times the usual one, which is the `line`."""
    now, typical = timezone.now(), run.workflow.typical_seconds or 0.0
    took = [_seconds(row, now) for row in rows]
    longest = min(max([*took, typical]), FAR * typical or max(took)) or 1.0
    wide = 100 / MOST
    first = MOST - len(rows)

    def height(seconds: float) -> float:
        return LOW + (100 - LOW) * sqrt(min(1.0, seconds / longest))

    bars = [
        {
            "href": reverse("executions:detail", args=[row.pk]),
            "x": percent((first + place) * wide),
            "width": percent(wide * 0.7),
            "y": percent(100 - height(seconds)),
            "height": percent(height(seconds)),
            "lamp": STATUS_VIEWS[row.status].lamp,
            "said": _said(row, seconds),
            "is_this": row.pk == run.pk,
        }
        for place, (row, seconds) in enumerate(zip(rows, took, strict=True))
    ]
    return {
        "bars": bars,
        "bars_from": rows[0].sort_at if rows else None,
        "line": percent(100 - height(typical)) if typical else "",
    }


def _seconds(row: Execution, now: Any) -> float:
    if row.started_at is None:
        return 0.0
    end = row.finished_at or (now if not row.is_final else row.started_at)
    return max(0.0, float((end - row.started_at).total_seconds()))


def _said(row: Execution, seconds: float) -> str:
    word = STATUS_VIEWS[row.status].word
    if row.started_at is None:
        return f"{word}, not started"
    return f"{word}, {moment(row.started_at)}, {duration(seconds)}"


def last_good(run: Execution, rows: list[Execution] | None = None) -> int | None:
    """The id of the last run of the workflow before this one that succeeded; None if there is
    none. At most one query."""
    good = Status.SUCCEEDED.value
    for row in reversed(rows or []):
        if row.status == good and (row.sort_at, row.pk) < (run.sort_at, run.pk):
            return row.pk
    found = Execution.objects.filter(
        workflow=run.workflow_id, status=good, sort_at__lte=run.sort_at
    ).exclude(pk=run.pk)
    return found.order_by("-sort_at", "-id").values_list("pk", flat=True).first()


def usual(run: Any) -> dict[str, str]:
    """What is known of how long this workflow takes: `typical` in words, what to `say` beside the
    duration of this run, and `overdue` where it takes too long. The run comes with its limits."""
    workflow = run.workflow
    if not workflow.successes or workflow.typical_seconds is None:
        return {"typical": "", "say": "", "overdue": "", "why": ""}
    typical = duration(workflow.typical_seconds)
    is_over = run.overdue_at is not None and run.overdue_at < timezone.now()
    limit = f", overdue after {duration(run.overdue_after)}" if run.overdue_after else ""
    many = "of its last success" if workflow.successes == 1 else (
        f"median of its last {workflow.successes} successes"
    )  # fmt: skip
    say = f"usually {typical}"
    return {
        "typical": f"{typical}, {many}{limit}",
        "say": say,
        "overdue": say + limit if is_over else "",
        "why": overdue.rule() if limit else "",
    }


def parent_of(run: Execution) -> dict[str, Any] | None:
    """The run with a step that started this one, of the same account: who sees one sees both. One
    query over an index of such steps alone."""
    found = (
        Step.objects.filter(run_ref=run.ref, execution__account=run.account_id)
        .exclude(execution=run.pk)
        .select_related("execution__workflow")
        .only(
            "pk",
            "name",
            "execution__name",
            "execution__ref",
            "execution__telling_values",
            "execution__workflow__name",
        )
        .order_by("pk")
        .first()
    )
    if found is None:
        return None
    parent = found.execution
    return {
        "id": parent.pk,
        "step": found.pk,
        "name": plain(parent.workflow.name) or plain(parent.ref),
        "label": plain(parent.name),
    }


def _child(row: Execution) -> dict[str, Any]:
    return {
        "id": row.pk,
        "label": plain(row.label, 120),
        "workflow": plain(row.workflow.name, 120) or "(no name)",
        "status": STATUS_VIEWS[row.status],
        "took": row.finished_at - row.started_at if row.started_at and row.finished_at else None,
        "since": row.started_at if not row.is_final and row.missing_since is None else None,
    }

"""What a run stands beside: other runs of its workflow, how long those take, the run that started
it and the runs that it started."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from executions.display.formatting import duration, iso
from executions.display.statuses import STATUS_VIEWS
from executions.models import Execution, Step
from executions.payloads.provider_text import plain
from executions.search import overdue

NEWEST = 10
MAX_CHILDREN = 50


def related(run: Execution) -> dict[str, Any]:
    """The newest runs of the workflow, this one among them where it is not new, and the runs that
    its steps started. Three queries."""
    newest = Execution.objects.filter(workflow=run.workflow_id).order_by("-sort_at", "-id")
    rows = list(newest[:NEWEST])
    if run.pk not in {row.pk for row in rows}:
        rows.append(run)
    refs = Step.objects.filter(execution=run).exclude(run_ref="").values_list("run_ref", flat=True)
    asked = [ref for ref in refs[:MAX_CHILDREN] if ref != run.ref]
    children = Execution.objects.filter(account=run.account_id, ref__in=asked).select_related(
        "workflow"
    )
    return {
        "related": [_line(row, run) for row in rows],
        "children": [_line(row, run) for row in children.order_by("sort_at", "id")]
        if asked
        else [],
        "usual": usual(run),
    }


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
        "step_name": plain(found.name),
    }


def _line(row: Execution, run: Execution) -> dict[str, Any]:
    status = STATUS_VIEWS[row.status]
    took = ""
    if row.started_at and row.finished_at:
        took = duration((row.finished_at - row.started_at).total_seconds())
    is_going = row.started_at is not None and not status.status.is_final
    return {
        "id": row.pk,
        "label": plain(row.label, 120),
        "workflow": plain(row.workflow.name, 120) if row.workflow_id != run.workflow_id else "",
        "status": status,
        "started": row.started_at,
        "took": took,
        "since": iso(row.started_at) if is_going and row.missing_since is None else "",
        "error": plain(row.error_summary, 120),
        "is_this": row.pk == run.pk,
    }

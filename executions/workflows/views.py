"""The page of a workflow: how it does, what is open, what to do about it, and starting it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions.display.formatting import duration, iso
from executions.display.freshness import freshness
from executions.display.markdown import marked_up
from executions.display.people import user_name
from executions.display.statuses import STATUS_VIEWS
from executions.display.strips import MOST, strip
from executions.models import MAX_RUNBOOK, Execution, Workflow
from executions.notes.acts import notes_of_workflow
from executions.overview import workflow_tiles
from executions.payloads.text_escaping import plain
from executions.search.expected_start import expected_start
from executions.search.filters import parse, provider_name
from executions.search.last_runs import LastRun
from executions.triage.display import standing_of
from executions.web.live_page import LivePage, Shown
from executions.web.requester import accounts_of
from executions.workflows import figures, open_errors, profile, start_form
from executions.workflows.profile_form import DescriptionForm
from executions.workflows.visibility import workflow_of

RECENT = 8  # runs listed; the strip shows MOST
CHARTS_EVERY = 60  # seconds

PAGE = LivePage(
    "executions/workflows/workflow.html",
    changes="executions:workflow-changes",
    fragments={"#workflow-now": "executions/workflows/_now.html"},
)


@require_GET
def workflow(request: HttpRequest, pk: int) -> HttpResponse:
    return workflow_page(request, workflow_of(request, pk))


@require_GET
def workflow_changes(request: HttpRequest, pk: int) -> HttpResponse:
    found = workflow_of(request, pk)
    return PAGE.changed(request, _shown(request, found, _now(request, found)))


def workflow_page(
    request: HttpRequest,
    workflow: Workflow,
    start: dict[str, Any] | None = None,
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    """`start`: the form to start a run as it was posted. `more`: what was typed elsewhere and not
    taken."""
    context = {
        **_now(request, workflow),
        **_about(request, workflow),
        **(start or start_form.start_form(request, workflow)),
        **notes_of_workflow(request.user, workflow),
        **more,
    }
    return PAGE.show(request, _shown(request, workflow, context), status=status)


def _shown(request: HttpRequest, workflow: Workflow, context: dict[str, Any]) -> Shown:
    return Shown(context, context["stamp_of"], args=[workflow.pk])


def _now(request: HttpRequest, workflow: Workflow) -> dict[str, Any]:
    """Everything that changes while the page is open. Five queries."""
    now = timezone.now()
    account = accounts_of(request)[workflow.account_id]
    filters = parse(QueryDict(f"workflow={workflow.pk}"), {account.pk: account}, now=now)
    counts = workflow_tiles.counts_by_workflow(filters, [account.pk]).get(workflow.pk)
    asked, ended, before = figures.endings(filters, now)
    waited = figures.answers(workflow.pk, now)
    errors = open_errors.open_errors(workflow, now)
    runs = _newest(workflow)
    about = profile.profile_of(workflow)
    expected = expected_start(
        [run.sort_at for run in runs[::-1]],
        every=about.expected_seconds,
        grace=about.grace_seconds,
    )
    fresh = freshness(account, now)
    is_missed = expected is not None and expected.is_missed(account.last_success_at, now)
    drawn = [LastRun(r.status, r.sort_at, r.started_at, r.finished_at) for r in runs[::-1]]
    own = counts.counts if counts else {}
    states = workflow_tiles.standing(own, workflow.pk)
    state = workflow_tiles.worst_of(own)
    known = figures.figures(ended, before, waited, expected, is_missed=is_missed)
    return {
        "workflow": workflow,
        "title": plain(workflow.name) or "(no name)",
        "account": account,
        "provider": provider_name(account.provider),
        "fresh": fresh,
        "states": states,
        "state": state,
        "state_icon": workflow_tiles.ICONS[state],
        "is_missed": is_missed,
        "expected": expected,
        "figures": known,
        "charts": figures.drawn(asked, ended) if ended.whole.total else [],
        "asked": asked,
        "errors": [open_errors.view(each, workflow) for each in errors[: open_errors.MOST]],
        "has_more_errors": len(errors) > open_errors.MOST,
        "people": waited.people,
        "days": figures.DAYS,
        "runs": [_line(run, now) for run in runs[:RECENT]],
        "strip": strip(drawn),
        "stamp_of": (
            int(now.timestamp()) // CHARTS_EVERY,
            states,
            is_missed,
            [(each.key, each.runs, each.in_hand) for each in errors],
            [(run.pk, run.version, run.assignee_id, run.settled_how) for run in runs],
            profile.stamp(about),
            fresh.word,
        ),
    }


def _newest(workflow: Workflow) -> list[Execution]:
    people = ("assignee", "settled_by")
    found = Execution.objects.filter(workflow=workflow).select_related(*people)
    rows = list(found.order_by("-sort_at", "-pk")[:MOST])
    for row in rows:
        row.account, row.workflow = workflow.account, workflow
    return rows


def _line(run: Execution, now: datetime) -> dict[str, Any]:
    status, standing = STATUS_VIEWS[run.status], standing_of(run)
    took = (
        duration((run.finished_at - run.started_at).total_seconds())
        if run.started_at and run.finished_at
        else ""
    )
    is_going = run.started_at is not None and not run.is_final and run.missing_since is None
    return {
        "id": run.pk,
        "status": status,
        "label": plain(run.label, 160),
        "summary": plain(run.error_summary or run.whereabouts or run.message, 200),
        "standing": standing.words if standing and standing.state != "unresolved" else "",
        "is_lit": run.is_unresolved and run.assignee_id is None,
        "started": run.started_at or run.sort_at,
        "took": took,
        "since": iso(run.started_at) if is_going else "",
    }


def _about(request: HttpRequest, workflow: Workflow) -> dict[str, Any]:
    """What people say about it, and the addresses of the forms."""
    about = profile.profile_of(workflow)
    own = [workflow.pk]
    return {
        "about": about,
        "owner": profile.owner_name(about),
        "runbook": marked_up(about.runbook, MAX_RUNBOOK) if about.runbook else "",
        "runbook_by": user_name(about.runbook_by) if about.runbook_at else "",
        "runbook_stamp": profile.stamp(about),
        "runbook_url": reverse("executions:runbook", args=own),
        "description": DescriptionForm(
            initial={
                "owner": profile.owner_name(about),
                "labels": ", ".join(about.labels),
                "expected_seconds": about.expected_seconds,
                "grace_seconds": about.grace_seconds,
            }
        ),
        "description_url": reverse("executions:workflow-description", args=own),
        "notes_url": reverse("executions:workflow-note", args=own),
        "notes_home": reverse("executions:workflow", args=own) + "#notes",
        "ref": plain(workflow.ref),
    }

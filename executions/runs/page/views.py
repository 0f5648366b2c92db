"""The run page: what happened, what it needs, its steps, log, data, history and commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions.access.permissions import visible_executions
from executions.commands import display as command_display
from executions.display.formatting import mark, size
from executions.display.freshness import freshness
from executions.display.statuses import STATUS_VIEWS
from executions.errors import views as error_views
from executions.inbox import question_display
from executions.models import (
    Command,
    Execution,
    ExecutionDetail,
    Note,
    Output,
    Proposal,
    Step,
    Transition,
)
from executions.notes.acts import notes_of
from executions.payloads.text_escaping import plain
from executions.polling import read_queue
from executions.runs import telling_choice
from executions.runs.page import came_from, history, log, person_waits, related
from executions.runs.page.head import actions_of, head_of, label_texts
from executions.runs.page.payloads import key_url_of, payload_list
from executions.runs.page.query_params import PAGE_WORDS, link, query
from executions.runs.page.side_column import people_of, side_of
from executions.runs.page.steps import step_list
from executions.runs.page.tabs import DATA, HISTORY, LOG, RUN, tab_of, tabs_of
from executions.search.filters import provider_name
from executions.search.overdue import with_limits
from executions.web.fragments import Fragment, fragment, no_store, wants_fragment
from executions.web.live_page import LivePage, Shown
from executions.web.requester import is_about

REFUSED = "refused_reason"  # in the session: run, verb and text of a command that was refused


@require_GET
def execution_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """The page; with HX-Request the steps, for their groups, pages, order and search."""
    run = get_run(request, pk)
    if wants_fragment(request):
        context = {"run": run, **sight_of(run), **step_list(request, run)}
        response = HttpResponse(fragment(request, "executions/runs/page/_steps.html", context))
        response["HX-Replace-Url"] = f"{request.path}?{link(request)}"
        return no_store(response)
    is_about(request, run.account_id)
    read_queue.watch(run)
    came_from.remember(request)
    tab = tab_of(request)
    context = {
        **_head(request, run),
        "refused": refused_of(request, run),
        "tab": tab,
        **{
            name: value
            for part in PARTS[tab].values()
            for name, value in part(request, run).items()
        },
    }
    if tab == RUN:
        context["questions"] = question_display.questions_of(request, run)
    return RUN_PAGE.show(request, _shown(request, run, context))


@require_GET
def run_changes(request: HttpRequest, pk: int) -> HttpResponse:
    """What of the run page is new. `questions` names the forms it shows, `log` its last line.
    A page that asks is open, so its run goes on being watched."""
    run = get_run(request, pk)
    is_about(request, run.account_id)
    if not run.is_final:
        read_queue.watch(run)
    return RUN_PAGE.changed(request, _shown(request, run, {"run": run}))


def _shown(request: HttpRequest, run: Execution, context: dict[str, Any]) -> Shown:
    kept = query(request, PAGE_WORDS)
    return Shown(context, stamp_of(run), query=f"?{kept}" if kept else "", args=[run.pk])


def _head(request: HttpRequest, run: Execution, *, is_open: bool = False) -> dict[str, Any]:
    """What every part of the page has above it."""
    here = reverse("executions:detail", args=[run.pk])
    kept, listed = query(request, PAGE_WORDS), query(request, ("from",))
    return {
        **head_of(request, run),
        **actions_of(request, run, is_open=is_open),
        **came_from.way_back(request),
        **came_from.neighbors(request, run),
        "tabs": tabs_of(request, run),
        "here": f"{here}?{kept}" if kept else here,
        "and_from": f"&{listed}" if listed else "",
    }


def _error(request: HttpRequest, run: Execution) -> dict[str, Any]:
    return {"same": error_views.same_error(request, run.error_key)}


def _answered(request: HttpRequest, run: Execution) -> dict[str, Any]:
    return {"answered_questions": [wait for wait in person_waits.waits_of(run) if wait.end]}


def _steps(request: HttpRequest, run: Execution) -> dict[str, Any]:
    return {**sight_of(run), **step_list(request, run)}


def _tail(request: HttpRequest, run: Execution) -> dict[str, Any]:
    return {"tail": log.tail_of(request, run)}


def _log(request: HttpRequest, run: Execution) -> dict[str, Any]:
    return {**sight_of(run), **log.log_view(request, run)}


def _data(request: HttpRequest, run: Execution) -> dict[str, Any]:
    return {**sight_of(run), **data_of(run), "key_url": key_url_of(request, run)}


def _notes(request: HttpRequest, run: Execution) -> dict[str, Any]:
    home = reverse("executions:detail", args=[run.pk])
    return {
        **notes_of(request.user, run),
        "done_by_people": people_of(run),
        "notes_url": reverse("executions:run-note", args=[run.pk]),
        "notes_home": f"{home}#notes",
    }


PARTS: Mapping[str, Mapping[str, Callable[[HttpRequest, Execution], dict[str, Any]]]] = {
    RUN: {
        "executions/runs/page/_answered.html": _answered,
        "executions/runs/page/_error.html": _error,
        "executions/runs/page/_steps.html": _steps,
        "executions/runs/page/_log_tail.html": _tail,
        "executions/runs/page/_side.html": side_of,
        "executions/runs/_notes.html": _notes,
    },
    LOG: {"executions/runs/page/_log.html": _log},
    DATA: {"executions/runs/page/_data.html": _data},
    HISTORY: {"executions/runs/page/_history.html": history.history_of},
}
"""By tab the fragments of its page, and what they print."""
TARGETS = {"side": "beside", "error": "run-error", "log_tail": "log-tail"}
"""Ids of fragments that are not called as their file is."""


def _fragments(request: HttpRequest, context: dict[str, Any]) -> list[Fragment]:
    """Of the open tab. A log that is followed gets its lines; it is never replaced."""
    run, tab = context["run"], tab_of(request)
    head = _head(request, run, is_open=True)
    parts = [
        Fragment("#run-head", fragment(request, "executions/runs/page/_head.html", head)),
        Fragment("#run-dialogs", fragment(request, "executions/runs/page/_dialogs.html", head)),
    ]
    for template, read in PARTS[tab].items():
        if tab != LOG:
            name = template.rpartition("/_")[2].removesuffix(".html")
            html = fragment(request, template, {**head, **read(request, run)})
            parts.append(Fragment(f"#{TARGETS.get(name, name)}", html))
    if tab == RUN:
        parts += question_display.question_fragments(request, run)
    return [*parts, *log.log_fragments(request, run)]


RUN_PAGE = LivePage(
    "executions/runs/page/run.html", changes="executions:run-changes", fragments=_fragments
)


def get_run(request: HttpRequest, pk: int) -> Execution:
    found = visible_executions(request.user).select_related(
        "account", "workflow", "assignee", "settled_by", "lineage"
    )
    found = found.annotate(label_texts=label_texts())
    run: Execution = get_object_or_404(with_limits(found), pk=pk)
    return run


def sight_of(run: Execution) -> dict[str, Any]:
    """Whether what is missing on the page may only be out of sight, or not read yet, and whose it
    is to provide."""
    fresh = freshness(run.account, timezone.now())
    is_read = ExecutionDetail.is_read(run.pk)
    return {
        "provider": provider_name(run.account.provider),
        "fresh": fresh,
        "is_blind": fresh.is_stale,
        "is_unread": not is_read,
        "has_ended": run.is_final or run.finished_at is not None,  # of an unknown status, too
    }


def data_of(run: Execution) -> dict[str, Any]:
    rows = list(Output.objects.filter(execution=run).order_by("name", "pk")[:500])
    made_by = {row.step_ref for row in rows if row.step_ref}
    steps = {
        step.ref: {"id": step.pk, "name": plain(step.name, 120)}
        for step in Step.objects.filter(execution=run, ref__in=made_by).only("ref", "name")
    } if made_by else {}  # fmt: skip
    outputs = [
        {
            "id": output.pk,
            "name": plain(output.name, 120),
            "type": plain(output.content_type),
            "size": size(output.size),
            "status": STATUS_VIEWS[output.status],
            "is_ready": output.status == "succeeded",
            "error": plain(output.error),
            "step": steps.get(output.step_ref),
        }
        for output in rows
    ]
    return {
        "payloads": payload_list(run.pk),
        "outputs": outputs,
        "has_makers": bool(steps),
        "value_choices": telling_choice.choices_of(run),
    }


def refused_of(request: HttpRequest, run: Execution) -> dict[str, str]:
    """The reason that was typed for a command that was refused a moment ago, for its dialog."""
    pk, verb, reason = request.session.pop(REFUSED, (None, "", ""))
    return {"verb": verb, "reason": reason} if pk == run.pk else {}


def stamp_of(run: Execution) -> str:
    """Of everything the page shows that may change."""
    newest_commands = Command.objects.filter(execution=run)[:100]
    commands = [
        (each.key, each.state, each.message, command_display.is_stalled(each))
        for each in newest_commands
    ]
    asked = list(
        run.questions.values_list("pk", "fingerprint", "closed_at", "claimed_by_id", "delegated_at")
    )
    held = list(Proposal.objects.filter(question__execution=run).values_list("pk", "state"))
    detail = list(ExecutionDetail.objects.filter(pk=run.pk).values_list("fingerprint", "read_at"))
    newest = (
        Transition.objects.filter(execution=run).order_by("-version").values_list("version")[:1]
    )
    notes = list(
        Note.objects.filter(Q(execution=run) | Q(workflow=run.workflow_id))
        .order_by("pk")
        .values_list("pk", "is_pinned")
    )
    fresh = freshness(run.account, timezone.now())
    return mark(
        run.version, run.missing_since, run.progress, run.message, fresh, commands, asked, held,
        detail, list(newest), log.last_number(run), related.usual(run)["overdue"], notes,
    )  # fmt: skip

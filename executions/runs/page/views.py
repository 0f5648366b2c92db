"""The run page: what happened, what it needs, its steps, log, data, history and commands."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions.access.permissions import may_act, visible_executions
from executions.commands import display as command_display
from executions.commands.verbs import RUN_VERBS, note_of
from executions.correlation import views as key_views
from executions.display.formatting import duration, iso, mark, size
from executions.display.freshness import freshness, is_last_seen
from executions.display.statuses import STATUS_VIEWS
from executions.errors import views as error_views
from executions.inbox import question_page
from executions.models import (
    Command,
    Execution,
    ExecutionDetail,
    Note,
    Output,
    Quarantine,
    Transition,
)
from executions.notes.acts import notes_of
from executions.payloads.provider_text import plain
from executions.polling import read_queue
from executions.runs import telling_choice
from executions.runs.page import history, log, related
from executions.runs.page.payloads import payload_list
from executions.runs.page.query_params import link
from executions.runs.page.steps import failed_step, step_list
from executions.search.overdue import with_limits
from executions.triage.choices import ignore_for
from executions.triage.display import standing_of
from executions.web.fragments import Fragment, fragment, no_store, wants_fragment
from executions.web.live_page import LivePage, Shown
from executions.web.redirects import is_own_address
from providers import registry

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
    read_queue.watch(run)
    context = {
        **head_of(request, run),
        **step_list(request, run),
        **log.log_view(request, run),
        **history.history_of(request, run),
        **data_of(run),
        **related.related(run),
        **links_of(request, run),
        "questions": question_page.questions_of(request, run),
        **_notes(request, run),
        **actions_of(request, run),
        "refused": refused_of(request, run),
        "back": _back(request),
    }
    return RUN_PAGE.show(request, Shown(context, stamp_of(run), args=[pk]))


@require_GET
def run_changes(request: HttpRequest, pk: int) -> HttpResponse:
    """What of the run page is new. `questions` names the forms it shows, `log` its last line.
    A page that asks is open, so its run goes on being watched."""
    run = get_run(request, pk)
    if not run.is_final:
        read_queue.watch(run)
    return RUN_PAGE.changed(request, Shown({"run": run}, stamp_of(run), args=[pk]))


def _fragments(request: HttpRequest, context: dict[str, Any]) -> list[Fragment]:
    run = context["run"]
    head = {**head_of(request, run), **actions_of(request, run)}
    parts = [
        Fragment("#run-head", fragment(request, "executions/runs/page/_head.html", head)),
        Fragment("#run-dialogs", fragment(request, "executions/runs/page/_dialogs.html", head)),
        Fragment("#run-error", fragment(request, "executions/runs/page/_error.html", head)),
        Fragment("#run-links", _part(request, run, "links", links_of(request, run))),
        Fragment("#steps", _part(request, run, "steps", step_list(request, run))),
        Fragment("#history", _part(request, run, "history", history.history_of(request, run))),
        Fragment("#data", _part(request, run, "data", data_of(run))),
        Fragment("#related", _part(request, run, "related", related.related(run))),
        Fragment("#notes", _notes_html(request, run)),
    ]
    asked = question_page.question_fragments(request, run)
    return [*parts, *asked, *log.log_fragments(request, run)]


RUN_PAGE = LivePage(
    "executions/runs/page/run.html", changes="executions:run-changes", fragments=_fragments
)


def get_run(request: HttpRequest, pk: int) -> Execution:
    found = visible_executions(request.user).select_related(
        "account", "workflow", "assignee", "settled_by"
    )
    run: Execution = get_object_or_404(with_limits(found), pk=pk)
    return run


def _why_unread(run: Execution) -> str:
    """What stood in the way when a poll wanted to read this run, "" if nothing does."""
    if run.missing_since is None:
        return ""
    rows = Quarantine.objects.filter(account_id=run.account_id, ref=run.ref)
    return plain(rows.values_list("reason", flat=True).first() or "") or "Its record is unreadable."


def head_of(request: HttpRequest, run: Execution) -> dict[str, Any]:
    """Status, times, error and where the data comes from."""
    fresh = freshness(run.account, timezone.now())
    status = STATUS_VIEWS[run.status]
    columns = ("error", "read_at", "attempt", "is_altered", "fingerprint")
    found = ExecutionDetail.objects.filter(pk=run.pk).values(*columns).first()
    detail: dict[str, Any] = dict(found or {})
    is_final = status.status.is_final
    is_old = is_last_seen(run, fresh)
    took = since = ""
    if run.started_at and run.finished_at:
        took = duration((run.finished_at - run.started_at).total_seconds())
    elif run.started_at and not is_final and not is_old:
        since = iso(run.started_at)
    return {
        "run": run,
        "status": status,
        "fresh": fresh,
        "is_blind": fresh.is_stale,
        "is_unread": not detail.get("fingerprint"),
        "title": plain(run.workflow.name) or "(no name)",
        "values": [plain(each) for each in run.telling_values or filter(None, [run.name])],
        "standing": standing_of(run),
        "ignore_for": ignore_for(),
        "ref": plain(run.ref),
        "native": plain(run.native_status),
        "reason": plain(run.status_reason),
        "error": plain(detail.get("error") or run.error_summary, 20_000),
        "error_step": failed_step(run),
        "attempt": attempt if (attempt := detail.get("attempt", 0)) > 1 else 0,
        "usual": related.usual(run),
        "parent": related.parent_of(run),
        "message": plain(run.message),
        "is_altered": detail.get("is_altered", False),
        "progress": None if is_final else run.progress,
        "started": run.started_at,
        "finished": run.finished_at,
        "took": took,
        "since": since,
        "changed": run.changed_at,
        "changed_before": not run.is_change_reported,
        "read_at": detail.get("read_at") or run.observed_at,
        "missing_since": run.missing_since,
        "unread_because": "" if run.is_gone else _why_unread(run),
        "is_old": is_old,
        "commands": command_display.open_commands(run),
        "can_run_again": run.workflow.can_start and may_act(request.user),
        "link": run.url if run.url.startswith(("http://", "https://")) else "",
    }


def links_of(request: HttpRequest, run: Execution) -> dict[str, Any]:
    """The same error elsewhere, and the business keys of the run."""
    return {"same": error_views.same_error(request, run.error_key), "keys": key_views.keys_of(run)}


def sight_of(run: Execution) -> dict[str, Any]:
    """Whether what is missing on the page may only be out of sight, or not read yet."""
    fresh = freshness(run.account, timezone.now())
    is_read = ExecutionDetail.is_read(run.pk)
    return {"fresh": fresh, "is_blind": fresh.is_stale, "is_unread": not is_read}


def data_of(run: Execution) -> dict[str, Any]:
    outputs = [
        {
            "id": output.pk,
            "name": plain(output.name, 120),
            "type": plain(output.content_type),
            "size": size(output.size),
            "status": STATUS_VIEWS[output.status],
            "is_ready": output.status == "succeeded",
            "error": plain(output.error),
        }
        for output in Output.objects.filter(execution=run).order_by("name", "pk")[:500]
    ]
    return {
        "payloads": payload_list(run.pk),
        "outputs": outputs,
        "value_choices": telling_choice.choices_of(run),
    }


def refused_of(request: HttpRequest, run: Execution) -> dict[str, str]:
    """The reason that was typed for a command that was refused a moment ago, for its dialog."""
    pk, verb, reason = request.session.pop(REFUSED, (None, "", ""))
    return {"verb": verb, "reason": reason} if pk == run.pk else {}


def verbs_of(user: User | AnonymousUser, run: Execution) -> list[dict[str, Any]]:
    """The buttons: what the provider takes for this run now, and what is already under way."""
    if not may_act(user):
        return []
    open_now = {command.kind: command for command in command_display.open_rows(run)}
    shown = []
    for word, view in RUN_VERBS.items():
        command = open_now.get(word)
        is_offered = word in run.offers and not run.is_gone
        if not is_offered and command is None:
            continue
        shown.append(
            {
                "verb": word,
                "label": view.button,
                "icon": view.icon,
                "url": reverse(f"executions:{view.noun}", args=[run.pk]),
                "note": note_of(run.account, word),
                "consequence": view.cost,
                "is_danger": view.is_danger,
                "blocked": command_display.sentence(command) if command else "",
                "key": str(uuid.uuid4()),
            }
        )
    return shown


def actions_of(request: HttpRequest, run: Execution) -> dict[str, Any]:
    """The buttons, and the places of all that the provider takes at any time: what is not offered
    now leaves its place empty, so that no other button comes to stand there."""
    verbs = verbs_of(request.user, run)
    offered = {each["verb"]: each for each in verbs}
    adapter = registry.all_adapters().get(run.account.provider)
    able = adapter.verbs() if adapter and may_act(request.user) else frozenset()
    places = [
        offered.get(word) or {"label": view.button, "icon": view.icon, "is_absent": True}
        for word, view in RUN_VERBS.items()
        if word in able or word in offered
    ]
    return {"verbs": verbs, "places": places}


def _notes(request: HttpRequest, run: Execution) -> dict[str, Any]:
    home = reverse("executions:detail", args=[run.pk])
    return {
        **notes_of(request.user, run),
        "notes_url": reverse("executions:run-note", args=[run.pk]),
        "notes_home": f"{home}#notes",
    }


def _notes_html(request: HttpRequest, run: Execution) -> str:
    return fragment(request, "executions/runs/_notes.html", {"run": run, **_notes(request, run)})


def _part(request: HttpRequest, run: Execution, name: str, context: dict[str, Any]) -> str:
    shown = {"run": run, **sight_of(run), **context}
    return fragment(request, f"executions/runs/page/_{name}.html", shown)


def stamp_of(run: Execution) -> str:
    """Of everything the page shows that may change."""
    newest_commands = Command.objects.filter(execution=run)[:100]
    commands = [
        (each.key, each.state, each.message, command_display.is_stalled(each))
        for each in newest_commands
    ]
    asked = list(run.questions.values_list("pk", "fingerprint", "closed_at", "claimed_by_id"))
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
        run.version, run.missing_since, run.progress, run.message, fresh, commands, asked,
        detail, list(newest), log.last_number(run), related.usual(run)["overdue"], notes,
    )  # fmt: skip


def _back(request: HttpRequest) -> str:
    """The list the person came from, its filter included."""
    came_from = request.headers.get("Referer", "")
    home = reverse("executions:list")
    if not is_own_address(request, came_from):
        return home
    path = came_from.split(request.get_host(), 1)[-1]
    return path if path.split("?")[0] in (home, reverse("executions:inbox")) else home

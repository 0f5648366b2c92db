"""Starting a run: which workflows can be started, the form for one, and what became of a start."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.db.models import OuterRef, QuerySet, Subquery
from django.forms.utils import ErrorDict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions.access.permissions import may_act, require_may_act, visible_executions
from executions.commands import display as command_display
from executions.commands import start_prefill
from executions.commands.submit import NotPossible, request_start
from executions.commands.verbs import note_of
from executions.display.formatting import plain, stamped
from executions.display.id_params import row_id
from executions.inbox.question_page import intent_key
from executions.models import Command, Execution, Note, Workflow
from executions.runs import start_drafts
from executions.runs.notes import notes_of_workflow
from executions.search.filters import provider_name
from executions.search.unicode_spellings import holds
from executions.web.account_banner import accounts_out_of_sight
from executions.web.fragments import no_store
from executions.web.live_page import LivePage, Shown, show
from executions.web.post_only_views import posted_from
from executions.web.requester import accounts_of, address, person
from providers import registry
from providers.contract import Field, ProviderError, Verb
from providers.credentials import SealError
from providers.forms import form_field
from providers.models import open_account

MAX_SHOWN = 300


@require_GET
def workflow_list(request: HttpRequest) -> HttpResponse:
    accounts = accounts_of(request)
    text = request.GET.get("q", "").strip()[:200]
    found = _visible(request)
    if text:
        found = found.filter(holds(text.replace("\0", ""), "name"))
    newest = Note.objects.filter(workflow=OuterRef("pk")).values("text")[:1]
    found = found.annotate(note=Subquery(newest))
    rows = list(found.order_by("-can_start", "name", "pk")[: MAX_SHOWN + 1])
    workflows = [
        {
            "id": row.pk,
            "name": plain(row.name, 200) or "(no name)",
            "ref": plain(row.ref),
            "account": accounts[row.account_id].name,
            "provider": provider_name(accounts[row.account_id].provider),
            "can_start": row.can_start,
            "note": plain(row.note or "", 200),
        }
        for row in rows[:MAX_SHOWN]
    ]
    context = {
        "workflows": workflows,
        "q": text,
        "has_more": len(rows) > MAX_SHOWN,
        "has_accounts": bool(accounts),
        "blind": accounts_out_of_sight(request)[0],
    }
    return show(request, "executions/runs/workflows.html", context)


@require_GET
def workflow_start(request: HttpRequest, pk: int) -> HttpResponse:
    """The form for a new run; with `run` it begins with the input of that one."""
    workflow = _workflow(request, pk)
    fields, problem = _start_fields(workflow)
    again, values = _again(request, workflow, fields)
    form = _form(fields)(initial={f"argument_{key}": value for key, value in values.items()})
    draft = start_drafts.opened(request, workflow) if may_act(request.user) else None
    if draft is not None:
        form = _form(fields)(draft.typed)
        form._errors = ErrorDict()  # type: ignore[attr-defined]  # nothing is checked before it is sent
    return _form_page(request, workflow, form, problem, again=again, draft=draft)


@posted_from("executions:workflow")
def start_draft(request: HttpRequest, pk: int) -> HttpResponse:
    """Saves what is typed so far, sealed, for this person alone; with `forget` it goes."""
    workflow = _workflow(request, pk)
    require_may_act(request.user)
    if "forget" in request.POST:
        start_drafts.forget(request, workflow)
        return redirect("executions:workflow", pk=pk)
    is_kept = _kept(request, workflow)
    word = f"Draft saved {stamped(timezone.now())}" if is_kept else "Too long to keep as a draft"
    return no_store(HttpResponse(word, content_type="text/plain; charset=utf-8"))


def _kept(request: HttpRequest, workflow: Workflow) -> bool:
    names = start_drafts.kept_names(_start_fields(workflow)[0], _name)
    return start_drafts.keep(request, workflow, names)


def _keep(request: HttpRequest, pk: int) -> None:
    """A start that cannot be taken now, as a draft."""
    require_may_act(request.user)
    _kept(request, _workflow(request, pk))


@posted_from("executions:workflow", keeps=_keep)
def run_creation(request: HttpRequest, pk: int) -> HttpResponse:
    workflow = _workflow(request, pk)
    require_may_act(request.user)
    fields, problem = _start_fields(workflow)
    start_drafts.keep(request, workflow, start_drafts.kept_names(fields, _name))
    form = _form(fields)(request.POST, request.FILES)
    if problem or not form.is_valid():
        return _form_page(request, workflow, form, problem, 422)
    try:
        command = request_start(
            user=person(request),
            workflow=workflow,
            arguments={field.key: form.cleaned_data[_name(field)] for field in fields},
            titles={field.key: field.label for field in fields},
            key=intent_key(request),
            reason=request.POST.get("reason", ""),
            address=address(request),
        )
    except NotPossible as error:
        return _form_page(request, workflow, form, str(error), 409)
    start_drafts.forget(request, workflow)
    return redirect("executions:command", key=command.key)


@LivePage(
    "executions/runs/command.html",
    changes="executions:command-changes",
    fragments={"#command": "executions/runs/_command.html"},
)
def command(request: HttpRequest, key: uuid.UUID) -> Shown:
    found = _command(request, key)
    stamp = (found.state, found.message, found.new_ref, found.execution_id)
    return Shown(_command_context(request, found), stamp, args=[key])


def _workflow(request: HttpRequest, pk: int) -> Workflow:
    return get_object_or_404(_visible(request).select_related("account"), pk=pk)


def _visible(request: HttpRequest) -> QuerySet[Workflow]:
    return Workflow.objects.filter(account_id__in=list(accounts_of(request)))


def _again(
    request: HttpRequest, workflow: Workflow, fields: tuple[Field, ...]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """About the run that the address names, if it does, and what the form takes from its input."""
    asked = request.GET.get("run", "")
    if not asked or not fields or not may_act(request.user):
        return {}, {}
    found = visible_executions(request.user).filter(workflow=workflow).select_related("account")
    run = found.filter(pk=row_id(asked) or 0).first()
    if run is None:
        return {"problem": "There is no such run of this workflow that you may see."}, {}
    filled = start_prefill.filled(run, fields)
    about = {
        "run_id": run.pk,
        "label": plain(run.label, 120),
        "is_filled": bool(filled.values),
        "left_out": plain(", ".join(filled.left_out), 300),
        "problem": filled.problem,
    }
    return about, filled.values


def _start_fields(workflow: Workflow) -> tuple[tuple[Field, ...], str]:
    """What the adapter asks for, and why it cannot say."""
    if workflow.account.provider not in registry.all_adapters():
        return (), "The provider of this account is not installed."
    try:
        return tuple(open_account(workflow.account).start_fields(workflow.ref)), ""
    except (ProviderError, SealError) as error:
        return (), str(error)
    except (KeyError, ValueError):
        return (), "The account's settings are incomplete. An administrator has to complete them."


def _name(field: Field) -> str:
    """Prefixed: an argument may be called like one of our own inputs."""
    return f"argument_{field.key}"


def _form(fields: tuple[Field, ...]) -> type[forms.Form]:
    return type("StartForm", (forms.Form,), {_name(field): form_field(field) for field in fields})


def _form_page(
    request: HttpRequest,
    workflow: Workflow,
    form: forms.Form,
    problem: str,
    status: int = 200,
    *,
    again: dict[str, Any] | None = None,
    draft: start_drafts.Opened | None = None,
) -> HttpResponse:
    try:
        note = note_of(workflow.account, Verb.START)
    except KeyError:
        note = ""
    typed = {**draft.typed, "again": draft.again} if draft else {}
    asked = {**request.GET.dict(), **request.POST.dict(), **typed}
    context: dict[str, Any] = {
        "workflow": workflow,
        "title": plain(workflow.name) or "(no name)",
        "ref": plain(workflow.ref),
        "account": workflow.account,
        "provider": provider_name(workflow.account.provider),
        "form": form,
        "problem": problem,
        "note": note,
        "can_start": workflow.can_start and may_act(request.user),
        "key": str(uuid.uuid4()),
        **notes_of_workflow(request.user, workflow),
        "notes_url": reverse("executions:workflow-note", args=[workflow.pk]),
        "notes_home": reverse("executions:workflow", args=[workflow.pk]) + "#notes",
        "again": again,
        "again_run": asked.get("again", asked.get("run", "")),
        "reason": asked.get("reason", ""),
        "draft_saved": stamped(draft.saved_at) if draft else "",
        "draft_ms": int(draft.saved_at.timestamp() * 1000) if draft else 0,
        "draft_url": reverse("executions:start-draft", args=[workflow.pk]),
    }
    return show(request, "executions/runs/start.html", context, status=status)


def _command(request: HttpRequest, key: uuid.UUID) -> Command:
    with_all = ("requested_by", "account", "workflow", "execution", "batch_item")
    found = Command.objects.filter(account_id__in=list(accounts_of(request)))
    return get_object_or_404(found.select_related(*with_all), pk=key)


def _command_context(request: HttpRequest, command: Command) -> dict[str, Any]:
    run = command.execution
    if run is None and command.new_ref:
        run = Execution.objects.filter(account_id=command.account_id, ref=command.new_ref).first()
    return {
        "command": command_display.command_view(command),
        "account": command.account,
        "workflow": command.workflow,
        "workflow_name": plain(command.workflow.name) if command.workflow else "",
        "run": run,
        "run_label": plain(run.label) if run else "",
    }

"""Starting a run: the form for one, on the page of its workflow, and what became of a start."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from executions.access.permissions import require_may_act
from executions.commands import display as command_display
from executions.commands.submit import NotPossible, request_start
from executions.display.formatting import stamped
from executions.inbox.question_display import intent_key, undo_of
from executions.models import Command, Execution, Workflow
from executions.payloads.text_escaping import plain
from executions.web.fragments import no_store
from executions.web.live_page import LivePage, Shown
from executions.web.post_only_views import posted_from
from executions.web.requester import accounts_of, address, person
from executions.workflows import start_drafts, start_form, views
from executions.workflows.visibility import workflow_of


@posted_from("executions:workflow")
def start_draft(request: HttpRequest, pk: int) -> HttpResponse:
    """Saves what is typed so far, sealed, for this person alone; with `forget` it goes."""
    workflow = workflow_of(request, pk)
    require_may_act(request.user, workflow.account_id)
    if "forget" in request.POST:
        start_drafts.forget(request, workflow)
        return redirect("executions:workflow", pk=pk)
    is_kept = _kept(request, workflow)
    word = f"Draft saved {stamped(timezone.now())}" if is_kept else "Too long to keep as a draft"
    return no_store(HttpResponse(word, content_type="text/plain; charset=utf-8"))


def _kept(request: HttpRequest, workflow: Workflow) -> bool:
    names = start_drafts.kept_names(start_form.start_fields(workflow)[0], start_form.argument_name)
    return start_drafts.keep(request, workflow, names)


def _keep(request: HttpRequest, pk: int) -> None:
    """A start that cannot be taken now, as a draft."""
    workflow = workflow_of(request, pk)
    require_may_act(request.user, workflow.account_id)
    _kept(request, workflow)


@posted_from("executions:workflow", keeps=_keep)
def run_creation(request: HttpRequest, pk: int) -> HttpResponse:
    workflow = workflow_of(request, pk)
    require_may_act(request.user, workflow.account_id)
    fields, problem = start_form.start_fields(workflow)
    start_drafts.keep(request, workflow, start_drafts.kept_names(fields, start_form.argument_name))
    form = start_form.form_class(fields)(request.POST, request.FILES)
    if problem or not form.is_valid():
        context = start_form.form_context(request, workflow, form, problem, is_open=True)
        return views.workflow_page(request, workflow, context, status=422)
    try:
        command = request_start(
            user=person(request),
            workflow=workflow,
            arguments={
                field.key: form.cleaned_data[start_form.argument_name(field)] for field in fields
            },
            titles={field.key: field.label for field in fields},
            key=intent_key(request),
            reason=request.POST.get("reason", ""),
            address=address(request),
        )
    except NotPossible as error:
        context = start_form.form_context(request, workflow, form, str(error), is_open=True)
        return views.workflow_page(request, workflow, context, status=409)
    start_drafts.forget(request, workflow)
    return redirect("executions:command", key=command.key)


@LivePage(
    "executions/workflows/command.html",
    changes="executions:command-changes",
    fragments={"#command": "executions/workflows/_command.html"},
)
def command(request: HttpRequest, key: uuid.UUID) -> Shown:
    found = _command(request, key)
    stamp = (found.state, found.message, found.new_ref, found.execution_id)
    return Shown(_command_context(request, found), stamp, args=[key])


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
        "undo": undo_of(request, command),
        "account": command.account,
        "workflow": command.workflow,
        "workflow_name": plain(command.workflow.name) if command.workflow else "",
        "run": run,
        "run_label": plain(run.label) if run else "",
    }

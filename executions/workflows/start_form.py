"""The form to start a run of a workflow: what the provider asks for, and what it begins with."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.forms.utils import ErrorDict
from django.http import HttpRequest
from django.urls import reverse

from executions.access.permissions import may_act, visible_executions
from executions.commands.sealed_arguments import unseal
from executions.commands.verbs import note_of
from executions.display.formatting import stamped
from executions.display.id_params import row_id
from executions.models import Command, Execution, Workflow
from executions.payloads.text_escaping import plain
from executions.web.requester import person
from executions.workflows import start_drafts, start_prefill
from providers import registry
from providers.contract import Field, ProviderError, Verb
from providers.forms import form_field
from providers.models import open_account
from providers.sealing import SealError

LAST = "last"  # `values=last`: those of the person's last start


def start_form(request: HttpRequest, workflow: Workflow) -> dict[str, Any]:
    """The form for a new run, as the page of its workflow holds it. With `run` in the address it
    begins with the input of that one, with `values=last` with those of the person's last start,
    else with their draft. Nothing is filled in that nobody asked for."""
    fields, problem = start_fields(workflow)
    is_offered = workflow.can_start and may_act(request.user, workflow.account_id)
    last = _last_start(request, workflow) if is_offered and fields else None
    draft = start_drafts.opened(request, workflow) if is_offered else None
    again, values = _again(request, workflow, fields)
    if last is not None and request.GET.get("values") == LAST:
        draft, (again, values) = None, _of_last(last, fields)
    form = form_class(fields)(initial={f"argument_{key}": value for key, value in values.items()})
    if draft is not None:
        form = form_class(fields)(draft.typed)
        form._errors = ErrorDict()  # type: ignore[attr-defined]  # nothing is checked before it is sent
    context = form_context(request, workflow, form, problem, again=again, draft=draft)
    return context | {"last_start": last.requested_at if last and not again else None}


def _last_start(request: HttpRequest, workflow: Workflow) -> Command | None:
    """The person's newest start of this workflow that was sent."""
    own = Command.objects.filter(
        workflow=workflow, kind=Verb.START.value, requested_by=person(request),
        sent_at__isnull=False,
    )  # fmt: skip
    return own.order_by("-requested_at").first()


def _of_last(command: Command, fields: tuple[Field, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        filled = start_prefill.fit(unseal(command).get("values", {}), fields)
    except SealError:
        return {"problem": "What you typed then can no longer be read."}, {}
    about = {
        "is_own": True,
        "at": command.requested_at,
        "is_filled": bool(filled.values),
        "left_out": plain(", ".join(filled.left_out), 300),
    }
    return about, filled.values


def _again(
    request: HttpRequest, workflow: Workflow, fields: tuple[Field, ...]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """About the run that the address names, if it does, and what the form takes from its input."""
    asked = request.GET.get("run", "")
    if not asked or not fields or not may_act(request.user, workflow.account_id):
        return {}, {}
    found = visible_executions(request.user).filter(workflow=workflow).select_related("account")
    run = found.filter(pk=row_id(asked) or 0).first()
    if run is None:
        return {"problem": "There is no such run of this workflow that you may see."}, {}
    return _filled(run, fields)


def _filled(run: Execution, fields: tuple[Field, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    filled = start_prefill.filled(run, fields)
    about = {
        "run_id": run.pk,
        "label": plain(run.label, 120),
        "is_filled": bool(filled.values),
        "left_out": plain(", ".join(filled.left_out), 300),
        "problem": filled.problem,
    }
    return about, filled.values


def start_fields(workflow: Workflow) -> tuple[tuple[Field, ...], str]:
    """What the adapter asks for, and why it cannot say."""
    if workflow.account.provider not in registry.all_adapters():
        return (), "This provider is not installed here."
    try:
        return tuple(open_account(workflow.account).start_fields(workflow.ref)), ""
    except (ProviderError, SealError) as error:
        return (), str(error)
    except (KeyError, ValueError):
        return (), "The account's settings are incomplete. An administrator has to complete them."


def argument_name(field: Field) -> str:
    """Prefixed: an argument may be called like one of our own inputs."""
    return f"argument_{field.key}"


def form_class(fields: tuple[Field, ...]) -> type[forms.Form]:
    return type(
        "StartForm", (forms.Form,), {argument_name(field): form_field(field) for field in fields}
    )


def form_context(
    request: HttpRequest,
    workflow: Workflow,
    form: forms.Form,
    problem: str,
    *,
    again: dict[str, Any] | None = None,
    draft: start_drafts.Opened | None = None,
    is_open: bool = False,
) -> dict[str, Any]:
    """`is_open`: not folded, because something of it has to be read."""
    try:
        note = note_of(workflow.account, Verb.START)
    except KeyError:
        note = ""
    typed = {**draft.typed, "again": draft.again} if draft else {}
    asked = {**request.GET.dict(), **request.POST.dict(), **typed}
    return {
        "form": form,
        "problem": problem,
        "note": note,
        "can_start": workflow.can_start and may_act(request.user, workflow.account_id),
        "is_start_open": is_open
        or draft is not None
        or not {"run", "start", "values"}.isdisjoint(request.GET),
        "key": str(uuid.uuid4()),
        "again": again,
        "again_run": asked.get("again", asked.get("run", "")),
        "reason": asked.get("reason", ""),
        "draft_saved": stamped(draft.saved_at) if draft else "",
        "draft_ms": int(draft.saved_at.timestamp() * 1000) if draft else 0,
        "draft_url": reverse("executions:start-draft", args=[workflow.pk]),
    }

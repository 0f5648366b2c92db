"""Rows as the API tells them: plain values in the shapes of `schemas`."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from executions import models
from executions.forms import compile_question
from executions.polling import read_queue
from providers.models import ProviderAccount

MAX_TRANSITIONS = 500
MAX_COMMANDS = 100


def told(
    execution: models.Execution, account: ProviderAccount, workflow: models.Workflow
) -> dict[str, Any]:
    return {
        "id": execution.pk,
        "account": account.name,
        "provider": account.provider,
        "ref": execution.ref,
        "workflow": {"ref": workflow.ref, "name": workflow.name},
        "status": execution.status,
        "status_reason": execution.status_reason,
        "native_status": execution.native_status,
        "progress": execution.progress,
        "error_summary": execution.error_summary,
        "started_at": execution.started_at,
        "finished_at": execution.finished_at,
        "observed_at": execution.observed_at,
        "changed_at": execution.changed_at,
        "is_change_reported": execution.is_change_reported,
        "url": execution.url,
    }


def told_in_full(execution: models.Execution) -> dict[str, Any]:
    """With everything below it; the newest of what can grow without end."""
    questions = execution.questions.filter(closed_at__isnull=True).order_by("opened_at", "pk")
    transitions = execution.transitions.order_by("-version")[:MAX_TRANSITIONS]
    commands = execution.commands.select_related("requested_by")[:MAX_COMMANDS]
    is_read = models.ExecutionDetail.is_read(execution.pk)
    outputs = execution.outputs.order_by("pk")
    return {
        **told(execution, execution.account, execution.workflow),
        "is_altered": models.ExecutionDetail.objects.filter(
            pk=execution.pk, is_altered=True
        ).exists(),
        "steps": [_step(each) for each in execution.steps.defer("output")] if is_read else None,
        "transitions": [_transition(change) for change in reversed(transitions)],
        "questions": [_question(each) for each in questions] if is_read else None,
        "commands": [command(row) for row in commands],
        "outputs": [_output(each) for each in outputs] if is_read else None,
        "reading": read_queue.is_waiting(execution),
    }


def command(row: models.Command) -> dict[str, Any]:
    return {
        "key": row.key,
        "kind": row.kind,
        "state": row.state,
        "requested_by": row.requested_by.get_username() if row.requested_by else None,
        "requested_at": row.requested_at,
        "message": row.message,
    }


def account(row: ProviderAccount) -> dict[str, Any]:
    """Without settings and credentials: those are for admins, in the admin."""
    return {
        "id": row.pk,
        "name": row.name,
        "provider": row.provider,
        "enabled": row.enabled,
        "health": row.health,
        "health_since": row.health_since,
        "last_error": row.last_error,
        "last_success_at": row.last_success_at,
        "group": row.group.name if row.group else None,
    }


def workflow(row: models.Workflow) -> dict[str, Any]:
    return {
        "id": row.pk,
        "account": row.account.name,
        "ref": row.ref,
        "name": row.name,
        "can_start": row.can_start,
    }


def _step(step: models.Step) -> dict[str, Any]:
    return {
        "ref": step.ref,
        "path": step.path,
        "name": step.name,
        "status": step.status,
        "native_status": step.native_status,
        "started_at": step.started_at,
        "finished_at": step.finished_at,
        "error": step.error,
    }


def _transition(change: models.Transition) -> dict[str, Any]:
    return {
        "version": change.version,
        "from": change.from_status,
        "to": change.to_status,
        "native_status": change.native_status,
        "provider_time": change.provider_time,
        "observed_at": None if "reported" in change.flags else change.observed_at,
        "is_reported": "reported" in change.flags,
    }


def _question(question: models.Question) -> dict[str, Any]:
    """Secrets masked, as on the pages; a mask that comes back in an answer means "unchanged"."""
    parts = compile_question(question).masked_triple(question)
    return {
        "ref": question.ref,
        "kind": question.kind,
        "title": question.title,
        "description": question.description,
        **parts,
        "choices": question.choices,
        "is_answerable": question.is_answerable,
        "opened_at": question.opened_at,
        "is_opening_reported": question.is_opening_reported,
    }


def _output(output: models.Output) -> dict[str, Any]:
    return {
        "ref": output.ref,
        "name": output.name,
        "content_type": output.content_type,
        "size": output.size,
        "href": reverse("api-v1:output", args=[output.execution_id, output.pk]),
    }

"""The buttons of an answer that waits for an undo: take it back, or send it now."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from executions.access.permissions import require_may_act
from executions.commands import withdrawal
from executions.inbox.views import wanted_of
from executions.models import Command, Question
from executions.web.post_only_views import posted_from
from executions.web.redirects import is_own_address
from executions.web.requester import accounts_of, address, person


@posted_from("executions:command")
def undo(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """Leads back to the question, with what was typed."""
    command = _command(request, key)
    if person(request).pk not in (command.requested_by_id, command.agreed_by_id):
        messages.warning(request, "Only the person who asked for it can undo it.")
    elif withdrawal.withdraw(person(request), command, address=address(request)):
        messages.success(request, "Undone: nothing was sent. What you typed is back.")
    else:
        messages.warning(
            request, "Too late to undo: it is being sent. The question shows its state."
        )
    return redirect(_page_of(request, command))


@posted_from("executions:command")
def send_now(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """Leads back to where the button was."""
    command = _command(request, key)
    if not withdrawal.send_now(person(request), command):
        messages.warning(request, "It does not wait any more, or is not yours to send.")
    came_from = request.headers.get("Referer", "")
    known = is_own_address(request, came_from)
    return redirect(came_from if known else _page_of(request, command))


def _command(request: HttpRequest, key: uuid.UUID) -> Command:
    found = Command.objects.filter(account_id__in=list(accounts_of(request)))
    rows = found.select_related("account", "execution__workflow", "workflow", "requested_by")
    command: Command = get_object_or_404(rows, pk=key)
    require_may_act(request.user, command.account_id)
    return command


def _page_of(request: HttpRequest, command: Command) -> str:
    asked = Question.objects.filter(execution=command.execution, ref=command.question_ref)
    pk = asked.values_list("pk", flat=True).first() if command.question_ref else None
    if pk is None:
        return reverse("executions:command", args=[command.pk])
    return reverse("executions:question", args=[pk]) + wanted_of(request).query()

"""The button that takes an answer back while nothing of it was sent."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from executions.access.permissions import require_may_act
from executions.commands.withdrawal import withdraw
from executions.inbox.views import wanted_of
from executions.models import Command, Question
from executions.web.post_only_views import posted_from
from executions.web.requester import accounts_of, address, person


@posted_from("executions:command")
def undo(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """Leads back to the question, with what was typed."""
    found = Command.objects.filter(account_id__in=list(accounts_of(request)))
    rows = found.select_related("account", "execution__workflow", "workflow", "requested_by")
    command = get_object_or_404(rows, pk=key)
    require_may_act(request.user, command.account_id)
    if person(request).pk not in (command.requested_by_id, command.agreed_by_id):
        messages.warning(request, "Only the person who asked for it can undo it.")
    elif withdraw(person(request), command, address=address(request)):
        messages.success(request, "Undone: nothing was sent. What you typed is back.")
    else:
        messages.warning(
            request, "Too late to undo: it is being sent. The question shows its state."
        )
    return redirect(_page_of(request, command))


def _page_of(request: HttpRequest, command: Command) -> str:
    asked = Question.objects.filter(execution=command.execution, ref=command.question_ref)
    pk = asked.values_list("pk", flat=True).first() if command.question_ref else None
    if pk is None:
        return reverse("executions:command", args=[command.pk])
    return reverse("executions:question", args=[pk]) + wanted_of(request).query()

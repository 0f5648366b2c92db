"""The buttons of an answer that waits for a second person: agree, give it back, withdraw it."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from executions.access.permissions import require_may_act
from executions.commands import second_person
from executions.commands.submit import NotPossible
from executions.commands.withdrawal import time_to_undo
from executions.inbox.views import next_address, wanted_of
from executions.models import Proposal
from executions.web.post_only_views import posted_from
from executions.web.requester import accounts_of, address, person


def _get(request: HttpRequest, key: uuid.UUID) -> Proposal:
    seen = Proposal.objects.filter(question__execution__account_id__in=list(accounts_of(request)))
    rows = seen.select_related("requested_by", "question__execution__account")
    return get_object_or_404(rows, pk=key)


def _page_of(request: HttpRequest, key: uuid.UUID) -> str:
    pk = _get(request, key).question_id
    return reverse("executions:question", args=[pk]) + wanted_of(request).query()


@posted_from(_page_of)
def agreement(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """Leads to the next question, as an answer does."""
    proposal = _get(request, key)
    require_may_act(request.user, proposal.question.execution.account_id)
    try:
        command = second_person.agree(
            person(request),
            proposal,
            address=address(request),
            hold=time_to_undo(person(request)),
        )
    except NotPossible as error:
        messages.error(request, str(error))
        return redirect(_page_of(request, key))
    return redirect(next_address(request, proposal.question, str(command.key)))


@posted_from(_page_of)
def give_back(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    proposal = _get(request, key)
    require_may_act(request.user, proposal.question.execution.account_id)
    sentence = request.POST.get("sentence", "")
    try:
        second_person.give_back(person(request), proposal, sentence, address=address(request))
    except NotPossible as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "Given back: nothing was sent. The question shows why.")
    return redirect(_page_of(request, key))


@posted_from(_page_of)
def withdrawal(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    proposal = _get(request, key)
    require_may_act(request.user, proposal.question.execution.account_id)
    try:
        second_person.withdraw(person(request), proposal, address=address(request))
    except NotPossible as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "Withdrawn: nothing was sent. What you typed is back.")
    return redirect(_page_of(request, key))

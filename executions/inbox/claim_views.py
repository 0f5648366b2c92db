"""The buttons by which a person takes a question on, takes it over and lets it go."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from executions.inbox import claims
from executions.inbox.question_display import get_question
from executions.inbox.views import claimed
from executions.models import Question
from executions.web.fragments import wants_fragment
from executions.web.post_only_views import posted_from
from executions.web.redirects import next_address
from executions.web.requester import address, person


@posted_from("executions:question")
def claim(request: HttpRequest, pk: int) -> HttpResponse:
    question, holder = get_question(request, pk), request.POST.get("from", "")
    complaint = claims.claim(person(request), question, holder=holder, address=address(request))
    return _answer(request, question, complaint)


@posted_from("executions:question")
def release(request: HttpRequest, pk: int) -> HttpResponse:
    question = get_question(request, pk)
    claims.release(person(request), question, address=address(request))
    return _answer(request, question, "")


def _answer(request: HttpRequest, question: Question, complaint: str) -> HttpResponse:
    """What it changed on the open page, or back to the page."""
    if wants_fragment(request):
        return claimed(request, question, complaint)
    if complaint:
        messages.warning(request, complaint)
    return HttpResponseRedirect(next_address(request, reverse("executions:inbox")))

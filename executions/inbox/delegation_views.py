"""The page on which questions are delegated, and the button that takes that back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from executions.access.permissions import require_may_act
from executions.display.id_params import row_id, row_ids
from executions.inbox import delegation
from executions.inbox.question_display import get_question, visible_questions
from executions.inbox.question_rows import name_of
from executions.inbox.views import claimed, wanted_of
from executions.models import MAX_DELEGATION_NOTE, Question
from executions.payloads.text_escaping import plain
from executions.web.fragments import wants_fragment
from executions.web.live_page import show
from executions.web.post_only_views import posted_from
from executions.web.redirects import next_address
from executions.web.requester import address, person

MOST = 200  # questions of one act


@require_http_methods(["GET", "HEAD", "POST"])
def delegations(request: HttpRequest) -> HttpResponse:
    """The form for the `questions` of the address or of the inbox's selection; with `to`, such as
    `person:7` or `team:3`, the act itself."""
    require_may_act(request.user)
    given = request.POST if request.method == "POST" else request.GET
    ids = row_ids(",".join(given.getlist("questions")).split(","))[:MOST]
    asked = visible_questions(request).filter(pk__in=ids, closed_at__isnull=True)
    questions = list(asked.order_by("opened_at", "pk"))
    if not questions:
        messages.warning(request, "None of these questions waits any more.")
        return HttpResponseRedirect(reverse("executions:inbox"))
    if "to" not in request.POST:
        return _form(request, questions)
    to = _chosen(request.POST["to"])
    if to is None:
        return _form(request, questions, "Choose a person or a team.")
    try:
        count = delegation.delegate(
            person(request), questions, to=to, note=request.POST.get("note", ""),
            address=address(request),
        )  # fmt: skip
    except delegation.NotDelegated as error:
        return _form(request, questions, str(error))
    left = len(questions) - count
    messages.success(
        request,
        f"{count} question{'s' if count > 1 else ''} delegated to {name_of(to)}."
        + (f" {left} not: they are answered, or not theirs to answer." if left else ""),
    )
    return HttpResponseRedirect(_back(request, questions))


@posted_from("executions:question")
def withdrawal(request: HttpRequest, pk: int) -> HttpResponse:
    question = get_question(request, pk)
    delegation.take_back(person(request), question, address=address(request))
    if wants_fragment(request):
        return claimed(request, question, "")
    return HttpResponseRedirect(next_address(request, reverse("executions:inbox")))


def _form(request: HttpRequest, questions: list[Question], problem: str = "") -> HttpResponse:
    context: dict[str, Any] = {
        "questions": [
            {
                "pk": each.pk,
                "title": plain(each.title, 160) or "Input is needed",
                "label": plain(each.execution.label, 160),
                "workflow": plain(each.execution.workflow.name, 160) or "(no name)",
            }
            for each in questions
        ],
        "people": delegation.people_for(questions),
        "teams": delegation.teams_for(questions),
        "chosen": request.POST.get("to", ""),
        "note": request.POST.get("note", ""),
        "most": MAX_DELEGATION_NOTE,
        "problem": problem,
        "back": _back(request, questions),
        "query": wanted_of(request).query(),
    }
    page = show(request, "executions/inbox/delegation.html", context)
    page.status_code = 422 if problem else 200
    return page


def _back(request: HttpRequest, questions: list[Question]) -> str:
    """The question, or the list where there are several."""
    query = wanted_of(request).query()
    if len(questions) == 1:
        return reverse("executions:question", args=[questions[0].pk]) + query
    return reverse("executions:inbox") + query


def _chosen(text: str) -> User | Group | None:
    kind, _, number = text.partition(":")
    pk = row_id(number)
    if pk is None:
        return None
    if kind == "person":
        return User.objects.filter(pk=pk, is_active=True).first()
    return Group.objects.filter(pk=pk).first() if kind == "team" else None

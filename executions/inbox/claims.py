"""Who is on a question: taking it on, letting it go, taking it over from somebody who left."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from executions.access import audit_log
from executions.access.permissions import require_may_act
from executions.inbox.question_page import get_question
from executions.inbox.question_rows import line_answer
from executions.live import publish
from executions.models import Question
from executions.web.form_pages import next_address, posted_from
from executions.web.fragments import wants_fragment
from executions.web.requester import address, person


@posted_from("executions:question")
def claim(request: HttpRequest, pk: int) -> HttpResponse:
    """Says "I am on it". Compare-and-set: the first one has it until it is let go, or taken over
    from the very person the page named (`from`)."""
    question = get_question(request, pk)
    require_may_act(request.user)
    now, said = timezone.now(), ""
    free = Question.objects.filter(pk=pk, closed_at__isnull=True)
    holder = request.POST.get("from", "")
    if holder:
        free = free.filter(claimed_by__username=holder)
    else:
        free = free.filter(claimed_by__isnull=True)
    taken: dict[str, Any] = {"claimed_by": request.user, "claimed_at": now}
    if free.update(**taken, first_claimed_at=Coalesce("first_claimed_at", Value(now))):
        _tell(
            request,
            question,
            audit_log.Action.TAKE_OVER if holder else audit_log.Action.CLAIM,
            holder,
        )
    elif question.closed_at is not None:
        said = "It is no longer asked."
    elif question.claimed_by_id != request.user.pk:
        who = question.claimed_by.get_username() if question.claimed_by else "Someone else"
        said = f"{who} is already on it."
    return _answer(request, question, said)


@posted_from("executions:question")
def release(request: HttpRequest, pk: int) -> HttpResponse:
    """Lets go of it; anybody who may act can also free it from somebody who left."""
    question = get_question(request, pk)
    require_may_act(request.user)
    held = Question.objects.filter(pk=pk, claimed_by__isnull=False)
    if held.update(claimed_by=None, claimed_at=None):
        holder = question.claimed_by.get_username() if question.claimed_by else ""
        _tell(
            request,
            question,
            audit_log.Action.LET_GO,
            holder if holder != person(request).username else "",
        )
    return _answer(request, question, "")


def _tell(request: HttpRequest, question: Question, action: audit_log.Action, holder: str) -> None:
    run = question.execution
    detail = {"question": question.title or question.ref, **({"of": holder} if holder else {})}
    audit_log.record(
        person(request), action, account_name=run.account.name, target=str(run), detail=detail,
        address=address(request),
    )  # fmt: skip
    publish.publish_questions(run.account_id)


def _answer(request: HttpRequest, question: Question, said: str) -> HttpResponse:
    """The line of the inbox, or back to the page."""
    if wants_fragment(request):
        return line_answer(request, question, said)
    if said:
        messages.warning(request, said)
    return HttpResponseRedirect(next_address(request, reverse("executions:inbox")))

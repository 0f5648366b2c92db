"""The list of answers: who gave which to what, secrets masked, newest first."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from executions.commands import display as command_display
from executions.models import Command, Question
from executions.payloads.text_escaping import plain
from executions.search.cursor import Cursor, Order
from executions.search.unicode_spellings import holds
from executions.web.live_page import show
from executions.web.requester import accounts_of
from providers.contract import Verb

PAGE = 30
KNOWN = {"by", "q", "after"}


@require_GET
def answered(request: HttpRequest) -> HttpResponse:
    """All answers given here, page by page, for one person or with a text."""
    by = " ".join(request.GET.get("by", "").replace("\0", " ").split())[:150]
    text = " ".join(request.GET.get("q", "").replace("\0", " ").split())[:200]
    place = Cursor.parse(request.GET.get("after", ""), Order.REQUEST)
    ignored = [f"“{key[:40]}” is not a filter of this list." for key in request.GET.keys() - KNOWN]
    if request.GET.get("after") and place is None:
        ignored.append("The page was not understood.")
    rows = list(_narrowed(_visible(request), by, text, place)[: PAGE + 1])
    following = ""
    if len(rows) > PAGE:
        last = rows[PAGE - 1]
        after = Cursor(last.requested_at, last.key.int, Order.REQUEST)
        following = _address(by=by, q=text, after=str(after))
    context = {
        "rows": _views(rows[:PAGE]),
        "by": by,
        "q": text,
        "ignored": ignored,
        "first": _address(by=by, q=text) if place else "",
        "following": following,
    }
    return show(request, "executions/inbox/given_answers.html", context)


def _visible(request: HttpRequest) -> QuerySet[Command]:
    found = Command.objects.filter(
        kind=Verb.ANSWER.value, account_id__in=list(accounts_of(request))
    )
    return found.select_related(
        "requested_by", "execution", "execution__workflow", "account"
    ).order_by("-requested_at", "-key")


def _narrowed(
    found: QuerySet[Command], by: str, text: str, place: Cursor | None
) -> QuerySet[Command]:
    if by:
        found = found.filter(requested_by__username__iexact=by)
    if text:
        titled = Question.objects.filter(holds(text, "title")).values("execution_id")
        found = found.filter(
            holds(text, "execution__workflow__name", "execution__name", "message")
            | holds(text, "execution__ref", how="istartswith")
            | Q(execution_id__in=titled)
        )
    if place is not None:
        known = {"requested_at": place.at, "key__gte": uuid.UUID(int=place.id)}
        found = found.filter(requested_at__lte=place.at).exclude(**known)
    return found


def _views(rows: list[Command]) -> list[dict[str, Any]]:
    """With the question each of them answers, all read at once."""
    runs = {row.execution_id for row in rows if row.execution_id}
    asked = Question.objects.filter(execution_id__in=runs, ref__in={r.question_ref for r in rows})
    questions = {(each.execution_id, each.ref): each for each in asked}
    return [_view(row, questions.get((row.execution_id or 0, row.question_ref))) for row in rows]


def _view(row: Command, question: Question | None) -> dict[str, Any]:
    run = row.execution
    return {
        **command_display.command_view(row, question),
        "key": str(row.key),
        "question_id": question.pk if question else None,
        "title": plain(question.title, 160) if question and question.title else "Input was needed",
        "run_id": row.execution_id,
        "workflow": plain(run.workflow.name, 120) if run else "",
        "label": plain(run.label, 120) if run else "",
        "account": row.account.name,
        "at": row.requested_at,
    }


def _address(**given: str) -> str:
    query = urlencode({key: value for key, value in given.items() if value})
    return reverse("executions:answered") + (f"?{query}" if query else "")

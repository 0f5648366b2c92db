"""Everything that waits for a person, over all providers, and beside it the desk: one question,
with what one needs to decide on it. The badge counts the same query.

An open page keeps its lines where they are: one that is answered says so in its place, new ones
come behind the others, or are announced where there is a next page.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions.access.permissions import may_act
from executions.display.formatting import mark
from executions.display.id_params import row_id
from executions.inbox import question_context
from executions.inbox.question_display import (
    fragments_of,
    get_question,
    held_now,
    newest_answer,
    present_besides,
    question_view,
    shown_forms,
)
from executions.inbox.question_rows import lines_of, rows_of
from executions.models import Question
from executions.payloads.text_escaping import plain
from executions.search import questions as question_search
from executions.search.questions import Wanted, cursor_of
from executions.web.account_banner import accounts_out_of_sight
from executions.web.fragments import Fragment, fragment, no_store, partials, wants_fragment
from executions.web.inbox_badge import inbox_count
from executions.web.live_page import LivePage, Shown
from executions.web.requester import accounts_of, sees_all

MAX_ON_PAGE = 2 * question_search.PAGE  # with those that came while the page was open
STAYS = timedelta(seconds=30)  # for so long after its confirmation an answered one is in its list
MAX_STAYING = 5


def _fragments(request: HttpRequest, context: dict[str, Any]) -> list[Fragment]:
    """The list, the line on top of the desk, and of its question all but the form."""
    parts = [
        Fragment("#inbox", fragment(request, "executions/inbox/_list.html", context)),
        Fragment("#sent", fragment(request, "executions/inbox/_sent.html", context)),
    ]
    question: Question | None = context["question"]
    if question is not None:
        known = shown_forms(request).get(question.pk, question.fingerprint)
        parts += fragments_of(request, question, known, query=context["query"])
    return parts


INBOX_PAGE = LivePage(
    "executions/inbox/inbox.html", changes="executions:inbox-changes", fragments=_fragments
)


@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """The list, and beside it the question of the address, else the first that waits. On a phone
    it is the list alone where no question was asked for."""
    pk = row_id(request.GET.get("question", ""))
    return show_inbox(request, get_question(request, pk) if pk is not None else None)


@require_GET
def question_page(request: HttpRequest, pk: int) -> HttpResponse:
    return show_inbox(request, get_question(request, pk))


def show_inbox(
    request: HttpRequest,
    question: Question | None,
    view: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The list and a question on the desk; `view` where it is shown otherwise than it is stored.
    Where htmx asks it gets the desk alone: the lines stay where they are."""
    wanted = wanted_of(request)
    found = _page(request, wanted)
    lines = _fresh_lines(request, wanted, found)
    if question is None:
        first = next((line["id"] for line in lines if not (line["sent"] or line["closed"])), None)
        chosen = get_question(request, first) if first is not None else None
    else:
        chosen = question
    shown = _shown(request, wanted, lines, found, chosen, newer=0)
    shown.context["is_chosen"] = question is not None
    if chosen is not None:
        shown.context["q"] = view or question_view(request, chosen)
        shown.context["about"] = question_context.about(chosen.execution)
    if wants_fragment(request) and request.method == "GET":
        context = INBOX_PAGE.context(shown)
        return no_store(HttpResponse(fragment(request, "executions/inbox/_desk.html", context)))
    return INBOX_PAGE.show(request, shown, status=status)


@require_GET
def inbox_changes(request: HttpRequest) -> HttpResponse:
    """The same lines as they are now, and what came since (`top` is the newest the page knows)."""
    wanted = wanted_of(request)
    found = _page(request, wanted)
    known = _known_rows(request)
    top = row_id(request.GET.get("top", "")) or 0
    new = _new(request, wanted, top, {row.pk for row in known})
    has_room = found.after is None and len(known) < MAX_ON_PAGE
    rows = [*known, *new[: MAX_ON_PAGE - len(known)]] if has_room else known
    newer = len(new) - (len(rows) - len(known))
    pk = row_id(request.GET.get("question", ""))
    try:
        question = get_question(request, pk) if pk is not None else None
    except Http404:  # its run is no longer kept, or no longer this person's
        question = None
    lines = lines_of(request, rows)
    return INBOX_PAGE.changed(request, _shown(request, wanted, lines, found, question, newer))


def claimed(request: HttpRequest, question: Question, complaint: str) -> HttpResponse:
    """What a claim changed on an open page: the line, and the question on the desk, with a sentence
    where it was not taken."""
    question = get_question(request, question.pk)
    query = wanted_of(request).query()
    [row] = rows_of(Question.objects.filter(pk=question.pk))
    context = {"item": lines_of(request, [row])[0], "question": question, "query": query}
    line = fragment(request, "executions/inbox/_line.html", context)
    known = request.POST.get("fingerprint", question.fingerprint)
    parts = fragments_of(request, question, known, query=query, complaint=complaint)
    parts.append(Fragment(f"#task-{question.pk}", line))
    return no_store(HttpResponse(partials(parts)))


def next_address(request: HttpRequest, answered: Question, key: str) -> str:
    """Where a person goes on after an answer: the next question of the list, on top what became of
    the answer; the list where none is left."""
    wanted = wanted_of(request)
    place = question_search.place_of(answered)
    found = rows_of(wanted.questions(request.user.pk))
    behind = question_search.page(found, place).rows
    rows = [*behind, *question_search.page(found, None).rows]
    lines = lines_of(request, [row for row in rows if row.pk != answered.pk])
    open_to = (line for line in lines if not line["sent"] and not line["is_own_proposal"])
    free = [line for line in open_to if line["is_answerable"]]
    mine = [
        line for line in free
        if line["is_mine"] or not (line["claimed_by"] or line.get("is_delegated_away"))
    ]  # fmt: skip
    query = wanted.query(sent=key)
    if not free:
        return reverse("executions:inbox") + query
    return reverse("executions:question", args=[(mine or free)[0]["id"]]) + query


def wanted_of(request: HttpRequest) -> Wanted:
    return question_search.parse(request.GET, accounts_of(request), sees_all=sees_all(request))


def _page(request: HttpRequest, wanted: Wanted) -> question_search.Page:
    before = cursor_of(request.GET.get("before", ""))
    cursor = before or cursor_of(request.GET.get("after", ""))
    found = rows_of(wanted.questions(request.user.pk))
    return question_search.page(found, cursor, is_back=before is not None)


def _fresh_lines(
    request: HttpRequest, wanted: Wanted, found: question_search.Page
) -> list[dict[str, Any]]:
    """Those of a page that is made anew: what was answered comes last, and stays for a moment when
    it is confirmed."""
    rows = list(found.rows)
    if found.before is None:
        since = timezone.now() - STAYS
        own = Question.objects.filter(
            closed_at__gte=since, answered_by=request.user.pk,
            execution__account_id__in=list(accounts_of(request)),
        )  # fmt: skip
        rows += rows_of(own.order_by("closed_at"))[:MAX_STAYING]
    lines = lines_of(request, rows)
    return sorted(lines, key=lambda line: bool(line["sent"] or line["closed"]))


def _known_rows(request: HttpRequest) -> list[Question]:
    """The lines the page has, in its order, answered ones too."""
    given = (row_id(part) for part in request.GET.get("lines", "").split(",")[:MAX_ON_PAGE])
    ids = [pk for pk in given if pk is not None]
    allowed = list(accounts_of(request))
    found = Question.objects.filter(pk__in=ids, execution__account_id__in=allowed)
    by_id = {row.pk: row for row in rows_of(found)}
    return [by_id[pk] for pk in ids if pk in by_id]


def _new(request: HttpRequest, wanted: Wanted, top: int, shown: set[int]) -> list[Question]:
    found = rows_of(wanted.questions(request.user.pk).filter(pk__gt=top)).exclude(pk__in=shown)
    return list(found.order_by("pk")[:MAX_ON_PAGE])


def _shown(
    request: HttpRequest, wanted: Wanted, lines: list[dict[str, Any]], found: question_search.Page,
    question: Question | None, newer: int,
) -> Shown:  # fmt: skip
    totals = question_search.counts(wanted, request.user.pk)
    blind, is_blind = accounts_out_of_sight(request)
    here = reverse("executions:inbox")
    asking = question_search.workflows(accounts_of(request), sees_all=sees_all(request))
    place = {key: request.GET.get(key, "") for key in ("before", "after")}
    sent = question_context.sent_line(request)
    context = {
        "items": lines,
        "has_due": any(line["due"] for line in lines),
        "is_team": wanted.pairs() == {"whose": "team"},
        "wanted": wanted,
        "query": wanted.query(**place),
        "segments": [
            (word, here + wanted.query(whose=whose), totals[whose], whose == wanted.whose)
            for whose, word in question_search.WHOSE.items()
        ],
        "total": totals[wanted.whose],
        "everything": inbox_count(request),
        "account_options": [
            (pk, each.name, pk == wanted.account) for pk, each in accounts_of(request).items()
        ],
        "workflow_options": [
            (pk, plain(name, 80) or "(no name)", pk == wanted.workflow) for pk, name in asking
        ],
        "kind_options": [
            (key, word, key == wanted.kind) for key, word in question_search.KINDS.items()
        ],
        "may_act": may_act(request.user),
        "decide_key": str(uuid4()),
        "top": max([*(line["id"] for line in lines), _highest(request)]),
        "newer": newer,
        "here": here + wanted.query(**place),
        "first": here + wanted.query() if found.before else "",
        "previous": here + wanted.query(before=found.before) if found.before else "",
        "following": here + wanted.query(after=found.after) if found.after else "",
        "blind": blind,
        "is_blind": is_blind,
        "has_accounts": bool(accounts_of(request)),
        "question": question,
        "sent": sent,
        **_neighbours(lines, question),
    }
    asked = {"question": question.pk if question else "", "sent": sent["key"] if sent else ""}
    return Shown(context, _stamp(request, context), query=wanted.query(**place, **asked))


def _neighbours(lines: Sequence[dict[str, Any]], question: Question | None) -> dict[str, Any]:
    """The place of the question in the list, and the ones before and behind it."""
    ids = [line["id"] for line in lines]
    if question is None or question.pk not in ids:
        return {"place": 0, "places": 0, "upper": None, "lower": next(iter(ids), None)}
    at = ids.index(question.pk)
    upper, lower = ids[at - 1] if at else None, ids[at + 1] if at + 1 < len(ids) else None
    waiting = [line["id"] for line in lines if not line["closed"]]
    place = waiting.index(question.pk) + 1 if question.pk in waiting else 0
    return {"place": place, "places": len(waiting), "upper": upper, "lower": lower}


def _highest(request: HttpRequest) -> int:
    """The newest question when the page was made: what the page says, or what there is."""
    top = row_id(request.GET.get("top", ""))
    if top is not None:
        return top
    return Question.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _stamp(request: HttpRequest, context: dict[str, Any]) -> str:
    numbers = [segment[2] for segment in context["segments"]]
    question: Question | None = context["question"]
    own: tuple[Any, ...] = ()
    if question is not None:
        newest = newest_answer(question)
        answer = (newest.key, newest.state, newest.message) if newest else None
        held = held_now(question)
        state = (
            question.fingerprint,
            question.closed_at,
            question.claimed_by_id,
            question.delegated_at,
            held.key if held else None,
        )
        own = (question.pk, state, answer, present_besides(request, question))
    rest = (numbers, context["newer"], context["following"], context["sent"])
    return mark(context["items"], *rest, own)

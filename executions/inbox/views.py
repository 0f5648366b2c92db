"""Everything that waits for a person, over all providers. Its badge counts the same query.

An open page keeps its lines where they are: one that is answered says so in its place, new ones
come behind the others, or are announced where there is a next page.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from executions.display.formatting import mark, plain
from executions.display.id_params import row_id
from executions.inbox import answer_history
from executions.inbox.question_rows import COLUMNS, lines_of
from executions.models import Question
from executions.search import questions as question_search
from executions.search.questions import Wanted, cursor_of
from executions.web.account_banner import accounts_out_of_sight
from executions.web.inbox_badge import inbox_count
from executions.web.live_page import LivePage, Shown
from executions.web.requester import accounts_of, sees_all

MAX_ON_PAGE = 2 * question_search.PAGE  # with those that came while the page was open


INBOX_PAGE = LivePage(
    "executions/inbox/inbox.html",
    changes="executions:inbox-changes",
    fragments={"#inbox": "executions/inbox/_inbox.html"},
)


@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    wanted = _wanted(request)
    found = _page(request, wanted)
    return INBOX_PAGE.show(request, _shown(request, wanted, found.rows, found, newer=0))


@require_GET
def inbox_changes(request: HttpRequest) -> HttpResponse:
    """The same lines as they are now, and what came since (`top` is the newest the page knows)."""
    wanted = _wanted(request)
    found = _page(request, wanted)
    known = _known(request)
    open_lines = _open_lines(request, list(known))
    top = row_id(request.GET.get("top", "")) or 0
    new = _new(request, wanted, top, {row.pk for row in open_lines})
    has_room = found.after is None and len(open_lines) < MAX_ON_PAGE
    rows = [*open_lines, *new[: MAX_ON_PAGE - len(open_lines)]] if has_room else open_lines
    newer = len(new) - (len(rows) - len(open_lines))
    return INBOX_PAGE.changed(request, _shown(request, wanted, rows, found, newer, known))


def _wanted(request: HttpRequest) -> Wanted:
    return question_search.parse(request.GET, accounts_of(request), sees_all=sees_all(request))


def _page(request: HttpRequest, wanted: Wanted) -> question_search.Page:
    before = cursor_of(request.GET.get("before", ""))
    cursor = before or cursor_of(request.GET.get("after", ""))
    found = _rows(wanted.questions(request.user.pk))
    return question_search.page(found, cursor, is_back=before is not None)


def _rows(found: Any) -> Any:
    joined = found.select_related("execution", "execution__workflow", "claimed_by")
    return joined.only(*COLUMNS)


def _known(request: HttpRequest) -> dict[int, str]:
    """The lines the page has, in its order: the fingerprints of the forms that they show."""
    known = {}
    for part in request.GET.get("questions", "").split(",")[:MAX_ON_PAGE]:
        number, _, fingerprint = part.partition(":")
        if (pk := row_id(number)) is not None:
            known[pk] = fingerprint[:64]
    return known


def _open_lines(request: HttpRequest, ids: list[int]) -> list[Question]:
    """The lines the page has, answered ones too."""
    allowed = list(accounts_of(request))
    found = Question.objects.filter(pk__in=ids, execution__account_id__in=allowed)
    by_id = {row.pk: row for row in _rows(found)}
    return [by_id[pk] for pk in ids if pk in by_id]


def _new(request: HttpRequest, wanted: Wanted, top: int, shown: set[int]) -> list[Question]:
    found = _rows(wanted.questions(request.user.pk).filter(pk__gt=top)).exclude(pk__in=shown)
    return list(found.order_by("pk")[:MAX_ON_PAGE])


def _shown(
    request: HttpRequest, wanted: Wanted, rows: list[Question], found: question_search.Page,
    newer: int, known: dict[int, str] | None = None,
) -> Shown:  # fmt: skip
    totals = question_search.counts(wanted, request.user.pk)
    blind, is_blind = accounts_out_of_sight(request)
    here = reverse("executions:inbox")
    asking = question_search.workflows(accounts_of(request), sees_all=sees_all(request))
    place = {key: request.GET.get(key, "") for key in ("before", "after")}
    context = {
        "items": lines_of(request, rows, known),
        "wanted": wanted,
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
        "top": max([*(row.pk for row in rows), _highest(request)]),
        "newer": newer,
        "here": here + wanted.query(**place),
        "first": here + wanted.query() if found.before else "",
        "previous": here + wanted.query(before=found.before) if found.before else "",
        "following": here + wanted.query(after=found.after) if found.after else "",
        "blind": blind,
        "is_blind": is_blind,
        "has_accounts": bool(accounts_of(request)),
        "answered": answer_history.newest(request),
    }
    return Shown(context, _stamp(context), query=wanted.query(**place))


def _highest(request: HttpRequest) -> int:
    """The newest question when the page was made: what the page says, or what there is."""
    top = row_id(request.GET.get("top", ""))
    if top is not None:
        return top
    return Question.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _stamp(context: dict[str, Any]) -> str:
    lines = [{**line, "key": "", "said": ""} for line in context["items"]]
    numbers = [segment[2] for segment in context["segments"]]
    history = [(each["key"], each["state"]) for each in context["answered"]]
    return mark(lines, numbers, context["newer"], context["following"], history)

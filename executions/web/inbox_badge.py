"""How many questions wait for a person: the number beside the inbox on every page."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.http import HttpRequest

from executions.search import questions as question_search
from executions.search.counts import Statement
from executions.web.requester import accounts_of, sees_all


def open_questions(request: HttpRequest) -> Any:
    """What waits for a person, as the inbox lists it and its badge counts it."""
    return question_search.open_questions(accounts_of(request), sees_all=sees_all(request))


def inbox_count(request: HttpRequest) -> int:
    """Capped: beyond a thousand the number helps nobody. Read once per request."""
    found: int | None = getattr(request, "_inbox_count", None)
    if found is None:
        found = open_questions(request)[:1001].count()
        request._inbox_count = found  # type: ignore[attr-defined]
    return found


def question_count(request: HttpRequest) -> Statement:
    """The same for a page that counts other things along with it, with when the oldest was asked
    (seconds since 1970, "" for none) in the place of a word. Say `counted` then."""
    found = open_questions(request).values("opened_at")[:1001]
    try:
        sql, params = found.query.sql_with_params()
    except EmptyResultSet:  # no account that the person may see
        return "SELECT '', '', 0::bigint", []
    oldest = "coalesce(extract(epoch FROM min(q.opened_at))::bigint::text, '')"
    return f"SELECT {oldest}, '', count(*) FROM ({sql}) q", list(params)  # noqa: S608


def counted(request: HttpRequest, number: int) -> None:
    request._inbox_count = number  # type: ignore[attr-defined]

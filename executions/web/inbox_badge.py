"""How many questions wait for a person: the number beside the inbox on every page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from executions.search import questions as question_search
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

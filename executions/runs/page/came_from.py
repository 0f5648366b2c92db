"""The list that a person came from, as the run's page keeps it: `?from=` holds its filter.

The first page of a run has it from the browser, which says where a link was followed; every link
of the page carries it on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils import timezone

from executions.access.permissions import may_act
from executions.display.statuses import LAMP_WORDS, STATUS_VIEWS
from executions.models import Execution
from executions.runs.list.saved_views import views_for
from executions.runs.list.view_tabs import READY_MADE
from executions.search import pages
from executions.search.filters import DISPLAY, Filters, parse
from executions.search.queryset import matching
from executions.web.redirects import is_own_address
from executions.web.requester import accounts_of, person, sees_all
from providers.contract import Lamp

EVERYTHING = "all=1"
FAILING = "lamp=failed&is=unresolved"
LONGEST = 2000  # characters of a filter
COUNTED = 200  # runs on either side of one
_RUN = re.compile(r"/executions/\d+/")


@dataclass(frozen=True)
class List:
    """A list of runs, by its filter."""

    request: HttpRequest
    query: str

    @cached_property
    def filters(self) -> Filters:
        """What of the query makes sense; the rest is passed over."""
        request = self.request
        return parse(
            QueryDict(self.query[:LONGEST]),
            accounts_of(request),
            now=timezone.now(),
            sees_all=sees_all(request),
            me=person(request).pk if may_act(request.user) else None,
        )

    @property
    def address(self) -> str:
        """Where the list is, with everything that stood in its own address."""
        return f"{reverse('executions:list')}?{self.canonical}"

    @property
    def canonical(self) -> str:
        return self.filters.query().removeprefix("?") or EVERYTHING

    @property
    def name(self) -> str:
        """What a person calls it: a view, a lamp, a ready-made list, else what it asks for."""
        filters = self.filters
        asked = filters.query(drop=DISPLAY).removeprefix("?")
        if filters.view is not None:
            views = views_for(person(self.request))
            found = next((each.name for each in views if each.pk == filters.view), "")
            if found:
                return found
        if asked in ("", EVERYTHING):
            return "All runs"
        if asked == FAILING:
            return "Failing"
        if name := next((word for word, ready in READY_MADE if ready == asked), ""):
            return name
        if asked in {f"lamp={lamp.value}" for lamp in Lamp}:
            return LAMP_WORDS[Lamp(asked.removeprefix("lamp="))].capitalize()
        if asked in {f"status={status}" for status in STATUS_VIEWS}:
            return STATUS_VIEWS[asked.removeprefix("status=")].word
        return "Filtered"

    def run_address(self, pk: int) -> str:
        """The page of one of its runs, which leads back to this list."""
        return f"{reverse('executions:detail', args=[pk])}?{urlencode({'from': self.canonical})}"


def list_of(request: HttpRequest) -> List | None:
    """The list of the address; None where the person came from elsewhere."""
    query = request.GET.get("from", "")
    return List(request, query) if query else None


def remember(request: HttpRequest) -> None:
    """Put the list that the browser names into the address, as if it had said so: what is rendered
    from here on carries it."""
    came_from = request.headers.get("Referer", "")
    if request.GET.get("from") or not is_own_address(request, came_from):
        return
    parts = urlsplit(came_from)
    found = ""
    if parts.path == reverse("executions:list"):
        found = parts.query or EVERYTHING
    elif _RUN.fullmatch(parts.path):
        found = QueryDict(parts.query).get("from", "")
    if found:
        words = request.GET.copy()
        words["from"] = List(request, found).canonical
        request.GET = words  # type: ignore[assignment]


def way_back(request: HttpRequest) -> dict[str, str]:
    """Where the page leads back to, and what that is called."""
    inbox = reverse("executions:inbox")
    came_from = request.headers.get("Referer", "")
    if (found := list_of(request)) is not None:
        return {"back": found.address, "back_word": found.name}
    if is_own_address(request, came_from) and urlsplit(came_from).path == inbox:
        query = urlsplit(came_from).query
        return {"back": f"{inbox}?{query}" if query else inbox, "back_word": ""}
    return {"back": reverse("executions:list"), "back_word": ""}


def neighbors(request: HttpRequest, run: Execution) -> dict[str, Any]:
    """The runs before and after this one in the list one came from, its place there, and the next
    one that fails. At most six queries, each of some hundred entries of an index."""
    found, failing = list_of(request), List(request, FAILING)
    shown: dict[str, Any] = {}
    if found is not None:
        near = pages.around(found.filters, run, COUNTED)
        is_in = run.pk in matching(found.filters, [run.pk])
        place = len(near.above) + 1
        shown = {
            "previous": found.run_address(near.above[0]) if near.above else "",
            "next": found.run_address(near.below[0]) if near.below else "",
            "position": place if is_in and near.is_counted_above else 0,
            "positions": place + len(near.below) if is_in and near.is_counted else 0,
        }
    if found is None or found.canonical != failing.canonical:
        near = pages.around(failing.filters, run, COUNTED)
        after = [*near.below, *reversed(near.above)]
        shown["next_failing"] = failing.run_address(after[0]) if after else ""
    return shown

"""The command palette: what a person may mean by a few typed letters, as a list to go to.

`SOURCES` names who is asked, in the order of the answer, but what is called just as was typed
stands first, then what begins so; another kind of place is one more function in `sources`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from executions.palette import sources as palette_sources
from executions.palette.sources import MOST, PAGES, Asked, Destination
from executions.web.fragments import fragment, no_store
from providers.contract import MAX_REF

Source = Callable[[Asked], Iterable[Destination]]

SOURCES: tuple[tuple[str, Source], ...] = (
    ("This run", palette_sources.acts_here),
    ("Pages", palette_sources.pages),
    ("Views", palette_sources.saved_views),
    ("Runs", palette_sources.runs),
    ("Business keys", palette_sources.keys),
    ("Errors", palette_sources.same_errors),
    ("Workflows", palette_sources.workflows),
    ("Accounts", palette_sources.accounts),
    ("Batches", palette_sources.recent_batches),
)


@require_GET
def palette(request: HttpRequest) -> HttpResponse:
    text = " ".join(request.GET.get("q", "").replace("\0", " ").split())[:MAX_REF]
    asked = Asked(request, text, request.GET.get("at", "")[:200])
    most = MOST if text else len(PAGES) + 1  # at first every page there is
    groups = [(name, _nearest_first(source(asked), text, most)) for name, source in SOURCES]
    found = [(name, places) for name, places in groups if places]
    if text:  # what is called just so stands first, whatever it is
        found.sort(key=lambda group: group[1][0].rank(text))
    numbered = _numbered(found)
    context = {"groups": numbered, "q": text}
    return no_store(HttpResponse(fragment(request, "executions/palette/_found.html", context)))


def _nearest_first(places: Iterable[Destination], text: str, most: int) -> list[Destination]:
    found = list(places) if text else list(islice(places, most))
    if text:
        found.sort(key=lambda place: place.rank(text))
    return found[:most]


def _numbered(
    groups: list[tuple[str, list[Destination]]],
) -> list[tuple[str, list[tuple[int, Destination]]]]:
    """Each place with its number in the whole list: options need an id."""
    numbered, number = [], 0
    for name, found in groups:
        numbered.append((name, [(number + place, each) for place, each in enumerate(found)]))
        number += len(found)
    return numbered

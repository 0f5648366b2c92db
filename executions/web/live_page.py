"""How a page is shown, and how an open page is kept up to date.

`changes` answers a page that asks what is new: fragments by id, or 204 when nothing it shows has
changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template import loader

from executions.display.text import mark
from executions.web.account_banner import accounts_not_current
from executions.web.fragments import Fragment, fragment, no_store, partials
from executions.web.inbox_badge import inbox_count
from executions.web.requester import accounts_of


def show(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    own_stamp: str = "",
    status: int = 200,
) -> HttpResponse:
    """A page, with the stamp of what it shows."""
    html = loader.get_template(template).render(
        {"stamp": page_stamp(request, own_stamp), **context}, request
    )
    return no_store(HttpResponse(html, status=status))


def changes(
    request: HttpRequest, own_stamp: str, fragments: Callable[[], Iterable[Fragment]] = tuple
) -> HttpResponse:
    """204 if the page's stamp is still right, else its fragments and those around them."""
    stamp = page_stamp(request, own_stamp)
    if request.GET.get("stamp") == stamp:
        return no_store(HttpResponse(status=204))
    around = [
        Fragment("#inbox-badge", fragment(request, "executions/web/_inbox_badge.html")),
        Fragment("#trouble", fragment(request, "executions/web/_trouble.html")),
        Fragment("#stamp", fragment(request, "executions/web/_stamp.html", {"stamp": stamp})),
    ]
    return no_store(HttpResponse(partials([*fragments(), *around])))


def page_stamp(request: HttpRequest, own: str) -> str:
    """Stands for everything a page shows that may change, apart from its rows."""
    states = [
        (each.account.pk, each.fresh.word, each.fresh.as_of)
        for each in accounts_not_current(request)
    ]
    blind = [each.blind_until for each in accounts_of(request).values() if each.is_blind]
    return mark(own, inbox_count(request), states, blind)

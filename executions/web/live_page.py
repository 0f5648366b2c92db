"""How a page is shown, and how an open page is kept up to date.

An open page asks its changes address, with the stamp of what it shows, what is new: the answer is
204 when nothing is, else fragments by id. A `LivePage` declares both sides of that once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template import loader
from django.urls import reverse
from django.views.decorators.http import require_GET

from executions.display.formatting import mark
from executions.web.account_banner import accounts_not_current
from executions.web.fragments import Fragment, fragment, no_store, partials
from executions.web.inbox_badge import inbox_count
from executions.web.requester import accounts_of

Context = dict[str, Any]
View = Callable[..., HttpResponseBase]


class Shown(NamedTuple):
    """What a live page prints now, and how it asks for what changes."""

    context: Context
    stamp: object  # equal as long as nothing that may change has
    query: str = ""  # of the changes address, with its question mark
    args: Sequence[Any] = ()  # of the changes address


class LiveViews(NamedTuple):
    page: View
    changes: View


@dataclass(frozen=True)
class LivePage:
    """A page that is kept up to date: its template, the name of its changes address, and its
    fragments: by selector their templates, or a function that renders them.

    As a decorator of a function that reads what the page shows, it makes both views. Where a page
    is read in another way than its changes, the views call `show` and `changed`."""

    template: str
    changes: str
    fragments: Mapping[str, str] | Callable[[HttpRequest, Context], Iterable[Fragment]]

    def __call__(self, read: Callable[..., Shown]) -> LiveViews:
        def page(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            return self.show(request, read(request, **kwargs))

        def changes(request: HttpRequest, **kwargs: Any) -> HttpResponse:
            return self.changed(request, read(request, **kwargs))

        return LiveViews(require_GET(page), require_GET(changes))

    def show(self, request: HttpRequest, shown: Shown, *, status: int = 200) -> HttpResponse:
        return show(request, self.template, self.context(shown), stamp=shown.stamp, status=status)

    def changed(
        self, request: HttpRequest, shown: Shown, *, always: Sequence[Fragment] = ()
    ) -> HttpResponse:
        """204 if the page's stamp is still right, else its fragments and those of its layout.
        What is in `always` is sent whatever the stamp says."""
        stamp = page_stamp(request, shown.stamp)
        parts = list(always)
        if request.GET.get("stamp") != stamp:
            parts += [*self._rendered(request, shown), *_layout_fragments(request, stamp)]
        return no_store(HttpResponse(partials(parts)) if parts else HttpResponse(status=204))

    def context(self, shown: Shown) -> Context:
        address = reverse(self.changes, args=shown.args) + shown.query
        return {**shown.context, "changes_url": address}

    def _rendered(self, request: HttpRequest, shown: Shown) -> Iterable[Fragment]:
        context = self.context(shown)
        if callable(self.fragments):
            return self.fragments(request, context)
        return [
            Fragment(target, fragment(request, template, context))
            for target, template in self.fragments.items()
        ]


def show(
    request: HttpRequest, template: str, context: Context, *, stamp: object = "", status: int = 200
) -> HttpResponse:
    """A page, with the stamp of what it shows. Without one of its own only the layout is live."""
    html = loader.get_template(template).render(
        {"stamp": page_stamp(request, stamp), **context}, request
    )
    return no_store(HttpResponse(html, status=status))


@require_GET
def layout_changes(request: HttpRequest) -> HttpResponse:
    """For pages with nothing live of their own: the badge of the inbox and the banner."""
    return LivePage("base.html", "executions:chrome-changes", {}).changed(request, Shown({}, ""))


def page_stamp(request: HttpRequest, own: object) -> str:
    """Stands for everything a page shows that may change, apart from its rows."""
    old = [
        (each.account.pk, each.fresh.word, each.fresh.as_of)
        for each in accounts_not_current(request)
    ]
    blind = [each.blind_until for each in accounts_of(request).values() if each.is_blind]
    return mark(own, inbox_count(request), old, blind)


def _layout_fragments(request: HttpRequest, stamp: str) -> list[Fragment]:
    return [
        Fragment("#inbox-badge", fragment(request, "executions/web/_inbox_badge.html")),
        Fragment("#trouble", fragment(request, "executions/web/_trouble.html")),
        Fragment("#stamp", fragment(request, "executions/web/_stamp.html", {"stamp": stamp})),
    ]

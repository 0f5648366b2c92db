"""Pieces of a page as htmx swaps them in, and the headers of what a browser must not keep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.template import loader


class Fragment(NamedTuple):
    """One piece of an open page: where it goes, and how."""

    target: str
    html: str
    swap: str = "outerMorph"


def wants_fragment(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def partials(fragments: Iterable[Fragment]) -> str:
    """Fragments as htmx 4 wants them. Targets and swaps are our own words."""
    return "".join(
        f'<hx-partial hx-target="{each.target}" hx-swap="{each.swap}">{each.html}</hx-partial>'
        for each in fragments
    )


def fragment(request: HttpRequest, template: str, context: dict[str, Any] | None = None) -> str:
    """Rendered, without white space around it: a morph would take that for content."""
    return loader.get_template(template).render(context or {}, request).strip()


def no_store(response: HttpResponse) -> HttpResponse:
    """The same address answers a page or its fragments, and neither is kept by a browser."""
    response["Vary"] = "HX-Request"
    response["Cache-Control"] = "no-store"
    return response

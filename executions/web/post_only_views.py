"""Which page holds the form of an address that takes POST alone, and leads there by GET.

People open such an address: by *back*, from the history of the browser, after signing in again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from executions.web.fragments import wants_fragment

View = Callable[..., HttpResponseBase]


def posted_from(
    page: str | Callable[..., str], part: str = "", *, keeps: Callable[..., None] | None = None
) -> Callable[[View], View]:
    """The view takes POST; GET leads to the page of its form: `page` is the name of an address with
    the same arguments, or finds an address for a request and them. `part` is the place on it.

    `keeps` saves what was posted as a draft, for a post that cannot be carried out now."""

    def decorated(view: View) -> View:
        def form_page(request: HttpRequest, **kwargs: Any) -> str:
            found = page(request, **kwargs) if callable(page) else reverse(page, kwargs=kwargs)
            return found + part

        @wraps(view)
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method == "POST":
                return view(request, *args, **kwargs)
            if request.method not in ("GET", "HEAD"):
                return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
            return _lead(request, form_page(request, **kwargs))

        inner.form_page = form_page  # type: ignore[attr-defined]
        inner.keeps = keeps  # type: ignore[attr-defined]
        return inner

    return decorated


def form_page_of(request: HttpRequest) -> str:
    """The page of the form that was posted, "" where the address is a page itself."""
    match = request.resolver_match
    find = getattr(match.func, "form_page", None) if match and request.method == "POST" else None
    return find(request, **match.kwargs) if find and match else ""


def _lead(request: HttpRequest, target: str) -> HttpResponse:
    """A redirect would be swapped into the page that asked with htmx."""
    return HttpResponseClientRedirect(target) if wants_fragment(request) else redirect(target)

"""Context processor: what every page must know about this installation."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from executions.web.post_only_views import form_page_of

LIVE_PATH = "/live/"


def page_context(request: HttpRequest) -> dict[str, Any]:
    """`live_url`: the live stream, on the host under which the page was asked for. `form_page`:
    for the answer to a post, the address to which *back* shall lead."""
    form_page = SimpleLazyObject(lambda: form_page_of(request))
    if settings.LIVE_URL:
        return {"form_page": form_page, "live_url": settings.LIVE_URL}
    host = request.get_host()
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    live_url = f"{request.scheme}://{name}:{settings.LIVE_PORT}{LIVE_PATH}"
    return {"form_page": form_page, "live_url": live_url}

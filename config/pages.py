"""What every page must know about this installation: a context processor, and the icon."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static

LIVE_PATH = "/live/"


def page_context(request: HttpRequest) -> dict[str, Any]:
    """`live_url`: the live stream, on the host under which the page was asked for."""
    if settings.LIVE_URL:
        return {"live_url": settings.LIVE_URL}
    host = request.get_host()
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    return {"live_url": f"{request.scheme}://{name}:{settings.LIVE_PORT}{LIVE_PATH}"}


@login_not_required
def icon(request: HttpRequest) -> HttpResponse:
    """/favicon.ico, for pages that name no icon of their own, such as the admin's."""
    return redirect(static("icon.svg"))

"""A person's own switches, and the help that every status points to."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from executions.filters import LAMP_WORDS
from executions.views.chrome import THEMES, changes, show
from executions.wording import LAMP_ICONS, STATUS_VIEWS

YEAR = 365 * 24 * 3600


@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """The theme, kept in a cookie: it belongs to a screen, not to a person."""
    target = request.POST.get("next", "/")
    is_ours = url_has_allowed_host_and_scheme(target, {request.get_host()})
    response = redirect(target if is_ours else "executions:list")
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        response.set_cookie(
            "theme", theme, max_age=YEAR, httponly=True, samesite="Lax", secure=request.is_secure()
        )
    return response


@require_GET
def statuses(request: HttpRequest) -> HttpResponse:
    groups = [
        {
            "key": lamp.value,
            "word": word,
            "icon": LAMP_ICONS[lamp],
            "statuses": [STATUS_VIEWS[status.value] for status in lamp.statuses],
        }
        for lamp, word in LAMP_WORDS.items()
    ]
    return show(request, "executions/statuses.html", {"groups": groups})


@require_GET
def chrome_changes(request: HttpRequest) -> HttpResponse:
    """For pages with nothing live of their own: the inbox badge and the accounts in trouble."""
    return changes(request, "")

"""The help that every status points to: what each one means, and what to do about it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from executions.display.statuses import LAMP_ICONS, LAMP_WORDS, STATUS_VIEWS
from executions.web.live_page import show


@require_GET
def statuses(request: HttpRequest) -> HttpResponse:
    groups = [
        {
            "key": lamp.value,
            "word": word,
            "icon": LAMP_ICONS[lamp],
            "statuses": [
                (STATUS_VIEWS[status.value], STATUS_VIEWS[status.value].advice)
                for status in lamp.statuses
            ],
        }
        for lamp, word in LAMP_WORDS.items()
    ]
    return show(request, "executions/web/statuses.html", {"groups": groups})

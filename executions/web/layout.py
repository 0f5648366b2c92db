"""What every page prints around its content: navigation, theme, clock, badge and banner."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from executions.access.permissions import may_act, may_administer, preference_of
from executions.display.formatting import zone
from executions.web.account_banner import banner_lines
from executions.web.inbox_badge import inbox_count

THEMES = ("system", "light", "dark")
SECTIONS = {  # first part of the address: what the navigation marks
    "": "runs", "executions": "runs", "inbox": "inbox", "questions": "inbox",
    "errors": "errors", "keys": "keys",
    "workflows": "workflows", "commands": "workflows", "accounts": "accounts",
    "batches": "batches", "shift": "shift", "overview": "overview",
}  # fmt: skip


def layout(request: HttpRequest) -> dict[str, Any]:
    """The context processor. Lazy: a page that prints none of it pays for none of it."""
    user = getattr(request, "user", None)
    theme = request.COOKIES.get("theme", "system")
    words: dict[str, Any] = {
        "section": SECTIONS.get(request.path.split("/")[1], ""),
        "theme": theme if theme in THEMES else "system",
        "zone": zone(),
        "server_now": int(timezone.now().timestamp() * 1000),
    }
    if user is None or not user.is_authenticated:
        return words
    return {
        **words,
        "preference": preference_of(user),
        "zone_name": timezone.get_current_timezone_name(),
        "inbox_count": cache(lambda: inbox_count(request)),
        "banner_lines": cache(lambda: banner_lines(request)),
        "may_act": cache(lambda: may_act(user)),
        "may_administer": cache(lambda: may_administer(user)),
    }

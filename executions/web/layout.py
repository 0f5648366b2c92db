"""What every page prints around its content: navigation, theme, clock, badge and banner."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.utils import timezone

from executions.access.permissions import may_act, may_administer, may_set_up, preference_of
from executions.display.formatting import zone
from executions.web.account_banner import banner_lines
from executions.web.first_visit import first_visit
from executions.web.help_pages import help_for
from executions.web.inbox_badge import inbox_count
from executions.web.installed_app import BARS, app_version

THEMES = ("system", "light", "dark")


class Entry(NamedTuple):
    """An entry of the menu. `key` goes to it after g; a wide one moves below *More* where the page
    is narrow."""

    key: str
    section: str
    url: str
    word: str
    icon: str
    is_wide: bool = False
    is_more: bool = False


MENU = (
    Entry("r", "runs", "executions:list", "Runs", "list"),
    Entry("i", "inbox", "executions:inbox", "Inbox", "inbox"),
    Entry("o", "overview", "executions:overview", "Overview", "grid"),
    Entry("e", "errors", "executions:errors", "Errors", "triangle"),
    Entry("w", "workflows", "executions:workflows", "Workflows", "flow", is_wide=True),
    Entry("a", "accounts", "executions:accounts", "Accounts", "key", is_wide=True),
    Entry("m", "my-work", "executions:my-work", "My work", "person", is_wide=True),
    Entry("s", "handover", "executions:shift", "Handover", "calendar", is_wide=True),
    Entry("k", "keys", "executions:keys", "Business keys", "search", is_more=True),
    Entry("b", "batches", "executions:batches", "Batches", "table", is_more=True),
    Entry("n", "notifications", "executions:notices", "Notifications", "bell", is_more=True),
)
SECTIONS = {  # first part of the address: what the navigation marks
    "": "runs", "executions": "runs", "inbox": "inbox", "questions": "inbox",
    "errors": "errors", "keys": "keys",
    "workflows": "workflows", "commands": "workflows", "accounts": "accounts",
    "batches": "batches", "my-work": "my-work", "shift": "handover", "overview": "overview",
    "notices": "notifications",
}  # fmt: skip


def layout(request: HttpRequest) -> dict[str, Any]:
    """The context processor. Lazy: a page that prints none of it pays for none of it."""
    user = getattr(request, "user", None)
    theme = request.COOKIES.get("theme", "system")
    now = timezone.now()
    words: dict[str, Any] = {
        "section": SECTIONS.get(request.path.split("/")[1], ""),
        "help_page": cache(lambda: help_for(request.path)),
        "theme": theme if theme in THEMES else "system",
        "theme_colours": [(scheme, BARS.get(theme, bar)) for scheme, bar in BARS.items()],
        "zone": zone(),
        "made_at": now,
        "made_at_ms": int(now.timestamp() * 1000),
    }
    if user is None or not user.is_authenticated:
        return words
    return {
        **words,
        "menu": MENU,
        "app_version": app_version,
        "preference": preference_of(user),
        "zone_head": "" if preference_of(user).is_relative else f" ({zone()})",  # of a column
        "zone_name": timezone.get_current_timezone_name(),
        "inbox_count": cache(lambda: inbox_count(request)),
        "first_visit": cache(lambda: first_visit(request)),
        "banner_lines": cache(lambda: banner_lines(request)),
        "may_act": cache(lambda: may_act(user, getattr(request, "_about", None))),
        "may_administer": cache(lambda: may_administer(user)),
        "may_set_up": cache(lambda: may_set_up(user, getattr(request, "_about", None))),
    }

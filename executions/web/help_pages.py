"""Help: a page of docs/help/ for each screen, and the contents. *?* at the top of a screen leads to
the page of just that screen."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from executions.display.markdown import marked_up
from executions.web.live_page import show

FOLDER = Path(settings.BASE_DIR) / "docs" / "help"
CONTENTS = "README"  # where a reader of the repository finds it
MOST = 20_000  # characters of a page
LINK = re.compile(r"\]\(([\w-]+)\.md\)")
SCREENS = {  # how the address of a screen begins, the longest first: its page
    "/admin/providers/provideraccount/": "provider-accounts",
    "/admin/executions/correlationrule/": "correlation-rules",
    "/admin/executions/noticerule/": "notification-rules",
    "/admin/auth/": "people",
    "/admin/providers/grant/": "people",
    "/admin/": "administration",
    "/executions/": "run",
    "/inbox/": "inbox",
    "/questions/": "inbox",
    "/overview/": "overview",
    "/errors/": "errors",
    "/workflows/": "workflows",
    "/commands/": "workflows",
    "/accounts/": "accounts",
    "/my-work/": "my-work",
    "/shift/": "handover",
    "/keys/": "business-keys",
    "/batches/": "batches",
    "/notices/": "notifications",
    "/preferences/": "preferences",
    "/people/": "people",
    "/invitations/": "people",
    "/offline/": "preferences",
    "/statuses/": "statuses",
    "/wall/": "overview",
    "/proposals/": "inbox",
    "/notes/": "run",
    "/audit/": "administration",
    "/security/": "preferences",
    "/sign-in/": "preferences",
}


class HelpPage(NamedTuple):
    slug: str  # "" for the contents
    title: str
    text: str  # Markdown, without the title

    @property
    def url(self) -> str:
        if self.slug:
            return reverse("executions:help-page", args=[self.slug])
        return reverse("executions:help")


def help_for(path: str) -> HelpPage:
    """The page of the screen at this address; else the contents."""
    found = next((slug for start, slug in SCREENS.items() if path.startswith(start)), "")
    return pages()[found or ("runs" if path == "/" else "")]


@cache
def pages() -> dict[str, HelpPage]:
    """By slug, in the order in which the contents name them."""
    contents = _read(CONTENTS)._replace(slug="")
    return {"": contents} | {slug: _read(slug) for slug in LINK.findall(contents.text)}


def _read(name: str) -> HelpPage:
    title, _, text = (FOLDER / f"{name}.md").read_text("utf-8").partition("\n")
    return HelpPage(name, title.removeprefix("# "), text)


@require_GET
def help_page(request: HttpRequest, slug: str = "") -> HttpResponse:
    page = pages().get(slug)
    if page is None:
        raise Http404
    linked = LINK.sub(lambda found: f"]({pages()[found[1]].url})", page.text)
    context = {
        "page": page,
        "pages": list(pages().values())[1:],
        "text": marked_up(linked, MOST, below=0, is_ours=True),
    }
    return show(request, "executions/web/help.html", context)

"""What every page has around its content, and how every page is kept up to date.

`page` is the context processor. `changes` answers a page that asks what is new: fragments by id,
or 204 when nothing it shows has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple, cast

from django.contrib.auth.models import User
from django.db.models.expressions import RawSQL
from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.utils import timezone

from executions.access.permissions import may_act, may_administer, preference_of, visible_accounts
from executions.display.freshness import Freshness, freshness
from executions.display.text import mark, stamped, zone
from executions.search import questions as question_search
from providers.models import ProviderAccount

THEMES = ("system", "light", "dark")
SECTIONS = {  # first part of the address: what the navigation marks
    "": "runs", "executions": "runs", "inbox": "inbox", "questions": "inbox",
    "errors": "errors", "keys": "keys",
    "workflows": "workflows", "commands": "workflows", "accounts": "accounts",
    "batches": "batches", "shift": "shift", "overview": "overview",
}  # fmt: skip


class Trouble(NamedTuple):
    account: ProviderAccount
    fresh: Freshness


class TroubleGroup(NamedTuple):
    """Accounts that are in the same trouble, as one line of the banner."""

    members: list[ProviderAccount]
    sentence: str
    more: int


class Fragment(NamedTuple):
    """One piece of an open page: where it goes, and how."""

    target: str
    html: str
    swap: str = "outerMorph"


def person(request: HttpRequest) -> User:
    """Who asks. Every view needs a signed-in person, so there is one."""
    return cast(User, request.user)


def wants_fragment(request: HttpRequest) -> bool:
    return bool(getattr(request, "htmx", False))


def accounts_of(request: HttpRequest) -> dict[int, ProviderAccount]:
    """Every account the person may see, by id; read once per request."""
    found: dict[int, ProviderAccount] | None = getattr(request, "_accounts", None)
    if found is None:
        rows = visible_accounts(request.user).defer("sealed_credentials", "memory")
        every = RawSQL("(SELECT count(*) FROM providers_provideraccount)", [])
        found = {account.pk: account for account in rows.annotate(of_all=every)}
        request._accounts = found  # type: ignore[attr-defined]
    return found


def sees_all(request: HttpRequest) -> bool:
    """Whether no account is hidden from the person: then lists need not name the visible ones."""
    found = accounts_of(request)
    return any(account.of_all == len(found) for account in found.values())  # type: ignore[attr-defined]


def troubles(request: HttpRequest) -> list[Trouble]:
    """Accounts whose data is not current, by no wish of a person."""
    now = timezone.now()
    states = [
        Trouble(account, freshness(account, now)) for account in accounts_of(request).values()
    ]
    return [state for state in states if state.fresh.is_trouble]


def out_of_sight(request: HttpRequest) -> tuple[list[Trouble], bool]:
    """Accounts whose news an empty list may lack, and whether none at all can be seen: only then
    the disabled ones count."""
    now, accounts = timezone.now(), accounts_of(request).values()
    states = [Trouble(account, freshness(account, now)) for account in accounts]
    stale = [state for state in states if state.fresh.is_stale]
    if stale and len(stale) == len(states):
        return stale, True
    return [state for state in stale if state.fresh.is_trouble], False


SENTENCES = {
    "late": "late: no poll has finished lately, so the rows may be old.",
    "unreachable": "unreachable: polls fail, and the rows are what was last seen.",
    "refused": "not polled: the provider refuses our credentials.",
}


def trouble_groups(request: HttpRequest) -> list[TroubleGroup]:
    groups = []
    for word, general in SENTENCES.items():
        same = [state for state in troubles(request) if state.fresh.word == word]
        if len(same) == 1:
            groups.append(
                TroubleGroup([same[0].account], f"is {word}. {same[0].fresh.sentence}", 0)
            )
        elif same:
            oldest = min(
                (s.account.last_success_at for s in same if s.account.last_success_at), default=None
            )
            since = f" The oldest data is from {stamped(oldest)}." if oldest else ""
            members = [state.account for state in same]
            groups.append(TroubleGroup(members, f"are {general}{since}", len(members) - 6))
    return [*groups, *_blind_tests(request)]


def _blind_tests(request: HttpRequest) -> list[TroubleGroup]:
    """Accounts that an administrator made unreachable on purpose: everybody is told."""
    return [
        TroubleGroup(
            [account],
            f"is in a blind test until {stamped(account.blind_until)}, begun by "
            f"{account.blind_by}: its polls fail and nothing is sent, as a test of these pages.",
            0,
        )
        for account in accounts_of(request).values()
        if account.is_blind
    ]


def open_questions(request: HttpRequest) -> Any:
    """What waits for a person, as the inbox lists it and its badge counts it."""
    return question_search.open_questions(accounts_of(request), sees_all=sees_all(request))


def inbox_count(request: HttpRequest) -> int:
    """Capped: beyond a thousand the number helps nobody. Read once per request."""
    found: int | None = getattr(request, "_inbox_count", None)
    if found is None:
        found = open_questions(request)[:1001].count()
        request._inbox_count = found  # type: ignore[attr-defined]
    return found


def chrome(request: HttpRequest) -> dict[str, Any]:
    """Lazy: a page that prints none of it pays for none of it."""
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
        "accounts_in_trouble": cache(lambda: trouble_groups(request)),
        "may_act": cache(lambda: may_act(user)),
        "may_administer": cache(lambda: may_administer(user)),
    }


def show(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    own_stamp: str = "",
    status: int = 200,
) -> HttpResponse:
    """A page, with the stamp of what it shows."""
    html = loader.get_template(template).render(
        {"stamp": page_stamp(request, own_stamp), **context}, request
    )
    return no_store(HttpResponse(html, status=status))


def changes(
    request: HttpRequest, own_stamp: str, fragments: Callable[[], Iterable[Fragment]] = tuple
) -> HttpResponse:
    """204 if the page's stamp is still right, else its fragments and those around them."""
    stamp = page_stamp(request, own_stamp)
    if request.GET.get("stamp") == stamp:
        return no_store(HttpResponse(status=204))
    around = [
        Fragment("#inbox-badge", fragment(request, "executions/web/_inbox_badge.html")),
        Fragment("#trouble", fragment(request, "executions/web/_trouble.html")),
        Fragment("#stamp", fragment(request, "executions/web/_stamp.html", {"stamp": stamp})),
    ]
    return no_store(HttpResponse(partials([*fragments(), *around])))


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


def page_stamp(request: HttpRequest, own: str) -> str:
    """Stands for everything a page shows that may change, apart from its rows."""
    states = [(each.account.pk, each.fresh.word, each.fresh.as_of) for each in troubles(request)]
    blind = [each.blind_until for each in accounts_of(request).values() if each.is_blind]
    return mark(own, inbox_count(request), states, blind)


def address(request: HttpRequest) -> str | None:
    return request.META.get("REMOTE_ADDR") or None

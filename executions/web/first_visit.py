"""The first visit: where to begin, until it is sent away, and the time zone of the browser."""

from __future__ import annotations

from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone

from executions.access.permissions import preference_of
from executions.display.time_zone_choices import zone_named
from executions.models import Execution, Preference, Question
from executions.search import pages as run_pages
from executions.search import questions as question_search
from executions.search.filters import parse
from executions.web.inbox_badge import open_questions
from executions.web.post_only_views import posted_from
from executions.web.requester import accounts_of, person, sees_all
from providers.models import ProviderAccount

FAILING = QueryDict("lamp=failed&is=unresolved")


class FirstVisit(NamedTuple):
    """The bar. `question` waits first, `failure` is the newest unresolved one; None: there is
    none. `simulated` has the accounts behind which there is no real provider."""

    question: Question | None
    failure: Execution | None
    simulated: list[ProviderAccount]
    is_all_simulated: bool


def is_simulated(account: ProviderAccount) -> bool:
    """Whether a simulated provider of this installation answers for it."""
    return account.settings.get("base_url") in settings.DEMO_SITES


def first_visit(request: HttpRequest) -> FirstVisit | None:
    """None on every page but the list; for those who sent it away; and where no account is to be
    seen: there the empty page says how to begin."""
    accounts = accounts_of(request) if request.path == "/" else {}
    if not accounts or preference_of(request.user).has_seen_guide:
        return None
    all_seen = sees_all(request)
    failing = parse(FAILING, accounts, now=timezone.now(), sees_all=all_seen)
    failed = run_pages.load([row.pk for row in run_pages.page(failing, limit=1).rows])
    waiting = question_search.page(open_questions(request), None, is_back=False).rows[:1]
    simulated = [each for each in accounts.values() if is_simulated(each)]
    return FirstVisit(
        waiting[0] if waiting else None,
        failed[0] if failed else None,
        simulated,
        len(simulated) == len(accounts),
    )


def browser_zone(request: HttpRequest) -> str:
    """What the browser said on a page before, as the zones are named here; "" where it did not."""
    return zone_named(request.COOKIES.get("browser_zone", "")[:100])


def keep_browser_zone(request: HttpRequest, user: User) -> None:
    """Times are shown in the browser's zone, which a script of the sign-in page left in a cookie,
    to a person who has none yet. It is kept: another browser changes it no more."""
    zone = browser_zone(request)
    if zone in ("", "UTC"):
        return
    kept = preference_of(user)
    if kept.zone == "UTC" and not kept.has_chosen_zone:
        _keep(user, zone=zone, has_chosen_zone=True)


@posted_from("executions:list")
def guide_dismissal(request: HttpRequest) -> HttpResponse:
    _keep(person(request), has_seen_guide=True)
    return redirect("executions:list")


def _keep(user: User, **chosen: str | bool) -> None:
    Preference.objects.update_or_create(user=user, defaults=chosen)

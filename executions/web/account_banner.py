"""Accounts whose data is not current: the banner of every page, and what an empty list may lack."""

from __future__ import annotations

from typing import NamedTuple

from django.http import HttpRequest
from django.utils import timezone

from executions.display.formatting import stamped
from executions.display.freshness import Freshness, freshness
from executions.web.requester import accounts_of
from providers.models import ProviderAccount

SENTENCES = {
    "late": "late: no poll has finished lately, so the rows may be old.",
    "unreachable": "unreachable: polls fail, and the rows are what was last seen.",
    "refused": "not polled: the provider refuses the stored credentials.",
}


class AccountFreshness(NamedTuple):
    account: ProviderAccount
    fresh: Freshness


class BannerLine(NamedTuple):
    """Accounts that are in the same trouble, as one line of the banner."""

    members: list[ProviderAccount]
    sentence: str
    more: int


def accounts_not_current(request: HttpRequest) -> list[AccountFreshness]:
    """Accounts whose data is old though nobody disabled them."""
    return [each for each in _all_accounts(request) if each.fresh.is_trouble]


def accounts_out_of_sight(request: HttpRequest) -> tuple[list[AccountFreshness], bool]:
    """Accounts whose news an empty list may lack, and whether none at all can be seen: only then
    the disabled ones count."""
    states = _all_accounts(request)
    stale = [each for each in states if each.fresh.is_stale]
    if stale and len(stale) == len(states):
        return stale, True
    return [each for each in stale if each.fresh.is_trouble], False


def _all_accounts(request: HttpRequest) -> list[AccountFreshness]:
    now = timezone.now()
    return [AccountFreshness(each, freshness(each, now)) for each in accounts_of(request).values()]


def banner_lines(request: HttpRequest) -> list[BannerLine]:
    groups = []
    for word, general in SENTENCES.items():
        same = [each for each in accounts_not_current(request) if each.fresh.word == word]
        if len(same) == 1:
            groups.append(BannerLine([same[0].account], f"is {word}. {same[0].fresh.sentence}", 0))
        elif same:
            oldest = min(
                (s.account.last_success_at for s in same if s.account.last_success_at), default=None
            )
            since = f" The oldest data is from {stamped(oldest)}." if oldest else ""
            members = [each.account for each in same]
            groups.append(BannerLine(members, f"are {general}{since}", len(members) - 6))
    return [*groups, *_blind_tests(request)]


def _blind_tests(request: HttpRequest) -> list[BannerLine]:
    """Accounts that an administrator made unreachable on purpose: all users see it."""
    return [
        BannerLine(
            [account],
            f"is in a blind test until {stamped(account.blind_until)}, begun by "
            f"{account.blind_by}: its polls fail and nothing is sent, as a test of these pages.",
            0,
        )
        for account in accounts_of(request).values()
        if account.is_blind
    ]

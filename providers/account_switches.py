"""An account switched on and off, polled at once, or made unreachable on purpose for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone

from providers.models import Health, ProviderAccount
from providers.save_account import begin_anew

LONGEST_BLINDNESS = timedelta(minutes=30)  # a forgotten test ends by itself


POLL_NOW_EVERY = timedelta(seconds=10)  # "poll now" asks an account no more often than this


def switch(accounts: QuerySet[ProviderAccount], *, on: bool) -> list[ProviderAccount]:
    """Enable or disable those that are not yet so; returns them."""
    switched = list(accounts.filter(enabled=not on))
    for account in switched:
        account.enabled = on
        account.save(update_fields=["enabled", *begin_anew(account, timezone.now())])
    return switched


def go_blind(account: ProviderAccount, minutes: int, *, by: str) -> datetime | None:
    """Make the account unreachable on purpose, for at most LONGEST_BLINDNESS; until when. None for
    a disabled account, which nobody polls anyway. Every call to the provider fails meanwhile."""
    now = timezone.now()
    until = now + min(timedelta(minutes=max(1, minutes)), LONGEST_BLINDNESS)
    enabled = ProviderAccount.objects.filter(pk=account.pk, enabled=True)
    kept = enabled.update(blind_until=until, blind_by=by[:150], next_poll_at=now)
    return until if kept else None


def see_again(account: ProviderAccount) -> bool:
    """End a blind test before its time; the account is polled at once. False if none was on."""
    now = timezone.now()
    blind = ProviderAccount.objects.filter(pk=account.pk, blind_until__gt=now)
    return bool(blind.update(blind_until=None, next_poll_at=now))


def poll_soon(account: ProviderAccount) -> bool:
    """Make the account due at once, a stopped one too. False if it is disabled or was asked for
    a moment ago."""
    now = timezone.now()
    rested = Q(last_poll_at__isnull=True) | Q(last_poll_at__lt=now - POLL_NOW_EVERY)
    due = ProviderAccount.objects.filter(rested, pk=account.pk, enabled=True)
    is_asked = bool(due.update(next_poll_at=now))
    if is_asked:  # a refused account is claimed again only once it is "not polled yet"
        due.filter(health=Health.AUTH).update(health=Health.NEW, health_since=now)
    return is_asked

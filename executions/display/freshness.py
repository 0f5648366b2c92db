"""How far the rows of an account can be believed: computed from its last good poll."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from executions.display.formatting import stamped
from executions.models import Execution
from providers.models import BLIND, Health, ProviderAccount

LATE_AFTER = timedelta(seconds=60)  # at the least; slow accounts get three of their own intervals


@dataclass(frozen=True)
class Freshness:
    """How far an account's rows can be believed."""

    word: str
    """current, new, first, late, unreachable, refused or disabled."""
    is_stale: bool
    as_of: str
    sentence: str

    @property
    def is_trouble(self) -> bool:
        return self.word in ("late", "unreachable", "refused")


def freshness(account: ProviderAccount, now: datetime) -> Freshness:
    seen = account.last_success_at
    as_of = stamped(seen)
    until = f"Data is from {stamped(seen)}." if seen else "Nothing has been read from it yet."
    is_old = seen is None or now - seen > max(LATE_AFTER, 3 * account.poll_interval(is_busy=False))
    if account.health == Health.PAUSED or not account.enabled:
        return Freshness("disabled", True, as_of, f"Polling is disabled. {until}")
    if account.health == Health.AUTH:
        since = stamped(account.health_since)
        return Freshness(
            "refused",
            True,
            as_of,
            f"Credentials refused since {since}; polling stopped. {until}",
        )
    if account.health == Health.FAILING and is_old:
        since = stamped(account.health_since)
        test = f" {BLIND}" if account.is_blind else ""
        return Freshness("unreachable", True, as_of, f"Polls fail since {since}. {until}{test}")
    if seen is None:
        if account.is_being_polled:
            return Freshness("first", False, "", "Its first poll is under way.")
        return Freshness("new", False, "", "Waiting for its first poll.")
    if is_old:
        return Freshness("late", True, as_of, f"No poll has finished lately. {until}")
    return Freshness("current", False, as_of, "")


def is_last_seen(run: Execution, fresh: Freshness) -> bool:
    """Whether the status of an open run is the one last seen, not the current one: its account is
    stale, or the run cannot be read."""
    return not run.is_final and (fresh.is_stale or run.missing_since is not None)


def blind_sentence(account: ProviderAccount) -> str:
    """Why nothing is sent to an account whose blind test goes on, and until when."""
    return f"{BLIND} Nothing is sent to it until {stamped(account.blind_until)}."

"""Acknowledging an error for a team; ends after a day or when its workflows work again.

Called by `errors.views` for people and by `tasks` for what ends by itself. A person takes an error
on for the teams of the accounts that they may see and that have it; nobody else's team is calmed
by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from executions.access import audit_log
from executions.display.people import user_name
from executions.errors import groups as error_groups
from executions.live import publish
from executions.models import Ending, ErrorAcknowledgement
from providers.models import ProviderAccount

ACKNOWLEDGED_FOR = timedelta(hours=24)
MAX_NOTE = 300


@dataclass(frozen=True)
class Taken:
    """That an error is taken on for all the teams that have it, as its reader sees it."""

    by: str
    at: datetime
    until: datetime
    note: str


def take(
    key: str,
    accounts: Iterable[ProviderAccount],
    by: User,
    note: str,
    *,
    address: str | None = None,
) -> int:
    """Take the error on for the teams of these accounts, for ACKNOWLEDGED_FOR; who held it before
    is replaced. `note` has at most MAX_NOTE characters. Returns the number of teams."""
    affected = list(accounts)
    teams = {account.group_id for account in affected}
    now = timezone.now()
    with transaction.atomic():
        for team in sorted(teams, key=lambda pk: pk or 0):
            ErrorAcknowledgement.objects.update_or_create(
                error_key=key,
                team_id=team,
                ended_at=None,
                defaults={
                    "by": by,
                    "note": note,
                    "at": now,
                    "until": now + ACKNOWLEDGED_FOR,
                },
            )
        audit_log.record(
            by,
            audit_log.Action.ERROR_ACKNOWLEDGED,
            account_name=affected[0].name if len(affected) == 1 else "",
            target=f"error:{key}",
            detail={"note": note, "accounts": [each.name for each in affected]},
            address=address,
        )
    _tell(affected)
    return len(teams)


def release(
    key: str, accounts: Iterable[ProviderAccount], by: User, *, address: str | None = None
) -> int:
    """Take it back for the teams of these accounts. Returns how many held it."""
    affected = list(accounts)
    teams = {account.group_id for account in affected}
    now = timezone.now()
    with transaction.atomic():
        held = [row for row in _open().filter(error_key=key) if row.team_id in teams]
        for row in held:
            _end(row, Ending.RELEASED, now)
        if held:
            audit_log.record(
                by,
                audit_log.Action.ERROR_RELEASED,
                target=f"error:{key}",
                detail={"accounts": [each.name for each in affected]},
                address=address,
            )
    if held:
        _tell(affected)
    return len(held)


def taken(
    groups: Sequence[error_groups.ErrorGroup], accounts: Mapping[int, ProviderAccount]
) -> dict[str, Taken]:
    """Which of these errors are taken on, by key. One that another team has too and has not taken
    on is not: it still needs a person. One query."""
    now = timezone.now()
    rows = _open().filter(error_key__in=[each.key for each in groups], until__gt=now)
    held = {(row.error_key, row.team_id): row for row in rows.select_related("by")}
    found = {}
    for group in groups:
        teams = {accounts[pk].group_id for pk in group.account_ids if pk in accounts}
        own = [held.get((group.key, team)) for team in teams]
        complete = [row for row in own if row is not None]
        if complete and len(complete) == len(own):
            first = min(complete, key=lambda row: row.until)
            names = sorted({user_name(row.by) for row in complete})
            found[group.key] = Taken(" and ".join(names), first.at, first.until, first.note)
    return found


def settle() -> int:
    """End what is over: expired, or every workflow that had the error has succeeded since. Returns
    how many ended."""
    now, ended = timezone.now(), 0
    for row in _open():
        accounts = ProviderAccount.objects.filter(group_id=row.team_id)
        if row.until <= now:
            ending = Ending.EXPIRED
        else:
            since = now - error_groups.WINDOWS["7d"]
            places = error_groups.places_of(row.error_key, [each.pk for each in accounts], since)
            if any(place.is_open for place in places):
                continue
            ending = Ending.SUCCEEDED
        ended += _end(row, ending, now)
        _tell(accounts)
    return ended


def _open() -> Any:
    return ErrorAcknowledgement.objects.filter(ended_at__isnull=True)


def _end(row: ErrorAcknowledgement, ending: Ending, now: datetime) -> int:
    """Counts the row it changed: it may have been extended or ended meanwhile."""
    mine = _open().filter(pk=row.pk, until=row.until)
    return int(mine.update(ended_at=now, ending=ending))


def _tell(accounts: Iterable[ProviderAccount]) -> None:
    ids = [account.pk for account in accounts]
    transaction.on_commit(lambda: publish.publish_rest(ids))

"""One error as a whole: in hand, ignored for a while, or resolved, for the teams that have it.

Called by the pages of errors and by `tasks` for what ends by itself. Each act changes the
unresolved runs with the error (`triage`), at the accounts that its author may see. What lasts is
kept as a row per team, so that runs which still come are in hand or ignored when they are stored;
nobody else's team is calmed by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet

from executions import database_clock
from executions.access import audit_log
from executions.display.people import user_name
from executions.errors import groups as error_groups
from executions.live import publish
from executions.live.publish import publish_changed
from executions.models import (
    RESOLVABLE_STATUSES,
    Act,
    Ending,
    ErrorAcknowledgement,
    Execution,
    Stance,
)
from executions.search.unresolved import is_unresolved
from executions.sql_sections import statements
from executions.triage import acts
from providers.models import ProviderAccount

_sql = statements(__file__)

ACKNOWLEDGED_FOR = timedelta(hours=24)
MAX_NOTE = 300


@dataclass(frozen=True)
class Taken:
    """Who is on an error, or ignores it, as its reader sees it."""

    by: str
    until: datetime | None
    """None where people are on its runs one by one."""
    note: str


def take(
    key: str,
    accounts: Iterable[ProviderAccount],
    by: User,
    note: str,
    *,
    to: User | None = None,
    address: str | None = None,
) -> int:
    """The error is in hand for the teams of these accounts, for ACKNOWLEDGED_FOR. Returns how many
    runs changed, as the others do. Raises PermissionDenied and `acts.NotDone`, as the others do."""
    assignee = to or by
    acts.check_assignee(assignee)
    return _stand(
        key,
        accounts,
        by,
        Stance.IN_HAND,
        database_clock.now() + ACKNOWLEDGED_FOR,
        note,
        assignee,
        address,
    )


def ignore(
    key: str,
    accounts: Iterable[ProviderAccount],
    by: User,
    note: str,
    *,
    until: datetime,
    address: str | None = None,
) -> int:
    """Its runs, and those that still come, need nobody until then."""
    acts.check_ignoring(until, note)
    return _stand(key, accounts, by, Stance.IGNORED, until, note, None, address)


def resolve(
    key: str,
    accounts: Iterable[ProviderAccount],
    by: User,
    note: str,
    *,
    address: str | None = None,
) -> int:
    """Its runs need nobody any more; the next one that fails with it is unresolved."""
    affected = list(accounts)
    with transaction.atomic():
        changed = acts.carry_out(by, Act.RESOLVE, _runs(key, affected), reason=note)
        ended = _end(key, affected, Ending.RESOLVED)
        if changed or ended:
            _record(by, audit_log.Action.ERROR_RESOLVED, key, affected, note, len(changed), address)
    _tell(affected)
    return len(changed)


def release(
    key: str, accounts: Iterable[ProviderAccount], by: User, *, address: str | None = None
) -> int:
    """Take back that it is in hand or ignored. Returns how many teams and runs that was."""
    affected = list(accounts)
    with transaction.atomic():
        runs = _runs(key, affected)
        changed = acts.carry_out(by, Act.LET_GO, runs)
        changed += acts.carry_out(by, Act.REOPEN, runs.filter(ignored_until__isnull=False))
        ended = _end(key, affected, Ending.RELEASED)
        if changed or ended:
            _record(by, audit_log.Action.ERROR_RELEASED, key, affected, "", len(changed), address)
    _tell(affected)
    return ended + len(changed)


def taken(
    groups: Sequence[error_groups.ErrorGroup], accounts: Mapping[int, ProviderAccount]
) -> dict[str, Taken]:
    """Who is on these errors, or ignores them, by key; those that are open or cleared lack. Two
    queries at most."""
    asked = {each.key: each for each in groups if each.state in ("in_hand", "ignored")}
    if not asked:
        return {}
    rows = _open().filter(error_key__in=asked, until__gt=database_clock.now())
    held: dict[str, list[ErrorAcknowledgement]] = {}
    for row in rows.select_related("by", "assignee"):
        group = asked[row.error_key]
        teams = {accounts[pk].group_id for pk in group.affected if pk in accounts}
        if row.team_id in teams and row.kind == group.state:
            held.setdefault(row.error_key, []).append(row)
    people = User.objects.in_bulk(
        {pk for key, each in asked.items() if key not in held for pk in each.assignees}
    )
    found = {}
    for key, group in asked.items():
        if own := held.get(key):
            first = min(own, key=lambda row: row.until)
            names = sorted({user_name(row.assignee or row.by) for row in own})
            found[key] = Taken(" and ".join(names), first.until, first.note)
        else:
            names = sorted(user_name(people.get(pk)) for pk in group.assignees)
            found[key] = Taken(" and ".join(names), None, "")
    return found


def held_by(key: str, account_ids: Iterable[int], who: User) -> int:
    """On how many unresolved runs with this error they are, at these accounts."""
    own = Execution.objects.filter(error_key=key, account__in=list(account_ids), assignee=who)
    return own.filter(status__in=RESOLVABLE_STATUSES, settled_at__isnull=True).count()


def settle() -> int:
    """End what is over: expired, or in hand with nothing unresolved left. What was in hand by an
    error that expired is not any more; what was ignored comes back by `settled_by_success.sweep`.
    Returns how many ended. One statement."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_sql("settle", is_unresolved=is_unresolved()), {"now": database_clock.now()})
        rows = cursor.fetchall()
        publish_changed(row[1:] for row in rows if row[0] == "run")
    ended = [row for row in rows if row[0] == "ended"]
    if ended:
        _publish({account for _, account, *_ in ended if account})
    return len({pk for _, _, pk, _ in ended})


def _stand(
    key: str,
    accounts: Iterable[ProviderAccount],
    by: User,
    kind: Stance,
    until: datetime,
    note: str,
    assignee: User | None,
    address: str | None,
) -> int:
    affected = list(accounts)
    is_taken = kind is Stance.IN_HAND
    action = audit_log.Action.ERROR_ACKNOWLEDGED if is_taken else audit_log.Action.ERROR_IGNORED
    with transaction.atomic():
        changed = acts.carry_out(
            by, Act.ASSIGN if is_taken else Act.IGNORE, _runs(key, affected),
            reason=note, until=None if is_taken else until, assignee=assignee,
        )  # fmt: skip
        for team in sorted({each.group_id for each in affected}, key=lambda pk: pk or 0):
            ErrorAcknowledgement.objects.update_or_create(
                error_key=key,
                team_id=team,
                ended_at=None,
                defaults={
                    "kind": kind, "by": by, "assignee": assignee, "note": note,
                    "at": database_clock.now(), "until": until,
                },
            )  # fmt: skip
        _record(by, action, key, affected, note, len(changed), address)
    _tell(affected)
    return len(changed)


def _runs(key: str, accounts: Sequence[ProviderAccount]) -> QuerySet[Execution]:
    return Execution.objects.filter(error_key=key, account__in=[each.pk for each in accounts])


def _open() -> QuerySet[ErrorAcknowledgement]:
    return ErrorAcknowledgement.objects.filter(ended_at__isnull=True)


def _end(key: str, accounts: Sequence[ProviderAccount], ending: Ending) -> int:
    teams = {account.group_id for account in accounts}
    held = [row.pk for row in _open().filter(error_key=key) if row.team_id in teams]
    return _open().filter(pk__in=held).update(ended_at=database_clock.now(), ending=ending)


def _record(
    by: User,
    action: audit_log.Action,
    key: str,
    accounts: Sequence[ProviderAccount],
    note: str,
    runs: int,
    address: str | None,
) -> None:
    audit_log.record(
        by,
        action,
        account_name=accounts[0].name if len(accounts) == 1 else "",
        target=f"error:{key}",
        detail={"note": note, "accounts": [each.name for each in accounts], "runs": runs},
        address=address,
    )


def _tell(accounts: Iterable[ProviderAccount]) -> None:
    _publish(account.pk for account in accounts)


def _publish(account_ids: Iterable[Any]) -> None:
    ids = list(account_ids)
    transaction.on_commit(lambda: publish.publish_rest(ids))

"""What a person decides about failed runs, one or many: resolve, ignore for a while, assign, let
go, reopen. Nothing is sent to a provider.

Called by pages and the API. Each act is one statement over the runs that it still concerns, so two
people who act at once do not undo each other; it keeps one row per run for its history, one entry
in the audit log, and open pages are informed after the commit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.core.exceptions import EmptyResultSet
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet

from executions import database_clock
from executions.access import audit_log
from executions.access.permissions import (
    may_act,
    operable_accounts,
    require_may_act,
)
from executions.display.formatting import stamped, too_long
from executions.live.publish import publish_changed
from executions.models import MAX_SETTLED_REASON, Act, Execution
from executions.search import queryset as run_queryset
from executions.search.filters import Filters
from executions.search.unresolved import is_unresolved
from executions.sql_sections import statements

_sql = statements(__file__)

MOST = 10_000  # runs of one act
SECONDS = 15  # that finding them may take
LONGEST = timedelta(days=90)  # that something may be ignored
AUDITED = 50  # runs that the audit log names

_ACTIONS = {
    Act.RESOLVE: audit_log.Action.RUNS_RESOLVED,
    Act.IGNORE: audit_log.Action.RUNS_IGNORED,
    Act.ASSIGN: audit_log.Action.RUNS_ASSIGNED,
    Act.LET_GO: audit_log.Action.RUNS_LET_GO,
    Act.REOPEN: audit_log.Action.RUNS_REOPENED,
}


_SECTIONS = {  # what changes, and in which runs
    Act.RESOLVE: ("resolve", "is_due_to_settle"),
    Act.IGNORE: ("ignore", "is_due_to_settle"),
    Act.ASSIGN: ("assign", "is_due_to_assign"),
    Act.LET_GO: ("let_go", "is_due_to_let_go"),
    Act.REOPEN: ("reopen", "is_due_to_reopen"),
}


class Changed(NamedTuple):
    """One run that an act changed."""

    account_id: int
    execution_id: int
    version: int
    label: str
    account: str


class NotDone(Exception):
    """Show it: the act was not carried out. str() is a sentence for a person."""


def picked(ids: Iterable[int]) -> QuerySet[Execution]:
    """These runs."""
    return Execution.objects.filter(pk__in=list(dict.fromkeys(ids))[:MOST])


def matching(filters: Filters) -> QuerySet[Execution]:
    """Every run of a list, as an export has it. Raises NotDone for a filter that was not
    understood: it would mean other runs than its author thought."""
    if filters.ignored:
        raise NotDone(f"The filter was not understood, so nothing was done. "
                      f"{' '.join(filters.ignored[:3])}")  # fmt: skip
    return run_queryset.queryset(filters)


def resolve(
    by: User, runs: QuerySet[Execution], *, reason: str = "", address: str | None = None
) -> int:
    """They need nobody any more. Returns how many changed, as all of these do; the others were
    settled already, or nobody's to act on. Raises PermissionDenied and NotDone, as all of these."""
    return _act(by, Act.RESOLVE, runs, reason=reason, address=address)


def ignore(
    by: User,
    runs: QuerySet[Execution],
    *,
    until: datetime,
    reason: str,
    address: str | None = None,
) -> int:
    """They need nobody until then; then they are unresolved again."""
    check_ignoring(until, reason)
    return _act(by, Act.IGNORE, runs, until=until, reason=reason, address=address)


def assign(
    by: User, runs: QuerySet[Execution], *, to: User, address: str | None = None, note: str = ""
) -> int:
    """They are in hand. Those at accounts that the other person may not act on are left out."""
    check_assignee(to)
    if to != by and not to.is_superuser:
        runs = runs.filter(account__in=operable_accounts(to).values("pk"))
    return _act(by, Act.ASSIGN, runs, assignee=to, reason=note, address=address)


def let_go(by: User, runs: QuerySet[Execution], *, address: str | None = None) -> int:
    """Nobody is on them any more."""
    return _act(by, Act.LET_GO, runs, address=address)


def reopen(by: User, runs: QuerySet[Execution], *, address: str | None = None) -> int:
    """What was resolved or ignored is unresolved again."""
    return _act(by, Act.REOPEN, runs, address=address)


def check_ignoring(until: datetime, reason: str) -> None:
    """Raises NotDone."""
    now = database_clock.now()
    if not reason.strip():
        raise NotDone("Enter a reason. It is kept with the runs.")
    if not now < until <= now + LONGEST:
        raise NotDone(f"Choose an end between now and {stamped(now + LONGEST)}.")


def check_assignee(to: User) -> None:
    """Raises NotDone."""
    if not may_act(to):
        raise NotDone(f"{to.get_username()} can only view, so nothing can be assigned to them.")


def carry_out(
    by: User,
    act: Act,
    runs: QuerySet[Execution],
    *,
    reason: str = "",
    until: datetime | None = None,
    assignee: User | None = None,
) -> list[Changed]:
    """The act alone, for one that is audited as something larger. In the caller's transaction."""
    require_may_act(by)
    reason = " ".join(reason.replace("\0", " ").split())
    if problem := too_long("A reason", reason, MAX_SETTLED_REASON):
        raise NotDone(f"Nothing was done. {problem}")
    own = runs
    if not by.is_superuser:
        own = runs.filter(account__in=operable_accounts(by).values("pk"))
    values = {
        "by": by.pk,
        "reason": reason,
        "until": until,
        "now": database_clock.now(),
        "assignee": assignee.pk if assignee else None,
    }
    changed = _change(act, own, values)
    publish_changed(row[:3] for row in changed)
    return changed


def _act(
    by: User,
    act: Act,
    runs: QuerySet[Execution],
    *,
    reason: str = "",
    until: datetime | None = None,
    assignee: User | None = None,
    address: str | None = None,
) -> int:
    with transaction.atomic():
        changed = carry_out(by, act, runs, reason=reason, until=until, assignee=assignee)
        if changed:
            _record(by, act, changed, reason, until, assignee, address)
    return len(changed)


def _change(act: Act, runs: QuerySet[Execution], values: dict[str, Any]) -> list[Changed]:
    chosen = runs.order_by("-sort_at", "-pk").values_list("pk", flat=True)[:MOST]
    try:
        inner, params = chosen.query.sql_with_params()
    except EmptyResultSet:  # no run can be in this choice
        return []
    names = {f"p{number}": value for number, value in enumerate(params)}
    spelled = iter(names)
    inner = re.sub(r"%%|%s", lambda found: found[0] if found[0] == "%%" else _named(spelled), inner)
    change, due = _SECTIONS[act]
    is_due = _sql(due, is_unresolved=is_unresolved("e"))
    statement = _sql("act", change=_sql(change), is_due=is_due, chosen=inner)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", [SECONDS * 1000])
            cursor.execute(statement, {**values, **names, "act": act.value})
            changed = cursor.fetchall()
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
            return [Changed(*row) for row in changed]
    except OperationalError as error:
        raise NotDone(
            "Finding all these runs takes too long. Narrow the filter, by account or by time."
        ) from error


def _named(names: Iterator[str]) -> str:
    return f"%({next(names)})s"


def _record(
    by: User,
    act: Act,
    changed: list[Changed],
    reason: str,
    until: datetime | None,
    assignee: User | None,
    address: str | None,
) -> None:
    detail: dict[str, Any] = {
        "runs": len(changed),
        "refs": [row.label for row in changed[:AUDITED]],
    }
    detail |= {"reason": reason} if reason else {}
    detail |= {"until": until.isoformat()} if until else {}
    detail |= {"to": assignee.get_username()} if assignee else {}
    accounts = {row.account for row in changed}
    audit_log.record(
        by,
        _ACTIONS[act],
        account_name=accounts.pop() if len(accounts) == 1 else "",
        target=changed[0].label if len(changed) == 1 else f"{len(changed)} runs",
        detail=detail,
        address=address,
    )

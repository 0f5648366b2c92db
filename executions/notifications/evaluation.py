"""Evaluates notification rules: raises states that hold, clears those that are over. Sends nothing.

Called by `tasks.notify`. One evaluator at a time: it holds the row of NoticeClock, and everything
of one look is one transaction, so a worker that dies leaves nothing half noticed. The watermark
moves only past transitions that no open transaction can still add to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from executions import database_clock
from executions.display.freshness import freshness
from executions.live import publish
from executions.models import (
    OPEN_COMMAND_STATES,
    SETTLED_COMMAND_STATES,
    Event,
    Notice,
    NoticeClock,
    NoticeRule,
)
from executions.search.overdue import ENOUGH, is_overdue, overdue_at
from executions.sql_sections import listed, statements
from providers.models import ProviderAccount

_sql = statements(
    __file__,
    open_commands=listed(OPEN_COMMAND_STATES),
    settled_commands=listed(SETTLED_COMMAND_STATES),
)

CONDITIONS_EVERY = timedelta(seconds=10)  # failures are looked for each time
STAMPED_BEFORE: timedelta = settings.ANNUNCIATOR_LEASE * 4 / 3  # longest a poll may store for
LIMIT = 1000  # states raised by one rule in one look; the others follow in the next
STARTS = 21  # newest starts from which the usual distance is learned
LEAST_GRACE = 60.0  # seconds
KEPT = timedelta(days=30)  # cleared states and their messages


@dataclass(frozen=True)
class Scope:
    """What one rule looks at, as parameters of its statements."""

    rule: NoticeRule
    accounts: list[ProviderAccount]
    """All of them; those that cannot be read say nothing about their runs."""
    workflows: list[int] | None
    now: datetime

    def values(self, *, only_fresh: bool = False) -> dict[str, Any]:
        seen = [
            account.pk
            for account in self.accounts
            if not only_fresh or not freshness(account, self.now).is_stale
        ]
        return {
            "rule": self.rule.pk,
            "accounts": seen,
            "workflows": self.workflows,
            "active_since": self.rule.active_since,
            "after": timedelta(seconds=self.rule.after_seconds or 0),
            "limit": LIMIT,
            "is_silent": not self.rule.is_primed,
            "tells_cleared": self.rule.tells_cleared,
            "tells_late": self.rule.event == Event.FAILED,
            "error": self.rule.error_key,
        }


def look() -> bool:
    """One look at everything that rules are about. False if another worker is at it."""
    now = database_clock.now()
    NoticeClock.objects.get_or_create(pk=1)
    with transaction.atomic():
        clock = NoticeClock.objects.select_for_update(skip_locked=True).filter(pk=1).first()
        if clock is None:
            return False
        horizon = _horizon()  # read before the transitions: what is older is all there
        is_time = clock.conditions_at is None or clock.conditions_at < now - CONDITIONS_EVERY
        for scope in _scopes(now):
            if scope.rule.event == Event.FAILED:
                _look_for_failures(scope, clock.looked_to)
            if is_time or not scope.rule.is_primed:
                _look_at_conditions(scope)
        _end_acknowledgements(now)
        clock.looked_to = max(clock.looked_to, horizon)
        clock.conditions_at = now if is_time else clock.conditions_at
        clock.save()
    return True


def tidy() -> int:
    """Forget states that were over long ago; how many."""
    gone, _ = Notice.objects.filter(cleared_at__lt=database_clock.now() - KEPT).delete()
    return gone


# ------------------------------------------------------------------------------------- each event


def _look_for_failures(scope: Scope, looked_to: datetime) -> None:
    values = {**scope.values(), "looked_to": looked_to, "is_silent": False}
    if _raise("failed", values, is_news=_sql("is_new_failure"), is_continued="false"):
        with connection.cursor() as cursor:
            cursor.execute(_sql("share_acknowledgement"), values)


def _look_at_conditions(scope: Scope) -> None:
    """Clear first: what is over and raised again is notified again."""
    values = scope.values()
    _clear("unwatched", values)
    match scope.rule.event:
        case Event.FAILED:
            _clear("not_failed", values)
        case Event.WAITING:
            _clear("not_waiting", values)
            _raise("waiting", scope.values(only_fresh=True))
        case Event.OVERDUE:
            definition = {"overdue_at": overdue_at(), "is_overdue": is_overdue()}
            _clear("not_overdue", values, **definition)
            _raise("overdue", scope.values(only_fresh=True), **definition)
        case Event.STUCK:
            _clear("not_stuck", values)
            _raise("stuck", values)
        case Event.ACCOUNT:
            _look_at_accounts(scope)
        case Event.MISSING:
            _look_for_missing(scope)
    if not scope.rule.is_primed:
        NoticeRule.objects.filter(pk=scope.rule.pk).update(is_primed=True)


def _look_at_accounts(scope: Scope) -> None:
    bad, good = [], []
    for account in scope.accounts:
        state = freshness(account, scope.now)
        if state.is_trouble:
            since = account.last_success_at if state.word == "late" else account.health_since
            why = f"{state.word}. {account.last_error}" if account.last_error else state.word
            row = (account.pk, None, account.name, why, since or scope.now)
            bad.append(("account", *row))
        elif state.word == "current":
            good.append(f"account:{account.pk}")
    _settle_given(scope, bad, good, "it can be read again")


def _look_for_missing(scope: Scope) -> None:
    """A run is missed only where we could have seen it: its account was read after it was due."""
    if not scope.workflows:
        return
    read = {account.pk: account.last_success_at for account in scope.accounts}
    values = {**scope.values(only_fresh=True), "newest": STARTS}
    missed, seen = [], []
    for pk, account_id, name, newest, typical, long, gaps in _rows(_sql("starts"), values):
        due = due_at(scope.rule, newest, typical, long, gaps)
        if due is None or due > scope.now:
            seen.append(f"workflow:{pk}")
        elif (read[account_id] or due) > due:
            missed.append(("workflow", account_id, pk, name, "", due))
    _settle_given(scope, missed, seen, "a run has started")


def due_at(
    rule: NoticeRule,
    newest: datetime | None,
    typical: float | None,
    long: float | None,
    gaps: int | None,
) -> datetime | None:
    """Until when the next run has to start; None where too little is known. Declared: newest
    start + period + grace. Learned: the 95th percentile of the last distances instead, with a
    quarter of the usual one as grace."""
    if rule.period_seconds:
        seconds = float(rule.period_seconds + (rule.grace_seconds or 0))
        return (newest or rule.active_since) + timedelta(seconds=seconds)
    if newest is None or typical is None or long is None or (gaps or 0) < ENOUGH:
        return None
    grace = rule.grace_seconds if rule.grace_seconds is not None else typical / 4
    return newest + timedelta(seconds=float(max(long, typical) + max(grace, LEAST_GRACE)))


def _settle_given(
    scope: Scope, found: Sequence[tuple[Any, ...]], over: list[str], because: str
) -> None:
    """Raise what was found out in Python, (kind, account, workflow, label, detail, since)."""
    values = scope.values()
    _clear("not_given", {**values, "over": over, "because": because})
    values |= {
        "subjects": [f"{kind}:{flow or account}" for kind, account, flow, *_ in found],
        "turns": [1] * len(found),
        "account_ids": [row[1] for row in found],
        "workflow_ids": [row[2] for row in found],
        "execution_ids": [None] * len(found),
        "labels": [row[3] for row in found],
        "details": [row[4] for row in found],
        "sinces": [row[5] for row in found],
    }
    if found:
        _raise("given", values)


def _end_acknowledgements(now: datetime) -> None:
    """An acknowledgement that ran out while it is still so: the team is notified again, once."""
    ended = Notice.objects.filter(cleared_at__isnull=True, acknowledged_until__lte=now)
    ended.filter(told_at__isnull=False, is_silent=False).update(told_at=None, is_reminder=True)
    ended.update(acknowledged_by=None, acknowledged_at=None, acknowledged_until=None)


# ---------------------------------------------------------------------------------------- plumbing


def _scopes(now: datetime) -> list[Scope]:
    """Of every enabled rule; four queries whatever their number."""
    rules = NoticeRule.objects.filter(enabled=True).prefetch_related("accounts", "workflows")
    rules = rules.defer("sealed_targets")
    found = list(rules)
    if not found:
        return []
    rows = ProviderAccount.objects.filter(enabled=True).with_granted_teams()
    rows = rows.defer("sealed_credentials", "memory")
    return [Scope(rule, _accounts_of(rule, list(rows)), _workflows_of(rule), now) for rule in found]


def _accounts_of(rule: NoticeRule, every: list[Any]) -> list[ProviderAccount]:
    """`every`: accounts `with_granted_teams`."""
    chosen = {account.pk for account in rule.accounts.all()}
    return [
        account
        for account in every
        if (not chosen or account.pk in chosen)
        and (
            rule.group_id is None
            or account.group_id in (None, rule.group_id)
            or rule.group_id in account.granted_teams
        )
    ]


def _workflows_of(rule: NoticeRule) -> list[int] | None:
    return [workflow.pk for workflow in rule.workflows.all()] or None


def _horizon() -> datetime:
    rows = _rows(_sql("horizon"), [STAMPED_BEFORE])
    horizon: datetime = rows[0][0]
    return horizon


def _raise(candidates: str, values: dict[str, Any], **fragments: str) -> int:
    """`candidates`: the section that finds them."""
    return _change(_sql("raise", candidates=_sql(candidates, **fragments), **fragments), values)


def _clear(gone: str, values: dict[str, Any], **fragments: str) -> int:
    """`gone`: the section that finds what is over."""
    return _change(_sql("clear", gone=_sql(gone, **fragments)), values)


def _change(statement: str, values: dict[str, Any]) -> int:
    """How many notices it changed; open pages are informed after the commit."""
    accounts = [row[0] for row in _rows(statement, values)]
    if accounts:
        transaction.on_commit(lambda: publish.publish_rest(set(accounts)))
    return len(accounts)


def _rows(statement: str, values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())

"""How often a rule would have sent a message, had it been there in the last days.

Called by `rule_views` before a rule is saved. By what is stored now: a run that failed and was
resumed is not counted, and mutes and people who were on it are not considered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from executions import database_clock
from executions.models import Event, NoticeRule
from executions.search import statement_timeout
from executions.search.overdue import overdue_after
from executions.sql_sections import statements

_sql = statements(__file__)

DAYS = 7
MOST = 20_000  # runs looked at
STATEMENTS = {Event.FAILED: "failed", Event.WAITING: "waiting", Event.OVERDUE: "overdue"}


@dataclass(frozen=True)
class Backtest:
    events: int
    messages: int


def backtest(
    rule: NoticeRule, accounts: Sequence[int], workflows: Sequence[int] | None
) -> Backtest:
    """Of a rule that need not be saved, over these accounts and workflows (None: all of them). One
    query. Raises TooLong."""
    now = database_clock.now()
    values: dict[str, Any] = {
        "accounts": list(accounts),
        "workflows": None if workflows is None else list(workflows),
        "since": now - timedelta(days=DAYS),
        "after": timedelta(seconds=rule.after_seconds or 0),
        "error": rule.error_key,
        "most": MOST,
    }
    statement = _sql(STATEMENTS[Event(rule.event)], overdue_after=overdue_after())
    with statement_timeout.bounded(), connection.cursor() as cursor:
        cursor.execute(statement, values)
        times = sorted(row[0] for row in cursor.fetchall())
    pause = timedelta(seconds=rule.pause_seconds)
    return Backtest(len(times), messages(times, pause, now))


def messages(times: Iterable[datetime], pause: timedelta, now: datetime) -> int:
    """How many have gone out for what happened at these times, in their order: the first at once,
    what happens within the pause together at its end."""
    sent = 0
    last: datetime | None = None
    for at in times:
        if last is None or at >= last + pause:
            last, sent = at, sent + 1
        elif at > last:
            last, sent = last + pause, sent + (last + pause <= now)
    return sent

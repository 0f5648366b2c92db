"""The errors of a workflow that are not settled: how many runs, since when, who is on them.

One query over the unresolved runs and the newest ones with the same error.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.urls import reverse

from executions.models import Workflow
from executions.payloads.text_escaping import plain
from executions.search.unresolved import is_unresolved
from executions.sql_sections import statements

_sql = statements(__file__)

DAYS = 30
MOST = 6  # errors shown
NEWEST = 2000  # unresolved runs, and runs with one error, that are read
TALL = 24


@dataclass(frozen=True)
class OpenError:
    key: str
    """"" for runs without an error text."""
    runs: int
    in_hand: int
    first_at: datetime
    last_at: datetime
    has_failed: bool
    text: str
    run_id: int
    people: list[str]
    ages: list[int] | None
    """Of the runs with this error, in whole days."""

    @property
    def days(self) -> list[int]:
        """How many a day, oldest first."""
        days = [0] * DAYS
        for age in self.ages or []:
            if 0 <= age < DAYS:
                days[DAYS - 1 - age] += 1
        return days

    @property
    def is_in_hand(self) -> bool:
        return self.in_hand == self.runs


def open_errors(workflow: Workflow, now: datetime) -> list[OpenError]:
    """Those that nobody is on first, then most runs first; at most MOST + 1."""
    values: dict[str, Any] = {
        "workflow": workflow.pk,
        "account": workflow.account_id,
        "now": now,
        "since": now - timedelta(days=DAYS),
        "newest": NEWEST,
        "most": MOST + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(_sql("open_errors", is_unresolved=is_unresolved()), values)
        return [OpenError(*row) for row in cursor.fetchall()]


def view(error: OpenError, workflow: Workflow) -> dict[str, Any]:
    """As words."""
    runs = f"{reverse('executions:list')}?workflow={workflow.pk}&is=unresolved"
    most = max(error.days, default=0)
    page = reverse("executions:error", args=[error.key]) if error.key else ""
    own = f"{runs}&error={error.key}" if error.key else runs
    bars = "".join(
        f"M{4 * day + 2} {TALL}V{TALL - 3 - (TALL - 3) * number / most:.0f}"
        for day, number in enumerate(error.days)
        if number
    )
    return {
        "key": error.key,
        "text": plain(error.text, 300) or "Failed without an error text",
        "run_id": error.run_id,
        "runs": f"{error.runs:,} run{'' if error.runs == 1 else 's'}",
        "href": own,
        "page": f"{page}?finished=7d" if page else own,
        "first": error.first_at,
        "last": error.last_at,
        "lamp": "failed" if error.has_failed else "warning",
        "icon": "cross" if error.has_failed else "triangle",
        "is_in_hand": error.is_in_hand,
        "who": _who(error),
        "bars": bars,
        "label": f"Runs with this error in {DAYS} days, newest at the right: {sum(error.days):,}",
    }


def _who(error: OpenError) -> str:
    if not error.in_hand:
        return "nobody is on it"
    who = ", ".join(error.people)
    verb = "is" if len(error.people) == 1 else "are"
    of = "it" if error.is_in_hand else f"{error.in_hand:,} of them"
    return f"{who} {verb} on {of}"

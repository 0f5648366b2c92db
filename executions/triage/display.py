"""How a failed run stands, and what people decided about it, as words for pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from executions.display.people import DELETED_USER, user_name
from executions.models import RESOLVABLE_STATUSES, Act, Execution, Settled, TriageAct
from executions.payloads.text_escaping import plain

MAX_SHOWN = 100


@dataclass(frozen=True)
class Standing:
    """Of a run that ended in an error or with a warning."""

    state: str
    """unresolved, in_hand, resolved, ignored or succeeded."""
    words: str
    at: datetime | None
    until: datetime | None
    reason: str

    @property
    def is_unresolved(self) -> bool:
        return self.state in ("unresolved", "in_hand")


def standing_of(run: Any) -> Standing | None:
    """None for a run that did not end so. `run`: a row of `search.pages`, or an Execution."""
    if run.status not in RESOLVABLE_STATUSES:
        return None
    by = _name(run, "settled_by")
    reason = plain(run.settled_reason)
    match run.settled_how:
        case Settled.RESOLVED:
            words = f"Resolved by {by}"
        case Settled.IGNORED:
            words = f"Ignored by {by}"
        case Settled.SUCCEEDED:
            words = "A later run succeeded"
        case _ if run.assignee_id:
            who = _name(run, "assignee")
            return Standing("in_hand", f"{who} is on it", run.assigned_at, None, "")
        case _:
            return Standing("unresolved", "Unresolved", None, None, "")
    return Standing(run.settled_how, words, run.settled_at, run.ignored_until, reason)


def acts_of(run: Execution) -> list[dict[str, Any]]:
    """What people decided about it, newest first. One query."""
    rows: Iterable[TriageAct] = run.triage_acts.select_related("by", "assignee")[:MAX_SHOWN]
    return [
        {
            "by": user_name(row.by),
            "words": _words(row),
            "at": row.at,
            "until": row.until,
            "reason": plain(row.reason),
        }
        for row in rows
    ]


def _words(row: TriageAct) -> str:
    by = user_name(row.by)
    if row.act == Act.ASSIGN:
        who = user_name(row.assignee)
        return f"{by} is on it" if who == by else f"Assigned to {who} by {by}"
    return f"{row.get_act_display()} by {by}"


def _name(run: Any, field: str) -> str:
    """The list has the name beside the row."""
    if hasattr(run, f"{field}_name"):
        return getattr(run, f"{field}_name") or DELETED_USER
    return user_name(getattr(run, field))

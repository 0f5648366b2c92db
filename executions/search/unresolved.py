"""Which failed runs somebody has to look at: the one meaning of *unresolved*, as SQL.

A run that ended in a problem or with a warning is unresolved until a person resolves or ignores
it, or a success follows it; `storage` keeps `settled_at`. In hand: unresolved, and somebody is on
it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from executions.sql_sections import STATUSES


def is_unresolved(run: str = "x") -> str:
    """SQL: a condition on the run of the alias `run`, in the words of the partial indexes."""
    return f"{run}.status IN {STATUSES['resolvable']} AND {run}.settled_at IS NULL"


def is_in_hand(run: str = "x") -> str:
    return f"{is_unresolved(run)} AND {run}.assignee_id IS NOT NULL"


def is_ignored(run: str = "x") -> str:
    return f"{run}.status IN {STATUSES['resolvable']} AND {run}.ignored_until IS NOT NULL"


FLAGS: Mapping[str, Callable[[str], str]] = {
    "unresolved": is_unresolved,
    "in_hand": is_in_hand,
    "ignored": is_ignored,
}
"""By the word of a filter (`is=unresolved`)."""

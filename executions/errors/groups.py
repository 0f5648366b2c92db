"""Runs that failed in the same way, over all accounts: the incident rather than its rows.

Called by views and the list; reads rows alone. A group is an error key and the runs with it that
ended in a window, at the accounts that the reader may see. How it stands is of all its runs, as an
act on it is, however old they are. Whose work it is: `acts`.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from executions.search.unicode_spellings import both
from executions.search.unresolved import is_ignored, is_unresolved
from executions.sql_sections import statements

_sql = statements(__file__)

WINDOWS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
NEWEST = 20_000  # runs of a window that are grouped
MAX_GROUPS = 100
SAME = "7d"  # window of "the same error in 14 runs"
SEARCHED_RUNS = 2000  # runs with an error among which words are looked for
MANY = 1000  # runs counted for one run's page


@dataclass(frozen=True)
class Occurrence:
    """The error in one workflow: its runs in the window, and how all of its runs stand."""

    workflow_id: int
    name: str
    account_id: int
    runs: int
    """0 where all that is unresolved or ignored is older than the window."""
    first_at: datetime
    last_at: datetime
    succeeded_at: datetime | None
    """When the workflow last succeeded, if it did."""
    has_failed: bool
    """Else its runs came through in spite of it."""
    unresolved: int
    in_hand: int
    ignored: int
    assignees: list[int]
    """Ids of the people who are on its unresolved runs."""

    @property
    def is_open(self) -> bool:
        return self.unresolved > 0


@dataclass(frozen=True)
class ErrorGroup:
    """One error. `palette.sources`: most runs first."""

    key: str
    text: str
    run_id: int
    """The newest run that said so."""
    places: tuple[Occurrence, ...]
    older: tuple[Occurrence, ...] = ()
    """Where it is unresolved or ignored, and no run of the window had it."""

    @property
    def everywhere(self) -> tuple[Occurrence, ...]:
        return self.places + self.older

    @property
    def runs(self) -> int:
        return sum(place.runs for place in self.places)

    @property
    def first_at(self) -> datetime:
        return min(place.first_at for place in self.places)

    @property
    def last_at(self) -> datetime:
        return max(place.last_at for place in self.places)

    @property
    def account_ids(self) -> list[int]:
        """Of the window."""
        return list(dict.fromkeys(place.account_id for place in self.places))

    @property
    def affected(self) -> list[int]:
        """Accounts that an act on it concerns."""
        return list(dict.fromkeys(place.account_id for place in self.everywhere))

    @property
    def has_failed(self) -> bool:
        return any(place.has_failed for place in self.places)

    @property
    def unresolved(self) -> int:
        """How many of all its runs, also those that are older than the window."""
        return self.unresolved_at()

    def unresolved_at(self, account_ids: Container[int] | None = None) -> int:
        """At these accounts alone."""
        return sum(
            place.unresolved
            for place in self.everywhere
            if account_ids is None or place.account_id in account_ids
        )

    @property
    def in_hand(self) -> int:
        """How many of the unresolved ones somebody is on."""
        return sum(place.in_hand for place in self.everywhere)

    @property
    def state(self) -> str:
        """open, in_hand, ignored or cleared."""
        if self.unresolved:
            return "in_hand" if self.in_hand == self.unresolved else "open"
        return "ignored" if any(place.ignored for place in self.everywhere) else "cleared"

    @property
    def assignees(self) -> list[int]:
        return sorted({each for place in self.everywhere for each in place.assignees})


def groups(account_ids: Sequence[int], since: datetime) -> tuple[list[ErrorGroup], datetime | None]:
    """Most runs first, and how far back was looked if not to `since`. One statement."""
    params: dict[str, Any] = {"accounts": list(account_ids), "since": since, "newest": NEWEST}
    return _read("true", params)


def group(key: str, account_ids: Sequence[int], since: datetime) -> ErrorGroup | None:
    """One error; None if no run with it ended since then. One statement."""
    params: dict[str, Any] = {"accounts": list(account_ids), "since": since, "key": key}
    found, _ = _read("x.error_key = %(key)s", {**params, "newest": NEWEST})
    return found[0] if found else None


def words_of(keys: Sequence[str], account_ids: Sequence[int]) -> dict[str, str]:
    """What the newest run with each of these keys said, as far as the reader may know it."""
    if not keys:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_sql("words"), [list(keys), list(account_ids)])
        return dict(cursor.fetchall())


def saying(text: str, account_ids: Sequence[int], most: int) -> list[tuple[str, str, datetime]]:
    """(key, text, when last) of the newest errors that say this; among the newest runs."""
    composed, decomposed = both(text)
    params: dict[str, Any] = {
        "accounts": list(account_ids),
        "composed": composed,
        "decomposed": decomposed,
        "newest": SEARCHED_RUNS,
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(_sql("saying"), params)
        return list(cursor.fetchall())


def _read(is_asked: str, params: dict[str, Any]) -> tuple[list[ErrorGroup], datetime | None]:
    with connection.cursor() as cursor:
        means = {"is_unresolved": is_unresolved(), "is_ignored": is_ignored()}
        cursor.execute(_sql("groups", is_asked=is_asked, **means), params)
        rows = cursor.fetchall()
    collected: dict[str, list[Occurrence]] = {}
    newest: dict[str, tuple[datetime, int, str]] = {}
    older: dict[str, list[Occurrence]] = {}
    read = 0
    for key, run_id, text, *place in rows:
        each = Occurrence(*place)
        read += each.runs
        if not each.runs:
            older.setdefault(key, []).append(each)
            continue
        collected.setdefault(key, []).append(each)
        if key not in newest or (each.last_at, run_id) > newest[key][:2]:
            newest[key] = (each.last_at, run_id, text)
    found = [
        ErrorGroup(
            key,
            newest[key][2],
            newest[key][1],
            tuple(sorted(places, key=lambda place: (-place.runs, place.name, place.workflow_id))),
            tuple(older.get(key, ())),
        )
        for key, places in collected.items()
    ]
    found.sort(key=lambda each: (-each.runs, each.key))
    is_cut = read >= NEWEST
    return found, min(each.first_at for each in found) if is_cut else None

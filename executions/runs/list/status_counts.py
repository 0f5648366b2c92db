"""The wall of lamps and the statuses below it: counts that obey the filter, and the exact list
behind each of them."""

from __future__ import annotations

from dataclasses import dataclass

from executions.display import formatting as display_text
from executions.display.statuses import LAMP_ICONS, LAMP_WORDS, STATUS_VIEWS, StatusView
from executions.search import counts as run_counts
from executions.search.counts import CAP
from executions.search.filters import Filters

OWN = ("lamp", "status", "not_lamp", "not_status")


@dataclass(frozen=True)
class Tally:
    """The count of one status, and the list behind it."""

    status: StatusView
    shown: str
    is_chosen: bool
    href: str


@dataclass(frozen=True)
class LampView:
    """One window of the panel: its count, and the list behind it."""

    key: str
    word: str
    icon: str
    shown: str
    is_lit: bool
    is_chosen: bool
    href: str
    title: str
    statuses: tuple[Tally, ...]
    matching: int
    """How many of its runs are in the list; their number is at least that if `is_bound`."""
    is_bound: bool


def lamps_of(filters: Filters) -> list[LampView]:
    """One query. Choosing a lamp or status replaces the others; choosing it again lets go."""
    numbers, is_least = run_counts.counts(filters)
    is_asked = any(filters.values.get(key) for key in ("lamp", "status"))
    asked = filters.asked_statuses() if is_asked else None
    chosen = filters.statuses()
    bound = 10**9 if filters.is_counted else CAP
    views = []
    for lamp, word in LAMP_WORDS.items():
        own = [status.value for status in lamp.statuses]
        total = sum(numbers.get(status, 0) for status in own)
        is_chosen = asked is not None and set(own) <= set(asked)
        tallies = tuple(
            Tally(
                STATUS_VIEWS[status],
                display_text.count(numbers.get(status, 0), bound, is_least),
                asked == [status],
                _query(filters, status="" if asked == [status] else status),
            )
            for status in own
        )
        detail = ", ".join(f"{each.status.word.lower()} {each.shown}" for each in tallies)
        views.append(
            LampView(
                lamp.value,
                word,
                LAMP_ICONS[lamp],
                display_text.count(total, bound, is_least),
                total > 0,
                is_chosen,
                _query(filters, lamp="" if is_chosen else lamp.value),
                detail,
                tallies,
                sum(numbers.get(each, 0) for each in own if chosen is None or each in chosen),
                is_least or (bound == CAP and any(numbers.get(each, 0) > CAP for each in own)),
            )
        )
    return views


def matching_of(lamps: list[LampView]) -> str:
    """How many runs the whole list has: `1,284`, or `1,000+` where it was not counted further."""
    total = sum(lamp.matching for lamp in lamps)
    if any(lamp.is_bound for lamp in lamps):
        return f"{max(1, total - total % 1000 if total > CAP else total):,}+"
    return f"{total:,}"


def tally_of(filters: Filters, lamps: list[LampView]) -> list[Tally]:
    """The statuses worth a word: those that have runs, and the one that is asked for."""
    every = [each for lamp in lamps for each in lamp.statuses]
    return [each for each in every if each.shown != "0" or each.is_chosen]


def _query(filters: Filters, **extra: str) -> str:
    return filters.query(drop=OWN, **extra) or "/"

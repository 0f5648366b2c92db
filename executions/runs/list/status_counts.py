"""The lamps above the table and the statuses below them: counts that obey the filter, and the list
behind each of them.

A lamp counts what is not settled yet; a status counts all runs in it, whatever became of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from executions.display import formatting as display_text
from executions.display.statuses import LAMP_ICONS, STATUS_VIEWS, StatusView
from executions.models import RATED_STATUSES
from executions.search import counts as run_counts
from executions.search.counts import CAP, Lamps, Statement
from executions.search.filters import Filters
from executions.search.time_range import ANY_TIME, TODAY, Range
from executions.search.unresolved import FLAGS
from providers.contract import Lamp, Status

OWN = ("lamp", "status", "not_lamp", "not_status")
FEW = 5  # ends of today below which no share is shown
INBOX, ACCOUNTS = "/inbox/", "/accounts/?is=unseen"


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
    """Somebody must look; with nothing but runs in hand it is an outline."""
    is_in_hand: bool
    is_chosen: bool
    href: str
    title: str
    detail: str = ""
    """The one thing worth knowing beside the count: how old, how many in hand, which account."""
    in_hand: str = ""
    in_hand_href: str = ""


@dataclass(frozen=True)
class Panel:
    """Everything above the table that counts."""

    lamps: list[LampView]
    statuses: tuple[Tally, ...]
    matching: str
    """How many runs the list has: `1,284`, or `1,000+` where it was not counted further."""
    needs_you: int
    hour: list[tuple[str, str, int]]
    """What `last_hour` draws."""

    @property
    def tally(self) -> list[Tally]:
        """The statuses worth a word: those that have runs, and the one that is asked for."""
        return [each for each in self.statuses if each.shown != "0" or each.is_chosen]


def panel_of(
    filters: Filters, *, questions: Statement, unseen: Sequence[str], hour: Statement | None
) -> Panel:
    """One query. `questions`: counts those of the inbox, with when the oldest was asked; `unseen`:
    names of the accounts that cannot be read; `hour`: what `last_hour` counts. Choosing a status or
    lamp replaces the others; choosing it again lets go."""
    bare = _bare(filters)
    is_bare = bare.flags == filters.flags and bare.finished == filters.finished
    today = _with(bare, "done", finished=Range.last(TODAY, bare.now) if bare.now else ANY_TIME)
    unresolved = _with(bare, flags=[*bare.flags, "unresolved"])
    found = run_counts.lamps(
        filters,
        bare=None if is_bare else bare,
        today=today,
        unresolved=unresolved,
        also={"questions": questions, **({"hour": hour} if hour else {})},
    )
    numbers, is_least = found.now
    is_asked = any(filters.values.get(key) for key in ("lamp", "status"))
    asked = filters.asked_statuses() if is_asked else None
    bound = _bound(filters)
    statuses = tuple(
        Tally(
            STATUS_VIEWS[status.value],
            display_text.count(numbers.get(status.value, 0), bound, is_least),
            asked == [status.value],
            _query(filters, status="" if asked == [status.value] else status.value),
        )
        for status in Status
    )
    chosen = filters.statuses()
    own = {key: n for key, n in numbers.items() if chosen is None or key in chosen}
    total = sum(own.values())
    is_bound = is_least or (bound == CAP and any(number > CAP for number in own.values()))
    ((oldest, _, needs_you),) = found.also["questions"]
    lamps = [_needs_you(filters, needs_you, oldest), *_lamps(filters, bare, today, found, unseen)]
    matching = _bounded(total) if is_bound else f"{total:,}"
    return Panel(lamps, statuses, matching, needs_you, found.also.get("hour", []))


def _needs_you(filters: Filters, number: int, oldest: str) -> LampView:
    """`oldest`: seconds since 1970, "" where there is none."""
    age = filters.now.timestamp() - float(oldest) if oldest and filters.now else 0
    return LampView(
        "needs_you", "needs you", LAMP_ICONS[Lamp.NEEDS_YOU], display_text.count(number, CAP),
        number > 0, False, False, INBOX, "Open questions, as in the inbox",
        detail=f"oldest {display_text.rough(age)}" if number else "",
    )  # fmt: skip


def _lamps(
    filters: Filters, bare: Filters, today: Filters, found: Lamps, unseen: Sequence[str]
) -> list[LampView]:
    going, is_some = found.bare
    ended, is_few = found.today
    done = sum(ended.get(status.value, 0) for status in Lamp.DONE.statuses)
    active = sum(going.get(status.value, 0) for status in Lamp.ACTIVE.statuses)
    shown = display_text.count
    return [
        _unresolved(filters, bare, Lamp.FAILED, "failing", found),
        _unresolved(filters, bare, Lamp.WARNING, "warnings", found),
        _lamp(
            filters, _with(bare, "active"), Lamp.ACTIVE, "active",
            shown(active, _bound(bare), is_some), "Queued, running, waiting or paused now",
            detail=_resting(going),
        ),
        _lamp(
            filters, today, Lamp.DONE, "done today", shown(done, CAP, is_few),
            "Succeeded, canceled or skipped since midnight in your time zone",
            detail=_good(ended),
        ),
        LampView(
            "unknown", "can’t read", LAMP_ICONS[Lamp.UNKNOWN], f"{len(unseen):,}", bool(unseen),
            False, False, ACCOUNTS,
            "Accounts that cannot be read now: what is shown of them may be old",
            detail=", ".join(unseen),
        ),
    ]  # fmt: skip


def _resting(going: dict[str, int]) -> str:
    resting = sum(going.get(each.value, 0) for each in Lamp.ACTIVE.statuses)
    resting -= going.get(Status.RUNNING.value, 0)
    return f"{resting:,} waiting" if resting else ""


def _good(ended: dict[str, int]) -> str:
    """The share of today's ends that were good; nothing where there are too few to tell."""
    rated = sum(ended.get(status, 0) for status in RATED_STATUSES)
    if rated < FEW:
        return ""
    return f"{math.floor(ended.get(Status.SUCCEEDED.value, 0) / rated * 1000) / 10:g} % good"


def _bound(filters: Filters) -> int:
    return 10**9 if filters.is_counted else CAP


def _unresolved(filters: Filters, bare: Filters, lamp: Lamp, word: str, found: Lamps) -> LampView:
    in_hand = sum(found.in_hand.get(status.value, 0) for status in lamp.statuses)
    total = in_hand + sum(found.lit.get(status.value, 0) for status in lamp.statuses)
    title = "Ended in an error" if lamp is Lamp.FAILED else "Ended with a warning"
    target = _with(bare, lamp.value, flags=[*bare.flags, "unresolved"])
    view = _lamp(
        filters, target, lamp, word, display_text.count(total, CAP, found.is_least),
        f"{title}, and neither resolved, ignored, nor followed by a success",
    )  # fmt: skip
    hand = display_text.count(in_hand, CAP, found.is_least) if in_hand else ""
    return replace(
        view,
        detail=f"{hand} in hand" if hand else "",
        is_lit=total > in_hand,
        is_in_hand=0 < total == in_hand,
        in_hand=hand,
        in_hand_href=_with(bare, lamp.value, flags=[*bare.flags, "in_hand"]).query(),
    )


def _lamp(
    filters: Filters,
    target: Filters,
    lamp: Lamp,
    word: str,
    shown: str,
    title: str,
    detail: str = "",
) -> LampView:
    is_chosen = filters.values.get("lamp") == [lamp.value] and filters.query() == target.query()
    href = (_bare(filters).query() if is_chosen else target.query()) or "/"
    return LampView(
        lamp.value, word, LAMP_ICONS[lamp], shown, False, False, is_chosen, href, title, detail
    )  # fmt: skip


def _bare(filters: Filters) -> Filters:
    """The filter without what a lamp asks for."""
    found = _with(filters, flags=[each for each in filters.flags if each not in FLAGS])
    if found.finished.preset == TODAY:
        found.finished = ANY_TIME
    return found


def _with(filters: Filters, lamp: str = "", **changed: object) -> Filters:
    """Another filter: this lamp in the place of the statuses, and these attributes."""
    own = {"lamp": [lamp] if lamp else [], "status": []}
    return replace(
        filters,
        values={**filters.values, **own},
        excluded={**filters.excluded, "lamp": [], "status": []},
        **changed,  # type: ignore[arg-type]
    )


def _bounded(total: int) -> str:
    return f"{max(1, total - total % 1000 if total > CAP else total):,}+"


def _query(filters: Filters, **extra: str) -> str:
    return filters.query(drop=OWN, **extra) or "/"

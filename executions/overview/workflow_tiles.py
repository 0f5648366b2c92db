"""The annunciator: every workflow with its present worst state, problems first.

Three queries whatever the number of runs: open and unresolved runs through their partial indexes,
and the names and newest runs of those that are shown. Lists behind tiles use the words of
the run list.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection
from django.urls import reverse

from executions.display.statuses import LAMP_ICONS
from executions.display.strips import Strip, strip
from executions.models import OPEN_STATUSES, Workflow
from executions.payloads.text_escaping import plain
from executions.search.filters import Filters
from executions.search.last_runs import Bar, bars_sql
from executions.search.overdue import is_overdue
from executions.search.unresolved import is_unresolved
from executions.sql_sections import statements
from providers.contract import Lamp, Status

_sql = statements(__file__)

ALL_SHOWN = 240  # workflows up to which every one has its tile, in an order that never changes
MOST_SHOWN = 240  # tiles of problems on a first paint beyond that
MOST_OPENED = 500  # tiles of one opened account
STATES = ("needs_you", "failed", "overdue", "warning", "unknown", "in_hand", "active", "quiet")
PROBLEMS = STATES[:6]
ICONS = {
    **{lamp.value: icon for lamp, icon in LAMP_ICONS.items()},
    "overdue": "alarm",
    "in_hand": "person",
    "quiet": LAMP_ICONS[Lamp.DONE],
}
ONE_MANY = {
    "needs_you": ("needs you", "need you"),
    "failed": ("failed", "failed"),
    "overdue": ("overdue", "overdue"),
    "warning": ("warning", "warnings"),
    "unknown": ("unknown", "unknown"),
    "in_hand": ("in hand", "in hand"),
    "active": ("active", "active"),
    "quiet": ("quiet", "quiet"),
}

Counts = dict[str, int]  # by state; what somebody is on counts as failed or warning as well


class WorkflowCounts(NamedTuple):
    account_id: int
    counts: Counts
    people: list[str]
    """Who is on its unresolved runs."""


NOTHING = WorkflowCounts(0, {}, [])


@dataclass(frozen=True)
class Tile:
    """One window of the wall."""

    id: int
    name: str
    state: str
    icon: str
    state_words: str
    """Its worst state with its number: `2 need you`."""
    also: str
    """Its other states."""
    query: str
    """The list behind it."""
    strip: Strip | None
    """Its newest runs."""


@dataclass
class AccountTiles:
    """The tiles of one account, and how many of its workflows are in each state."""

    account_id: int
    workflows: int
    states: Counts
    tiles: list[Tile] = field(default_factory=list)
    is_opened: bool = False

    @property
    def rest(self) -> int:
        """Workflows without a tile."""
        return self.workflows - len(self.tiles)

    @property
    def worst(self) -> int:
        found = [place for place, state in enumerate(STATES) if self.states.get(state)]
        return min(found, default=len(STATES))


@dataclass
class Wall:
    groups: list[AccountTiles]
    runs: Counts
    """Runs by state, of all accounts together; a run may be active and overdue."""
    quiet: int
    """Workflows of which nothing is going on and nothing is unresolved."""
    missing: int
    """Workflows in trouble that have no tile."""

    @property
    def tile_ids(self) -> list[int]:
        return [tile.id for group in self.groups for tile in group.tiles]

    @property
    def workflows(self) -> int:
        return sum(group.workflows for group in self.groups)


def read(
    filters: Filters,
    *,
    opened: int | None = None,
    shown: Sequence[int] | None = None,
) -> Wall:
    """The wall as it is now. `opened`: an account of which every workflow gets a tile. `shown`: the
    tiles, in their order, that a page has already: it keeps them, and no other comes in."""
    ids = filters.account_ids()
    accounts = list(filters.accounts) if ids is None else ids
    numbers = _workflows_by_account(filters, accounts)
    counts = counts_by_workflow(filters, accounts)
    states = {pk: worst_of(own.counts) for pk, own in counts.items()}
    chosen = _chosen(states, sum(numbers.values()), shown)
    rows = _named(filters, accounts, chosen, opened)
    if shown is not None:
        place = {pk: number for number, pk in enumerate(shown)}
        rows.sort(key=lambda row: place.get(row.pk, len(place)))
    elif chosen is not None:
        rows.sort(key=lambda row: (STATES.index(states.get(row.pk, "quiet")), row.name, row.pk))
    groups = _groups(accounts, numbers, counts, states)
    for row in rows:
        own = counts.get(row.pk, NOTHING)
        groups[row.account_id].tiles.append(_tile(row, own))
    ordered = [group for group in groups.values() if group.workflows or chosen is None]
    if chosen is not None and shown is None:
        ordered.sort(key=lambda group: group.worst)  # stable: by name within
    if opened in groups:
        groups[opened].is_opened = True
    runs: Counts = defaultdict(int)
    for each in counts.values():
        for state, number in each.counts.items():
            runs[state] += number
    quiet = sum(group.states.get("quiet", 0) for group in ordered)
    has_tile = {row.pk for row in rows}
    missing = sum(state in PROBLEMS and pk not in has_tile for pk, state in states.items())
    return Wall(ordered, dict(runs), quiet, missing)


def worst_of(counts: Counts) -> str:
    """What somebody is on is in hand, however bad it is."""
    lit = {**counts, **{state: counts.get(state, 0) - counts.get(f"{state}_in_hand", 0)
                        for state in ("failed", "warning")}}  # fmt: skip
    return next((state for state in STATES if lit.get(state)), "quiet")


def words_of(state: str, number: int) -> str:
    one, many = ONE_MANY[state]
    return f"{number:,} {one if number == 1 else many}"


def in_hand_words(counts: Counts) -> str:
    """`2 in hand, of the failed`: those are counted there as well."""
    of = [ONE_MANY[each][1] for each in ("failed", "warning") if counts.get(f"{each}_in_hand")]
    return f"{words_of('in_hand', counts['in_hand'])}, of the {' and '.join(of)}"


def list_query(state: str, workflow: int | None) -> str:
    """The words of the run list for what stands behind a state."""
    own = {
        "needs_you": "lamp=needs_you",
        "failed": "lamp=failed&is=unresolved",
        "overdue": "is=overdue",
        "warning": "lamp=warning&is=unresolved",
        "unknown": "lamp=unknown",
        "in_hand": "is=in_hand",
        "active": "lamp=active",
        "quiet": "",
    }[state]
    return "&".join(part for part in (f"workflow={workflow}" if workflow else "", own) if part)


def standing(counts: Counts, workflow: int) -> list[tuple[str, str, str, str]]:
    """(state, icon, `3 failed`, its list) of everything that goes on in a workflow, worst first."""
    return [
        (
            state,
            ICONS[state],
            in_hand_words(counts) if state == "in_hand" else words_of(state, counts[state]),
            f"{reverse('executions:list')}?{list_query(state, workflow)}",
        )
        for state in STATES
        if counts.get(state)
    ]


def _tile(row: Any, own: WorkflowCounts) -> Tile:
    counts, state = own.counts, worst_of(own.counts)
    words = "quiet" if state == "quiet" else words_of(state, counts[state])
    also = [_who(own.people)] if own.people else []
    also += [
        in_hand_words(counts) if other == "in_hand" else words_of(other, counts[other])
        for other in ONE_MANY
        if other != state and counts.get(other)
    ]
    return Tile(
        row.pk,
        plain(row.name, 120) or "(no name)",
        state,
        ICONS[state],
        words,
        ", ".join(also),
        list_query(state, row.pk),
        strip([Bar(*each) for each in zip(row.statuses or (), row.seconds or (), strict=True)]),
    )


def _who(people: list[str]) -> str:
    if len(people) == 1:
        return f"{people[0]} is on it"
    more = f" and {len(people) - 1} more" if len(people) > 2 else f" and {people[1]}"
    return f"{people[0]}{more} are on it"


def _chosen(
    states: Mapping[int, str], workflows: int, shown: Sequence[int] | None
) -> list[int] | None:
    """Which workflows get a tile; None: every one."""
    if shown is not None:
        return list(shown)
    if workflows <= ALL_SHOWN:
        return None
    troubled = [pk for pk, state in states.items() if state in PROBLEMS]
    troubled.sort(key=lambda pk: (STATES.index(states[pk]), pk))
    return troubled[:MOST_SHOWN]


def _groups(
    accounts: list[int],
    numbers: Mapping[int, int],
    counts: Mapping[int, WorkflowCounts],
    states: Mapping[int, str],
) -> dict[int, AccountTiles]:
    found = {pk: AccountTiles(pk, numbers.get(pk, 0), defaultdict(int)) for pk in accounts}
    for workflow, own in counts.items():
        found[own.account_id].states[states[workflow]] += 1
    for group in found.values():
        quiet = group.workflows - sum(group.states.values())
        group.states = {**group.states, "quiet": group.states.get("quiet", 0) + max(0, quiet)}
    return found


# ----------------------------------------------------------------------------------- questions


def workflows_sql(filters: Filters, accounts: list[int]) -> tuple[str, list[Any]]:
    """A condition on a workflow `w`: those that the filter takes."""
    parts, params = ["w.account_id = ANY(%s)"], [accounts]
    if filters.workflow_ids():
        parts.append("w.id = ANY(%s)")
        params.append(filters.workflow_ids())
    if filters.barred_workflow_ids():
        parts.append("NOT w.id = ANY(%s)")
        params.append(filters.barred_workflow_ids())
    return " AND ".join(parts), params


def _workflows_by_account(filters: Filters, accounts: list[int]) -> dict[int, int]:
    where, params = workflows_sql(filters, accounts)
    with connection.cursor() as db:
        db.execute(
            f"SELECT w.account_id, count(*) FROM executions_workflow w WHERE {where} GROUP BY 1",  # noqa: S608
            params,
        )
        return dict(db.fetchall())


def counts_by_workflow(filters: Filters, accounts: list[int]) -> dict[int, WorkflowCounts]:
    """By workflow how many of its runs are in each state; those with none lack."""
    where, params = workflows_sql(filters, accounts)
    with connection.cursor() as db:
        db.execute(
            _sql(
                "counts",
                workflows=where,
                is_overdue=is_overdue(),
                is_unresolved=is_unresolved(),
            ),
            [list(OPEN_STATUSES), *params, *params],
        )
        rows = db.fetchall()
    found: dict[int, WorkflowCounts] = {}
    for workflow, account, status, number, overdue, in_hand, people in rows:
        own = found.setdefault(workflow, WorkflowCounts(account, defaultdict(int), []))
        counts = own.counts
        own.people.extend(name for name in people if name not in own.people)
        counts[Status(status).lamp.value] += int(number)
        counts["overdue"] += overdue
        if in_hand:
            counts[f"{Status(status).lamp.value}_in_hand"] += in_hand
            counts["in_hand"] += in_hand
    return found


def _named(
    filters: Filters, accounts: list[int], chosen: list[int] | None, opened: int | None
) -> list[Workflow]:
    where, params = workflows_sql(filters, accounts)
    if chosen is not None:
        where += (
            " AND (w.id = ANY(%s) OR w.id IN (SELECT id FROM executions_workflow"
            " WHERE account_id = %s ORDER BY name, id LIMIT %s))"
        )
        params += [chosen, opened, MOST_OPENED]
    return list(
        Workflow.objects.raw(
            "SELECT w.id, w.account_id, w.name, bars.statuses, bars.seconds "  # noqa: S608
            f"FROM executions_workflow w {bars_sql()} "
            f"WHERE {where} ORDER BY w.name, w.id",
            params,
        )
    )

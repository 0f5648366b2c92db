"""The filter of a list, from the query string and back: several values, exclusion, chips, notes.

Every value may be repeated (`status=failed&status=timed_out`) or excluded (`not_status=paused`).
What cannot be understood is ignored and said so; a list never fails because of its address.
What a filter means for rows is in `access_paths` (lists, keyset) and `queryset` (all of it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlencode

from django.http import QueryDict

from executions.display.freshness import freshness
from executions.display.id_params import row_id
from executions.display.statuses import LAMP_WORDS
from executions.models import OPEN_STATUSES, RESOLVABLE_STATUSES
from executions.payloads.business_keys import normalized
from executions.payloads.error_fingerprint import is_error_key
from executions.search.cursor import Order
from executions.search.overdue import GOING
from executions.search.time_range import (
    ANY_TIME,
    PRESETS,
    RANGED,
    Range,
    chip_text,
    read_duration,
    read_range,
    spell,
    stamp,
)
from executions.search.unresolved import FLAGS
from executions.search.visible_columns import read, spelled
from providers import registry
from providers.contract import MAX_REF, Lamp, Status
from providers.models import ProviderAccount

FLAG_WORDS: Mapping[str, str] = {
    "unresolved": "unresolved",
    "in_hand": "in hand",
    "ignored": "ignored for now",
    "mine": "waiting for me",
    "overdue": "overdue",
    "stale": "stale: last seen, not current",
}
SORT_WORDS: Mapping[str, str] = {
    "newest": "newest start first",
    "oldest": "oldest start first",
    "finished": "last finished first, finished runs only",
}
SIZES = (50, 100, 200)
LISTED = ("account", "provider", "workflow", "lamp", "status", "error", "key", "label")
# Of the page, not of the filter: places in the list, and what the panels of the form say.
NOT_FILTERS = frozenset({"before", "after", "rows", "stamp", "top", "limit", "cursor", "page",
                         "all", "but", "form", "find_account", "find_workflow", "of",
                         "part", "peek"})  # fmt: skip
DISPLAY = ("view", "size", "columns")  # of what is shown, not of which runs
MAX_TEXT = MAX_REF  # what is looked for may be an identifier
MAX_VALUES = 50


@dataclass(frozen=True)
class Chip:
    """One active filter, and the query string without it."""

    label: str
    value: str
    without: str
    is_exclusion: bool = False


@dataclass
class Filters:
    """What a list shows. `values` and `excluded` hold the address's own words by dimension."""

    accounts: Mapping[int, ProviderAccount]
    """Every account its user may see, by id."""
    sees_all: bool = False
    now: datetime | None = None
    me: int | None = None
    """Who asks, if they may act; decides what `is=mine` finds."""
    values: dict[str, list[str]] = field(default_factory=dict)
    excluded: dict[str, list[str]] = field(default_factory=dict)
    text: str = ""
    started: Range = ANY_TIME
    finished: Range = ANY_TIME
    took_min: int | None = None
    """Seconds, as `took_max` and `waiting`."""
    took_max: int | None = None
    waiting: int | None = None
    flags: list[str] = field(default_factory=list)
    sort: str = ""
    size: int = SIZES[0]
    columns: list[str] | None = None
    """Keys of the columns that the address shows; None: those of the view or the person."""
    view: int | None = None
    has_default: bool = False
    """Whether this person's list without a query opens a saved view."""
    error_words: dict[str, str] = field(default_factory=dict)
    """What runs with a chosen error said, for its chip; filled in by the list."""
    workflow_names: Mapping[int, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    # ------------------------------------------------------------------------- what it means

    def account_ids(self) -> list[int] | None:
        """None: every account there is."""
        asked = ("account", "provider")
        is_plain = "stale" not in self.flags
        is_plain &= not any(self.values.get(k) or self.excluded.get(k) for k in asked)
        if self.sees_all and is_plain:
            return None
        return [pk for pk, account in self.accounts.items() if self._takes_account(account)]

    def asked_statuses(self) -> list[str] | None:
        """Those that the address names. None: every status."""
        chosen = self._expanded(self.values)
        barred = self._expanded(self.excluded)
        if not chosen and not barred:
            return None
        return [s.value for s in Status if (not chosen or s in chosen) and s not in barred]

    def statuses(self) -> list[str] | None:
        """Those that a run of the list may have. None: every status."""
        found = self.asked_statuses()
        for is_asked, possible in (
            ("overdue" in self.flags, GOING),
            (not FLAGS.keys().isdisjoint(self.flags), RESOLVABLE_STATUSES),
            ("stale" in self.flags, OPEN_STATUSES),
            (self.waiting is not None, (Status.USER_INPUT.value,)),
        ):
            if is_asked:
                found = [s for s in (possible if found is None else found) if s in possible]
        return found

    def workflow_ids(self) -> list[int]:
        return [int(value) for value in self.values.get("workflow", ())]

    def barred_workflow_ids(self) -> list[int]:
        return [int(value) for value in self.excluded.get("workflow", ())]

    def keys(self) -> list[str]:
        return list(dict.fromkeys(normalized(value) for value in self.values.get("key", ())))

    def barred_keys(self) -> list[str]:
        return [normalized(value) for value in self.excluded.get("key", ())]

    def labels(self) -> list[str]:
        return list(self.values.get("label", ()))

    @property
    def order(self) -> str:
        """newest, oldest or finished. Who asks for a range of ends reads by end."""
        return self.sort or ("finished" if self.finished.is_set else "newest")

    @property
    def is_by_end(self) -> bool:
        return self.order == "finished"

    @property
    def cursor_order(self) -> Order:
        return Order.END if self.is_by_end else Order.START

    @property
    def is_few_only(self) -> bool:
        """Whether it asks for a part of the open or the unresolved runs, never very many."""
        return bool(self.flags) or self.waiting is not None

    @property
    def is_impossible(self) -> bool:
        """Whether its parts exclude each other, or there is nothing that its user may see."""
        is_nobodys = "mine" in self.flags and self.me is None
        return is_nobodys or self.account_ids() == [] or self.statuses() == []

    @property
    def is_ranged(self) -> bool:
        """Whether indexes can count it by status: no more asked than accounts, workflows, times."""
        more = self.text or self.excluded.get("workflow") or self.is_few_only
        names = ("error", "key", "label")
        more = more or any(self.values.get(k) or self.excluded.get(k) for k in names)
        more = more or self.took_min is not None or self.took_max is not None
        is_by_end = self.finished.is_set or self.is_by_end
        return not (more or (is_by_end and (self.started.is_set or self.values.get("workflow"))))

    @property
    def is_counted(self) -> bool:
        """Whether the kept counters know the answer: only account, provider and status asked."""
        asked = self.values.get("workflow") or self.started.is_set or self.finished.is_set
        return self.is_ranged and not (asked or self.is_by_end)

    @property
    def is_empty(self) -> bool:
        return self.is_counted and not (any(self.values.values()) or any(self.excluded.values()))

    # ------------------------------------------------------------------- back to an address

    def pairs(self) -> list[tuple[str, str]]:
        """The canonical query string, as pairs."""
        found = [(key, value) for key in LISTED for value in self.values.get(key, ())]
        found += [(f"not_{key}", v) for key in LISTED for v in self.excluded.get(key, ())]
        for key, chosen in (("started", self.started), ("finished", self.finished)):
            ends = zip(RANGED[key], (chosen.since, chosen.until), strict=True)
            found += [(key, chosen.preset)] if chosen.preset else []
            found += [(name, stamp(at)) for name, at in ends if at and not chosen.preset]
        for key, seconds in (
            ("took_min", self.took_min), ("took_max", self.took_max), ("waiting", self.waiting)
        ):  # fmt: skip
            found += [(key, spell(seconds))] if seconds is not None else []
        found += [("is", flag) for flag in self.flags]
        found += [("q", self.text)] if self.text else []
        found += [("sort", self.sort)] if self.sort else []
        found += [("size", str(self.size))] if self.size != SIZES[0] else []
        found += [("columns", spelled(self.columns))] if self.columns is not None else []
        return [*found, *([("view", str(self.view))] if self.view else [])]

    def query(self, drop: tuple[str, ...] = (), **extra: str) -> str:
        """The query string without some dimensions and with `extra`, with its question mark."""
        kept = [pair for pair in self.pairs() if pair[0] not in drop]
        return self.address([*kept, *((key, value) for key, value in extra.items() if value)])

    def address(self, pairs: list[tuple[str, str]]) -> str:
        """With its question mark. One that asks for everything says so where it would otherwise
        open a saved view."""
        asks = any(key not in DISPLAY for key, _ in pairs)
        if not asks and (self.has_default or any(key == "view" for key, _ in pairs)):
            pairs = [("all", "1"), *pairs]
        return f"?{urlencode(pairs)}" if pairs else ""

    @property
    def asks(self) -> bool:
        """Whether anything narrows the list."""
        return any(key not in (*DISPLAY, "sort") for key, _ in self.pairs())

    @property
    def nothing_asked(self) -> str:
        """The query string of the list without any filter."""
        return self.address([pair for pair in self.pairs() if pair[0] in ("size", "columns")])

    def chips(
        self, workflow_names: Mapping[int, str], kept: Sequence[tuple[str, str]] = ()
    ) -> list[Chip]:
        """`kept`: what else the page's address says."""
        self.workflow_names, chips = workflow_names, []
        for pair in self.pairs():
            key, value = pair
            if key in DISPLAY:
                continue
            without = self.address([*(other for other in self.pairs() if other != pair), *kept])
            dimension = DIMENSIONS[key.removeprefix("not_")]
            shown = dimension.shown(self, value)
            chips.append(Chip(dimension.label, shown, without, key.startswith("not_")))
        return chips

    # ---------------------------------------------------------------------------- helpers

    def _takes_account(self, account: ProviderAccount) -> bool:
        for key, own in (("account", str(account.pk)), ("provider", account.provider)):
            chosen = self.values.get(key)
            if (chosen and own not in chosen) or own in self.excluded.get(key, ()):
                return False
        if "stale" in self.flags and self.now is not None:
            return freshness(account, self.now).is_stale
        return True

    @staticmethod
    def _expanded(source: Mapping[str, list[str]]) -> set[Status]:
        found = {Status(word) for word in source.get("status", ())}
        for word in source.get("lamp", ()):
            found.update(Lamp(word).statuses)
        return found


# ---------------------------------------------------------------------------- the dimensions


@dataclass(frozen=True)
class Dimension:
    """A word of an address: what its chip says, and of one that may be repeated, which values it
    knows. What it means for a run is in `conditions`."""

    label: str
    shown: Callable[[Filters, str], str] = lambda _, value: value.replace("_", " ")
    is_known: Callable[[Filters, str], bool] = lambda _, value: True
    refusal: str = ""
    """What is said of a value that it does not know, in the place of {}."""


def _moment(ends: str, end: str) -> Callable[[Filters, str], str]:
    return lambda filters, _: chip_text(getattr(getattr(filters, ends), end))


DIMENSIONS: Mapping[str, Dimension] = {
    "account": Dimension(
        "account",
        lambda filters, value: filters.accounts[int(value)].name,
        lambda filters, value: row_id(value) in filters.accounts,
        "There is no account “{}” that you may see.",
    ),
    "provider": Dimension(
        "provider",
        lambda _, value: provider_name(value),
        lambda _, value: value in registry.all_adapters(),
        "There is no provider “{}”.",
    ),
    "workflow": Dimension(
        "workflow",
        lambda filters, value: filters.workflow_names.get(int(value), f"number {value}"),
        lambda _, value: row_id(value) is not None,
        "“{}” is not a workflow.",
    ),
    "lamp": Dimension(
        "status",
        lambda _, value: LAMP_WORDS[Lamp(value)],
        lambda _, value: value in set(Lamp),
        "There is no lamp “{}”.",
    ),
    "status": Dimension(
        "status",
        is_known=lambda _, value: value in set(Status),
        refusal="There is no status “{}”.",
    ),
    "error": Dimension(
        "same error as",
        lambda filters, value: filters.error_words.get(value, value),
        lambda _, value: is_error_key(value),
        "“{}” is not the key of an error.",
    ),
    "key": Dimension(
        "key",
        lambda _, value: value,
        lambda _, value: bool(normalized(value)),
        "“{}” is not a business key.",
    ),
    "label": Dimension(
        "label",
        lambda _, value: value,
        lambda _, value: bool(value.strip()) and "\0" not in value,
        "“{}” is not a label.",
    ),
    "is": Dimension(
        "only",
        lambda _, value: FLAG_WORDS[value],
        lambda _, value: value in FLAG_WORDS,
        "“is={}” is not a filter of this list.",
    ),
    "started": Dimension("started", lambda _, value: PRESETS[value][0]),
    "from": Dimension("started from", _moment("started", "since")),
    "to": Dimension("started before", _moment("started", "until")),
    "finished": Dimension("finished", lambda _, value: PRESETS[value][0]),
    "finished_from": Dimension("finished from", _moment("finished", "since")),
    "finished_to": Dimension("finished before", _moment("finished", "until")),
    "took_min": Dimension("took at least"),
    "took_max": Dimension("took at most"),
    "waiting": Dimension("waits for a person at least"),
    "q": Dimension("text", lambda _, value: f"“{value}”"),
    "sort": Dimension("order", lambda _, value: SORT_WORDS[value]),
}


# ------------------------------------------------------------------------- reading an address


def parse(
    query: QueryDict,
    accounts: Mapping[int, ProviderAccount],
    *,
    now: datetime,
    sees_all: bool = False,
    me: int | None = None,
) -> Filters:
    """Never raises; what it did not understand is in `ignored`, as sentences."""
    filters = Filters(accounts=accounts, sees_all=sees_all, now=now, me=me)
    known = {*DIMENSIONS, *(f"not_{key}" for key in LISTED), *DISPLAY, *NOT_FILTERS}
    for key in query:
        if key not in known:
            filters.ignored.append(f"“{key[:40]}” is not a filter of this list.")
    for key in LISTED:
        filters.values[key] = _take(filters, key, query.getlist(key))
        filters.excluded[key] = _take(filters, key, query.getlist(f"not_{key}"))
    _turn_around(filters, query.getlist("but"))
    filters.flags = _take(filters, "is", query.getlist("is"))
    text = " ".join(query.get("q", "").replace("\0", " ").split())
    if len(text) > MAX_TEXT:
        filters.ignored.append(f"The search text was cut to {MAX_TEXT} characters.")
    filters.text = text[:MAX_TEXT]
    filters.started = _take_range(filters, query, "started", now)
    filters.finished = _take_range(filters, query, "finished", now)
    _take_durations(filters, query)
    _take_display(filters, query)
    return filters


def _take(filters: Filters, key: str, given: list[str]) -> list[str]:
    kept: list[str] = []
    for value in given:
        if not value or value in kept:
            continue
        if not DIMENSIONS[key].is_known(filters, value):
            filters.ignored.append(DIMENSIONS[key].refusal.format(value[:40]))
        elif len(kept) == MAX_VALUES:
            filters.ignored.append(f"More than {MAX_VALUES} values of “{key}”.")
        else:
            kept.append(value)
    return kept


def _turn_around(filters: Filters, but: list[str]) -> None:
    """The form's "all but these": what is chosen is excluded. And nothing is both."""
    for key in LISTED:
        if key in but or (key == "lamp" and "status" in but):
            chosen, filters.values[key] = filters.values[key], []
            filters.excluded[key] += [v for v in chosen if v not in filters.excluded[key]]
        for value in [v for v in filters.excluded[key] if v in filters.values[key]]:
            filters.excluded[key].remove(value)
            shown = value.replace("_", " ")
            filters.ignored.append(f"The {key} “{shown}” is both asked for and excluded.")


def _take_range(filters: Filters, query: QueryDict, key: str, now: datetime) -> Range:
    preset, is_form = query.get(key, ""), "form" in query
    if is_form and preset not in (*PRESETS, "custom"):  # the form sends its ends all the same
        filters.ignored += [f"There is no time range “{preset[:40]}” here."] if preset else []
        return ANY_TIME
    found, remarks = read_range(query, key, now)
    filters.ignored += remarks
    for name in RANGED[key]:
        if found.preset and query.get(name) and not is_form:
            filters.ignored.append(f"“{name}”, because the {PRESETS[preset][0]} is chosen.")
    return found


def _take_durations(filters: Filters, query: QueryDict) -> None:
    for key in ("took_min", "took_max", "waiting"):
        value = query.get(key, "")
        seconds = read_duration(value) if value else None
        if value and seconds is None:
            filters.ignored.append(f"“{value[:40]}” is not a duration; write 90, 15m or 2h.")
        setattr(filters, key, seconds)
    low, high = filters.took_min, filters.took_max
    if low is not None and high is not None and low > high:
        filters.ignored.append("The longest duration is below the shortest, so it was left out.")
        filters.took_max = None


def _take_display(filters: Filters, query: QueryDict) -> None:
    sort, size, view = (query.get(key, "") for key in ("sort", "size", "view"))
    if sort in SORT_WORDS:
        filters.sort = "" if sort == "newest" and not filters.finished.is_set else sort
    elif sort:
        filters.ignored.append(f"The list cannot be sorted by “{sort[:40]}”.")
    if size in {str(each) for each in SIZES}:
        filters.size = int(size)
    elif size:
        filters.ignored.append("A page has 50, 100 or 200 runs.")
    if asked := query.get("columns", ""):
        filters.columns, unknown = read(asked)
        filters.ignored += [f"There is no column “{word[:40]}”." for word in unknown]
        if unknown and not filters.columns:
            filters.columns = None
    if (pk := row_id(view)) is not None:
        filters.view = pk
    elif view:
        filters.ignored.append(f"There is no saved view “{view[:40]}”.")


def provider_name(key: str) -> str:
    """The product's name; the key itself where the provider's module is gone."""
    try:
        return registry.adapter_class(key).name
    except KeyError:
        return key

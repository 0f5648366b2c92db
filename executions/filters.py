"""The filter of a list, from the query string and back: several values, exclusion, chips, notes.

Every value may be repeated (`status=failed&status=timed_out`) or excluded (`not_status=paused`).
What cannot be understood is ignored and said so; a list never fails because of its address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict

from executions.correlating import normalized
from executions.masking import is_error_key
from executions.models import Execution, RunKey
from providers import registry
from providers.contract import Lamp, Status
from providers.models import ProviderAccount

PRESETS: Mapping[str, tuple[str, timedelta]] = {
    "15m": ("last 15 minutes", timedelta(minutes=15)),
    "1h": ("last hour", timedelta(hours=1)),
    "6h": ("last 6 hours", timedelta(hours=6)),
    "24h": ("last 24 hours", timedelta(hours=24)),
    "7d": ("last 7 days", timedelta(days=7)),
    "30d": ("last 30 days", timedelta(days=30)),
}
LAMP_WORDS: Mapping[Lamp, str] = {
    Lamp.NEEDS_YOU: "needs you",
    Lamp.FAILED: "failed",
    Lamp.WARNING: "warning",
    Lamp.ACTIVE: "active",
    Lamp.DONE: "done",
    Lamp.UNKNOWN: "unknown",
}
LISTED = ("account", "provider", "workflow", "lamp", "status", "error", "key")
TIMED = ("started", "finished", "from", "to")
NOT_FILTERS = frozenset({"before", "after", "rows", "stamp", "top", "limit", "cursor", "page"})
MAX_TEXT = 200
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
    values: dict[str, list[str]] = field(default_factory=dict)
    excluded: dict[str, list[str]] = field(default_factory=dict)
    text: str = ""
    started: str = ""
    finished: str = ""
    ended_since: datetime | None = None
    error_words: dict[str, str] = field(default_factory=dict)
    """What runs with a chosen error said, for its chip; filled in by the list."""
    since: datetime | None = None
    until: datetime | None = None
    ignored: list[str] = field(default_factory=list)

    # ------------------------------------------------------------------------- what it means

    def account_ids(self) -> list[int] | None:
        """None: every account there is."""
        asked = ("account", "provider")
        if self.sees_all and not any(self.values.get(k) or self.excluded.get(k) for k in asked):
            return None
        return [pk for pk, account in self.accounts.items() if self._takes_account(account)]

    def statuses(self) -> list[str] | None:
        """None: every status."""
        chosen = self._expanded(self.values)
        barred = self._expanded(self.excluded)
        if not chosen and not barred:
            return None
        return [s.value for s in Status if (not chosen or s in chosen) and s not in barred]

    def workflow_ids(self) -> list[int]:
        return [int(value) for value in self.values.get("workflow", ())]

    def barred_workflow_ids(self) -> list[int]:
        return [int(value) for value in self.excluded.get("workflow", ())]

    def keys(self) -> list[str]:
        return list(dict.fromkeys(normalized(value) for value in self.values.get("key", ())))

    def barred_keys(self) -> list[str]:
        return [normalized(value) for value in self.excluded.get("key", ())]

    @property
    def is_looked_through(self) -> bool:
        """Whether an index serves only part of it, so that counts are those of the newest runs."""
        asked = any(self.values.get(k) or self.excluded.get(k) for k in ("error", "key"))
        return bool(asked or self.text or self.barred_workflow_ids() or self.ended_since)

    @property
    def is_counted(self) -> bool:
        """Whether the kept counters know the answer: only account, provider and status asked."""
        asked = self.values.get("workflow") or self.is_looked_through
        return not (asked or self.since or self.until)

    @property
    def is_empty(self) -> bool:
        return self.is_counted and not (any(self.values.values()) or any(self.excluded.values()))

    def matches(self, execution: Execution, workflow_name: str) -> bool:
        """Whether a row belongs in the list now."""
        ids, statuses = self.account_ids(), self.statuses()
        workflows = self.workflow_ids()
        return (
            (ids is None or execution.account_id in ids)
            and (statuses is None or execution.status in statuses)
            and (not workflows or execution.workflow_id in workflows)
            and execution.workflow_id not in self.barred_workflow_ids()
            and (self.since is None or execution.sort_at >= self.since)
            and (self.until is None or execution.sort_at < self.until)
            and self._has_ended(execution)
            and self._has_error_and_key(execution)
            and self._has_text(execution, workflow_name)
        )

    def queryset(self) -> QuerySet[Execution]:
        """The same filter for a reader that walks all of it, such as an export. Lists that must
        stay flat use `finding`."""
        found = Execution.objects.all()
        ids, statuses = self.account_ids(), self.statuses()
        if ids is not None:
            found = found.filter(account_id__in=ids)
        if statuses is not None:
            found = found.filter(status__in=statuses)
        if self.workflow_ids():
            found = found.filter(workflow_id__in=self.workflow_ids())
        if self.barred_workflow_ids():
            found = found.exclude(workflow_id__in=self.barred_workflow_ids())
        if self.since:
            found = found.filter(sort_at__gte=self.since)
        if self.until:
            found = found.filter(sort_at__lt=self.until)
        if self.ended_since:
            found = found.filter(finished_at__gte=self.ended_since)
        if self.values.get("error"):
            found = found.filter(error_key__in=self.values["error"])
        if self.excluded.get("error"):
            found = found.exclude(error_key__in=self.excluded["error"])
        if self.keys():
            found = found.filter(pk__in=_with_keys(self.keys()))
        if self.barred_keys():
            found = found.exclude(pk__in=_with_keys(self.barred_keys()))
        if self.text:
            found = found.filter(
                Q(workflow__name__icontains=self.text)
                | Q(name__icontains=self.text)
                | Q(ref__istartswith=self.text)
                | Q(error_summary__icontains=self.text)
            )
        return found

    # ------------------------------------------------------------------- back to an address

    def pairs(self) -> list[tuple[str, str]]:
        """The canonical query string, as pairs."""
        listed = [(key, value) for key in LISTED for value in self.values.get(key, ())]
        barred = [(f"not_{key}", v) for key in LISTED for v in self.excluded.get(key, ())]
        timed = [("started", self.started)] if self.started else []
        timed += [("finished", self.finished)] if self.finished else []
        timed += [("from", _stamp(self.since))] if self.since and not self.started else []
        timed += [("to", _stamp(self.until))] if self.until else []
        return [*listed, *barred, *timed, *([("q", self.text)] if self.text else [])]

    def query(self, drop: tuple[str, ...] = (), **extra: str) -> str:
        """The query string without some dimensions and with `extra`, with its question mark."""
        kept = [pair for pair in self.pairs() if pair[0] not in drop]
        text = urlencode([*kept, *((key, value) for key, value in extra.items() if value)])
        return f"?{text}" if text else ""

    def chips(self, workflow_names: Mapping[int, str]) -> list[Chip]:
        chips = []
        for pair in self.pairs():
            key, value = pair
            rest = urlencode([other for other in self.pairs() if other != pair])
            dimension = key.removeprefix("not_")
            label, shown = self._words(dimension, value, workflow_names)
            chips.append(Chip(label, shown, f"?{rest}" if rest else "", key.startswith("not_")))
        return chips

    # ---------------------------------------------------------------------------- helpers

    def _takes_account(self, account: ProviderAccount) -> bool:
        for key, own in (("account", str(account.pk)), ("provider", account.provider)):
            chosen = self.values.get(key)
            if (chosen and own not in chosen) or own in self.excluded.get(key, ()):
                return False
        return True

    @staticmethod
    def _expanded(source: Mapping[str, list[str]]) -> set[Status]:
        found = {Status(word) for word in source.get("status", ())}
        for word in source.get("lamp", ()):
            found.update(Lamp(word).statuses)
        return found

    def _has_ended(self, execution: Execution) -> bool:
        end = execution.finished_at
        return self.ended_since is None or (end is not None and end >= self.ended_since)

    def _has_error_and_key(self, execution: Execution) -> bool:
        chosen, barred = self.values.get("error"), self.excluded.get("error", ())
        if (chosen and execution.error_key not in chosen) or execution.error_key in barred:
            return False
        keys, barred_keys = self.keys(), self.barred_keys()
        if not keys and not barred_keys:
            return True
        own = set(execution.keys.values_list("value", flat=True))
        return (not keys or not own.isdisjoint(keys)) and own.isdisjoint(barred_keys)

    def _has_text(self, execution: Execution, workflow_name: str) -> bool:
        wanted = self.text.lower()
        return (
            not wanted
            or wanted in workflow_name.lower()
            or wanted in execution.name.lower()
            or wanted in execution.error_summary.lower()
            or execution.ref.lower().startswith(wanted)
        )

    def _words(self, key: str, value: str, workflows: Mapping[int, str]) -> tuple[str, str]:
        if key == "account":
            return "account", self.accounts[int(value)].name
        if key == "provider":
            return "provider", provider_name(value)
        if key == "workflow":
            return "workflow", workflows.get(int(value), f"number {value}")
        if key == "lamp":
            return "lamp", LAMP_WORDS[Lamp(value)]
        if key in ("started", "finished"):
            return key, PRESETS[value][0]
        if key == "error":
            return "same error as", self.error_words.get(value, value)
        if key == "key":
            return "key", value
        if key in ("from", "to"):
            return key, f"{value.replace('T', ' ')} UTC"
        return ("text", f"“{value}”") if key == "q" else (key, value.replace("_", " "))


def parse(
    query: QueryDict,
    accounts: Mapping[int, ProviderAccount],
    *,
    now: datetime,
    sees_all: bool = False,
) -> Filters:
    """Never raises; what it did not understand is in `ignored`, as sentences."""
    filters = Filters(accounts=accounts, sees_all=sees_all)
    known = {*LISTED, *(f"not_{key}" for key in LISTED), *TIMED, "q", *NOT_FILTERS}
    for key in query:
        if key not in known:
            filters.ignored.append(f"“{key[:40]}” is not a filter of this list.")
    for key in LISTED:
        filters.values[key] = _take(filters, key, query.getlist(key))
        filters.excluded[key] = _take(filters, key, query.getlist(f"not_{key}"))
    text = " ".join(query.get("q", "").replace("\0", " ").split())
    if len(text) > MAX_TEXT:
        filters.ignored.append(f"The search text was cut to {MAX_TEXT} characters.")
    filters.text = text[:MAX_TEXT]
    _take_times(filters, query, now)
    return filters


def _take(filters: Filters, key: str, given: list[str]) -> list[str]:
    kept: list[str] = []
    for value in given:
        if not value or value in kept:
            continue
        problem = _problem(filters, key, value)
        if not problem and len(kept) == MAX_VALUES:
            problem = f"More than {MAX_VALUES} values of “{key}”."
        if problem:
            filters.ignored.append(problem)
        else:
            kept.append(value)
    return kept


def _problem(filters: Filters, key: str, value: str) -> str:
    """Why this value cannot be used, "" if it can."""
    shown = value[:40]
    if key == "account":
        known = value.isascii() and value.isdigit() and int(value) in filters.accounts
        return "" if known else f"There is no account “{shown}” that you may see."
    if key == "provider":
        return "" if value in registry.all_adapters() else f"There is no provider “{shown}”."
    if key == "workflow":
        usable = value.isascii() and value.isdigit() and int(value) < 2**63
        return "" if usable else f"“{shown}” is not a workflow."
    if key == "error":
        return "" if is_error_key(value) else f"“{shown}” is not the key of an error."
    if key == "key":
        return "" if normalized(value) else f"“{shown}” is not a business key."
    words = {word.value for word in (Lamp if key == "lamp" else Status)}
    return "" if value in words else f"There is no {key} “{shown}”."


def _take_times(filters: Filters, query: QueryDict, now: datetime) -> None:
    preset = query.get("started", "")
    if preset in PRESETS:
        filters.started = preset
        filters.since = now - PRESETS[preset][1]
    elif preset and preset != "custom":
        filters.ignored.append(f"There is no time range “{preset[:40]}”.")
    ended = query.get("finished", "")
    if ended in PRESETS:
        filters.finished = ended
        filters.ended_since = now - PRESETS[ended][1]
    elif ended:
        filters.ignored.append(f"There is no time range “{ended[:40]}”.")
    for name in ("from", "to"):
        value = query.get(name, "")
        if not value or (filters.started and name == "from"):
            continue
        moment = _read_time(value)
        if moment is None:
            filters.ignored.append(f"“{value[:40]}” is not a time; write 2026-11-22T09:30 (UTC).")
        elif name == "from":
            filters.since = moment
        else:
            filters.until = moment
    if filters.since and filters.until and filters.since >= filters.until:
        filters.ignored.append("The time range ends before it starts, so its end was left out.")
        filters.until = None


def _with_keys(values: list[str]) -> QuerySet[RunKey, Any]:
    return RunKey.objects.filter(value__in=values).values("execution_id")


def _read_time(value: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _stamp(moment: datetime | None) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") if moment else ""


def provider_name(key: str) -> str:
    """The product's name; the key itself where the provider's module is gone."""
    try:
        return registry.adapter_class(key).name
    except KeyError:
        return key

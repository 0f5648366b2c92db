"""What people filter by: presets, a panel per dimension, type-ahead over workflows and accounts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from executions.display.statuses import LAMP_WORDS, STATUS_VIEWS
from executions.models import Workflow
from executions.payloads.text_escaping import plain
from executions.search.filters import DISPLAY, FLAG_WORDS, Filters, provider_name
from executions.search.time_range import PRESETS, RANGED, Range, spell, typed
from executions.search.unicode_spellings import folded, holds
from executions.web.requester import accounts_of
from providers.contract import Status

OFFERED = 30  # options of one panel; more are found by typing
WAITS = (("15m", "15 minutes"), ("1h", "1 hour"), ("4h", "4 hours"), ("1d", "1 day"))


@dataclass(frozen=True)
class Option:
    value: str
    label: str
    is_chosen: bool
    hint: str = ""


@dataclass
class Panel:
    """The values of one dimension, and whether the chosen ones are asked for or excluded."""

    key: str
    label: str
    options: list[Option]
    is_but: bool = False
    find: str | None = None
    """What was typed to find an option; None where there are too few for that."""
    more: int = 0
    is_loaded: bool = True
    """Whether its options are here; those of many workflows come when somebody opens it."""
    chosen: int = field(init=False)

    def __post_init__(self) -> None:
        self.chosen = sum(option.is_chosen for option in self.options)


def controls(request: HttpRequest, filters: Filters, rows: Iterable[Any]) -> dict[str, Any]:
    """Everything above the rows. One query, and that only for workflows that must be named."""
    is_open = "find_workflow" in request.GET
    workflows = panel_of_workflows(request, filters, rows, is_open=is_open)
    return {
        "chips": filters.chips({int(o.value): o.label for o in workflows.options}),
        "panels": [panel_of_accounts(request, filters), _providers(request, filters), workflows],
        "lamp_options": _lamp_options(filters),
        "is_not_status": _is_but(filters, "lamp", "status"),
        "chosen_statuses": sum(len(_chosen(filters, key)) for key in ("lamp", "status")),
        "ranges": [_range(key, filters) for key in RANGED],
        "took": [
            ("took_min", "at least", _spelled(filters.took_min)),
            ("took_max", "at most", _spelled(filters.took_max)),
        ],
        "times": sum((filters.started.is_set, filters.finished.is_set,
                      filters.took_min is not None, filters.took_max is not None)),
        "flags": [(key, word, key in filters.flags) for key, word in FLAG_WORDS.items()],
        "waits": _waits(filters),
        "only": len(filters.flags) + (filters.waiting is not None),
        "kept_pairs": _kept(filters),
        "has_accounts": bool(accounts_of(request)),
    }  # fmt: skip


# ------------------------------------------------------------------------------------- panels


def panel_of_accounts(request: HttpRequest, filters: Filters) -> Panel:
    text = request.GET.get("find_account", "")[:100]
    chosen, found = _chosen(filters, "account"), []
    for pk, account in accounts_of(request).items():
        is_chosen = str(pk) in chosen
        if is_chosen or folded(text) in folded(account.name):
            hint = provider_name(account.provider)
            found.append(Option(str(pk), account.name, is_chosen, hint))
    found.sort(key=lambda option: not option.is_chosen)
    find = text if len(accounts_of(request)) > OFFERED // 3 or text else None
    more = max(0, len(found) - OFFERED)
    return Panel("account", "Account", found[:OFFERED + len(chosen)], _is_but(filters, "account"),
                 find, more)  # fmt: skip


def _providers(request: HttpRequest, filters: Filters) -> Panel:
    chosen = _chosen(filters, "provider")
    keys = sorted({account.provider for account in accounts_of(request).values()} | set(chosen))
    found = [Option(key, provider_name(key), key in chosen) for key in keys]
    return Panel("provider", "Provider", found, _is_but(filters, "provider"))


def panel_of_workflows(
    request: HttpRequest, filters: Filters, rows: Iterable[Any], *, is_open: bool
) -> Panel:
    """From the table of workflows. A panel that was never opened names only the chosen ones,
    from the rows if they are all there."""
    accounts, text = accounts_of(request), request.GET.get("find_workflow", "")[:100]
    chosen = [int(value) for value in _chosen(filters, "workflow")]
    named = {row.workflow_id: (row.workflow_name, row.account_id) for row in rows}
    both = {*chosen, *filters.barred_workflow_ids()}
    found = [(pk, *named[pk]) for pk in chosen if pk in named]
    more = 0
    if is_open or not both <= named.keys():
        seen = Workflow.objects.filter(account_id__in=list(accounts))
        columns = ("pk", "name", "account_id")
        found = list(seen.filter(pk__in=both).order_by("name", "pk").values_list(*columns))
        if is_open:
            ids = filters.account_ids()
            rest = seen.filter(holds(text.replace("\0", ""), "name")).exclude(pk__in=both)
            rest = rest if ids is None else rest.filter(account_id__in=ids)
            found += list(rest.order_by("name", "pk").values_list(*columns)[: OFFERED + 1])
            more = max(0, len(found) - len(both) - OFFERED)
    offered = [
        Option(str(pk), plain(name, 80), pk in chosen, accounts[account].name)
        for pk, name, account in found[: len(both) + OFFERED]
        if account in accounts
    ]
    return Panel("workflow", "Workflow", offered, _is_but(filters, "workflow"), text, more, is_open)


def _lamp_options(filters: Filters) -> list[tuple[Option, list[Option]]]:
    lamps, statuses = _chosen(filters, "lamp"), _chosen(filters, "status")
    return [
        (
            Option(lamp.value, word.capitalize(), lamp.value in lamps),
            [
                Option(status.value, STATUS_VIEWS[status.value].word, status.value in statuses)
                for status in Status
                if status.lamp is lamp
            ],
        )
        for lamp, word in LAMP_WORDS.items()
    ]


def _range(key: str, filters: Filters) -> dict[str, Any]:
    chosen: Range = getattr(filters, key)
    since, until = RANGED[key]
    return {
        "key": key,
        "label": key.capitalize(),
        "presets": [(each, word, each == chosen.preset) for each, (word, _) in PRESETS.items()],
        "is_custom": chosen.is_custom,
        "ends": [
            (since, "from", typed(chosen.since) if chosen.is_custom else ""),
            (until, "to", typed(chosen.until) if chosen.is_custom else ""),
        ],
    }


def _waits(filters: Filters) -> list[tuple[str, str, bool]]:
    asked = _spelled(filters.waiting)
    known = [(value, word, value == asked) for value, word in WAITS]
    return known if not asked or asked in dict(WAITS) else [*known, (asked, asked, True)]


# ------------------------------------------------------------------------------------ chosen


def _chosen(filters: Filters, key: str) -> list[str]:
    """What a panel shows as chosen: what is asked for, else what is excluded."""
    together = ("lamp", "status") if key in ("lamp", "status") else (key,)
    is_but = _is_but(filters, *together)
    return (filters.excluded if is_but else filters.values).get(key, [])


def _is_but(filters: Filters, *keys: str) -> bool:
    is_asked = any(filters.values.get(key) for key in keys)
    return not is_asked and any(filters.excluded.get(key) for key in keys)


def _kept(filters: Filters) -> list[tuple[str, str]]:
    """What no panel shows travels in hidden fields."""
    kept = [pair for pair in filters.pairs() if pair[0] in (*DISPLAY, "sort")]
    for key in ("account", "provider", "workflow", "lamp", "status"):
        if filters.excluded.get(key) and filters.excluded[key] is not _chosen(filters, key):
            kept += [(f"not_{key}", value) for value in filters.excluded[key]]
    named = ("error", "not_error", "key", "not_key", "label", "not_label")
    return [*kept, *(pair for pair in filters.pairs() if pair[0] in named)]


def _spelled(seconds: int | None) -> str:
    return "" if seconds is None else spell(seconds)

"""The filter of the overview: which accounts and workflows, and when runs ended."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, When
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils import timezone

from executions.display.id_params import row_id
from executions.models import Workflow
from executions.overview import time_buckets
from executions.overview.charts import Pairs
from executions.overview.time_buckets import ChartRange
from executions.payloads.text_escaping import plain
from executions.search.filters import NOT_FILTERS, Filters, parse, provider_name
from executions.search.time_range import PRESETS, typed
from executions.web.requester import accounts_of, sees_all

NARROWED = ("account", "provider", "workflow")
TIMED = ("finished", "finished_from", "finished_to")
OWN = frozenset({"heat", "opened", "tiles", "weekday", "hour", "questions", *NOT_FILTERS})
MAX_OPTIONS = 300
WORKFLOW_CHARACTERS = 80


@dataclass(frozen=True)
class Asked:
    """What an address of the overview asks for."""

    filters: Filters
    span: ChartRange
    is_failed: bool
    """Whether the heat map shows failures alone."""
    opened: int | None
    """The account of which every workflow is shown."""
    ignored: list[str]

    def narrowing(self) -> list[tuple[str, str]]:
        """Accounts, providers and workflows, as words that the run list has too."""
        kept = (*NARROWED, *(f"not_{key}" for key in NARROWED))
        return [pair for pair in self.filters.pairs() if pair[0] in kept]

    def runs(self, pairs: Pairs) -> str:
        """The list of runs with the same accounts and workflows, and these words, which are our
        own and need no quoting."""
        return self._runs + "&".join(f"{key}={value}" for key, value in pairs)

    @cached_property
    def _runs(self) -> str:
        """The part that all lists share; a page has some hundred of them."""
        own = urlencode(self.narrowing())
        return f"{reverse('executions:list')}?{own}{'&' if own else ''}"

    def query(self, **changed: Any) -> str:
        """This page's own query string, with its question mark; None leaves a word out."""
        heat = [("heat", "failed")] if self.is_failed else []
        opened = [("opened", str(self.opened))] if self.opened else []
        pairs = [*self.narrowing(), *self.span.pairs(), *heat, *opened]
        kept = [pair for pair in pairs if pair[0] not in changed]
        kept += [(key, str(value)) for key, value in changed.items() if value is not None]
        return f"?{urlencode(kept)}"


def asked_of(request: HttpRequest) -> Asked:
    """Never raises: what is not understood, or does not narrow this page, is said in `ignored`."""
    accounts, now = accounts_of(request), timezone.now()
    words = QueryDict(mutable=True)
    ignored = []
    for key, values in request.GET.lists():
        if key.removeprefix("not_") in NARROWED:
            words.setlist(key, values)
        elif key not in OWN and key not in TIMED and any(values):
            ignored.append(f"“{key[:40]}” does not narrow the overview.")
    filters = parse(words, accounts, now=now, sees_all=sees_all(request))
    span = time_buckets.parse(request.GET, now)
    opened = row_id(request.GET.get("opened", ""))
    return Asked(
        filters,
        span,
        request.GET.get("heat") == "failed",
        opened if opened in accounts else None,
        [*ignored, *filters.ignored, *span.ignored],
    )


def controls(asked: Asked) -> dict[str, Any]:
    """The fields of the filter, and its chips. One query."""
    filters, span = asked.filters, asked.span
    chosen = [*filters.workflow_ids(), *filters.barred_workflow_ids()]
    ids = filters.account_ids()
    found = Workflow.objects.filter(account_id__in=list(filters.accounts) if ids is None else ids)
    first = Case(When(pk__in=chosen, then=0), default=1)
    rows = found.order_by(first, "name", "pk").values_list("pk", "name")[: MAX_OPTIONS + 1]
    names = {pk: plain(name, WORKFLOW_CHARACTERS) or "(no name)" for pk, name in rows}
    providers = sorted({account.provider for account in filters.accounts.values()})
    options = {
        "account": [(str(pk), account.name) for pk, account in filters.accounts.items()],
        "provider": [(key, provider_name(key)) for key in providers],
        "workflow": [(str(pk), name) for pk, name in names.items()][:MAX_OPTIONS],
    }
    first_values = {key: filters.values.get(key, [])[:1] for key in NARROWED}
    return {
        "selects": [
            (key, f"Any {key}", [(v, label, v in first_values[key]) for v, label in options[key]])
            for key in NARROWED
        ],
        "has_more_workflows": len(names) > MAX_OPTIONS,
        "presets": [(key, PRESETS[key][0], key == span.preset) for key in time_buckets.OFFERED],
        "is_custom": not span.preset,
        "from_value": typed(span.since),
        "to_value": "" if span.is_open else typed(span.until),
        "kept_pairs": [
            pair
            for pair in asked.narrowing()
            if pair[0].startswith("not_") or pair[1] not in first_values[pair[0]]
        ],
        "chips": filters.chips(names, span.pairs()),
    }

"""The parts of a run's page, each with an address of its own (`?tab=log`). One that the engine has
nothing for is not drawn."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection
from django.http import HttpRequest

from executions.display.formatting import size
from executions.models import Execution
from executions.runs.page.query_params import HISTORY_WORDS, LOG_WORDS, query
from executions.sql_sections import statements
from providers import registry
from providers.adapter import Adapter

_sql = statements(__file__)

RUN, LOG, DATA, HISTORY = "run", "log", "data", "history"
WORDS = {RUN: "Run", LOG: "Log", DATA: "Data", HISTORY: "History"}
IMPLIED = {LOG: LOG_WORDS, HISTORY: HISTORY_WORDS}
"""Words of an address that ask for a part without naming it: a link to a line of the log."""


@dataclass(frozen=True)
class Tab:
    word: str
    count: str
    """How much is in it; "" where nothing is to be said."""
    href: str
    is_chosen: bool


def tab_of(request: HttpRequest) -> str:
    """The part that the address asks for."""
    asked = request.GET.get("tab", "")
    if asked in WORDS:
        return asked
    return next((tab for tab, words in IMPLIED.items() if any(map(request.GET.get, words))), RUN)


def tabs_of(request: HttpRequest, run: Execution) -> list[Tab]:
    """One query."""
    with connection.cursor() as cursor:
        cursor.execute(_sql("held"), {"run": run.pk})
        lines, documents, held, acts = cursor.fetchone()
    counts = {RUN: "", LOG: f"{lines:,}" if lines else "", DATA: size(held) if held else "",
              HISTORY: f"{acts:,}"}  # fmt: skip
    chosen = tab_of(request)
    is_drawn = {
        RUN: True,
        LOG: bool(lines) or (has_logs(run) and not run.is_final),
        DATA: bool(held or documents) or not run.is_final,
        HISTORY: True,
    }
    return [
        Tab(WORDS[tab], counts[tab], f"?{_address(request, tab)}", tab == chosen)
        for tab in WORDS
        if is_drawn[tab] or tab == chosen
    ]


def has_logs(run: Execution) -> bool:
    """Whether its provider provides logs at all."""
    adapter = registry.all_adapters().get(run.account.provider)
    return adapter is not None and adapter.can(Adapter.log)


def _address(request: HttpRequest, tab: str) -> str:
    """Without the words of the other parts: each part begins where it was not yet looked into."""
    return query(request, ("from",), tab=tab if tab != RUN else None)

"""The runs of a filter as CSV, line by line: safe to open in a spreadsheet, times in UTC.

Called by the export view and read as it is sent, so that memory stays bounded whatever the number
of runs.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from django.utils import timezone

from executions.display.formatting import iso
from executions.display.freshness import freshness
from executions.search import queryset as run_queryset
from executions.search.filters import Filters, provider_name
from providers.contract import shows
from providers.models import ProviderAccount

CHUNK = 500  # rows fetched and sent at a time
CONTENT_TYPE = "text/csv; charset=utf-8"
MARK = "\ufeff"  # without it a spreadsheet takes the file for one of its country's old encoding
SIGNS = frozenset("=+-@|%\N{MINUS SIGN}")  # with which a formula begins
BREAKS = frozenset("\t\r\n")  # which some spreadsheets drop before they look
HEAD = (
    "id", "provider", "account", "workflow", "name", "ref", "status", "status_reason",
    "native_status", "progress", "started_at", "finished_at", "took_seconds", "status_since",
    "observed_at", "account_data", "gone_since", "error", "url",
)  # fmt: skip


class _Line:
    """A file for `csv` that keeps nothing: what is written is returned."""

    def write(self, text: str) -> str:
        return text


def lines(filters: Filters) -> Iterator[str]:
    """The head, then one line per run in the order of the list, in pieces of at most CHUNK lines.
    One short query per piece."""
    yield head(HEAD)
    for rows in run_queryset.walk(filters, CHUNK):
        with_accounts = ((row, filters.accounts.get(row.account_id)) for row in rows)
        yield "".join(line(_cells(row, account)) for row, account in with_accounts if account)


def line(cells: Iterable[Any]) -> str:
    """One line of a CSV file."""
    return str(csv.writer(_Line()).writerow([safe(cell) for cell in cells]))


def head(names: Iterable[str]) -> str:
    """The first line of a CSV file that is opened with CONTENT_TYPE."""
    return MARK + line(names)


def safe(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula. Only text can be one: our own numbers and
    times stay as they are."""
    if not isinstance(value, str):
        return "" if value is None else str(value)
    text = value.replace("\0", "")
    return f"'{text}" if _is_formula(text) else text


def _is_formula(text: str) -> bool:
    """By its first character that is seen, full-width and other forms of a sign included."""
    for char in text:
        if char in BREAKS:
            return True
        if shows(char):
            return not SIGNS.isdisjoint(unicodedata.normalize("NFKC", char)[:1])
    return False


def _cells(row: Any, account: ProviderAccount) -> tuple[Any, ...]:
    took = None
    if row.started_at and row.finished_at:
        took = round((row.finished_at - row.started_at).total_seconds(), 3)
    return (
        row.pk, provider_name(account.provider), account.name, row.workflow.name, row.name, row.ref,
        row.status, row.status_reason, row.native_status, row.progress, iso(row.started_at),
        iso(row.finished_at), took, iso(row.changed_at), iso(row.observed_at),
        freshness(account, timezone.now()).word, iso(row.missing_since), row.error_summary, row.url,
    )  # fmt: skip

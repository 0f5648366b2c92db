"""The runs of a filter as CSV, line by line, times in UTC.

Called by the export view and read as it is sent, so that memory stays bounded whatever the number
of runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils import timezone

from executions.display.csv_lines import head, line
from executions.display.formatting import iso
from executions.display.freshness import freshness
from executions.search import queryset as run_queryset
from executions.search.filters import Filters, provider_name
from providers.models import ProviderAccount

CHUNK = 500  # rows fetched and sent at a time
HEAD = (
    "id", "provider", "account", "workflow", "name", "ref", "status", "status_reason",
    "native_status", "progress", "started_at", "finished_at", "took_seconds", "status_since",
    "observed_at", "account_data", "gone_since", "error", "url",
)  # fmt: skip


def lines(filters: Filters) -> Iterator[str]:
    """The head, then one line per run in the order of the list, in pieces of at most CHUNK lines.
    One short query per piece."""
    yield head(HEAD)
    for rows in run_queryset.walk(filters, CHUNK):
        with_accounts = ((row, filters.accounts.get(row.account_id)) for row in rows)
        yield "".join(line(_cells(row, account)) for row, account in with_accounts if account)


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

"""Fetches run logs line by line into Postgres, from where pages search them.

Called by `tasks`. Lines are appended; the cursor of the last chunk is kept with the run's detail.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max

from executions.models import Execution, ExecutionDetail, LogEntry
from executions.redaction import redact_text
from providers.adapter import Adapter
from providers.contract import LogChunk
from providers.models import ProviderAccount, open_account

MAX_LINES = 200_000  # of one run
MAX_LINE = 20_000  # characters
CHUNKS = 20  # fetched in one go; the rest comes next time


def offers_logs(account: ProviderAccount) -> bool:
    return account.adapter_class.can(Adapter.log)


def fetch(execution: Execution) -> int:
    """Append the lines that are new since the last fetch; their number. Raises the contract's
    errors."""
    detail = ExecutionDetail.objects.filter(pk=execution.pk).first()
    if detail is None or detail.log_is_complete:
        return 0
    adapter = open_account(execution.account)
    added = 0
    for _ in range(CHUNKS):
        chunk = adapter.log(execution.ref, detail.log_cursor)
        added += _append(execution, detail, chunk, adapter)
        if chunk.is_complete or not chunk.lines:
            break
    return added


def _append(
    execution: Execution, detail: ExecutionDetail, chunk: LogChunk, adapter: Adapter
) -> int:
    """One transaction; compare-and-set on the cursor, so two workers do not append twice."""
    with transaction.atomic():
        taken = ExecutionDetail.objects.filter(
            pk=detail.pk, log_cursor=detail.log_cursor
        ).select_for_update()
        if not taken.exists():
            return 0
        last = LogEntry.objects.filter(execution=execution).aggregate(last=Max("seq"))["last"] or 0
        scrub = adapter.http.redact
        entries = [
            LogEntry(
                execution=execution,
                seq=last + offset,
                step_ref=line.step_ref[:200],
                at=line.at,
                level=line.level[:20],
                text=scrub(redact_text(line.text.replace("\0", "�")))[:MAX_LINE],
            )
            for offset, line in enumerate(chunk.lines, start=1)
            if last + offset <= MAX_LINES
        ]
        LogEntry.objects.bulk_create(entries)
        is_complete = chunk.is_complete or last + len(chunk.lines) >= MAX_LINES
        taken.update(log_cursor=chunk.next_cursor, log_is_complete=is_complete)
    detail.log_cursor, detail.log_is_complete = chunk.next_cursor, is_complete
    return len(entries)

"""Fetches run logs line by line into Postgres, from where pages search them.

Called by `tasks`. Lines are appended; the cursor of the last chunk is kept with the run's detail.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.db.models import Max

from executions import database_clock
from executions.live import publish
from executions.models import Execution, ExecutionDetail, LogEntry
from executions.payloads.terminal_text import last_state, without_codes
from executions.storage.snapshot_redaction import typed_secrets
from executions.storage.store import within_years
from providers.adapter import Adapter
from providers.contract import LogChunk, short_ref
from providers.models import ProviderAccount, open_account

MAX_LINES = 200_000  # of one run
MAX_LINE = 20_000  # characters
CHUNKS = 20  # fetched in one go; the rest comes next time
LATE: timedelta = timedelta(seconds=10)  # after a run's end its last lines may still be under way


def offers_logs(account: ProviderAccount) -> bool:
    return account.adapter_class.can(Adapter.log)


def fetch(execution: Execution, adapter: Adapter | None = None) -> int:
    """Append the lines that are new since the last fetch and tell open pages; their number.
    Raises the contract's errors."""
    detail = ExecutionDetail.objects.filter(pk=execution.pk).first()
    if detail is None or detail.log_is_complete:
        return 0
    execution.refresh_from_db(fields=["status", "observed_at", "version"])
    may_end = not may_grow(execution)
    adapter = adapter or open_account(execution.account)
    added = 0
    for _ in range(CHUNKS):
        chunk = adapter.log(execution.ref, detail.log_cursor)
        added += _append(execution, detail, chunk, adapter, may_end)
        if chunk.is_complete or not chunk.lines:
            break
    if added:
        publish.publish_runs(execution.account_id, [(execution.pk, execution.version)])
    return added


def may_grow(execution: Execution) -> bool:
    """Whether the run ended so recently that lines may come late: Prefect's runner and flow send
    theirs in batches (seen November 2026)."""
    return execution.is_final and execution.observed_at > database_clock.now() - LATE


def _append(
    execution: Execution,
    detail: ExecutionDetail,
    chunk: LogChunk,
    adapter: Adapter,
    may_end: bool,
) -> int:
    """One transaction; compare-and-set on the cursor, so two workers do not append twice."""
    with transaction.atomic():
        taken = ExecutionDetail.objects.filter(
            pk=detail.pk, log_cursor=detail.log_cursor
        ).select_for_update()
        if not taken.exists():
            return 0
        last = LogEntry.objects.filter(execution=execution).aggregate(last=Max("seq"))["last"] or 0
        own = adapter.http.secrets
        typed = typed_secrets(execution.account, [execution.ref], own)
        hide = typed.get(execution.ref, own).hide_named
        entries = [
            LogEntry(
                execution=execution,
                seq=last + offset,
                step_ref=short_ref(own.hide_certain(line.step_ref)),
                at=within_years(line.at),
                level=own.hide_certain(line.level)[:20],
                text=_hidden(last_state(line.text).replace("\0", "�"), hide)[:MAX_LINE],
            )
            for offset, line in enumerate(chunk.lines, start=1)
            if last + offset <= MAX_LINES
        ]
        LogEntry.objects.bulk_create(entries)
        is_full = last + len(chunk.lines) >= MAX_LINES
        is_complete = is_full or (chunk.is_complete and may_end)
        taken.update(log_cursor=chunk.next_cursor, log_is_complete=is_complete)
    detail.log_cursor, detail.log_is_complete = chunk.next_cursor, is_complete
    return len(entries)


def _hidden(text: str, hide: Callable[[str], str]) -> str:
    """Without secrets, and without colours where those stand within one."""
    bare = without_codes(text)
    hidden = hide(bare)
    return hidden if hidden != bare else text

"""What is asked of Restate's SQL, https://docs.restate.dev/references/sql-introspection.

Restate takes no parameters beside a statement, so every text in one goes through `text`. No other
module writes SQL.
"""

# ruff: noqa: S608 - that is what `text` is for

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

PAGE = 500  # invocations; Restate sets no limit to it
ENTRIES = 500  # of journals per request
EVENTS = 50  # of an invocation, the last ones
PAYLOAD = 4096  # bytes of an entry that is read whole
BODY = 262_144  # bytes of what goes into an invocation, and comes out

# Without `scheduled_at` 1.7.12 leaves out `scheduled_start_at` as well (seen).
_COLUMNS = (
    "id", "status", "completion_result", "completion_failure", "target", "target_service_name",
    "target_service_key", "target_handler_name", "target_service_ty", "idempotency_key",
    "invoked_by", "invoked_by_id", "restarted_from", "pinned_deployment_id", "journal_size",
    "created_at", "modified_at", "scheduled_at", "scheduled_start_at", "running_at", "completed_at",
    "retry_count", "next_retry_at", "last_failure", "last_failure_related_command_name",
    "last_awaiting_on_future_json", "suspended_waiting_future_json",
)  # fmt: skip
# One word for what becomes of it: the state of an open one, the result of one that has ended.
_STATE = "CASE WHEN status = 'completed' THEN completion_result ELSE status END AS state"
_RUNS = f"SELECT {', '.join(_COLUMNS)}, {_STATE} FROM sys_invocation"
COUNTS = "SELECT count(*) AS invocations FROM sys_invocation"


def text(value: str) -> str:
    """A text of SQL. Only a quote has a meaning in it; a backslash is a character."""
    return "'" + value.replace("'", "''") + "'"


def one_of(values: Iterable[str]) -> str:
    return f"({', '.join(map(text, values))})"


def open_page(after: str) -> str:
    """By their ids, which stay: pages that are cut by them miss nothing while runs end."""
    return f"{_RUNS} WHERE status <> 'completed' AND id > {text(after)} ORDER BY id LIMIT {PAGE}"


def ended_page(since: datetime, after: str) -> str:
    moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return (
        f"{_RUNS} WHERE status = 'completed' AND modified_at >= {text(moment)} "
        f"AND id > {text(after)} ORDER BY id LIMIT {PAGE}"
    )


def latest_ended(most: int) -> str:
    return f"{_RUNS} WHERE status = 'completed' ORDER BY modified_at DESC LIMIT {most}"


def runs(refs: Iterable[str]) -> str:
    return f"{_RUNS} WHERE id IN {one_of(refs)}"


def waits(refs: Iterable[str]) -> str:
    """Of the journals, what tells which promises and signals an invocation waits for."""
    kinds = one_of(("Command: GetPromise", "Notification: GetPromise", "Notification: Signal"))
    return (
        "SELECT id, index, entry_type, entry_lite_json FROM sys_journal "
        f"WHERE id IN {one_of(refs)} AND entry_type IN {kinds}"
    )


def pauses(refs: Iterable[str]) -> str:
    return (
        "SELECT id, appended_at, event_type, event_json FROM sys_journal_events "
        f"WHERE id IN {one_of(refs)} AND event_type = 'Paused' ORDER BY appended_at"
    )


_ENDS = one_of(("Command: Input", "Command: Output"))
_ENTRIES = (
    "SELECT id, index, entry_type, name, appended_at, entry_lite_json, "
    f"CASE WHEN raw_length <= {PAYLOAD} OR (raw_length <= {BODY} AND entry_type IN {_ENDS}) "
    "THEN entry_json END AS entry_json FROM sys_journal"
)


def journal(ref: str, after: int) -> str:
    """Large payloads are left out; `entry_lite_json` has everything else."""
    where = f"WHERE id = {text(ref)} AND index > {after}"
    return f"{_ENTRIES} {where} ORDER BY index LIMIT {ENTRIES}"


def journals(refs: Iterable[str]) -> str:
    return f"{_ENTRIES} WHERE id IN {one_of(refs)} ORDER BY id, index LIMIT {ENTRIES}"


def events(refs: Iterable[str]) -> str:
    """The last ones of each, in their order."""
    columns = "id, appended_at, event_type, event_json"
    place = "row_number() OVER (PARTITION BY id ORDER BY appended_at DESC) AS place"
    ranked = f"SELECT {columns}, {place} FROM sys_journal_events WHERE id IN {one_of(refs)}"
    return f"SELECT {columns} FROM ({ranked}) WHERE place <= {EVENTS} ORDER BY appended_at"


def started(service: str, handler: str, key: str) -> str:
    """By the idempotency key, or by the key of a workflow that we named."""
    return (
        f"SELECT id FROM sys_invocation WHERE target_service_name = {text(service)} "
        f"AND target_handler_name = {text(handler)} "
        f"AND (idempotency_key = {text(key)} OR target_service_key = {text(key)})"
    )


def started_as_workflow(service: str, handler: str, key: str) -> str:
    """By the header that a start carries: a workflow, named by a person, has no other mark."""
    return (
        "SELECT j.id FROM sys_journal j JOIN sys_invocation i ON i.id = j.id "
        f"WHERE i.target_service_name = {text(service)} "
        f"AND i.target_handler_name = {text(handler)} AND i.target_service_ty = 'workflow' "
        f"AND j.index = 0 AND strpos(j.entry_json, {text(key)}) > 0"
    )

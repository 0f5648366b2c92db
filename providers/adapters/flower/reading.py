"""Celery's words in ours, as Flower hands them on. Read `__init__.py` first.

Nothing here asks the server.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from providers.contract import Snapshot, Status, Verb, Workflow, native_key
from providers.times import read_time

STATUSES = {
    "pending": (Status.QUEUED, ""),
    "received": (Status.QUEUED, ""),
    "started": (Status.RUNNING, ""),
    "retry": (Status.WAITING, "retry"),
    "success": (Status.SUCCEEDED, ""),
    "failure": (Status.FAILED, ""),
    "revoked": (Status.CANCELED, "revoked"),
    "rejected": (Status.FAILED, "rejected"),
    "ignored": (Status.SKIPPED, "ignored"),
}
OPEN = ("PENDING", "RECEIVED", "STARTED", "RETRY")
NOT_BEGUN = frozenset({"pending", "received", "retry"})
ENDS = ("succeeded", "failed", "rejected", "revoked")  # the fields of a task with its ends
TIMEOUTS = {"SoftTimeLimitExceeded": "soft_time_limit", "TimeLimitExceeded": "time_limit"}
MOST_REPR = 1024  # characters that an event has of a result
_FRAME = re.compile(r'^ +File "[^\n]*\n(?: {4}[^\n]*\n)*', re.MULTILINE)

Row = Mapping[str, Any]


def read_task(row: Row, site: str, backend_row: Row | None = None) -> Snapshot:
    """A task as a list has it; `backend_row`: what the result backend says of it, where it was
    asked."""
    state = row["state"]
    status, reason = read_status(row)
    error = read_error(row) if status in (Status.FAILED, Status.TIMED_OUT) else ""
    retries = row.get("retries") or 0
    ref = row["uuid"]
    parent = row.get("parent_id") or ""
    run = Snapshot(
        ref=ref,
        workflow=Workflow(ref=row["name"], name=row["name"], can_start=True),
        status=status,
        native_status=state if isinstance(state, str) else "",
        status_reason=reason,
        status_since=read_time(row["timestamp"]) if status is Status.WAITING else None,
        attempt=retries + (native_key(state) not in NOT_BEGUN and row.get("started") is not None),
        message=read_message(row, status),
        error=error,
        created_at=read_time(row.get("sent") or row.get("received")),
        started_at=read_time(row.get("started")),
        finished_at=read_time(row[end_of(row)]) if status.is_final else None,
        url=f"{site}/task/{quote(ref, safe='')}",
        # A retry is sent by the task itself, which so becomes its own parent (seen).
        parent_ref=parent if parent != ref else "",
        labels={name: row[key] for name, key in (("queue", "routing_key"), ("worker", "worker"))
                if row.get(key)},
        input=read_input(row),
        output=read_value(row.get("result")) if status is Status.SUCCEEDED else None,
        # The children of a task have no order of their own.
        raw={**row, "children": sorted(map(str, row.get("children") or ()))},
        steps=(),
        questions=(),
        outputs=(),
        offers=frozenset() if status.is_final else frozenset({Verb.CANCEL}),
    )  # fmt: skip
    return run if backend_row is None else with_backend(run, backend_row)


def has_ended(state: Any) -> bool:
    status, _ = STATUSES.get(native_key(state), (Status.UNKNOWN, ""))
    return status.is_final


def read_status(row: Row) -> tuple[Status, str]:
    key = native_key(row["state"])
    status, reason = STATUSES.get(key, (Status.UNKNOWN, "unrecognized"))
    if status is Status.QUEUED and row.get("eta"):
        # Which of the two a retry shows depends on the event that came last (seen).
        return Status.WAITING, "retry" if row.get("retries") else "eta"
    if status is Status.CANCELED:
        return read_revoked(row)
    if status is Status.FAILED:
        if row.get("rejected"):  # the state says FAILURE (seen)
            return status, "rejected"
        # `exception` may be an empty "ExceptionWithTraceback()" (seen).
        error_text = f"{row.get('exception') or ''}\n{last_of(row.get('traceback') or '')}"
        word = next((word for word in TIMEOUTS if word in error_text), "")
        return (Status.TIMED_OUT, TIMEOUTS[word]) if word else (status, reason)
    return status, reason


def read_revoked(row: Row) -> tuple[Status, str]:
    """Revoked by somebody, or by its worker because its time to begin was over."""
    if row.get("started"):
        return Status.CANCELED, "terminated"
    expires, revoked = read_time(row.get("expires")), read_time(row.get("revoked"))
    if expires and revoked and expires < revoked:
        return Status.SKIPPED, "expired"
    return Status.CANCELED, "revoked"


def end_of(row: Row) -> str:
    """The field that says when it ended: it may have those of earlier tries as well."""
    key = native_key(row["state"])
    wanted = {"success": "succeeded", "failure": "failed"}.get(key, key)
    return wanted if wanted in ENDS and row.get(wanted) else "timestamp"


def read_message(row: Row, status: Status) -> str:
    """What an open task waits for."""
    if status is not Status.WAITING or not row.get("eta"):
        return ""
    why = row.get("exception")
    return f"{why}; tried again at {row['eta']}" if why else f"Not before {row['eta']}"


def read_error(row: Row) -> str:
    """The exception, as the end of the traceback has it, then the traceback."""
    traceback = row.get("traceback") or ""
    reason = "" if row.get("rejected") else last_of(traceback)
    return "\n\n".join(filter(None, [reason or row.get("exception") or "", traceback]))


def last_of(traceback: str) -> str:
    """What follows its last frame."""
    return _FRAME.split(traceback)[-1].strip() if traceback else ""


# -------------------------------------------------------------------------------- what is carried


def read_input(row: Row) -> Any:
    return {"args": read_value(row.get("args"), ()), "kwargs": read_value(row.get("kwargs"), {})}


def read_value(text: Any, otherwise: Any = None) -> Any:
    """Arguments and results come as Python prints them, to 1,024 characters: as values where all of
    it is there and plain, else as the text. A text in it is printed as it is, without escapes
    (seen), so one with a backslash cannot be told from an escape."""
    if not isinstance(text, str):
        return otherwise if text is None else text
    if "\\" in text or is_cut(text):
        return text
    try:
        return plain(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return text


def plain(value: Any) -> Any:
    """As JSON. Raises ValueError for what JSON has not."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: plain(each) for key, each in value.items()}
    raise ValueError(type(value).__name__)


def is_cut(text: Any) -> bool:
    """Whether an event has only the beginning of it."""
    return isinstance(text, str) and ("..." in text[-8:] or len(text) >= MOST_REPR)


# --------------------------------------------------------------------------- the result backend


def wants_backend(row: Row) -> bool:
    """Whether the events, by which Flower knows a task, may say less than the result backend: that
    a task was revoked before it began, which state it gave itself, the whole of a long result."""
    key = native_key(row["state"])
    return key in NOT_BEGUN or key == "started" or (key == "success" and is_cut(row.get("result")))


def with_backend(run: Snapshot, backend_row: Row) -> Snapshot:
    """Flower's word stays, so that its list, which says no more, changes nothing."""
    word = backend_row.get("state")
    key = native_key(word)
    if run.status is Status.SUCCEEDED:
        return replace(run, output=backend_row["result"]) if "result" in backend_row else run
    if key == native_key(run.native_status) or key in ("", *map(native_key, OPEN)):
        return run
    status, reason = STATUSES.get(key, (run.status, run.status_reason))
    if not status.is_final:
        return replace(run, message=f"It calls its state {word}.")
    result = backend_row.get("result")
    failed = status is Status.FAILED
    late = next((each for name, each in TIMEOUTS.items() if failed and name in str(result)), "")
    if status is Status.CANCELED and "expired" in str(result):
        status, reason = Status.SKIPPED, "expired"
    return replace(
        run,
        status=Status.TIMED_OUT if late else status,
        status_reason=late or reason,
        status_since=None,
        message="",
        error=last_of(backend_row.get("traceback") or "") or str(result) if failed else "",
        output=result if status is Status.SUCCEEDED else None,
        offers=frozenset(),
    )

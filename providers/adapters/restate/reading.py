"""Restate's words in ours: invocations, services, workers. Read `__init__.py` first.

Nothing here asks the server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from providers.adapters.restate.journal import (
    NOBODY,
    Around,
    Entry,
    Waits,
    pause_error,
    read_result,
    read_steps,
    read_value,
    read_waits,
)
from providers.contract import Question, Snapshot, Status, Verb, Workflow, native_key
from providers.times import read_time

STATES = {
    "scheduled": Status.QUEUED,
    "pending": Status.QUEUED,
    "ready": Status.QUEUED,
    "running": Status.RUNNING,
    "backingoff": Status.WAITING,
    "suspended": Status.WAITING,
    "paused": Status.PAUSED,
    "success": Status.SUCCEEDED,
    "failure": Status.FAILED,
    "killed": Status.CANCELED,
}
REASONS = {"scheduled": "scheduled", "backingoff": "retry", "killed": "killed"}
# Of both Restate writes a failure. A service may raise the same by itself, which is no other thing.
CANCELED = re.compile(r"\[409[^\]]*\] (cancell?ed|(?P<killed>killed))", re.IGNORECASE)
TIMED_OUT = re.compile(r"\[408\b[^\]]*\] ")  # what `orTimeout` of the SDKs raises


def read_run(row: Any, site: str, waits: Waits = NOBODY, paused: str = "") -> Snapshot:
    """An invocation as a list shows it. `waits` for people, by its journal; `paused`: why."""
    word = row.get("state")
    status = STATES.get(native_key(word), Status.UNKNOWN)
    reason = "unrecognized" if status is Status.UNKNOWN else REASONS.get(native_key(word), "")
    failure = row.get("completion_failure") or ""
    error, message = "", ""
    if status is Status.FAILED:
        status, reason = read_failure(failure)
        error, message = (failure, "") if status is not Status.CANCELED else ("", failure)
    elif native_key(word) == "backingoff":
        error = row.get("last_failure") or ""
    elif status is Status.PAUSED:
        error = paused
    elif waits and native_key(word) in ("running", "suspended"):
        status = Status.USER_INPUT
        reason = "awakeable" if waits.awakeables else "promise"
    elif native_key(word) == "scheduled" and row.get("scheduled_start_at"):
        message = f"It starts at {row['scheduled_start_at']}."
    is_parked = native_key(word) in ("suspended", "paused")
    attempt = row.get("retry_count")
    return Snapshot(
        ref=row["id"],
        workflow=read_workflow(row["target_service_name"], row["target_handler_name"]),
        status=status,
        native_status=word if isinstance(word, str) else "",
        status_reason=reason,
        # Others do not move it when they are tried again (seen).
        status_since=read_time(row.get("modified_at")) if is_parked else None,
        name=row.get("target_service_key") or "",
        attempt=attempt if isinstance(attempt, int) and not status.is_final else 0,
        message=message,
        error=error,
        created_at=read_time(row.get("created_at")),
        started_at=read_time(row.get("running_at")),
        finished_at=read_time(row.get("completed_at")) if status.is_final else None,
        url=f"{site}/ui/invocations/{quote(str(row['id']), safe='')}",
        parent_ref=row.get("invoked_by_id") or "",
        retry_of=row.get("restarted_from") or "",
        labels=read_labels(row),
        raw=row,
        offers=read_offers(row, status),
    )


def read_failure(failure: str) -> tuple[Status, str]:
    if found := CANCELED.fullmatch(failure.strip()):
        return Status.CANCELED, "killed" if found["killed"] else ""
    return (Status.TIMED_OUT if TIMED_OUT.match(failure) else Status.FAILED), ""


def read_workflow(service: str, handler: str, *, can_start: bool = False) -> Workflow:
    """Names of services and handlers have no slash in them. Whether it can be started, only the
    list of services knows."""
    return Workflow(ref=f"{service}/{handler}", name=handler, group=service, can_start=can_start)


def read_labels(row: Mapping[str, Any]) -> dict[str, str]:
    known = {"type": row.get("target_service_ty"), "deployment": row.get("pinned_deployment_id")}
    return {name: value for name, value in known.items() if value}


def read_offers(row: Mapping[str, Any], status: Status) -> frozenset[Verb]:
    """What Restate takes in this state. It says yes to the pause of one that sleeps, and nothing
    comes of it; a workflow, whose key is used up, cannot be tried again."""
    word = native_key(row.get("state"))
    if status is Status.UNKNOWN:
        return frozenset()
    if status.is_final:
        is_workflow = native_key(row.get("target_service_ty")) == "workflow"
        is_done = status is Status.SUCCEEDED or is_workflow
        return frozenset() if is_done else frozenset({Verb.RETRY})
    offers = {Verb.CANCEL}
    if word in ("running", "backingoff"):
        offers.add(Verb.SUSPEND)
    if word == "paused":
        offers.add(Verb.RESUME)
    return frozenset(offers)


def whole(
    row: Any, entries: Sequence[Entry], events: Sequence[Mapping[str, Any]], site: str
) -> Snapshot:
    """An invocation with its journal, without questions."""
    pauses = [event for event in events if event["event_type"] == "Paused"]
    waits = read_waits(row, entries)
    run = read_run(row, site, waits, pause_error(pauses[-1]) if pauses else "")
    around = Around(
        status=run.status,
        is_failing=native_key(row.get("state")) in ("backingoff", "paused"),
        waits=waits if run.status is Status.USER_INPUT else NOBODY,
        handler=row["target_handler_name"],
    )
    given, gave = (
        next((entry for entry in entries if entry.kind == kind), None)
        for kind in ("Input", "Output")
    )
    return replace(
        run,
        input=read_value((given.whole or {}).get("payload")) if given else None,
        output=read_result(gave).value if gave else None,
        steps=tuple(read_steps(entries, events, around)),
        questions=(),
        outputs=(),
    )


def asking(run: Snapshot, questions: Sequence[Question]) -> Snapshot:
    """With what it asks people."""
    if not questions:
        return run
    can_answer = any(question.is_answerable for question in questions)
    offers = run.offers | {Verb.ANSWER} if can_answer else run.offers
    return replace(run, questions=tuple(questions), offers=offers)

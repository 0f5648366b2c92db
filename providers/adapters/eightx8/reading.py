"""8x8 responses to contract values: pure functions.

Addresses in comments are below https://support.cpaas.8x8.com/hc/en-us/articles/ unless complete;
"seed" is https://developer.8x8.com/connect/reference/get-instance-status. Read November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from providers.contract import (
    BadResponse,
    LogLine,
    NotFound,
    Snapshot,
    Status,
    Step,
    Verb,
    Workflow,
    native_key,
)
from providers.times import read_time

# "Settle after 5 tries over at least 10 minutes": an adapter has no clock, and a run in question
# is read with each poll, every 30 s, so twenty tries stand for both.
TRIES = 20
UNDECIDED = ("cause_unknown", "cause_unavailable")  # reasons of a run whose errors are unreadable
MOST_ERRORS = 20  # lines of error text; retried steps repeat themselves

STATUSES = {
    "runnable": Status.RUNNING,  # unless the log says that it waits
    "suspended": Status.PAUSED,
    "complete": Status.SUCCEEDED,
    "terminated": Status.UNKNOWN,  # stopped or faulted: `decide` finds out
}
STEP_STATUSES = {
    "pending": (Status.QUEUED, ""),
    "running": (Status.RUNNING, ""),
    "sleeping": (Status.WAITING, "timer"),
    "waitingforevent": (Status.WAITING, "event"),
    "complete": (Status.SUCCEEDED, ""),
    "failed": (Status.FAILED, ""),
    "cancelled": (Status.CANCELED, "event_timeout_possible"),  # does not end the run
}
LEVELS = {"failed": "error", "cancelled": "warning"}  # of the line that ends a step
OFFERS = {
    "runnable": frozenset({Verb.CANCEL, Verb.SUSPEND}),
    "suspended": frozenset({Verb.CANCEL, Verb.RESUME}),
}


# ------------------------------------------------------------------------------------------ refs


def split(ref: str) -> tuple[str, str]:
    """Definition and instance: no instance resource works with the workflow id alone. That one is
    no UUID, whatever the error text says (seed)."""
    definition, _, instance = ref.partition("/")
    if not definition or not instance:
        raise NotFound("8x8 names a run by its definition and its instance; this is only one id.")
    return definition, instance


# ------------------------------------------------------------------------------------------ runs


def read_row(ref: str, run: Mapping[str, Any], workflow: Workflow, *, is_ours: bool) -> Snapshot:
    """A list row: no log and no errors, so two of the four words need the detail."""
    word = native_key(run.get("status"))
    status, reason = STATUSES.get(word, Status.UNKNOWN), _unrecognized(run.get("status"))
    if word == "terminated":
        status, reason = _ended_by_us() if is_ours else (Status.UNKNOWN, "cause_unknown")
    needs_detail = word == "runnable" or (word == "terminated" and not is_ours)
    return _snapshot(ref, run, workflow, status, reason, needs_detail=needs_detail)


def read_run(
    ref: str,
    run: Mapping[str, Any],
    workflow: Workflow,
    errors: Sequence[Any] | None,
    *,
    is_ours: bool,
    tries: int,
) -> Snapshot:
    """A run with its log. `errors` is None where they could not be read, `tries` times so far."""
    if not run["workflowId"]:
        raise BadResponse("8x8 sent a run without its id.")
    steps = read_steps(run, errors or [])
    status, reason = decide(run.get("status"), steps, errors, is_ours=is_ours)
    error = ""
    if native_key(run.get("status")) != "complete":  # retried faults of a good run: steps show them
        error = "\n".join(_lines(errors or []))
    message = ""
    if reason == "cause_unknown":
        message = "Terminated; 8x8 does not say yet whether by hand or by a fault."
        if tries >= TRIES:
            status, reason, message = Status.FAILED, "cause_unavailable", ""
            error = "Terminated, cause not available."
    if status is Status.FAILED and not error:
        names = [step.name for step in steps if step.status is Status.FAILED]
        error = f"Step {names[-1]} failed." if names else "The workflow faulted."
    return _snapshot(ref, run, workflow, status, reason, message=message, error=error, steps=steps)


def decide(
    word: Any, steps: Sequence[Step], errors: Sequence[Any] | None, *, is_ours: bool
) -> tuple[Status, str]:
    """Status and reason of a run; UNKNOWN with `cause_unknown` where the errors are missing."""
    native = native_key(word)
    if native == "runnable":
        return _runnable(steps)
    if native != "terminated":
        return STATUSES.get(native, Status.UNKNOWN), _unrecognized(word)
    if is_ours:
        return _ended_by_us()
    if errors or any(step.status is Status.FAILED for step in steps):
        return Status.FAILED, "faulted"
    return (Status.UNKNOWN, "cause_unknown") if errors is None else (Status.CANCELED, "")


def _runnable(steps: Sequence[Step]) -> tuple[Status, str]:
    """One word for running, waiting for an event and sleeping (seed): open steps tell. Never
    `user_input`: it is the customer who replies, and the API takes no reply."""
    states = {(step.status, step.status_reason) for step in steps}
    if (Status.RUNNING, "") in states:
        return Status.RUNNING, ""
    for reason in ("event", "timer"):
        if (Status.WAITING, reason) in states:
            return Status.WAITING, reason
    return Status.RUNNING, ""


def needs_errors(run: Mapping[str, Any]) -> bool:
    """A fault may also suspend; a failed step may have been retried by a run that goes on."""
    is_halted = native_key(run.get("status")) in ("terminated", "suspended")
    logs = run.get("logs") or []
    return is_halted or any(native_key(log.get("status")) == "failed" for log in logs)


def read_steps(run: Mapping[str, Any], errors: Sequence[Any]) -> tuple[Step, ...]:
    """By the step execution's id: jumps and loops bring the same name again."""
    texts = {error.get("step"): _words(error) for error in reversed(errors)}
    steps = {log["id"]: _step(log, texts) for log in run.get("logs") or []}
    return tuple(steps.values())


def read_log(run: Mapping[str, Any], errors: Sequence[Any]) -> list[LogLine]:
    """What the step log and the errors resource say, each with its time. An error is recorded
    before its step is closed."""
    events: list[tuple[datetime, LogLine]] = []
    logs = run.get("logs") or []
    refs = {log["stepName"]: str(log["id"]) for log in logs}
    for error in errors:
        if at := read_time(error.get("errorTime")):
            ref = refs.get(error.get("step"), "")
            events.append((at, LogLine(text=_words(error), at=at, level="error", step_ref=ref)))
    for log in logs:
        ref, word = str(log["id"]), _verbatim(log.get("status"))
        if at := read_time(log.get("startedAt")):
            events.append((at, LogLine(text="started", at=at, level="info", step_ref=ref)))
        if at := read_time(log.get("completedAt")):
            level = LEVELS.get(native_key(word), "info")
            events.append((at, LogLine(text=word, at=at, level=level, step_ref=ref)))
    return [line for _, line in sorted(events, key=lambda event: event[0])]


def has_ended(run: Mapping[str, Any]) -> bool:
    return native_key(run.get("status")) in ("complete", "terminated")


def _step(log: Mapping[str, Any], texts: Mapping[Any, str]) -> Step:
    word = log.get("status")
    status, reason = STEP_STATUSES.get(native_key(word), (Status.UNKNOWN, "unrecognized"))
    return Step(
        ref=str(log["id"]),
        name=str(log["stepName"]),
        status=status,
        native_status=_verbatim(word),
        status_reason=reason,
        started_at=read_time(log.get("startedAt")),  # a pending step has none
        finished_at=read_time(log.get("completedAt")),  # "required", yet open steps have none
        error=texts.get(log["stepName"], "") if status is Status.FAILED else "",
    )


def _snapshot(
    ref: str,
    run: Mapping[str, Any],
    workflow: Workflow,
    status: Status,
    reason: str,
    **more: Any,
) -> Snapshot:
    data = run.get("data")
    context = data if isinstance(data, dict) else {"payload": data}
    # Everything the steps saved sits beside the trigger's payload (developer.8x8.com, triggers).
    about_trigger = ("payload", "accountId", "subAccountId", "triggeredAt")
    saved = {key: value for key, value in context.items() if key not in about_trigger}
    if "steps" in more:
        more |= {"questions": (), "outputs": ()}  # 8x8 has neither
    return Snapshot(
        ref=ref,
        workflow=workflow,
        status=status,
        native_status=_verbatim(run.get("status")),
        status_reason=reason,
        started_at=read_time(run.get("startedAt")),
        finished_at=read_time(run.get("completedAt")),
        input=context.get("payload"),
        output=saved or None,
        # `data` may hold phone numbers and messages: kept once, as input and output.
        raw={key: value for key, value in run.items() if key != "data"},
        offers=OFFERS.get(native_key(run.get("status")), frozenset()),
        **more,
    )


def _ended_by_us() -> tuple[Status, str]:
    return Status.CANCELED, "terminated_by_us"


def _unrecognized(word: Any) -> str:
    return "" if native_key(word) in STATUSES else "unrecognized"


def _verbatim(word: Any) -> str:
    return word if isinstance(word, str) else "" if word is None else str(word)


# ---------------------------------------------------------------------------------------- errors


def read_errors(body: Any) -> list[Any]:
    """Newest first. One published example is a single object instead of a list:
    59375129986329-Retrieve-a-list-of-errors-for-a-workflow-instance"""
    rows = body if isinstance(body, list) else [body] if body else []
    if not all(isinstance(row, dict) for row in rows):
        raise BadResponse("8x8 (errors) did not answer with a list of errors.")
    return sorted(rows, key=lambda row: str(row.get("errorTime") or ""), reverse=True)


def _words(error: Mapping[str, Any]) -> str:
    return str(error.get("message") or "Failed without a message.")


def _lines(errors: Sequence[Any]) -> list[str]:
    lines = [f"{e['step']}: {_words(e)}" if e.get("step") else _words(e) for e in errors]
    return list(dict.fromkeys(lines))[:MOST_ERRORS]


# ----------------------------------------------------------------------------------------- times


def oldest_start(runs: Sequence[Any]) -> datetime | None:
    """Of a list in the order newest first; rows without a readable start are passed over."""
    for run in reversed(runs):
        moment = read_time(run.get("startedAt")) if isinstance(run, Mapping) else None
        if moment is not None:
            return moment
    return None


def write_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

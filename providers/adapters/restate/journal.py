"""The journal of an invocation: its steps, what it was given and gave, what it waits for.

An entry is a command of the service, or a notification that completes one by its number. What an
invocation waits for are numbers of completions and of signals. Signal 1 cancels, those from 17 on
are awakeables, which have no entry of their own until they are resolved (seen).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.contract import Status, Step, Try
from providers.http import parse_json
from providers.times import read_time

FIRST_AWAKEABLE = 17
CANCEL = 1
HANDLER = "handler"  # ref of the step that stands for code of the service between its commands
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ID = re.compile(r"inv_1([0-9a-zA-Z]{11})([0-9a-zA-Z]{22})")
# Why a command that has begun has no result yet.
PENDING = {
    "Sleep": (Status.WAITING, "timer"),
    "Call": (Status.WAITING, "call"),
    "AttachInvocation": (Status.WAITING, "call"),
    "GetPromise": (Status.USER_INPUT, "promise"),
}


@dataclass(frozen=True)
class Entry:
    """`body`: of a command its parameters, of a notification its id and the word of its result;
    `whole`: the same with payloads, None where they are too large."""

    index: int
    category: str
    kind: str
    name: str
    at: datetime | None
    body: Mapping[str, Any]
    whole: Mapping[str, Any] | None


@dataclass(frozen=True)
class Waits:
    """What only somebody else can bring: numbers of signals that are awakeables, and promises by
    the numbers of their completions. `until`: when a timer beside them ends the waiting."""

    awakeables: tuple[int, ...] = ()
    promises: Mapping[int, str] = field(default_factory=dict)
    until: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.awakeables or self.promises)


NOBODY = Waits()


@dataclass(frozen=True)
class Result:
    """How a command ended. `word` is Restate's."""

    word: str
    at: datetime | None = None
    value: Any = None
    error: str = ""


# ---------------------------------------------------------------------------------------- entries


def read_entry(row: Mapping[str, Any]) -> Entry:
    category, _, kind = row["entry_type"].partition(": ")
    body, whole = (
        (_inner(row.get(name)) or {}).get(category) or {}
        for name in ("entry_lite_json", "entry_json")
    )
    if category == "Command":
        body, whole = body.get(kind) or {}, whole.get(kind)
    elif completion := whole.get("Completion"):
        whole = next(iter(completion.values()))
    else:
        whole = whole.get("Signal")
    return Entry(
        index=row["index"],
        category=category,
        kind=kind,
        name=row.get("name") or "",
        at=read_time(row.get("appended_at")),
        body=body,
        whole=whole,
    )


def _inner(content: Any) -> Any:
    return parse_json(content.encode()) if content else None


def notified(entries: Iterable[Entry]) -> Iterator[tuple[tuple[str, Any], Entry]]:
    """What has arrived, by kind and number or name of what it completes."""
    for entry in entries:
        if entry.category == "Notification" and entry.kind != "CallInvocationId":
            for place in entry.body.get("id", {}).items():
                yield place, entry


def read_value(payload: Any) -> Any:
    """The bytes of a payload as the JSON or the text that they are; None for neither."""
    if not isinstance(payload, list):
        return None
    content = bytes(payload)
    try:
        return parse_json(content) if content else None
    except (ValueError, RecursionError):
        pass
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"{len(content):,} bytes"


def read_result(entry: Entry) -> Result:
    """Of a notification, or of the command `Output`."""
    lite = entry.body.get("result", "Void")
    result = (entry.whole or {}).get("result", lite)
    if isinstance(result, Mapping):
        word, about = next(iter(result.items()), ("", None))
    else:
        word, about = result, None
    if word != "Failure":
        return Result(str(word), entry.at, read_value(about))
    return Result(word, entry.at, error=failure(about or {}))


def failure(about: Mapping[str, Any]) -> str:
    code = about.get("code", about.get("error_code"))
    message = str(about.get("message", about.get("error_message", "")))
    return f"[{code}] {message}" if code else message or "It failed."


# ------------------------------------------------------------------------------ what it waits for


def awaited(row: Mapping[str, Any]) -> set[tuple[str, Any]]:
    """What an invocation waits for, by kind and number or name: a tree, of which it may need all
    parts or one. A running one waits as well, for a minute, before Restate suspends it."""
    name = {
        "suspended": "suspended_waiting_future_json",
        "running": "last_awaiting_on_future_json",
    }.get(str(row.get("status")).lower())
    return set(_leaves(_inner(row.get(name)))) if name else set()


def _leaves(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, list):
        for each in node:
            yield from _leaves(each)
    elif isinstance(node, Mapping):
        for kind, value in node.items():
            if isinstance(value, list | Mapping):
                yield from _leaves(value)
            else:
                yield kind, value


def may_wait_for_people(row: Mapping[str, Any]) -> bool:
    """Whether its journal has to tell. Only workflows have promises."""
    pending = awaited(row)
    has_promises = str(row.get("target_service_ty")).lower() == "workflow"
    return any(
        (kind == "CompletionId" and has_promises) or is_awakeable(kind, number)
        for kind, number in pending
    )


def is_awakeable(kind: str, number: Any) -> bool:
    return kind == "SignalIndex" and isinstance(number, int) and number >= FIRST_AWAKEABLE


def read_waits(row: Mapping[str, Any], entries: Iterable[Entry]) -> Waits:
    entries = list(entries)
    pending = awaited(row) - {place for place, _ in notified(entries)}
    promises = {
        entry.body["completion_id"]: entry.body["key"]
        for entry in entries
        if (entry.category, entry.kind) == ("Command", "GetPromise")
    }
    timers = [
        read_time(entry.body["wake_up_time"])
        for entry in entries
        if (entry.category, entry.kind) == ("Command", "Sleep")
        and ("CompletionId", entry.body["completion_id"]) in pending
    ]
    return Waits(
        tuple(sorted(number for kind, number in pending if is_awakeable(kind, number))),
        {
            number: promises[number]
            for kind, number in sorted(pending, key=str)
            if kind == "CompletionId" and number in promises
        },
        min(filter(None, timers), default=None) if not needs_all(row) else None,
    )


def needs_all(row: Mapping[str, Any]) -> bool:
    """Whether it waits for several things together, so that a timer among them is no limit."""
    awaited = f"{row.get('suspended_waiting_future_json')}{row.get('last_awaiting_on_future_json')}"
    return '"All' in awaited


def awakeable_id(ref: str, index: int) -> str:
    """The name under which an awakeable is resolved, which stands nowhere by itself: the two
    numbers of the invocation's id as bytes, then its own. "" for an id of another shape.

    From crates/types/src/identifiers.rs of restatedev/restate, November 2026."""
    found = _ID.fullmatch(ref)
    if not found:
        return ""
    numbers = [
        sum(_ALPHABET.index(each) * 62**place for place, each in enumerate(reversed(part)))
        for part in found.groups()
    ]
    if numbers[0] >= 2**64 or numbers[1] >= 2**128:
        return ""
    content = numbers[0].to_bytes(8, "little") + numbers[1].to_bytes(16, "little")
    encoded = base64.urlsafe_b64encode(content + index.to_bytes(4, "big")).decode()
    return f"sign_1{encoded.rstrip('=')}"


# ------------------------------------------------------------------------------------------ steps


@dataclass(frozen=True)
class Around:
    """What of the invocation itself tells of its steps."""

    status: Status
    is_failing: bool = False  # it is to be tried again, by itself or by a person
    waits: Waits = NOBODY
    handler: str = ""


def read_steps(
    entries: Sequence[Entry], events: Sequence[Mapping[str, Any]], around: Around
) -> Iterator[Step]:
    """Everything but what went in and came out, in the journal's order; then awakeables that are
    waited for, and failures of the service's own code."""
    arrived = dict(notified(entries))
    commands = [entry for entry in entries if entry.category == "Command"]
    failures = read_failures(events)
    numbers = {entry.index: number for number, entry in enumerate(commands)}
    for entry in entries:
        if entry.kind in ("Input", "Output"):
            continue
        if entry.category == "Command":
            failed = failures.pop(numbers[entry.index], ())
            yield read_command(entry, arrived, failed, around)
        elif entry.kind == "Signal":
            yield read_signal(entry)
        elif entry.category != "Notification":
            yield read_old(entry)
    for index in around.waits.awakeables:
        yield Step(
            ref=f"signal {index}",
            name=f"Awakeable {index - FIRST_AWAKEABLE + 1}",
            status=Status.USER_INPUT,
            native_status="",
            status_reason="awakeable",
        )
    if failed := [each for number in failures for each in failures[number]]:
        yield read_handler(failed, around)


def read_command(
    entry: Entry,
    arrived: Mapping[tuple[str, Any], Entry],
    failed: Sequence[Result],
    around: Around,
) -> Step:
    body = entry.body
    number = body.get("result_completion_id", body.get("completion_id"))
    if number is None:  # done as soon as it is in the journal
        result: Result | None = Result("", entry.at)
    else:
        notification = arrived.get(("CompletionId", number))
        result = read_result(notification) if notification else None
    status, reason = step_status(entry.kind, result, failed, around)
    error = result.error if result else ""
    if result is None and failed and status in (Status.WAITING, Status.PAUSED, Status.FAILED):
        error = failed[-1].error
    return Step(
        ref=str(entry.index),
        name=title(entry),
        status=status,
        native_status=result.word if result else "",
        status_reason=reason,
        started_at=entry.at,
        finished_at=result.at if result else None,
        error=error,
        output=result.value if result else None,
        run_ref=body.get("invocation_id") or "",
        **tries(failed, status, result),
    )


def step_status(
    kind: str, result: Result | None, failed: Sequence[Result], around: Around
) -> tuple[Status, str]:
    if result is not None:
        return (Status.FAILED if result.word == "Failure" else Status.SUCCEEDED), ""
    if around.status is Status.FAILED and failed:  # it was not tried again
        return Status.FAILED, ""
    if around.status.is_final:
        return Status.CANCELED, "ended_with_run"
    if around.status is Status.PAUSED:
        return Status.PAUSED, ""
    if failed and around.is_failing:
        return Status.WAITING, "retry"
    return PENDING.get(kind, (Status.RUNNING, ""))


def tries(failed: Sequence[Result], status: Status, result: Result | None) -> dict[str, Any]:
    """Restate writes down the same failure once only, so there may have been more."""
    if not failed:
        return {}
    made = [
        Try(
            attempt=number,
            status=Status.FAILED,
            native_status=each.word,
            finished_at=each.at,
            error=each.error,
        )
        for number, each in enumerate(failed, start=1)
    ]
    if result is not None or status is Status.RUNNING:
        made.append(
            Try(
                attempt=len(made) + 1,
                status=status,
                native_status=result.word if result else "",
                finished_at=result.at if result else None,
                error=result.error if result else "",
            )
        )
    return {"attempt": len(made), "tries": tuple(made)}


def title(entry: Entry) -> str:
    """The name that the service gave it, else what it does."""
    if entry.name:
        return entry.name
    words = _WORDS.sub(" ", entry.kind)
    words = words[:1] + words[1:].lower()
    target = entry.body.get("invocation_target")
    if isinstance(target, Mapping):
        about = next(iter(target.values()))
        words = {"Call": "", "One way call": "Send to "}.get(words, f"{words} ")
        return f"{words}{about['name']}/{about['handler']}"
    key = entry.body.get("key")
    return f"{words} {key}" if key else words


def read_signal(entry: Entry) -> Step:
    place: tuple[str, Any] = next(iter(entry.body.get("id", {}).items()), ("", ""))
    kind, number = place
    if is_awakeable(kind, number):
        name = f"Awakeable {number - FIRST_AWAKEABLE + 1}"
    else:
        name = "Cancel" if (kind, number) == ("SignalIndex", CANCEL) else f"Signal {number}"
    result = read_result(entry)
    # Others may come again.
    ref = f"signal {number}" if is_awakeable(kind, number) else f"signal at {entry.index}"
    return Step(
        ref=ref,
        name=name,
        status=Status.FAILED if result.word == "Failure" else Status.SUCCEEDED,
        native_status=result.word,
        started_at=entry.at,
        finished_at=entry.at,
        error=result.error,
        output=result.value,
    )


def read_old(entry: Entry) -> Step:
    """Of a service with an SDK of before 2025, whose entries Restate does not explain."""
    return Step(
        ref=str(entry.index),
        name=entry.name or entry.kind or entry.category,
        status=Status.UNKNOWN,
        native_status="",
        status_reason="old_protocol",
        started_at=entry.at,
    )


def read_handler(failed: Sequence[Result], around: Around) -> Step:
    """What the service did between its commands, and failed at."""
    has_passed = not around.is_failing and around.status not in (Status.FAILED, Status.CANCELED)
    status = Status.SUCCEEDED if has_passed else around.status
    return Step(
        ref=HANDLER,
        name=around.handler,
        status=status,
        native_status="",
        status_reason="retry" if status is Status.WAITING else "",
        error="" if has_passed else failed[-1].error,
        **tries(failed, status, Result("") if has_passed else None),
    )


# --------------------------------------------------------------------------- failures and retries


def read_failures(events: Iterable[Mapping[str, Any]]) -> dict[int, list[Result]]:
    """Failures that are tried again, by the number of the command they belong to, -1 for none."""
    found: dict[int, list[Result]] = {}
    for event in events:
        about = read_event(event)
        if event["event_type"] == "TransientError":
            result = Result("TransientError", read_time(event["appended_at"]), error=failure(about))
            found.setdefault(about.get("related_command_index", -1), []).append(result)
    return found


def read_event(event: Mapping[str, Any]) -> Mapping[str, Any]:
    return _inner(event.get("event_json")) or {}


def pause_error(event: Mapping[str, Any]) -> str:
    """Why Restate paused it; "" where somebody did."""
    about = read_event(event).get("last_failure")
    return failure(about) if about else ""


def last_good(entries: Sequence[Entry]) -> int:
    """The last entry before the first command that failed or has no result: up to there a new run
    can take over what was done. 0: only what went in."""
    arrived = {
        place: read_result(entry)
        for entry in entries
        if entry.category == "Notification"
        for place in entry.body.get("id", {}).items()
    }
    kept = 0
    for entry in entries:
        if entry.category != "Command" or entry.kind == "Input":
            continue
        numbers = [number for name, number in entry.body.items() if name.endswith("completion_id")]
        results = [arrived.get(("CompletionId", number)) for number in numbers]
        is_good = all(result and result.word != "Failure" for result in results)
        if entry.kind == "Output" or not is_good:
            break
        kept = entry.index
    return kept

"""Smart Flows responses to contract values: pure functions.

"seed" is the page "Monitoring flow executions" of https://github.com/Invenso/smart-flows, "guide"
the rest of it. Read November 2026.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from providers.adapters.smartflows.steps import read_steps
from providers.contract import (
    BadResponse,
    Output,
    Question,
    Snapshot,
    Status,
    Verb,
    Workflow,
    native_key,
)
from providers.http import Reply, plain_explanation
from providers.times import read_time

PAGE_SIZE = 100  # rows; the default is 20, no maximum is documented

STATUSES = {
    "queued": Status.QUEUED,
    "running": Status.RUNNING,
    "waiting": Status.WAITING,
    "userinput": Status.USER_INPUT,  # also written "User Input" (seed) and "User input"
    "selectflow": Status.USER_INPUT,  # not among the seed's nine; a person has to choose a flow
    "success": Status.SUCCEEDED,
    "warning": Status.WARNING,
    "error": Status.FAILED,
    "interrupted": Status.TIMED_OUT,
    "canceled": Status.CANCELED,
    "cancelled": Status.CANCELED,  # spelled so in the clean-up settings
}
PROBLEMS = frozenset({Status.FAILED, Status.TIMED_OUT, Status.WARNING})


def explain(reply: Reply) -> str:
    """No error body is documented. Spring applications say `message`; the vendor's "operation
    result" says `messages[0].message`."""
    words = plain_explanation(reply)
    inner = re.search(r'"message"\s*:\s*"([^"\\]+)"', words) if words.startswith("{") else None
    return inner[1] if inner else words[:300]


def read_page(reply: Reply) -> tuple[list[Any], bool]:
    """The rows, and whether the answer says that no page follows. Typed as a bare array, which
    cannot say so but by being empty: a server may cap the size below ours. An installation may
    wrap it (undocumented)."""
    body = reply.json()
    rows = body.get("content") if isinstance(body, dict) else body
    if not isinstance(rows, list):
        raise BadResponse(f"{reply.where} sent no list.")
    if isinstance(body, dict) and "last" in body:
        return rows, bool(body["last"])
    return rows, not rows


def is_past(rows: list[Any], since: datetime) -> bool:
    """Whether every later row is older: this page is sorted, newest first, and ends before.
    Compared as text, so that one odd time only makes the walk longer."""
    times = [str(row.get("createdAt")) for row in rows if isinstance(row, dict)]
    seconds = [time[:19] for time in times if time.endswith("Z")]
    if not seconds or len(seconds) < len(rows):
        return False
    is_sorted = seconds == sorted(seconds, reverse=True)
    return is_sorted and seconds[-1] < since.astimezone(UTC).isoformat()[:19]


def key_of(row: Any) -> str:
    """What tells two rows apart, also where one is not as documented."""
    return str(row["id"]) if isinstance(row, dict) and "id" in row else repr(row)


def once(rows: Iterable[Any]) -> Iterator[Any]:
    seen: set[str] = set()
    for row in rows:
        if key_of(row) not in seen:
            seen.add(key_of(row))
            yield row


def read_row(row: dict[str, Any]) -> Snapshot:
    status = STATUSES.get(native_key(row.get("status")), Status.UNKNOWN)
    return Snapshot(
        ref=row["id"],
        workflow=read_flow(row.get("flow")),
        status=status,
        native_status=str(row.get("status") or ""),
        status_reason=reason_of(row.get("status")),
        status_since=created_to_choose(row.get("status"), row),
        started_at=read_time(row.get("createdAt")),
        finished_at=read_time(row.get("modifiedAt")) if status.is_final else None,
        raw=row,
        offers=offers_of(status, ()),
        # A row has neither percentage, message, form nor documents.
        needs_detail=status not in (Status.QUEUED, Status.WAITING),
    )


def read_run(ref: str, progress: dict[str, Any], details: dict[str, Any]) -> Snapshot:
    word = progress.get("status")
    status = STATUSES.get(native_key(word), Status.UNKNOWN)
    state = details.get("state") or {}
    steps = read_steps(state)
    questions = read_questions(progress)
    message = str(progress.get("message") or "")
    problems = [step.error for step in steps if step.error]
    if status in (Status.FAILED, Status.TIMED_OUT):
        problems.insert(0, message)
    ends = [stage.get("end") for stage in state.get("stages") or () if stage.get("end")]
    ended_at = details.get("modifiedAt") or next(reversed(ends), None)
    return Snapshot(
        ref=ref,
        workflow=read_flow(details.get("flow")),
        status=status,
        native_status=str(word or ""),
        status_reason=reason_of(word),
        status_since=created_to_choose(word, details),
        progress=read_percentage(progress.get("percentage")),
        message=message,
        error=next(filter(None, problems), "") if status in PROBLEMS else "",
        started_at=read_time(details.get("createdAt")),
        finished_at=read_time(ended_at) if status.is_final else None,
        input=state.get("inputData"),
        output=state.get("output"),
        # `state.waitingFor` may name a callback, which resumes a run without authorization.
        raw={"progress": progress, "details": details | {"state": hidden(state, "waitingFor")}},
        steps=steps,
        questions=questions,
        outputs=read_documents(progress.get("model")) if status.is_final else (),
        offers=offers_of(status, questions),
    )


def reason_of(word: object) -> str:
    key = native_key(word)
    if key == "selectflow":
        return "select_flow"
    return "" if key in STATUSES else "unrecognized"


def created_to_choose(word: object, run: dict[str, Any]) -> datetime | None:
    """A run that waits for its flow to be chosen does so since its creation."""
    return read_time(run.get("createdAt")) if native_key(word) == "selectflow" else None


def offers_of(status: Status, questions: Iterable[Question]) -> frozenset[Verb]:
    if status.is_final or status is Status.UNKNOWN:
        return frozenset()
    answer = {Verb.ANSWER} if any(question.is_answerable for question in questions) else set()
    return frozenset({Verb.CANCEL} | answer)


def read_flow(flow: Any) -> Workflow:
    """A row without a flow is possible: every field of the model is optional."""
    if not flow:
        return Workflow(ref="unknown", name="(flow not named)")
    return Workflow(ref=flow["id"], name=flow.get("displayName") or flow["id"], can_start=True)


def read_percentage(value: Any) -> int | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return min(max(round(value), 0), 100) if is_number else None


def hidden(state: dict[str, Any], key: str) -> dict[str, Any]:
    return state | {key: "(not shown)"} if state.get(key) else state


# ---------------------------------------------------------------------------- questions, documents


def properties_of(progress: dict[str, Any]) -> dict[str, Any]:
    """Empty for a schema that is none: the run is shown all the same, with what was sent."""
    schema = progress.get("schema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return properties if isinstance(properties, dict) else {}


def round_of(progress: dict[str, Any]) -> str:
    """The same for one round of input, another for the next: the property keys name the blocks
    that ask, `currentData` the record they ask about. Nothing numbers the rounds."""
    asked = [sorted(properties_of(progress)), progress.get("currentData")]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def read_questions(progress: dict[str, Any]) -> tuple[Question, ...]:
    key = native_key(progress.get("status"))
    if key == "selectflow":
        why = "A flow has to be chosen in the Smart Flows panel; the API takes no answer."
        return (Question(ref="select_flow", kind="form", title=why, is_answerable=False),)
    if key != "userinput":
        return ()
    schema = progress.get("schema")
    return (
        Question(
            ref=round_of(progress),
            kind="form",
            title=str(progress.get("message") or "Input needed"),
            schema=schema,
            form=progress.get("form"),
            model=progress.get("model"),
            # A schema that is none stays answerable here: pages say what is wrong with it.
            is_answerable=bool(properties_of(progress)) or not isinstance(schema, dict | None),
        ),
    )


def read_documents(model: Any) -> tuple[Output, ...]:
    """Objects of type "document" anywhere in the model: their property's name varies (seed)."""
    found = {item["id"]: item for item in nested(model) if item.get("type") == "document"}
    return tuple(
        Output(ref=ref, name=item.get("displayName") or ref) for ref, item in found.items()
    )


def nested(value: Any) -> Iterator[dict[str, Any]]:
    """Every object inside a JSON value, itself included."""
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from nested(item)


def file_name(name: str, content_type: str) -> str:
    ending = mimetypes.guess_extension(content_type) or ""
    return name if name.lower().endswith(ending) else name + ending

"""The log of a run: those of all its tasks and their tries, one after the other.

Airflow keeps one log per try of a task. A cursor notes for each task the try and how many of its
lines were read, since tasks go on side by side and a task that is cleared begins again later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from providers.adapters.airflow.reading import in_order, read_time, state_of, step_ref
from providers.contract import LogLine, native_key
from providers.http import parse_json

ALL = -1
FAILED = "Task failed with exception"  # how the runner of a task calls what ended it
SILENT = {"skipped", "upstreamfailed", "removed"}  # a task that did not run has no log
OVER = {"success", "failed", "upforretry"}
LEVELS = {"warn": "warning", "fatal": "critical", "exception": "error"}


@dataclass
class Cursor:
    """What was read: by task, its try and the number of lines of it, or ALL."""

    read: dict[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Cursor:
        known = parse_json(text.encode()) if text else {}
        return cls({key: (int(each[0]), int(each[1])) for key, each in known.items()})

    def note(self, part: Part, count: int, *, is_whole: bool) -> None:
        """So many lines of it were read; `is_whole`: no more of it is there now."""
        is_done = is_whole and part.is_over
        self.read[mark_of(part.task)] = (part.number, ALL if is_done else part.start + count)

    def write(self) -> str:
        parts = (f'"{key}":[{number},{lines}]' for key, (number, lines) in self.read.items())
        return "{" + ",".join(parts) + "}" if self.read else ""


@dataclass(frozen=True)
class Part:
    """A try whose log is to be read from a line on. `is_over`: no later line will come."""

    task: Mapping[str, Any]
    number: int
    start: int
    is_over: bool


def mark_of(task: Mapping[str, Any]) -> str:
    return hashlib.blake2b(step_ref(task).encode(), digest_size=6).hexdigest()


def parts_of(tasks: list[Any], cursor: Cursor) -> Iterator[Part]:
    """What is left to read, in the order in which tasks began."""
    for task in in_order(tasks):
        number, lines = cursor.read.get(mark_of(task), (1, 0))
        if lines == ALL:
            number, lines = number + 1, 0
        state = native_key(state_of(task))
        has_begun = task["start_date"] is not None and state not in SILENT
        for each in range(number, task["try_number"] + 1):
            is_last = each == task["try_number"]
            if is_last and not has_begun:
                break
            yield Part(task, each, lines if each == number else 0, not is_last or state in OVER)


def read_line(entry: Any, ref: str) -> LogLine:
    """A line of a structured log, or a bare text of an older one."""
    if not isinstance(entry, dict):
        return LogLine(text=str(entry), step_ref=ref)
    level = str(entry.get("level") or "").lower()
    lines = [str(entry.get("event", "")), *traceback_of(entry)]
    return LogLine(
        text="\n".join(lines),
        at=read_time(entry.get("timestamp")),
        level=LEVELS.get(level, level),
        step_ref=ref,
    )


def errors_in(entry: Any) -> list[Mapping[str, Any]]:
    """The exceptions of a line; what caused the first one follows."""
    found = entry.get("error_detail") if isinstance(entry, dict) else None
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def traceback_of(entry: Mapping[str, Any]) -> Iterator[str]:
    for error in errors_in(entry):
        frames = error.get("frames")
        for frame in frames if isinstance(frames, list) else []:
            if isinstance(frame, dict):
                place = f"line {frame.get('lineno')}, in {frame.get('name')}"
                yield f'  File "{frame.get("filename")}", {place}'
        yield error_text(error)


def error_text(error: Mapping[str, Any]) -> str:
    """ "ValueError: mailbox is full"."""
    kind, value = error.get("exc_type") or "", error.get("exc_value") or ""
    return f"{kind}: {value}" if kind and value else str(kind or value)


def cause(entries: list[Any]) -> tuple[str, str]:
    """Why a try failed by its log: the exception's type, and a sentence. What ended the task comes
    before an exception that was met later, as in telling the server."""
    raised = [entry for entry in entries if errors_in(entry)]
    for entry in [*raised, *(each for each in raised if each.get("event") == FAILED)][::-1]:
        error = errors_in(entry)[0]
        return str(error.get("exc_type") or ""), error_text(error)
    for entry in reversed(entries):
        if isinstance(entry, dict) and entry.get("level") in ("error", "critical"):
            return "", str(entry.get("event", ""))
    return "", ""

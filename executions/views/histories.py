"""What happened to a run and what people asked of it: transitions and commands, as sentences."""

from __future__ import annotations

from typing import Any

from executions.arguments import shown_arguments
from executions.models import OPEN_COMMAND_STATES, Command, Execution, Question, Transition
from executions.wording import COMMAND_LAMPS, COMMAND_WORDS, STATUS_VIEWS, clock, iso, moment, plain

MAX_SHOWN = 200
FLAG_WORDS = {"first": "first seen", "reopened": "came back after its end", "refined": "more exact"}
NOUNS = {"cancel": "Cancel", "suspend": "Suspend", "resume": "Resume", "answer": "Answer",
         "start": "Start"}  # fmt: skip
ICONS = {"cancel": "slash", "suspend": "pause", "resume": "play", "answer": "hand", "start": "play"}


def history_of(run: Execution) -> dict[str, Any]:
    newest = Transition.objects.filter(execution=run).order_by("-version")[:MAX_SHOWN]
    rows = Command.objects.filter(execution=run).select_related("requested_by")[:MAX_SHOWN]
    return {
        "transitions": [_transition(row) for row in newest],
        "commands_history": [command_view(row) for row in rows],
    }


def open_rows(run: Execution) -> list[Command]:
    states = [str(state) for state in OPEN_COMMAND_STATES]
    found = Command.objects.filter(execution=run, state__in=states)
    return list(found.select_related("requested_by").order_by("-requested_at"))


def open_commands(run: Execution) -> list[dict[str, Any]]:
    """What is under way, for the top of the page."""
    return [command_view(row) for row in open_rows(run)]


def command_view(
    command: Command, question: Question | None = None, *, with_arguments: bool = True
) -> dict[str, Any]:
    """One command with the steps it went through; `question` is the one it answers, where the
    caller has it."""
    state = command.state
    return {
        "kind": NOUNS.get(command.kind, command.kind),
        "icon": ICONS.get(command.kind, "send"),
        "state": COMMAND_WORDS.get(state, state),
        "lamp": COMMAND_LAMPS.get(state, "active"),
        "by": command.requested_by.get_username() if command.requested_by else "someone",
        "reason": plain(command.reason),
        "message": plain(command.message),
        "steps": _steps(command),
        "is_open": state in {str(each) for each in OPEN_COMMAND_STATES},
        "arguments": argument_pairs(command, question) if with_arguments else [],
        "new_ref": plain(command.new_ref),
    }


def sentence(command: Command) -> str:
    """Why a second one is not taken."""
    by = command.requested_by.get_username() if command.requested_by else "someone"
    word = COMMAND_WORDS.get(command.state, command.state)
    kind = NOUNS.get(command.kind, command.kind)
    return f"{kind} {word} {clock(command.requested_at)} by {by}"


def _steps(command: Command) -> list[dict[str, str]]:
    """Requested, sent, accepted, settled: what there is of it, each with its time."""
    settled = COMMAND_WORDS.get(command.state, command.state)
    times = (
        ("requested", command.requested_at),
        ("sent", command.sent_at),
        ("accepted", command.accepted_at),
        (settled, command.settled_at),
    )
    return [
        {"word": word, "at": moment(at), "iso": iso(at)} for word, at in times if at is not None
    ]


def argument_pairs(command: Command, question: Question | None = None) -> list[tuple[str, str]]:
    """What was sent, secrets masked, as names and texts."""
    if not command.sealed_arguments:
        return []
    values = shown_arguments(command, question)
    pairs = values.items() if isinstance(values, dict) else [("value", values)]
    return [(plain(str(key), 80), plain(str(value), 300)) for key, value in list(pairs)[:100]]


def _transition(row: Transition) -> dict[str, Any]:
    return {
        "version": row.version,
        "was": STATUS_VIEWS.get(row.from_status),
        "now": STATUS_VIEWS[row.to_status],
        "native": plain(row.native_status),
        "reason": plain(row.status_reason),
        "provider_time": moment(row.provider_time),
        "observed": moment(row.observed_at),
        "observed_iso": iso(row.observed_at),
        "flags": ", ".join(FLAG_WORDS.get(flag, flag) for flag in row.flags),
    }

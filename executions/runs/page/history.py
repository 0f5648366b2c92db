"""What happened to a run: its transitions and their causes, and what people asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest

from executions.commands.display import command_view
from executions.commands.verbs import RUN_VERBS
from executions.display.people import user_name
from executions.display.statuses import STATUS_VIEWS
from executions.models import (
    Command,
    CommandState,
    Execution,
    Transition,
)
from executions.payloads.text_escaping import plain
from executions.runs.page.query_params import HISTORY_WORDS, link, number, query, word
from executions.triage.display import acts_of
from providers.contract import Status, Verb

MAX_SHOWN = 100
FLAG_WORDS = {"first": "first seen", "reopened": "reopened after its end", "refined": "more exact",
              "reported": "reported by the provider"}  # fmt: skip


def history_of(request: HttpRequest, run: Execution) -> dict[str, Any]:
    """A page of transitions and one of commands, newest first. Three queries."""
    moves = Transition.objects.filter(execution=run).order_by("-version")
    below = number(request, "moves_before")
    if below is not None:
        moves = moves.filter(version__lt=below)
    rows = Command.objects.filter(execution=run).select_related("requested_by", "batch_item")
    until = _time(word(request, "commands_before"))
    asked = rows.filter(requested_at__lt=until) if until else rows
    shown, commands = list(moves[: MAX_SHOWN + 1]), list(asked[: MAX_SHOWN + 1])
    causes = commands if until is None else list(rows[:MAX_SHOWN])
    more_moves, more_commands = shown[MAX_SHOWN:], commands[MAX_SHOWN:]
    shown, commands = shown[:MAX_SHOWN], commands[:MAX_SHOWN]
    return {
        "transitions": [_transition(row, cause_of(row, causes)) for row in shown],
        "commands_history": [command_view(row) for row in commands],
        "decisions": acts_of(run),
        "history_keep": query(request, HISTORY_WORDS),
        "moves_older": link(request, moves_before=shown[-1].version) if more_moves else "",
        "moves_newest": link(request, moves_before=None) if below is not None else "",
        "commands_older": link(request, commands_before=commands[-1].requested_at.isoformat())
        if more_commands
        else "",
        "commands_newest": link(request, commands_before=None) if until else "",
    }


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def cause_of(move: Transition, commands: Sequence[Command]) -> dict[str, str]:
    """Who or what brought a status: the command that was on its way to the provider when a poll
    saw it, else the provider alone."""
    if "reported" in move.flags:
        return {"words": "from the provider’s times; no poll saw it", "key": ""}
    under_way = [command for command in commands if _was_under_way(command, move)]
    command = max(under_way, key=lambda each: each.sent_at or each.requested_at, default=None)
    if command is None:
        return {"words": "seen by a poll", "key": ""}
    return {"words": _cause(move, command), "key": str(command.key)}


def _was_under_way(command: Command, move: Transition) -> bool:
    if command.kind == Verb.START:
        return "first" in move.flags
    sent = command.sent_at
    if sent is None or move.version <= command.version_at_send or move.observed_at < sent:
        return False
    return command.settled_at is None or move.observed_at <= command.settled_at


def _cause(move: Transition, command: Command) -> str:
    who = user_name(command.requested_by)
    if command.kind == Verb.START:
        return f"started by {who}"
    if command.kind == Verb.ANSWER:
        return f"after the answer of {who}"
    if move.to_status in RUN_VERBS[command.kind].effects:
        if command.kind == Verb.CANCEL and move.to_status == Status.FAILED:
            return f"failed after cancel requested by {who}"
        return f"after {command.kind} requested by {who}"
    if command.state == CommandState.REJECTED:
        return f"seen by a poll; the {command.kind} requested by {who} came too late"
    if not RUN_VERBS[command.kind].effects:
        return f"after {command.kind} requested by {who}"
    return f"seen by a poll, while the {command.kind} requested by {who} was under way"


def _transition(row: Transition, cause: dict[str, str]) -> dict[str, Any]:
    return {
        "version": row.version,
        "was": STATUS_VIEWS.get(row.from_status),
        "now": STATUS_VIEWS[row.to_status],
        "native": plain(row.native_status),
        "reason": plain(row.status_reason),
        "provider_time": row.provider_time,
        "is_reported": "reported" in row.flags,
        "observed": row.observed_at,
        "flags": ", ".join(FLAG_WORDS.get(flag, flag) for flag in row.flags),
        "cause": cause["words"],
        "command": cause["key"],
    }

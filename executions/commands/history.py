"""What happened to a run and what people asked of it: transitions and their causes, commands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from executions.arguments import worded_arguments
from executions.models import (
    OPEN_COMMAND_STATES,
    BatchItem,
    Command,
    CommandState,
    Execution,
    Question,
    Transition,
)
from executions.settling import STALLED_AFTER
from executions.views.addresses import HISTORY_WORDS, link, number, query, word
from executions.wording import (
    COMMAND_LAMPS,
    COMMAND_WORDS,
    STATUS_VIEWS,
    clock,
    iso,
    moment,
    plain,
    time_tag,
)
from providers.contract import Status, Verb

MAX_SHOWN = 100
FLAG_WORDS = {"first": "first seen", "reopened": "came back after its end", "refined": "more exact",
              "reported": "reported by the provider"}  # fmt: skip
NOUNS = {"cancel": "Cancel", "suspend": "Suspend", "resume": "Resume", "answer": "Answer",
         "start": "Start"}  # fmt: skip
ICONS = {"cancel": "slash", "suspend": "pause", "resume": "play", "answer": "hand", "start": "play"}
NOT_CONFIRMED = "not confirmed by the provider"
WHAT_NEXT = {
    CommandState.PENDING: "No worker has sent it yet. See under Accounts whether this account is "
    "reached; if all are late, no worker runs.",
    CommandState.SENDING: "A worker is still sending it. If the worker died, another one looks "
    "after it by itself.",
    CommandState.ACCEPTED: "The provider took it, but no poll has seen its effect. Look at the "
    "provider; it is looked at here as well, for a day.",
    CommandState.UNKNOWN: "Its answer was lost. The provider is being read; nothing is sent twice "
    "blindly.",
    CommandState.NEEDS_PERSON: "Look at the provider first. If it had no effect, ask again.",
}
EFFECTS = {  # what a confirmed wish leads to
    Verb.CANCEL: (Status.CANCELED, Status.FAILED),
    Verb.SUSPEND: (Status.PAUSED,),
}


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


# ------------------------------------------------------------------------------------- causes


def cause_of(move: Transition, commands: Sequence[Command]) -> dict[str, str]:
    """Who or what brought a status: the command that was on its way to the provider when a poll
    saw it, else the provider alone."""
    if "reported" in move.flags:
        return {"words": "the provider’s times tell it; no poll saw it", "key": ""}
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
    who = _by(command)
    if command.kind == Verb.START:
        return f"started by {who}"
    if command.kind == Verb.ANSWER:
        return f"after the answer of {who}"
    if move.to_status in EFFECTS.get(Verb(command.kind), ()):
        if command.kind == Verb.CANCEL and move.to_status == Status.FAILED:
            return f"failed after cancel requested by {who}"
        return f"after {command.kind} requested by {who}"
    if command.state == CommandState.REJECTED:
        return f"seen by a poll; the {command.kind} requested by {who} came too late"
    if command.kind == Verb.RESUME:
        return f"after resume requested by {who}"
    return f"seen by a poll, while the {command.kind} requested by {who} was under way"


def _by(command: Command) -> str:
    return command.requested_by.get_username() if command.requested_by else "someone"


# ----------------------------------------------------------------------------------- commands


def open_rows(run: Execution) -> list[Command]:
    states = [str(state) for state in OPEN_COMMAND_STATES]
    found = Command.objects.filter(execution=run, state__in=states)
    return list(found.select_related("requested_by", "batch_item").order_by("-requested_at"))


def open_commands(run: Execution) -> list[dict[str, Any]]:
    """What is under way, for the top of the page."""
    return [command_view(row) for row in open_rows(run)]


def is_stalled(command: Command) -> bool:
    """Open for so long that nobody should go on waiting for it without looking."""
    return is_open(command) and command.requested_at < timezone.now() - STALLED_AFTER


def is_open(command: Command) -> bool:
    return command.state in {str(each) for each in OPEN_COMMAND_STATES}


def command_view(
    command: Command, question: Question | None = None, *, with_arguments: bool = True
) -> dict[str, Any]:
    """One command with the steps it went through; `question` is the one it answers, where the
    caller has it."""
    state, stalled = command.state, is_stalled(command)
    needs_advice = stalled or state == CommandState.NEEDS_PERSON
    return {
        "key": str(command.key),
        "kind": NOUNS.get(command.kind, command.kind),
        "icon": ICONS.get(command.kind, "send"),
        "state": NOT_CONFIRMED if stalled else COMMAND_WORDS.get(state, state),
        "lamp": "warning" if stalled else COMMAND_LAMPS.get(state, "active"),
        "by": _by(command),
        "batch": _batch_of(command),
        "reason": plain(command.reason),
        "message": plain(command.message),
        "advice": WHAT_NEXT.get(CommandState(state), "") if needs_advice else "",
        "attempts": command.attempts if command.attempts > 1 else 0,
        "steps": _steps(command),
        "is_open": is_open(command),
        "arguments": argument_pairs(command, question) if with_arguments else [],
        "new_ref": plain(command.new_ref),
    }


def _batch_of(command: Command) -> int | None:
    """The batch that asked for it. Who sees the run may see the batch, which has started."""
    item: BatchItem | None = getattr(command, "batch_item", None)
    return item.batch_id if item else None


def sentence(command: Command) -> str:
    """Why a second one is not taken."""
    kind = NOUNS.get(command.kind, command.kind)
    when, word = clock(command.requested_at), COMMAND_WORDS.get(command.state, command.state)
    if is_stalled(command):
        return f"{kind} of {when} by {_by(command)} is {NOT_CONFIRMED}"
    return f"{kind} {word} {when} by {_by(command)}"


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
    """What was sent, secrets masked, as titles and texts."""
    if not command.sealed_arguments:
        return []
    pairs = worded_arguments(command, question)
    return [(plain(title, 80), plain(text, 300)) for title, text in pairs[:100]]


def _transition(row: Transition, cause: dict[str, str]) -> dict[str, Any]:
    return {
        "version": row.version,
        "was": STATUS_VIEWS.get(row.from_status),
        "now": STATUS_VIEWS[row.to_status],
        "native": plain(row.native_status),
        "reason": plain(row.status_reason),
        "provider_time": time_tag(row.provider_time),
        "is_reported": "reported" in row.flags,
        "observed": moment(row.observed_at),
        "observed_iso": iso(row.observed_at),
        "flags": ", ".join(FLAG_WORDS.get(flag, flag) for flag in row.flags),
        "cause": cause["words"],
        "command": cause["key"],
    }

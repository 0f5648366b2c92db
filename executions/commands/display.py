"""Commands as pages show them: their state, who asked for them and when, what was sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from executions.commands.reconciliation import STALLED_AFTER
from executions.commands.sealed_arguments import worded_arguments
from executions.commands.verbs import VERBS
from executions.display.command_states import COMMAND_LAMPS, COMMAND_WORDS
from executions.display.formatting import clock
from executions.display.people import user_name
from executions.models import (
    OPEN_COMMAND_STATES,
    BatchItem,
    Command,
    CommandState,
    Execution,
    Proposal,
    Question,
)
from executions.payloads.text_escaping import plain

NOT_CONFIRMED = "not confirmed by the provider"
WHAT_NEXT = {
    CommandState.PENDING: "No worker has sent it yet. Check under Accounts whether this account "
    "can be read; if all are late, no worker is running.",
    CommandState.SENDING: "A worker is still sending it. If that worker died, another one takes "
    "over automatically.",
    CommandState.ACCEPTED: "The provider accepted it, but no poll has seen its effect. Check at "
    "the provider; polls here check for a day as well.",
    CommandState.UNKNOWN: "The provider's reply was lost. Annunciator checks whether it worked "
    "before it sends anything again.",
    CommandState.NEEDS_PERSON: "Check at the provider first. If it had no effect, send it again.",
}


def open_rows(run: Any) -> list[Command]:
    """What is under way, newest first; read once per run."""
    if not hasattr(run, "_open_commands"):
        run._open_commands = _open_rows(run)
    found: list[Command] = run._open_commands
    return found


def _open_rows(run: Execution) -> list[Command]:
    states = [str(state) for state in OPEN_COMMAND_STATES]
    found = Command.objects.filter(execution=run, state__in=states)
    return list(found.select_related("requested_by", "batch_item").order_by("-requested_at"))


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
        "kind": VERBS[command.kind].word,
        "icon": VERBS[command.kind].icon,
        "state": NOT_CONFIRMED if stalled else COMMAND_WORDS.get(state, state),
        "lamp": "warning" if stalled else COMMAND_LAMPS.get(state, "active"),
        "by": by_whom(command),
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


def by_whom(command: Command) -> str:
    """Who asked for it, and the second person where there had to be one."""
    who = user_name(command.requested_by)
    return f"{who}, agreed by {user_name(command.agreed_by)}" if command.agreed_by_id else who


def _batch_of(command: Command) -> int | None:
    """The batch that asked for it. Who sees the run may see the batch, which has started."""
    item: BatchItem | None = getattr(command, "batch_item", None)
    return item.batch_id if item else None


def sentence(command: Command) -> str:
    """Why a second one is not taken."""
    kind = VERBS[command.kind].word
    when, word = clock(command.requested_at), COMMAND_WORDS.get(command.state, command.state)
    if is_stalled(command):
        return f"{kind} of {when} by {user_name(command.requested_by)} is {NOT_CONFIRMED}"
    return f"{kind} {word} {when} by {user_name(command.requested_by)}"


def _steps(command: Command) -> list[tuple[str, datetime]]:
    """Requested, sent, accepted, settled: what there is of it, each with its time."""
    settled = COMMAND_WORDS.get(command.state, command.state)
    times = (
        ("requested", command.requested_at),
        ("sent", command.sent_at),
        ("accepted", command.accepted_at),
        (settled, command.settled_at),
    )
    return [(word, at) for word, at in times if at is not None]


def argument_pairs(
    command: Command | Proposal, question: Question | None = None
) -> list[tuple[str, str]]:
    """What was sent, secrets masked, as titles and texts."""
    if not command.sealed_arguments:
        return []
    pairs = worded_arguments(command, question)
    return [(plain(title, 80), plain(text, 300)) for title, text in pairs[:100]]

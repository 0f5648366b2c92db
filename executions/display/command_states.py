"""The states of commands in words and lamps, as `statuses` has those of runs."""

from __future__ import annotations

from collections.abc import Mapping

from executions.models import OPEN_COMMAND_STATES, CommandState

COMMAND_WORDS: Mapping[str, str] = {
    CommandState.PENDING: "requested",
    CommandState.SENDING: "being sent",
    CommandState.ACCEPTED: "accepted, not confirmed yet",
    CommandState.CONFIRMED: "confirmed",
    CommandState.REJECTED: "rejected",
    CommandState.UNKNOWN: "outcome unknown, being checked",
    CommandState.NEEDS_PERSON: "needs a decision",
    CommandState.WITHDRAWN: "undone",
}


COMMAND_LAMPS: Mapping[str, str] = {
    CommandState.CONFIRMED: "done",
    CommandState.REJECTED: "failed",
    CommandState.UNKNOWN: "warning",
    CommandState.NEEDS_PERSON: "needs_you",
    CommandState.WITHDRAWN: "unknown",
}


def is_open_command(state: str) -> bool:
    return state in {str(each) for each in OPEN_COMMAND_STATES}

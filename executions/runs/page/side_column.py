"""What stands beside the steps of a run: the values a person knows it by, its keys on their way
through the engines, the last runs of its workflow, and who did what."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from executions.commands.verbs import VERBS
from executions.correlation import views as key_views
from executions.display.command_states import COMMAND_WORDS
from executions.display.people import user_name
from executions.inbox.question_context import values_of
from executions.models import Command, CommandState, Execution
from executions.payloads.text_escaping import plain
from executions.runs.page import person_waits, related
from executions.triage.display import acts_of
from providers.contract import Verb

MAX_PEOPLE = 6  # acts of people


def side_of(request: HttpRequest, run: Execution) -> dict[str, Any]:
    """At most eleven queries."""
    keys = key_views.keys_of(run)
    way = key_views.way_of(request, run, keys[0]["value"]) if keys else []
    return {
        "telling": values_of(run),
        "keys": keys,
        "way": way if len(way) > 1 else [],
        "provider_count": len({each["provider"] for each in way}),
        **related.related(run),
    }


def people_of(run: Execution) -> list[dict[str, Any]]:
    """What people did with it, newest first: answers given here or seen at the provider, commands,
    decisions. At most three queries."""
    asked = {wait.ref: wait.title for wait in person_waits.waits_of(run)}
    rows = Command.objects.filter(execution=run).select_related("requested_by")
    did: list[dict[str, Any]] = [
        {
            "who": user_name(row.requested_by),
            "text": _command_words(row, asked.get(row.question_ref, "")),
            "at": row.requested_at,
        }
        for row in rows.order_by("-requested_at")[:MAX_PEOPLE]
    ]
    did += [
        {"who": each["by"], "text": each["words"], "at": each["at"]}
        for each in acts_of(run)[:MAX_PEOPLE]
    ]
    return sorted(did, key=lambda each: each["at"], reverse=True)[:MAX_PEOPLE]


def _command_words(row: Command, question: str) -> str:
    """`ana answered “Release?”, confirmed`."""
    who, state = user_name(row.requested_by), COMMAND_WORDS.get(row.state, row.state)
    if row.state == CommandState.PENDING:
        state = "waiting to be sent"  # that it was requested is said before
    if row.kind == Verb.ANSWER:
        what = f"answered “{question}”" if question else "answered"
    elif row.kind == Verb.START:
        what = "started it"
    else:
        what = f"requested {VERBS[row.kind].word.lower()}"
    reason = f" (“{plain(row.reason, 160)}”)" if row.reason else ""
    is_refused = row.state in (CommandState.REJECTED, CommandState.NEEDS_PERSON)
    message = f": {plain(row.message, 300)}" if is_refused and row.message else ""
    return f"{who} {what}{reason}, {state}{message}"

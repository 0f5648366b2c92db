"""The desk beside the list of the inbox: what one needs to decide on a question, and what became of
the answer that was sent just before."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from django.utils import timezone

from executions.commands.sealed_arguments import worded_arguments
from executions.display.command_states import COMMAND_LAMPS, COMMAND_WORDS
from executions.display.formatting import size
from executions.display.people import user_name
from executions.display.statuses import STATUS_VIEWS
from executions.inbox.question_display import undo_of
from executions.inbox.question_rows import MAX_ANSWER, words_of
from executions.models import (
    Command,
    CommandState,
    Execution,
    ExecutionDetail,
    Note,
    Output,
    Proposal,
    Question,
    Step,
)
from executions.payloads.telling_paths import is_telling, scalars
from executions.payloads.text_escaping import plain
from executions.polling import read_queue
from executions.web.requester import accounts_of
from providers.contract import Status, Verb

MAX_INPUT = 2**16  # stored bytes; of a larger input nothing is shown here
MAX_VALUES = 8
MAX_DOCUMENTS = 8
MAX_STEPS = 7
MAX_NOTES = 3
MAX_VALUE = 200  # characters
FOLLOWED = timedelta(minutes=1)  # after an answer its run is read as if its page were open


def about(run: Execution) -> dict[str, Any]:
    """What stands beside the form: values, documents, steps so far, people. Four queries."""
    return {
        "values": values_of(run),
        "documents": _documents(run),
        "steps": _steps(run),
        "people": _people(run),
    }


def values_of(run: Execution) -> list[tuple[str, str]]:
    """(name, value) of the input, those first that its workflow shows, then those that tell a
    person something."""
    is_small = RawSQL("pg_column_size(input) < %s", [MAX_INPUT], BooleanField())
    rows = ExecutionDetail.objects.filter(is_small, pk=run.pk)
    given = list(scalars(rows.values_list("input", flat=True).first()))
    flow = run.workflow
    chosen = [*flow.shown_values, *(p for p in flow.learned_values if p not in flow.hidden_values)]

    def rank(pair: tuple[str, Any]) -> tuple[int, bool]:
        path, value = pair
        place = chosen.index(path) if path in chosen else len(chosen)
        return place, not is_telling(path.rpartition("/")[2], value)

    shown = sorted((pair for pair in given if str(pair[1]).strip()), key=rank)[:MAX_VALUES]
    return [(words_of(path), plain(str(value), MAX_VALUE)) for path, value in shown]


def _documents(run: Execution) -> list[dict[str, Any]]:
    ready = Output.objects.filter(execution=run, status=Status.SUCCEEDED.value)
    return [
        {"id": each.pk, "name": plain(each.name, 120), "size": size(each.size)}
        for each in ready.order_by("name", "pk")[:MAX_DOCUMENTS]
    ]


def _steps(run: Execution) -> list[dict[str, Any]]:
    """The last ones that have begun, in their order, and where it stands now."""
    rows = Step.objects.filter(execution=run).exclude(started_at=None, status="queued")
    last = rows.order_by("-position").only("name", "status", "started_at", "finished_at")
    return [
        {
            "name": plain(each.name, 120) or "(no name)",
            "status": STATUS_VIEWS[each.status],
            "is_here": each.status == Status.USER_INPUT,
            "since": None if each.finished_at else each.started_at,
            "took": each.finished_at - each.started_at
            if each.started_at and each.finished_at
            else None,
        }
        for each in reversed(last[:MAX_STEPS])
    ]


def _people(run: Execution) -> list[dict[str, Any]]:
    """Who said what before: answers in this run, notes on it and on its workflow."""
    answers = Command.objects.filter(
        execution=run, kind=Verb.ANSWER.value, state=CommandState.CONFIRMED
    ).select_related("requested_by")
    notes = Note.objects.filter(Q(execution=run) | Q(workflow=run.workflow_id))
    answered = [
        {"who": user_name(each.requested_by), "text": "answered a question of this run",
         "at": each.requested_at}
        for each in answers.order_by("-requested_at")[:MAX_NOTES]
    ]  # fmt: skip
    noted = [
        {"who": user_name(each.author), "text": plain(each.text, 300), "at": each.created_at}
        for each in notes.select_related("author").order_by("-is_pinned", "-pk")[:MAX_NOTES]
    ]
    return [*noted, *answered]


def sent_line(request: HttpRequest) -> dict[str, Any] | None:
    """What became of the answer that led here (`?sent=key`): requested, accepted, confirmed, or
    refused with its reason. None where there is none of this person."""
    try:
        key = uuid.UUID(request.GET.get("sent", ""))
    except ValueError:
        return None
    own = Q(requested_by=request.user.pk) | Q(agreed_by=request.user.pk)
    found = Command.objects.filter(
        own, pk=key, kind=Verb.ANSWER.value,
        account_id__in=list(accounts_of(request)),
    )  # fmt: skip
    command = found.select_related("execution__account", "execution__workflow").first()
    if command is None:
        return _proposed_line(request, key)
    question = Question.objects.filter(
        execution=command.execution, ref=command.question_ref
    ).first()
    words = [text for _, text in worded_arguments(command, question) if text]
    run, is_sent = command.execution, command.state != CommandState.PENDING
    if run is not None and is_sent and command.requested_at > timezone.now() - FOLLOWED:
        read_queue.watch(run)
    return {
        "key": str(command.key),
        "title": plain(question.title, 160) if question and question.title else "Your answer",
        "answer": plain(words[0], MAX_ANSWER) if len(words) == 1 else "",
        "did": "agreed by you" if command.agreed_by_id == request.user.pk else "answered by you",
        "state": command.state,
        "word": COMMAND_WORDS.get(command.state, command.state),
        "lamp": COMMAND_LAMPS.get(command.state, "active"),
        "at": command.settled_at or command.accepted_at or command.sent_at or command.requested_at,
        "account": command.account.name,
        "message": plain(command.message, 300),
        "run_id": command.execution_id,
        "again": _asked_again(command),
        "question_id": question.pk if question else None,
        "is_refused": command.state == CommandState.REJECTED,
        "undo": undo_of(request, command),
    }


def _asked_again(command: Command) -> dict[str, Any] | None:
    """What the run has asked since this answer, as a form of several rounds does."""
    since = Question.objects.filter(
        execution=command.execution_id, closed_at=None, seen_at__gt=command.requested_at
    )
    for question in since.order_by("pk")[:1]:
        return {"id": question.pk, "title": plain(question.title, MAX_ANSWER)}
    return None


def _proposed_line(request: HttpRequest, key: uuid.UUID) -> dict[str, Any] | None:
    """The same of an answer that waits for a second person."""
    found = Proposal.objects.filter(
        pk=key, requested_by=request.user.pk,
        question__execution__account_id__in=list(accounts_of(request)),
    )  # fmt: skip
    proposal = found.select_related("question__execution__account").first()
    if proposal is None:
        return None
    question, run = proposal.question, proposal.question.execution
    words = [text for _, text in worded_arguments(proposal, question) if text]
    return {
        "key": str(proposal.key),
        "title": plain(question.title, 160) or "Your answer",
        "answer": plain(words[0], MAX_ANSWER) if len(words) == 1 else "",
        "did": "proposed by you",
        "state": proposal.state,
        "word": proposal.get_state_display(),
        "lamp": "needs_you",
        "at": proposal.decided_at or proposal.requested_at,
        "account": run.account.name,
        "message": "",
        "run_id": run.pk,
        "question_id": question.pk,
        "is_refused": False,
        "undo": {},
    }

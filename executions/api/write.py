"""What programs can request. As on the pages, a command is a row first, and a worker sends it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest, QueryDict
from django.shortcuts import get_object_or_404
from ninja import Header, Router, Status

from executions import database_clock
from executions.access.permissions import require_may_act, visible_accounts
from executions.api import schemas
from executions.api.errors import Refusal
from executions.api.read import filters_of, person, proposals_of, visible, visible_execution
from executions.commands import second_person, submit
from executions.commands.withdrawal import withdraw
from executions.forms import CompiledForm, compile_question
from executions.forms.secret_masking import unmasked
from executions.inbox import delegation
from executions.inbox.drafts import refuses_empty
from executions.models import (
    Act,
    Command,
    Execution,
    Proposal,
    ProposalState,
    Question,
    Rank,
    Workflow,
)
from executions.polling import read_queue
from executions.triage import acts
from executions.triage.form_choices import person_named
from executions.web.requester import address
from providers.contract import Verb

router = Router()
IdempotencyKey = Annotated[UUID | None, Header()]


@router.post("executions/{int:pk}/commands", response={202: schemas.Command})
def create_command(
    request: HttpRequest,
    pk: int,
    body: schemas.CommandRequest,
    idempotency_key: IdempotencyKey = None,
) -> Status[Command | Proposal]:
    """Recorded, not yet done: ask `commands/{key}` until its state is `confirmed` or `rejected`.
    An answer that needs a second person is `held` until one agrees.
    A start starts another run of the same workflow. The same `Idempotency-Key` (a UUID) twice is
    one command."""
    execution = visible_execution(request, pk)
    kind = body.kind
    about = execution.workflow if kind is Verb.START else execution
    known = _admit(request, idempotency_key, kind, about, body.question)
    if known is not None:
        return Status(202, known)
    common: dict[str, Any] = {
        "user": person(request),
        "reason": body.reason,
        "key": idempotency_key,
        "address": address(request),
    }
    if kind is Verb.START:
        command = submit.request_start(workflow=execution.workflow, arguments=body.values, **common)
    elif kind is Verb.ANSWER:
        question = _question(execution, body)
        form, values = compile_question(question), unmasked(body.values, question.model)
        _check_answer(form, values, question)
        answered = second_person.answer(
            question=question,
            form=form,
            values=values,
            hold=timedelta(seconds=body.hold_seconds),
            **common,
        )
        return Status(202, answered)
    else:
        command = submit.request_command(
            execution=execution, kind=kind, option=body.option, **common
        )
    return Status(202, command)


@router.post("commands/{uuid:key}/agreement", response={202: schemas.Command})
def agree(request: HttpRequest, key: UUID) -> Status[Command]:
    """Agree, as the second person, to an answer that is `held`: it becomes the command of this
    key."""
    proposal = _proposal(request, key)
    return Status(202, second_person.agree(person(request), proposal, address=address(request)))


@router.post("commands/{uuid:key}/return", response={200: schemas.Command})
def give_back(request: HttpRequest, key: UUID, body: schemas.Return) -> Proposal:
    """Give an answer that is `held` back to the person who proposed it."""
    proposal = _proposal(request, key)
    second_person.give_back(person(request), proposal, body.reason, address=address(request))
    return _proposal(request, key)


def _proposal(request: HttpRequest, key: UUID) -> Proposal:
    require_may_act(person(request))
    return get_object_or_404(proposals_of(request), pk=key)


@router.post("commands/{uuid:key}/undo", response={200: schemas.Command})
def undo_command(request: HttpRequest, key: UUID) -> Command | Proposal:
    """Take a command of one's own back, while nothing of it was sent, or an answer that is `held`:
    it is `withdrawn` then. 409 if it is too late."""
    held = proposals_of(request).filter(pk=key, state=ProposalState.HELD).first()
    if held is not None:
        second_person.withdraw(person(request), held, address=address(request))
        return proposals_of(request).get(pk=key)
    rows = Command.objects.select_related("account", "requested_by", "execution", "workflow")
    visible = rows.filter(account__in=visible_accounts(person(request)).values("pk"))
    command = get_object_or_404(visible, pk=key)
    if not withdraw(person(request), command, address=address(request)):
        raise Refusal(409, "too_late", "It was sent already, or it is not yours.")
    command.refresh_from_db()
    return command


@router.post("executions/{int:pk}/readings", response={202: schemas.Reading})
def create_reading(request: HttpRequest, pk: int) -> Status[dict[str, Any]]:
    """Have the run read from its provider, as an opened page does: ask `executions/{id}` until its
    `reading` is false. Several requests for one run are one reading."""
    execution = visible_execution(request, pk)
    read_queue.ask([execution.pk], Rank.PERSON)
    return Status(202, {"reading": read_queue.is_waiting(execution)})


@router.post(
    "executions/{int:pk}/decisions", response={200: schemas.ExecutionDetail}, by_alias=True
)
def decide(request: HttpRequest, pk: int, decision: schemas.Decision) -> Execution:
    """Resolve a failed run, ignore it until a time, assign it, let it go, or reopen it. Done at
    once: nothing is sent to the provider. Twice is the same as once."""
    execution = visible_execution(request, pk)
    require_may_act(person(request), execution.account_id)
    _decide(request, decision, acts.picked([execution.pk]))
    return visible_execution(request, pk)


@router.post(
    "executions/{int:pk}/delegations", response={200: schemas.ExecutionDetail}, by_alias=True
)
def delegate_question(request: HttpRequest, pk: int, body: schemas.Delegation) -> Execution:
    """Delegate an open question to a person or a team that may answer it, or take that back. Done
    at once: nothing is sent to the provider."""
    execution = visible_execution(request, pk)
    require_may_act(person(request), execution.account_id)
    open_ones = execution.questions.filter(closed_at__isnull=True, ref=body.question)
    question = open_ones.select_related("delegated_to", "delegated_team").first()
    if question is None:
        raise Refusal(422, "invalid", "question: this run asks no such question.")
    if body.person and body.team:
        raise Refusal(422, "invalid", "Name either person or team.")
    by, common = person(request), {"address": address(request)}
    if not (body.person or body.team):
        delegation.take_back(by, question, **common)
        return visible_execution(request, pk)
    to: User | Group | None
    if body.person:
        to = delegation.people_for([question]).filter(username=body.person).first()
    else:
        to = delegation.teams_for([question]).filter(name=body.team).first()
    if to is None:
        raise Refusal(422, "invalid", "Nobody who may answer has this name.")
    try:
        delegation.delegate(by, [question], to=to, note=body.note, **common)
    except delegation.NotDelegated as error:
        raise Refusal(422, "invalid", str(error)) from error
    return visible_execution(request, pk)


@router.post("decisions", response={200: schemas.Decided})
def decide_many(request: HttpRequest, decision: schemas.ManyDecisions) -> dict[str, int]:
    """The same for many runs, at most 10,000 at a time."""
    require_may_act(person(request))
    if bool(decision.ids) == bool(decision.filter):
        raise Refusal(422, "invalid", "Name either ids or a filter.")
    if decision.ids:
        return {"changed": _decide(request, decision, acts.picked(decision.ids))}
    filters = filters_of(request, QueryDict(decision.filter.lstrip("?")), visible(request))
    return {"changed": _decide(request, decision, acts.matching(filters))}


def _decide(request: HttpRequest, decision: schemas.Decision, runs: QuerySet[Execution]) -> int:
    by = person(request)
    common: dict[str, Any] = {"address": address(request)}
    try:
        match Act(decision.act):
            case Act.RESOLVE:
                return acts.resolve(by, runs, reason=decision.reason, **common)
            case Act.IGNORE:
                until = decision.until or database_clock.now()
                if until.tzinfo is None:
                    raise Refusal(422, "invalid", "until: name its zone, as in 2026-11-22T09:30Z.")
                return acts.ignore(by, runs, until=until, reason=decision.reason, **common)
            case Act.ASSIGN:
                return acts.assign(by, runs, to=_person_named(by, decision.assignee), **common)
            case Act.LET_GO:
                return acts.let_go(by, runs, **common)
            case Act.REOPEN:
                return acts.reopen(by, runs, **common)
    except acts.NotDone as error:
        raise Refusal(422, "invalid", str(error)) from error


def _person_named(by: User, name: str | None) -> User:
    if name is None:
        return by
    found = person_named(name)
    if found is None:
        raise Refusal(422, "invalid", "assignee: nobody who may act has this user name.")
    return found


@router.post("workflows/{int:pk}/runs", response={202: schemas.Command})
def start_run(
    request: HttpRequest,
    pk: int,
    start: schemas.Start,
    idempotency_key: IdempotencyKey = None,
) -> Status[Command]:
    """Start a run of a workflow; the ids are in `workflows`."""
    rows = Workflow.objects.filter(account__in=visible_accounts(person(request)).values("pk"))
    workflow = get_object_or_404(rows.select_related("account"), pk=pk)
    known = _admit(request, idempotency_key, Verb.START, workflow)
    if known is None:
        known = submit.request_start(
            user=person(request),
            workflow=workflow,
            arguments=start.arguments,
            reason=start.reason,
            key=idempotency_key,
            address=address(request),
        )
    return Status(202, known)


def _admit(
    request: HttpRequest,
    key: UUID | None,
    kind: Verb,
    about: Execution | Workflow,
    question: str = "",
) -> Command | None:
    """The command that already has this key. Raises if it was another request, and unless this
    person may ask for another."""
    user = person(request)
    require_may_act(user, about.account_id)
    known = Command.objects.filter(key=key).first() if key else None
    if known is not None:
        was_about = known.workflow_id if kind is Verb.START else known.execution_id
        if (known.requested_by_id, known.account_id, known.kind, was_about) != (
            user.pk, about.account_id, kind.value, about.pk,
        ) or (kind is Verb.ANSWER and known.question_ref != question):  # fmt: skip
            sentence = "This Idempotency-Key belongs to another command. Make a new one."
            raise Refusal(409, "key_in_use", sentence)
        return known
    submit.check_pace(user)
    return None


def _question(execution: Execution, body: schemas.CommandRequest) -> Question:
    if not body.question:
        raise Refusal(422, "invalid", "question: name the question that this answers, by its ref.")
    question = execution.questions.filter(ref=body.question).first()
    if question is None:
        raise Refusal(422, "invalid", "question: this run asks no such question.")
    if question.kind == "approval":
        allowed = [choice["value"] for choice in question.choices]
        if body.values.get("choice") not in allowed:
            raise Refusal(422, "invalid", f"values.choice: it must be one of {', '.join(allowed)}.")
    return question


def _check_answer(form: CompiledForm, values: dict[str, Any], question: Question) -> None:
    """Refuses what the page would refuse, by the paths of its fields."""
    complaints = form.complaints_about(values, refuses_empty=refuses_empty(question))
    if complaints:
        lines = [f"{'.'.join(filter(None, ('values', path)))}: {text}" for path, text in complaints]
        raise Refusal(422, "invalid", " ".join(lines))

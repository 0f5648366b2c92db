"""Submits commands: each is recorded as a row before anything is sent.

Web views and the API call `request_command` and `request_start`; a worker sends what is recorded
(`dispatch`), and what came of it is settled by reading the provider (`reconciliation`).
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from executions import database_clock
from executions.access import audit_log
from executions.access.permissions import require_may_act
from executions.commands.eligibility import answers_under_way, needs_two, not_offered
from executions.commands.sealed_arguments import seal
from executions.commands.verbs import options_of
from executions.display.formatting import stamped
from executions.display.freshness import blind_sentence
from executions.display.people import user_name
from executions.forms import CompiledForm
from executions.live import publish
from executions.live.wake_workers import wake
from executions.models import (
    MAX_REASON,
    OPEN_COMMAND_STATES,
    Command,
    Execution,
    Proposal,
    Question,
    Workflow,
)
from providers.contract import Verb
from providers.models import ProviderAccount

SECOND_PERSON = "This answer needs a second person: propose it on its own page."
COMMANDS_PER_MINUTE = 60  # of one person, those of batches apart


class NotPossible(Exception):
    """Show it: the command cannot be recorded. str() is a sentence for a person."""


class TooMany(NotPossible):
    """As NotPossible, for now: `retry_after` in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            f"You have sent {COMMANDS_PER_MINUTE} commands within a minute, the most for one "
            f"person. Nothing was recorded; try again in {retry_after} s."
        )
        self.retry_after = retry_after


# ------------------------------------------------------------------------------------- recording


def request_command(
    *,
    user: User,
    execution: Execution,
    kind: Verb,
    question: Question | None = None,
    form: CompiledForm | None = None,
    values: dict[str, Any] | None = None,
    option: str = "",
    reason: str = "",
    key: UUID | None = None,
    address: str | None = None,
    is_paced: bool = True,
    hold: timedelta = timedelta(),
) -> Command:
    """Record a command about a run and wake a worker after the commit. An answer comes with its
    `question` and the `form` that it was given in, which knows the secrets in `values`. `option` is
    one of those that the provider offers for the verb, "" the usual one.

    The same request twice is one command: an open one of this kind, or the one with this key, comes
    back instead. `hold`: how long it waits for an undo before it is sent. Raises NotPossible and
    PermissionDenied.
    """
    require_may_act(user, execution.account_id)
    known = _known(key, user)
    if known is not None:
        return known
    if is_paced:
        check_pace(user)
    _check_not_blind(execution.account)
    if kind is Verb.ANSWER:
        target = _answer_target(execution, question, form)
        if question is not None and needs_two(question):
            raise NotPossible(SECOND_PERSON)
    else:
        option = _option(execution.account, kind, option)
        target = f"run:{execution.pk}:{option}" if option else f"run:{execution.pk}"
        if why := not_offered(execution, execution.account, kind):
            raise NotPossible(why)
    command = Command(
        key=key or uuid4(),
        kind=kind.value,
        account_id=execution.account_id,
        execution=execution,
        target=target,
        question_ref=question.ref if question else "",
        reason=kept_reason(reason),
        requested_by=user,
        account_revision=execution.account.revision,
    )
    arguments: dict[str, Any] = {"values": values or {}}
    if option:
        arguments = {"values": {"option": option}, "titles": {"option": "How"}}
    if question is not None and form is not None:
        secrets = form.secrets_of(arguments["values"])
        arguments |= {"fingerprint": question.fingerprint, "secrets": secrets}
    return _record(
        command, arguments, user, str(execution), execution.account.name, address,
        {"question": question.title[:200] or question.ref} if question else None, hold,
    )  # fmt: skip


def request_answer(*, question: Question, **given: Any) -> Command:
    """`request_command` for the answer to a question that needs no second person."""
    return request_command(
        execution=question.execution, kind=Verb.ANSWER, question=question, **given
    )


def check_answer(user: User, question: Question, form: CompiledForm) -> None:
    """What is asked before an answer is recorded, or proposed. Raises NotPossible and
    PermissionDenied."""
    run = question.execution
    require_may_act(user, run.account_id)
    check_pace(user)
    _check_not_blind(run.account)
    _answer_target(run, question, form)


def answer_under_way(question: Question) -> bool:
    return bool(answers_under_way([question.pk]))


def request_agreed(
    *,
    proposal: Proposal,
    arguments: dict[str, Any],
    agreed_by: User,
    address: str | None,
    hold: timedelta,
) -> Command:
    """Record the command of a proposal that a second person has just agreed to, in their
    transaction. Raises NotPossible."""
    question, run = proposal.question, proposal.question.execution
    _check_not_blind(run.account)
    if question.closed_at is not None or not question.is_answerable:
        raise NotPossible("It is no longer asked.")
    command = Command(
        key=proposal.key,
        kind=Verb.ANSWER.value,
        account_id=run.account_id,
        execution=run,
        target=f"question:{question.pk}",
        question_ref=question.ref,
        reason=proposal.reason,
        requested_by=proposal.requested_by,
        agreed_by=agreed_by,
        account_revision=run.account.revision,
    )
    people = {
        "proposed by": user_name(proposal.requested_by),
        "agreed by": agreed_by.get_username(),
    }
    detail = {"question": question.title[:200] or question.ref, **people}
    recorded = _record(
        command, arguments, agreed_by, str(run), run.account.name, address, detail, hold
    )
    if recorded.pk != proposal.key:
        raise NotPossible("It was answered a moment before.")
    return recorded


def request_start(
    *,
    user: User,
    workflow: Workflow,
    arguments: dict[str, Any],
    titles: dict[str, str] | None = None,
    key: UUID | None = None,
    reason: str = "",
    address: str | None = None,
) -> Command:
    """Record the command to start a run. Raises NotPossible and PermissionDenied. `titles` are what
    people call the arguments."""
    require_may_act(user, workflow.account_id)
    known = _known(key, user)
    if known is not None:
        return known
    check_pace(user)
    _check_not_blind(workflow.account)
    if Verb.START not in workflow.account.adapter_class.verbs():
        raise NotPossible(f"{workflow.account.adapter_class.name} cannot start runs.")
    key = key or uuid4()
    command = Command(
        key=key,
        kind=Verb.START.value,
        account_id=workflow.account_id,
        workflow=workflow,
        target=f"start:{key}",
        reason=kept_reason(reason),
        requested_by=user,
        account_revision=workflow.account.revision,
    )
    sealed = {"values": arguments, "titles": titles or {}}
    return _record(command, sealed, user, workflow.name, workflow.account.name, address)


def check_pace(user: User) -> None:
    """Raises TooMany. What a batch asks for has a pace of its own."""
    now = database_clock.now()
    lately = Command.objects.filter(
        requested_by=user, requested_at__gt=now - timedelta(minutes=1), batch_item__isnull=True
    )
    times = list(
        lately.order_by("-requested_at").values_list("requested_at", flat=True)[
            :COMMANDS_PER_MINUTE
        ]
    )
    if len(times) == COMMANDS_PER_MINUTE:
        wait = math.ceil((times[-1] + timedelta(minutes=1) - now).total_seconds())
        raise TooMany(max(wait, 1))


def kept_reason(text: str) -> str:
    """Kept whole or not at all: half a reason may say something else."""
    text = text.strip()
    if len(text) > MAX_REASON:
        raise NotPossible(
            f"The reason has {len(text):,} characters; at most {MAX_REASON} can be kept."
        )
    return text


def _option(account: ProviderAccount, kind: Verb, option: str) -> str:
    """The way to carry it out, "" for the usual one."""
    known = [each.value for each in options_of(account, kind)]
    if option and option not in known:
        raise NotPossible(f"{account.adapter_class.name} knows no “{option[:40]}” for this.")
    return "" if option in known[:1] else option


def _known(key: UUID | None, user: User) -> Command | None:
    """The command that this person recorded under this key before."""
    known = Command.objects.filter(pk=key).first() if key else None
    if known is not None and known.requested_by_id != user.pk:
        raise NotPossible("This page belongs to another user. Reload it.")
    return known


def _record(
    command: Command,
    arguments: dict[str, Any],
    user: User,
    target: str,
    account_name: str,
    address: str | None,
    detail: dict[str, Any] | None = None,
    hold: timedelta = timedelta(),
) -> Command:
    seal(command, arguments)
    command.requested_at = database_clock.now()
    command.not_before = command.requested_at + hold
    try:
        with transaction.atomic():
            command.save(force_insert=True)
            audit_log.record(
                user,
                audit_log.Action(command.kind),
                account_name=account_name,
                target=target,
                detail={**({"reason": command.reason} if command.reason else {}), **(detail or {})},
                command_key=command.key,
                address=address,
            )
    except IntegrityError:
        return _already_open(command, user)
    transaction.on_commit(lambda: _announce(command))
    return command


def _already_open(command: Command, user: User) -> Command:
    """The open command that stood in the way; for an answer of somebody else: NotPossible."""
    existing = Command.objects.filter(
        target=command.target, kind=command.kind, state__in=OPEN_COMMAND_STATES
    ).first()
    existing = existing or Command.objects.filter(pk=command.key).first()
    if existing is None:
        raise NotPossible("Somebody else did this a moment before. Reload the page.")
    if command.kind == Verb.ANSWER and existing.requested_by_id != user.pk:
        who, when = user_name(existing.requested_by), stamped(existing.requested_at)
        raise NotPossible(f"Answered by {who} at {when}. What you typed is kept below.")
    return existing


def _announce(command: Command) -> None:
    publish.publish_command(command.account_id, command.execution_id, command.key, command.state)
    if command.not_before == command.requested_at:  # else the tick finds it when its time has come
        wake("carry_out", str(command.key))


def _answer_target(
    execution: Execution, question: Question | None, form: CompiledForm | None
) -> str:
    if question is None or form is None or question.execution_id != execution.pk:
        raise NotPossible("The question does not belong to this run.")
    if question.closed_at is not None:
        when = stamped(question.closed_at)
        raise NotPossible(f"Answered elsewhere: the provider stopped asking at {when}.")
    if not question.is_answerable:
        raise NotPossible("This can only be answered at the provider.")
    return f"question:{question.pk}"


def _check_not_blind(account: ProviderAccount) -> None:
    if account.is_blind:
        raise NotPossible(f"{blind_sentence(account)} Send it again when the test is over.")

"""A person's wish as a row: recorded first, then carried out by a worker, settled by observation.

States: pending -> sending -> accepted -> confirmed | rejected; a lost answer makes it unknown,
and reading the provider decides, never a blind second try. Web views call `request_command` and
`request_start`; `tasks` call the rest.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any, cast
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from executions import audit, live
from executions.forms import compile_question
from executions.models import (
    OPEN_COMMAND_STATES,
    Command,
    CommandState,
    Execution,
    Question,
    Workflow,
)
from executions.redaction import MASK, redact_text, redact_value, without
from executions.roles import may_act, visible_accounts
from executions.waking import wake
from executions.wording import stamped
from providers import credentials
from providers.adapter import Adapter
from providers.contract import (
    AuthFailed,
    BadResponse,
    NotFound,
    ProviderError,
    RateLimited,
    Rejected,
    Unreachable,
    Unsupported,
    Verb,
)
from providers.credentials import SealError
from providers.models import BLIND, ProviderAccount, open_account, remember

LEASE: timedelta = settings.ANNUNCIATOR_LEASE
SEND_FOR = LEASE * 2 / 3  # no request begins or goes on after that: a lease outlives its sender
MAX_ATTEMPTS = 5  # sends that surely did not arrive
RESEND_AFTER = LEASE  # after the claim: what was sent by SEND_FOR has arrived by then, or never

log = logging.getLogger(__name__)


class NotPossible(Exception):
    """Show it: the wish cannot be recorded. str() is a sentence for a person."""


# ------------------------------------------------------------------------------------- recording


def request_command(
    *,
    user: User,
    execution: Execution,
    kind: Verb,
    question: Question | None = None,
    values: dict[str, Any] | None = None,
    reason: str = "",
    key: UUID | None = None,
    address: str | None = None,
) -> Command:
    """Record a wish about a run and wake a worker after the commit.

    The same wish twice is one command: an open one of this kind, or the one with this key, comes
    back instead. Raises NotPossible and PermissionDenied.
    """
    _check_may_act(user, execution.account_id)
    known = _known(key, user)
    if known is not None:
        return known
    _check_not_blind(execution.account)
    if kind is Verb.ANSWER:
        target = _answer_target(execution, question)
    else:
        target = f"run:{execution.pk}"
        _check_offered(execution, kind)
    command = Command(
        key=key or uuid4(),
        kind=kind.value,
        account_id=execution.account_id,
        execution=execution,
        target=target,
        question_ref=question.ref if question else "",
        reason=reason.strip()[:500],
        requested_by=user,
        account_revision=execution.account.revision,
    )
    arguments: dict[str, Any] = {"values": values or {}}
    if question is not None:
        secrets = compile_question(question).secrets_of(arguments["values"])
        arguments |= {"fingerprint": question.fingerprint, "secrets": secrets}
    return _record(command, arguments, user, str(execution), execution.account.name, address)


def request_start(
    *,
    user: User,
    workflow: Workflow,
    arguments: dict[str, Any],
    key: UUID | None = None,
    reason: str = "",
    address: str | None = None,
) -> Command:
    """Record the wish to start a run. Raises NotPossible and PermissionDenied."""
    _check_may_act(user, workflow.account_id)
    known = _known(key, user)
    if known is not None:
        return known
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
        reason=reason.strip()[:500],
        requested_by=user,
        account_revision=workflow.account.revision,
    )
    return _record(
        command, {"values": arguments}, user, workflow.name, workflow.account.name, address
    )


def _known(key: UUID | None, user: User) -> Command | None:
    """The command that this person recorded under this key before."""
    known = Command.objects.filter(pk=key).first() if key else None
    if known is not None and known.requested_by_id != user.pk:
        raise NotPossible("This key belongs to somebody else's request. Load the page again.")
    return known


def _record(
    command: Command,
    arguments: dict[str, Any],
    user: User,
    target: str,
    account_name: str,
    address: str | None,
) -> Command:
    command.sealed_arguments = credentials.seal(f"command:{command.key}", arguments)
    try:
        with transaction.atomic():
            command.save(force_insert=True)
            audit.record(
                user,
                command.kind,
                account_name=account_name,
                target=target,
                detail={"reason": command.reason} if command.reason else {},
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
        raise NotPossible("Somebody else was faster, and it is settled already. Look again.")
    if command.kind == Verb.ANSWER and existing.requested_by_id != user.pk:
        who = existing.requested_by.get_username() if existing.requested_by else "Somebody"
        when = stamped(existing.requested_at)
        raise NotPossible(f"{who} answered this at {when}. What you typed is kept below.")
    return existing


def _announce(command: Command) -> None:
    live.publish_command(command.account_id, command.execution_id, command.key, command.state)
    wake("carry_out", str(command.key))


def _check_may_act(user: User, account_id: int) -> None:
    if not may_act(user):
        raise PermissionDenied("Your role may look, not act.")
    if not visible_accounts(user).filter(pk=account_id).exists():
        raise PermissionDenied("This account is not yours.")


def _check_offered(execution: Execution, kind: Verb) -> None:
    adapter = execution.account.adapter_class
    if kind not in adapter.verbs():
        raise NotPossible(f"{adapter.name} cannot {kind.value} a run.")
    if kind.value not in execution.offers:
        state = execution.status.replace("_", " ")
        why = "it has ended" if execution.is_final else "not in this state"
        raise NotPossible(f"The run is {state}: {kind.value} is not possible, {why}.")


def _answer_target(execution: Execution, question: Question | None) -> str:
    if question is None or question.execution_id != execution.pk:
        raise NotPossible("The question does not belong to this run.")
    if question.closed_at is not None:
        when = stamped(question.closed_at)
        raise NotPossible(f"Answered elsewhere: the provider stopped asking at {when}.")
    if not question.is_answerable:
        raise NotPossible("This can only be answered at the provider.")
    return f"question:{question.pk}"


def shown_arguments(command: Command) -> dict[str, Any]:
    """The values of an answer or a start for display, secret ones masked."""
    try:
        arguments = _arguments(command)
    except SealError:
        return {}
    values = arguments.get("values", {})
    if command.kind == Verb.ANSWER:
        values = _masked(command, values, arguments.get("fingerprint", ""))
    return dict(cast(dict[str, Any], redact_value(values)))


def _masked(command: Command, values: dict[str, Any], fingerprint: str) -> dict[str, Any]:
    """Only the form knows which fields are secret: without it no value is shown."""
    asked = Question.objects.filter(execution_id=command.execution_id or 0)
    question = asked.filter(ref=command.question_ref).first()
    if question is None or (fingerprint and question.fingerprint != fingerprint):
        return dict.fromkeys(values, MASK)
    return dict(compile_question(question).masked(values))


def _arguments(command: Command) -> dict[str, Any]:
    if not command.sealed_arguments:
        return {}
    return dict(credentials.unseal(f"command:{command.key}", command.sealed_arguments))


def _secrets(command: Command) -> set[str]:
    """The secret values of an answer, as its form told when it was recorded."""
    try:
        return set(_arguments(command).get("secrets", ()))
    except SealError:
        return set()


def look_closer(execution: Execution) -> None:
    """A person opened the run: have it read now, at most every ten seconds."""
    if live.is_first(f"look:{execution.pk}", 10):
        wake("look", execution.pk, expires=15)


# ------------------------------------------------------------------------------------ carrying out


def take_turn(command: Command) -> bool:
    """Whether this worker may reconcile the command now; the next turn is 5 s away."""
    now = timezone.now()
    return bool(
        Command.objects.filter(pk=command.pk, not_before__lte=now).update(
            not_before=now + timedelta(seconds=5)
        )
    )


def claim(key: UUID | str) -> Command | None:
    """Take a pending command for sending, and note how its run is now, so that a worker's death
    at any later moment can be told from the effect; committed before anything is sent. None if it
    is not ours to send."""
    now = timezone.now()
    run = Execution.objects.filter(pk=OuterRef("execution_id"))
    taken = Command.objects.filter(pk=key, state=CommandState.PENDING, not_before__lte=now).update(
        state=CommandState.SENDING,
        attempts=F("attempts") + 1,
        lease_until=now + LEASE,
        sent_at=now,
        version_at_send=Coalesce(Subquery(run.values("version")), 0),
        native_at_send=Coalesce(Subquery(run.values("native_status")), Value("")),
    )
    if not taken:
        return None
    command = Command.objects.select_related(
        "account", "execution", "workflow", "requested_by"
    ).get(pk=key)
    _tell(command)
    return command


def send(command: Command) -> Command:
    """Carry a claimed command out, once, and settle it by what came back."""
    problem = _why_not_any_more(command)
    if problem:
        return _settle(command, CommandState.REJECTED, problem)
    adapter: Adapter | None = None
    try:
        adapter = open_account(command.account, seconds=_left(command))
        new_ref = _call(adapter, command)
    except (ProviderError, SealError, KeyError) as error:
        return _settle_error(command, error)
    finally:
        if adapter is not None:
            remember(command.account, adapter.memory)
    return _settle(command, CommandState.ACCEPTED, "", new_ref=new_ref)


def _left(command: Command) -> float:
    """Seconds in which this worker may send: another one decides when the lease is over."""
    claimed_at = command.sent_at or timezone.now()
    return (claimed_at + SEND_FOR - timezone.now()).total_seconds()


def _call(adapter: Adapter, command: Command) -> str:
    """The one request; returns the new ref of a start, else ""."""
    arguments = _arguments(command)
    values = arguments.get("values", {})
    if command.kind == Verb.START:
        if command.workflow is None:
            raise Unsupported("The workflow is gone.")
        return adapter.start(command.workflow.ref, values, str(command.key))
    if command.execution is None:
        raise Unsupported("The run is gone.")
    ref = command.execution.ref
    if command.kind == Verb.ANSWER:
        adapter.answer(ref, command.question_ref, values)
    else:
        getattr(adapter, command.kind)(ref)
    return ""


def _check_not_blind(account: ProviderAccount) -> None:
    if account.is_blind:
        raise NotPossible(f"{_blind_sentence(account)} Ask again when the test is over.")


def _blind_sentence(account: ProviderAccount) -> str:
    return f"{BLIND} Nothing is sent to it until {stamped(account.blind_until)}."


def _why_not_any_more(command: Command) -> str:
    """Asked again at the last moment: the world may have changed since the click."""
    if command.account.is_blind:  # an act that somebody has forgotten must not happen later
        return f"{_blind_sentence(command.account)} Ask again when the test is over."
    user = command.requested_by
    if user is None or not user.is_active or not may_act(user):
        return "No longer permitted: the person who asked may not act any more."
    if not visible_accounts(user).filter(pk=command.account_id).exists():
        return "No longer permitted: the account belongs to another team now."
    if command.account.revision != command.account_revision:
        return "The account's settings changed since this was asked for. Ask again."
    if command.kind == Verb.ANSWER:
        asked = _arguments(command).get("fingerprint", "")
        question = Question.objects.filter(
            execution=command.execution, ref=command.question_ref
        ).first()
        if question is None or question.closed_at is not None:
            return "Answered elsewhere before this answer could be sent."
        if asked and question.fingerprint != asked:
            return "The form changed before this answer could be sent. Look at it again."
    return ""


def _settle_error(command: Command, error: Exception) -> Command:
    """What an error means for a command. Only what surely did not arrive is tried again."""
    message = str(error)
    if isinstance(error, RateLimited):
        return _retry(command, message, timedelta(seconds=error.retry_after))
    if isinstance(error, Unreachable) and not error.was_sent:
        return _retry(command, message, timedelta(seconds=2**command.attempts))
    if isinstance(error, Unreachable | BadResponse):
        return _settle(command, CommandState.UNKNOWN, message)
    if isinstance(error, Rejected):
        return _settle(command, CommandState.REJECTED, message, fields=error.fields)
    if isinstance(error, AuthFailed):
        return _settle(command, CommandState.REJECTED, f"Not permitted. {message}")
    if isinstance(error, NotFound):
        return _settle(command, CommandState.REJECTED, f"Not there any more. {message}")
    return _settle(command, CommandState.REJECTED, message)


def _retry(command: Command, message: str, wait: timedelta) -> Command:
    if command.attempts >= MAX_ATTEMPTS:
        return _settle(
            command, CommandState.REJECTED, f"Given up after {command.attempts} tries. {message}"
        )
    _settle(command, CommandState.PENDING, message)
    Command.objects.filter(pk=command.pk, state=CommandState.PENDING).update(
        not_before=timezone.now() + wait
    )
    return command


def _settle(
    command: Command,
    state: CommandState,
    message: str,
    *,
    new_ref: str = "",
    fields: dict[str, str] | None = None,
) -> Command:
    """Only the attempt that sent may write; where somebody decided meanwhile, this is dropped."""
    now = timezone.now()
    is_over = state in (CommandState.CONFIRMED, CommandState.REJECTED)
    hide = without(_secrets(command))  # the provider may repeat what was typed
    changed = Command.objects.filter(
        pk=command.pk, state=CommandState.SENDING, attempts=command.attempts
    ).update(
        state=state,
        message=redact_text(hide(message))[:500],
        fields={name: hide(complaint) for name, complaint in (fields or {}).items()},
        lease_until=None,
        accepted_at=now if state == CommandState.ACCEPTED else None,
        settled_at=now if is_over else None,
        new_ref=new_ref[:200],
    )
    if changed:
        command.refresh_from_db()
        _tell(command)
    return command


def _tell(command: Command) -> None:
    transaction.on_commit(
        lambda: live.publish_command(
            command.account_id, command.execution_id, command.key, command.state
        )
    )

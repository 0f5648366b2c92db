"""Dispatches a recorded command, once, and stores the provider's answer.

States: pending -> sending -> accepted -> confirmed | rejected. An answer that is lost, or does not
prove that nothing was carried out, makes it unknown, and reading the provider decides
(`reconciliation`), never a blind second try. Called by `tasks`."""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from executions import database_clock
from executions.access.permissions import may_act, operable_accounts, visible_accounts
from executions.commands.eligibility import needs_two
from executions.commands.sealed_arguments import secrets_of, unseal
from executions.display.freshness import blind_sentence
from executions.live import publish
from executions.models import SETTLED_COMMAND_STATES, Command, CommandState, Execution, Question
from executions.payloads.terminal_text import without_codes
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
    short_ref,
)
from providers.models import ProviderAccount, open_account, remember
from providers.redaction import Secrets
from providers.sealing import SealError

LEASE: timedelta = settings.ANNUNCIATOR_LEASE
SEND_FOR = LEASE * 2 / 3  # no request begins or goes on after that: a lease outlives its sender
MAX_ATTEMPTS = 5  # sends that surely did not arrive
RESEND_AFTER = LEASE  # after the claim: what was sent by SEND_FOR has arrived by then, or never

log = logging.getLogger(__name__)


def take_turn(command: Command) -> bool:
    """Whether this worker may reconcile the command now; the next turn is 5 s away."""
    now = database_clock.now()
    return bool(
        Command.objects.filter(pk=command.pk, not_before__lte=now).update(
            not_before=now + timedelta(seconds=5)
        )
    )


def claim(key: UUID | str) -> Command | None:
    """Take a pending command for sending, and note how its run is now, so that a worker's death
    at any later moment can be told from the effect; committed before anything is sent. None if it
    is not ours to send."""
    now = database_clock.now()
    _wait_with_account(key)
    run = Execution.objects.filter(pk=OuterRef("execution_id"))
    taken = Command.objects.filter(pk=key, state=CommandState.PENDING, not_before__lte=now).update(
        state=CommandState.SENDING,
        attempts=F("attempts") + 1,
        lease_until=now + LEASE,
        sent_at=now,
        version_at_send=Coalesce(Subquery(run.values("version")), 0),
        native_at_send=Coalesce(Subquery(run.values("native_status")), Value("")),
        ended_at_send=Subquery(run.values("finished_at")),
    )
    if not taken:
        return None
    command = Command.objects.select_related(
        "account", "execution", "workflow", "requested_by"
    ).get(pk=key)
    _tell(command)
    return command


def _wait_with_account(key: UUID | str) -> None:
    """Where the provider has asked to be left alone, the command waits: that is no try of it."""
    until = ProviderAccount.objects.filter(pk=OuterRef("account_id")).values("quiet_until")
    Command.objects.filter(
        pk=key, state=CommandState.PENDING, account__quiet_until__gt=database_clock.now()
    ).update(
        not_before=Subquery(until[:1]),
        message="The provider asked us to wait. The command is sent when that time is over.",
    )


def send(command: Command) -> Command:
    """Carry a claimed command out, once, and settle it by what came back."""
    problem = _why_not_any_more(command)
    if problem:
        return _refuse(command, problem)
    adapter: Adapter | None = None
    try:
        adapter = open_account(command.account, seconds=_left(command))
        new_ref = _call(adapter, command)
    except Exception as error:
        if not isinstance(error, ProviderError | SealError | KeyError):
            log.exception("command %s broke while it was sent", command.pk)
        may_have_acted = adapter is not None and adapter.http.may_have_acted(error)
        return _settle_error(command, error, may_have_acted=may_have_acted)
    finally:
        if adapter is not None:
            remember(command.account, adapter)
    return _settle(command, CommandState.ACCEPTED, "", new_ref=new_ref)


def _left(command: Command) -> float:
    """Seconds in which this worker may send: another one decides when the lease is over."""
    claimed_at = command.sent_at or database_clock.now()
    return (claimed_at + SEND_FOR - database_clock.now()).total_seconds()


def _call(adapter: Adapter, command: Command) -> str:
    """The one request; returns the ref of a run that came of it, else ""."""
    arguments = unseal(command)
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
        return ""
    option = [values["option"]] if values.get("option") else []
    if command.kind == Verb.RETRY:
        again: str = adapter.retry(ref, str(command.key), *option)
        return "" if again == ref else again
    getattr(adapter, command.kind)(ref, *option)
    return ""


def _why_not_any_more(command: Command) -> str:
    """Asked again at the last moment: the world may have changed since the click."""
    if command.account.is_blind:  # a forgotten command must not be sent later
        return f"{blind_sentence(command.account)} Send it again when the test is over."
    user = command.requested_by
    if user is None or not may_act(user):
        return "No longer permitted: the person who requested it may no longer act."
    if not visible_accounts(user).filter(pk=command.account_id).exists():
        return "No longer permitted: the account belongs to another team now."
    if not operable_accounts(user).filter(pk=command.account_id).exists():
        return "No longer permitted: who requested it may only look at this account now."
    if command.account.revision != command.account_revision:
        return "The settings of the account changed since this was requested. Send it again."
    if command.kind == Verb.ANSWER:
        asked = unseal(command).get("fingerprint", "")
        question = Question.objects.filter(
            execution=command.execution, ref=command.question_ref
        ).first()
        if question is None or question.closed_at is not None:
            return "Answered elsewhere before this answer could be sent."
        if command.agreed_by_id is None and needs_two(question):
            return "Its workflow needs a second person since this was requested. Propose it again."
        if question.fingerprint != asked:
            return "The form changed before this answer could be sent. Check the form again."
    return ""


def _settle_error(command: Command, error: Exception, *, may_have_acted: bool) -> Command:
    """What an error means for a command. What the provider may have carried out is unknown; only
    what it surely has not is tried again."""
    message = str(error)
    wait = timedelta(seconds=error.retry_after if isinstance(error, RateLimited) else 0)
    if may_have_acted:
        return _settle(command, CommandState.UNKNOWN, message, wait=wait)
    if isinstance(error, RateLimited | Unreachable | BadResponse):
        return _retry(command, message, wait or timedelta(seconds=2**command.attempts))
    if isinstance(error, Rejected):
        return _refuse(command, message, fields=error.fields)
    if isinstance(error, AuthFailed):
        return _refuse(command, f"Not permitted. {message}")
    if isinstance(error, NotFound):
        return _refuse(command, f"No longer at the provider. {message}")
    return _refuse(command, message or f"It could not be sent ({type(error).__name__}).")


def _retry(command: Command, message: str, wait: timedelta) -> Command:
    if command.attempts >= MAX_ATTEMPTS:
        return _refuse(command, f"Failed after {command.attempts} attempts. {message}")
    return _settle(command, CommandState.PENDING, message, wait=wait)


def _refuse(command: Command, message: str, *, fields: dict[str, str] | None = None) -> Command:
    """Not carried out. That one sending was refused says nothing of an earlier one that may have
    been carried out: then reading decides, or a person."""
    if command.doubts:
        message = f"An earlier attempt may have worked; the last one failed: {message}"
    state = CommandState.UNKNOWN if command.doubts else CommandState.REJECTED
    return _settle(command, state, message, fields=fields)


def _settle(
    command: Command,
    state: CommandState,
    message: str,
    *,
    new_ref: str = "",
    fields: dict[str, str] | None = None,
    wait: timedelta = timedelta(),
) -> Command:
    """Only the attempt that sent may write; where a person decided meanwhile, this is dropped.
    Nothing is sent or read for the command before `wait` is over."""
    now = database_clock.now()
    is_over = state in SETTLED_COMMAND_STATES
    hide = Secrets(typed=secrets_of(command)).hide_named  # the provider may repeat what was typed
    changed = Command.objects.filter(
        pk=command.pk, state=CommandState.SENDING, attempts=command.attempts
    ).update(
        state=state,
        message=hide(without_codes(message))[:500],
        fields={name: hide(complaint) for name, complaint in (fields or {}).items()},
        lease_until=None,
        not_before=now + wait,
        doubts=F("doubts") + int(state == CommandState.UNKNOWN),
        accepted_at=now if state == CommandState.ACCEPTED else None,
        settled_at=now if is_over else None,
        new_ref=short_ref(new_ref),
    )
    if changed:
        command.refresh_from_db()
        _tell(command)
    return command


def _tell(command: Command) -> None:
    transaction.on_commit(
        lambda: publish.publish_command(
            command.account_id, command.execution_id, command.key, command.state
        )
    )

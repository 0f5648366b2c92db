"""Settles commands by observation: what polls have seen decides, whatever was answered.

Called by `tasks` after each poll and by the sweep. Accepted and unknown commands are confirmed
when their effect is stored; an unknown one whose effect stays away is sent again once where the
adapter says that this does no harm (`Adapter.repeatable`), else a person decides.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import F, Q

from executions import database_clock
from executions.commands.dispatch import RESEND_AFTER
from executions.commands.verbs import RUN_VERBS
from executions.live import publish
from executions.models import Command, CommandState, Draft, Execution, Lineage, Question
from executions.sql_sections import statements
from providers.contract import Status, Unsupported, Verb, short_ref
from providers.models import open_account

_sql = statements(__file__)

WATCHED = (CommandState.ACCEPTED, CommandState.UNKNOWN)
STALLED_AFTER = timedelta(minutes=2)
GIVE_UP_AFTER = timedelta(hours=24)  # an accepted command nobody saw work
ASKED_ON_FOR = timedelta(minutes=5)  # of the same question, after its answer was accepted
CLOSED = "The question is closed at the provider."
STARTED = "The run has started."
TWIN_WITHIN = timedelta(seconds=30)  # of the sending, on either side: clocks differ
TWINS_FOR = timedelta(minutes=10)  # after a start was asked for; a second run may be listed late
MOST_DOUBTS = 2  # sends that may have worked, after which an unknown command needs a person


def expire_leases() -> int:
    """Commands whose worker died while sending become unknown. Any number of copies may run."""
    late = Command.objects.filter(
        state=CommandState.SENDING, lease_until__lt=database_clock.now()
    ).update(
        state=CommandState.UNKNOWN,
        doubts=F("doubts") + 1,
        lease_until=None,
        message="The worker stopped while sending; Annunciator checks at the provider.",
    )
    return late


def due_commands(limit: int = 100) -> list[str]:
    """Keys of pending commands that nobody has taken: the nudge got lost, or they had to wait."""
    now = database_clock.now()
    keys = Command.objects.filter(state=CommandState.PENDING, not_before__lte=now)
    return [str(key) for key in keys.order_by("requested_at").values_list("pk", flat=True)[:limit]]


def unsettled(limit: int = 100) -> list[str]:
    """Keys of unknown commands, and of accepted ones that a reading might confirm."""
    now = database_clock.now()
    rows = Command.objects.filter(
        Q(state=CommandState.UNKNOWN)
        | Q(state=CommandState.ACCEPTED, accepted_at__lt=now - timedelta(seconds=10)),
        not_before__lte=now,
    )
    return [str(key) for key in rows.order_by("requested_at").values_list("pk", flat=True)[:limit]]


def confirm_observed(account_id: int, refs: Collection[str] | None = None) -> None:
    """Compare the account's accepted and unknown commands with what is stored now: after a poll all
    of them, three queries when there is nothing to settle; else those about these runs."""
    rows = Command.objects.filter(account_id=account_id, state__in=WATCHED)
    if refs is not None:
        rows = rows.filter(Q(execution__ref__in=refs) | Q(new_ref__in=refs))
    for command in rows.select_related("execution"):
        _confirm(command)
    if refs is None:
        _tell_of_twins(account_id)


def confirm(command: Command) -> bool:
    """Settle one command if its effect, or the end of its run, is stored. True if settled."""
    if command.execution is not None:
        command.execution.refresh_from_db()
    return _confirm(command)


def _confirm(command: Command) -> bool:
    """The same of a command whose run has just been read from the database."""
    if command.kind == Verb.START:
        return _confirm_start(command)
    run = command.execution
    if run is None:
        return False
    if command.kind == Verb.RETRY:
        return _confirm_retry(command, run)
    if command.kind == Verb.ANSWER:
        question = Question.objects.filter(execution=run, ref=command.question_ref).first()
        if question is not None and question.closed_at is None:
            return False
        is_settled = _settle(command, CommandState.CONFIRMED, CLOSED)
        if is_settled and question is not None:
            _close_answered(question, command)
        return is_settled
    if run.version <= command.version_at_send:
        return False
    return _confirm_change(command, run)


def _close_answered(question: Question, command: Command) -> None:
    """Who answered stays with the question. What they had typed, files and all, is sent and goes;
    the drafts of others stay for copying."""
    Question.objects.filter(pk=question.pk).update(answered_by=command.requested_by_id)
    Draft.objects.filter(question=question, user=command.requested_by_id).delete()


def _confirm_change(command: Command, run: Execution) -> bool:
    words = run.get_status_display()
    if command.kind == Verb.CANCEL:
        if run.status in RUN_VERBS[Verb.CANCEL].effects:
            return _settle(command, CommandState.CONFIRMED, f"The run is {words}.")
        if run.is_final:
            return _settle(command, CommandState.REJECTED, f"The run had already ended ({words}).")
        return False
    has_moved = run.native_status != command.native_at_send
    if command.kind == Verb.RESUME and has_moved and run.status != Status.CANCELED:
        return _settle(command, CommandState.CONFIRMED, f"The run went on ({words}).")
    if command.kind == Verb.RESUME and not has_moved:
        return False  # a run that is resumed after its end had ended before
    if run.is_final:
        return _settle(command, CommandState.REJECTED, f"The run had already ended ({words}).")
    if command.kind == Verb.SUSPEND and run.status in RUN_VERBS[Verb.SUSPEND].effects:
        return _settle(command, CommandState.CONFIRMED, "The run is paused.")
    return False


def _confirm_retry(command: Command, run: Execution) -> bool:
    """By the new run that came of it; else by the run itself, which goes on or has ended anew."""
    again = Execution.objects.filter(account_id=command.account_id)
    if command.new_ref:
        again = again.filter(ref=command.new_ref)
    else:  # its ref was lost with the answer: one that is first seen since then
        conditions = {
            "account": run.account_id,
            "retry_of": run.ref,
            "seen_at__gt": command.sent_at,
        }
        again = again.filter(pk__in=Lineage.objects.filter(**conditions).values("pk"))
    found = again.order_by("pk").first() if command.sent_at else None
    if found is not None:
        words = f"It is tried again as {found.label} ({found.get_status_display()})."
        return _settle(command, CommandState.CONFIRMED, words[:500])
    if command.new_ref or run.version <= command.version_at_send:
        return False
    words = run.get_status_display()
    if not run.is_final:
        return _settle(command, CommandState.CONFIRMED, f"The run goes on again ({words}).")
    if run.finished_at is not None and run.finished_at != command.ended_at_send:
        return _settle(command, CommandState.CONFIRMED, f"The run was tried again ({words}).")
    return False


def _confirm_start(command: Command) -> bool:
    if not command.new_ref:
        return False
    run = Execution.objects.filter(account_id=command.account_id, ref=command.new_ref).first()
    if run is None:
        return False
    Command.objects.filter(pk=command.pk).update(execution=run)
    command.execution = run
    return _settle(command, CommandState.CONFIRMED, STARTED)


def _tell_of_twins(account_id: int) -> None:
    """Starts of late that the provider seems to have carried out twice: a run that nobody asked for
    began with the same input when the other did. One query, however many were started."""
    parameters: dict[str, Any] = {
        "account": account_id,
        "since": database_clock.now() - TWINS_FOR,
        "within": TWIN_WITHIN,
        "started": STARTED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_sql("twins"), parameters)
        found = cursor.fetchall()
    for key, run_id, refs in found:
        others = ", ".join(refs[:3])
        Command.objects.filter(pk=key, message=STARTED).update(
            message=f"{STARTED} The provider seems to have begun it twice: {others} began at "
            "the same time with the same input. If only one is wanted, cancel the other."
        )
        publish.publish_command(account_id, run_id, key, CommandState.CONFIRMED.value)


def find_started(command: Command) -> None:
    """For a start or a retry whose answer was lost: ask the provider whether there is a run with
    its key.

    Raises the contract's errors. Without an answer a person decides about a start: a second one
    would be a second run. What a retry did, the run itself may show.
    """
    run = command.execution
    workflow = command.workflow if run is None else run.workflow
    if workflow is None or _is_young(command):
        return
    adapter = open_account(command.account)
    try:
        ref = adapter.started(workflow.ref, str(command.key))
    except Unsupported:
        ref = None
    if ref:
        command.new_ref = short_ref(ref)
        waiting = Command.objects.filter(pk=command.pk, state=CommandState.UNKNOWN)
        waiting.update(new_ref=command.new_ref)
    elif command.kind == Verb.START:
        _ask_a_person(command)


def resend_or_ask(command: Command) -> None:
    """An unknown command whose effect a fresh reading did not show."""
    if _is_young(command):
        return
    repeatable = command.account.adapter_class.repeatable
    if command.doubts < MOST_DOUBTS and command.kind in repeatable:
        Command.objects.filter(pk=command.pk, state=CommandState.UNKNOWN).update(
            state=CommandState.PENDING,
            not_before=database_clock.now(),
            message="It did not arrive; it is sent again.",
        )
    else:
        _ask_a_person(command)


def give_up_on(command: Command) -> None:
    """An accepted command that had no effect for a day is left to a person; an answer sooner,
    since a run may ask the same again, and nobody else could answer while this one is open."""
    is_answer = command.kind == Verb.ANSWER
    patience = ASKED_ON_FOR if is_answer else GIVE_UP_AFTER
    if command.accepted_at is None or command.accepted_at >= database_clock.now() - patience:
        return
    if is_answer:
        message = "The provider took this answer but still asks. Check the form, then answer again."
        _settle(command, CommandState.NEEDS_PERSON, message)
    else:
        _ask_a_person(command)


def _is_young(command: Command) -> bool:
    return command.sent_at is None or command.sent_at > database_clock.now() - RESEND_AFTER


def _ask_a_person(command: Command) -> None:
    advice = "The provider does not show whether this worked. Check there before you send it again."
    why = f"{command.message.rstrip('.')[: 490 - len(advice)]}. " if command.message else ""
    _settle(command, CommandState.NEEDS_PERSON, why + advice)


def _settle(command: Command, state: CommandState, message: str) -> bool:
    changed = Command.objects.filter(pk=command.pk, state__in=WATCHED).update(
        state=state, message=message, settled_at=database_clock.now()
    )
    if changed:
        publish.publish_command(command.account_id, command.execution_id, command.pk, state.value)
    return bool(changed)

"""Two people for one answer, where the workflow asks for that: one proposes, another one agrees or
gives it back. Only then there is a command, once.

`submit.request_command` refuses an answer that needs two; every door to it comes here instead. Each
act checks, changes, audits, and tells open pages after the commit.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from executions import database_clock
from executions.access import audit_log
from executions.access.permissions import operable_accounts, require_may_act
from executions.commands import submit
from executions.commands.eligibility import held_proposal, needs_two
from executions.commands.sealed_arguments import seal, unseal
from executions.commands.submit import NotPossible
from executions.display.formatting import stamped
from executions.display.people import user_name
from executions.forms import CompiledForm
from executions.live import publish
from executions.models import MAX_REASON, Command, Proposal, ProposalState, Question


def answer(
    *,
    user: User,
    question: Question,
    form: CompiledForm,
    values: dict[str, Any],
    reason: str = "",
    key: UUID | None = None,
    address: str | None = None,
    hold: timedelta = timedelta(),
) -> Command | Proposal:
    """The answer of this person: a command, or, where the workflow asks for two people, what a
    second one has to agree to. Raises NotPossible and PermissionDenied."""
    known = _proposed_before(user, key)
    if known is not None:
        return Command.objects.filter(pk=known.pk).first() or known
    if needs_two(question):
        return _propose(user, question, form, values, reason, key, address)
    return submit.request_answer(
        user=user, question=question, form=form, values=values, reason=reason, key=key,
        address=address, hold=hold,
    )  # fmt: skip


def _proposed_before(user: User, key: UUID | None) -> Proposal | None:
    if key is None:
        return None
    return Proposal.objects.filter(pk=key, requested_by=user).first()


def _propose(
    user: User,
    question: Question,
    form: CompiledForm,
    values: dict[str, Any],
    reason: str,
    key: UUID | None,
    address: str | None,
) -> Proposal:
    """One per question; a second one finds the first."""
    run = question.execution
    submit.check_answer(user, question, form)
    proposal = Proposal(
        key=key or uuid4(),
        question=question,
        fingerprint=question.fingerprint,
        reason=submit.kept_reason(reason),
        requested_by=user,
        requested_at=database_clock.now(),
    )
    secrets = form.secrets_of(values)
    sealed = {"values": values, "fingerprint": question.fingerprint, "secrets": secrets}
    seal(proposal, sealed)
    stale = Proposal.objects.filter(question=question, state=ProposalState.HELD)
    with transaction.atomic():
        if (held := held_proposal(question)) is None:
            stale.update(state=ProposalState.OVERTAKEN)
        else:
            who, when = user_name(held.requested_by), stamped(held.requested_at)
            raise NotPossible(f"{who} proposed an answer at {when}. What you typed is kept below.")
        if submit.answer_under_way(question):
            raise NotPossible("It was answered a moment before. What you typed is kept below.")
        try:
            with transaction.atomic():
                proposal.save(force_insert=True)
        except IntegrityError:
            raise NotPossible(
                "Somebody else proposed an answer a moment before. What you typed is kept below."
            ) from None
        _record(user, audit_log.Action.ANSWER_PROPOSED, proposal, address)
    transaction.on_commit(lambda: publish.publish_questions(run.account_id))
    return proposal


def agree(
    user: User, proposal: Proposal, *, address: str | None, hold: timedelta = timedelta()
) -> Command:
    """Let it be sent, in the name of the person who proposed it and with one's own beside it.
    Raises NotPossible and PermissionDenied."""
    question, run = proposal.question, proposal.question.execution
    _check_second(user, proposal)
    proposer = proposal.requested_by
    if proposer is None or not operable_accounts(proposer).filter(pk=run.account_id).exists():
        raise NotPossible(f"{user_name(proposer)} may no longer answer this. Give it back instead.")
    if question.fingerprint != proposal.fingerprint:
        raise NotPossible("The provider changed this form since. Give it back instead.")
    with transaction.atomic():
        _decide(user, proposal, ProposalState.AGREED)
        return submit.request_agreed(
            proposal=proposal,
            arguments=unseal(proposal),
            agreed_by=user,
            address=address,
            hold=hold,
        )


def give_back(user: User, proposal: Proposal, sentence: str, *, address: str | None) -> None:
    """Disagree, with a sentence for the person who proposed it. Raises NotPossible and
    PermissionDenied."""
    _check_second(user, proposal)
    sentence = " ".join(sentence.replace("\0", " ").split())
    if not sentence:
        raise NotPossible("Say in a sentence why you give it back.")
    if len(sentence) > MAX_REASON:
        raise NotPossible(f"At most {MAX_REASON} characters, not {len(sentence):,}.")
    with transaction.atomic():
        _decide(user, proposal, ProposalState.RETURNED, sentence=sentence)
        _record(user, audit_log.Action.ANSWER_RETURNED, proposal, address, why=sentence)


def withdraw(user: User, proposal: Proposal, *, address: str | None) -> None:
    """Take one's own proposal back. Raises NotPossible and PermissionDenied."""
    require_may_act(user, proposal.question.execution.account_id)
    if proposal.requested_by_id != user.pk:
        raise NotPossible("Only the person who proposed it can withdraw it.")
    with transaction.atomic():
        _decide(user, proposal, ProposalState.WITHDRAWN)
        _record(user, audit_log.Action.PROPOSAL_WITHDRAWN, proposal, address)


def hold_again(command: Command) -> None:
    """An agreement was undone before anything was sent: the proposal waits again, under a new key,
    in the caller's transaction."""
    agreed = Proposal.objects.filter(pk=command.pk, state=ProposalState.AGREED).first()
    if agreed is None:
        return
    again = Proposal(
        key=uuid4(), question_id=agreed.question_id, fingerprint=agreed.fingerprint,
        reason=agreed.reason, requested_by_id=agreed.requested_by_id,
        requested_at=agreed.requested_at,
    )  # fmt: skip
    seal(again, unseal(agreed))
    again.save(force_insert=True)


def _check_second(user: User, proposal: Proposal) -> None:
    require_may_act(user, proposal.question.execution.account_id)
    if proposal.requested_by_id == user.pk:
        raise NotPossible("You proposed this answer: another person has to decide on it.")


def _decide(user: User, proposal: Proposal, state: ProposalState, sentence: str = "") -> None:
    """Compare and set: one decision, whoever comes at the same moment."""
    changed = Proposal.objects.filter(pk=proposal.pk, state=ProposalState.HELD).update(
        state=state, decided_by=user, decided_at=database_clock.now(), sentence=sentence
    )
    if not changed:
        raise NotPossible("It was decided on already. Reload the page.")
    account_id = proposal.question.execution.account_id
    transaction.on_commit(lambda: publish.publish_questions(account_id))


def _record(
    user: User,
    action: audit_log.Action,
    proposal: Proposal,
    address: str | None,
    **more: str,
) -> None:
    question, run = proposal.question, proposal.question.execution
    asked = question.title[:200] or question.ref
    detail = {"question": asked, "proposed by": user_name(proposal.requested_by), **more}
    if proposal.reason:
        detail["note"] = proposal.reason
    audit_log.record(
        user, action, account_name=run.account.name, target=str(run), detail=detail,
        command_key=proposal.key, address=address,
    )  # fmt: skip

"""Delegate questions to a person or a team that may answer them, and take that back.

Each act checks, changes, audits, and tells open pages after commit. Called by pages and the API.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import QuerySet

from executions import database_clock
from executions.access import audit_log
from executions.access.permissions import acting_on, all_teams, may_act, require_may_act, with_roles
from executions.display.formatting import too_long
from executions.inbox.question_rows import name_of
from executions.live import publish
from executions.models import MAX_DELEGATION_NOTE, Question

NOBODY = {
    "delegated_to": None, "delegated_team": None, "delegated_by": None, "delegated_at": None,
    "delegation_note": "",
}  # fmt: skip


class NotDelegated(Exception):
    """Show it: nothing was delegated. str() is a sentence for a person."""


def people_for(questions: Iterable[Question]) -> QuerySet[User]:
    """Who may answer all of these questions, by name."""
    people = with_roles(User.objects.filter(is_active=True))
    for account in {each.execution.account for each in questions}:
        people = acting_on(account, people)
    return people.order_by("username")


def teams_for(questions: Iterable[Question]) -> QuerySet[Group]:
    """Teams with somebody who may answer all of these questions, by name."""
    needed = _teams_of_accounts(questions)
    teams = all_teams().filter(user__in=people_for(questions).values("pk")).distinct()
    return (
        teams.filter(pk__in=needed) if len(needed) == 1 else teams if not needed else teams.none()
    )


def delegate(
    by: User,
    questions: Collection[Question],
    *,
    to: User | Group,
    note: str = "",
    address: str | None,
) -> int:
    """They wait for this person or team. A question on which the delegating person is, is let go;
    those that are no longer asked, or that the other may not answer, are left out. Returns how many
    were delegated. Raises PermissionDenied and NotDelegated."""
    own = [each for each in questions if may_act(by, each.execution.account_id)]
    if not own:
        require_may_act(by, next((each.execution.account_id for each in questions), None))
    note = " ".join(note.replace("\0", " ").split())
    if problem := too_long("A note", note, MAX_DELEGATION_NOTE):
        raise NotDelegated(f"Nothing was delegated. {problem}")
    due = [each for each in own if each.is_answerable and _may_answer(to, each)]
    given = {
        **NOBODY, "delegated_to" if isinstance(to, User) else "delegated_team": to,
        "delegated_by": by, "delegated_at": database_clock.now(), "delegation_note": note,
    }  # fmt: skip
    with transaction.atomic():
        count = 0
        for question in due:
            row = Question.objects.filter(pk=question.pk, closed_at__isnull=True)
            if row.update(**given):
                if by != to:
                    row.filter(claimed_by=by).update(claimed_by=None, claimed_at=None)
                detail = {"to": name_of(to), **({"note": note} if note else {})}
                _record(by, audit_log.Action.QUESTION_DELEGATED, question, detail, address)
                count += 1
    if not count:
        raise NotDelegated(
            f"Nothing was delegated: {name_of(to)} may not answer, or it is answered."
        )
    return count


def take_back(by: User, question: Question, *, address: str | None) -> None:
    """It waits for anybody again. Whoever may act may do so. Raises PermissionDenied."""
    require_may_act(by, question.execution.account_id)
    held = Question.objects.filter(pk=question.pk, delegated_at__isnull=False)
    with transaction.atomic():
        if held.update(**NOBODY):
            detail = {"of": name_of(question.delegate)} if question.delegate else {}
            _record(by, audit_log.Action.DELEGATION_ENDED, question, detail, address)


def _may_answer(to: User | Group, question: Question) -> bool:
    found = people_for([question]) if isinstance(to, User) else teams_for([question])
    return found.filter(pk=to.pk).exists()


def _teams_of_accounts(questions: Iterable[Question]) -> set[int]:
    """The teams to which one has to belong to see all of them."""
    return {team for each in questions if (team := each.execution.account.group_id) is not None}


def _record(
    by: User,
    action: audit_log.Action,
    question: Question,
    detail: dict[str, str],
    address: str | None,
) -> None:
    run = question.execution
    audit_log.record(
        by,
        action,
        account_name=run.account.name,
        target=str(run),
        detail={"question": question.title or question.ref, **detail},
        address=address,
    )
    transaction.on_commit(lambda: publish.publish_questions(run.account_id))

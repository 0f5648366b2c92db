"""Claims on questions: claim, release, and take over from a person who left.

Each act checks, changes, audits, and tells open pages after commit. Called by `claim_views`."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from executions.access import audit_log
from executions.access.permissions import require_may_act
from executions.live import publish
from executions.models import Question


def claim(user: User, question: Question, *, holder: str = "", address: str | None) -> str:
    """Compare-and-set: the first one has it until it is let go, or taken over from the very person
    that the page named, `holder`. Returns why not, "" if it worked. Raises PermissionDenied."""
    require_may_act(user, question.execution.account_id)
    now = timezone.now()
    free = Question.objects.filter(pk=question.pk, closed_at__isnull=True)
    if holder:
        free = free.filter(claimed_by__username=holder)
    else:
        free = free.filter(claimed_by__isnull=True)
    taken: dict[str, Any] = {"claimed_by": user, "claimed_at": now}
    action = audit_log.Action.TAKE_OVER if holder else audit_log.Action.CLAIM
    with transaction.atomic():
        if free.update(**taken, first_claimed_at=Coalesce("first_claimed_at", Value(now))):
            _record(user, question, action, holder, address)
            return ""
    if question.closed_at is not None:
        return "It is no longer asked."
    if question.claimed_by_id == user.pk:
        return ""
    who = question.claimed_by.get_username() if question.claimed_by else "Someone else"
    return f"{who} is already on it."


def release(user: User, question: Question, *, address: str | None) -> None:
    """Anybody who may act can also free it from somebody who left. Raises PermissionDenied."""
    require_may_act(user, question.execution.account_id)
    holder = question.claimed_by.get_username() if question.claimed_by else ""
    of = holder if holder != user.get_username() else ""
    held = Question.objects.filter(pk=question.pk, claimed_by__isnull=False)
    with transaction.atomic():
        if held.update(claimed_by=None, claimed_at=None):
            _record(user, question, audit_log.Action.LET_GO, of, address)


def _record(
    user: User, question: Question, action: audit_log.Action, holder: str, address: str | None
) -> None:
    run = question.execution
    detail = {"question": question.title or question.ref, **({"of": holder} if holder else {})}
    audit_log.record(
        user,
        action,
        account_name=run.account.name,
        target=str(run),
        detail=detail,
        address=address,
    )
    transaction.on_commit(lambda: publish.publish_questions(run.account_id))

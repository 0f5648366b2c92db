"""Takes a command back that no worker has touched, says how long an answer waits for that, and
lets it go before.

`dispatch.claim` and `withdraw` each change the same row from pending in one statement: what the one
has, the other does not get.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q, QuerySet

from executions import database_clock
from executions.access import audit_log
from executions.access.permissions import preference_of, require_may_act
from executions.commands.second_person import hold_again
from executions.live import publish
from executions.live.wake_workers import wake
from executions.models import Command, CommandState


def time_to_undo(user: User) -> timedelta:
    """How long an answer of this person waits before it is sent."""
    undo: timedelta = settings.ANNUNCIATOR_UNDO
    return timedelta() if preference_of(user).sends_at_once else undo


def is_held(command: Command) -> bool:
    """Whether it waits for an undo, and no worker has taken it yet."""
    return (
        command.state == CommandState.PENDING
        and command.attempts == 0
        and command.not_before > command.requested_at
    )


def send_now(user: User, command: Command) -> bool:
    """Wait no longer for an undo of what this person asked for, or agreed to. False if it does not
    wait. Raises PermissionDenied."""
    require_may_act(user, command.account_id)
    held = _untouched(user, command).filter(not_before__gt=F("requested_at"))
    if not held.update(not_before=F("requested_at")):
        return False
    wake("carry_out", str(command.pk))
    return True


def _untouched(user: User, command: Command) -> QuerySet[Command]:
    own = Q(requested_by=user) | Q(agreed_by=user)
    return Command.objects.filter(own, pk=command.pk, state=CommandState.PENDING, attempts=0)


def withdraw(user: User, command: Command, *, address: str | None) -> bool:
    """Take back what this person asked for, or agreed to: then it is a proposal again. False if a
    worker was first, or it was taken back before. Raises PermissionDenied."""
    require_may_act(user, command.account_id)
    with transaction.atomic():
        if not _untouched(user, command).update(
            state=CommandState.WITHDRAWN,
            message=f"Undone by {user.get_username()} before it was sent.",
            settled_at=database_clock.now(),
        ):
            return False
        hold_again(command)
        audit_log.record(
            user,
            audit_log.Action.COMMAND_UNDONE,
            account_name=command.account.name,
            target=str(command.execution or command.workflow),
            detail={"of": command.kind},
            command_key=command.key,
            address=address,
        )
    transaction.on_commit(
        lambda: publish.publish_command(
            command.account_id, command.execution_id, command.key, CommandState.WITHDRAWN.value
        )
    )
    return True

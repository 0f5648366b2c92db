"""Invitations: a link by which somebody becomes a person of the site, once, in the role and the
teams that it gives.

Called by the page of the invitations and by the sign-in. Each act checks, changes and audits. Who
knows no link that is open learns nothing: not even whether there was one, or whom it was for.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import AnonymousUser, Group, User
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from executions.access import audit_log, secret_hashes
from executions.access.permissions import ADMIN
from executions.access.roles import ROLES
from executions.models import Invitation

MOST = 50  # that are open, of one person
WRONG_LINKS = 20  # from one address in WRONG_FOR
WRONG_FOR = 900  # seconds


class NotInvited(Exception):
    """Show it: no invitation was made. str() is a sentence for a person."""


class LinkRefused(Exception):
    """The link opens nothing, for whatever reason."""


def may_invite(user: User | AnonymousUser) -> bool:
    """Who may add a person may invite one."""
    may = user.is_active and user.is_staff and user.has_perm("auth.add_user")
    return may and not getattr(user, "only_reads", False)


def require_may_invite(user: User | AnonymousUser) -> None:
    """Raises PermissionDenied."""
    if not may_invite(user):
        raise PermissionDenied("Only those who may add people invite them.")


def teams_to_give() -> QuerySet[Group]:
    return Group.objects.exclude(name__in=ROLES).order_by("name")


def make(
    user: User,
    *,
    username: str,
    email: str,
    role: str,
    teams: Iterable[Group],
    expires_at: datetime,
    address: str | None,
) -> tuple[Invitation, str]:
    """The invitation and the secret of its link, which can be read this once. Raises NotInvited
    and PermissionDenied."""
    require_may_invite(user)
    secret = secret_hashes.new()
    with transaction.atomic():
        held = User.objects.select_for_update().get(pk=user.pk)  # one form of a person at a time
        if User.objects.filter(username__iexact=username).exists():
            raise NotInvited(f"There is a person named {username} already.")
        if open_ones().filter(username__iexact=username).exists():
            raise NotInvited(f"{username} is invited already. Revoke that invitation first.")
        if open_ones().filter(made_by=held).count() >= MOST:
            raise NotInvited(f"You have {MOST} open invitations. Revoke some first.")
        invitation = Invitation.objects.create(
            username=username,
            email=email,
            role=role,
            hash=secret_hashes.hash_of(secret),
            made_by=held,
            expires_at=expires_at,
        )
        invitation.teams.set(teams)
        audit_log.record(
            user,
            audit_log.Action.PERSON_INVITED,
            target=_target(invitation),
            detail={**_gives(invitation), "valid until": expires_at.isoformat()},
            address=address,
        )
    return invitation, secret


def open_ones() -> QuerySet[Invitation]:
    return Invitation.objects.filter(
        accepted_at=None, revoked_at=None, expires_at__gt=timezone.now()
    )


def revoke(user: User, invitation: Invitation, *, address: str | None) -> bool:
    """Its link opens nothing from now on; False if it was over. Raises PermissionDenied."""
    require_may_invite(user)
    with transaction.atomic():
        if not open_ones().filter(pk=invitation.pk).update(revoked_at=timezone.now()):
            return False
        audit_log.record(
            user,
            audit_log.Action.INVITATION_REVOKED,
            target=_target(invitation),
            address=address,
        )
    return True


def find(secret: str, *, lock: bool = False) -> Invitation:
    """The open invitation of this link, whose name is free and whose maker may still invite.
    Raises LinkRefused. `lock` holds it until the end of the transaction."""
    rows = open_ones().select_related("made_by")
    rows = rows.select_for_update(of=("self",)) if lock else rows
    found = rows.filter(hash=secret_hashes.hash_of(secret)).first()
    if found is None or found.made_by is None or not may_invite(found.made_by):
        raise LinkRefused
    if User.objects.filter(username__iexact=found.username).exists():
        raise LinkRefused
    return found


def person_of(invitation: Invitation) -> User:
    """Who it is for, not saved."""
    return User(username=invitation.username, email=invitation.email)


@transaction.atomic
def accept(secret: str, password: str, *, address: str | None) -> User:
    """The new person, with the password, the role and the teams of the link, which is used up.
    Raises LinkRefused; the caller has looked at the password."""
    invitation = find(secret, lock=True)
    person = person_of(invitation)
    roles = invitation.role.split("+")
    person.is_staff = ADMIN in roles
    person.set_password(password)
    person.save()
    person.groups.set([*Group.objects.filter(name__in=roles), *invitation.teams.all()])
    Invitation.objects.filter(pk=invitation.pk).update(accepted_at=timezone.now())
    audit_log.record(
        person,
        audit_log.Action.INVITATION_ACCEPTED,
        target=_target(invitation),
        detail={"invited by": str(invitation.made_by), **_gives(invitation)},
        address=address,
    )
    return person


def has_guessed(address: str) -> bool:
    """Whether too many wrong links came from this address lately."""
    return int(cache.get(_guesses(address)) or 0) >= WRONG_LINKS


def note_wrong_link(address: str) -> None:
    key = _guesses(address)
    if not cache.add(key, 1, timeout=WRONG_FOR):
        try:
            cache.incr(key)
        except ValueError:  # the quarter of an hour ended between the two
            cache.add(key, 1, timeout=WRONG_FOR)


def state_of(invitation: Invitation) -> str:
    """In a word or two, for a list."""
    if invitation.accepted_at:
        return "accepted"
    if invitation.revoked_at:
        return "revoked"
    if invitation.ended_at:
        return "not used in time"
    if invitation.made_by is None or not may_invite(invitation.made_by):
        return "not valid: who made it may not invite any more"
    return "open"


def _guesses(address: str) -> str:
    return f"invitation-links:{address}"


def _gives(invitation: Invitation) -> dict[str, str]:
    teams = ", ".join(sorted(invitation.teams.values_list("name", flat=True)))
    return {"role": invitation.role, "teams": teams or "none"}


def _target(invitation: Invitation) -> str:
    return f"invitation:{invitation.pk} for {invitation.username}"

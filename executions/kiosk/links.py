"""The addresses of screens: made and revoked by administrators, found by their secret."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from executions.access import audit_log, secret_hashes
from executions.access.permissions import in_sight, require_may_administer, sees_every_account
from executions.access.roles import ROLES
from executions.models import WallLink
from providers.models import ProviderAccount

MARK_USE_EVERY = timedelta(minutes=1)


def make(
    user: User,
    *,
    name: str,
    group: Group | None,
    zone: str,
    expires_at: datetime | None,
    address: str | None,
) -> tuple[WallLink, str]:
    """The link and its secret, which can be read this once. Raises PermissionDenied."""
    require_may_administer(user)
    secret = secret_hashes.new()
    with transaction.atomic():
        link = WallLink.objects.create(
            name=name, hash=secret_hashes.hash_of(secret), group=group, zone=zone, made_by=user,
            expires_at=expires_at,
        )  # fmt: skip
        what = {"shows": f"accounts of {group}" if group else "every account"}
        audit_log.record(
            user, audit_log.Action.WALL_LINK_MADE, target=_target(link), detail=what,
            address=address,
        )  # fmt: skip
    return link, secret


def revoke(user: User, link: WallLink, *, address: str | None) -> None:
    """Its screens go dark at their next question. Raises PermissionDenied."""
    require_may_administer(user)
    with transaction.atomic():
        changed = WallLink.objects.filter(pk=link.pk, revoked_at=None)
        if changed.update(revoked_at=timezone.now()):
            audit_log.record(
                user, audit_log.Action.WALL_LINK_REVOKED, target=_target(link), address=address
            )


def visible_to(user: User) -> QuerySet[WallLink]:
    """Those that an administrator may see and revoke: of their teams, and of every account for who
    sees every account."""
    rows = WallLink.objects.select_related("group", "made_by")
    if user.is_superuser:
        return rows
    mine = Q(group__in=user.groups.all())
    return rows.filter(mine | Q(group=None) if sees_every_account(user) else mine)


def teams_of(user: User) -> QuerySet[Group]:
    """Whose accounts this administrator may put on a screen."""
    teams = Group.objects.exclude(name__in=ROLES).order_by("name")
    return in_sight(user, teams)


def link_of(secret: str) -> WallLink | None:
    """Also one that is no longer valid: see `ended_at`. Notes that it was asked."""
    link = (
        WallLink.objects.select_related("group").filter(hash=secret_hashes.hash_of(secret)).first()
    )
    if link is None or link.ended_at:
        return link
    now = timezone.now()
    if link.seen_at is None or now - link.seen_at > MARK_USE_EVERY:
        WallLink.objects.filter(pk=link.pk).update(seen_at=now)
    return link


def accounts_of(link: WallLink) -> QuerySet[ProviderAccount]:
    rows = ProviderAccount.objects.order_by("name", "pk")
    return rows.visible_to_team(link.group) if link.group else rows


def _target(link: WallLink) -> str:
    return f"wall link:{link.pk} {link.name}"

"""People whom an OpenID provider vouches for: added at their first sign-in; their roles and teams
are what the provider's groups give, anew at every sign-in.

Called by the sign-in. Each change is one transaction with its entry in the audit log.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.contrib.auth.models import Group, User
from django.db import transaction

from executions.access import audit_log
from executions.access.permissions import ADMIN
from executions.access.roles import ROLES


@dataclass(frozen=True)
class Named:
    """How the provider names a person."""

    username: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""


def add(named: Named, *, by: str, address: str | None) -> User:
    """A person without a password, under the name that is nearest to theirs and free."""
    with transaction.atomic():
        person = User(
            username=_free(named.username),
            first_name=named.first_name[:150],
            last_name=named.last_name[:150],
            email=named.email[:254],
        )
        person.set_unusable_password()
        person.save()
        audit_log.record(by, audit_log.Action.PERSON_ADDED, target=_target(person), address=address)
    return person


def _free(wanted: str) -> str:
    allowed = "".join(each for each in wanted.strip() if each.isalnum() or each in "@.+-_")
    name = allowed[:140] or "person"
    taken = set(User.objects.filter(username__istartswith=name).values_list("username", flat=True))
    lowered = {each.lower() for each in taken}
    if name.lower() not in lowered:
        return name
    return next(
        each for number in range(2, 10_000) if (each := f"{name}-{number}").lower() not in lowered
    )


def match_email(email: str, *, may_be_superuser: bool) -> User | None:
    """The one local person with this address, who can sign in. A superuser only where the provider
    makes superusers."""
    found = list(User.objects.filter(email__iexact=email, is_active=True)[:2]) if email else []
    if len(found) != 1 or (found[0].is_superuser and not may_be_superuser):
        return None
    return found[0]


def grant(
    person: User,
    *,
    roles: Collection[str],
    teams: Collection[str],
    managed_teams: Collection[str],
    is_superuser: bool,
    by: str,
    address: str | None,
) -> None:
    """These roles and no others; these teams, and of those that the provider does not manage the
    ones that the person has. Teams that are missing are made. `person` has the new rights."""
    with transaction.atomic():
        row = User.objects.select_for_update().get(pk=person.pk)
        before = set(row.groups.values_list("name", flat=True))
        kept = before - ROLES.keys() - set(managed_teams)
        after = kept | set(roles) | set(teams)
        is_staff = is_superuser or ADMIN in roles
        if after == before and (row.is_staff, row.is_superuser) == (is_staff, is_superuser):
            return
        if after != before:
            row.groups.set([Group.objects.get_or_create(name=name)[0] for name in sorted(after)])
        row.is_staff, row.is_superuser = is_staff, is_superuser
        row.save(update_fields=["is_staff", "is_superuser"])
        audit_log.record(
            by,
            audit_log.Action.PERSON_CHANGED,
            target=_target(row),
            detail={"before": sorted(before), "after": sorted(after), "superuser": is_superuser},
            address=address,
        )
    person.is_staff, person.is_superuser = is_staff, is_superuser


def _target(person: User) -> str:
    return f"user:{person.get_username()}"

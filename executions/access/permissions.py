"""Who may see and do what. The server decides here; pages only follow.

Accounts belong to a group (a team); without one, everybody who may sign in sees them. Role groups
`viewer`, `operator` and `admin` carry the permissions; `roles` makes them after every migrate.
"""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib.auth.models import AnonymousUser, Group, User
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from executions.models import (
    ApiToken,
    AuditEntry,
    Command,
    CorrelationRule,
    Execution,
    NoticeRule,
    Preference,
    Quarantine,
    Workflow,
)
from providers.models import ProviderAccount

Row = TypeVar("Row", bound=Model)

VIEWER, OPERATOR, ADMIN = "viewer", "operator", "admin"
LOOK_ONLY = "Your role can only view."
READS_ONLY = "This token can only read."


def may_act(user: User | AnonymousUser) -> bool:
    """Answer, cancel, suspend, resume, retry and start; operators and superusers."""
    if getattr(user, "only_reads", False):
        return False
    told: bool | None = getattr(user, "acts", None)
    if told is None:
        return user.is_active and user.has_perm("executions.act")
    return user.is_active and (told or user.is_superuser)


def with_roles(users: QuerySet[User]) -> QuerySet[User]:
    """The same, each told by the same query whether it has the permission to act, since nearly
    every page asks: for that, Django would need two more."""
    act = {
        "permission__codename": "act",
        "permission__content_type__app_label": "executions",
    }
    own = User.user_permissions.through.objects.filter(user=OuterRef("pk"), **act)
    of_group = Group.permissions.through.objects.filter(group__user=OuterRef("pk"), **act)
    return users.annotate(acts=Exists(own) | Exists(of_group))


def may_administer(user: User | AnonymousUser) -> bool:
    """Change provider accounts; admins and superusers."""
    is_admin = user.is_staff and user.has_perm("providers.change_provideraccount")
    return user.is_active and is_admin and not getattr(user, "only_reads", False)


def may_set_up(user: User | AnonymousUser) -> bool:
    """Make notification rules and business keys of one's own teams: who may act or administer."""
    return may_act(user) or may_administer(user)


def require_may_set_up(user: User | AnonymousUser) -> None:
    """Raises PermissionDenied."""
    if not may_set_up(user):
        raise PermissionDenied(LOOK_ONLY)


def require_may_act(user: User | AnonymousUser) -> None:
    """Raises PermissionDenied."""
    if not may_act(user):
        raise PermissionDenied(READS_ONLY if getattr(user, "only_reads", False) else LOOK_ONLY)


def require_may_administer(user: User | AnonymousUser) -> None:
    """Raises PermissionDenied."""
    if not may_administer(user):
        raise PermissionDenied("Only administrators may do this with an account.")


def require_may_see(user: User | AnonymousUser, account_id: int) -> None:
    """Raises PermissionDenied."""
    if not visible_accounts(user).filter(pk=account_id).exists():
        raise PermissionDenied("You cannot see this account.")


def require_may_administer_account(user: User | AnonymousUser, account_id: int) -> None:
    """Raises PermissionDenied."""
    require_may_administer(user)
    require_may_see(user, account_id)


def preference_of(user: User | AnonymousUser) -> Preference:
    """How a person likes the pages; defaults, not saved, for those who never chose."""
    try:
        return user.preference  # type: ignore[union-attr]
    except (AttributeError, Preference.DoesNotExist):
        return Preference()


def visible_accounts(user: User | AnonymousUser) -> QuerySet[ProviderAccount]:
    return ProviderAccount.objects.visible_to(user)


def visible_executions(user: User | AnonymousUser) -> QuerySet[Execution]:
    """Not granted means not there: use `get_object_or_404` on this."""
    if user.is_superuser:
        return Execution.objects.all()
    return Execution.objects.filter(account__in=visible_accounts(user).values("pk"))


# ------------------------------------------------------------- what administrators work with


def in_sight(user: Any, rows: QuerySet[Row]) -> QuerySet[Row]:
    """Those of these rows that an administrator may work with: what belongs to the accounts that
    they see. Raises ImproperlyConfigured for a kind of row of which nobody has said whose it is."""
    model = rows.model
    if not issubclass(model, (*_OF_AN_ACCOUNT, *_OWN)):
        raise ImproperlyConfigured(f"Nobody has said who may see {model.__name__}.")
    if sees_every_account(user):
        return rows
    if issubclass(model, ProviderAccount):
        return rows.filter(pk__in=visible_accounts(user).values("pk"))
    if issubclass(model, _OF_AN_ACCOUNT):
        return rows.filter(account__in=visible_accounts(user).values("pk"))
    return rows.filter(pk__in=_OWN[model](user).values("pk"))


def sees_every_account(user: User | AnonymousUser) -> bool:
    """Whether no account belongs to a team of which this person is not."""
    if user.is_superuser:
        return True
    mine = visible_accounts(user).values("pk")
    return user.is_authenticated and not ProviderAccount.objects.exclude(pk__in=mine).exists()


def teams_of(user: User) -> QuerySet[Group]:
    """A person's teams: their groups without the roles; all teams for a superuser."""
    return all_teams() if user.is_superuser else all_teams().filter(user=user)


def all_teams() -> QuerySet[Group]:
    """Every group that is no role, by name."""
    return Group.objects.exclude(name__in=(VIEWER, OPERATOR, ADMIN)).order_by("name")


def _teams(user: User) -> QuerySet[Group]:
    return user.groups.exclude(name__in=(VIEWER, OPERATOR, ADMIN))


def _rules(user: User) -> QuerySet[NoticeRule]:
    """Of one's groups: a rule of nobody sends the runs of all accounts to its addresses."""
    hidden = ProviderAccount.objects.exclude(pk__in=visible_accounts(user).values("pk"))
    own = NoticeRule.objects.filter(group__in=user.groups.all())
    return own.exclude(accounts__in=hidden).exclude(workflows__account__in=hidden)


def audit_sight(user: User) -> list[str] | None:
    """The names of the accounts whose audit entries an administrator sees, beside those of
    their own acts; None: every entry."""
    if sees_every_account(user):
        return None
    return list(visible_accounts(user).values_list("name", flat=True))


def _entries(user: User) -> QuerySet[AuditEntry]:
    mine = AuditEntry.objects.filter(actor=user.get_username())
    return mine | AuditEntry.objects.filter(account_name__in=audit_sight(user) or [])


_OF_AN_ACCOUNT = (ProviderAccount, Execution, Workflow, Quarantine, Command, CorrelationRule)
_OWN: dict[type[Model], Any] = {
    NoticeRule: _rules,
    AuditEntry: _entries,
    ApiToken: lambda user: ApiToken.objects.filter(Q(user=user) | Q(user__groups__in=_teams(user))),
    Group: lambda user: user.groups.all(),
    User: lambda user: User.objects.filter(Q(pk=user.pk) | Q(groups__in=_teams(user))),
}

"""Who may see and do what. The server decides here; pages only follow.

Accounts belong to a group (a team); without one, everybody who may sign in sees them. Role groups
`viewer`, `operator` and `admin` carry the permissions; `roles` makes them after every migrate. A
`Grant` lets a person or a team see one account more, or act on it, whatever their role.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

from django.contrib.auth.models import AnonymousUser, Group, User
from django.contrib.postgres.expressions import ArraySubquery
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
from providers.models import AccountQuerySet, Grant, Level, ProviderAccount

Row = TypeVar("Row", bound=Model)

VIEWER, OPERATOR, ADMIN = "viewer", "operator", "admin"
LOOK_ONLY = "Your role can only view."
VIEW_ONLY = "You may only look at this account."
READS_ONLY = "This token can only read."


def may_act(user: User | AnonymousUser, account_id: int | None = None) -> bool:
    """Answer, cancel, suspend, resume, retry and start: anywhere at all; with an account that they
    see, there."""
    if getattr(user, "only_reads", False) or isinstance(user, AnonymousUser) or not user.is_active:
        return False
    if user.is_superuser:
        return True
    by_role = _acts_by_role(user)
    if account_id is None:
        return by_role or _is_granted(user, Level.OPERATE)
    if by_role and not _is_granted(user, Level.VIEW):
        return True  # whatever they see is of their teams, of none, or granted to act on
    if not by_role and not _is_granted(user, Level.OPERATE):
        return False
    known: frozenset[int] | None = getattr(user, "_operable", None)
    if known is None:
        known = frozenset(operable_accounts(user).values_list("pk", flat=True))
        user._operable = known  # type: ignore[attr-defined]  # as long as the request lasts
    return account_id in known


def operable_accounts(user: User | AnonymousUser) -> AccountQuerySet:
    """Those on which this person may act, as it is now."""
    if not may_act(user):
        return ProviderAccount.objects.none()
    person = cast(User, user)
    return ProviderAccount.objects.operable_by(person, by_role=_acts_by_role(person))


def acting_on(account: ProviderAccount, people: QuerySet[User]) -> QuerySet[User]:
    """Those of these people (`with_roles`) who may act on the account."""
    rows = Grant.objects.covering(account.pk, account.group_id).filter(level=Level.OPERATE)
    members = User.groups.through.objects.all()
    of_granted = members.filter(group__in=rows.filter(team__isnull=False).values("team"))
    granted = Q(pk__in=rows.filter(person__isnull=False).values("person"))
    granted |= Q(pk__in=of_granted.values("user"))
    by_role = Q(acts=True)
    if account.group_id is not None:
        by_role &= Q(pk__in=members.filter(group=account.group_id).values("user"))
    return people.filter(Q(is_superuser=True) | by_role | granted)


def granted_on(account: ProviderAccount) -> list[Grant]:
    """What lets people see the account, or act on it, beside its team: of itself, and of all that
    the team owns."""
    rows = Grant.objects.covering(account.pk, account.group_id)
    return list(rows.select_related("person", "team", "accounts_of"))


def may_act_by_role(user: User | AnonymousUser) -> bool:
    """Act for a team, whatever single accounts were granted: operators and superusers."""
    return may_act(user) and _acts_by_role(cast(User, user))


def _acts_by_role(user: User) -> bool:
    acts: bool | None = getattr(user, "acts", None)
    return user.has_perm("executions.act") if acts is None else acts or user.is_superuser


def _is_granted(user: User, level: Level) -> bool:
    """Anything, at this level."""
    levels: list[str] | None = getattr(user, "granted", None)
    if levels is None:
        levels = list(Grant.objects.to(user).values_list("level", flat=True).distinct())
        user.granted = levels  # type: ignore[attr-defined]
    return level in levels


def with_roles(users: QuerySet[User]) -> QuerySet[User]:
    """The same, each knowing by the same query whether it has the permission to act and what kinds
    of grants it has, since nearly every page asks: for that, Django would need three more."""
    act = {
        "permission__codename": "act",
        "permission__content_type__app_label": "executions",
    }
    own = User.user_permissions.through.objects.filter(user=OuterRef("pk"), **act)
    of_group = Group.permissions.through.objects.filter(group__user=OuterRef("pk"), **act)
    teams = User.groups.through.objects.filter(user=OuterRef(OuterRef("pk"))).values("group")
    mine = Grant.objects.filter(Q(person=OuterRef("pk")) | Q(team__in=teams)).order_by()
    return users.annotate(
        acts=Exists(own) | Exists(of_group),
        granted=ArraySubquery(mine.values("level").distinct()),
    )


def may_administer(user: User | AnonymousUser) -> bool:
    """Change provider accounts; admins and superusers."""
    is_admin = user.is_staff and user.has_perm("providers.change_provideraccount")
    return user.is_active and is_admin and not getattr(user, "only_reads", False)


def may_set_up(user: User | AnonymousUser, account_id: int | None = None) -> bool:
    """Make notification rules and business keys of one's own teams, or of an account that one
    sees: who may act or administer."""
    acts = may_act_by_role(user) if account_id is None else may_act(user, account_id)
    return acts or may_administer(user)


def require_may_set_up(user: User | AnonymousUser, account_id: int | None = None) -> None:
    """Raises PermissionDenied."""
    if account_id is not None:
        require_may_see(user, account_id)
    if not may_set_up(user, account_id):
        raise PermissionDenied(_why_not(user, account_id))


def require_may_act(user: User | AnonymousUser, account_id: int | None = None) -> None:
    """Anywhere; with an account, there, as it is now. Raises PermissionDenied."""
    if not may_act(user):
        raise PermissionDenied(_why_not(user, None))
    if account_id is not None and not operable_accounts(user).filter(pk=account_id).exists():
        require_may_see(user, account_id)
        raise PermissionDenied(_why_not(user, account_id))


def require_may_act_by_role(user: User | AnonymousUser) -> None:
    """Raises PermissionDenied."""
    if not may_act_by_role(user):
        raise PermissionDenied(_why_not(user, None))


def _why_not(user: User | AnonymousUser, account_id: int | None) -> str:
    if getattr(user, "only_reads", False):
        return READS_ONLY
    return LOOK_ONLY if account_id is None or not may_act(user) else VIEW_ONLY


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


def visible_accounts(user: User | AnonymousUser) -> AccountQuerySet:
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


def _grants(user: User) -> QuerySet[Grant]:
    """Of what they see, and of what their teams own."""
    return Grant.objects.filter(
        Q(account__in=visible_accounts(user)) | Q(accounts_of__in=_teams(user))
    )


def _entries(user: User) -> QuerySet[AuditEntry]:
    mine = AuditEntry.objects.filter(actor=user.get_username())
    return mine | AuditEntry.objects.filter(account_name__in=audit_sight(user) or [])


_OF_AN_ACCOUNT = (ProviderAccount, Execution, Workflow, Quarantine, Command, CorrelationRule)
_OWN: dict[type[Model], Any] = {
    Grant: _grants,
    NoticeRule: _rules,
    AuditEntry: _entries,
    ApiToken: lambda user: ApiToken.objects.filter(Q(user=user) | Q(user__groups__in=_teams(user))),
    Group: lambda user: user.groups.all(),
    User: lambda user: User.objects.filter(Q(pk=user.pk) | Q(groups__in=_teams(user))),
}

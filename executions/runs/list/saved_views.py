"""Saving lists as views, private or shared, and choosing which one opens first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction
from django.http import QueryDict
from django.utils import timezone

from executions.access import audit_log
from executions.access.permissions import may_act_by_role, preference_of
from executions.display.formatting import too_long
from executions.display.id_params import row_id
from executions.models import Preference, SavedView
from executions.search.filters import Filters, parse
from providers.models import ProviderAccount

MAX_VIEWS = 100  # of one person
MAX_NAME = 80  # characters


class Refused(Exception):
    """Nothing was saved; the message is a sentence for the person."""


def views_for(user: User) -> list[SavedView]:
    """What the person's list offers: one's own views before those that others share."""
    found = SavedView.objects.visible_to(user).select_related("owner", "group")
    return sorted(found, key=lambda view: not view.is_of(user))


def canonical(text: str, accounts: Mapping[int, ProviderAccount]) -> str:
    """The query of a list as a view keeps it: understood parts only, no view, columns or place."""
    filters: Filters = parse(QueryDict(text.removeprefix("?")), accounts, now=timezone.now())
    return urlencode([pair for pair in filters.pairs() if pair[0] not in ("view", "columns")])


def save(
    user: User,
    view: SavedView,
    *,
    name: str,
    audience: str,
    address: str | None,
) -> SavedView:
    """Create or change. `audience`: private, everybody or `team:<group id>`. Raises Refused."""
    view.name = " ".join(name.replace("\0", "").split())
    if not view.name:
        raise Refused("A view needs a name.")
    if problem := too_long("A name", view.name, MAX_NAME):
        raise Refused(problem)
    view.audience, _, group = audience.partition(":")
    view.group = _team(user, group) if view.audience == SavedView.TEAM else None
    if view.audience not in dict(SavedView.AUDIENCES):
        raise Refused("Share it with nobody, a team or everybody.")
    if view.audience != SavedView.PRIVATE and not may_act_by_role(user):
        raise Refused("Only operators share views; save it for yourself.")
    is_new = view.pk is None
    if is_new and SavedView.objects.filter(owner=user).count() >= MAX_VIEWS:
        raise Refused(f"You have {MAX_VIEWS} views already; delete one first.")
    try:
        with transaction.atomic():
            view.save()
            _record(
                user,
                audit_log.Action.VIEW_CREATED if is_new else audit_log.Action.VIEW_CHANGED,
                view,
                address,
            )
    except IntegrityError:
        raise Refused(f"You have a view “{view.name}” already.") from None
    return view


def delete(user: User, view: SavedView, address: str | None) -> None:
    with transaction.atomic():
        _record(user, audit_log.Action.VIEW_DELETED, view, address)
        view.delete()


def open_first(user: User, view: SavedView | None) -> None:
    """Which view opens when the list is asked for without a query; None: all runs."""
    preference: Preference = preference_of(user)
    preference.user, preference.default_view = user, view
    preference.save()


def _team(user: User, number: str) -> Group:
    """Raises Refused for a team that the person is not in."""
    teams = Group.objects.all() if user.is_superuser else user.groups.all()
    team = teams.filter(pk=row_id(number) or 0).first()
    if team is None:
        raise Refused("You share views with teams that you are in.")
    return team


def _record(user: User, action: audit_log.Action, view: SavedView, address: str | None) -> None:
    detail: dict[str, Any] = {"query": view.query, "audience": view.audience}
    if view.group:
        detail["team"] = view.group.name
    audit_log.record(user, action, target=f"view:{view.name}", detail=detail, address=address)

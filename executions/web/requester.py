"""Who asks for a page: the person, the accounts they may see, and their address."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest

from executions.access.permissions import may_act, visible_accounts
from providers.models import ProviderAccount


def person(request: HttpRequest) -> User:
    """Who asks. Every view needs a signed-in person, so there is one."""
    return cast(User, request.user)


def address(request: HttpRequest) -> str | None:
    return request.META.get("REMOTE_ADDR") or None


def accounts_of(request: HttpRequest) -> dict[int, ProviderAccount]:
    """Every account the person may see, by id; read once per request."""
    found: dict[int, ProviderAccount] | None = getattr(request, "_accounts", None)
    return show_accounts(request, visible_accounts(request.user)) if found is None else found


def is_about(request: HttpRequest, account_id: int) -> None:
    """The page is about this account: whether its buttons are drawn is asked of it alone."""
    request._about = account_id  # type: ignore[attr-defined]


def operable_of(request: HttpRequest) -> dict[int, ProviderAccount]:
    """Those of `accounts_of` on which the person may act."""
    user = request.user
    return {pk: each for pk, each in accounts_of(request).items() if may_act(user, pk)}


def show_accounts(
    request: HttpRequest, rows: QuerySet[ProviderAccount]
) -> dict[int, ProviderAccount]:
    """Make these the accounts of the request: of its person, or of a screen without one."""
    every = RawSQL("(SELECT count(*) FROM providers_provideraccount)", [])
    rows = rows.defer("sealed_credentials", "memory")
    found: dict[int, ProviderAccount] = {each.pk: each for each in rows.annotate(of_all=every)}
    request._accounts = found  # type: ignore[attr-defined]
    return found


def sees_all(request: HttpRequest) -> bool:
    """Whether no account is hidden from the person: then lists need not name the visible ones."""
    found = accounts_of(request)
    return any(account.of_all == len(found) for account in found.values())  # type: ignore[attr-defined]

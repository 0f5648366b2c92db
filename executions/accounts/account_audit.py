"""What is done to an account, audited and published to open pages after commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from executions.access import audit_log
from executions.live import publish
from providers import save_account
from providers.models import ProviderAccount


class NotNow(Exception):
    """Show it: the act is not possible at present. str() is a sentence for a person."""


def record(
    actor: AbstractBaseUser | AnonymousUser | str,
    account: ProviderAccount,
    action: audit_log.Action,
    what: dict[str, Any] | Sequence[save_account.Change] = (),
    *,
    address: str | None = None,
) -> None:
    """Audit an act on an account, which may not be saved yet, and tell open pages after commit."""
    pk, health = account.pk, account.health
    detail = what if isinstance(what, dict) else {"changes": [str(change) for change in what]}
    audit_log.record(
        actor,
        action,
        account_name=account.name,
        target=f"account:{pk}" if pk else "",
        detail=detail if what else {},
        address=address,
    )
    if pk:
        transaction.on_commit(lambda: publish.publish_health(pk, health))

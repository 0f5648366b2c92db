"""The audit log: who did what to which account or run, when, with what result. Append-only."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from executions.models import AuditEntry


def record(
    actor: AbstractBaseUser | AnonymousUser | str,
    action: str,
    *,
    account_name: str = "",
    target: str = "",
    detail: dict[str, Any] | None = None,
    command_key: UUID | None = None,
    address: str | None = None,
) -> None:
    """One entry, in the caller's transaction. `detail` must hold no secrets; `actor` may be a
    word such as "command line" where there is no user."""
    name = actor if isinstance(actor, str) else actor.get_username()
    AuditEntry.objects.create(
        actor=name[:150],
        action=action[:60],
        account_name=account_name[:100],
        target=target[:300],
        detail=detail or {},
        command_key=command_key,
        address=address,
    )

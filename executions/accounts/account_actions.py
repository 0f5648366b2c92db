"""What an administrator does with an account beside setting it up: have it polled now, test what
its pages say when it is blind. Each act checks, changes, audits, and tells open pages after commit.

Called by the pages and the admin.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction

from executions.access import audit_log
from executions.access.permissions import require_may_administer, require_may_see
from executions.display.text import stamped
from executions.live import publish
from providers import account_setup
from providers.models import ProviderAccount


class NotNow(Exception):
    """Show it: the act is not possible at present. str() is a sentence for a person."""


def poll_now(user: User | AnonymousUser, account: ProviderAccount, *, address: str | None) -> str:
    """Make the account due at once, one whose credentials were refused too: the next tick takes
    it. Returns a sentence. Raises NotNow and PermissionDenied."""
    _check(user, account)
    if not account.enabled:
        raise NotNow(f"{account.name} is disabled. Enable it to poll it.")
    with transaction.atomic():
        if not account_setup.poll_soon(account):
            raise NotNow(f"{account.name} was polled a moment ago. Wait ten seconds.")
        _note(user, account, audit_log.Action.ACCOUNT_POLL_ASKED, {}, address)
    return f"Asked for: {account.name} is polled within a few seconds."


def begin_blind_test(
    user: User | AnonymousUser, account: ProviderAccount, minutes: int, *, address: str | None
) -> str:
    """Make the account unreachable for some minutes, to prove that the pages tell the truth.
    Returns a sentence. Raises NotNow and PermissionDenied."""
    _check(user, account)
    with transaction.atomic():
        until = account_setup.go_blind(account, minutes, by=user.get_username())
        if until is None:
            raise NotNow(f"{account.name} is disabled: nobody polls it anyway.")
        _note(user, account, audit_log.Action.BLIND_TEST_BEGUN, {"minutes": minutes}, address)
    return f"{account.name} is unreachable until {stamped(until)}."


def end_blind_test(
    user: User | AnonymousUser, account: ProviderAccount, *, address: str | None
) -> str:
    """End it before its time. Returns a sentence, "" if none was on. Raises PermissionDenied."""
    _check(user, account)
    with transaction.atomic():
        if not account_setup.see_again(account):
            return ""
        _note(user, account, audit_log.Action.BLIND_TEST_ENDED, {}, address)
    return f"{account.name} is reachable again, and polled at once."


def _check(user: User | AnonymousUser, account: ProviderAccount) -> None:
    require_may_administer(user)
    require_may_see(user, account.pk)


def _note(
    user: User | AnonymousUser,
    account: ProviderAccount,
    action: audit_log.Action,
    detail: dict[str, Any],
    address: str | None,
) -> None:
    audit_log.record(
        user,
        action,
        account_name=account.name,
        target=f"account:{account.pk}",
        detail=detail,
        address=address,
    )
    transaction.on_commit(lambda: publish.publish_health(account.pk, account.health))

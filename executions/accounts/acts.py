"""What an administrator does with an account beside setting it up: have it polled now, test what
its pages say when it is blind. Each act checks, changes, audits, and tells open pages after commit.

Called by the pages and the admin. What is done to an account elsewhere (its form, the accounts
file, the command line) is audited and told by `record` as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction

from executions.access import audit_log
from executions.access.permissions import require_may_administer, require_may_see
from executions.display.formatting import stamped
from executions.live import publish
from providers import account_setup, account_switches
from providers.models import ProviderAccount


class NotNow(Exception):
    """Show it: the act is not possible at present. str() is a sentence for a person."""


def poll_now(user: User | AnonymousUser, account: ProviderAccount, *, address: str | None) -> str:
    """Make the account due at once, one whose credentials were refused too: the next tick takes
    it. Returns a sentence. Raises NotNow and PermissionDenied."""
    _check(user, account)
    if not account.enabled:
        raise NotNow(f"{account.name} is disabled. Enable it to poll it.")
    if account.is_quiet:
        until = stamped(account.quiet_until)
        raise NotNow(f"{account.name} is not polled: its provider asked us to wait until {until}.")
    with transaction.atomic():
        if not account_switches.poll_soon(account):
            raise NotNow(f"{account.name} was polled a moment ago. Wait ten seconds.")
        record(user, account, audit_log.Action.ACCOUNT_POLL_ASKED, address=address)
    return f"{account.name} will be polled within a few seconds."


def begin_blind_test(
    user: User | AnonymousUser, account: ProviderAccount, minutes: int, *, address: str | None
) -> str:
    """Make the account unreachable for some minutes, to prove that the pages tell the truth.
    Returns a sentence. Raises NotNow and PermissionDenied."""
    _check(user, account)
    with transaction.atomic():
        until = account_switches.go_blind(account, minutes, by=user.get_username())
        if until is None:
            raise NotNow(f"{account.name} is disabled, so it is not polled anyway.")
        what = {"minutes": minutes}
        record(user, account, audit_log.Action.BLIND_TEST_BEGUN, what, address=address)
    return f"{account.name} is unreachable until {stamped(until)}."


def end_blind_test(
    user: User | AnonymousUser, account: ProviderAccount, *, address: str | None
) -> str:
    """End it before its time. Returns a sentence, "" if none was on. Raises PermissionDenied."""
    _check(user, account)
    with transaction.atomic():
        if not account_switches.see_again(account):
            return ""
        record(user, account, audit_log.Action.BLIND_TEST_ENDED, address=address)
    return f"{account.name} is reachable again and will be polled at once."


def _check(user: User | AnonymousUser, account: ProviderAccount) -> None:
    require_may_administer(user)
    require_may_see(user, account.pk)


def record(
    actor: AbstractBaseUser | AnonymousUser | str,
    account: ProviderAccount,
    action: audit_log.Action,
    what: dict[str, Any] | Sequence[account_setup.Change] = (),
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

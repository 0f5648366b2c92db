"""An administrator has an account polled at once."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction

from executions.access import audit_log
from executions.access.permissions import require_may_administer_account
from executions.accounts.account_audit import NotNow, record
from executions.display.formatting import stamped
from providers import account_switches
from providers.models import ProviderAccount


def poll_now(user: User | AnonymousUser, account: ProviderAccount, *, address: str | None) -> str:
    """Make the account due at once, one whose credentials were refused too: the next tick takes
    it. Returns a sentence. Raises NotNow and PermissionDenied."""
    require_may_administer_account(user, account.pk)
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

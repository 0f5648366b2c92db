"""An account made unreachable for some minutes, to prove what its pages say when it is blind."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction

from executions.access import audit_log
from executions.access.permissions import require_may_administer_account
from executions.accounts.account_audit import NotNow, record
from executions.display.formatting import stamped
from providers import account_switches
from providers.models import ProviderAccount


def begin_blind_test(
    user: User | AnonymousUser, account: ProviderAccount, minutes: int, *, address: str | None
) -> str:
    """Make the account unreachable for some minutes, to prove that the pages tell the truth.
    Returns a sentence. Raises NotNow and PermissionDenied."""
    require_may_administer_account(user, account.pk)
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
    require_may_administer_account(user, account.pk)
    with transaction.atomic():
        if not account_switches.see_again(account):
            return ""
        record(user, account, audit_log.Action.BLIND_TEST_ENDED, address=address)
    return f"{account.name} is reachable again and will be polled at once."

"""Saving a key rule: checked, audited, and the account's stored runs looked through again.

Called by the admin and by `key_from_value`, where a person makes a key of a run's value.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from executions.access import audit_log
from executions.access.permissions import require_may_set_up
from executions.models import CorrelationRule
from executions.storage import key_backfill
from providers.models import ProviderAccount


@transaction.atomic
def save_rule(
    by: User, rule: CorrelationRule, days: int, *, address: str | None
) -> list[ProviderAccount]:
    """Save a valid rule, new or changed. Returns the accounts whose runs of so many days are looked
    through again: its own, and the one that it belonged to before. Raises PermissionDenied."""
    require_may_set_up(by, rule.account_id)
    before = CorrelationRule.objects.filter(pk=rule.pk).select_related("account").first()
    rule.problem, rule.problem_at = "", None
    rule.save()
    action = audit_log.Action.KEY_RULE_CHANGED if before else audit_log.Action.KEY_RULE_ADDED
    record(by, rule, action, days, address=address)
    accounts = [rule.account]
    if before is not None and before.account_id != rule.account_id:
        accounts.append(before.account)
    return [account for account in accounts if key_backfill.ask(account, days, by)]


def record(
    by: User, rule: CorrelationRule, action: audit_log.Action, days: int, *, address: str | None
) -> None:
    audit_log.record(
        by,
        action,
        account_name=rule.account.name,
        target=f"rule:{rule.pk}",
        detail={
            "name": rule.name, "source": rule.source, "path": rule.path,
            "pattern": rule.pattern, "link": rule.link, "days": days,
        },
        address=address,
    )  # fmt: skip

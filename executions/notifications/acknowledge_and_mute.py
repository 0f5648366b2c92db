"""What people do about raised states: acknowledge, and mute for a while. Each act is audited.

Called by views. Nothing here stops the noticing: states are raised and cleared all the same, and
both end by themselves.
"""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from executions import database_clock
from executions.access import audit_log
from executions.access.permissions import (
    operable_accounts,
    require_may_act,
    require_may_act_by_role,
    visible_accounts,
)
from executions.display.formatting import too_long
from executions.errors.acts import ACKNOWLEDGED_FOR
from executions.models import Notice, NoticeMute, NoticeRule, Workflow
from providers.models import ProviderAccount

DURATIONS = {
    "1h": ("1 hour", timedelta(hours=1)),
    "4h": ("4 hours", timedelta(hours=4)),
    "24h": ("24 hours", timedelta(hours=24)),
    "7d": ("7 days", timedelta(days=7)),
}
MAX_REASON = 300  # characters


class NotMuted(ValueError):
    """Show the sentence to the person; nothing was recorded."""


def visible_notices(user: User) -> QuerySet[Notice]:
    """Of rules and of accounts that the person may see."""
    found = Notice.objects.filter(rule__in=NoticeRule.objects.visible_to(user).values("pk"))
    if user.is_superuser:
        return found
    return found.filter(account__in=visible_accounts(user).values("pk"))


def visible_mutes(user: User) -> QuerySet[NoticeMute]:
    """Those in force, of rules, accounts and workflows that the person may see."""
    found = NoticeMute.objects.filter(until__gt=database_clock.now())
    accounts = visible_accounts(user).values("pk")
    return (
        found.filter(rule__in=NoticeRule.objects.visible_to(user).values("pk"))
        | found.filter(account__in=accounts)
        | found.filter(workflow__account__in=accounts)
    )


@transaction.atomic
def acknowledge(notice: Notice, user: User, *, address: str | None) -> int:
    """The person looks after it, and after all of its group, for 24 hours; how many."""
    require_may_act(user, notice.account_id)
    now = database_clock.now()
    same = _group_of(notice, user)
    count = same.update(
        acknowledged_by=user, acknowledged_at=now, acknowledged_until=now + ACKNOWLEDGED_FOR
    )
    _record(user, audit_log.Action.NOTICE_ACKNOWLEDGED, notice, {"states": count}, address)
    return count


@transaction.atomic
def let_go(notice: Notice, user: User, *, address: str | None) -> int:
    """Takes an acknowledgement back."""
    require_may_act(user, notice.account_id)
    count = _group_of(notice, user).update(
        acknowledged_by=None, acknowledged_at=None, acknowledged_until=None
    )
    _record(user, audit_log.Action.NOTICE_LET_GO, notice, {"states": count}, address)
    return count


@transaction.atomic
def mute(
    thing: NoticeRule | ProviderAccount | Workflow,
    user: User,
    *,
    reason: str,
    lasts: str,
    address: str | None,
) -> NoticeMute:
    """Raises NotMuted without a reason, with one too long, or with an unknown duration."""
    _require_may_mute(user, thing)
    reason = " ".join(reason.replace("\0", " ").split())
    if not reason:
        raise NotMuted("Enter a reason.")
    if problem := too_long("A reason", reason, MAX_REASON):
        raise NotMuted(problem)
    if lasts not in DURATIONS:
        raise NotMuted("Choose how long to mute.")
    until = database_clock.now() + DURATIONS[lasts][1]
    made = NoticeMute(reason=reason, until=until, created_by=user)
    if isinstance(thing, NoticeRule):
        made.rule, kind, account = thing, "rule", ""
    elif isinstance(thing, Workflow):
        made.workflow, kind, account = thing, "workflow", thing.account.name
    else:
        made.account, kind, account = thing, "account", thing.name
    made.save()
    audit_log.record(
        user,
        audit_log.Action.NOTICE_MUTED,
        account_name=account,
        target=f"{kind}:{thing.pk} {thing}",
        detail={"reason": reason, "until": until.isoformat()},
        address=address,
    )
    return made


@transaction.atomic
def end_mute(made: NoticeMute, user: User, *, address: str | None) -> None:
    """Ends it now instead of later."""
    _require_may_mute(user, made.rule or made.workflow or made.account)
    now = database_clock.now()
    if NoticeMute.objects.filter(pk=made.pk, until__gt=now).update(until=now):
        audit_log.record(
            user,
            audit_log.Action.NOTICE_MUTE_ENDED,
            target=f"mute:{made.pk} {made.thing}",
            address=address,
        )


def _require_may_mute(user: User, thing: NoticeRule | ProviderAccount | Workflow | None) -> None:
    """A rule is muted by operators of its team; what belongs to an account by who acts on that."""
    if thing is None or isinstance(thing, NoticeRule):
        require_may_act_by_role(user)
    else:
        require_may_act(user, thing.account_id if isinstance(thing, Workflow) else thing.pk)


def _group_of(notice: Notice, user: User) -> QuerySet[Notice]:
    same = visible_notices(user).filter(
        rule_id=notice.rule_id, group_key=notice.group_key, cleared_at__isnull=True
    )
    return same.filter(account__in=operable_accounts(user).values("pk"))


def _record(
    user: User,
    action: audit_log.Action,
    notice: Notice,
    detail: dict[str, int],
    address: str | None,
) -> None:
    audit_log.record(
        user,
        action,
        account_name=notice.account.name,
        target=f"{notice.subject} of rule {notice.rule.name}",
        detail=detail,
        address=address,
    )

"""Writes the messages that tell people what `evaluation` has raised.

Called by `tasks`. Rows first: a message and its deliveries are stored together with the mark that
its notices are notified, so nothing is sent twice. `delivery` hands them over.
"""

from __future__ import annotations

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from executions import database_clock
from executions.models import Event, Notice, NoticeClock, NoticeMessage, NoticeMute, NoticeRule
from executions.notifications import browsers, message_text
from executions.notifications.delivery import deliveries_of
from executions.notifications.message_text import NoticeGroup
from executions.sql_sections import statements

_sql = statements(__file__)


def write_messages() -> int:
    """One message per rule that has pending notices and is past its cooldown; returns the count."""
    return sum(_write(rule_id) for rule_id in _with_news())


def _with_news() -> list[int]:
    """Rules with notices that are not sent yet; read from two partial indexes."""
    with connection.cursor() as cursor:
        cursor.execute(_sql("with_news"))
        return [int(row[0]) for row in cursor.fetchall()]


@transaction.atomic
def _write(rule_id: int) -> int:
    """Under the evaluator's lock: notices do not change while their message is written."""
    clock = NoticeClock.objects.select_for_update(skip_locked=True).filter(pk=1)
    rule = NoticeRule.objects.filter(pk=rule_id, enabled=True).first() if clock else None
    if rule is None:
        return 0
    now = database_clock.now()
    unsent = Notice.objects.filter(rule=rule, told_at__isnull=True, is_silent=False)
    over = Notice.objects.filter(
        rule=rule, cleared_at__isnull=False, clear_told_at__isnull=True, is_silent=False
    )
    muted = _muted(rule)
    if rule.event == Event.FAILED:  # what failed while it was muted is history when the mute ends
        unsent.filter(muted).update(is_silent=True)
    # One that has just run out is ended by the evaluator, for all of its group at once.
    busy = Q(acknowledged_until__gt=now) | Q(acknowledged_until__isnull=False, cleared_at=None)
    raised = _groups(rule, list(unsent.exclude(muted).exclude(busy).values_list("pk", flat=True)))
    cleared = _groups(rule, list(over.exclude(muted).values_list("pk", flat=True)))
    if not raised and not cleared:
        return 0
    kind = "both" if raised and cleared else "raised" if raised else "cleared"
    message = NoticeMessage.objects.create(rule=rule, kind=kind, title="", body="")
    raised_ids = [pk for group in raised for pk in group.ids]
    cleared_ids = [pk for group in cleared for pk in group.ids]
    Notice.objects.filter(pk__in=raised_ids).update(told_at=now, message=message)
    Notice.objects.filter(pk__in=cleared_ids).update(clear_told_at=now, clear_message=message)
    groups = [group.shown for group in raised], [group.shown for group in cleared]
    message.title = message_text.title(rule, *groups)
    message.body = message_text.body(rule, *groups, message.pk)
    message.account_ids = sorted({pk for group in (*raised, *cleared) for pk in group.account_ids})
    message.save()
    deliveries_of(message, rule, browsers.notified_by(rule))
    NoticeRule.objects.filter(pk=rule.pk).update(last_message_at=now)
    return 1


class _Kept:
    """A group of notices with all its ids, of which a message shows the newest few."""

    def __init__(self, ids: list[int], account_ids: list[int], shown: NoticeGroup) -> None:
        self.ids, self.account_ids, self.shown = ids, account_ids, shown


def _groups(rule: NoticeRule, ids: list[int]) -> list[_Kept]:
    """Failures by workflow and error, everything else together; the largest first."""
    if not ids:
        return []
    key = "group_key" if rule.event == Event.FAILED else "rule_id"
    with connection.cursor() as cursor:
        cursor.execute(_sql("groups", key=key), [ids])
        found = cursor.fetchall()
    shown = [
        pk for members, *_ in found[: message_text.GROUPS] for pk in members[: message_text.FIRST]
    ]
    rows = Notice.objects.select_related("rule", "account", "workflow").in_bulk(shown)
    return [
        _Kept(
            members,
            accounts,
            NoticeGroup(len(members), first, last, [rows[pk] for pk in members if pk in rows]),
        )
        for members, accounts, first, last in found
    ]


def _muted(rule: NoticeRule) -> Q:
    """Notices of the rule that are muted now."""
    going_on = NoticeMute.objects.filter(Q(rule=rule) | Q(rule=None), until__gt=Now())
    mutes = going_on.values_list("rule", "account", "workflow")
    if any(own for own, _, _ in mutes):
        return Q(rule=rule)
    accounts = [account for _, account, _ in mutes if account]
    workflows = [workflow for _, _, workflow in mutes if workflow]
    return Q(account__in=accounts) | Q(workflow__in=workflows)

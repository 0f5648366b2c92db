"""The words of messages: plain text, provider text with nothing invisible in it, times with zone.

A message leaves this site, so links are absolute, and what a provider wrote can neither call a
whole channel nor pass for markup where it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from executions.display.formatting import duration, stamped
from executions.models import Event, Notice, NoticeMessage, NoticeRule
from executions.notifications.apprise_sending import cut_title
from executions.payloads.text_escaping import plain

FIRST = 5  # lines of one message that name single things
GROUPS = 6  # groups of one message
CALLS = re.compile(r"@(?=(?:here|channel|everyone|all|room)\b)", re.IGNORECASE)

WORDS = {  # of one, of several, when it is over
    Event.FAILED: ("Failed", "runs failed", "Recovered"),
    Event.WAITING: ("Waits for input", "runs wait for input", "Answered"),
    Event.OVERDUE: ("Overdue", "runs are overdue", "Not overdue any more"),
    Event.STUCK: ("Stuck", "commands are stuck", "Settled"),
    Event.ACCOUNT: ("Cannot be read", "accounts cannot be read", "Can be read again"),
    Event.MISSING: ("Did not start", "expected runs did not start", "Has started"),
}


@dataclass(frozen=True)
class NoticeGroup:
    """Notices of one message: how many, and the newest few."""

    count: int
    first_since: datetime
    last_since: datetime
    notices: Sequence[Notice]


def absolute(path: str) -> str:
    return f"{settings.ANNUNCIATOR_SITE_URL}{path}"


def harmless(text: str, limit: int = 200) -> str:
    """Provider text for a chat: one line, no mention of everybody, no markup."""
    one_line = " ".join(plain(text, limit).split())
    return CALLS.sub("(at)", one_line).replace("<", "‹").replace(">", "›")


def title(rule: NoticeRule, raised: Sequence[NoticeGroup], cleared: Sequence[NoticeGroup]) -> str:
    """What happened, and how often. One thing is named."""
    groups, is_over = (raised, False) if raised else (cleared, True)
    total = sum(group.count for group in groups)
    one, several, over = WORDS[Event(rule.event)]
    notice = groups[0].notices[0]
    if total == 1:
        return cut_title(f"{over if is_over else _again(notice, one)}: {_name(notice)}")
    is_whole = len(groups) <= GROUPS and (rule.event == Event.FAILED or total <= FIRST)
    same = {_of(each) for group in groups for each in group.notices} if is_whole else set()
    where = f": {same.pop()}" if len(same) == 1 else ""
    words = f"{over}: {total:,}" if is_over else f"{total:,} {several}"
    return cut_title(f"{words}{where}")


def body(
    rule: NoticeRule, raised: Sequence[NoticeGroup], cleared: Sequence[NoticeGroup], message_id: int
) -> str:
    """Times are UTC: a message has many readers."""
    with timezone.override(UTC):
        parts = [_group_text(rule, group, is_over=False) for group in raised[:GROUPS]]
        if cleared:
            head = [f"{WORDS[Event(rule.event)][2]}:"] if raised else []
            parts += head + [_group_text(rule, group, is_over=True) for group in cleared[:GROUPS]]
    more = len(raised[GROUPS:]) + len(cleared[GROUPS:])
    if more:
        parts.append(f"Not listed here: {more} more.")
    total = sum(group.count for group in (*raised, *cleared))
    if total > 1:
        path = reverse("executions:notice-message", args=[message_id])
        parts.append(f"All {total:,} of this message: {absolute(path)}")
    parts.append(f"Rule: {harmless(rule.name)}. Mute or acknowledge: {absolute('/notices/')}")
    return "\n\n".join(parts)


def short(message: NoticeMessage) -> tuple[str, str]:
    """A message where little of it is read, and the page that it leads to: that of the one thing
    that it is about. The caller has chosen the zone."""
    related = ("rule", "account", "workflow")
    found = [
        (notice, is_over)
        for rows, is_over in ((message.raised, False), (message.cleared, True))
        for notice in rows.select_related(*related).order_by("-since", "pk")[: FIRST + 1]
    ]
    if not found:
        return message.body.partition("\n")[0], reverse("executions:notices")
    if len(found) == 1:
        [(notice, is_over)] = found
        words = _event_words(notice, is_over=is_over)
        return words[:1].upper() + words[1:], path_of(notice)
    lines = [
        f"{_name(each)}: {_event_words(each, is_over=is_over)}" for each, is_over in found[:FIRST]
    ]
    return "\n".join(lines), reverse("executions:notice-message", args=[message.pk])


def words_of_test(rule: NoticeRule, by: str) -> tuple[str, str]:
    """A message that says it is a test."""
    return (
        cut_title(f"Test: {rule.name}"),
        f"This is a test message of Annunciator, requested by {by}. Nothing has happened.\n\n"
        f"The rule {harmless(rule.name)} sends a message here when {Event(rule.event).label}.\n"
        f"{absolute('/notices/')}",
    )


def words_of_trial(name: str, by: str) -> tuple[str, str]:
    """A message of a rule that is not saved yet."""
    return (
        cut_title(f"Test: {name or 'a new rule'}"),
        f"This is a test message of Annunciator, requested by {by}. Nothing has happened, and the "
        f"rule {harmless(name)} is not saved yet.\n{absolute('/notices/')}",
    )


def path_of(notice: Notice) -> str:
    """The page of the one thing a notice is about."""
    kind, _, key = notice.subject.partition(":")
    if kind == "question":
        return reverse("executions:question", args=[key])
    if kind == "command" and notice.execution_id is None:
        return reverse("executions:command", args=[key])
    if notice.execution_id is not None:
        return reverse("executions:detail", args=[notice.execution_id])
    if kind == "account":
        return reverse("executions:account", args=[notice.account_id])
    return f"{reverse('executions:list')}?{urlencode({'workflow': notice.workflow_id or 0})}"


def list_of(group: NoticeGroup) -> str:
    """The list of the runs that a group of failures counts."""
    when: dict[str, Any] = {
        "workflow": group.notices[0].workflow_id,
        "lamp": "failed",
        "finished_from": _minute(group.first_since),
        "finished_to": _minute(group.last_since, 60),
    }
    return f"{reverse('executions:list')}?{urlencode(when)}"


def sentence(notice: Notice) -> str:
    """One line about one notice, with its time; the caller has chosen the zone."""
    since, what = stamped(notice.since), harmless(notice.detail)
    match Event(notice.rule.event):
        case Event.FAILED:
            return f"failed {since}" + (f": {what}" if what else "")
        case Event.WAITING:
            return f"has waited since {since}" + (f": {what}" if what else "")
        case Event.OVERDUE:
            usual = notice.workflow and notice.workflow.typical_seconds
            return f"overdue since {since}" + (
                f", usually takes {duration(usual)}" if usual else ""
            )
        case Event.STUCK:
            return f"requested {since} and not settled" + (f": {what}" if what else "")
        case Event.ACCOUNT:
            return f"since {since}: {what}"
        case Event.MISSING:
            return f"should have started by {since}"


def _group_text(rule: NoticeRule, group: NoticeGroup, *, is_over: bool) -> str:
    shown = group.notices[:FIRST]
    if group.count == 1:
        return _line(shown[0], _name(shown[0]), is_over=is_over)
    is_same = rule.event == Event.FAILED  # of one workflow, with one error
    lines = [
        _line(each, harmless(each.label, 120) if is_same else _name(each), is_over=is_over)
        for each in shown
    ]
    words = "over" if is_over else WORDS[Event(rule.event)][1]
    head = f"{_of(shown[0])}: " if is_same else ""
    head += f"{group.count:,} {words}"
    rest = group.count - len(shown)
    if rest > 0:
        lines.append(f"and {rest:,} more")
    if is_same and not is_over:
        lines.append(f"All of them: {absolute(list_of(group))}")
    return "\n".join([head, *lines])


def _line(notice: Notice, name: str, *, is_over: bool) -> str:
    return f"{name}: {_event_words(notice, is_over=is_over)}\n{absolute(path_of(notice))}"


def _event_words(notice: Notice, *, is_over: bool) -> str:
    because = f" ({notice.cleared_because})" if notice.cleared_because else ""
    if is_over:
        return f"over since {stamped(notice.cleared_at)}{because}"
    words = sentence(notice)
    words += f"; it is over{because}" if notice.cleared_at else ""
    return words + (" (not over yet; the acknowledgement has ended)" if notice.is_reminder else "")


def _of(notice: Notice) -> str:
    """What several notices may have in common."""
    if notice.workflow is None:
        return str(notice.account.name)
    return f"{harmless(notice.workflow.name, 120)} ({notice.account.name})"


def _name(notice: Notice) -> str:
    label = harmless(notice.label, 120)
    if notice.workflow is None or notice.subject.startswith("workflow:"):
        return label if notice.workflow is None else f"{label} ({notice.account.name})"
    return f"{harmless(notice.workflow.name, 120)} {label} ({notice.account.name})"


def _again(notice: Notice, word: str) -> str:
    return f"Reminder, {word.lower()}" if notice.is_reminder else word


def _minute(at: datetime, more: int = 0) -> str:
    stamp = int(at.timestamp()) // 60 * 60 + more
    return datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%dT%H:%MZ")

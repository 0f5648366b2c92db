"""The browsers that people let notify them: added and removed by their person, notified by rules
of whom they are.

What a browser is sent is decided when it is sent: by what its person may see then.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from executions.access import audit_log
from executions.access.permissions import preference_of, visible_accounts
from executions.display.time_zone_choices import zone_named
from executions.models import NoticeMessage, NoticeRule, PushBrowser
from executions.notifications import message_text, push_key, web_push
from executions.notifications.apprise_sending import Outcome
from executions.notifications.web_push import Subscription
from providers import sealing
from providers.sealing import SealError

MOST = 10  # browsers of one person
TARGET = "browser:"  # and the number of one: where a delivery goes
MOST_TITLE, MOST_BODY = 160, 600  # characters
SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip
PROGRAMS = (  # the first that fits: all of them claim to be others as well
    ("Edg", "Edge"), ("OPR", "Opera"), ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("Chrome", "Chrome"), ("CriOS", "Chrome"),
    ("Safari", "Safari"),
)  # fmt: skip


class NotAdded(Exception):
    """Show it: the browser was not added. str() is a sentence for a person."""


def of_person(user: User) -> QuerySet[PushBrowser]:
    return PushBrowser.objects.filter(user=user).order_by("-added_at", "-pk")


@transaction.atomic
def add(user: User, given: Subscription, *, agent: str, address: str | None) -> PushBrowser:
    """A browser is of the person who set it up last. Raises NotAdded."""
    held = User.objects.select_for_update().get(pk=user.pk)  # one form of a person at a time
    key = hash_of(given.endpoint)
    PushBrowser.objects.filter(endpoint_hash=key).delete()
    if of_person(held).count() >= MOST:
        raise NotAdded(f"You have {MOST} browsers here. Remove one that you do not use.")
    words = {"endpoint": given.endpoint, "p256dh": given.p256dh, "auth": given.auth}
    row = PushBrowser.objects.create(
        user=held,
        endpoint_hash=key,
        sealed=sealing.seal(f"browser:{key}", words),
        name=name_of(agent),
        service=given.host[:100],
    )
    _note(row, audit_log.Action.BROWSER_ADDED, address)
    return row


@transaction.atomic
def remove(browser: PushBrowser, *, address: str | None) -> None:
    _note(browser, audit_log.Action.BROWSER_REMOVED, address)
    browser.delete()


def _note(browser: PushBrowser, action: audit_log.Action, address: str | None) -> None:
    audit_log.record(
        browser.user,
        action,
        target=f"browser:{browser.pk} {browser.name}",
        detail={"push service": browser.service},
        address=address,
    )


def hash_of(endpoint: str) -> str:
    """By which a browser finds itself in the list."""
    return hashlib.sha256(endpoint.encode()).hexdigest()


def name_of(agent: str) -> str:
    """`Chrome on Linux`, of the User-Agent of a request."""
    program = next((name for sign, name in PROGRAMS if re.search(rf"\b{sign}\w*/", agent)), "")
    system = next((name for sign, name in SYSTEMS if sign in agent), "")
    return " on ".join(each for each in (program or "A browser", system) if each)


# ------------------------------------------------------------------------------------ messages


def notified_by(rule: NoticeRule) -> list[PushBrowser]:
    """Of the people who want the messages of this rule."""
    people = rule.people.filter(is_active=True)
    return list(PushBrowser.objects.filter(user__in=people).select_related("user").order_by("pk"))


def target_of(browser: PushBrowser) -> str:
    return f"{TARGET}{browser.pk}"


def of_target(target: str) -> PushBrowser | None:
    number = target.removeprefix(TARGET)
    return PushBrowser.objects.select_related("user").filter(pk=int(number)).first()


def may_receive(user: User, message: NoticeMessage) -> bool:
    """Whether the person still wants the messages of the rule, sees it, and every account that the
    message speaks of."""
    rules = NoticeRule.objects.visible_to(user).filter(pk=message.rule_id, people=user)
    if not user.is_active or not rules.exists():
        return False
    seen = set(visible_accounts(user).values_list("pk", flat=True))
    return user.is_superuser or seen.issuperset(message.account_ids)


def send(
    browser: PushBrowser, messages: Iterable[NoticeMessage], may_go: Callable[[], bool]
) -> Outcome:
    """These messages as one, in the times of its person."""
    return _send(browser, _notification_of(browser.user, list(messages)), may_go)


def send_test(browser: PushBrowser) -> Outcome:
    words = {
        "title": "Test: this browser shows notifications",
        "body": f"A test message of Annunciator for {browser.user}. Nothing has happened.",
        "path": reverse("executions:browsers"),
        "tag": "test",
    }
    return _send(browser, words, lambda: True)


def _send(browser: PushBrowser, words: dict[str, Any], may_go: Callable[[], bool]) -> Outcome:
    try:
        key, point = push_key.private(), push_key.row().public
        given = sealing.unseal(f"browser:{browser.endpoint_hash}", browser.sealed)
    except SealError as error:
        return Outcome("refused", f"{error} Set the browser up again.")
    outcome = web_push.send(
        Subscription(**given),
        _payload(words),
        key=key,
        point=point,
        contact=_contact(),
        allowed=settings.ANNUNCIATOR_ALLOWED_NETWORKS,
        may_go=may_go,
    )
    if outcome.state == "gone":
        browser.delete()
        return Outcome("dropped", outcome.says)
    if outcome.is_sent:
        PushBrowser.objects.filter(pk=browser.pk).update(last_used_at=timezone.now())
    return outcome


def _payload(words: dict[str, Any]) -> bytes:
    """As JSON that a push service takes: the body gives way."""
    while len(found := json.dumps(words, ensure_ascii=False).encode()) > web_push.MOST_PAYLOAD:
        words = {**words, "body": words["body"][: len(words["body"]) * 3 // 4]}
    return found


def _notification_of(user: User, messages: list[NoticeMessage]) -> dict[str, Any]:
    """Title, body, the page that it leads to, and what it takes the place of where it comes twice:
    the same message."""
    newest = messages[-1]
    with timezone.override(ZoneInfo(zone_named(preference_of(user).zone) or "UTC")):
        body, path = message_text.short(newest)
    title = newest.title
    if len(messages) > 1:
        title = f"{len(messages)} messages, the last: {title}"
        path = reverse("executions:notices")
    return {
        "title": title[:MOST_TITLE],
        "body": body[:MOST_BODY],
        "path": path,
        "tag": f"message-{newest.pk}",
    }


def _contact() -> str:
    """Whom a push service asks about this site."""
    site: str = settings.ANNUNCIATOR_SITE_URL
    host = urlsplit(site).hostname or "localhost"
    return site if site.startswith("https://") else f"mailto:annunciator@{host}"

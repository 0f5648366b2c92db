"""Hands messages over to their addresses, each once.

Called by `tasks`. A delivery is claimed with a lease. `preparing`: nothing has left, and where a
worker dies there, another one sends it. From `sending` on it may have arrived; a worker
that dies there leaves `unknown`, which is never sent again (at most once) and stands in the
delivery log. What surely was not taken is tried again, less and less often. Messages that have
piled up for one address go out as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q

from executions import database_clock
from executions.live import publish
from executions.models import (
    Delivery,
    DeliveryState,
    Event,
    NoticeMessage,
    NoticeRule,
    PushBrowser,
)
from executions.notifications import address_rules, apprise_sending, browsers, message_text
from executions.notifications.apprise_sending import Outcome
from executions.sql_sections import listed, statements
from providers.sealing import SealError

LEASE: timedelta = settings.ANNUNCIATOR_LEASE
RETRY_AFTER = (10, 60, 300, 900, 3600)  # seconds; then it is given up
AT_ONCE = 3  # sendings under way: the workers serve people's commands as well
JOINED = 10  # messages in one
KEPT = timedelta(days=90)
HELD = (DeliveryState.PREPARING, DeliveryState.SENDING)
OPEN = (DeliveryState.PENDING, *HELD)
COLORS = {Event.WAITING: "warning", Event.OVERDUE: "warning", Event.MISSING: "warning"}

_sql = statements(__file__, open_deliveries=listed(OPEN), held_deliveries=listed(HELD))


def deliveries_of(
    message: NoticeMessage, rule: NoticeRule, notified: Sequence[PushBrowser] = (), **more: Any
) -> list[Delivery]:
    """A delivery of the message to each address of the rule, and to each of these browsers."""
    places = [(each["id"], each["service"], each["shown"]) for each in rule.targets]
    places += [(browsers.target_of(each), "browser", str(each)[:120]) for each in notified]
    return Delivery.objects.bulk_create(
        Delivery(message=message, rule=rule, target=target, service=service, shown=shown, **more)
        for target, service, shown in places
    )


def due_targets() -> list[tuple[int, str]]:
    """(rule, address) with messages to send now; one sending per address at a time. While the
    oldest waits for its next try, the newer ones wait with it and then go together."""
    with connection.cursor() as cursor:
        cursor.execute(_sql("due_targets"), [AT_ONCE])
        return [(int(rule_id), str(target)) for rule_id, target in cursor.fetchall()]


def deliver(rule_id: int, target: str) -> Outcome | None:
    """Claim what waits for one address and send it, together, once. None: nothing to do."""
    claimed = claim(rule_id, target)
    if not claimed:
        return None
    rule = claimed[0].rule
    if not rule.enabled:
        return _settle(claimed, Outcome("dropped", "The rule was disabled."))
    if target.startswith(browsers.TARGET):
        return _push(claimed, target)
    outcome = _send(rule, target, _joined(claimed), lambda: _begin_sending(claimed))
    return _settle(claimed, outcome)


def _push(claimed: list[Delivery], target: str) -> Outcome:
    """To a browser, what its person may see by now."""
    browser = browsers.of_target(target)
    if browser is None:
        return _settle(claimed, Outcome("dropped", "The browser was removed."))
    allowed = [each for each in claimed if browsers.may_receive(browser.user, each.message)]
    hidden = [each for each in claimed if each not in allowed]
    outcome = Outcome("dropped", "Its person does not want it, or may not see it, any more.")
    if hidden:
        _settle(hidden, outcome)
    if allowed:
        texts = [each.message for each in allowed]
        outcome = _settle(allowed, browsers.send(browser, texts, lambda: _begin_sending(allowed)))
    return outcome


def claim(rule_id: int, target: str) -> list[Delivery]:
    """Take the oldest pending deliveries of one address, with a lease; [] if others have them."""
    now = database_clock.now()
    with transaction.atomic():
        rows = Delivery.objects.select_for_update(skip_locked=True, of=("self",))
        waiting = rows.filter(rule=rule_id, target=target, state=DeliveryState.PENDING)
        ids = list(waiting.order_by("created_at", "pk").values_list("pk", flat=True)[:JOINED])
        Delivery.objects.filter(pk__in=ids).update(
            state=DeliveryState.PREPARING, lease_until=now + LEASE, attempts=F("attempts") + 1
        )
    rows = Delivery.objects.filter(pk__in=ids).select_related("message", "rule")
    return list(rows.order_by("created_at", "pk"))


def expire_leases() -> int:
    """What a dead worker held: what had not left waits again, what may have left is unknown."""
    late = Delivery.objects.filter(state__in=OPEN, lease_until__lt=database_clock.now())
    back = late.filter(state=DeliveryState.PREPARING).update(
        state=DeliveryState.PENDING, lease_until=None
    )
    lost = late.filter(state=DeliveryState.SENDING).update(
        state=DeliveryState.UNKNOWN,
        lease_until=None,
        settled_at=database_clock.now(),
        says="The worker stopped while it was sending. It may have arrived; it is not sent again.",
    )
    return int(back + lost)


def tidy() -> int:
    """Forget messages and their deliveries; how many."""
    old = NoticeMessage.objects.filter(created_at__lt=database_clock.now() - KEPT)
    gone, _ = old.exclude(deliveries__state__in=OPEN).delete()
    return gone


def send_test(rule: NoticeRule, by: str) -> list[tuple[Delivery, Outcome]]:
    """A marked message to every address, now, in the caller's time; it stands in the log too."""
    title, body = message_text.words_of_test(rule, by)
    message = NoticeMessage.objects.create(rule=rule, kind="test", title=title, body=body)
    held: dict[str, Any] = {
        "state": DeliveryState.SENDING,
        "attempts": 1,
        "lease_until": database_clock.now() + LEASE,
    }
    results = []
    for delivery in deliveries_of(message, rule, **held):
        outcome = _send(rule, delivery.target, apprise_sending.Message(title, body), lambda: True)
        state = "sent" if outcome.is_sent else "unknown" if outcome.state == "unknown" else "failed"
        _store([delivery], DeliveryState(state), outcome.says)
        results.append((delivery, outcome))
    return results


def _send(
    rule: NoticeRule, target: str, message: apprise_sending.Message, may_go: Callable[[], bool]
) -> Outcome:
    """One sending to one address of the rule, every failure as an outcome."""
    try:
        urls = {each["id"]: each["url"] for each in rule.addresses()}
        if target not in urls:
            return Outcome("dropped", "The address was removed.")
        address = address_rules.read_address(urls[target])
    except SealError as error:
        return Outcome("refused", f"{error} Type the address again.")
    except address_rules.AddressRefused as error:
        return Outcome("refused", str(error))
    return apprise_sending.send(
        address,
        message,
        settings.ANNUNCIATOR_ALLOWED_NETWORKS,
        settings.ANNUNCIATOR_SITE_URL,
        may_go,
    )


def _joined(claimed: list[Delivery]) -> apprise_sending.Message:
    newest = claimed[-1].message
    event = Event(newest.rule.event)
    kinds = {delivery.message.kind for delivery in claimed}
    color = "success" if kinds == {"cleared"} else COLORS.get(event, "failure")
    if len(claimed) == 1:
        return apprise_sending.Message(newest.title, newest.body, color)
    parts = [f"{each.message.title}\n\n{each.message.body}" for each in claimed]
    return apprise_sending.Message(
        f"{len(claimed)} messages, the last: {newest.title}", "\n\n—\n\n".join(parts), color
    )


def _begin_sending(claimed: list[Delivery]) -> bool:
    """The last moment before anything leaves: are all of them still ours? Committed at once."""
    with transaction.atomic():
        moved = _held(claimed, DeliveryState.PREPARING).update(
            state=DeliveryState.SENDING, lease_until=database_clock.now() + LEASE
        )
        if moved != len(claimed):
            transaction.set_rollback(True)
            return False
    return True


def _held(claimed: list[Delivery], *states: DeliveryState) -> Any:
    mine = Q(pk__in=[])
    for delivery in claimed:
        mine |= Q(pk=delivery.pk, attempts=delivery.attempts)
    return Delivery.objects.filter(mine, state__in=states)


def _settle(claimed: list[Delivery], outcome: Outcome) -> Outcome:
    """Write what came of it. Only the worker whose attempt it was may write."""
    if outcome.state == "failed":
        for delivery in claimed:
            _try_later(delivery, outcome)
    else:
        state = "failed" if outcome.state == "refused" else outcome.state
        _store(claimed, DeliveryState(state), outcome.says)
    return outcome


def _try_later(delivery: Delivery, outcome: Outcome) -> None:
    if delivery.attempts > len(RETRY_AFTER):
        _store([delivery], DeliveryState.FAILED, f"Given up. {outcome.says}")
        return
    wait = timedelta(seconds=RETRY_AFTER[delivery.attempts - 1])
    _held([delivery], *HELD).update(
        state=DeliveryState.PENDING,
        lease_until=None,
        not_before=database_clock.now() + wait,
        says=outcome.says[:300],
    )
    _tell_pages([delivery])


def _store(claimed: list[Delivery], state: DeliveryState, says: str) -> None:
    held = _held(
        claimed, *HELD, DeliveryState.UNKNOWN
    )  # unknown: we were slow, and know better now
    held.update(state=state, lease_until=None, settled_at=database_clock.now(), says=says[:300])
    _tell_pages(claimed)


def _tell_pages(deliveries: list[Delivery]) -> None:
    publish.publish_rest({pk for each in deliveries for pk in each.message.account_ids})

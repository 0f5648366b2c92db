"""Notifications: what is raised now and who looks after it, mutes, and the log of messages."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, Max, Min, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET

from executions import database_clock
from executions.access.permissions import (
    may_act,
    may_act_by_role,
    may_set_up,
    require_may_act,
    visible_accounts,
)
from executions.display.formatting import mark, stamped
from executions.display.id_params import row_id
from executions.display.people import user_name
from executions.models import (
    Delivery,
    DeliveryState,
    Event,
    Notice,
    NoticeMessage,
    NoticeMute,
    NoticeRule,
    Workflow,
)
from executions.notifications import acknowledge_and_mute as notification_acts
from executions.notifications import message_text, rule_form, team_rules
from executions.payloads.text_escaping import plain
from executions.web.live_page import LivePage, Shown, show
from executions.web.post_only_views import posted_from
from executions.web.requester import accounts_of, address, person

MAX_GROUPS = 100
RECENT = 10  # deliveries on the first page
PAGE = 50
LISTED = 200  # notices of one message
EVENTS = {  # (lamp, icon)
    Event.FAILED: ("failed", "cross"),
    Event.WAITING: ("needs_you", "hand"),
    Event.OVERDUE: ("warning", "alarm"),
    Event.STUCK: ("warning", "send"),
    Event.ACCOUNT: ("failed", "blind"),
    Event.MISSING: ("warning", "clock"),
}
OUTCOMES = {  # (lamp, icon)
    DeliveryState.SENT: ("done", "tick"),
    DeliveryState.FAILED: ("failed", "cross"),
    DeliveryState.UNKNOWN: ("warning", "question"),
    DeliveryState.DROPPED: ("unknown", "skip"),
}

_notified = NoticeRule.people.through.objects
NOTIFIED = ArraySubquery(  # whose browsers a rule notifies
    _notified.filter(noticerule=OuterRef("pk")).order_by("user__username").values("user__username")
)

NOTIFICATIONS_PAGE = LivePage(
    "executions/notifications/notifications.html",
    changes="executions:notices-changes",
    fragments={
        "#notices": "executions/notifications/_notifications.html",
        "#latest-messages": "executions/notifications/_latest_messages.html",
    },
)


@require_GET
def notices(request: HttpRequest) -> HttpResponse:
    now = _now(request)
    context = {
        **now,
        "rules": [
            _rule_view(rule, person(request))
            for rule in _rules(request).annotate(notified=NOTIFIED).prefetch_related("workflows")
        ],
        "things": _things(request),
        "durations": [(key, words) for key, (words, _) in notification_acts.DURATIONS.items()],
    }
    return NOTIFICATIONS_PAGE.show(request, Shown(context, stamp=_stamp(now)))


@require_GET
def notices_changes(request: HttpRequest) -> HttpResponse:
    now = _now(request)
    return NOTIFICATIONS_PAGE.changed(request, Shown(now, stamp=_stamp(now)))


@require_GET
def message_list(request: HttpRequest) -> HttpResponse:
    """The delivery log, newest first; `before` is the number of the last one seen."""
    found, before = _deliveries(request), request.GET.get("before", "")
    if (last := row_id(before)) is not None:
        found = found.filter(pk__lt=last)
    rows = list(found[: PAGE + 1])
    older = f"?before={rows[PAGE - 1].pk}" if len(rows) > PAGE else ""
    context = {
        "deliveries": [_delivery_view(row) for row in rows[:PAGE]],
        "older": older,
        "is_first": not before,
    }
    return show(request, "executions/notifications/messages.html", context)


@require_GET
def message_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One message as it was written, where it went, and everything it speaks of."""
    message = get_object_or_404(_messages(request).select_related("rule"), pk=pk)
    related = ("rule", "account", "workflow")
    raised = list(message.raised.select_related(*related).order_by("-since", "pk")[: LISTED + 1])
    cleared = message.cleared.select_related(*related).order_by("-cleared_at", "pk")
    found = [*raised, *cleared[: LISTED + 1 - len(raised)]]
    context = {
        "message": message,
        "deliveries": [_delivery_view(row) for row in message.deliveries.select_related("message")],
        "notices": [_notice_view(notice) for notice in found[:LISTED]],
        "has_more": len(found) > LISTED,
        "links": message_text.absolute("/"),
        "here": request.build_absolute_uri("/"),
    }
    return show(request, "executions/notifications/message.html", context)


@posted_from(lambda request, pk: reverse("executions:notices"))
def acknowledgement(request: HttpRequest, pk: int) -> HttpResponse:
    """For the whole group of this notice, or taken back with `let_go`."""
    user = person(request)
    found = notification_acts.visible_notices(user).select_related("rule", "account")
    notice = get_object_or_404(found, pk=pk, cleared_at__isnull=True)
    if "let_go" in request.POST:
        notification_acts.let_go(notice, user, address=address(request))
    else:
        notification_acts.acknowledge(notice, user, address=address(request))
    return redirect("executions:notices")


@posted_from("executions:notices", "#mute")
def mute_creation(request: HttpRequest) -> HttpResponse:
    require_may_act(request.user)
    thing = _thing(request, request.POST.get("thing", ""))
    try:
        made = notification_acts.mute(
            thing,
            person(request),
            reason=request.POST.get("reason", ""),
            lasts=request.POST.get("lasts", ""),
            address=address(request),
        )
    except notification_acts.NotMuted as error:
        messages.error(request, f"Nothing was muted. {error}")
        chosen = request.POST.get("thing", "")
        return redirect(f"{reverse('executions:notices')}?mute={chosen}#mute")
    messages.success(request, f"Muted until {stamped(made.until)}. The mute ends automatically.")
    return redirect("executions:notices")


@posted_from(lambda request, pk: reverse("executions:notices"))
def mute_end(request: HttpRequest, pk: int) -> HttpResponse:
    user = person(request)
    notification_acts.end_mute(
        get_object_or_404(notification_acts.visible_mutes(user), pk=pk),
        user,
        address=address(request),
    )
    return redirect("executions:notices")


# ------------------------------------------------------------------------------- what may be seen


def _rules(request: HttpRequest) -> QuerySet[NoticeRule]:
    return NoticeRule.objects.visible_to(person(request)).defer("sealed_targets")


def _messages(request: HttpRequest) -> QuerySet[NoticeMessage]:
    """Of visible rules, and only those that speak of nothing hidden."""
    user = person(request)
    found = NoticeMessage.objects.filter(rule__in=_rules(request).values("pk"))
    if user.is_superuser:
        return found
    return found.filter(account_ids__contained_by=list(accounts_of(request)))


def _deliveries(request: HttpRequest) -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(message__in=_messages(request).values("pk"))
    return rows.select_related("message", "rule").order_by("-pk")


def _thing(request: HttpRequest, text: str) -> Any:
    """What `rule:3`, `account:1` or `workflow:9` names; 404 where the person may not see it."""
    kind, _, number = text.partition(":")
    pk = row_id(number)
    if pk is None:
        raise Http404
    if kind == "rule":
        return get_object_or_404(_rules(request), pk=pk)
    accounts = visible_accounts(person(request))
    if kind == "account":
        return get_object_or_404(accounts, pk=pk)
    if kind == "workflow":
        rows = Workflow.objects.filter(account__in=accounts.values("pk")).select_related("account")
        return get_object_or_404(rows, pk=pk)
    raise Http404


# ------------------------------------------------------------------------------------------ views


def _now(request: HttpRequest) -> dict[str, Any]:
    mutes = list(
        notification_acts.visible_mutes(person(request))
        .select_related("rule", "account", "workflow", "workflow__account", "created_by")
        .order_by("until", "pk")
    )
    groups, has_more = _raised(request, mutes)
    return {
        "groups": groups,
        "has_more": has_more,
        "mutes": [_mute_view(request, each) for each in mutes],
        "deliveries": [_delivery_view(row) for row in _deliveries(request)[:RECENT]],
        "has_rules": _rules(request).exists(),
    }


def _stamp(context: dict[str, Any]) -> str:
    return mark(context["groups"], context["mutes"], context["deliveries"])


def _raised(request: HttpRequest, mutes: list[NoticeMute]) -> tuple[list[dict[str, Any]], bool]:
    """What is raised now, by rule and kind, the newest first. Two queries."""
    found = notification_acts.visible_notices(person(request))
    found = found.filter(cleared_at__isnull=True, rule__enabled=True)
    rows: list[dict[str, Any]] = list(
        found.values("rule", "group_key")
        .annotate(count=Count("pk"), newest=Max("pk"), first=Min("since"), last=Max("raised_at"))
        .order_by("-last", "-newest")[: MAX_GROUPS + 1]  # type: ignore[arg-type]
    )
    newest = Notice.objects.select_related("rule", "account", "workflow", "acknowledged_by")
    newest = newest.annotate(notifies_people=Exists(_notified.filter(noticerule=OuterRef("rule"))))
    notices = newest.in_bulk([row["newest"] for row in rows])
    views = [
        _group_view(request, notices[row["newest"]], row, mutes)
        for row in rows[:MAX_GROUPS]
        if row["newest"] in notices
    ]
    return views, len(rows) > MAX_GROUPS


def _group_view(
    request: HttpRequest, notice: Notice, row: dict[str, Any], mutes: list[NoticeMute]
) -> dict[str, Any]:
    muted = next((each for each in mutes if _covers(each, notice)), None)
    now = database_clock.now()
    until = notice.acknowledged_until
    is_taken = until is not None and until > now
    who = user_name(notice.acknowledged_by)
    return {
        **_notice_view(notice),
        "may_act": may_act(request.user, notice.account_id),
        "rule": notice.rule.name,
        "count": row["count"],
        "first": row["first"],
        "list": _list_of(notice, row),
        "sent_at": notice.told_at,
        "is_sent": bool(notice.rule.targets or notice.notifies_people),  # type: ignore[attr-defined]
        "is_silent": notice.is_silent,
        "taken_by": who if is_taken else "",
        "taken_until": until if is_taken else None,
        "muted_until": muted.until if muted else None,
        "mute_thing": (
            f"workflow:{notice.workflow_id}"
            if notice.workflow_id
            else f"account:{notice.account_id}"
        ),
    }


def _list_of(notice: Notice, row: dict[str, Any]) -> str:
    if row["count"] == 1 or notice.rule.event != Event.FAILED:
        return ""
    return message_text.list_of(
        message_text.NoticeGroup(row["count"], row["first"], row["last"], [notice])
    )


def _notice_view(notice: Notice) -> dict[str, Any]:
    lamp, icon = EVENTS[Event(notice.rule.event)]
    return {
        "id": notice.pk,
        "lamp": lamp,
        "icon": icon,
        "word": message_text.WORDS[Event(notice.rule.event)][0],
        "workflow": plain(notice.workflow.name, 160) if notice.workflow else "",
        "label": plain(notice.label, 160),
        "account": notice.account.name,
        "sentence": plain(message_text.sentence(notice), 300),
        "path": message_text.path_of(notice),
        "cleared": notice.cleared_at,
        "because": notice.cleared_because,
    }


def _covers(mute: NoticeMute, notice: Notice) -> bool:
    return (
        mute.rule_id == notice.rule_id
        or mute.account_id == notice.account_id
        or (mute.workflow_id is not None and mute.workflow_id == notice.workflow_id)
    )


def _mute_view(request: HttpRequest, mute: NoticeMute) -> dict[str, Any]:
    of = mute.workflow.account_id if mute.workflow else mute.account_id
    return {
        "id": mute.pk,
        "may_act": may_act(request.user, of) if of else may_act_by_role(request.user),
        "kind": "rule" if mute.rule else "account" if mute.account else "workflow",
        "thing": plain(str(mute.thing), 160),
        "account": mute.workflow.account.name if mute.workflow else "",
        "reason": mute.reason,
        "until": mute.until,
        "by": user_name(mute.created_by),
    }


def _delivery_view(row: Delivery) -> dict[str, Any]:
    state = DeliveryState(row.state)
    lamp, icon = OUTCOMES.get(state, ("active", "clock"))
    return {
        "id": row.pk,
        "message_id": row.message_id,
        "at": row.created_at,
        "title": row.message.title,
        "rule": row.rule.name,
        "service": row.service,
        "shown": row.shown,
        "lamp": lamp,
        "icon": icon,
        "word": state.label.capitalize(),
        "attempts": row.attempts,
        "says": row.says,
        "next": row.not_before if state == DeliveryState.PENDING and row.attempts else None,
    }


def _rule_view(rule: NoticeRule, user: User) -> dict[str, Any]:
    return {
        "id": rule.pk,
        "name": rule.name,
        "words": rule_form.what_happens(rule),
        "pause": rule_form.spoken(rule.pause_seconds) if rule.pause_seconds else "",
        "is_own": may_set_up(user) and team_rules.is_own(rule, user),
        "team": rule.group.name if rule.group else "everybody",
        "addresses": [
            *((target["service"], target["shown"]) for target in rule.targets),
            *(("browsers of", name) for name in rule.notified),  # type: ignore[attr-defined]
        ],
        "notifies_me": user.get_username() in rule.notified,  # type: ignore[attr-defined]
        "enabled": rule.enabled,
        "last": rule.last_message_at,
    }


def _things(request: HttpRequest) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    """What may be muted, for the select: rules, accounts, and the workflow that was asked for."""
    asked = request.GET.get("mute", "")
    options = {
        "Workflow": [],
        "Account": [(f"account:{pk}", each.name) for pk, each in accounts_of(request).items()],
        "Rule": [(f"rule:{rule.pk}", rule.name) for rule in _rules(request).order_by("name")],
    }
    if asked.startswith("workflow:"):
        workflow = _thing(request, asked)
        name = f"{plain(workflow.name, 120)} ({workflow.account.name})"
        options["Workflow"] = [(asked, name)]
    return [
        (kind, [(value, label, value == asked) for value, label in found])
        for kind, found in options.items()
        if found
    ]

"""The handover view: what changed since a person was last here, and "Mark as read up to now"."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from executions.access.permissions import preference_of
from executions.display.formatting import stamped
from executions.display.id_params import row_id
from executions.display.local_time_input import read_moment
from executions.handover import activity
from executions.handover.activity import Activity, ActivityGroup, Window
from executions.handover.read_marker import mark_read
from executions.web.account_banner import accounts_not_current
from executions.web.live_page import LivePage, Shown
from executions.web.post_only_views import posted_from
from executions.web.requester import accounts_of, address, person

FEW = 8  # lines of a group before its own page is needed
AGO: Mapping[str, tuple[str, timedelta]] = {
    "1h": ("last hour", timedelta(hours=1)),
    "8h": ("last 8 hours", timedelta(hours=8)),
    "12h": ("last 12 hours", timedelta(hours=12)),
    "24h": ("last 24 hours", timedelta(hours=24)),
    "3d": ("last 3 days", timedelta(days=3)),
}
NEVER_HERE = "12h"
LONGEST = timedelta(days=7)


@LivePage(
    "executions/handover/handover.html",
    changes="executions:shift-changes",
    fragments={"#shift": "executions/handover/_handover.html"},
)
def shift(request: HttpRequest) -> Shown:
    context = _view(request)
    stamp = (context["groups"], context["seen_at"], context["ignored"])
    return Shown(context, stamp, query=f"?{request.GET.urlencode()}")


@posted_from("executions:shift")
def handover(request: HttpRequest) -> HttpResponse:
    """Up to what the page showed: what came since the page was made is not lost."""
    shown_until, now = read_moment(request.POST.get("until", ""))[0], timezone.now()
    until = min(shown_until, now) if shown_until is not None else now
    mark_read(person(request), until, address=address(request))
    messages.success(request, f"Marked as read up to {stamped(until)}.")
    return redirect("executions:shift")


def _view(request: HttpRequest) -> dict[str, Any]:
    ignored: list[str] = []
    since, chosen = _since(request, ignored)
    window = Window(accounts_of(request), since, timezone.now())
    found = activity.groups(window)
    only = request.GET.get("group", "")
    if only and only not in {group.key for group in found}:
        ignored.append(f"There is no group “{only[:40]}”.")
        only = ""
    workflow = request.GET.get("workflow", "") if only else ""
    query = {"since": chosen} if chosen else {}
    groups = [
        _group(group, query, only, workflow) for group in found if not only or group.key == only
    ]
    return {
        "groups": groups,
        "only": groups[0] if only else None,
        "is_quiet": not any(group["number"] for group in groups),
        "since": since,
        "since_value": timezone.localtime(since).strftime("%Y-%m-%dT%H:%M"),
        "chosen": chosen,
        "ago_options": [(key, words[0], key == chosen) for key, words in AGO.items()],
        "seen_at": preference_of(request.user).seen_at,
        "until": window.until.isoformat(),
        "has_accounts": bool(window.accounts),
        "blind": accounts_not_current(request),
        "ignored": ignored,
        "shift_query": f"?{urlencode(query)}" if query else "",
    }


def _since(request: HttpRequest, ignored: list[str]) -> tuple[datetime, str]:
    """From when, and the word of the address that says so; "" for "since I was last here"."""
    now, text = timezone.now(), request.GET.get("since", "")
    seen = preference_of(request.user).seen_at
    if text in AGO:
        return now - AGO[text][1], text
    if text:
        typed, remark = read_moment(text)
        if typed is not None and typed >= now:
            typed, remark = None, f"“{text[:40]}” is not a time in the past."
        ignored += [remark] if remark else []
        if typed is not None:
            return _bounded(typed, now, ignored), text
    if seen is not None:
        return _bounded(seen, now, ignored), ""
    return now - AGO[NEVER_HERE][1], ""


def _bounded(since: datetime, now: datetime, ignored: list[str]) -> datetime:
    if now - since > LONGEST:
        ignored.append(f"Only the last {LONGEST.days} days are shown.")
        return now - LONGEST
    return since


def _group(group: ActivityGroup, query: dict[str, str], only: str, workflow: str) -> dict[str, Any]:
    if (pk := row_id(workflow)) is not None:
        group = group.of_workflow(pk)
    here = f"?{urlencode({**query, 'group': group.key})}"
    lines = [_line(event) for event in group.events] if only else _lines(group, here)
    shown = lines if only else lines[:FEW]
    return {
        "key": group.key,
        "title": group.title,
        "icon": group.icon,
        "number": len(group.events),
        "count": f"{len(group.events):,}{'+' if group.has_more else ''}",
        "lines": shown,
        "more": len(lines) - len(shown),
        "href": here,
    }


def _lines(group: ActivityGroup, here: str) -> list[dict[str, Any]]:
    """Failed runs as one line per workflow, with the newest of them; others one by one."""
    if group.key != "failed":
        return [_line(event) for event in group.events]
    by_workflow: dict[int | None, list[Activity]] = {}
    for event in group.events:
        by_workflow.setdefault(event.workflow_id, []).append(event)
    most_first = sorted(by_workflow.items(), key=lambda item: -len(item[1]))
    return [
        {**_line(events[0]), "number": len(events), "all": f"{here}&workflow={workflow}"}
        for workflow, events in most_first
    ]


def _line(event: Activity) -> dict[str, Any]:
    return {
        "event": event,
        "at": event.at,
        "href": _href(event),
        "number": 1,
    }


def _href(event: Activity) -> str:
    if event.run_id:
        return reverse("executions:detail", args=[event.run_id])
    if event.workflow_id:
        return reverse("executions:workflow", args=[event.workflow_id])
    return reverse("executions:account", args=[event.account_id])

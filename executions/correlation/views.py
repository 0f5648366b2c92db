"""One business key through several engines: every run that carries it, on one time line."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions.access.permissions import may_act
from executions.correlation import key_queries, key_time_line
from executions.correlation.key_queries import Found
from executions.display.formatting import count, duration, iso, mark, zone
from executions.display.freshness import freshness, is_last_seen
from executions.display.statuses import STATUS_VIEWS
from executions.models import CorrelationRule, Execution, Question
from executions.payloads.business_keys import MAX_KEY, normalized
from executions.payloads.external_key_links import linked
from executions.payloads.text_escaping import plain
from executions.search.filters import provider_name
from executions.web.live_page import LivePage, Shown, show
from executions.web.requester import accounts_of

NEAR = 6  # runs of a key on the page of one of them


@require_GET
def key_search(request: HttpRequest) -> HttpResponse:
    """Find a key: the exact one opens, else what begins like it; else the newest there are."""
    accounts = list(accounts_of(request))
    asked = " ".join(request.GET.get("q", "").replace("\0", " ").split())[: 2 * MAX_KEY]
    value = normalized(asked)
    if value and key_queries.is_known(value, accounts):
        return redirect(key_address(value))
    found = key_queries.beginning_with(asked, accounts) if value else key_queries.newest(accounts)
    context = {
        "asked": asked,
        "is_search": bool(asked),
        "found": [_offer(each) for each in found],
        "has_rules": CorrelationRule.objects.filter(account_id__in=accounts).exists(),
    }
    return show(request, "executions/correlation/keys.html", context)


@LivePage(
    "executions/correlation/key.html",
    changes="executions:key-changes",
    fragments={"#trace": "executions/correlation/_key_trace.html"},
)
def key(request: HttpRequest, value: str | None = None) -> Shown:
    """The value is the end of the page's address, and a parameter of its changes address."""
    context = _trace(request, request.GET.get("value", "") if value is None else value)
    query = urlencode({"value": context["value"]})
    return Shown(context, stamp=_stamp(context), query=f"?{query}")


def key_address(value: str) -> str:
    """The page of a key. What a browser would take for a part of the path is escaped."""
    return reverse("executions:keys") + quote(value, safe="")


def keys_of(run: Execution) -> list[dict[str, Any]]:
    """The run's own keys, as links here and outside. At most two queries."""
    keys = list(run.keys.order_by("name", "pk"))
    own = {run.account_id}
    links = _links(own) if keys else []
    return [
        {
            "name": plain(key.name),
            "text": plain(key.text),
            "value": key.value,
            "href": key_address(key.value),
            "outside": _outside(own, {key.name}, key.text, links),
        }
        for key in keys
    ]


def way_of(request: HttpRequest, run: Execution, value: str) -> list[dict[str, Any]]:
    """The runs that carry this key, for the page of one of them: the newest NEAR in the order they
    started, and itself. One query."""
    runs, _ = key_queries.runs_with(value, list(accounts_of(request)), NEAR)
    if run.pk not in {each.pk for each in runs}:
        runs = [run, *runs[1:]]
    return [
        {
            "id": each.pk,
            "workflow": plain(each.workflow.name, 120) or "(no name)",
            "status": STATUS_VIEWS[each.status],
            "provider": provider_name(accounts_of(request)[each.account_id].provider),
            "at": each.started_at,
            "is_this": each.pk == run.pk,
        }
        for each in runs
    ]


def _links(accounts: set[int]) -> list[tuple[int, str, str]]:
    """(account, name of the key, link) of the rules that have one."""
    rules = CorrelationRule.objects.filter(account_id__in=accounts).exclude(link="")
    return list(rules.values_list("account_id", "name", "link"))


def _outside(
    accounts: set[int], names: set[str], text: str, links: list[tuple[int, str, str]]
) -> list[dict[str, str]]:
    """Where the key is at home, by the rules of these accounts for keys of these names."""
    found = dict.fromkeys(
        linked(link, text) for account, name, link in links if account in accounts and name in names
    )
    return [{"href": href, "host": host} for href, host in found]


def _trace(request: HttpRequest, given: str) -> dict[str, Any]:
    """Everything the page of a key shows. A key that nobody carries, or only runs that one may
    not see, is a page that says so: both look the same."""
    value = normalized(given)
    runs, is_cut = (
        key_queries.runs_with(value, list(accounts_of(request))) if value else ([], False)
    )
    asked = key_queries.questions_of(runs)
    now = timezone.now()
    scale = key_time_line.scale_of(runs, now)
    rows = [_row(request, run, asked.get(run.pk, []), now) for run in runs]
    for number, (row, run) in enumerate(zip(rows, runs, strict=True)):
        row |= key_time_line.bar(run, scale, now, key_time_line.AXIS + number * key_time_line.LANE)
    for (row, _), (_, following) in pairwise(zip(rows, runs, strict=True)):
        row["gap"] = _gap(row, following)
    names = list(dict.fromkeys(run.key_name for run in runs))  # type: ignore[attr-defined]
    accounts = {run.account_id for run in runs}
    text = plain(runs[-1].key_text if runs else given, MAX_KEY)  # type: ignore[attr-defined]
    return {
        "outside": _outside(accounts, set(names), text, _links(accounts)) if runs else [],
        "value": value,
        "text": text,
        "names": [plain(name) for name in names],
        "rows": rows,
        "is_cut": is_cut,
        "providers": sorted({row["provider"] for row in rows}),
        "waiting": sum(len(row["questions"]) for row in rows),
        "failed": sum(row["status"].lamp == "failed" for row in rows),
        "begin": scale.start if runs else None,
        "end": scale.end if runs else None,
        "is_going": any(not row["status"].status.is_final for row in rows),
        "took": duration(scale.seconds) if runs else "",
        "ticks": [{"left": x.removesuffix("%"), "word": label} for x, label in scale.ticks()],
        "height": key_time_line.AXIS + key_time_line.LANE * len(rows),
        "zone_name": zone(scale.start),
        "list_query": "?" + urlencode({"key": value}),
    }


def _row(
    request: HttpRequest, run: Execution, asked: list[Question], now: datetime
) -> dict[str, Any]:
    account = accounts_of(request)[run.account_id]
    fresh, status = freshness(account, now), STATUS_VIEWS[run.status]
    is_old = is_last_seen(run, fresh)
    took = since = ""
    if run.started_at and run.finished_at:
        took = duration((run.finished_at - run.started_at).total_seconds())
    elif run.started_at and not status.status.is_final and not is_old:
        since = iso(run.started_at)
    return {
        "id": run.pk,
        "status": status,
        "is_old": is_old,
        "word": status.past if is_old else status.word,
        "as_of": fresh.as_of if is_old else "",
        "workflow": plain(run.workflow.name, 160) or "(no name)",
        "label": plain(run.label, 160),
        "account": account.name,
        "provider": provider_name(account.provider),
        "started": run.started_at,
        "finished": run.finished_at,
        "took": took,
        "since": since,
        "error": plain(run.error_summary, 300),
        "questions": [
            {
                "id": each.pk,
                "title": plain(each.title, 160) or "Input is needed",
                "is_opened_before": not each.is_opening_reported,
                "opened": each.opened_at,
                "can_answer": each.is_answerable and may_act(request.user, run.account_id),
            }
            for each in asked
        ],
        "gap": "",
    }


def _gap(row: dict[str, Any], following: Execution) -> str:
    """How long nothing happened before the next run began, where that is worth a word."""
    if row["finished"] is None or following.started_at is None:
        return ""
    quiet = (following.started_at - row["finished"]).total_seconds()
    return duration(quiet) if quiet >= 60 else ""


def _offer(found: Found) -> dict[str, Any]:
    return {
        "href": key_address(found.value),
        "text": plain(found.text, MAX_KEY),
        "name": plain(found.name),
        "runs": count(found.runs, key_queries.MOST),
        "accounts": found.accounts,
        "newest": found.newest_at,
    }


def _stamp(context: dict[str, Any]) -> str:
    """Without the bars: they grow with every second."""
    shown = [
        {key: value for key, value in row.items() if key not in ("left", "width")}
        for row in context["rows"]
    ]
    return mark(shown, context["is_cut"])

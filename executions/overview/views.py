"""Seeing the whole: the wall of lamps, the charts below it, and what is behind their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions.display.formatting import duration
from executions.display.freshness import Freshness, freshness
from executions.display.id_params import row_id, row_ids
from executions.display.statuses import LAMP_WORDS
from executions.overview import chart_queries, charts, workflow_tiles
from executions.overview.chart_queries import ENDED_LAMPS, Answering
from executions.overview.filters import Asked, asked_of, controls
from executions.overview.time_buckets import between
from executions.payloads.text_escaping import plain
from executions.search.filters import provider_name
from executions.web.fragments import Fragment, fragment, no_store, wants_fragment
from executions.web.live_page import LivePage, Shown, show
from executions.web.requester import accounts_of
from providers.contract import Lamp

CHARTS_EVERY = 30  # seconds after which an open page gets its charts again
MAX_TILES = 1000  # that a page may say it has
MAX_ANSWERS = 300
MAX_NAMED = 3  # accounts that are not current, by name


def _fragments(request: HttpRequest, context: dict[str, Any]) -> list[Fragment]:
    """The wall; the charts if those of the page are old."""
    wall = Fragment("#wall", fragment(request, "executions/overview/_wallboard.html", context))
    if request.GET.get("top") == context["drawn"]:
        return [wall]
    drawn = {**context, **_charts(context["asked"], timezone.now())}
    return [wall, Fragment("#charts", fragment(request, "executions/overview/_charts.html", drawn))]


OVERVIEW_PAGE = LivePage(
    "executions/overview/overview.html",
    changes="executions:overview-changes",
    fragments=_fragments,
)


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """The page; for a fragment request only what a new filter changes."""
    asked, now = asked_of(request), timezone.now()
    context = {
        **_wall(asked, now),
        **_charts(asked, now),
        **controls(asked),
        "query": asked.query(),
        "has_accounts": bool(accounts_of(request)),
    }
    shown = _shown(asked, context)
    if wants_fragment(request):
        html = fragment(request, "executions/overview/_overview.html", OVERVIEW_PAGE.context(shown))
        response = HttpResponse(html)
        response["HX-Push-Url"] = reverse("executions:overview") + asked.query()
        return no_store(response)
    return OVERVIEW_PAGE.show(request, shown)


@require_GET
def overview_changes(request: HttpRequest) -> HttpResponse:
    """The wall with the tiles the page has, each in its place."""
    asked, now = asked_of(request), timezone.now()
    wall = {**_wall(asked, now, _tiles_of(request)), "drawn": _drawn(now)}
    return OVERVIEW_PAGE.changed(request, _shown(asked, wall))


def _shown(asked: Asked, context: dict[str, Any]) -> Shown:
    stamp = (context["groups"], context["missing"], context["drawn"])
    tiles = ".".join(map(str, context["wall"].tile_ids))
    return Shown({**context, "asked": asked}, stamp, query=asked.query(tiles=tiles))


@require_GET
def hours(request: HttpRequest) -> HttpResponse:
    """One cell of the heat map, hour by hour, each with its list."""
    asked = asked_of(request)
    weekday, hour = _number(request, "weekday", 6), _number(request, "hour", 23)
    cuts = chart_queries.intervals(asked.span, weekday, hour)
    wanted = (Lamp.FAILED,) if asked.is_failed else ENDED_LAMPS
    rows = []
    total = 0
    for cut, found in zip(cuts, chart_queries.counts_between(asked.filters, cuts), strict=True):
        number = sum(found.get(lamp, 0) for lamp in wanted)
        total += number
        href = asked.runs([*charts.lamps_of(*wanted), *charts.ended_between(*cut)])
        rows.append((between(*cut, asked.span.zone), f"{number:,}", href if number else ""))
    context = {
        "title": f"{charts.DAYS[weekday]} {hour:02}:00 to {hour + 1:02}:00",
        "word": "failed" if asked.is_failed else "ended",
        "rows": rows,
        "total": f"{total:,}",
        "asked": asked,
        "back": reverse("executions:overview") + asked.query(),
    }
    return show(request, "executions/overview/hours.html", context)


@require_GET
def answers(request: HttpRequest) -> HttpResponse:
    """The questions behind the answer times, newest first."""
    asked, accounts = asked_of(request), accounts_of(request)
    found = chart_queries.closed_questions(asked.filters, asked.span, MAX_ANSWERS + 1)
    rows = [
        {
            "title": plain(each.title or each.ref, 120),
            "workflow": plain(each.workflow_name, 120) or "(no name)",
            "account": accounts[each.account_id].name,
            "execution_id": each.execution_id,
            "opened": each.opened_at,
            "is_opened_before": not each.is_opening_reported,
            "claimed_after": _after(each.opened_at, each.first_claimed_at, each.closed_at),
            "closed_after": duration((each.closed_at - each.opened_at).total_seconds()),
            "is_ours": each.is_ours,
        }
        for each in found[:MAX_ANSWERS]
    ]
    context = {
        "rows": rows,
        "has_more": len(found) > MAX_ANSWERS,
        "asked": asked,
        "back": reverse("executions:overview") + asked.query(),
    }
    return show(request, "executions/overview/answer_times.html", context)


# --------------------------------------------------------------------------------------- parts


def _drawn(now: datetime) -> str:
    """Stands for the charts of half a minute."""
    return str(int(now.timestamp()) // CHARTS_EVERY)


def _wall(asked: Asked, now: datetime, shown: Sequence[int] | None = None) -> dict[str, Any]:
    found = workflow_tiles.read(asked.filters, opened=asked.opened, shown=shown)
    accounts = asked.filters.accounts
    fresh = {pk: freshness(account, now) for pk, account in accounts.items()}
    groups = []
    for group in found.groups:
        account, own = accounts[group.account_id], fresh[group.account_id]
        groups.append(
            {
                "id": group.account_id,
                "name": account.name,
                "provider": provider_name(account.provider),
                "href": asked.runs([("account", str(group.account_id))]),
                "fresh": own,
                "is_old": own.is_stale,
                "seen_at": account.last_success_at,
                "numbers": _numbers(group.states),
                "workflows": group.workflows,
                "tiles": group.tiles,
                "rest": f"{group.rest:,}" if group.rest > 0 else "",
                "open_query": asked.query(opened=group.account_id),
                "close_query": asked.query(opened=None) if group.is_opened else "",
            }
        )
    return {
        "wall": found,
        "groups": groups,
        "missing": found.missing,
        "totals": [
            (state, workflow_tiles.ICONS[state], said, asked.runs(_pairs(state)))
            for state, number in _numbers(found.runs)
            for said in [workflow_tiles.in_hand_words(found.runs) if state == "in_hand" else number]
        ],
        "quiet": f"{found.quiet:,}" if found.quiet else "",
        "again": reverse("executions:overview") + asked.query(),
        "not_current": _not_current(asked, fresh),
    }


def _pairs(state: str) -> list[tuple[str, str]]:
    query = workflow_tiles.list_query(state, None)
    return [tuple(part.split("=")) for part in query.split("&") if part]  # type: ignore[misc]


def _numbers(states: dict[str, int]) -> list[tuple[str, str]]:
    """What there is of each state, worst first: (state, `3 failed`)."""
    return [
        (state, workflow_tiles.words_of(state, states[state]))
        for state in workflow_tiles.STATES
        if states.get(state)
    ]


def _not_current(asked: Asked, fresh: dict[int, Freshness]) -> str:
    """Which accounts' numbers may be old, as a sentence."""
    ids = asked.filters.account_ids()
    old = [
        (asked.filters.accounts[pk].name, own)
        for pk, own in fresh.items()
        if own.is_trouble and (ids is None or pk in ids)
    ]
    if not old:
        return ""
    named = [f"{name} (as of {own.as_of or 'never'})" for name, own in old[:MAX_NAMED]]
    more = f" and {len(old) - MAX_NAMED} more" if len(old) > MAX_NAMED else ""
    verb = "account is" if len(old) == 1 else "accounts are"
    return f"Nothing is left out, but {len(old)} {verb} not current: {', '.join(named)}{more}."


def _charts(asked: Asked, now: datetime) -> dict[str, Any]:
    found = chart_queries.endings(asked.filters, asked.span)
    waited, is_cut = chart_queries.answering(asked.filters, asked.span)
    link, span, whole = asked.runs, asked.span, found.whole
    hours_of = reverse("executions:overview-hours") + asked.query()
    drawn = [
        charts.runs_over_time(found, span, link),
        charts.success_rate(found, span, link),
        charts.durations(found, span, link),
        charts.heat_map(
            found,
            span,
            link,
            lambda hour: f"{hours_of}&weekday={hour[0]}&hour={hour[1]}",
            is_failed=asked.is_failed,
        ),
    ]
    return {
        "asked": asked,
        "charts": drawn,
        "facts": _facts(asked, whole),
        "heat_query": asked.query(heat=None if asked.is_failed else "failed"),
        "without_end": f"{found.without_end:,}" if found.without_end else "",
        "answers": _answers(asked, waited),
        "answers_cut": is_cut,
        "drawn": _drawn(now),
        "drawn_at": timezone.localtime(now).strftime("%H:%M:%S %Z"),
    }


def _facts(asked: Asked, whole: chart_queries.Bucket) -> list[tuple[str, str, str]]:
    """(word, number, list): what the charts say of the whole range."""
    cuts = charts.ended_between(asked.span.edges[0], asked.span.edges[-1])
    p50, p95 = whole.took(0.5), whole.took(0.95)
    failed = whole.of_lamp(Lamp.FAILED)
    return [
        ("ended", f"{whole.total:,}", asked.runs([*charts.EVERY, *cuts])),
        (LAMP_WORDS[Lamp.FAILED], f"{failed:,}", asked.runs([("lamp", "failed"), *cuts])),
        ("succeeded", charts.percent(whole.rate), asked.runs([*charts.EVERY_RATED, *cuts])),
        ("median", duration(p50) if p50 else "–", asked.runs([*charts.SUCCESS, *cuts])),
        ("95 % within", duration(p95) if p95 else "–", asked.runs([*charts.SUCCESS, *cuts])),
    ]


def _answers(asked: Asked, waited: list[Answering]) -> list[dict[str, Any]]:
    accounts = asked.filters.accounts
    bars = charts.spreads([(each.typical, each.long) for each in waited])
    return [
        {
            "name": plain(each.name, 80) or "(no name)" if each.workflow_id else "All together",
            "is_all": each.workflow_id is None,
            "account": accounts[each.account_id].name if each.account_id else "",
            "href": reverse("executions:overview-answers")
            + (asked.query(workflow=each.workflow_id) if each.workflow_id else asked.query()),
            "closed": f"{each.closed:,}",
            "here": f"{each.here:,}",
            "claimed": f"{each.claimed:,}",
            "claim_typical": _took(each.claim_typical),
            "claim_long": _took(each.claim_long),
            "typical": duration(each.typical),
            "long": duration(each.long),
            "x": x,
            "width": width,
        }
        for each, (x, width) in zip(waited, bars, strict=True)
    ]


def _took(seconds: float | None) -> str:
    return "–" if seconds is None else duration(seconds)


def _after(opened: datetime, claimed: datetime | None, closed: datetime) -> str:
    if claimed is None or not opened <= claimed <= closed:
        return ""
    return duration((claimed - opened).total_seconds())


def _number(request: HttpRequest, name: str, most: int) -> int:
    return min(row_id(request.GET.get(name, "")) or 0, most)


def _tiles_of(request: HttpRequest) -> list[int]:
    return row_ids(request.GET.get("tiles", "").split(".")[:MAX_TILES])

"""The list of workflows, by trouble: what somebody has to look at is above what is in hand, then
what did not run, then the rest by name; or in the order of the address, `ORDERS`. An open page
keeps the order in which it was loaded.

The counts of all workflows come from the partial indexes of open and unresolved runs; last runs and
what is expected are read of the rows that are shown alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils import timezone

from executions.access.permissions import may_act
from executions.display.freshness import freshness
from executions.display.strips import MOST, strip
from executions.models import RATED_STATUSES, Note, Workflow
from executions.overview import workflow_tiles
from executions.overview.charts import percent
from executions.overview.workflow_tiles import Counts
from executions.payloads.text_escaping import plain
from executions.search.expected_start import expected_start
from executions.search.filters import parse, provider_name
from executions.search.last_runs import LastRun, last_runs
from executions.search.unicode_spellings import holds
from executions.web.account_banner import accounts_out_of_sight
from executions.web.live_page import LivePage, Shown
from executions.web.requester import accounts_of
from executions.workflows import profile
from executions.workflows.figures import FEW, TOO_FEW
from executions.workflows.visibility import visible_workflows
from providers.contract import Status
from providers.models import ProviderAccount

MAX_SHOWN = 300
LIT, IN_HAND, SILENT, REST = range(4)
RANKS = {
    "needs_you": LIT,
    "failed": LIT,
    "warning": LIT,
    "in_hand": IN_HAND,
    "overdue": SILENT,
    "unknown": SILENT,
}


class Sorting(NamedTuple):
    words: str
    direction: str  # its `aria-sort`
    key: Callable[[dict[str, Any]], Any]
    """Of a row; equal ones stand by name."""


ORDERS: Mapping[str, Sorting] = {
    "": Sorting("problems first", "", lambda row: row["rank"]),
    "failures": Sorting("most failures first", "descending", lambda row: -row["failures"]),
    "rate": Sorting(
        "lowest share of successes first", "ascending",
        lambda row: 2.0 if row["share"] is None else row["share"],
    ),
    "last": Sorting(
        "last run first", "descending",
        lambda row: -row["last"].timestamp() if row["last"] else 0.0,
    ),
    "name": Sorting("by name", "ascending", lambda row: 0),
}  # fmt: skip


@LivePage(
    "executions/workflows/workflows.html",
    changes="executions:workflows-changes",
    fragments={"#workflows": "executions/workflows/_workflows.html"},
)
def workflow_list(request: HttpRequest) -> Shown:
    accounts, now = accounts_of(request), timezone.now()
    text, label = _asked(request, "q"), _asked(request, "label")
    account = next((a for a in accounts.values() if str(a.pk) == _asked(request, "account")), None)
    found = _matching(request, text, label, account)
    counts, order = _counts(accounts, now), _order(request)
    rows, has_more = _rows(found, counts, order)
    runs = last_runs(row.pk for row in rows)
    views = [
        _view(row, accounts[row.account_id], counts.get(row.pk, {}), runs.get(row.pk, []), now)
        for row in rows
    ]
    for view, row in zip(views, rows, strict=True):
        view["may_start"] = row.can_start and may_act(request.user, row.account_id)
    places = {pk: place for place, pk in enumerate(_asked_lines(request))}
    key = ORDERS[order].key
    views.sort(key=lambda view: (places.get(str(view["id"]), len(places)), key(view)))
    asked = {"q": text, "label": label, "account": str(account.pk) if account else ""}
    narrowed = {name: value for name, value in asked.items() if value}
    context = {
        "workflows": views,
        "q": text,
        "label": label,
        "account": account,
        "accounts": list(accounts.values()),
        "is_narrowed": bool(narrowed),
        "orders": [(each, sorting.words, each == order) for each, sorting in ORDERS.items()],
        "order_words": ORDERS[order].words,
        "sorts": _sorts(order, narrowed),
        "has_more": has_more,
        "has_accounts": bool(accounts),
        "blind": accounts_out_of_sight(request)[0],
    }
    stamp = [(v["id"], v["standing"], v["rate"], v["strip"], v["owner"], v["note"]) for v in views]
    return Shown(context, stamp, query=_query({**narrowed, "sort": order}))


def _order(request: HttpRequest) -> str:
    asked = _asked(request, "sort")
    return asked if asked in ORDERS else ""


def _query(pairs: Mapping[str, str]) -> str:
    """With its question mark; what is empty is left out."""
    text = urlencode({key: value for key, value in pairs.items() if value})
    return f"?{text}" if text else ""


def _sorts(order: str, narrowed: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Per column that sorts: its `aria-sort`, and what a click on its head opens. The second click
    leads back to the problems."""
    here = reverse("executions:workflows")
    return {
        each: (
            sorting.direction if each == order else "",
            here + _query({**narrowed, "sort": "" if each == order else each}),
        )
        for each, sorting in ORDERS.items()
        if each
    }


def _asked(request: HttpRequest, word: str) -> str:
    return request.GET.get(word, "").replace("\0", "").strip()[:200]


def _asked_lines(request: HttpRequest) -> list[str]:
    """The workflows that an open page shows, from top to bottom; the page itself names none."""
    lines = request.GET.get("lines", "")
    return lines.split(",")[:MAX_SHOWN] if lines else []


def _matching(
    request: HttpRequest, text: str, label: str, account: ProviderAccount | None
) -> QuerySet[Workflow]:
    found = visible_workflows(request)
    if text:
        found = found.filter(holds(text, "name"))
    if label:
        found = found.filter(profile__labels__contains=[label])
    return found.filter(account=account) if account else found


def _counts(accounts: Mapping[int, ProviderAccount], now: datetime) -> dict[int, Counts]:
    """By workflow, of those where something goes on or is unresolved. One query."""
    filters = parse(QueryDict(), accounts, now=now)
    found = workflow_tiles.counts_by_workflow(filters, list(accounts))
    return {workflow: own.counts for workflow, own in found.items()}


def _rows(
    found: QuerySet[Workflow], counts: Mapping[int, Counts], order: str
) -> tuple[list[Any], bool]:
    """Those that are shown, by name: where there are more than MAX_SHOWN, those in trouble (or with
    the most failures, if these are asked for) and those with an expected run that a person set are
    among them, unless names are asked for. At most three queries."""
    newest = Note.objects.filter(workflow=OuterRef("pk")).values("text")[:1]
    parts = ("profile__owner", "profile__team")
    found = found.select_related(*parts).annotate(note=Subquery(newest)).order_by("name", "pk")
    rows = list(found[: MAX_SHOWN + 1])
    if len(rows) <= MAX_SHOWN:
        return rows, False
    if order == "name":
        return rows[:MAX_SHOWN], True
    ranks = {pk: rank_of(own) for pk, own in counts.items()}
    if order == "failures":
        ranks = {pk: -own["failed"] for pk, own in counts.items() if own.get("failed")}
    lit = sorted((rank, pk) for pk, rank in ranks.items() if rank < REST)
    first = list(found.filter(pk__in=[pk for _, pk in lit[:MAX_SHOWN]]))
    first += list(found.filter(profile__expected_seconds__isnull=False)[:MAX_SHOWN])
    together = {row.pk: row for row in [*first, *rows]}
    shown = sorted(list(together.values())[:MAX_SHOWN], key=lambda row: (row.name, row.pk))
    return shown, True


def rank_of(counts: Counts) -> int:
    return RANKS.get(workflow_tiles.worst_of(counts), REST)


def _view(
    row: Any, account: ProviderAccount, counts: Counts, runs: list[LastRun], now: datetime
) -> dict[str, Any]:
    about = profile.profile_of(row)
    expected = expected_start(
        [run.sort_at for run in runs], every=about.expected_seconds, grace=about.grace_seconds
    )
    is_missed = expected is not None and expected.is_missed(account.last_success_at, now)
    state, rank = workflow_tiles.worst_of(counts), rank_of(counts)
    standing = [
        (key, icon, words, href)
        for key, icon, words, href in workflow_tiles.standing(counts, row.pk)
        if key != "active" or rank == REST
    ]
    rated = [run.status for run in runs if run.status in RATED_STATUSES]
    share = rated.count(Status.SUCCEEDED.value) / len(rated) if rated else None
    return {
        "id": row.pk,
        "name": plain(row.name, 200) or "(no name)",
        "ref": plain(row.ref),
        "account": account.name,
        "provider": provider_name(account.provider),
        "note": plain(row.note or "", 200),
        "state": state,
        "icon": workflow_tiles.ICONS[state],
        "standing": standing,
        "rank": min(rank, SILENT) if is_missed else rank,
        "failures": counts.get("failed", 0),
        "share": share if len(rated) >= FEW else None,
        "missed": expected.at if expected and is_missed else None,
        "is_old": freshness(account, now).is_stale,
        "strip": strip(runs),
        "rate": percent(share) if len(rated) >= FEW else (TOO_FEW if runs else ""),
        "last": runs[-1].sort_at if runs else None,
        "owner": profile.owner_name(about),
        "labels": about.labels,
        "most": MOST,
    }

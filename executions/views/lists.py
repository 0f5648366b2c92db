"""The live table of all executions: a page, its inner part when the filter changes, and the
answer to "what of this page has changed?"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.db.models import Case, Q, When
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions import counting, errors, finding, rendering, wording
from executions.counting import CAP
from executions.filters import LAMP_WORDS, PRESETS, Filters, parse, provider_name
from executions.finding import EPOCH, Cursor
from executions.freshness import freshness
from executions.models import Workflow
from executions.roles import may_act
from executions.views.chrome import (
    Fragment,
    accounts_of,
    changes,
    fragment,
    no_store,
    partials,
    sees_all,
    show,
    troubles,
    wants_fragment,
)
from executions.wording import LAMP_ICONS, STATUS_VIEWS, mark
from providers.contract import Lamp, Status

MAX_OPTIONS = 300  # workflows offered in the filter
MAX_ROWS = 200  # rows one page may ask about
NOTHING = Cursor(EPOCH, 0)  # the top of a list that is empty


@dataclass(frozen=True)
class LampView:
    """One window of the panel: its count, and the list behind it."""

    key: str
    word: str
    icon: str
    shown: str
    is_lit: bool
    is_chosen: bool
    href: str
    title: str
    matching: int
    """How many of its runs are in the list; their number is at least that if `is_bound`."""
    is_bound: bool


@require_GET
def execution_list(request: HttpRequest) -> HttpResponse:
    """The page; for a fragment request only what a new filter changes."""
    filters = filters_of(request)
    cursor, is_newer = _cursor(request, filters)
    page = finding.page(filters, cursor, is_newer=is_newer)
    if is_newer and not page.has_newer:
        page, cursor = finding.page(filters), None  # nothing newer: that is the first page
    context = {**_table(request, filters, page, cursor), **_controls(request, filters)}
    if wants_fragment(request):
        response = HttpResponse(fragment(request, "executions/_console.html", context))
        response["HX-Push-Url"] = reverse("executions:list") + filters.query()
        return no_store(response)
    own = mark(context["lamps"], 0)
    return show(request, "executions/list.html", context, own_stamp=own)


@require_GET
def execution_changes(request: HttpRequest) -> HttpResponse:
    """The rows named in `rows` (`id:token`, comma-separated) that are not as the page has them,
    the lamps, and how many newer runs wait above `top`. An empty list gets its first runs."""
    filters = filters_of(request)
    rows = _changed_rows(request, filters)
    lamps, top = lamps_of(filters), Cursor.parse(request.GET.get("top", ""))
    waiting = finding.count_newer(filters, top)
    own = mark(lamps, waiting)

    def rest() -> list[Fragment]:
        if top == NOTHING and waiting:
            context = _table(request, filters, finding.page(filters), None)
            parts = [Fragment("#rows", fragment(request, "executions/_rows.html", context))]
        else:
            context = {"lamps": lamps, "waiting": waiting, "newest_query": filters.query()}
            parts = []
            if may_act(request.user):
                context["matching"] = matching_of(lamps)
                matching = fragment(request, "executions/_matching.html", context)
                parts = [Fragment("#matching", matching)]
        return [
            *parts,
            Fragment("#lamps", fragment(request, "executions/_lamps.html", context)),
            Fragment("#newer", fragment(request, "executions/_newer.html", context)),
        ]

    answer = changes(request, own, rest)
    if not rows:
        return answer
    text = partials(rows) + answer.content.decode()
    return no_store(HttpResponse(text))


def filters_of(request: HttpRequest) -> Filters:
    return parse(
        request.GET,
        accounts_of(request),
        now=timezone.now(),
        sees_all=sees_all(request),
    )


def lamps_of(filters: Filters) -> list[LampView]:
    numbers, is_least = counting.counts(filters)
    chosen = filters.statuses()
    views = []
    for lamp, word in LAMP_WORDS.items():
        own = [status.value for status in lamp.statuses]
        total = sum(numbers.get(status, 0) for status in own)
        is_chosen = chosen is not None and set(own) <= set(chosen)
        detail = ", ".join(
            f"{STATUS_VIEWS[status].word.lower()} {numbers.get(status, 0):,}" for status in own
        )
        bound = CAP if not filters.is_counted else 10**9
        views.append(
            LampView(
                lamp.value,
                word,
                LAMP_ICONS[lamp],
                wording.count(total, bound, is_least),
                total > 0,
                is_chosen,
                _lamp_query(filters, lamp, is_chosen),
                detail,
                sum(numbers.get(each, 0) for each in own if chosen is None or each in chosen),
                is_least or (bound == CAP and any(numbers.get(each, 0) > CAP for each in own)),
            )
        )
    return views


def matching_of(lamps: list[LampView]) -> str:
    """How many runs the whole list has: `1,284`, or `1,000+` where it was not counted further."""
    total = sum(lamp.matching for lamp in lamps)
    if any(lamp.is_bound for lamp in lamps):
        return f"{max(1, total - total % 1000 if total > CAP else total):,}+"
    return f"{total:,}"


def _lamp_query(filters: Filters, lamp: Lamp, is_chosen: bool) -> str:
    """Choosing a lamp replaces the others; choosing it again lets go of it."""
    own = ("lamp", "status", "not_lamp", "not_status")
    query = filters.query(drop=own) if is_chosen else filters.query(drop=own, lamp=lamp.value)
    return query or reverse("executions:list")


def _cursor(request: HttpRequest, filters: Filters) -> tuple[Cursor | None, bool]:
    for name in ("before", "after"):
        text = request.GET.get(name, "")
        if text:
            cursor = Cursor.parse(text)
            if cursor:
                return cursor, name == "after"
            filters.ignored.append("The place in the list was not understood; this is its start.")
    return None, False


def _table(
    request: HttpRequest, filters: Filters, page: finding.Page, cursor: Cursor | None
) -> dict[str, Any]:
    lamps = lamps_of(filters)
    _name_errors(request, filters, page)
    top = Cursor.of(page.rows[0]) if page.rows else NOTHING
    return {
        "filters": filters,
        "rows": rendering.rows(
            page.rows, accounts_of(request), timezone.now(), picks=may_act(request.user)
        ),
        "matching": matching_of(lamps),
        "batch_key": uuid4(),
        "lamps": lamps,
        "top": str(top) if cursor is None else "",
        "waiting": 0,
        "newest_query": filters.query(),
        "older": filters.query(before=str(page.older)) if page.older else "",
        "newer": (
            filters.query(after=str(Cursor.of(page.rows[0])))
            if cursor and page.has_newer and page.rows
            else ""
        ),
        "is_first": cursor is None,
        "searched_to": wording.moment(page.searched_to),
        "blind": troubles(request),
        "changes_url": reverse("executions:changes") + filters.query(),
    }


def _name_errors(request: HttpRequest, filters: Filters, page: finding.Page) -> None:
    """What the chosen errors say, for their chips: as the rows say it, else one query."""
    chosen = [*filters.values["error"], *filters.excluded["error"]]
    if chosen and page.rows:
        words = {row.error_key: row.error_summary for row in reversed(page.rows) if row.error_key}
    else:
        words = errors.words_of(chosen, list(accounts_of(request)))
    filters.error_words = {key: wording.plain(text, 80) for key, text in words.items()}


def _controls(request: HttpRequest, filters: Filters) -> dict[str, Any]:
    accounts = accounts_of(request)
    chosen = [*filters.workflow_ids(), *filters.barred_workflow_ids()]
    found = Workflow.objects.filter(Q(account_id__in=list(accounts)))
    if filters.account_ids() is not None:
        found = found.filter(Q(account_id__in=filters.account_ids()) | Q(pk__in=chosen))
    first = Case(When(pk__in=chosen, then=0), default=1)
    workflows = list(found.order_by(first, "name", "pk")[: MAX_OPTIONS + 1])
    names = {workflow.pk: wording.plain(workflow.name, 80) for workflow in workflows}
    providers = sorted({account.provider for account in accounts.values()})
    return {
        "chips": filters.chips(names),
        "account_options": _options(
            filters, "account", [(str(pk), account.name) for pk, account in accounts.items()]
        ),
        "provider_options": _options(
            filters, "provider", [(key, provider_name(key)) for key in providers]
        ),
        "workflow_options": _options(
            filters, "workflow", [(str(pk), name) for pk, name in names.items()][:MAX_OPTIONS]
        ),
        "has_more_workflows": len(workflows) > MAX_OPTIONS,
        "status_options": _status_options(filters),
        "started_options": [
            (key, words[0], key == filters.started) for key, words in PRESETS.items()
        ],
        "is_custom": request.GET.get("started") == "custom"
        or (not filters.started and bool(filters.since or filters.until)),
        "from_value": dict(filters.pairs()).get("from", ""),
        "to_value": dict(filters.pairs()).get("to", ""),
        "kept_pairs": [
            pair
            for pair in filters.pairs()
            if pair[0].startswith("not_") or pair[0] in ("error", "key", "finished")
        ]
        + _surplus(filters),
        "has_accounts": bool(accounts),
    }


def _options(
    filters: Filters, key: str, options: list[tuple[str, str]]
) -> list[tuple[str, str, bool]]:
    """(value, label, is chosen) for a select that holds one value; more stay as chips."""
    chosen = filters.values.get(key, [])[:1]
    return [(value, label, value in chosen) for value, label in options]


def _status_options(filters: Filters) -> list[tuple[str, str, list[tuple[str, str, bool]]]]:
    """Per lamp: its own option and those of its statuses."""
    chosen = filters.values.get("status", [])[:1]
    return [
        (
            lamp.value,
            word,
            [
                (status.value, STATUS_VIEWS[status.value].word, status.value in chosen)
                for status in Status
                if status.lamp is lamp
            ],
        )
        for lamp, word in LAMP_WORDS.items()
    ]


def _surplus(filters: Filters) -> list[tuple[str, str]]:
    """Values that the form's selects cannot show; they travel as hidden fields."""
    more = [
        (key, v)
        for key, values in filters.values.items()
        if key not in ("error", "key")
        for v in values[1:]
    ]
    return [*more, *(("lamp", v) for v in filters.values.get("lamp", [])[:1])]


def _changed_rows(request: HttpRequest, filters: Filters) -> list[Fragment]:
    asked: dict[int, str] = {}
    for part in request.GET.get("rows", "").split(",")[:MAX_ROWS]:
        number, _, known = part.partition(":")
        if number.isascii() and number.isdigit() and len(number) < 19:
            asked[int(number)] = known
    accounts, at, picks = accounts_of(request), timezone.now(), may_act(request.user)
    fragments = []
    found: list[Any] = list(finding.load(list(asked)))  # with columns of other tables
    for execution in found:
        account = accounts.get(execution.account_id)
        if account is None:
            continue
        fresh = freshness(account, at)
        gone = not filters.matches(execution, execution.workflow_name)
        token = rendering.token(execution, account, fresh) + ("-gone" if gone else "")
        if token != asked[execution.pk]:
            html = rendering.row(execution, account, fresh, gone, picks=picks)
            fragments.append(Fragment(f"#run-{execution.pk}", html.strip()))
    return fragments

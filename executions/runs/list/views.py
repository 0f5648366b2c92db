"""The live table of all executions: a page, its inner part when the filter changes, and the
answer to "what of this page has changed?"."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions.access.permissions import may_act, preference_of
from executions.commands.verbs import RUN_VERBS
from executions.display import formatting as display_text
from executions.display.formatting import mark
from executions.display.freshness import freshness
from executions.display.id_params import row_id
from executions.errors import groups as error_groups
from executions.models import SavedView
from executions.payloads import text_escaping
from executions.runs.list import row as run_row
from executions.runs.list import view_tabs
from executions.runs.list.filter_panels import controls
from executions.runs.list.last_hour import is_due, last_hour
from executions.runs.list.last_hour import statement as hour_statement
from executions.runs.list.saved_views import views_for
from executions.runs.list.status_counts import Panel, panel_of
from executions.runs.peek.views import peek_changes, peek_of
from executions.search import pages as run_pages
from executions.search import queryset as run_queryset
from executions.search.cursor import EPOCH, Cursor, Order
from executions.search.filters import DISPLAY, SIZES, SORT_WORDS, Filters, parse
from executions.search.visible_columns import columns, switched
from executions.triage.form_choices import ignore_for
from executions.web.account_banner import accounts_not_current
from executions.web.fragments import Fragment, fragment, no_store, wants_fragment
from executions.web.inbox_badge import counted, question_count
from executions.web.live_page import LivePage, Shown
from executions.web.requester import accounts_of, operable_of, person, sees_all

MAX_ROWS = 200  # rows one page may ask about


@require_GET
def execution_list(request: HttpRequest) -> HttpResponse:
    """The page; for a fragment request only what a new filter changes."""
    filters = filters_of(request)
    view = view_of(request, filters)
    if view and not request.GET.keys() - {"view", "peek"}:
        return redirect(reverse("executions:list") + _opened(request, filters, view))
    cursor, is_newer = _cursor(request, filters)
    page = run_pages.page(filters, cursor, is_newer=is_newer, limit=filters.size)
    if is_newer and not page.has_newer:  # nothing newer: that is the first page
        page, cursor = run_pages.page(filters, limit=filters.size), None
    _name_errors(request, filters, page)
    context = {
        **table(request, filters, page, cursor, view),
        **controls(request, filters, page.rows),
        "tabs": view_tabs.tabs(filters, views_of(request), view),
        "peek": _peek(request, filters, page),
    }
    shown = _shown(filters, context)
    if wants_fragment(request):
        html = fragment(request, "executions/runs/list/_console.html", LIST_PAGE.context(shown))
        response = HttpResponse(html)
        response["HX-Push-Url"] = reverse("executions:list") + filters.query()
        return no_store(response)
    return LIST_PAGE.show(request, shown)


@require_GET
def execution_changes(request: HttpRequest) -> HttpResponse:
    """The rows named in `rows` (`id:token`, comma-separated) that are not as the page has them,
    the lamps, the run that stands beside them, and how many newer runs wait above `top`. An empty
    list gets its first runs, and so does a page that asks for the new ones. `hour`: when its last
    hour was drawn."""
    filters = filters_of(request)
    wants_new = request.GET.get("part") == "rows"
    rows = [] if wants_new else _changed_rows(request, filters)
    is_hour = is_due(request.GET.get("hour", ""), timezone.now())
    panel = _panel(request, filters, with_hour=is_hour)
    top = Cursor.parse(request.GET.get("top", ""), Order.START, Order.END)
    waiting = 0 if wants_new else run_pages.count_newer(filters, top)
    is_empty = bool(top and top.at == EPOCH and waiting)
    context = {"filters": filters, "panel": panel, "lamps": panel.lamps, "waiting": waiting,
               "has_new_rows": wants_new or is_empty,
               "takes_new": _takes_new(filters, panel)}  # fmt: skip
    if is_hour:
        drawn = {"hour": last_hour(filters, _now(filters), panel.hour)}
        html = fragment(request, "executions/runs/list/_hour.html", drawn)
        rows.append(Fragment("#hour", html))
    beside = peek_changes(request, filters.query())
    return LIST_PAGE.changed(request, _shown(filters, context), always=[*rows, *beside])


def _fragments(request: HttpRequest, context: dict[str, Any]) -> list[Fragment]:
    """The table where it is to have new rows, else what is printed of their number."""
    filters, panel = context["filters"], context["panel"]
    names = ["lamps", "tally", "newer"]
    if context["has_new_rows"]:
        page = run_pages.page(filters, limit=filters.size)
        context = {
            **context,
            **table(request, filters, page, None, view_of(request, filters), panel),
        }
        names.insert(0, "rows")
    else:
        context |= {"tally": panel.tally, **_addresses(filters)}
        if may_act(request.user):
            context["matching"] = panel.matching
            names.insert(0, "matching")
    return [
        Fragment(f"#{name}", fragment(request, f"executions/runs/list/_{name}.html", context))
        for name in names
    ]


LIST_PAGE = LivePage(
    "executions/runs/list/list.html", changes="executions:changes", fragments=_fragments
)


def _shown(filters: Filters, context: dict[str, Any]) -> Shown:
    stamp = (context["lamps"], context["waiting"])
    return Shown(context, stamp, query=filters.query())


def _name_errors(request: HttpRequest, filters: Filters, page: run_pages.Page) -> None:
    """What the chosen errors say, for their chips: as the rows say it, else one query."""
    chosen = [*filters.values["error"], *filters.excluded["error"]]
    if chosen and page.rows:
        words = {row.error_key: row.error_summary for row in reversed(page.rows) if row.error_key}
    else:
        words = error_groups.words_of(chosen, list(accounts_of(request)))
    filters.error_words = {key: text_escaping.plain(text, 80) for key, text in words.items()}


def filters_of(request: HttpRequest) -> Filters:
    filters = parse(
        request.GET,
        accounts_of(request),
        now=timezone.now(),
        sees_all=sees_all(request),
        me=person(request).pk if may_act(request.user) else None,
    )
    filters.has_default = preference_of(request.user).default_view_id is not None
    return filters


def view_of(request: HttpRequest, filters: Filters) -> SavedView | None:
    """The saved view that is open, or opens because nothing was asked. One that is gone, or not
    for this person, is ignored and said so."""
    preference = preference_of(request.user)
    asked = filters.view
    if asked is None and not request.GET and request.path == reverse("executions:list"):
        asked = preference.default_view_id
    if asked is None:
        return None
    view = next((each for each in views_of(request) if each.pk == asked), None)
    if view is None:
        filters.view = None
        filters.ignored.append("The saved view was deleted, or is not shared with you.")
    return view


def views_of(request: HttpRequest) -> list[SavedView]:
    """One's own and shared views; read once per request."""
    found: list[SavedView] | None = getattr(request, "_views", None)
    if found is None:
        found = views_for(person(request))
        request._views = found  # type: ignore[attr-defined]
    return found


def _opened(request: HttpRequest, filters: Filters, view: SavedView) -> str:
    """What the address of a saved view stands for, in full."""
    text = f"{view.query}&view={view.pk}" if view.query else f"all=1&view={view.pk}"
    peeked = request.GET.get("peek", "")
    return f"?{text}" + (f"&{urlencode({'peek': peeked})}" if peeked else "")


def _peek(request: HttpRequest, filters: Filters, page: run_pages.Page) -> str:
    """The run that stands beside the list, as markup. One that is not there is ignored and said."""
    try:
        return peek_of(request, [row.pk for row in page.rows])
    except Http404:
        filters.ignored.append("The run to show beside the list is not there, or not yours.")
        return ""


def table(
    request: HttpRequest,
    filters: Filters,
    page: run_pages.Page,
    cursor: Cursor | None,
    view: SavedView | None,
    panel: Panel | None = None,
) -> dict[str, Any]:
    """What the rows and everything that counts them print."""
    panel = panel or _panel(request, filters, with_hour=True)
    preference = preference_of(request.user)
    own_columns = view.columns if view else preference.columns
    shown = own_columns if filters.columns is None else switched(filters.columns)
    own, order = _mark(filters), filters.cursor_order
    top = Cursor.of(page.rows[0], order) if page.rows else Cursor(EPOCH, 0, order)
    return {
        "filters": filters,
        "view": view,
        "rows": run_row.rows(
            page.rows, accounts_of(request), timezone.now(), picks=operable_of(request)
        ),
        "hour": last_hour(filters, _now(filters), panel.hour),
        "takes_new": _takes_new(filters, panel),
        "matching": panel.matching,
        "batch_key": uuid4(),
        "batch_verbs": RUN_VERBS.values(),
        "ignore_for": ignore_for(),
        "lamps": panel.lamps,
        "tally": panel.tally,
        "top": str(top) if cursor is None and filters.order != "oldest" else "",
        "waiting": 0,
        "older": filters.query(before=f"{page.older}.{own}") if page.older else "",
        "newer": (
            filters.query(after=f"{Cursor.of(page.rows[0], order)}.{own}")
            if cursor and page.has_newer and page.rows
            else ""
        ),
        "is_first": cursor is None,
        "searched_to": display_text.stamped(page.searched_to),
        "blind": accounts_not_current(request),
        "columns": columns(shown),
        "is_compact": preference.is_compact,
        "sizes": [(size, _at_size(filters, size), size == filters.size) for size in SIZES],
        "order_word": SORT_WORDS[filters.order],
        "sorts": _sorts(filters),
        **_addresses(filters),
    }


def _panel(request: HttpRequest, filters: Filters, *, with_hour: bool) -> Panel:
    panel = panel_of(
        filters,
        questions=question_count(request),
        unseen=[each.account.name for each in accounts_not_current(request)],
        hour=hour_statement(filters, _now(filters)) if with_hour else None,
    )
    counted(request, panel.needs_you)
    return panel


def _takes_new(filters: Filters, panel: Panel) -> bool:
    """Whether new runs come in by themselves: where nothing is asked but what one lamp counts."""
    asked = {key for key, values in filters.values.items() if values}
    is_lamp = asked == {"lamp"} and any(lamp.is_chosen for lamp in panel.lamps)
    is_more = filters.text or any(filters.excluded.values()) or filters.started.is_set
    return filters.order != "oldest" and (filters.is_empty or (is_lamp and not is_more))


def _now(filters: Filters) -> datetime:
    return filters.now or timezone.now()


def _addresses(filters: Filters) -> dict[str, str]:
    query = filters.query()
    return {
        "newest_query": query,
        "export_url": reverse("executions:export") + query,
    }


def _at_size(filters: Filters, size: int) -> str:
    return filters.query(drop=("size",), size="" if size == SIZES[0] else str(size))


def _sorts(filters: Filters) -> dict[str, tuple[str, str]]:
    """Per sortable column: its `aria-sort`, and the list that a click on its head opens."""
    order = filters.order
    explicit = "newest" if filters.finished.is_set else ""  # else a range of ends sorts by end
    by_start = filters.query(drop=("sort",), sort="oldest" if order == "newest" else explicit)
    aria_sort = {"newest": "descending", "oldest": "ascending"}
    return {
        "started": (aria_sort.get(order, ""), by_start or filters.nothing_asked or "/"),
        "finished": (
            "descending" if filters.is_by_end else "",
            filters.query(drop=("sort",), sort="" if filters.finished.is_set else "finished"),
        ),
    }


def _mark(filters: Filters) -> str:
    """Which list a place belongs to."""
    return mark([pair for pair in filters.pairs() if pair[0] not in DISPLAY])


def _cursor(request: HttpRequest, filters: Filters) -> tuple[Cursor | None, bool]:
    for name in ("before", "after"):
        text, _, own = request.GET.get(name, "").partition(".")
        if not text:
            continue
        cursor = Cursor.parse(text, Order.START, Order.END)
        if cursor is None:
            filters.ignored.append("The page was not understood; this is the first page.")
        elif cursor.order != filters.cursor_order or (own and own != _mark(filters)):
            filters.ignored.append("The page belongs to another list; this is the first page.")
        else:
            return cursor, name == "after"
    return None, False


def _changed_rows(request: HttpRequest, filters: Filters) -> list[Fragment]:
    asked: dict[int, str] = {}
    for part in request.GET.get("rows", "").split(",")[:MAX_ROWS]:
        number, _, known = part.partition(":")
        if (pk := row_id(number)) is not None:
            asked[pk] = known
    accounts, at, picks = accounts_of(request), timezone.now(), operable_of(request)
    found: list[Any] = [row for row in run_pages.load(list(asked)) if row.account_id in accounts]
    listed = run_queryset.matching(filters, [row.pk for row in found]) if found else set()
    fragments = []
    for execution in found:
        account = accounts[execution.account_id]
        fresh = freshness(account, at)
        gone = execution.pk not in listed
        token = run_row.token(execution, account, fresh, at) + ("-gone" if gone else "")
        if token != asked[execution.pk]:
            may = account.pk in picks
            html = run_row.row(execution, account, fresh, at, gone, picks=may)
            fragments.append(Fragment(f"#run-{execution.pk}", html.strip()))
    return fragments

"""Saved views: the menu, and what people do with it. A POST creates, changes or deletes one."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET

from executions.access.permissions import VIEWER, may_act_by_role, preference_of
from executions.display.id_params import row_id
from executions.models import SavedView
from executions.runs.list import saved_views
from executions.runs.list.views import filters_of, views_of
from executions.search import visible_columns
from executions.web.fragments import fragment, no_store
from executions.web.post_only_views import posted_from
from executions.web.requester import accounts_of, address, person

ROLES = (VIEWER, "operator", "admin")


@require_GET
def view_menu(request: HttpRequest) -> HttpResponse:
    """One's own and shared views, and what can be done with the list that the address names."""
    user, filters = person(request), filters_of(request)
    views = views_of(request)
    current = next((view for view in views if view.pk == filters.view), None)
    teams = user.groups.exclude(name__in=ROLES) if may_act_by_role(user) else []
    own = current.columns if current else preference_of(user).columns
    context = {
        "own": [view for view in views if view.is_of(user)],
        "shared": [view for view in views if not view.is_of(user)],
        "current": current,
        "is_mine": current is not None and current.is_of(user),
        "default": preference_of(user).default_view_id,
        "query": filters.query(drop=("view",)).removeprefix("?"),
        "columns": own if filters.columns is None else visible_columns.switched(filters.columns),
        "may_share": may_act_by_role(user),
        "teams": teams,
    }
    return no_store(HttpResponse(fragment(request, "executions/runs/list/_views.html", context)))


@posted_from("executions:list")
def view_creation(request: HttpRequest) -> HttpResponse:
    user = person(request)
    view = SavedView(owner=user, query=_query(request), columns=_columns(request))
    return _saved(request, view)


@posted_from(lambda request, pk: f"{reverse('executions:list')}?view={pk}")
def view_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename, share otherwise; with `overwrite` it also takes over what the list shows now."""
    view = _own(request, pk)
    if "overwrite" in request.POST:
        view.query, view.columns = _query(request), _columns(request)
    return _saved(request, view)


@posted_from(lambda request, pk: f"{reverse('executions:list')}?view={pk}")
def view_deletion(request: HttpRequest, pk: int) -> HttpResponse:
    view = _own(request, pk)
    saved_views.delete(person(request), view, address(request))
    messages.success(request, f"The view “{view.name}” is deleted.")
    return redirect(reverse("executions:list") + "?all=1")


@posted_from("executions:list")
def view_default(request: HttpRequest) -> HttpResponse:
    """The one named in `view` opens first; none if it is empty."""
    user, chosen = person(request), request.POST.get("view", "")
    view = None
    if chosen:
        view = get_object_or_404(SavedView.objects.visible_to(user), pk=row_id(chosen) or 0)
    saved_views.open_first(user, view)
    message = f"“{view.name}” opens first from now on." if view else "All runs open first again."
    messages.success(request, message)
    return redirect(_address(view) if view else reverse("executions:list") + "?all=1")


@posted_from("executions:list")
def table_preference(request: HttpRequest) -> HttpResponse:
    """Which columns the table has, and how dense it is."""
    preference = preference_of(request.user)
    preference.user = person(request)
    preference.columns = visible_columns.switched(request.POST.getlist("column"))
    preference.is_compact = request.POST.get("density") == "compact"
    preference.save()
    shown, _ = visible_columns.read(",".join(request.POST.getlist("column")))
    query = f"{_query(request) or 'all=1'}&columns={visible_columns.spelled(shown)}"
    return redirect(f"{reverse('executions:list')}?{query}")


def _saved(request: HttpRequest, view: SavedView) -> HttpResponse:
    user, given = person(request), request.POST
    try:
        saved_views.save(
            user,
            view,
            name=given.get("name", ""),
            audience=given.get("audience", SavedView.PRIVATE),
            address=address(request),
        )
    except saved_views.Refused as refused:
        messages.error(request, f"Not saved. {refused}")
        return redirect(reverse("executions:list") + "?" + (_query(request) or "all=1"))
    if given.get("default"):
        saved_views.open_first(user, view)
    messages.success(request, f"The view “{view.name}” is saved.")
    return redirect(_address(view))


def _own(request: HttpRequest, pk: int) -> SavedView:
    return get_object_or_404(SavedView, pk=pk, owner=person(request))


def _query(request: HttpRequest) -> str:
    return saved_views.canonical(request.POST.get("query", "")[:5000], accounts_of(request))


def _columns(request: HttpRequest) -> list[str]:
    """Those of the table that is looked at, as the menu has sent them."""
    known = {key for key, _, _ in visible_columns.COLUMNS}
    return [key for key in request.POST.getlist("switched") if key in known]


def _address(view: SavedView) -> str:
    return f"{reverse('executions:list')}?view={view.pk}"

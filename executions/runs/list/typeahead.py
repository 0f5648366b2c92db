"""Type-ahead: the options of one filter panel that hold what was typed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from executions.runs.list.filter_panels import panel_of_accounts, panel_of_workflows
from executions.runs.list.views import filters_of
from executions.web.fragments import fragment, no_store


@require_GET
def options(request: HttpRequest) -> HttpResponse:
    """From the accounts or the table of workflows; chosen ones stay, whatever was typed."""
    filters = filters_of(request)
    if request.GET.get("of") == "account":
        panel = panel_of_accounts(request, filters)
    else:
        panel = panel_of_workflows(request, filters, (), is_open=True)
    return no_store(
        HttpResponse(fragment(request, "executions/runs/list/_options.html", {"panel": panel}))
    )

"""The list of workflows."""

from __future__ import annotations

from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from executions.display.formatting import plain
from executions.models import Note
from executions.search.filters import provider_name
from executions.search.unicode_spellings import holds
from executions.web.account_banner import accounts_out_of_sight
from executions.web.live_page import show
from executions.web.requester import accounts_of
from executions.workflows.lookup import visible_workflows

MAX_SHOWN = 300


@require_GET
def workflow_list(request: HttpRequest) -> HttpResponse:
    accounts = accounts_of(request)
    text = request.GET.get("q", "").strip()[:200]
    found = visible_workflows(request)
    if text:
        found = found.filter(holds(text.replace("\0", ""), "name"))
    newest = Note.objects.filter(workflow=OuterRef("pk")).values("text")[:1]
    found = found.annotate(note=Subquery(newest))
    rows = list(found.order_by("-can_start", "name", "pk")[: MAX_SHOWN + 1])
    workflows = [
        {
            "id": row.pk,
            "name": plain(row.name, 200) or "(no name)",
            "ref": plain(row.ref),
            "account": accounts[row.account_id].name,
            "provider": provider_name(accounts[row.account_id].provider),
            "can_start": row.can_start,
            "note": plain(row.note or "", 200),
        }
        for row in rows[:MAX_SHOWN]
    ]
    context = {
        "workflows": workflows,
        "q": text,
        "has_more": len(rows) > MAX_SHOWN,
        "has_accounts": bool(accounts),
        "blind": accounts_out_of_sight(request)[0],
    }
    return show(request, "executions/workflows/workflows.html", context)

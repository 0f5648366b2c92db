"""The list as a file: the same filter, every run of it, streamed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions.access import audit_log
from executions.display import csv_lines
from executions.payloads.text_escaping import plain
from executions.runs.list.views import filters_of
from executions.search import csv_rows
from executions.web import download_limits
from executions.web.requester import address, person


@require_GET
@download_limits.export
def export(request: HttpRequest) -> HttpResponseBase:
    """CSV of everything that the list of this address shows, page after page."""
    filters = filters_of(request)
    audit_log.record(
        person(request),
        audit_log.Action.RUNS_EXPORTED,
        target=filters.query()[:300] or "every run",
        detail={"ignored": [plain(each) for each in filters.ignored]} if filters.ignored else {},
        address=address(request),
    )
    response = StreamingHttpResponse(csv_rows.lines(filters), content_type=csv_lines.CONTENT_TYPE)
    name = f"runs-{timezone.now():%Y%m%dT%H%MZ}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Accel-Buffering"] = "no"
    return response

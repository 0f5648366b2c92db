"""A run as one JSON document: what the API tells of it, for who is signed in."""

from __future__ import annotations

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from executions.api import schemas
from executions.runs.page.views import get_run
from providers import exact_json


@require_GET
def run_record(request: HttpRequest, pk: int) -> HttpResponse:
    """Without inputs and outputs, which have downloads of their own, and without the log."""
    record = schemas.ExecutionDetail.from_orm(get_run(request, pk)).model_dump(by_alias=True)
    text = exact_json.write(record, indent=True, other=DjangoJSONEncoder().default)
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="run-{pk}.json"'
    response["Cache-Control"] = "private, no-store"
    return response

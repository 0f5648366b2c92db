"""A run's input, output and raw object: a bounded look on the page, the whole as a download.

Sizes are measured and large values cut inside the database; a 5 MB output never travels for a
look at the page.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from executions.models import ExecutionDetail
from executions.roles import visible_executions
from executions.wording import plain, size

WHOLE_UP_TO = 100_000  # bytes shown completely
PREVIEW = 4000  # characters of a larger one
PARTS = ("input", "output", "raw")
TITLES = {"input": "Input", "output": "Output", "raw": "As the provider sent it"}


def payload_list(execution_id: int, parts: tuple[str, ...] = PARTS) -> list[dict[str, Any]]:
    """What there is of input, output and raw, ready to print. One query."""
    columns = ", ".join(
        f"octet_length({part}::text), CASE WHEN octet_length({part}::text) <= {WHOLE_UP_TO} "
        f"THEN {part}::text ELSE left({part}::text, {PREVIEW}) END"
        for part in parts
    )
    sql = f"SELECT {columns} FROM executions_executiondetail WHERE execution_id = %s"  # noqa: S608
    with connection.cursor() as db:
        db.execute(sql, [execution_id])
        found = db.fetchone()
    if not found:
        return []
    shown = []
    for number, part in enumerate(parts):
        length, text = found[2 * number], found[2 * number + 1]
        if length is None or text in ("null", "{}", "[]", '""'):
            continue
        shown.append(
            {
                "part": part,
                "title": TITLES[part],
                "size": size(length),
                "is_cut": length > WHOLE_UP_TO,
                "text": _pretty(text) if length <= WHOLE_UP_TO else plain(text),
            }
        )
    return shown


@require_GET
def payload(request: HttpRequest, pk: int, part: str) -> HttpResponse:
    """The whole value as a JSON file."""
    if part not in PARTS:
        raise Http404
    execution = get_object_or_404(visible_executions(request.user).only("pk"), pk=pk)
    value = get_object_or_404(ExecutionDetail.objects.values_list(part, flat=True), pk=execution.pk)
    text = json.dumps(value, indent=2, ensure_ascii=False)
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="run-{pk}-{part}.json"'
    return response


def _pretty(text: str) -> str:
    value = json.loads(text)
    return plain(
        value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    )

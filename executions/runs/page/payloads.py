"""A run's input, output and raw object: a tree where it is small, a preview where it is not, and
the whole as a download.

Sizes are measured and large values cut inside the database; a large value never travels for a look
at the page.
"""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET

from executions.access.permissions import may_set_up, visible_executions
from executions.display.formatting import size
from executions.models import Execution, ExecutionDetail
from executions.payloads.text_escaping import plain
from executions.runs.page.json_tree import tree
from executions.web.fragments import fragment, no_store
from providers import exact_json

AT_ONCE = 8_000  # bytes that are on the page as a tree from the start
WHOLE_UP_TO = 100_000  # bytes that become a tree when somebody opens them
TREE_UP_TO = 1_000_000  # bytes that become one on request; what is larger is a download
PREVIEW = 4000  # characters of a larger one
EMPTY = ("null", "{}", "[]", '""')
PARTS = ("input", "output", "raw")
TITLES = {"input": "Input", "output": "Output", "raw": "As the provider sent it"}
DETAIL = "executions_executiondetail"


def payload_list(execution_id: int, parts: tuple[str, ...] = PARTS) -> list[dict[str, Any]]:
    """What there is of input, output and raw, ready to print. One query."""
    columns = ", ".join(_columns(part, 0 if part == "raw" else AT_ONCE) for part in parts)
    sql = f"SELECT {columns} FROM {DETAIL} WHERE execution_id = %s"  # noqa: S608 - our own words
    with connection.cursor() as db:
        db.execute(sql, [execution_id])
        found = db.fetchone()
    if not found:
        return []
    shown = []
    for place, part in enumerate(parts):
        length, text, note, mark = found[4 * place : 4 * place + 4]
        if length is not None and text not in EMPTY:
            view = _view(length, text, note, 0 if part == "raw" else AT_ONCE)
            shown.append({"part": part, "title": TITLES[part], "mark": mark, **view})
    return shown


def value_view(table: str, column: str, key: str, pk: int) -> dict[str, Any] | None:
    """One JSON value that somebody opened: a tree up to `WHOLE_UP_TO`, else its beginning. The
    names are our own, never a person's."""
    sql = f"SELECT {_columns(column, WHOLE_UP_TO)} FROM {table} WHERE {key} = %s"  # noqa: S608
    with connection.cursor() as db:
        db.execute(sql, [pk])
        length, text, note, _ = db.fetchone() or (None, None, None, "")
    if length is None or text in EMPTY:
        return None
    return _view(length, text, note, WHOLE_UP_TO)


def _columns(column: str, whole: int) -> str:
    """Length, text (the beginning, where it is longer than `whole`), for a value that was too large
    to keep its size at the provider, and a mark that changes with the value."""
    text = f"{column}::text"
    return (
        f"octet_length({text}), CASE WHEN octet_length({text}) <= {max(whole, 2)} THEN {text} "
        f"WHEN octet_length({text}) > {WHOLE_UP_TO} THEN left({text}, {PREVIEW}) END, "
        f"CASE WHEN {column} @> '{{\"_truncated\": true}}' "
        f"THEN jsonb_build_array({column}->'_bytes', {column}->'_start')::text END, "
        f"left(md5({text}), 8)"
    )


def _view(length: int, text: str | None, note: str | None, whole: int) -> dict[str, Any]:
    """`state`: `tree`, `late` (comes when it is opened), `preview`, `large` or `gone`."""
    view: dict[str, Any] = {"size": size(length), "text": "", "pieces": [], "state": "late"}
    if note is not None:
        number, start = exact_json.read_stored(note)
        number = number if isinstance(number, int) else None
        return {**view, "state": "gone", "size": size(number), "text": plain(str(start or ""))}
    if text is None:
        return view
    if length <= whole:
        found = tree(exact_json.read_stored(text))
        return {**view, "state": "tree", "pieces": found.pieces, "is_cut": found.is_cut}
    if length <= WHOLE_UP_TO:
        return view
    return {**view, "state": "preview" if length <= TREE_UP_TO else "large", "text": plain(text)}


@require_GET
def payload(request: HttpRequest, pk: int, part: str) -> HttpResponse:
    """The whole value as a JSON file."""
    value = _value(request, pk, part)
    text = exact_json.written(value, indent=True)
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="run-{pk}-{part}.json"'
    return response


@require_GET
def payload_tree(request: HttpRequest, pk: int, part: str) -> HttpResponse:
    """The value as a tree, for the part of the page that somebody opened."""
    run = get_object_or_404(visible_executions(request.user).only("pk"), pk=pk)
    if part not in PARTS:
        raise Http404
    shown = value_view(DETAIL, part, "execution_id", run.pk)
    if shown is not None and shown["state"] == "preview":
        found = tree(_value(request, pk, part))
        shown |= {"state": "tree", "pieces": found.pieces, "is_cut": found.is_cut}
    context = {
        "run": run,
        "part": part,
        "value": {**shown, "part": part} if shown else None,
        "key_url": key_url_of(request, run),
    }
    return no_store(
        HttpResponse(fragment(request, "executions/runs/page/_json_tree.html", context))
    )


def key_url_of(request: HttpRequest, run: Execution) -> str:
    """Where a value of the run is made a business key; "" for who may not."""
    may = may_set_up(request.user, run.account_id)
    return reverse("executions:key-rule", args=[run.pk]) if may else ""


def _value(request: HttpRequest, pk: int, part: str) -> Any:
    if part not in PARTS:
        raise Http404
    run = get_object_or_404(visible_executions(request.user).only("pk"), pk=pk)
    return get_object_or_404(ExecutionDetail.objects.values_list(part, flat=True), pk=run.pk)

"""The runs of a batch, page by page, and all of them as a CSV file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET

from executions.bulk.progress import ITEM_STATES, get_batch, item_words
from executions.commands.verbs import VERBS
from executions.display import csv_lines
from executions.display.formatting import iso
from executions.display.id_params import row_id
from executions.display.statuses import STATUS_VIEWS
from executions.models import Batch, BatchItem
from executions.payloads.text_escaping import plain
from executions.search import keyset_walk
from executions.search.filters import provider_name
from executions.web import download_limits
from executions.web.requester import accounts_of

PAGE = 100
COLUMNS = (
    "run", "account", "provider", "workflow", "name", "ref", "status before", "status now",
    "asked for", "result", "message", "command", "requested at", "accepted at", "settled at",
    "link",
)  # fmt: skip


def items_of(request: HttpRequest, batch: Batch) -> dict[str, Any]:
    """A page of the items in the state that `state` asks for, after the item `after`."""
    state = request.GET.get("state", "")
    chosen = state if state in {each.value for each in ITEM_STATES} else ""
    rows, more = page_of(request, visible_items(request, batch), chosen, PAGE)
    return {
        "items": [item_view(row) for row in rows],
        "chosen": chosen,
        "first_url": f"?state={chosen}" if chosen else "?",
        "is_first": not request.GET.get("after"),
        "next_url": f"?state={chosen}&after={rows[-1].pk}" if more else "",
    }


@require_GET
@download_limits.export
def batch_result(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """Every item that the person may see, as CSV; cells that a table program would run are
    disarmed."""
    batch = get_batch(request, pk)
    rows = keyset_walk.walk(visible_items(request, batch), "pk", size=500)
    host = f"{request.scheme}://{request.get_host()}"
    response = StreamingHttpResponse(_lines(rows, batch, host), content_type=csv_lines.CONTENT_TYPE)
    response["Content-Disposition"] = f'attachment; filename="batch-{pk}.csv"'
    response["Cache-Control"] = "no-store"
    return response


def visible_items(request: HttpRequest, batch: Batch) -> QuerySet[BatchItem]:
    found = batch.items.filter(account_id__in=list(accounts_of(request)))
    form = [f"question__{name}" for name in ("schema", "form", "model", "description")]
    return found.select_related("execution__workflow", "account", "command", "question").defer(
        *form
    )


def page_of(
    request: HttpRequest, found: QuerySet[BatchItem], state: str, size: int
) -> tuple[list[BatchItem], bool]:
    after = row_id(request.GET.get("after", ""))
    if state:
        found = found.filter(state=state)
    if after is not None:
        found = found.filter(pk__gt=after)
    rows = list(found.order_by("pk")[: size + 1])
    return rows[:size], len(rows) > size


def item_view(item: BatchItem) -> dict[str, Any]:
    run = item.execution
    lamp, icon, word = item_words(item)
    verb, what = VERBS[item.batch.kind].word, plain(run.ref, 120)
    if item.question is not None:
        what = f"“{plain(item.question.title, 120) or 'Input is needed'}”"
    return {
        "id": item.pk,
        "run": run.pk,
        "workflow": plain(run.workflow.name, 120) or "(no name)",
        "label": plain(run.label, 120),
        "account": item.account.name,
        "question": item.question_id,
        "waits_since": item.question.opened_at if item.question else None,
        "status": STATUS_VIEWS[run.status],
        "request": f"{verb} {what} at {provider_name(item.account.provider)}",
        "lamp": lamp,
        "icon": icon,
        "word": word,
        "message": plain(item.message),
        "at": item.changed_at if item.command_id else None,
    }


def _lines(rows: Iterator[list[BatchItem]], batch: Batch, host: str) -> Iterator[str]:
    yield csv_lines.head(COLUMNS)
    for items in rows:
        yield "".join(csv_lines.line(_cells(item, batch, host)) for item in items)


def _cells(item: BatchItem, batch: Batch, host: str) -> tuple[Any, ...]:
    run, command = item.execution, item.command
    return (
        run.pk, item.account.name, provider_name(item.account.provider),
        plain(run.workflow.name), plain(run.name), plain(run.ref), item.status, run.status,
        batch.kind, item.state, plain(item.message),
        command.key if command else "",
        iso(command.requested_at) if command else "",
        iso(command.accepted_at) if command else "",
        iso(command.settled_at) if command else "",
        host + reverse("executions:detail", args=[run.pk]),
    )  # fmt: skip

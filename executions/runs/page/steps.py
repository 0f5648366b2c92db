"""The steps of a run as a timeline: a page of rows of their tree, and one step with all it has.

All steps are read for the tree, in a few columns; `page.step_rows` reads the rest of the rows that
are shown. A large output comes when somebody opens it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET

from executions.access.permissions import visible_executions
from executions.display.statuses import STATUS_VIEWS
from executions.models import Execution, LogEntry, Step
from executions.payloads.text_escaping import plain
from executions.runs.page import step_tree
from executions.runs.page.payloads import value_view
from executions.runs.page.query_params import (
    LOG_WORDS,
    MOST_VALUES,
    PAGE_WORDS,
    STEP_WORDS,
    link,
    number,
    query,
    word,
)
from executions.runs.page.step_rows import drawn
from executions.runs.page.step_tree import Node, Row, Shown
from executions.search.statement_timeout import TooLong, bounded
from executions.search.unicode_spellings import holds
from executions.web.fragments import fragment, no_store, wants_fragment
from providers import exact_json

PAGE = 200  # rows
MANY = 40  # rows, above which the first look is at what matters
WHOLE = ("steps", "steps_page", "step")  # words of an address that ask for all rows
MAX_FOUND = 500  # steps that a search shows
MAX_SHOWN = 20_000  # characters of a whole error
COLUMNS = ("id", "path", "name", "status", "started_at", "finished_at", "ref")


def step_list(request: HttpRequest, run: Execution) -> dict[str, Any]:
    """One page of rows and how to get to the others. Five queries at most."""
    rows = [Row(*each) for each in Step.objects.filter(execution=run).values_list(*COLUMNS)]
    root = step_tree.build(rows, run.started_at)
    turn(request, root)
    text = word(request, "steps_q")
    failed_first = _failed_first(request, root)
    found, problem = (None, "") if not text else _search(run, text)
    listed = _listed(request, root, failed_first, found)
    folded = 0
    if found is None and len(listed) > MANY and not any(map(request.GET.get, WHOLE)):
        kept, folded = step_tree.foremost(root, MANY)
        listed = _listed(request, kept, False, None)
    chosen = number(request, "step")
    pages = max(1, -(-len(listed) // PAGE))
    page = min(_page(request, listed, chosen), pages)
    shown = listed[(page - 1) * PAGE : page * PAGE]
    return {
        **drawn(run, root, shown, chosen),
        "steps_folded": folded,
        "steps_total": len(rows),
        "steps_failed": root.problems,
        "failed_first": failed_first,
        "steps_q": text,
        "steps_found": None if found is None else len(found),
        "steps_most": MAX_FOUND,
        "steps_problem": problem,
        "steps_page": page,
        "steps_pages": pages,
        "steps_rows": len(listed),
        "steps_from": (page - 1) * PAGE + 1,
        "steps_to": (page - 1) * PAGE + len(shown),
        "steps_before": link(request, steps_page=page - 1 if page > 2 else None),
        "steps_after": link(request, steps_page=page + 1),
        "steps_turned": link(
            request, steps="order" if failed_first else "failed", steps_page=None, step=None
        ),
        "steps_all": link(request, steps_q=None, steps_page=None),
        "steps_order": link(request, steps="order", steps_page=None, step=None),
        "steps_url": reverse("executions:detail", args=[run.pk]),
        "steps_keep": query(request, STEP_WORDS),
        "other_words": [
            (name, value)
            for name in (*PAGE_WORDS, *LOG_WORDS, "steps", "open", "shut")
            for value in request.GET.getlist(name)[:50]
        ],
    }


@require_GET
def step(request: HttpRequest, pk: int, step_pk: int) -> HttpResponse:
    """One step with everything it has, for its row; without htmx the page, turned to that row."""
    run = get_object_or_404(visible_executions(request.user).only("pk", "account_id"), pk=pk)
    if not wants_fragment(request):
        get_object_or_404(Step.objects.only("pk"), pk=step_pk, execution=run)
        page = reverse("executions:detail", args=[pk])
        return redirect(f"{page}?step={step_pk}#step-{step_pk}")
    found = get_object_or_404(Step.objects.defer("output"), pk=step_pk, execution=run)
    context = {
        "run": run,
        "step": found,
        "error": plain(found.error, MAX_SHOWN),
        "output": value_view("executions_step", "output", "id", step_pk),
        "tries": [_try(each) for each in found.tries],
        "has_log": LogEntry.objects.filter(execution=run, step_ref=found.ref).exists(),
    }
    return no_store(HttpResponse(fragment(request, "executions/runs/page/_step.html", context)))


def _try(stored: dict[str, Any]) -> dict[str, Any]:
    """One of the times that a step was tried."""
    started, finished = (
        datetime.fromisoformat(stored[name]) if stored[name] else None
        for name in ("started_at", "finished_at")
    )
    return {
        "attempt": stored["attempt"],
        "status": STATUS_VIEWS[stored["status"]],
        "native": plain(stored["native_status"]),
        "started": started,
        "took": finished - started if started and finished else None,
        "error": plain(stored["error"], MAX_SHOWN),
    }


@require_GET
def step_output(request: HttpRequest, pk: int, step_pk: int) -> HttpResponse:
    """What is kept of a step's output, as a JSON file."""
    run = get_object_or_404(visible_executions(request.user).only("pk"), pk=pk)
    found = get_object_or_404(Step, pk=step_pk, execution=run)
    text = exact_json.written(found.output, indent=True)
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="run-{pk}-step-{step_pk}.json"'
    return response


def failed_step(run: Execution) -> dict[str, Any] | None:
    """The first step that failed by itself: the innermost, with an error if any has one."""
    rows = Step.objects.filter(execution=run, status__in=("failed", "timed_out"))
    found = sorted(
        rows.only("pk", "name", "path", "position", "attempt").annotate(has_error=~Q(error=""))[
            :200
        ],
        key=lambda each: (not each.has_error, -len(each.path), each.position),
    )
    if not found:
        return None
    first = found[0]
    return {
        "id": first.pk,
        "name": plain(first.name),
        "path": " / ".join(plain(str(part)) for part in first.path),
        "attempt": first.attempt if first.attempt > 1 else 0,
        "others": len(found) - 1,
    }


# ------------------------------------------------------------------------------- which rows


def turn(request: HttpRequest, root: Node) -> None:
    """Open or close the group that `turn` names, in the address itself: what is rendered from
    here on, links and what the page keeps, is as if it had said so."""
    node = step_tree.find(root, word(request, "turn"))
    words = request.GET.copy()
    words.pop("turn", None)
    if node is not None:
        opened = [key for key in words.getlist("open") if key != node.key]
        shut = [key for key in words.getlist("shut") if key != node.key]
        chosen = number(request, "step")
        around = step_tree.way_to(root, chosen) if chosen is not None else frozenset()
        opened += [key for key in sorted(around) if key not in (*opened, node.key)]
        is_open = step_tree.stands_open(
            root, node, frozenset(words.getlist("open")) | around, frozenset(words.getlist("shut"))
        )
        (shut if is_open else opened).append(node.key)
        words.setlist("open", opened[-MOST_VALUES:])
        words.setlist("shut", shut[-MOST_VALUES:])
        words.pop("step", None)
    request.GET = words  # type: ignore[assignment]


def _failed_first(request: HttpRequest, root: Node) -> bool:
    asked = request.GET.get("steps")
    if asked in ("failed", "order"):
        return asked == "failed"
    return bool(root.problems) and root.size > PAGE


def _listed(
    request: HttpRequest, root: Node, failed_first: bool, found: list[int] | None
) -> list[Shown]:
    if found is not None:
        wanted = set(found)
        return [
            Shown(node, 0, False) for node in _steps_of(root) if node.row and node.row.id in wanted
        ]
    opened = frozenset(request.GET.getlist("open")[:100])
    chosen = number(request, "step")
    if chosen is not None:
        opened |= step_tree.way_to(root, chosen)
    shut = frozenset(request.GET.getlist("shut")[:100]) - opened
    return step_tree.flatten(root, opened=opened, shut=shut, failed_first=failed_first)


def _steps_of(node: Node) -> list[Node]:
    below = [found for child in node.children for found in _steps_of(child)]
    return [node, *below] if node.row is not None else below


def _page(request: HttpRequest, listed: list[Shown], chosen: int | None) -> int:
    asked = number(request, "steps_page")
    if asked is not None:
        return max(1, asked)
    for place, each in enumerate(listed):
        if chosen is not None and each.node.row is not None and each.node.row.id == chosen:
            return 1 + place // PAGE
    return 1


def _search(run: Execution, text: str) -> tuple[list[int], str]:
    """Steps with the text in their name, path, error or output."""
    like = Cast("output", TextField()), Cast("path", TextField())
    rows = Step.objects.filter(execution=run).alias(output_text=like[0], where=like[1])
    wanted = holds(text, "name", "error", "output_text", "where") | Q(ref=text)
    try:
        with bounded():
            return list(rows.filter(wanted).values_list("pk", flat=True)[:MAX_FOUND]), ""
    except TooLong as error:
        return [], str(error)

"""The side peek: one run beside the list, in short, with what can be done about it.

It stands in the address of the list (`?peek=7`), and asks for what is new along with it. Its parts
are those of the run page, which has all the rest.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template import loader
from django.urls import reverse
from django.views.decorators.http import require_GET

from executions.access.permissions import may_act, may_set_up
from executions.display.id_params import row_id
from executions.errors.views import same_error
from executions.inbox import question_display
from executions.inbox.question_rows import words_of
from executions.models import Execution
from executions.notes.acts import notes_of
from executions.payloads.telling_paths import is_telling
from executions.payloads.text_escaping import plain
from executions.polling import read_queue
from executions.runs import telling_choice
from executions.runs.list.row import look_of
from executions.runs.page.head import actions_of, head_of
from executions.runs.page.views import get_run, refused_of, stamp_of
from executions.runs.peek.steps import step_lines
from executions.web.fragments import Fragment, fragment, no_store, wants_fragment

PEEK = "executions/runs/peek/_peek.html"
MOST_VALUES = 6
MOST_NOTES = 3
LONGEST_ERROR = 1000  # characters
PARTS = ("head", "error", "same", "steps", "values", "notes", "foot")


@require_GET
def peek(request: HttpRequest, pk: int) -> HttpResponse:
    """The peek alone, for the list that the rest of the address describes; without htmx that list,
    with the peek open."""
    run = get_run(request, pk)
    if not wants_fragment(request):
        return redirect(_beside(request, pk))
    context = _context(request, run, _query(request))
    context["peek_messages"] = messages.get_messages(request)
    return no_store(HttpResponse(fragment(request, PEEK, context)))


def peek_of(request: HttpRequest, ids: list[int]) -> str:
    """The peek that the address of a list asks for (`peek`), safe to print as it is; "" where it
    asks for none. `ids` are the runs of its page in their order. Raises Http404."""
    asked = request.GET.get("peek", "")
    if not asked:
        return ""
    if (pk := row_id(asked)) is None:
        raise Http404
    place = ids.index(pk) if pk in ids else None
    around = {
        "place": None if place is None else place + 1,
        "of_all": len(ids),
        "upper": _beside(request, ids[place - 1]) if place else "",
        "lower": _beside(request, ids[place + 1]) if place is not None and ids[place + 1 :] else "",
    }
    context = {**_context(request, get_run(request, pk), _query(request)), **around}
    return loader.render_to_string(PEEK, context, request)


def peek_changes(request: HttpRequest, query: str) -> list[Fragment]:
    """What is new in the peek that an open list shows (`peek`, with the stamp `seen`). `query` is
    that of the list. A run that is gone leaves its peek as it is."""
    pk = row_id(request.GET.get("peek", ""))
    if pk is None:
        return []
    try:
        run = get_run(request, pk)
    except Http404:
        return []
    if not run.is_final:
        read_queue.watch(run)
    if request.GET.get("seen") == stamp_of(run):
        return []
    context = _context(request, run, query)
    parts = [
        Fragment(f"#peek-{name}", fragment(request, f"executions/runs/peek/_{name}.html", context))
        for name in PARTS
    ]
    dialogs = fragment(request, "executions/runs/page/_dialogs.html", context)
    asked = question_display.question_fragments(request, run)
    return [*parts, Fragment("#run-dialogs", dialogs), *asked]


def _query(request: HttpRequest) -> str:
    """That of the list without its peek, with its question mark."""
    rest = request.GET.copy()
    rest.pop("peek", None)
    return f"?{rest.urlencode()}" if rest else ""


def _beside(request: HttpRequest, pk: int) -> str:
    """The list with the peek of that run."""
    rest = request.GET.copy()
    rest["peek"] = str(pk)
    return f"{reverse('executions:list')}?{rest.urlencode()}"


def _context(request: HttpRequest, run: Execution, query: str) -> dict[str, Any]:
    read_queue.watch(run)
    head = head_of(request, run)
    lines, total = step_lines(run)
    notes = notes_of(request.user, run)["notes"]
    is_overdue = bool(head["usual"]["overdue"]) and not (run.is_final or head["is_old"])
    look = look_of(head["status"], head["standing"], is_overdue=is_overdue)
    here = reverse("executions:peek", args=[run.pk]) + query
    failed, tries = head["error_step"], {each.id: each.attempt for each in lines}
    return {
        "may_act": may_act(request.user, run.account_id),
        "may_set_up": may_set_up(request.user, run.account_id),
        **head,
        **actions_of(request, run),
        "label": plain(run.label, 200),
        "error": head["error"][:LONGEST_ERROR],
        "is_error_cut": len(head["error"]) > LONGEST_ERROR,
        "error_attempt": tries.get(failed["id"], 0) if failed else 0,
        "same": same_error(request, run.error_key),
        "lines": lines,
        "steps_total": total,
        "input_values": _values(run, head["values"]),
        "notes": notes[:MOST_NOTES],
        "notes_total": len(notes),
        "notes_url": reverse("executions:run-note", args=[run.pk]),
        "notes_home": here,
        "questions": question_display.questions_of(request, run),
        "refused": refused_of(request, run),
        "is_overdue": is_overdue,
        "look": "" if head["is_old"] else look,
        "is_mine": run.assignee_id == request.user.pk,
        "seen": stamp_of(run),
        "list_query": query,
        "here": here,
    }


def _values(run: Execution, shown: list[str]) -> list[tuple[str, str]]:
    """(name, value) of its input, each value once, without those that its head says already:
    telling ones, where there are any."""
    found = {each.value: each for each in reversed(telling_choice.choices_of(run))}
    rest = [each for each in reversed(found.values()) if each.value not in shown]
    telling = [each for each in rest if is_telling(each.path.rpartition("/")[2], each.value)]
    return [(words_of(each.path), each.value) for each in (telling or rest)[:MOST_VALUES]]

"""A question as pages show it: its form with what was typed, and what a person must know first.

A form that somebody types in is never replaced. If the question was answered elsewhere or changed
meanwhile, a notice above it says so.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse

from executions.forms import CompiledForm, compile_question
from executions.models import OPEN_COMMAND_STATES, Command, CommandState, Execution, Question
from executions.roles import may_act, visible_executions
from executions.views import drafts
from executions.views.chrome import Fragment, fragment
from executions.wording import COMMAND_WORDS, clock, iso, moment, plain, stamped
from providers.contract import Verb

MAX_RAW = 50_000  # characters of the triple on the page
MAX_QUESTIONS = 20  # of one run, on its page
OPEN_STATES = frozenset(str(state) for state in OPEN_COMMAND_STATES)


def get_question(request: HttpRequest, pk: int) -> Question:
    found = Question.objects.select_related(
        "execution", "execution__account", "execution__workflow", "claimed_by"
    )
    visible = visible_executions(request.user).values("pk")
    return get_object_or_404(found.filter(execution__in=visible), pk=pk)


def require_may_act(request: HttpRequest) -> None:
    if not may_act(request.user):
        raise PermissionDenied("Your role may look, but not act.")


def intent_key(request: HttpRequest) -> uuid.UUID | None:
    """The key of the rendered form: the same one sent twice is one wish."""
    try:
        return uuid.UUID(request.POST.get("key", ""))
    except ValueError:
        return None


def questions_of(request: HttpRequest, run: Execution) -> list[dict[str, Any]]:
    rows = run.questions.filter(closed_at__isnull=True).select_related("claimed_by")
    return [question_view(request, row) for row in rows.order_by("opened_at", "pk")[:MAX_QUESTIONS]]


def question_fragments(request: HttpRequest, run: Execution) -> list[Fragment]:
    """Notices for the questions a page shows (`questions=id:fingerprint,...`), and the forms of
    those it does not show yet."""
    shown: dict[int, str] = {}
    for part in request.GET.get("questions", "").split(",")[:50]:
        number, _, known = part.partition(":")
        if number.isascii() and number.isdigit() and len(number) < 19:
            shown[int(number)] = known
    fragments = []
    for row in run.questions.filter(pk__in=list(shown)).select_related("claimed_by"):
        view = {"question": row, "notice": notice_of(request, row, shown[row.pk])}
        html = fragment(request, "executions/_question_notice.html", view)
        fragments.append(Fragment(f"#question-{row.pk}-notice", html))
    if request.GET.get("only"):  # the page of one question
        return fragments
    fresh = run.questions.filter(closed_at__isnull=True).exclude(pk__in=list(shown))
    for row in fresh.select_related("claimed_by")[:MAX_QUESTIONS]:
        html = fragment(request, "executions/_question.html", {"q": question_view(request, row)})
        fragments.append(Fragment("#questions", html, "beforeend"))
    return fragments


def question_view(
    request: HttpRequest,
    question: Question,
    compiled: CompiledForm | None = None,
    form: Any = None,
) -> dict[str, Any]:
    """Everything the form's fragment prints. Without `form`, the draft is in the fields."""
    compiled = compiled or compile_question(question)
    saved_at = None
    if form is None and not compiled.problem and may_act(request.user):
        form, saved_at = _restored_form(request, question, compiled)
    is_open = question.closed_at is None and question.is_answerable and not compiled.problem
    command = command_of(question)
    is_sent = command is not None and command[0] in OPEN_STATES
    url = question.execution.url
    return {
        "question": question,
        "title": plain(question.title) or "Input is needed",
        "description": plain(question.description, 5000),
        "problem": compiled.problem,
        "compiled": compiled,
        "form": form,
        "quick": compiled if is_open and not is_sent else None,
        "redraw_url": reverse("executions:draft", args=[question.pk]),
        "notice": notice_of(request, question, question.fingerprint),
        "may_act": may_act(request.user),
        "is_open": is_open,
        "may_send": is_open and not is_sent,
        "draft_saved": clock(saved_at),
        "opened": moment(question.opened_at),
        "opened_iso": iso(question.opened_at),
        "due": moment(question.due_at),
        "key": str(uuid.uuid4()),
        "raw": _raw(question, compiled),
        "link": url if url.startswith(("http://", "https://")) else "",
    }


def notice_of(request: HttpRequest, question: Question, known: str) -> dict[str, str]:
    """What the person in front of the form must know before going on; empty if nothing."""
    state, message, by = command_of(question) or ("", "", "")
    if question.closed_at:
        at = stamped(question.closed_at)
        if state == CommandState.CONFIRMED:
            return {"lamp": "done", "text": f"Answered by {by}, confirmed {at}."}
        text = f"This was answered elsewhere, or is no longer needed, since {at}. "
        return {"lamp": "warning", "text": f"{text}What you typed stays here for copying."}
    if state in OPEN_STATES:
        word = COMMAND_WORDS.get(state, state)
        return {"lamp": "active", "text": f"Answer of {by}: {word}. Waiting for the provider."}
    if state == CommandState.REJECTED:
        return {"lamp": "failed", "text": f"The answer of {by} was refused: {message}"}
    if state == CommandState.NEEDS_PERSON:
        text = f"It is not known whether the answer of {by} arrived: {message} Check, then send."
        return {"lamp": "warning", "text": text}
    if known != question.fingerprint:
        text = "The provider changed this form. What you typed stays; open it anew to send it."
        return {"lamp": "warning", "text": text, "is_changed": "1"}
    if question.claimed_by_id and question.claimed_by_id != request.user.pk:
        who = question.claimed_by.get_username() if question.claimed_by else ""
        return {"lamp": "needs_you", "text": f"{who} is on it since {clock(question.claimed_at)}."}
    return {}


def command_of(question: Question) -> tuple[str, str, str] | None:
    """State, message and person of the newest answer to this question."""
    newest = _answers(question).values_list("state", "message", "requested_by__username").first()
    return (newest[0], plain(newest[1]), newest[2] or "someone") if newest else None


def _answers(question: Question) -> Any:
    return Command.objects.filter(
        execution_id=question.execution_id, kind=Verb.ANSWER.value, question_ref=question.ref
    ).order_by("-requested_at")


def _restored_form(
    request: HttpRequest, question: Question, compiled: CompiledForm
) -> tuple[Any, Any]:
    """The form with the draft in it, and with the provider's complaints about the last answer."""
    typed, saved_at = drafts.restored(request, question, compiled)
    prefix = drafts.prefix_of(question)
    newest = _answers(question).values_list("state", "fields").first()
    if typed and newest and newest[0] == CommandState.REJECTED and newest[1]:
        posted = {f"{prefix}-{name}": value for name, value in typed.items()}
        form = compiled.bind(posted, prefix=prefix)
        compiled.show_errors(form, newest[1])
        return form, saved_at
    return compiled.bind(typed=typed or None, prefix=prefix), saved_at


def _raw(question: Question, compiled: CompiledForm) -> str:
    parts = {name: getattr(question, name) for name in ("schema", "form", "model", "choices")}
    parts["model"] = compiled.masked(question.model)
    given = {name: value for name, value in parts.items() if value not in (None, [])}
    return plain(json.dumps(given, indent=2, ensure_ascii=False), MAX_RAW)

"""One question: its form, its draft, its answer, and who is on it.

A form that somebody types in is never replaced. If the question was answered elsewhere or changed
meanwhile, the page says so and keeps what was typed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from executions import live
from executions.commands import NotPossible, request_command
from executions.forms import compile_question
from executions.models import OPEN_COMMAND_STATES, Command, CommandState, Draft, Execution, Question
from executions.rendering import COMMAND_WORDS, clock, iso, moment, plain
from executions.roles import may_act, visible_executions
from executions.views.chrome import Fragment, address, changes, fragment, no_store, show
from providers.contract import Verb
from providers.credentials import SealError, seal, unseal

OURS = frozenset({"csrfmiddlewaretoken", "fingerprint", "key", "next"})
MAX_DRAFT = 2_000_000  # characters


# ------------------------------------------------------------------------------------- the page


@require_GET
def question_page(request: HttpRequest, pk: int) -> HttpResponse:
    question = get_question(request, pk)
    return _show(request, question, question_view(request, question))


@require_GET
def question_changes(request: HttpRequest, pk: int) -> HttpResponse:
    """The notice above the form, if something happened to the question."""
    question = get_question(request, pk)
    stamp = f"{question.fingerprint} {question.closed_at} {question.claimed_by_id} "
    stamp += repr(command_of(question))
    return changes(request, stamp, lambda: question_fragments(request, question.execution))


@require_POST
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Records the answer; a worker sends it. What was typed is kept whatever happens."""
    question = get_question(request, pk)
    require_may_act(request)
    _keep_draft(request, question)
    compiled = compile_question(question)
    form = compiled.bind(request.POST)
    if not form.is_valid():
        return _refuse(request, question, compiled, form, "", 422)
    if request.POST.get("fingerprint", question.fingerprint) != question.fingerprint:
        sentence = "The provider changed this form while you had it open. Check it and send again."
        return _refuse(request, question, compiled, form, sentence, 409)
    try:
        request_command(
            user=request.user,
            execution=question.execution,
            kind=Verb.ANSWER,
            question=question,
            values=compiled.body(form),
            key=intent_key(request),
            address=address(request),
        )
    except NotPossible as error:
        question.refresh_from_db()
        return _refuse(request, question, compiled, form, str(error), 409)
    messages.success(request, "Your answer is recorded and on its way to the provider.")
    return redirect("executions:detail", pk=question.execution_id)


@require_POST
def draft(request: HttpRequest, pk: int) -> HttpResponse:
    """Saves what is typed so far, sealed, for this person alone."""
    question = get_question(request, pk)
    require_may_act(request)
    saved = _keep_draft(request, question)
    word = f"Draft saved {clock(timezone.now())}" if saved else "Too long to keep as a draft"
    return no_store(HttpResponse(word, content_type="text/plain; charset=utf-8"))


@require_POST
def claim(request: HttpRequest, pk: int) -> HttpResponse:
    """Says "I am on it". Compare-and-set: the first one has it until it is released."""
    question = get_question(request, pk)
    require_may_act(request)
    free = Question.objects.filter(pk=pk, claimed_by__isnull=True, closed_at__isnull=True)
    if free.update(claimed_by=request.user, claimed_at=timezone.now()):
        live.publish_questions(question.execution.account_id)
    elif question.claimed_by_id != request.user.pk:
        who = question.claimed_by.get_username() if question.claimed_by else "Someone else"
        messages.warning(request, f"{who} is already on it.")
    return _back(request)


@require_POST
def release(request: HttpRequest, pk: int) -> HttpResponse:
    """Lets go of it; anybody who may act can also take it from somebody who left."""
    question = get_question(request, pk)
    require_may_act(request)
    if Question.objects.filter(pk=pk, claimed_by__isnull=False).update(
        claimed_by=None, claimed_at=None
    ):
        live.publish_questions(question.execution.account_id)
    return _back(request)


# --------------------------------------------------------------------------------- for run pages


def questions_of(request: HttpRequest, run: Execution) -> list[dict[str, Any]]:
    rows = run.questions.filter(closed_at__isnull=True).select_related("claimed_by")
    return [question_view(request, row) for row in rows.order_by("opened_at", "pk")[:20]]


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
    for row in fresh.select_related("claimed_by")[:20]:
        html = fragment(request, "executions/_question.html", {"q": question_view(request, row)})
        fragments.append(Fragment("#questions", html, "beforeend"))
    return fragments


def question_view(
    request: HttpRequest, question: Question, form: Any = None, compiled: Any = None
) -> dict[str, Any]:
    """Everything the form's fragment prints."""
    acts = may_act(request.user)
    compiled = compiled or compile_question(question)
    kept, saved_at = ({}, None) if form is not None else _draft_of(request, question)
    if form is None and not compiled.problem:
        form = compiled.bind(draft=kept or None)
    return {
        "question": question,
        "title": plain(question.title) or "Input is needed",
        "description": plain(question.description, 5000),
        "compiled": compiled,
        "form": form,
        "notice": notice_of(request, question, question.fingerprint),
        "may_act": acts,
        "is_open": question.closed_at is None and question.is_answerable and not compiled.problem,
        "draft_saved": clock(saved_at),
        "opened": moment(question.opened_at),
        "opened_iso": iso(question.opened_at),
        "due": moment(question.due_at),
        "key": str(uuid.uuid4()),
        "link": question.execution.url
        if question.execution.url.startswith(("http://", "https://"))
        else "",
    }


def notice_of(request: HttpRequest, question: Question, known: str) -> dict[str, str]:
    """What the person in front of the form must know before going on; empty if nothing."""
    state, message, by = command_of(question) or ("", "", "")
    if question.closed_at:
        at = moment(question.closed_at)
        if state == CommandState.CONFIRMED:
            return {"lamp": "done", "text": f"Answered by {by}, confirmed {at} UTC."}
        text = f"This was answered elsewhere, or is no longer needed, since {at} UTC. "
        return {"lamp": "warning", "text": f"{text}What you typed stays here for copying."}
    if state in {str(each) for each in OPEN_COMMAND_STATES}:
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
    newest = (
        Command.objects.filter(
            execution_id=question.execution_id, kind=Verb.ANSWER.value, question_ref=question.ref
        )
        .order_by("-requested_at")
        .values_list("state", "message", "requested_by__username")
        .first()
    )
    return (newest[0], plain(newest[1]), newest[2] or "someone") if newest else None


# ---------------------------------------------------------------------------------------- helpers


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


def _show(
    request: HttpRequest, question: Question, view: Mapping[str, Any], status: int = 200
) -> HttpResponse:
    context = {
        "q": view,
        "run": question.execution,
        "workflow": plain(question.execution.workflow.name),
        "label": plain(question.execution.name or question.execution.ref),
        "changes_url": reverse("executions:question-changes", args=[question.pk]) + "?only=1",
    }
    return show(request, "executions/question.html", context, status=status)


def _refuse(
    request: HttpRequest, question: Question, compiled: Any, form: Any, sentence: str, status: int
) -> HttpResponse:
    """The form again, with everything that was typed."""
    view = question_view(request, question, form, compiled)
    if sentence and not question.closed_at:
        view["notice"] = {"lamp": "warning", "text": sentence}
    view["has_errors"] = not form.is_valid()
    return _show(request, question, view, status)


def _draft_of(request: HttpRequest, question: Question) -> tuple[dict[str, list[str]], Any]:
    kept = Draft.objects.filter(question=question, user_id=request.user.pk).first()
    if kept is None:
        return {}, None
    try:
        return dict(unseal(_context(request, question), kept.sealed_values)), kept.saved_at
    except SealError:  # a key was removed; the form itself is still good
        return {}, None


def _keep_draft(request: HttpRequest, question: Question) -> bool:
    values = _typed(request.POST)
    if sum(len(text) for texts in values.values() for text in texts) > MAX_DRAFT:
        return False
    sealed = seal(_context(request, question), values)
    with transaction.atomic():
        Draft.objects.update_or_create(
            question=question,
            user_id=request.user.pk,
            defaults={"sealed_values": sealed, "saved_at": timezone.now()},
        )
    return True


def _typed(posted: QueryDict) -> dict[str, list[str]]:
    return {key: [str(v) for v in posted.getlist(key)] for key in posted if key not in OURS}


def _context(request: HttpRequest, question: Question) -> str:
    return f"draft:{question.pk}:{request.user.pk}"


def _back(request: HttpRequest) -> HttpResponse:
    target = request.POST.get("next", "")
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\"))
    return redirect(target if is_ours else "executions:inbox")

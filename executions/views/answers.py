"""Answering a question: its page, its draft, its answer, and who is on it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from executions import live
from executions.commands import NotPossible, request_command
from executions.forms import CompiledForm, compile_question
from executions.models import Question
from executions.views import drafts
from executions.views.chrome import address, changes, fragment, no_store, person, show
from executions.views.questions import (
    command_of,
    get_question,
    intent_key,
    question_fragments,
    question_view,
    require_may_act,
)
from executions.wording import clock, plain
from providers import registry
from providers.contract import Verb


@require_GET
def question_page(request: HttpRequest, pk: int) -> HttpResponse:
    question = get_question(request, pk)
    return _show(request, question, question_view(request, question), 200)


@require_GET
def question_changes(request: HttpRequest, pk: int) -> HttpResponse:
    """The notice above the form, if something happened to the question."""
    question = get_question(request, pk)
    return changes(
        request, _stamp(question), lambda: question_fragments(request, question.execution)
    )


@require_POST
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Records the answer; a worker sends it. What was typed is kept whatever happens."""
    question = get_question(request, pk)
    require_may_act(request)
    compiled = compile_question(question)
    if compiled.problem:
        return _show(request, question, question_view(request, question, compiled), 409)
    is_kept = drafts.keep(request, question, compiled)
    if request.POST.get("fingerprint", question.fingerprint) != question.fingerprint:
        return _changed_meanwhile(request, question, compiled, is_kept)
    form = drafts.posted_form(request, question, compiled, is_kept)
    if compiled.wants_redraw(request.POST):
        return _show(request, question, question_view(request, question, compiled, form), 200)
    if not form.is_valid():
        return _show(request, question, question_view(request, question, compiled, form), 422)
    try:
        request_command(
            user=person(request),
            execution=question.execution,
            kind=Verb.ANSWER,
            question=question,
            values=compiled.body(form, complete=_wants_whole(question)),
            key=intent_key(request),
            address=address(request),
        )
    except NotPossible as error:
        question.refresh_from_db()
        view = question_view(request, question, compiled, form)
        view["notice"] = view["notice"] or {"lamp": "warning", "text": str(error)}
        return _show(request, question, view, 409)
    messages.success(request, "Your answer is recorded and on its way to the provider.")
    return redirect("executions:detail", pk=question.execution_id)


@require_POST
def draft(request: HttpRequest, pk: int) -> HttpResponse:
    """Saves what is typed so far, sealed, for this person alone. A post that only wants the form
    drawn again (a row more, a condition) gets its fields."""
    question = get_question(request, pk)
    require_may_act(request)
    compiled = compile_question(question)
    is_kept = drafts.keep(request, question, compiled)
    is_current = request.POST.get("fingerprint") == question.fingerprint
    if compiled.wants_redraw(request.POST) and is_current and not compiled.problem:
        form = drafts.posted_form(request, question, compiled, is_kept)
        view = question_view(request, question, compiled, form)
        context = {"form": form, "compiled": view["quick"], "redraw_url": view["redraw_url"]}
        return no_store(HttpResponse(fragment(request, "executions/_answer_fields.html", context)))
    word = (
        f"Draft saved {clock(timezone.now())}" if is_kept else "This could not be kept as a draft"
    )
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
    held = Question.objects.filter(pk=pk, claimed_by__isnull=False)
    if held.update(claimed_by=None, claimed_at=None):
        live.publish_questions(question.execution.account_id)
    return _back(request)


def _wants_whole(question: Question) -> bool:
    """Whether the provider blanks what an answer leaves out."""
    adapter = registry.all_adapters().get(question.execution.account.provider)
    return adapter is not None and adapter.wants_whole_answers


def _changed_meanwhile(
    request: HttpRequest, question: Question, compiled: CompiledForm, is_kept: bool
) -> HttpResponse:
    """The new form with what still fits; what nobody can place is shown for copying."""
    view = question_view(request, question, compiled)
    text = "The provider changed this form while you had it open. Check it and send again."
    view["notice"] = {"lamp": "warning", "text": text}
    if not is_kept:
        ours = ("csrfmiddlewaretoken", "fingerprint", "key")
        view["typed"] = [
            plain(value, 2000)
            for name in request.POST
            if name not in ours
            for value in request.POST.getlist(name)
            if value.strip()
        ][:200]
    return _show(request, question, view, 409)


def _show(
    request: HttpRequest, question: Question, view: dict[str, Any], status: int
) -> HttpResponse:
    run = question.execution
    context = {
        "q": view,
        "run": run,
        "workflow": plain(run.workflow.name),
        "label": plain(run.name or run.ref),
        "changes_url": reverse("executions:question-changes", args=[question.pk]) + "?only=1",
    }
    own = _stamp(question)
    return show(request, "executions/question.html", context, own_stamp=own, status=status)


def _stamp(question: Question) -> str:
    own = (question.fingerprint, question.closed_at, question.claimed_by_id)
    return repr((own, command_of(question)))


def _back(request: HttpRequest) -> HttpResponse:
    target = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(target, {request.get_host()})
    return redirect(target if is_ours else "executions:inbox")

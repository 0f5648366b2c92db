"""Answering a question: its draft, its answer, and what would be sent."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from executions.access.permissions import require_may_act
from executions.commands import second_person
from executions.commands.submit import NotPossible
from executions.commands.withdrawal import is_held, time_to_undo
from executions.display.formatting import stamped
from executions.forms import CompiledForm, compile_question, short_files
from executions.inbox import drafts
from executions.inbox.question_display import MAX_RAW, get_question, intent_key, question_view
from executions.inbox.views import next_address, show_inbox
from executions.models import Proposal, Question
from executions.payloads.text_escaping import plain
from executions.web.fragments import fragment, no_store
from executions.web.post_only_views import posted_from
from executions.web.redirects import next_address as page_of_form
from executions.web.requester import address, person
from providers import exact_json

PREVIEW = "executions/inbox/_question_preview.html"
OF_OURS = frozenset(
    (
        "csrfmiddlewaretoken",
        "fingerprint",
        "key",
        "unseen",
        "typed_at",
        "typed_by",
        "desk",
        "next",
        "reason",
    )
)


def _keep(request: HttpRequest, pk: int) -> None:
    """An answer that cannot be taken now, as a draft."""
    question = get_question(request, pk)
    require_may_act(request.user, question.execution.account_id)
    drafts.keep(request, question, compile_question(question))


@posted_from("executions:question", keeps=_keep)
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Records the answer; a worker sends it. What was typed is kept whatever happens."""
    question = get_question(request, pk)
    require_may_act(request.user, question.execution.account_id)
    compiled = compile_question(question)
    if compiled.problem:
        view = question_view(request, question, compiled)
        return show_inbox(request, question, view, 409)
    before = drafts.compiled_before(request, question)
    is_kept = drafts.keep(request, question, compiled)
    if request.POST.get("fingerprint", "") != question.fingerprint:
        return _changed_meanwhile(request, question, compiled, is_kept, before)
    form = drafts.posted_form(request, question, compiled, is_kept)
    if compiled.wants_redraw(request.POST):
        view = question_view(request, question, compiled, form)
        return show_inbox(request, question, view, 200)
    if not form.is_valid():
        view = question_view(request, question, compiled, form)
        return show_inbox(request, question, view, 422)
    try:
        command = second_person.answer(
            user=person(request),
            question=question,
            form=compiled,
            values=compiled.body(form, complete=drafts.wants_whole(question)),
            reason=request.POST.get("reason", ""),
            key=intent_key(request),
            address=address(request),
            hold=time_to_undo(person(request)),
        )
    except NotPossible as error:
        question.refresh_from_db()
        view = question_view(request, question, compiled, form)
        view["notice"] = view["notice"] or {"lamp": "warning", "text": str(error)}
        return show_inbox(request, question, view, 409)
    if "desk" in request.POST:
        return redirect(next_address(request, question, str(command.key)))
    message = "Your answer is recorded and is being sent to the provider."
    if isinstance(command, Proposal):
        message = "Your answer is proposed. It is sent when a second person agrees."
    elif is_held(command):
        message = "Your answer is recorded. Until it is sent you can undo it, at the question."
    messages.success(request, message)
    run_page = reverse("executions:detail", args=[question.execution_id])
    return redirect(page_of_form(request, run_page))


@posted_from("executions:question")
def draft(request: HttpRequest, pk: int) -> HttpResponse:
    """Saves what is typed so far, sealed, for this person alone. A post that only wants the form
    drawn again (a row more, a condition) gets its fields."""
    question = get_question(request, pk)
    require_may_act(request.user, question.execution.account_id)
    compiled = compile_question(question)
    is_kept = drafts.keep(request, question, compiled)
    is_current = request.POST.get("fingerprint") == question.fingerprint
    if compiled.wants_redraw(request.POST) and is_current and not compiled.problem:
        form = drafts.posted_form(request, question, compiled, is_kept)
        context = {
            "form": form,
            "skip": form.quick_name,
            "redraw_url": reverse("executions:draft", args=[pk]),
        }
        return no_store(HttpResponse(fragment(request, "executions/forms/_fields.html", context)))
    word = (
        f"Draft saved {stamped(timezone.now())}"
        if is_kept
        else "Draft not saved: it is too long, or the form changed"
    )
    return no_store(HttpResponse(word, content_type="text/plain; charset=utf-8"))


@posted_from("executions:question")
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """The body that the form as it is typed now would send, secrets masked. Sends nothing."""
    question = get_question(request, pk)
    require_may_act(request.user, question.execution.account_id)
    compiled = compile_question(question)
    if compiled.problem:
        context: dict[str, Any] = {"problems": [("The form", compiled.problem)]}
        return no_store(HttpResponse(fragment(request, PREVIEW, context)))
    form = drafts.posted_form(request, question, compiled, is_kept=True)
    if form.is_valid():
        is_whole = drafts.wants_whole(question)
        body = compiled.body(form, complete=is_whole)
        text = exact_json.written(short_files(compiled.masked(body)), indent=True)
        lacks = ", ".join(compiled.lacks(body))
        context = {
            "body": plain(text, MAX_RAW),
            "is_whole": is_whole,
            "lacks": plain(lacks, 2000),
            "refused": plain(", ".join(dict.fromkeys(form.refused)), 2000),
        }
    else:
        general = [("The form", str(each)) for each in form.non_field_errors()]
        context = {"problems": [*general, *((title, text) for _, title, text in form.error_links)]}
    return no_store(HttpResponse(fragment(request, PREVIEW, context)))


def _changed_meanwhile(
    request: HttpRequest, question: Question, compiled: CompiledForm, is_kept: bool,
    before: CompiledForm | None,
) -> HttpResponse:  # fmt: skip
    """The new form with what still fits; what nobody can place is shown for copying."""
    view = question_view(request, question, compiled)
    text = "The provider changed this form while you had it open. Check it, then send it again."
    if "fingerprint" not in request.POST:
        text = (
            "What came did not say which form it was typed into, so nothing was sent. Check it, "
            "then send it again."
        )
    differences = compiled.differences(before)[:20] if before else []
    view["notice"] = {"lamp": "warning", "text": text, "differences": differences}
    if not is_kept:
        unseen = request.POST.get("unseen", "").split(",")  # as that form knew its secrets
        prefix = drafts.prefix_of(question) + "-"
        view["typed"] = [
            plain(value, 2000)
            for name in request.POST
            if name not in OF_OURS and name.removeprefix(prefix).partition("_")[0] not in unseen
            for value in request.POST.getlist(name)
            if value.strip()
        ][:200]
    return show_inbox(request, question, view, 409)

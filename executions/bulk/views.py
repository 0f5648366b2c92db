"""Acting on many runs: the choice becomes a batch, the batch a preview, the preview a job that one
can watch, stop and try again."""

from __future__ import annotations

from typing import Any
from uuid import uuid4, uuid5

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET

from executions.access import step_up
from executions.access.permissions import may_act, require_may_act
from executions.bulk import answers, batch_lifecycle, frozen_selection, preview, progress
from executions.bulk import batch_items as batch_item_views
from executions.bulk.frozen_selection import RETRIED, Asked, NothingToDo
from executions.bulk.progress import get_batch
from executions.commands.verbs import MANY_WORDS
from executions.commands.withdrawal import time_to_undo
from executions.display.id_params import row_id, row_ids
from executions.forms import AnswerForm
from executions.inbox.question_display import intent_key
from executions.inbox.views import wanted_of
from executions.models import BATCH_KINDS, Batch, BatchState, ItemState
from executions.payloads.text_escaping import plain
from executions.web.fragments import fragment, no_store, wants_fragment
from executions.web.live_page import LivePage, Shown, show
from executions.web.post_only_views import posted_from
from executions.web.posted_selection import filters_of, ids_of
from executions.web.requester import accounts_of, address, operable_of, person
from providers.contract import Verb
from providers.models import ProviderAccount

PAGE = 30
CHOICE = ("scope", "query", "ids", "questions")  # of the forms that choose
OUTDATED = "This preview was out of date and is new now. Check it, then confirm."


@LivePage(
    "executions/bulk/batches.html",
    changes="executions:batches-changes",
    fragments={"#batches": "executions/bulk/_batches.html"},
)
def batch_list(request: HttpRequest) -> Shown:
    """Those of the person and of the accounts the person may see, newest first."""
    context = _list(request)
    return Shown(context, stamp=context["batches"], query=f"?{request.GET.urlencode()}")


BATCH_PAGE = LivePage(
    "executions/bulk/batch.html",
    changes="executions:batch-changes",
    fragments={
        "#batch-head": "executions/bulk/_head.html",
        "#batch-items": "executions/bulk/_items.html",
    },
)


@posted_from("executions:list")
def batch_creation(request: HttpRequest) -> HttpResponse:
    """Freezes what was chosen: `ids` by hand, or with `scope=all` what `query` finds now."""
    require_may_act(request.user)
    query = request.POST.get("query", "")
    back = reverse("executions:list") + (f"?{query.lstrip('?')}" if query else "")
    filters = filters_of(request, query)
    try:
        asked = _asked(request, _run_verb(request.POST.get("kind", "")))
        if request.POST.get("scope") == "all":
            batch = frozen_selection.freeze_matching(asked, filters)
        else:
            batch = frozen_selection.freeze_picked(asked, ids_of(request), filters)
    except NothingToDo as error:
        messages.error(request, str(error))
        return redirect(back)
    return redirect("executions:batch", pk=batch.pk)


@posted_from("executions:inbox")
def decision_creation(request: HttpRequest) -> HttpResponse:
    """Freezes the questions that were chosen in the inbox for one answer: `questions` by hand, or
    with `scope=alike` all that ask the same under the filter of the address."""
    require_may_act(request.user)
    wanted = wanted_of(request)
    ids = row_ids(",".join(request.POST.getlist("questions")).split(","))
    try:
        batch = frozen_selection.freeze_questions(
            _asked(request, Verb.ANSWER),
            ids,
            wanted,
            is_all_alike=request.POST.get("scope") == "alike",
        )
    except NothingToDo as error:
        messages.error(request, str(error))
        return redirect(reverse("executions:inbox") + wanted.query())
    return redirect("executions:batch", pk=batch.pk)


@require_GET
def batch_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """The preview of a draft, else how far it has come."""
    batch = get_batch(request, pk)
    if batch.state == BatchState.DRAFT:
        return _preview(request, batch, {})
    return BATCH_PAGE.show(request, _progress(request, batch))


@require_GET
def batch_changes(request: HttpRequest, pk: int) -> HttpResponse:
    return BATCH_PAGE.changed(request, _progress(request, get_batch(request, pk)))


def _progress(request: HttpRequest, batch: Batch) -> Shown:
    context = {
        **progress.head_of(request, batch),
        **batch_item_views.items_of(request, batch),
    }
    stamp = (context["stamp_of"], context["items"])
    return Shown(context, stamp, query=f"?{request.GET.urlencode()}", args=[batch.pk])


@posted_from("executions:batch")
@step_up.proved
def batch_start(request: HttpRequest, pk: int) -> HttpResponse:
    """The preview's form. An old preview is made again instead, and shown."""
    batch = get_batch(request, pk)
    require_may_act(request.user)
    if batch.kind == Verb.ANSWER and batch.state == BatchState.DRAFT:
        return _start_answers(request, batch)
    if frozen_selection.is_outdated(batch):
        frozen_selection.assess_again(batch, _accounts_with_rights(request))
        return _preview(request, batch, {"old": OUTDATED}, 422)
    problems = batch_lifecycle.start(
        batch,
        reason=request.POST.get("reason", ""),
        typed=request.POST.get("number", ""),
        address=address(request),
    )
    if problems:
        return _preview(request, batch, problems, 422)
    return redirect("executions:batch", pk=pk)


def _start_answers(request: HttpRequest, batch: Batch) -> HttpResponse:
    """What was typed is kept with the preview, whatever comes of it. An answer that some of the
    questions cannot take leaves those out, and the preview is shown again."""
    compiled = answers.shared_form(batch)
    typed = answers.typed_in(request, batch, compiled)
    form = answers.posted_form(request, batch, compiled)
    is_kept = answers.keep(batch, typed, compiled)
    if compiled.wants_redraw(request.POST):
        context = {"form": form, "redraw_url": reverse("executions:batch-start", args=[batch.pk])}
        if wants_fragment(request):
            fields = fragment(request, "executions/forms/_fields.html", context)
            return no_store(HttpResponse(fields))
        return _preview(request, batch, {}, form=form)
    problems: dict[str, str] = {}
    if frozen_selection.is_outdated(batch):
        frozen_selection.assess_again(batch, _accounts_with_rights(request))
        problems["old"] = OUTDATED
    elif not is_kept:
        problems["old"] = "This answer is too long to be sent to many at once. Nothing was sent."
    elif form.is_valid() and (unfit := answers.leave_out_unfit(batch, typed)):
        batch_lifecycle.recount([batch.pk])
        batch.refresh_from_db()
        left = batch_lifecycle.total(batch, ItemState.WAITING)
        problems["old"] = (
            f"{progress.counted(batch, unfit)} cannot take this answer and would be left out, "
            f"{left:,} can. Nothing was sent: check the list, then confirm."
        )
    elif form.is_valid():
        problems = batch_lifecycle.start(
            batch,
            reason=request.POST.get("reason", ""),
            typed=request.POST.get("number", ""),
            address=address(request),
            sealed_answer=answers.sealed_answer(batch, typed),
            hold=time_to_undo(person(request)),
        )
    if problems or not form.is_valid():
        return _preview(request, batch, problems, 422, form=form)
    return redirect("executions:batch", pk=batch.pk)


@posted_from("executions:batch")
def batch_undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Back to the preview, with what was typed."""
    batch = get_batch(request, pk)
    require_may_act(request.user)
    if batch_lifecycle.take_back(batch, user=person(request), address=address(request)):
        batch.refresh_from_db()
        answers.keep(batch, answers.kept(batch), answers.shared_form(batch))  # no secret comes back
        messages.success(request, "Undone: nothing was sent. What you typed is below.")
    else:
        messages.warning(request, "Too late to undo: sending has begun. You can stop the rest.")
    return redirect("executions:batch", pk=pk)


@posted_from("executions:batch")
def batch_stop(request: HttpRequest, pk: int) -> HttpResponse:
    batch = get_batch(request, pk)
    require_may_act(request.user)
    spared = batch_lifecycle.stop(
        batch, user=person(request), accounts=operable_of(request), address=address(request)
    )
    text = f"Stopped; not sent: {spared:,}. Commands already sent continue."
    messages.success(request, text if spared else "Everything was sent already.")
    return redirect("executions:batch", pk=pk)


@posted_from("executions:batch")
def batch_retry(request: HttpRequest, pk: int) -> HttpResponse:
    """A new batch, with a preview of its own, of what failed or of what was not sent."""
    batch = get_batch(request, pk)
    require_may_act(request.user)
    which = request.POST.get("which", "failed")
    try:
        again = frozen_selection.freeze_retry(
            _asked(request, Verb(batch.kind)), batch, which if which in RETRIED else "failed"
        )
    except NothingToDo as error:
        messages.error(request, str(error))
        return redirect("executions:batch", pk=pk)
    return redirect("executions:batch", pk=again.pk)


def _preview(
    request: HttpRequest,
    batch: Batch,
    problems: dict[str, str],
    status: int = 200,
    *,
    form: AnswerForm | None = None,
) -> HttpResponse:
    context = {
        **_question_of(batch, form),
        **preview.preview_of(request, batch),
        **preview.preview_items(request, batch),
        "problems": problems,
        "typed_reason": request.POST.get("reason", batch.reason),
        "typed_number": request.POST.get("number", ""),
    }
    return show(request, "executions/bulk/preview.html", context, status=status)


def _question_of(batch: Batch, form: AnswerForm | None) -> dict[str, Any]:
    """What a batch of answers asks, with what was typed so far."""
    if batch.kind != Verb.ANSWER:
        return {}
    compiled = answers.shared_form(batch)
    return {
        "asked": plain(batch.asked["title"], 200) or "Input is needed",
        "description": plain(batch.asked["description"], 5000),
        "form": form or compiled.bind(typed=answers.kept(batch), prefix=answers.PREFIX),
        "takes_note": not compiled.quick_note[0],
        "unchecked": compiled.unchecked,
        "redraw_url": reverse("executions:batch-start", args=[batch.pk]),
    }


def _run_verb(word: str) -> Verb:
    if word not in {kind.value for kind in BATCH_KINDS}:
        raise NothingToDo(f"For many runs, only these can be requested: {MANY_WORDS}.")
    return Verb(word)


def _asked(request: HttpRequest, kind: Verb) -> Asked:
    chosen = (",".join(request.POST.getlist(name)) for name in CHOICE)
    what = "/".join([kind.value, *chosen])
    key = uuid5(intent_key(request) or uuid4(), what)  # another choice is another request
    return Asked(user=person(request), kind=kind, key=key, accounts=_accounts_with_rights(request))


def _accounts_with_rights(request: HttpRequest) -> dict[int, ProviderAccount]:
    """Every account that the person sees, each knowing whether that is all."""
    for pk, account in accounts_of(request).items():
        account.is_view_only = not may_act(request.user, pk)
    return accounts_of(request)


def _list(request: HttpRequest) -> dict[str, Any]:
    found = batch_lifecycle.visible_batches(person(request), accounts_of(request))
    mine = request.GET.get("of") == "me"
    if mine:
        found = found.filter(requested_by=person(request))
    before = row_id(request.GET.get("before", ""))
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found.select_related("requested_by").order_by("-pk")[: PAGE + 1])
    return {
        "batches": [progress.line_of(request, row) for row in rows[:PAGE]],
        "is_mine": mine,
        "is_first": before is None,
        "older": rows[PAGE - 1].pk if len(rows) > PAGE else "",
        "may_start": may_act(request.user),
    }

"""Notes on runs and workflows: written, pinned and deleted from the page that shows them."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from executions.access.permissions import require_may_act, visible_executions
from executions.models import Execution, Note, Workflow
from executions.notes import acts
from executions.web.post_only_views import posted_from
from executions.web.redirects import next_address
from executions.web.requester import accounts_of, address, person


@posted_from("executions:detail", "#notes")
def run_note(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_executions(request.user).select_related("account")
    run = get_object_or_404(found, pk=pk)
    return _written(request, run, reverse("executions:detail", args=[pk]))


@posted_from("executions:workflow", "#notes")
def workflow_note(request: HttpRequest, pk: int) -> HttpResponse:
    found = Workflow.objects.filter(account_id__in=list(accounts_of(request)))
    workflow = get_object_or_404(found.select_related("account"), pk=pk)
    return _written(request, workflow, reverse("executions:workflow", args=[pk]))


@posted_from(lambda request, pk: _page_of(_get(request, pk)))
def note_deletion(request: HttpRequest, pk: int) -> HttpResponse:
    note = _get(request, pk)
    acts.delete(person(request), note, address=address(request))
    messages.success(request, "The note is deleted.")
    return HttpResponseRedirect(next_address(request, _page_of(note)))


@posted_from(lambda request, pk: _page_of(_get(request, pk)))
def note_pin(request: HttpRequest, pk: int) -> HttpResponse:
    note = _get(request, pk)
    is_pinned = request.POST.get("pinned") == "1"
    acts.pin(person(request), note, is_pinned=is_pinned, address=address(request))
    return HttpResponseRedirect(next_address(request, _page_of(note)))


def _written(request: HttpRequest, place: Execution | Workflow, home: str) -> HttpResponse:
    require_may_act(request.user, place.account_id)
    try:
        acts.write(
            person(request),
            place,
            request.POST.get("text", ""),
            is_pinned=request.POST.get("pinned") == "1",
            address=address(request),
        )
    except acts.NotWritten as error:
        messages.error(request, str(error))
    return redirect(next_address(request, f"{home}#notes"))


def _get(request: HttpRequest, pk: int) -> Note:
    found = Note.objects.filter(account_id__in=list(accounts_of(request)))
    return get_object_or_404(
        found.select_related("account", "execution", "workflow", "author"), pk=pk
    )


def _page_of(note: Note) -> str:
    """The page that shows the note."""
    if note.execution_id:
        return reverse("executions:detail", args=[note.execution_id]) + "#notes"
    return reverse("executions:workflow", args=[note.workflow_id]) + "#notes"

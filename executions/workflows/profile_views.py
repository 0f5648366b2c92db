"""What people change about a workflow on its page: runbook, owner, labels, expected runs."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from executions.access.permissions import require_may_act, require_may_administer
from executions.web.post_only_views import posted_from
from executions.web.requester import address, person
from executions.workflows import profile, views
from executions.workflows.profile_form import DescriptionForm
from executions.workflows.visibility import workflow_of


@posted_from("executions:workflow", "#runbook")
def runbook(request: HttpRequest, pk: int) -> HttpResponse:
    workflow = workflow_of(request, pk)
    require_may_act(request.user, workflow.account_id)
    text = request.POST.get("runbook", "")
    try:
        profile.write_runbook(
            person(request),
            workflow,
            text,
            read_at=request.POST.get("read_at", ""),
            address=address(request),
        )
    except profile.NotKept as error:
        again = workflow_of(request, pk)
        return views.workflow_page(
            request, again, status=409, runbook_typed=text, runbook_problem=str(error)
        )
    messages.success(request, "The runbook is saved.")
    return HttpResponseRedirect(reverse("executions:workflow", args=[pk]) + "#runbook")


@posted_from("executions:workflow", "#about")
def description(request: HttpRequest, pk: int) -> HttpResponse:
    workflow = workflow_of(request, pk)
    require_may_act(request.user, workflow.account_id)
    form = DescriptionForm(request.POST)
    if form.is_valid():
        try:
            profile.describe(
                person(request), workflow, **form.cleaned_data, address=address(request)
            )
        except profile.NotKept as error:
            form.add_error(None, str(error))
    if form.errors:
        return views.workflow_page(request, workflow, status=422, description=form)
    messages.success(request, "Owner, labels and expected runs are saved.")
    return HttpResponseRedirect(reverse("executions:workflow", args=[pk]) + "#about")


@posted_from("executions:workflow", "#about")
def second_person(request: HttpRequest, pk: int) -> HttpResponse:
    workflow = workflow_of(request, pk)
    require_may_administer(request.user)
    needs_two = request.POST.get("needs_two") == "1"
    profile.set_needs_two(person(request), workflow, needs_two, address=address(request))
    need = "need a second person" if needs_two else "need one person"
    messages.success(request, f"Answers to questions of this workflow {need} from now on.")
    return HttpResponseRedirect(reverse("executions:workflow", args=[pk]) + "#about")

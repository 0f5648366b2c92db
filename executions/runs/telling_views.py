"""*Show this value*, *don't show this value*: from the input of one run, for its whole workflow."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from executions.access.permissions import require_may_act
from executions.runs import telling_choice
from executions.runs.page.views import get_run
from executions.web.post_only_views import posted_from
from executions.web.requester import address, person


@posted_from("executions:detail", "?tab=data#data")
def shown_values(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_run(request, pk)
    require_may_act(request.user, run.account_id)
    is_hidden = request.POST.get("hide") == "1"
    act = telling_choice.hide if is_hidden else telling_choice.show
    try:
        act(person(request), run, request.POST.get("path", ""), address=address(request))
    except telling_choice.NotChosen as error:
        messages.error(request, str(error))
    else:
        verb = "is no longer shown" if is_hidden else "is shown"
        of = f"for every run of {run.workflow.name}"
        sentence = f"The value {verb} {of}. Lists are updated shortly."
        messages.success(request, sentence)
    return redirect(reverse("executions:detail", args=[pk]) + "?tab=data#data")

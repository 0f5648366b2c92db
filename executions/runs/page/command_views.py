"""What is asked of one run by a button: a POST records the command, a worker sends it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from executions.access.permissions import require_may_act
from executions.commands.submit import NotPossible, request_command
from executions.inbox.question_display import intent_key
from executions.runs.page.views import REFUSED, get_run
from executions.web.post_only_views import posted_from
from executions.web.redirects import next_address
from executions.web.requester import address, person
from providers.contract import Verb

MAX_KEPT = 20_000  # characters of a reason that was refused


@posted_from(lambda request, pk, verb: reverse("executions:detail", args=[pk]))
def run_command(request: HttpRequest, pk: int, verb: Verb) -> HttpResponse:
    run = get_run(request, pk)
    require_may_act(request.user, run.account_id)
    try:
        request_command(
            user=person(request),
            execution=run,
            kind=verb,
            option=request.POST.get("option", ""),
            reason=request.POST.get("reason", ""),
            key=intent_key(request),
            address=address(request),
        )
    except NotPossible as error:
        messages.error(request, str(error))
        request.session[REFUSED] = [pk, verb.value, request.POST.get("reason", "")[:MAX_KEPT]]
    return redirect(next_address(request, reverse("executions:detail", args=[pk])))

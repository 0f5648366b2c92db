"""What a person decides about failed runs, from a list or from the page of one: at once, without a
preview, since nothing is sent and every act can be taken back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from executions.access.permissions import require_may_act
from executions.models import Act
from executions.triage import acts
from executions.triage.form_choices import TAKE, posted_assignee, posted_end
from executions.web.post_only_views import posted_from
from executions.web.posted_selection import filters_of, ids_of
from executions.web.redirects import next_address
from executions.web.requester import address, person

DONE = {  # one run, many runs
    Act.RESOLVE: ("The run is resolved.", "{:,} runs are resolved."),
    Act.IGNORE: ("Ignored until then; then it is unresolved again.", "{:,} runs are ignored."),
    Act.ASSIGN: ("It is in hand.", "{:,} runs are in hand."),
    Act.LET_GO: ("Nobody is on it any more.", "Nobody is on these {:,} runs any more."),
    Act.REOPEN: ("It is unresolved again.", "{:,} runs are unresolved again."),
}


@posted_from("executions:list")
def triage(request: HttpRequest) -> HttpResponse:
    """`act` on the runs `ids`, or with `scope=all` on those that `query` finds now."""
    require_may_act(request.user)
    query = request.POST.get("query", "")
    back = reverse("executions:list") + (f"?{query.lstrip('?')}" if query else "")
    try:
        word = request.POST.get("act", "")
        act = Act.ASSIGN if word == TAKE else Act(word)
        if request.POST.get("scope") == "all":
            runs = acts.matching(filters_of(request, query))
        else:
            runs = acts.picked(ids_of(request))
        number = _ACTS[act](request, runs)
    except ValueError:
        messages.error(request, "There is no such action. Reload the page.")
    except acts.NotDone as error:
        messages.error(request, str(error))
    else:
        _say(request, act, number)
    return HttpResponseRedirect(next_address(request, back))


def _say(request: HttpRequest, act: Act, number: int) -> None:
    one, many = DONE[act]
    if number:
        messages.success(request, one if number == 1 else many.format(number))
    else:
        messages.info(request, "Nothing changed: this no longer applies to any of these runs.")
    if number == acts.MOST:
        messages.info(request, f"At most {acts.MOST:,} at a time. Do it again for the others.")


def _common(request: HttpRequest) -> dict[str, Any]:
    return {"address": address(request)}


def _resolve(request: HttpRequest, runs: Any) -> int:
    reason = request.POST.get("reason", "")
    return acts.resolve(person(request), runs, reason=reason, **_common(request))


def _ignore(request: HttpRequest, runs: Any) -> int:
    reason, until = request.POST.get("reason", ""), posted_end(request)
    return acts.ignore(person(request), runs, until=until, reason=reason, **_common(request))


def _assign(request: HttpRequest, runs: Any) -> int:
    to = posted_assignee(request, person(request))
    return acts.assign(person(request), runs, to=to, **_common(request))


def _let_go(request: HttpRequest, runs: Any) -> int:
    return acts.let_go(person(request), runs, **_common(request))


def _reopen(request: HttpRequest, runs: Any) -> int:
    return acts.reopen(person(request), runs, **_common(request))


_ACTS: dict[Act, Callable[[HttpRequest, Any], int]] = {
    Act.RESOLVE: _resolve,
    Act.IGNORE: _ignore,
    Act.ASSIGN: _assign,
    Act.LET_GO: _let_go,
    Act.REOPEN: _reopen,
}

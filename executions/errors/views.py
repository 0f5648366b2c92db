"""The same error in many runs, as one thing: how far it reaches, is it over, who is on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from executions.access.permissions import VIEW_ONLY, require_may_act
from executions.display.formatting import count, mark, stamped, too_long
from executions.display.people import user_name
from executions.errors import acts
from executions.errors import groups as error_groups
from executions.errors.acts import Taken
from executions.errors.groups import WINDOWS, ErrorGroup, Occurrence
from executions.models import ErrorAcknowledgement
from executions.payloads.error_fingerprint import is_error_key
from executions.payloads.text_escaping import plain
from executions.search.filters import provider_name
from executions.search.time_range import PRESETS
from executions.triage.acts import NotDone
from executions.triage.form_choices import ignore_for, posted_assignee, posted_end
from executions.web.live_page import LivePage, Shown
from executions.web.post_only_views import posted_from
from executions.web.redirects import next_address
from executions.web.requester import accounts_of, address, operable_of, person

DEFAULT = "24h"
FEW = 3  # names in a line; the rest is counted
EARLIER = 5  # acknowledgements shown of those that are over


@LivePage(
    "executions/errors/errors.html",
    changes="executions:errors-changes",
    fragments={"#errors": "executions/errors/_errors.html"},
)
def error_list(request: HttpRequest) -> Shown:
    context = _listed(request)
    return Shown(context, stamp=context["groups"], query=f"?finished={context['window']}")


@LivePage(
    "executions/errors/error.html",
    changes="executions:error-changes",
    fragments={
        "#error": "executions/errors/_error.html",
        "#error-scope": "executions/errors/_scope.html",
    },
)
def error_detail(request: HttpRequest, key: str) -> Shown:
    context = _detail(request, key)
    query = f"?finished={context['window']}"
    return Shown(context, stamp=_stamp(context), query=query, args=[key])


@posted_from("executions:error")
def acknowledgement(request: HttpRequest, key: str) -> HttpResponse:
    """A person takes the error on, or gives it to another, for the teams of the accounts that they
    see it at."""
    group = _acted_on(request, key)
    try:
        to = posted_assignee(request, person(request))
    except NotDone as error:
        messages.error(request, str(error))
        return _back(request, key)
    if not group.unresolved:
        messages.info(request, "None of its runs is unresolved, so there is nothing to do.")
        return _back(request, key)

    def said(changed: int) -> str:
        who = "You are" if to == person(request) else f"{user_name(to)} is"
        held = acts.held_by(key, group.affected, to)
        return f"{who} on {_runs(held)} for 24 hours, or until none of them is unresolved."

    return _done(request, key, group, said, acts.take, to=to)


@posted_from("executions:error")
def ignoring(request: HttpRequest, key: str) -> HttpResponse:
    """Its runs, and those that still come, need nobody for a while."""
    group, until = _acted_on(request, key), posted_end(request)

    def said(changed: int) -> str:
        return f"{_runs(changed)} ignored until {stamped(until)}, and then unresolved again."

    return _done(request, key, group, said, acts.ignore, until=until)


@posted_from("executions:error")
def resolution(request: HttpRequest, key: str) -> HttpResponse:
    """Its runs need nobody any more; the next one is unresolved."""

    def said(changed: int) -> str:
        again = "The next run that fails with this error is unresolved again."
        return f"{_runs(changed)} resolved. {again}"

    return _done(request, key, _acted_on(request, key), said, acts.resolve)


@posted_from("executions:error")
def release(request: HttpRequest, key: str) -> HttpResponse:
    group = _acted_on(request, key)
    affected = [accounts_of(request)[pk] for pk in group.affected]
    if acts.release(key, affected, person(request), address=address(request)):
        messages.success(request, "Nobody is on this error any more.")
    return _back(request, key)


def _done(
    request: HttpRequest,
    key: str,
    group: ErrorGroup,
    said: Callable[[int], str],
    act: Callable[..., int],
    **more: Any,
) -> HttpResponse:
    note = " ".join(request.POST.get("note", "").replace("\0", " ").split())
    if problem := too_long("A note", note, acts.MAX_NOTE):
        messages.error(request, f"Nothing was done. {problem}")
        return _back(request, key)
    affected = [accounts_of(request)[pk] for pk in group.affected]
    try:
        changed = act(key, affected, person(request), note, address=address(request), **more)
    except NotDone as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said(changed))
    return _back(request, key)


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number:,} runs"


def _back(request: HttpRequest, key: str) -> HttpResponse:
    return HttpResponseRedirect(next_address(request, reverse("executions:error", args=[key])))


def same_error(request: HttpRequest, key: str) -> dict[str, Any] | None:
    """For the page of a run: in how many others the same happened; None if in none."""
    if not key:
        return None
    since = timezone.now() - WINDOWS[error_groups.SAME]
    group = error_groups.group(key, list(accounts_of(request)), since)
    if group is None or group.runs < 2:
        return None
    taken = acts.taken([group], accounts_of(request)).get(key)
    return group_view(request, group, taken, error_groups.SAME)


def group_view(
    request: HttpRequest, group: ErrorGroup, taken: Taken | None, window: str
) -> dict[str, Any]:
    """One error as words."""
    accounts = [accounts_of(request)[pk] for pk in group.account_ids]
    providers = sorted({provider_name(account.provider) for account in accounts})
    still = sum(place.is_open for place in group.everywhere)
    own = operable_of(request)
    return {
        "key": group.key,
        "text": plain(group.text, 300),
        "run_id": group.run_id,
        "runs": count(group.runs, error_groups.NEWEST - 1),
        "is_one": group.runs == 1,
        "providers": providers,
        "accounts": _few([account.name for account in accounts]),
        "workflows": _few(list(dict.fromkeys(plain(p.name, 60) for p in group.places))),
        "first": group.first_at,
        "last": group.last_at,
        "state": group.state,
        "look": "taken" if group.state in ("in_hand", "ignored") else group.state,
        "unresolved": f"{group.unresolved:,}",
        "in_hand": f"{group.in_hand:,}" if group.in_hand else "",
        "lamp": "failed" if group.has_failed else "warning",
        "icon": "cross" if group.has_failed else "triangle",
        "still": still,
        "of": len(group.everywhere),
        "of_workflows": len({place.workflow_id for place in group.places}),
        "changes": f"{group.unresolved_at(own):,}",
        "is_mine": group.state == "in_hand" and group.assignees == [person(request).pk],
        "taken_by": taken.by if taken else "",
        "taken_until": taken.until if taken else None,
        "note": plain(taken.note) if taken else "",
        "window": window,
        "ignore_for": ignore_for(),
        "window_word": PRESETS[window][0],
        "may_act": any(pk in own for pk in group.affected),
    }


def _listed(request: HttpRequest) -> dict[str, Any]:
    window = _window(request)
    accounts = accounts_of(request)
    found, cut_at = error_groups.groups(list(accounts), timezone.now() - WINDOWS[window])
    taken = acts.taken(found, accounts)
    views = [group_view(request, each, taken.get(each.key), window) for each in found]
    order = ("open", "in_hand", "ignored", "cleared")
    views.sort(key=lambda each: order.index(each["state"]))
    return {
        "groups": views[: error_groups.MAX_GROUPS],
        "more": len(views) - error_groups.MAX_GROUPS,
        "totals": [
            (state, state.replace("_", " "), sum(each["state"] == state for each in views))
            for state in order
        ],
        "cut_at": cut_at,
        "here": f"{reverse('executions:errors')}?finished={window}",
        "window": window,
        "ignore_for": ignore_for(),
        "window_word": PRESETS[window][0],
        "ignored": _ignored(request),
        "windows": [(key, PRESETS[key][0], key == window) for key in WINDOWS],
        "has_accounts": bool(accounts),
    }


def _detail(request: HttpRequest, key: str) -> dict[str, Any]:
    """Of the widest window if the error is older than the chosen one. Not granted: not there."""
    accounts, window = accounts_of(request), _window(request)
    if not is_error_key(key):
        raise Http404
    group = error_groups.group(key, list(accounts), timezone.now() - WINDOWS[window])
    text = group.text if group else error_groups.words_of([key], list(accounts)).get(key)
    if text is None:
        raise Http404
    taken = acts.taken([group], accounts).get(key) if group else None
    return {
        "key": key,
        "text": plain(text, 300),
        "error": group_view(request, group, taken, window) if group else None,
        "places": [_place(request, each, window, key) for each in group.places] if group else [],
        "earlier": _earlier(request, key),
        "here": f"{reverse('executions:error', args=[key])}?finished={window}",
        "window": window,
        "window_word": PRESETS[window][0],
        "ignored": _ignored(request),
        "windows": [(each, PRESETS[each][0], each == window) for each in WINDOWS],
    }


def _place(request: HttpRequest, place: Occurrence, window: str, key: str) -> dict[str, Any]:
    account = accounts_of(request)[place.account_id]
    return {
        "workflow": plain(place.name, 160) or "(no name)",
        "account": account.name,
        "provider": provider_name(account.provider),
        "runs": f"{place.runs:,}",
        "href": f"?error={key}&finished={window}&workflow={place.workflow_id}",
        "first": place.first_at,
        "last": place.last_at,
        "is_open": place.is_open,
        "succeeded": place.succeeded_at,
    }


def _earlier(request: HttpRequest, key: str) -> list[dict[str, Any]]:
    """Who was on it before, at the teams of accounts that the person may see."""
    teams = {account.group_id for account in accounts_of(request).values()}
    own = Q(team__in=[team for team in teams if team is not None])
    own |= Q(team__isnull=True) if None in teams else Q()
    rows = ErrorAcknowledgement.objects.filter(own, error_key=key, ended_at__isnull=False)
    mine = rows.select_related("by").order_by("-ended_at", "-pk")[:EARLIER]
    return [
        {
            "by": user_name(row.by),
            "at": row.at,
            "ended": row.ended_at,
            "ending": row.get_ending_display(),
            "note": plain(row.note),
        }
        for row in mine
    ]


def _acted_on(request: HttpRequest, key: str) -> ErrorGroup:
    require_may_act(request.user)
    since = timezone.now() - WINDOWS["7d"]
    own = list(operable_of(request))
    group = error_groups.group(key, own, since) if is_error_key(key) else None
    if group is None:
        if is_error_key(key) and error_groups.words_of([key], list(accounts_of(request))):
            raise PermissionDenied(VIEW_ONLY)
        raise Http404
    return group


def _window(request: HttpRequest) -> str:
    asked = request.GET.get("finished", "")
    return asked if asked in WINDOWS else DEFAULT


def _ignored(request: HttpRequest) -> str:
    asked = request.GET.get("finished", "")
    return f"There is no time range “{asked[:40]}” here." if asked not in ("", *WINDOWS) else ""


def _stamp(context: dict[str, Any]) -> str:
    return mark(context["error"], context["places"], context["earlier"])


def _few(names: list[str]) -> dict[str, Any]:
    return {"few": names[:FEW], "more": len(names) - FEW}

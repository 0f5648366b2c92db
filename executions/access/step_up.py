"""Proving again who one is: how long ago somebody did, and the page in between for those who have
to. What they had sent meanwhile is kept sealed in their session and carried out after it, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import copy
from functools import wraps
from typing import Any

from allauth.account.internal.flows.reauthentication import stash_and_reauthenticate
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.urls import resolve
from django.utils.datastructures import MultiValueDict

from providers.sealing import SealError, seal, unseal

PROVED = "proved"
CONTEXT = "suspended post"
LASTS = 900  # seconds that a post waits for its person
View = Callable[..., HttpResponseBase]


def note_proof(request: HttpRequest, at: float | None = None) -> None:
    """The person proved who they are at that time (seconds since the epoch), now by default."""
    request.session[PROVED] = time.time() if at is None else at


def is_fresh(request: HttpRequest) -> bool:
    """Whether the last proof is young enough for secrets and many runs."""
    limit: int = settings.STEP_UP_SECONDS
    return not limit or time.time() - request.session.get(PROVED, 0) < limit


def proved(view: View) -> View:
    """The view takes posts of those alone who proved lately who they are; others are asked first,
    and their post is carried out then."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST" and not is_fresh(request):
            return ask(request)
        return view(request, *args, **kwargs)

    return inner


class AsksForProof:
    """Mixed into a page of the admin whose form holds secrets or rights."""

    def asks_for_proof(self, request: HttpRequest) -> bool:
        return request.method == "POST" and not is_fresh(request)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if self.asks_for_proof(request):
            return ask(request)
        return super().changeform_view(request, *args, **kwargs)  # type: ignore[misc]


def ask(request: HttpRequest) -> HttpResponseBase:
    """To the page where one proves it. Raises PermissionDenied for who has no way to."""
    posted = {name: request.POST.getlist(name) for name in request.POST}
    waiting = {"path": request.get_full_path(), "posted": posted, "at": time.time()}
    state = {"sealed": seal(f"{CONTEXT}:{request.user.pk}", waiting)}
    response: HttpResponseBase = stash_and_reauthenticate(request, state, f"{__name__}.resume")
    return response


def resume(request: HttpRequest, state: dict[str, str]) -> HttpResponseBase:
    """Carry out what waited. Called once, when its person has proved who they are."""
    try:
        waiting = unseal(f"{CONTEXT}:{request.user.pk}", state["sealed"])
    except SealError:
        return redirect("executions:list")
    path, _, query = waiting["path"].partition("?")
    match = resolve(path)
    if time.time() - waiting["at"] > LASTS:
        return redirect(waiting["path"])
    then = copy(request)
    then.method, then.path, then.path_info, then.resolver_match = "POST", path, path, match
    then.GET = QueryDict(query)
    posted = QueryDict(mutable=True)
    for name, values in waiting["posted"].items():
        posted.setlist(name, values)
    then.POST, then._files = posted, MultiValueDict()  # type: ignore[attr-defined, assignment]
    then.csrf_processing_done = True  # type: ignore[attr-defined]  # it was, before it waited
    response: HttpResponseBase = match.func(then, *match.args, **match.kwargs)
    if hasattr(response, "render") and not getattr(response, "is_rendered", True):
        response.render()
    return response

"""A post that cannot be carried out because the session is over or the page too old: nothing typed
is lost by that.

Where the form keeps drafts, an answer or a start, what was posted travels sealed in the sign-in
page: nobody who is not signed in makes the server store anything, and no browser stores it in plain
text. After signing in, by the same person, it becomes their draft, and the form comes back with it.
"""

from __future__ import annotations

from copy import copy
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.datastructures import MultiValueDict

from executions.web.post_only_views import form_page_of
from providers.sealing import SealError, seal, unseal

CONTEXT = "interrupted"
LASTS = timedelta(days=1)
UNSENT = ("csrfmiddlewaretoken", "key")
TYPED = ("text", "note", "reason", "name")  # inputs of the forms that keep no drafts
OLD = "This page was older than your sign-in, so nothing was sent. What you typed is still here."


def ways_in() -> dict[str, Any]:
    """What the sign-in page offers."""
    return {"providers": settings.OPENID_PROVIDERS, "is_local": settings.LOCAL_SIGN_IN}


def is_kept(request: HttpRequest) -> bool:
    """Whether what was posted can become a draft."""
    match = request.resolver_match
    has_drafts = match is not None and getattr(match.func, "keeps", None) is not None
    return has_drafts and "typed_by" in request.POST


def holds_text(request: HttpRequest) -> bool:
    """Whether something typed would be lost."""
    return is_kept(request) or bool(_typed(request) and form_page_of(request))


def _typed(request: HttpRequest) -> list[str]:
    """What was typed into a form that keeps no drafts, for copying."""
    return [text for name in TYPED if (text := request.POST.get(name, "").strip())]


def sign_in_page(request: HttpRequest) -> HttpResponse:
    """The sign-in page in the place of what was asked, with what was posted in it."""
    posted = [(name, request.POST.getlist(name)) for name in request.POST if name not in UNSENT]
    value = {"path": request.path, "posted": posted, "at": timezone.now().timestamp()}
    context: dict[str, Any] = {"form": AuthenticationForm(request), "next": form_page_of(request)}
    context |= ways_in()
    context |= {"parcel": seal(CONTEXT, value)} if is_kept(request) else {"typed": _typed(request)}
    return render(request, "registration/login.html", context, status=403)


def keep_parcel(request: HttpRequest) -> None:
    """What travelled in the sign-in page, as a draft of the person who typed it."""
    try:
        value = unseal(CONTEXT, request.POST.get("parcel", ""))
    except SealError:
        return
    if timezone.now().timestamp() - value["at"] > LASTS.total_seconds():
        return
    posted = QueryDict(mutable=True)
    for name, values in value["posted"]:
        posted.setlist(name, values)
    _keep(request, value["path"], posted)


def _keep(request: HttpRequest, path: str, posted: QueryDict) -> bool:
    """As a draft of the person who is signed in, if it was they who typed it; without files."""
    if posted.get("typed_by") != str(request.user.pk):
        return False
    then = copy(request)
    then.POST, then._files = posted, MultiValueDict()  # type: ignore[attr-defined, assignment]
    try:
        match = resolve(path)
        match.func.keeps(then, **match.kwargs)  # type: ignore[attr-defined]
    except (Resolver404, Http404, PermissionDenied):  # gone or forbidden meanwhile
        return False
    return True


def _after_sign_in(request: HttpRequest) -> str:
    view = LoginView()
    view.setup(request)
    return str(view.get_success_url())


@login_not_required
def stale(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A post whose token is not, or no longer, this browser's: signing in makes a new one.

    Only a post that the browser says our own page has sent is kept: another site's is dropped.
    """
    is_ours = request.headers.get("Origin") == f"{request.scheme}://{request.get_host()}"
    if not is_ours or request.headers.get("HX-Request") == "true":
        return render(request, "403.html", {"is_stale": True}, status=403)
    if not request.user.is_authenticated:
        if holds_text(request):
            return sign_in_page(request)
    elif "parcel" in request.POST:  # signed in in another tab
        keep_parcel(request)
        return redirect(_after_sign_in(request))
    elif is_kept(request) and _keep(request, request.path, request.POST.copy()):
        messages.warning(request, OLD)
        return redirect(form_page_of(request))
    return render(request, "403.html", {"is_stale": True, "typed": _typed(request)}, status=403)

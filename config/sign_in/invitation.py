"""The link of an invitation: whoever opens it chooses a password, and is then signed in. It works
once; a link that opens nothing is answered in the same words, whatever the reason."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from config.sign_in.account_adapter import sign_in_by_link
from config.sign_in_limits import guessed_from
from executions.people import invitations
from executions.web.requester import address

REFUSED = (
    "This invitation was used or revoked, is too old, or its link is incomplete. Ask whoever "
    "invited you for a new one."
)
TOO_MANY = "Too many wrong links came from your address. Wait a quarter of an hour."


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """GET shows what to choose, so that a program that only looks at links uses none up."""
    response = _answer(request, secret)
    response["Referrer-Policy"] = "no-referrer"  # the address is the key: it is shown to nobody
    response["X-Robots-Tag"] = "noindex"
    return response


def _answer(request: HttpRequest, secret: str) -> HttpResponse:
    place = guessed_from(request)
    if invitations.has_guessed(place):
        return _refused(request, TOO_MANY, 429)
    try:
        found = invitations.find(secret)
        if not settings.LOCAL_SIGN_IN:
            raise invitations.LinkRefused
        form = SetPasswordForm(invitations.person_of(found), request.POST or None)
        if request.method == "POST" and form.is_valid():
            password = form.cleaned_data["new_password1"]
            person = invitations.accept(secret, password, address=address(request))
            sign_in_by_link(request, person, "invitation")
            return redirect("mfa_add_webauthn" if "passkey" in request.POST else "executions:list")
    except invitations.LinkRefused:
        invitations.note_wrong_link(place)
        return _refused(request, REFUSED, 403)
    status = 422 if request.method == "POST" else 200
    context = {"form": form, "invitation": found}
    return render(request, "registration/invitation.html", context, status=status)


def _refused(request: HttpRequest, says: str, status: int) -> HttpResponse:
    page = render(request, "registration/refused.html", {"says": says}, status=status)
    if status == 429:
        page["Retry-After"] = str(invitations.WRONG_FOR)
    return page

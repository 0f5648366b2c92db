"""The way in when no other is left: a link that `manage.py emergency_sign_in` prints on the machine
itself. It works once, for ten minutes, and whatever the settings say about local sign-in."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from config.sign_in.account_adapter import sign_in_by_link
from executions.access import audit_log

USED = (
    "This link was used, is older than ten minutes, or is incomplete. Whoever runs this site makes "
    "a new one."
)


class Links(PasswordResetTokenGenerator):
    """Over what changes when the person signs in: the link is used up by that."""

    key_salt = "config.sign_in.emergency"


links = Links()


def link_for(person: User) -> str:
    """The path of a new link, which goes into the audit log as made."""
    audit_log.record(
        "command line",
        audit_log.Action.SIGN_IN_LINK_MADE,
        target=f"user:{person.get_username()}",
    )
    return reverse("emergency-sign-in", args=[person.pk, links.make_token(person)])


@login_not_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def emergency_sign_in(request: HttpRequest, pk: int, token: str) -> HttpResponseBase:
    """GET asks, so that a program that only looks at links uses none up; POST signs in."""
    with transaction.atomic():
        person = User.objects.select_for_update().filter(pk=pk, is_active=True).first()
        if person is None or not links.check_token(person, token):
            return render(request, "registration/refused.html", {"says": USED}, status=403)
        if request.method != "POST":
            return render(request, "registration/emergency.html", {"person": person})
        sign_in_by_link(request, person, "emergency link")
    return redirect("executions:list")

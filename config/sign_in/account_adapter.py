"""What the site makes of allauth's account part: people as Django has them, no mails, no sign-up,
and the way in which somebody signed in goes into the audit log."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from config.sign_in.second_factor import note_whether_due
from executions.access import audit_log, step_up
from executions.web.requester import address

PROOFS = {
    "reauthenticate": "Type your password",
    "mfa_reauthenticate": "Type a code of your app, or a recovery code",
    "mfa_reauthenticate:webauthn": "Use a passkey",
}


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # has no types
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "too_many_login_attempts": "Too many wrong attempts. Wait five minutes, then try again.",
        "rate_limited": "Too many wrong attempts. Wait five minutes, then try again.",
        "incorrect_password": "This is not your password.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_stages(self) -> list[str]:
        """What is asked between the first proof and the session."""
        return ["allauth.mfa.stages.AuthenticateStage"]

    def login(self, request: HttpRequest, user: User) -> None:
        if not hasattr(user, "backend"):
            user.backend = settings.AUTHENTICATION_BACKENDS[-1]
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: User, **more: Any) -> HttpResponse:
        audit_log.record(
            user,
            audit_log.Action.SIGNED_IN,
            target=f"user:{user.get_username()}",
            detail={"by": ways(request, user)},
            address=address(request),
        )
        note_whether_due(request, user)
        response: HttpResponse = super().post_login(request, user, **more)
        return response

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        audit_log.record(
            user,
            audit_log.Action.SIGN_IN_REFUSED,
            target=f"user:{user.get_username()}",
            detail={"why": "disabled"},
            address=address(request),
        )
        says = f"{user.get_username()} is disabled here. Ask whoever runs this site."
        return render(request, "registration/refused.html", {"says": says}, status=403)

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:
        return not step_up.is_fresh(self.request)

    def get_reauthentication_methods(self, user: User) -> list[dict[str, Any]]:
        """By what somebody proves again who they are; the first one is asked for."""
        found: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if not settings.LOCAL_SIGN_IN:
            found = [each for each in found if each["id"] != "reauthenticate"]
        return [
            *({**each, "description": PROOFS[each["id"]]} for each in found),
            *self._at_providers(user),
        ]

    def _at_providers(self, user: User) -> list[dict[str, Any]]:
        linked = set(SocialAccount.objects.filter(user=user).values_list("provider", flat=True))
        return [
            {
                "id": f"openid:{entry.id}",
                "description": f"Sign in again with {entry.name}",
                "url": reverse("openid_connect_again", args=[entry.id]),
            }
            for entry in settings.OPENID_PROVIDERS
            if entry.id in linked
        ]

    def add_message(self, request: HttpRequest, *arguments: Any, **more: Any) -> None:
        """Pages say what happened."""

    def get_client_ip(self, request: HttpRequest) -> str:
        """Who asks, as `ClientAddressMiddleware` has found out."""
        return address(request) or "0.0.0.0"  # noqa: S104 - nothing is bound


def ways(request: HttpRequest, user: User) -> str:
    """By what this session was proved, in order: `password`, `openid:company`, `totp`."""
    found = []
    for record in get_authentication_records(request, user):
        way = str(record.get("type") or record.get("method"))
        if record.get("method") == "socialaccount":
            way = f"openid:{record.get('provider')}"
        found.append(way)
    return ", ".join(dict.fromkeys(found)) or "password"


def sign_in_by_link(request: HttpRequest, person: User, method: str) -> None:
    """A link that works once was proof enough. Whoever was signed in here is signed out first."""
    adapter = AccountAdapter(request)
    if request.user.is_authenticated:
        adapter.logout(request)
    record_authentication(request, person, method)
    adapter.login(request, person)
    adapter.post_login(
        request, person,
        email_verification="none", signal_kwargs=None, email=None, signup=False, redirect_url="/",
    )  # fmt: skip

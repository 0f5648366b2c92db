"""The second factor: codes of an app, recovery codes, passkeys, their pages, and who needs one."""

from __future__ import annotations

from copy import copy
from typing import Any

from allauth.account.signals import authentication_step_completed
from allauth.core import context
from allauth.mfa import signals
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.views import AuthenticateView, IndexView
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.views import LoginWebAuthnView
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.decorators import method_decorator

from config.interrupted_posts import keep_parcel
from executions.access import audit_log, step_up
from executions.web.requester import address
from providers.sealing import seal, unseal

CONTEXT = "second factor"
DUE = "second_factor_due"
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
WORDS = {
    Authenticator.Type.TOTP: "app",
    Authenticator.Type.WEBAUTHN: "passkey",
    Authenticator.Type.RECOVERY_CODES: "recovery codes",
}
WRONG_CODE = (
    "This code is wrong, or was used already. Wait for the next one, or use a recovery code."
)
WRONG_PASSKEY = (
    "This passkey was not accepted: it belongs to nobody here, or was taken away. Sign in another "
    "way."
)
OPEN_WHILE_DUE = frozenset({"logout", "preferences"})


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # has no types
    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": WRONG_CODE,
        "cannot_generate_recovery_codes": "Set up an app or a passkey first.",
    }

    def encrypt(self, text: str) -> str:
        return seal(CONTEXT, text)

    def decrypt(self, encrypted_text: str) -> str:
        return str(unseal(CONTEXT, encrypted_text))

    def get_totp_label(self, user: User) -> str:
        return str(user.get_username())

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return "Passkey" if number == 1 else f"Passkey {number}"


# ------------------------------------------------------------------------------ who needs one


def note_whether_due(request: HttpRequest, user: User) -> None:
    """At sign-in: whether the person's role needs a second factor, and they have none. It stays in
    the session, so that no page asks the database for it."""
    request.session.pop(DUE, None)
    wanted: frozenset[str] = settings.SECOND_FACTOR_ROLES
    if not wanted or getattr(request, "has_second_factor", False):
        return
    roles = set(user.groups.values_list("name", flat=True))
    if user.is_superuser:
        roles.add("superuser")
    if roles & wanted and not has_factor(user):
        request.session[DUE] = True


def has_factor(user: User) -> bool:
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exists())


def way_out(request: HttpRequest) -> HttpResponseBase | None:
    """For a page that waits until the second factor is set up: to where one does that."""
    match = request.resolver_match
    if not request.session.get(DUE) or match is None:
        return None
    name = match.url_name or ""
    if name in OPEN_WHILE_DUE or name.startswith(("mfa_", "account_", "openid_connect_")):
        return None
    if request.headers.get("HX-Request") == "true":
        raise PermissionDenied
    return redirect("mfa_index")


# -------------------------------------------------------------------------------------- pages


class Security(IndexView):  # type: ignore[misc]  # has no types
    """How somebody signs in, and what they have besides."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found_there: dict[str, Any] = super().get_context_data(**kwargs)
        names = {entry.id: entry.name for entry in settings.OPENID_PROVIDERS}
        linked = SocialAccount.objects.filter(user_id=self.request.user.pk).order_by("pk")
        found = found_there["authenticators"]
        codes = found.get(Authenticator.Type.RECOVERY_CODES)
        return {
            **found_there,
            "app": found.get(Authenticator.Type.TOTP),
            "passkeys": found.get(Authenticator.Type.WEBAUTHN, []),
            "has_codes": codes is not None,
            "codes_left": len(codes.get_unused_codes()) if codes else 0,
            "linked": [names.get(each.provider, each.provider) for each in linked],
            "is_due": self.request.session.get(DUE, False),
            "has_factor": bool(set(found) & set(FACTORS)),
            "has_password": settings.LOCAL_SIGN_IN and self.request.user.has_usable_password(),
        }


class SecondFactor(AuthenticateView):  # type: ignore[misc]  # has no types
    """Between the first proof and the session; what travels in the sign-in page goes along."""

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        if self.request.user.is_authenticated:
            keep_parcel(self.request)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found_there: dict[str, Any] = super().get_context_data(**kwargs)
        person = self.stage.login.user
        kinds = set(Authenticator.objects.filter(user=person).values_list("type", flat=True))
        return {
            **found_there,
            "person": person,
            "parcel": self.request.POST.get("parcel", ""),
            "has_codes": bool(kinds - {Authenticator.Type.WEBAUTHN}),
            "has_passkey": Authenticator.Type.WEBAUTHN in kinds,
        }


def second_factor_page(request: HttpRequest) -> HttpResponseBase:
    """The page in the place of a redirect to it, with what was posted to the sign-in page."""
    then = copy(request)
    then.method = "GET"
    response: HttpResponse = SecondFactor.as_view()(then)
    return response.render() if hasattr(response, "render") else response


@method_decorator(login_not_required, name="dispatch")
class PasskeySignIn(LoginWebAuthnView):  # type: ignore[misc]  # has no types
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not settings.LOCAL_SIGN_IN:
            return redirect("login")
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        if self.request.user.is_authenticated:
            keep_parcel(self.request)
        return response

    def form_invalid(self, form: Any) -> HttpResponse:
        messages.error(self.request, WRONG_PASSKEY)
        return redirect("login")


# ---------------------------------------------------------------------------------- audit log


def _record(person: User, action: audit_log.Action, kind: str) -> None:
    request: HttpRequest | None = context.request
    actor: Any = "command line"
    if request is not None:
        actor = request.user if request.user.is_authenticated else person
    audit_log.record(
        actor,
        action,
        target=f"user:{person.get_username()}",
        detail={"what": WORDS[Authenticator.Type(kind)]},
        address=None if request is None else address(request),
    )


@receiver(post_save, sender=Authenticator)
def added(instance: Authenticator, created: bool, **_: Any) -> None:
    if not created:
        return
    _record(instance.user, audit_log.Action.SECOND_FACTOR_ADDED, instance.type)
    if instance.type in FACTORS and context.request is not None:
        context.request.session.pop(DUE, None)


@receiver(post_delete, sender=Authenticator)
def removed(instance: Authenticator, **_: Any) -> None:
    _record(instance.user, audit_log.Action.SECOND_FACTOR_REMOVED, instance.type)
    if context.request is not None and context.request.user == instance.user:
        note_whether_due(context.request, instance.user)


@receiver(signals.authentication_failed)
def failed(user: User, authenticator: Authenticator, **_: Any) -> None:
    _record(user, audit_log.Action.SECOND_FACTOR_REFUSED, authenticator.type)


@receiver(authentication_step_completed)
def proved_again(request: HttpRequest, user: User, **sent: Any) -> None:
    if not sent.get("reauthenticated"):
        return
    step_up.note_proof(request)
    audit_log.record(
        user,
        audit_log.Action.PROVED_AGAIN,
        target=f"user:{user.get_username()}",
        detail={"by": str(sent.get("type") or sent.get("provider") or sent["method"])},
        address=address(request),
    )

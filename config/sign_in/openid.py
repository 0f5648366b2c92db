"""Signing in by an OpenID provider: to the provider and back, and who its answer is here.

What the provider says about groups is what the person may do, anew at every sign-in.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.flows.reauthentication import resume_request
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.helpers import complete_social_login
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from config.sign_in.openid_client import LEEWAY, Conversation, Refused
from config.sign_in.providers_file import Access, OpenIDProvider
from executions.access import audit_log, openid_people
from executions.web.redirects import is_own_address
from executions.web.requester import address

KIND = "openid_connect"
AGAIN = "again"
"""The process of somebody who is signed in and proves it once more."""
TOO_OLD = "This sign-in was not begun in this browser, or more than ten minutes ago. Begin again."


class Endpoints(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]  # has no types
    """Where the browser is sent; its requests go through the door."""

    @property
    def openid_config(self) -> dict[str, Any]:
        provider: Provider = self.get_provider()
        return provider.conversation.document

    @property
    def access_token_url(self) -> str:
        provider: Provider = self.get_provider()
        return provider.conversation.endpoint("token_endpoint")

    @property
    def authorize_url(self) -> str:
        provider: Provider = self.get_provider()
        return provider.conversation.endpoint("authorization_endpoint")

    def get_provider(self) -> Provider:
        if not hasattr(self, "_provider"):
            self._provider = _provider(self.request, self.provider_id)
        return self._provider


class Provider(OpenIDConnectProvider):  # type: ignore[misc]  # has no types
    """One entry of the file. Its answer counts only as far as the ID token proves it."""

    oauth2_adapter_class = Endpoints

    def __init__(self, request: HttpRequest, entry: OpenIDProvider) -> None:
        app = SocialApp(
            provider=KIND,
            provider_id=entry.id,
            name=entry.name,
            client_id=entry.client_id,
            settings={
                "server_url": entry.issuer,
                "scope": list(entry.scopes),
                "oauth_pkce_enabled": True,
            },
        )
        super().__init__(request, app=app)
        self.entry = entry
        self.conversation = Conversation(entry)

    def get_oauth2_adapter(self, request: HttpRequest) -> Endpoints:
        endpoints = Endpoints(request, self.entry.id)
        endpoints._provider = self
        return endpoints

    def begin(
        self, request: HttpRequest, next_url: str, process: str = "login", **asked: str
    ) -> HttpResponse:
        """To the provider, with what is asked of it besides. Raises Refused."""
        nonce = secrets.token_urlsafe(24)
        response: HttpResponse = self.redirect(
            request,
            process=process,
            next_url=next_url or None,
            auth_params={"nonce": nonce, **asked},
            nonce=nonce,
            begun=time.time(),
        )
        return response

    def finish(self, request: HttpRequest, state: dict[str, Any]) -> SocialLogin:
        """What the provider's answer proves. Raises Refused."""
        if request.GET.get("error") == "access_denied":
            raise Refused(f"{self.entry.name} did not sign you in: that was called off there.")
        code = request.GET.get("code", "")
        if not code or request.GET.get("error"):
            reason = request.GET.get("error_description") or request.GET.get("error") or "no reason"
            raise Refused(f"{self.entry.name} did not sign you in. It says: {reason[:200]}")
        if request.GET.get("iss", self.entry.issuer).rstrip("/") != self.entry.issuer:
            raise Refused(f"The answer of {self.entry.name} was issued by somebody else.")
        uri = self.get_oauth2_adapter(request).get_callback_url(request, self.app)
        tokens = self.conversation.tokens(code, state["pkce_code_verifier"], uri)
        claims = self.conversation.claims(tokens["id_token"], state["nonce"])
        if self._groups(claims) is None or "email" not in claims:
            claims = self._with_more(claims, tokens)
        login: SocialLogin = self.sociallogin_from_response(request, {"id_token": claims})
        login.state, login.claims = state, claims
        return login

    def _with_more(self, claims: dict[str, Any], tokens: dict[str, Any]) -> dict[str, Any]:
        if "userinfo_endpoint" not in self.conversation.document:
            return claims
        access = str(tokens.get("access_token", ""))
        return {**self.conversation.more_claims(access, claims["sub"]), **claims}

    def _groups(self, claims: dict[str, Any]) -> list[str] | None:
        """As the claim has them; `a.b` is b within a. None where there is no such claim."""
        found: Any = claims.get(self.entry.groups_claim)
        if found is None:
            found = claims
            for part in self.entry.groups_claim.split("."):
                found = found.get(part) if isinstance(found, dict) else None
        if isinstance(found, str):
            return [found]
        return [str(each) for each in found] if isinstance(found, list) else None

    def access_of(self, claims: dict[str, Any]) -> Access:
        """Raises Refused for a person who is in no group of the file."""
        groups = self._groups(claims)
        access = self.entry.access_of(groups or [])
        if access is not None:
            return access
        why = (
            f"{self.entry.name} did not report your groups"
            if groups is None
            else f"You are signed in at {self.entry.name}, but are in none of the groups whose "
            "people may use Annunciator"
        )
        raise Refused(f"{why}. Ask {self.entry.contact}.")

    def serialize(self) -> dict[str, str]:
        """For a sign-in that waits for a second factor."""
        return {"id": self.entry.id}

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        """Kept beside the link between the person and the provider."""
        claims = data["id_token"]
        return {key: claims[key] for key in ("name", "email") if key in claims}


def _provider(request: HttpRequest, provider_id: str) -> Provider:
    """Raises SocialApp.DoesNotExist."""
    for entry in settings.OPENID_PROVIDERS:
        if entry.id == provider_id:
            return Provider(request, entry)
    raise SocialApp.DoesNotExist


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # has no types
    """Providers come from the file alone; who signs in is decided here."""

    def get_provider(
        self, request: HttpRequest, provider: str, client_id: str | None = None
    ) -> Provider:
        return _provider(request, provider)

    def authenticate_by_email(self, sociallogin: SocialLogin) -> None:
        """Not before it is known what the provider gives: see `_person_of`."""
        return

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        try:
            _admit(request, sociallogin)
        except Refused as why:
            page = refused(request, sociallogin.provider.entry, why)
            raise ImmediateHttpResponse(page) from None


def _admit(request: HttpRequest, login: SocialLogin) -> None:
    """The person here that the answer is about, with what their groups give. Raises Refused."""
    provider: Provider = login.provider
    entry, by = provider.entry, f"openid:{provider.entry.id}"
    request.has_second_factor = entry.second_factor  # type: ignore[attr-defined]
    request.proved_at = proved_at(login.claims)  # type: ignore[attr-defined]
    try:
        access = provider.access_of(login.claims)
    except Refused as why:
        _shut_out(request, login, str(why))
        raise
    try:
        with transaction.atomic():
            person = _person_of(request, login, access, by)
            openid_people.grant(
                person,
                roles=access.roles,
                teams=access.teams,
                managed_teams=entry.teams,
                is_superuser=access.is_superuser,
                by=by,
                address=address(request),
            )
    except IntegrityError:  # of two first sign-ins at once
        raise Refused("You signed in twice at the same moment. Begin again.") from None


def proved_at(claims: dict[str, Any]) -> float:
    """When the person showed the provider who they are; long ago where it does not say."""
    at = claims.get("auth_time")
    return min(float(at), time.time()) if isinstance(at, int | float) else 0.0


def _person_of(request: HttpRequest, login: SocialLogin, access: Access, by: str) -> User:
    if login.is_existing:
        known: User = login.user
        return known
    entry, claims = login.provider.entry, login.claims
    email = str(claims.get("email", "")) if claims.get("email_verified") is True else ""
    person = None
    if entry.match_email:
        person = openid_people.match_email(email, may_be_superuser=access.is_superuser)
    if person is None:
        named = openid_people.Named(
            username=str(
                claims.get("preferred_username") or email.partition("@")[0] or claims["sub"]
            ),
            first_name=str(claims.get("given_name", "")),
            last_name=str(claims.get("family_name", "")),
            email=email,
        )
        person = openid_people.add(named, by=by, address=address(request))
    login.user = login.account.user = person
    login.account.save()
    audit_log.record(
        person, audit_log.Action.PERSON_LINKED, target=f"openid:{entry.id}",
        address=address(request),
    )  # fmt: skip
    return person


def _shut_out(request: HttpRequest, login: SocialLogin, why: str) -> None:
    """Whoever is in no group any more keeps no role either: their API tokens then open nothing."""
    entry, by = login.provider.entry, f"openid:{login.provider.entry.id}"
    name = str(login.claims.get("preferred_username") or login.claims["sub"])[:150]
    with transaction.atomic():
        if login.is_existing:
            name = login.user.get_username()
            openid_people.grant(
                login.user, roles=(), teams=(), managed_teams=entry.teams, is_superuser=False,
                by=by, address=address(request),
            )  # fmt: skip
        audit_log.record(
            by, audit_log.Action.SIGN_IN_REFUSED, target=f"user:{name}",
            detail={"why": why}, address=address(request),
        )  # fmt: skip


# -------------------------------------------------------------------------------- addresses


@login_not_required
@never_cache
@require_GET
def begin(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """The link of the sign-in page. A page of another site leads no further than to that page."""
    provider = _found(request, provider_id)
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return redirect("login")
    target = request.GET.get("next", "")
    try:
        return provider.begin(request, target if is_own_address(request, target) else "")
    except Refused as why:
        return refused(request, provider.entry, why)


@login_not_required
@never_cache
@require_GET
def callback(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Where the provider sends the browser back to."""
    provider = _found(request, provider_id)
    try:
        try:
            state = provider.unstash_redirect_state(request, request.GET.get("state", ""))
        except PermissionDenied:
            raise Refused(TOO_OLD) from None
        login = provider.finish(request, state)
        if state["process"] == AGAIN:
            return _proved(request, provider, login)
    except Refused as why:
        return refused(request, provider.entry, why)
    response: HttpResponseBase = complete_social_login(request, login)
    return response


@never_cache
@require_GET
def begin_again(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """For somebody who is signed in and shall prove it again: the provider asks them anew."""
    provider = _found(request, provider_id)
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return redirect("executions:list")
    target = request.GET.get("next", "")
    target = target if is_own_address(request, target) else ""
    try:
        return provider.begin(request, target, AGAIN, prompt="login", max_age="0")
    except Refused as why:
        return refused(request, provider.entry, why)


def _proved(request: HttpRequest, provider: Provider, login: SocialLogin) -> HttpResponseBase:
    """The same person, asked anew: then on with what they had sent. Raises Refused."""
    name, claims = provider.entry.name, login.claims
    mine = SocialAccount.objects.filter(
        user_id=request.user.pk, provider=provider.entry.id, uid=claims["sub"]
    )
    if not request.user.is_authenticated or not mine.exists():
        raise Refused(f"At {name} somebody else is signed in than here. Sign out there first.")
    if not proved_at(claims):
        raise Refused(
            f"{name} does not say when you signed in there (auth_time), so it proves nothing now. "
            "Set up a passkey or an app under Security, and use that."
        )
    if proved_at(claims) < login.state["begun"] - LEEWAY:
        raise Refused(f"{name} did not ask you to sign in again. Sign out there, then try again.")
    record_authentication(
        request, request.user, "socialaccount", provider=provider.entry.id, reauthenticated=True
    )
    response: HttpResponseBase | None = resume_request(request)
    return response or redirect(login.state.get("next") or "executions:list")


def _found(request: HttpRequest, provider_id: str) -> Provider:
    try:
        return _provider(request, provider_id)
    except SocialApp.DoesNotExist:
        raise Http404 from None


def refused(request: HttpRequest, entry: OpenIDProvider, why: Refused) -> HttpResponse:
    """The page in the place of the one that was asked for."""
    name = "openid_connect_again" if request.user.is_authenticated else "openid_connect_login"
    context = {"says": str(why), "again": reverse(name, args=[entry.id])}
    return render(request, "registration/refused.html", context, status=403)

"""The sign-in page: a user name and a password, or the way to what else is offered."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.decorators import method_decorator

from config.interrupted_posts import keep_parcel, ways_in
from config.sign_in.second_factor import second_factor_page

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class UserNameAndPassword(AuthenticationForm):
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": "Wrong user name or password. Capital and small letters matter.",
    }


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """The sign-in page; what travels in it is kept as soon as it is known who signs in."""

    authentication_form = UserNameAndPassword

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:  # in another tab
            keep_parcel(request)
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if settings.LOCAL_SIGN_IN:
            return super().post(request, *args, **kwargs)
        return self.render_to_response(self.get_context_data(), status=403)

    def form_valid(self, form: AuthenticationForm) -> HttpResponseBase:  # type: ignore[override]
        person = form.get_user()
        login = Login(user=person, redirect_url=self.get_success_url())
        named = {"username": person.get_username()}
        response: HttpResponse = perform_password_login(self.request, named, login)
        if self.request.user.is_authenticated:
            keep_parcel(self.request)
        elif "parcel" in self.request.POST:  # it goes along to the second factor
            return second_factor_page(self.request)
        return response

    def get_form_kwargs(self) -> dict[str, Any]:
        """What was posted is no attempt where no password is taken."""
        kwargs = super().get_form_kwargs()
        return kwargs if settings.LOCAL_SIGN_IN else {**kwargs, "data": None}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        parcel = self.request.POST.get("parcel", "")
        more = {"parcel": parcel, "other_name": other_name(self.request), **ways_in()}
        return super().get_context_data(**more, **kwargs)


def other_name(request: HttpRequest) -> dict[str, str]:
    """Where the site calls this machine otherwise than the browser does: a sign-in holds for one
    name alone. `here` and `there` are names, `href` is this page there. Empty for the same name."""
    site, here = urlsplit(settings.ANNUNCIATOR_SITE_URL), request.get_host()
    names = [site.netloc.rpartition(":"), here.rpartition(":")]
    if here == site.netloc or any(name[0] not in LOOPBACK for name in names):
        return {}
    if names[0][2] != names[1][2]:  # another port may be forwarded to this one
        return {}
    there = f"{site.scheme}://{site.netloc}{request.get_full_path()}"
    return {"here": here, "there": site.netloc, "href": there}

"""Addresses of the whole site."""

from allauth.account import views as account_views
from allauth.mfa.base import views as factor_views
from allauth.mfa.recovery_codes import views as recovery_views
from allauth.mfa.totp import views as app_views
from allauth.mfa.webauthn import views as passkey_views
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.urls import include, path, reverse

from config import csp_reports, favicon, health, metrics
from config.sign_in import emergency, openid
from config.sign_in.invitation import invitation
from config.sign_in.page import SignIn
from config.sign_in.second_factor import PasskeySignIn, SecondFactor, Security
from executions.web.post_only_views import posted_from

sign_out = login_not_required(posted_from("executions:list")(LogoutView.as_view()))

security = Security.as_view()
sign_in = SignIn.as_view(redirect_authenticated_user=True)


@login_not_required
def admin_sign_in(request: HttpRequest) -> HttpResponseBase:
    """The admin's own page leads to the product's; who is signed in and gets here may not enter."""
    if request.user.is_authenticated and not admin.site.has_permission(request):
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"))


handler500 = "config.server_error_page.server_error"

urlpatterns = [
    path("", include("executions.urls")),
    path("sign-in/", sign_in, name="login"),
    path("sign-in/", sign_in, name="account_login"),  # as allauth calls it
    path("sign-in/with/<slug:provider_id>/", openid.begin, name="openid_connect_login"),
    path(
        "sign-in/with/<slug:provider_id>/callback/",
        openid.callback,
        name="openid_connect_callback",
    ),
    path(
        "sign-in/emergency/<int:pk>/<str:token>/",
        emergency.emergency_sign_in,
        name="emergency-sign-in",
    ),
    path("invitations/<str:secret>/", invitation, name="invitation"),
    path("sign-in/code/", SecondFactor.as_view(), name="mfa_authenticate"),
    path("sign-in/passkey/", PasskeySignIn.as_view(), name="mfa_login_webauthn"),
    path("sign-in/again/", account_views.reauthenticate, name="account_reauthenticate"),
    path("sign-in/again/code/", factor_views.reauthenticate, name="mfa_reauthenticate"),
    path(
        "sign-in/again/passkey/",
        passkey_views.reauthenticate_webauthn,
        name="mfa_reauthenticate_webauthn",
    ),
    path("sign-in/again/with/<slug:provider_id>/", openid.begin_again, name="openid_connect_again"),
    path("security/", security, name="mfa_index"),
    path("security/", security, name="mfa_list_webauthn"),  # one page for both
    path("security/app/", app_views.activate_totp, name="mfa_activate_totp"),
    path("security/app/removal/", app_views.deactivate_totp, name="mfa_deactivate_totp"),
    path(
        "security/recovery-codes/",
        recovery_views.view_recovery_codes,
        name="mfa_view_recovery_codes",
    ),
    path(
        "security/recovery-codes/creation/",
        recovery_views.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    path(
        "security/recovery-codes.txt",
        recovery_views.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
    path("security/passkeys/creation/", passkey_views.add_webauthn, name="mfa_add_webauthn"),
    path("security/passkeys/<int:pk>/", passkey_views.edit_webauthn, name="mfa_edit_webauthn"),
    path(
        "security/passkeys/<int:pk>/removal/",
        passkey_views.remove_webauthn,
        name="mfa_remove_webauthn",
    ),
    path("sign-out/", sign_out, name="logout"),
    path("api/v1/", include("executions.api.ninja_api")),
    path("admin/logout/", sign_out),
    path("admin/login/", admin_sign_in),
    path("admin/", admin.site.urls),
    path("favicon.ico", favicon.icon),
    path("healthz", health.is_up, name="healthz"),
    path("readyz", health.is_ready, name="readyz"),
    path("csp-reports/", csp_reports.report),
    path("metrics", metrics.metrics, name="metrics"),
]

"""Addresses of the whole site."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView, redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.urls import include, path, reverse

from config import csp_reports, favicon, health, metrics
from config.interrupted_posts import SignIn
from config.sign_in import emergency, openid
from executions.web.post_only_views import posted_from

sign_out = login_not_required(posted_from("executions:list")(LogoutView.as_view()))

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

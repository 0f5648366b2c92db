"""Addresses of the whole site."""

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView
from django.urls import include, path

from config import csp_reports, favicon, health, metrics
from config.interrupted_posts import SignIn
from executions.web.post_only_views import posted_from

sign_out = login_not_required(posted_from("executions:list")(LogoutView.as_view()))

handler500 = "config.server_error_page.server_error"

urlpatterns = [
    path("", include("executions.urls")),
    path("sign-in/", SignIn.as_view(redirect_authenticated_user=True), name="login"),
    path("sign-out/", sign_out, name="logout"),
    path("api/v1/", include("executions.api.ninja_api")),
    path("admin/logout/", sign_out),
    path("admin/", admin.site.urls),
    path("favicon.ico", favicon.icon),
    path("healthz", health.is_up, name="healthz"),
    path("readyz", health.is_ready, name="readyz"),
    path("csp-reports/", csp_reports.report),
    path("metrics", metrics.metrics, name="metrics"),
]

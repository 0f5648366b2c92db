"""/favicon.ico, for pages that name no icon of their own."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.templatetags.static import static


@login_not_required
def icon(request: HttpRequest) -> HttpResponse:
    """/favicon.ico, for pages that name no icon of their own, such as the admin's."""
    return redirect(static("icon.svg"))

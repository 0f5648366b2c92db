"""The page for a request that failed: 503 while the database is away or overloaded, else 500."""

from __future__ import annotations

import sys

from django.http import HttpRequest, HttpResponse
from django.template import loader
from django.views import defaults

from config.database_outage_detection import UNAVAILABLE, away_since

RETRY_AFTER = 10  # seconds


def server_error(request: HttpRequest) -> HttpResponse:
    """Called by Django while it handles the exception."""
    if not isinstance(sys.exc_info()[1], UNAVAILABLE):
        return defaults.server_error(request)
    page = loader.get_template("503.html").render({"since": away_since()})
    return HttpResponse(page, status=503, headers={"Retry-After": str(RETRY_AFTER)})

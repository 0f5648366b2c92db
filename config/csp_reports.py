"""What browsers report of our content policy: a line in the log, at most one a minute of a kind."""

from __future__ import annotations

import json
import logging
from urllib.parse import urlsplit

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from executions.live import publish
from executions.payloads.text_escaping import plain

LARGEST = 8192  # bytes of a report
log = logging.getLogger(__name__)


@login_not_required
@csrf_exempt  # browsers send no token
@require_POST
def report(request: HttpRequest) -> HttpResponse:
    """204, or 400 for what is no report. Addresses are cut to their host: paths may be private."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST:
        return HttpResponse(status=413)
    try:
        found = json.loads(request.body)["csp-report"]
        what = plain(str(found["violated-directive"]), 60)
        blocked = str(found.get("blocked-uri", ""))
        host = plain(urlsplit(blocked).netloc or blocked, 100)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return HttpResponse(status=400)
    if publish.is_first(f"csp:{what.split(' ')[0]}", 60):
        log.warning("A browser refused %s by %s of our content policy.", host or "?", what)
    return HttpResponse(status=204)

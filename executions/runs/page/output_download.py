"""Files and documents of a run, streamed from the provider, always as a download.

The one view that talks to a provider: the file is wanted now, by a person, and is not stored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import partial

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from executions.access.permissions import visible_executions
from executions.models import Output
from executions.payloads.text_escaping import plain
from executions.web.download_limits import download
from executions.web.live_page import show
from providers.contract import Download, ProviderError
from providers.models import open_account
from providers.sealing import SealError

MAX_BYTES = 50 * 2**20
SAFE_TYPES = frozenset({"application/pdf", "image/png", "image/jpeg", "text/plain", "text/csv"})
ACTIVE = re.compile(
    r"\.(html?|xhtml|svg|xml|js|mjs|lnk|url|hta|exe|bat|cmd|ps1|vbs|scr|jar)$", re.I
)


@partial(download, in_turn=False)
@require_GET
def output(request: HttpRequest, pk: int, output_pk: int) -> HttpResponseBase:
    execution = get_object_or_404(visible_executions(request.user).select_related("account"), pk=pk)
    wanted = get_object_or_404(Output, pk=output_pk, execution=execution)
    try:
        opened = open_account(execution.account).open_output(execution.ref, wanted.ref)
    except (ProviderError, SealError) as error:
        context = {"title": f"“{plain(wanted.name, 80)}” could not be read", "sentence": str(error)}
        return show(request, "executions/runs/page/refused.html", context, status=502)
    return _answer(opened, wanted)


def _answer(opened: Download, wanted: Output) -> StreamingHttpResponse:
    given = (opened.content_type or wanted.content_type).split(";")[0].strip().lower()
    response = StreamingHttpResponse(
        _bounded(opened),
        content_type=given if given in SAFE_TYPES else "application/octet-stream",
    )
    name = clean_name(opened.name or wanted.name)
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


def _bounded(opened: Download) -> Iterator[bytes]:
    """At most MAX_BYTES; closes the provider's connection however it ends."""
    sent = 0
    try:
        for chunk in opened.chunks:
            sent += len(chunk)
            if sent > MAX_BYTES:  # a broken download, not one that looks complete
                raise ConnectionAbortedError("the provider sent more than a download may have")
            yield chunk
    finally:
        close = getattr(opened.chunks, "close", None)
        if close is not None:
            close()


def clean_name(name: str) -> str:
    """A file name that is only that: no folders, no control or direction characters, and nothing
    that a desktop would run."""
    text = unicodedata.normalize("NFC", name)
    kept = "".join(c for c in text if unicodedata.category(c)[0] != "C" and c not in '/\\:*?"<>|')
    short = kept.strip(" .")[-120:].lstrip(" .") or "document"
    return f"{short}.txt" if ACTIVE.search(short) else short

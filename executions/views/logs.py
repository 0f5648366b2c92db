"""A run's log: searched on the server, shown 1,000 lines at a time, downloaded as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from executions.models import Execution, LogEntry
from executions.roles import visible_executions
from executions.views.chrome import fragment, no_store
from executions.wording import iso, plain

WINDOW = 1000
MAX_LINE = 4000  # characters of one line on the page
LEVELS = {
    "error": ("error", "critical", "fatal", "severe"),
    "warning": ("warning", "warn", "error", "critical", "fatal", "severe"),
}
LEVEL_LAMPS = {"error": "failed", "critical": "failed", "fatal": "failed", "severe": "failed",
               "warning": "warning", "warn": "warning"}  # fmt: skip
ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


def log_view(request: HttpRequest, execution: Execution) -> dict[str, Any]:
    """A window of lines: around `?line=`, or the last ones. Filters `log_q` and `level`."""
    text = request.GET.get("log_q", "").strip()[:200]
    level = request.GET.get("level", "")
    found = _found(execution, text, level)
    line = _number(request.GET.get("line", ""))
    if line is not None:
        rows = list(found.filter(seq__gte=max(0, line - 1 - WINDOW // 2))[:WINDOW])
    else:
        rows = list(found.order_by("-seq")[:WINDOW])[::-1]
    return {
        "lines": [_line(entry, line) for entry in rows],
        "log_q": text,
        "level": level if level in LEVELS else "",
        "line": line,
        "log_first": rows[0].seq + 1 if rows else 0,
        "log_last": rows[-1].seq + 1 if rows else 0,
        "log_total": _last(execution),
        "has_before": bool(rows) and found.filter(seq__lt=rows[0].seq).exists(),
        "has_after": bool(rows) and found.filter(seq__gt=rows[-1].seq).exists(),
        "first_error": _first_error(execution),
        "follows": line is None and not text,
    }


def new_lines(execution: Execution, after: int, level: str) -> list[dict[str, Any]]:
    """Lines after the number `after`, for a page that follows; at most a window of them."""
    return [
        _line(row, None) for row in _found(execution, "", level).filter(seq__gte=after)[:WINDOW]
    ]


def last_number(execution: Execution) -> int:
    return _last(execution)


@require_GET
def log_fragment(request: HttpRequest, pk: int) -> HttpResponse:
    execution = get_object_or_404(visible_executions(request.user), pk=pk)
    context = {"run": execution, **log_view(request, execution)}
    return no_store(HttpResponse(fragment(request, "executions/_run_log.html", context)))


@require_GET
def log_text(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """The whole log, or what the filter leaves of it, as plain text."""
    execution = get_object_or_404(visible_executions(request.user), pk=pk)
    rows = _found(execution, request.GET.get("log_q", "")[:200], request.GET.get("level", ""))

    def lines() -> Iterator[str]:
        for entry in rows.iterator(2000):
            yield f"{iso(entry.at)}\t{entry.level}\t{ANSI.sub('', entry.text)}\n"

    response = StreamingHttpResponse(lines(), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="run-{pk}-log.txt"'
    return response


def _found(execution: Execution, text: str, level: str) -> QuerySet[LogEntry]:
    found = LogEntry.objects.filter(execution=execution).order_by("seq")
    if text:
        found = found.filter(text__icontains=text.replace("\0", ""))
    if level in LEVELS:
        wanted = Q()
        for word in LEVELS[level]:
            wanted |= Q(level__iexact=word)
        found = found.filter(wanted)
    return found


def _line(entry: LogEntry, chosen: int | None) -> dict[str, Any]:
    number = entry.seq + 1
    return {
        "number": number,
        "time": entry.at.strftime("%H:%M:%S.%f")[:-3] if entry.at else "",
        "level": entry.level,
        "lamp": LEVEL_LAMPS.get(entry.level.lower(), ""),
        "text": plain(ANSI.sub("", entry.text), MAX_LINE),
        "is_chosen": number == chosen,
    }


def _last(execution: Execution) -> int:
    newest = LogEntry.objects.filter(execution=execution).order_by("-seq").values_list("seq")[:1]
    return next((seq + 1 for (seq,) in newest), 0)


def _first_error(execution: Execution) -> int | None:
    first = _found(execution, "", "error").values_list("seq", flat=True)[:1]
    return next((seq + 1 for seq in first), None)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None

"""A run's log: searched on the server over its whole length, shown in windows of 1,000 lines,
downloaded as text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET

from executions.access.permissions import visible_executions
from executions.display.formatting import count, iso
from executions.models import ERROR_LEVELS, Execution, LogEntry, Step
from executions.payloads.terminal_text import last_state, without_codes
from executions.payloads.text_escaping import plain
from executions.runs.page.log_line_rendering import day_of, lines_of
from executions.runs.page.query_params import (
    LOG_WORDS,
    PAGE_WORDS,
    STEP_WORDS,
    link,
    number,
    query,
    word,
)
from executions.runs.page.tabs import LOG, has_logs
from executions.search import keyset_walk
from executions.search.filters import provider_name
from executions.search.statement_timeout import TooLong, bounded
from executions.search.unicode_spellings import holds
from executions.web.download_limits import download
from executions.web.fragments import Fragment, fragment, no_store

WINDOW = 1000  # lines
FOUND = 200  # finds of a search on one page, each with the lines around it
TAIL = 5  # lines beside the steps
AROUND = 2  # lines before and after a find
COUNTED = 10_000
LEVELS = {
    "error": ERROR_LEVELS,
    "warning": ("warning", "warn", *ERROR_LEVELS),
    "info": ("info", "information", "notice", "warning", "warn", *ERROR_LEVELS),
}
LEVEL_WORDS = (("info", "Without debug"), ("warning", "Warnings and errors"), ("error", "Errors"))


def log_view(request: HttpRequest, run: Execution) -> dict[str, Any]:
    """The lines around `?line=`, the last ones, or what `log_q`, `level` and `log_step` find."""
    text, level, step = word(request, "log_q"), word(request, "level"), word(request, "log_step")
    level = level if level in LEVELS else ""
    line = number(request, "line")
    total = last_number(run)
    context: dict[str, Any] = {
        "log_q": text,
        "level": level,
        "levels": LEVEL_WORDS,
        "log_step": step,
        "log_step_name": _step_names(run, {step}).get(step, plain(step)) if step else "",
        "line": line,
        "log_total": total,
        "log_counted": f"{total:,}",
        "first_error": _error(run),
        "is_filtered": bool(text or level or step),
        "follows": line is None and not text,
        "log_keep": query(request, LOG_WORDS),
        "log_query": query(request, LOG_WORDS, line=None, log_from=None),
        "log_all": link(request, log_q=None, level=None, log_step=None, log_from=None),
        "log_any_step": link(request, log_step=None, log_from=None),
        "other_words": [
            (w, v) for w in (*PAGE_WORDS, *STEP_WORDS) for v in request.GET.getlist(w)[:50]
        ],
    }
    if line is not None:
        context |= {"next_error": _error(run, after=line), "error_before": _error(run, before=line)}
    try:
        with bounded() if text or level or step else nullcontext():
            found = _find(run, text, level, step)
            if text and line is None:
                return context | _searched(request, run, found, text)
            return context | _window(request, run, found, line)
    except TooLong as error:
        return context | {"lines": [], "log_problem": str(error)}


def new_lines(request: HttpRequest, run: Execution, after: int) -> list[dict[str, Any]]:
    """Lines after the number `after`, for a page that follows; at most a window of them."""
    found = _find(run, "", word(request, "level"), word(request, "log_step"))
    rows = list(found.filter(seq__gt=after)[:WINDOW])
    last = LogEntry.objects.filter(execution=run, seq=after).values_list("at", flat=True)
    return _shown(run, rows, day=day_of(next(iter(last), None)))


def log_fragments(request: HttpRequest, run: Execution) -> list[Fragment]:
    """The lines after the last one the page has, if it follows the log; a page that had none gets
    the log with its tools."""
    after = number(request, "log")
    if after is None:
        return []
    lines = new_lines(request, run, after)
    if not lines:
        return []
    if after == 0 and not word(request, "level"):
        whole = {"run": run, **log_view(request, run)}
        return [Fragment("#log", fragment(request, "executions/runs/page/_log.html", whole))]
    html = fragment(request, "executions/runs/page/_log_lines.html", {"lines": lines, "run": run})
    about = {"run": run, "log_counted": f"{last_number(run):,}", "first_error": _error(run)}
    return [
        Fragment("#log-lines", html, "beforeend"),
        Fragment("#log-about", fragment(request, "executions/runs/page/_log_about.html", about)),
    ]


def tail_of(request: HttpRequest, run: Execution) -> dict[str, Any]:
    """The last TAIL lines: of the step that failed where it has any, else of the run. At most four
    queries."""
    total = last_number(run)
    if not total:
        is_missed = run.is_problem and not has_logs(run)
        return {"lines": [], "provider": provider_name(run.account.provider), "is_none": is_missed}
    failed = Step.objects.filter(execution=run, status__in=("failed", "timed_out"), error__gt="")
    ref = failed.order_by("-position").values_list("ref", flat=True).first() or ""
    rows = list(_find(run, "", "", ref).order_by("-seq")[:TAIL]) if ref else []
    step = ref if rows else ""
    rows = rows or list(_find(run, "", "", "").order_by("-seq")[:TAIL])
    return {
        "lines": [
            {
                "at": row.at,
                "level": plain(row.level, 20),
                "text": plain(without_codes(last_state(row.text)), 300),
                "is_error": row.level.lower() in ERROR_LEVELS,
            }
            for row in reversed(rows)
        ],
        "step": _step_names(run, {step}).get(step, ""),
        "total": f"{total:,}",
        "href": f"?{query(request, ('from',), tab=LOG)}",
    }


def last_number(run: Execution) -> int:
    newest = LogEntry.objects.filter(execution=run).order_by("-seq")
    return next(iter(newest.values_list("seq", flat=True)[:1]), 0)


@require_GET
def log_fragment(request: HttpRequest, pk: int) -> HttpResponse:
    """The log as a search leaves it; the page's address follows."""
    run = get_object_or_404(visible_executions(request.user), pk=pk)
    context = {"run": run, **log_view(request, run)}
    response = HttpResponse(fragment(request, "executions/runs/page/_log.html", context))
    words = link(request, line=None)
    response["HX-Replace-Url"] = reverse("executions:detail", args=[pk]) + (words and f"?{words}")
    return no_store(response)


@require_GET
@download
def log_text(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """The whole log, what the filter leaves of it, or one line, as plain text."""
    run = get_object_or_404(visible_executions(request.user), pk=pk)
    rows = _find(run, word(request, "log_q"), word(request, "level"), word(request, "log_step"))
    line = number(request, "line")
    if line is not None:
        rows = rows.filter(seq=line)

    def lines() -> Iterator[str]:
        for entries in keyset_walk.walk(rows, "seq", size=2000):
            yield "".join(
                f"{iso(entry.at)}\t{entry.level}\t{without_codes(last_state(entry.text))}\n"
                for entry in entries
            )

    response = StreamingHttpResponse(lines(), content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="run-{pk}-log.txt"'
    return response


# ------------------------------------------------------------------------------------ finding


def _find(run: Execution, text: str, level: str, step: str) -> QuerySet[LogEntry]:
    found = LogEntry.objects.filter(execution=run).order_by("seq")
    if text:
        found = found.filter(holds(text, "text"))
    if level in LEVELS:
        found = found.filter(level__in=LEVELS[level])
    return found.filter(step_ref=step) if step else found


def _window(
    request: HttpRequest, run: Execution, found: QuerySet[LogEntry], line: int | None
) -> dict[str, Any]:
    if line is not None:
        rows = list(found.filter(seq__gte=line - WINDOW // 2)[:WINDOW])
    else:
        rows = list(found.order_by("-seq")[:WINDOW])[::-1]
    first, last = (rows[0].seq, rows[-1].seq) if rows else (0, 0)
    return {
        "lines": _shown(run, rows, chosen=line),
        "log_last": last,
        "log_before": link(request, line=first, log_from=None)
        if rows and found.filter(seq__lt=first).exists()
        else "",
        "log_after": link(request, line=last, log_from=None)
        if rows and found.filter(seq__gt=last).exists()
        else "",
        "before_line": first,
        "after_line": last,
    }


def _searched(
    request: HttpRequest, run: Execution, found: QuerySet[LogEntry], text: str
) -> dict[str, Any]:
    """A page of finds, each with the lines around it."""
    begin = number(request, "log_from") or 1
    seqs = list(found.filter(seq__gte=begin).values_list("seq", flat=True)[: FOUND + 1])
    more, seqs = seqs[FOUND:], seqs[:FOUND]
    wanted = {seq + step for seq in seqs for step in range(-AROUND, AROUND + 1)}
    rows = LogEntry.objects.filter(execution=run, seq__in=wanted).order_by("seq")
    hits = frozenset(seqs)
    return {
        "lines": _shown(run, list(rows), wanted=text, hits=hits),
        "log_last": 0,
        "log_found": count(found[: COUNTED + 1].count(), COUNTED),
        "log_before": link(request, log_from=None) if begin > 1 else "",
        "log_after": link(request, log_from=more[0]) if more else "",
    }


def _shown(run: Execution, rows: list[LogEntry], **more: Any) -> list[dict[str, Any]]:
    return lines_of(rows, names=_step_names(run, {row.step_ref for row in rows}), **more)


def _step_names(run: Execution, refs: set[str]) -> dict[str, str]:
    """Names of the steps that lines belong to."""
    asked = sorted(refs - {""})
    if not asked:
        return {}
    rows = Step.objects.filter(execution=run, ref__in=asked).values_list("ref", "name")
    return {ref: plain(name, 60) for ref, name in rows}


def _error(run: Execution, *, after: int | None = None, before: int | None = None) -> int | None:
    """The number of the first line with an error, of the next one or of the one before."""
    found = LogEntry.objects.filter(execution=run, level__in=ERROR_LEVELS)
    if before is not None:
        found = found.filter(seq__lt=before).order_by("-seq")
    else:
        found = found.filter(seq__gt=after or 0).order_by("seq")
    return next(iter(found.values_list("seq", flat=True)[:1]), None)

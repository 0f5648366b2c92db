"""The rows of a timeline, ready to print: the run's own, groups with their counts, and steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Case, Func, IntegerField, QuerySet, TextField, When
from django.db.models.functions import Cast, Left
from django.utils import timezone

from executions.display.formatting import duration, size, stamped, zone
from executions.display.freshness import freshness, is_last_seen
from executions.display.statuses import STATUS_VIEWS, WORST_FIRST
from executions.display.time_scale import Scale
from executions.models import Execution, Step
from executions.payloads.text_escaping import plain
from executions.runs.page import gantt, person_waits
from executions.runs.page.step_tree import Node, Row, Shown
from providers import exact_json
from providers.contract import Status

MAX_ERROR = 2000  # characters of an error in the timeline; the step itself shows more
ERRORS = 40_000  # characters of errors on one page
SMALL = 1500  # bytes of an output that is on the page at once
CUT_SHORT = (Status.CANCELED, Status.FAILED, Status.TIMED_OUT)
MAX_NAMED = 3  # people in the legend
OUTPUTS = 60_000  # bytes of such outputs on one page


def _is_still(run: Execution) -> bool:
    """Whether no step goes on, whatever it said when it was last seen."""
    return run.is_final or is_last_seen(run, freshness(run.account, timezone.now()))


def _last(run: Execution) -> datetime:
    """Where the time line has come to: a run that goes on to this moment, one that is no longer
    seen to when it was."""
    return run.finished_at or (run.observed_at if _is_still(run) else timezone.now())


def drawn(run: Execution, root: Node, shown: list[Shown], chosen: int | None) -> dict[str, Any]:
    """Axis, the run's own row and the rows, ready to print."""
    last = _last(run)
    moves = person_waits.moves_of(run)
    queued = [m.observed_at for m in moves[:1] if m.to_status == "queued"]
    times = [run.started_at, run.finished_at, *(t for t in queued if t < last)]
    times += [each.node.start for each in shown] + [each.node.end for each in shown]
    asked = person_waits.waits_of(run)
    times += [wait.start for wait in asked] if shown else []
    scale = gantt.scale_of(times, last)
    kept = person_waits.stretches(moves, last)
    details = _details(shown)
    page = Page(run, scale, last, details, gantt.waits_by_step(root, asked, last), chosen)
    rows = [_row(each, page) for each in shown]
    own = [scale.bar(a, b, gantt.look_of(status)) for status, a, b in kept] if scale else []
    of_steps = [bar.look for row in rows for bar in row["bars"]]
    if len(own) == 1 and rows and (own[0].look != gantt.WAIT or any(map(is_wait, of_steps))):
        own = []  # the steps tell the same
    waited = person_waits.waited(run, last)
    return {
        "steps": rows,
        "is_still": _is_still(run),
        "ticks": scale.ticks() if scale else [],
        "axis_zone": zone(scale.start) if scale else "",
        "span": duration(scale.seconds) if scale else "",
        "span_start": stamped(scale.start) if scale else "",
        "at_once": gantt.most_at_once(root, last) if root.size > 1 else 0,
        "own_bars": own,
        "own_spent": ", ".join(person_waits.spent(kept)),
        "waited": duration(waited) if waited >= 1 else "",
        "legend": _legend(
            [*(bar.look for bar in own), *of_steps], has_gaps=any(row.get("gap") for row in rows)
        ),
        "answered": [wait for wait in asked if wait.by][:MAX_NAMED],
        "own_look": STATUS_VIEWS[run.status],
    }


def is_wait(look: str) -> bool:
    return look.startswith(gantt.WAIT)


def _legend(looks: list[str], *, has_gaps: bool) -> set[str]:
    """Which kinds of bars occur; empty where all of them are work."""
    kinds = {"gap"} if has_gaps else set()
    for look in looks:
        other = look if look == gantt.PAUSE else "hollow" if "hollow" in look else "work"
        kinds.add("wait" if is_wait(look) else other)
    return kinds if kinds != {"work"} else set()


def _details(shown: list[Shown]) -> dict[int, Step]:
    """What only the shown steps need. Small outputs come along, larger ones with their size."""
    ids = [each.node.row.id for each in shown if each.node.row is not None]
    if not ids:
        return {}
    text = Cast("output", TextField())
    rows: QuerySet[Step] = Step.objects.filter(pk__in=ids).defer("output", "error", "path")
    found = rows.annotate(
        error_start=Left("error", MAX_ERROR + 1),
        output_bytes=Func(text, function="octet_length", output_field=IntegerField()),
        output_text=Case(When(output_bytes__lte=SMALL, then=text)),
    )
    return {step.pk: step for step in found}


@dataclass
class Page:
    """What the rows of one page share."""

    run: Execution
    scale: Scale | None
    last: datetime
    details: dict[int, Step]
    waits: dict[int, list[person_waits.Wait]]
    """By step."""
    chosen: int | None
    errors: int = ERRORS
    """Characters of errors that still have room on it."""
    outputs: int = OUTPUTS

    def is_shown_above(self, error: str) -> bool:
        """Whether the page says this error above its steps."""
        first = error.strip().partition("\n")[0]
        return bool(first) and first in plain(self.run.error_summary)


def _row(each: Shown, page: Page) -> dict[str, Any]:
    node, scale = each.node, page.scale
    asked = page.waits.get(node.row.id, []) if node.row is not None else []
    status = STATUS_VIEWS[node.status]
    if page.run.status in CUT_SHORT and node.status == Status.RUNNING:
        status = replace(status, past="Interrupted")
    view: dict[str, Any] = {
        "name": plain(node.name, 300) or "(no name)",
        "depth": min(each.depth, 6),
        "kind": node.kind,
        "key": node.key,
        "status": status,
        "started": node.start,
        "took": "",
        "since": "",
        "bars": gantt.bars_of(node, scale, page.last, asked) if scale else [],
        "is_chosen": node.row is not None and node.row.id == page.chosen,
        "tries": len(node.children) + 1 if node.kind == "tries" else 0,
    }
    if node.start and node.end:
        view["took"] = duration((node.end - node.start).total_seconds())
    elif (
        begun := node.start or (asked[0].start if asked else None)
    ) and not status.status.is_final:
        view["since"], view["so_far"] = begun, duration((page.last - begun).total_seconds())
    elif node.start is None and node.row is not None and status.status == Status.QUEUED:
        view["took"] = "not reached" if page.run.is_final else "not yet"
    if scale is not None:
        view["gap"], view["gap_took"] = gantt.gap_before(node, scale)
    if node.children:
        view |= _group(each)
    if node.row is not None:
        view |= _own(node.row, page)
    return view


def _group(each: Shown) -> dict[str, Any]:
    """What a group says of its members."""
    node = each.node
    counts = [
        {"status": STATUS_VIEWS[status], "count": node.counts[status]}
        for status in WORST_FIRST
        if status in node.counts
    ]
    return {
        "is_group": True,
        "is_open": each.is_open,
        "members": len(node.children),
        "size": node.size,
        "counts": counts,
    }


def _own(row: Row, page: Page) -> dict[str, Any]:
    """What a step has besides its place and times."""
    detail = page.details.get(row.id)
    view: dict[str, Any] = {"id": row.id, "path": " / ".join(plain(str(p), 80) for p in row.path)}
    if detail is None:
        return view
    length = int(detail.output_bytes or 0)  # type: ignore[attr-defined]
    has_output = length > 4  # `null`, `""`, `{}` and `[]` are none
    error = plain(detail.error_start, MAX_ERROR)  # type: ignore[attr-defined]
    page.errors -= len(error)
    output = ""
    if has_output and detail.output_text and page.outputs > 0:  # type: ignore[attr-defined]
        output = _pretty(detail.output_text)  # type: ignore[attr-defined]
        page.outputs -= len(output)
    return {
        **view,
        "native": plain(detail.native_status),
        "reason": plain(detail.status_reason),
        "attempt": detail.attempt if detail.attempt > 1 else 0,
        "error": error if page.errors > 0 else error[:200],
        "is_shown_above": page.is_shown_above(error),
        "output": output,
        "output_size": size(length) if has_output else "",
        "is_late": has_output and not output,
        "run_ref": plain(detail.run_ref),
        "has_more": bool(error or has_output or detail.run_ref or detail.tries),
        "mark": f"{length}-{len(error)}-{row.status}",
    }


def _pretty(text: str) -> str:
    value = exact_json.read_stored(text)
    shown = value if isinstance(value, str) else exact_json.written(value, indent=True)
    return plain(shown)

"""The rows of a timeline, ready to print: the run's own, groups with their counts, and steps."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Case, Func, IntegerField, QuerySet, TextField, When
from django.db.models.functions import Cast, Left
from django.utils import timezone

from executions.display.formatting import duration, iso, size, stamped, zone
from executions.display.freshness import freshness, is_last_seen
from executions.display.statuses import STATUS_VIEWS, WORST_FIRST
from executions.display.time_scale import Scale
from executions.models import Execution, Step, Transition
from executions.payloads.provider_text import plain
from executions.runs.page import gantt
from executions.runs.page.step_tree import Node, Row, Shown
from providers import exact_json

MAX_ERROR = 2000  # characters of an error in the timeline; the step itself shows more
ERRORS = 40_000  # characters of errors on one page
SMALL = 1500  # bytes of an output that is on the page at once
OUTPUTS = 60_000  # bytes of such outputs on one page
MOVES = 100  # status changes drawn


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
    moves = _moves(run)
    queued = [m.observed_at for m in moves[:1] if m.to_status == "queued"]
    times = [run.started_at, run.finished_at, *(t for t in queued if t < last)]
    times += [each.node.start for each in shown] + [each.node.end for each in shown]
    scale = gantt.scale_of(times, last)
    kept = gantt.stretches(moves, last)
    details = _details(shown)
    room = {"errors": ERRORS, "outputs": OUTPUTS}
    rows = [_row(each, scale, last, details, room, chosen) for each in shown]
    own = [scale.bar(a, b, gantt.look_of(status)) for status, a, b in kept] if scale else []
    return {
        "steps": rows,
        "is_still": _is_still(run),
        "ticks": scale.ticks() if scale else [],
        "axis_zone": zone(scale.start) if scale else "",
        "span": duration(scale.seconds) if scale else "",
        "span_start": stamped(scale.start) if scale else "",
        "at_once": gantt.most_at_once(root, last) if root.size > 1 else 0,
        "own_bars": own,
        "own_spent": ", ".join(gantt.spent(kept)),
        "own_look": STATUS_VIEWS[run.status],
    }


def _moves(run: Execution) -> list[Transition]:
    """The status changes of the run, oldest first."""
    newest = Transition.objects.filter(execution=run).order_by("-version")[:MOVES]
    return list(newest)[::-1]


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


def _row(
    each: Shown,
    scale: Scale | None,
    last: datetime,
    details: dict[int, Step],
    room: dict[str, int],
    chosen: int | None,
) -> dict[str, Any]:
    node = each.node
    status = STATUS_VIEWS[node.status]
    view: dict[str, Any] = {
        "name": plain(node.name, 300) or "(no name)",
        "depth": min(each.depth, 6),
        "kind": node.kind,
        "key": node.key,
        "status": status,
        "started": node.start,
        "took": "",
        "since": "",
        "bars": gantt.bars_of(node, scale, last) if scale else [],
        "is_chosen": node.row is not None and node.row.id == chosen,
    }
    if node.start and node.end:
        view["took"] = duration((node.end - node.start).total_seconds())
    elif node.start and not status.status.is_final:
        view["since"] = iso(node.start)
    if scale is not None:
        view["gap"], view["gap_took"] = gantt.gap_before(node, scale)
    if node.children:
        view |= _group(each)
    if node.row is not None:
        view |= _own(node.row, details.get(node.row.id), room)
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


def _own(row: Row, detail: Step | None, room: dict[str, int]) -> dict[str, Any]:
    """What a step has besides its place and times."""
    view: dict[str, Any] = {"id": row.id, "path": " / ".join(plain(str(p), 80) for p in row.path)}
    if detail is None:
        return view
    length = int(detail.output_bytes or 0)  # type: ignore[attr-defined]
    has_output = length > 4  # `null`, `""`, `{}` and `[]` are none
    error = plain(detail.error_start, MAX_ERROR)  # type: ignore[attr-defined]
    room["errors"] -= len(error)
    output = ""
    if has_output and detail.output_text and room["outputs"] > 0:  # type: ignore[attr-defined]
        output = _pretty(detail.output_text)  # type: ignore[attr-defined]
        room["outputs"] -= len(output)
    return {
        **view,
        "native": plain(detail.native_status),
        "reason": plain(detail.status_reason),
        "attempt": detail.attempt if detail.attempt > 1 else 0,
        "error": error if room["errors"] > 0 else error[:200],
        "output": output,
        "output_size": size(length) if has_output else "",
        "is_late": has_output and not output,
        "run_ref": plain(detail.run_ref),
        "has_more": bool(error or has_output or detail.run_ref),
        "mark": f"{length}-{len(error)}-{row.status}",
    }


def _pretty(text: str) -> str:
    value = exact_json.read_stored(text)
    shown = value if isinstance(value, str) else exact_json.written(value, indent=True)
    return plain(shown)

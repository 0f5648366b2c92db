"""What a run stands beside: the last runs of its workflow, how long those take, the run that
started it and the runs that it started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils import timezone

from executions.display.formatting import duration, moment
from executions.display.statuses import STATUS_VIEWS
from executions.display.strips import MOST
from executions.display.time_scale import percent
from executions.models import Execution, Lineage, Step
from executions.payloads.text_escaping import plain
from executions.search import overdue
from providers.contract import Status

MAX_CHILDREN = 50
UP = 5  # runs above this one
DOWN = 3  # levels of runs below it
LOW = 12.0  # percent; the height of a run that took no time
FAR = 4  # times the usual duration; a bar that is longer is cut
COLUMNS = ("id", "status", "sort_at", "started_at", "finished_at")


def related(run: Execution) -> dict[str, Any]:
    """The last runs of the workflow as bars, this one among them, and the runs that it came of or
    that came of it. Four queries, and three for each level of those."""
    rows = _last(run)
    return {
        **_bars(rows, run),
        "family": family_of(run),
        "usual": usual(run),
        "good": last_good(run, rows),
    }


def _last(run: Execution) -> list[Execution]:
    """The newest runs of the workflow, oldest first; the last ones up to this where it is older."""
    mine = Execution.objects.filter(workflow=run.workflow_id).order_by("-sort_at", "-id")
    rows = list(mine.only(*COLUMNS)[:MOST])
    if run.pk not in {row.pk for row in rows}:
        rows = list(mine.filter(sort_at__lte=run.sort_at).only(*COLUMNS)[:MOST])
    return rows[::-1]


def _bars(rows: list[Execution], run: Execution) -> dict[str, Any]:
    """Height is duration, by its root, up to FAR times the usual one, which is the `line`."""
    now, typical = timezone.now(), run.workflow.typical_seconds or 0.0
    took = [_seconds(row, now) for row in rows]
    longest = min(max([*took, typical]), FAR * typical or max(took)) or 1.0
    wide = 100 / MOST
    first = MOST - len(rows)

    def height(seconds: float) -> float:
        return LOW + (100 - LOW) * sqrt(min(1.0, seconds / longest))

    bars = [
        {
            "href": reverse("executions:detail", args=[row.pk]),
            "x": percent((first + place) * wide),
            "width": percent(wide * 0.7),
            "y": percent(100 - height(seconds)),
            "height": percent(height(seconds)),
            "lamp": STATUS_VIEWS[row.status].lamp,
            "title": _bar_title(row, seconds),
            "is_this": row.pk == run.pk,
        }
        for place, (row, seconds) in enumerate(zip(rows, took, strict=True))
    ]
    return {
        "bars": bars,
        "bars_from": rows[0].sort_at if rows else None,
        "line": percent(100 - height(typical)) if typical else "",
    }


def _seconds(row: Execution, now: Any) -> float:
    if row.started_at is None:
        return 0.0
    end = row.finished_at or (now if not row.is_final else row.started_at)
    return max(0.0, float((end - row.started_at).total_seconds()))


def _bar_title(row: Execution, seconds: float) -> str:
    word = STATUS_VIEWS[row.status].word
    if row.started_at is None:
        return f"{word}, not started"
    return f"{word}, {moment(row.started_at)}, {duration(seconds)}"


def last_good(run: Execution, rows: list[Execution] | None = None) -> int | None:
    """The id of the last run of the workflow before this one that succeeded; None if there is
    none. At most one query."""
    good = Status.SUCCEEDED.value
    for row in reversed(rows or []):
        if row.status == good and (row.sort_at, row.pk) < (run.sort_at, run.pk):
            return row.pk
    found = Execution.objects.filter(
        workflow=run.workflow_id, status=good, sort_at__lte=run.sort_at
    ).exclude(pk=run.pk)
    return found.order_by("-sort_at", "-id").values_list("pk", flat=True).first()


def usual(run: Any) -> dict[str, str]:
    """What is known of how long this workflow takes: `typical` in words, what to `say` beside the
    duration of this run, and `overdue` where it takes too long. The run comes with its limits."""
    workflow = run.workflow
    if not workflow.successes or workflow.typical_seconds is None:
        return {"typical": "", "takes": "", "say": "", "overdue": "", "why": ""}
    typical = duration(workflow.typical_seconds)
    is_over = run.overdue_at is not None and run.overdue_at < timezone.now()
    limit = f", overdue after {duration(run.overdue_after)}" if run.overdue_after else ""
    many = "of its last success" if workflow.successes == 1 else (
        f"median of its last {workflow.successes} successes"
    )  # fmt: skip
    say = f"usually {typical}"
    return {
        "typical": f"{typical}, {many}{limit}",
        "takes": typical,
        "say": say,
        "overdue": say + limit if is_over else "",
        "why": overdue.rule(duration(run.overdue_after)) if limit else "",
    }


def family_of(run: Execution) -> list[dict[str, Any]]:
    """The runs that this one came of, it itself and those that came of it, as lines of a tree with
    their depth; none where it stands alone. A run whose parent a step of another run tells as well
    stands below the nearest."""
    above = _ancestors(run)
    came = _came_of(run.account_id, [run])
    declared = [each.execution for each in came if each.parent_ref == run.ref]
    below = _descendants(run, declared, {row.pk for row in above})
    again = _tried_again(run) + [
        (each.execution, "tries this run again") for each in came if each.retry_of == run.ref
    ]
    if not (above or below or again):
        return []
    lines = [_member(row, depth) for depth, row in enumerate(above)]
    lines.append({**_member(run, len(above)), "is_this": True})
    lines += [_member(row, len(above) + depth) for row, depth in below]
    return lines + [{**_member(row, len(above)), "how": how} for row, how in again]


def _ancestors(run: Execution) -> list[Execution]:
    """The topmost first."""
    found: list[Execution] = []
    seen, current = {run.pk}, run
    while len(found) < UP:
        above = _above(current)
        if above is None or above.pk in seen:
            break
        found.insert(0, above)
        seen.add(above.pk)
        current = above
    return found


def _above(run: Any) -> Execution | None:
    """The run that started this one, read once per run."""
    if not hasattr(run, "_found_above"):
        step, ref = _step_above(run), _lineage(run).parent_ref
        named = _runs().filter(account=run.account_id, ref=ref)
        parent = named.first() if ref else None
        run._found_above = parent or (step.execution if step else None)
    found: Execution | None = run._found_above
    return found


def _lineage(run: Execution) -> Lineage:
    """An empty one where it came of no other."""
    return getattr(run, "lineage", None) or Lineage()


def _step_above(run: Any) -> Step | None:
    """The step that started this run, with its run: of several the last, whose run is the nearest.
    Over an index of such steps alone, once per run."""
    if not hasattr(run, "_found_step_above"):
        rows = Step.objects.filter(run_ref=run.ref, execution__account=run.account_id)
        rows = rows.exclude(execution=run.pk)
        rows = rows.select_related("execution__workflow", "execution__lineage")
        run._found_step_above = rows.defer("output", "error", "tries").order_by("-pk").first()
    found: Step | None = run._found_step_above
    return found


def _descendants(
    run: Execution, declared: Sequence[Execution], above: set[int]
) -> list[tuple[Execution, int]]:
    """In the order of a tree, each with its depth below the run; MAX_CHILDREN at most. `declared`:
    those that name this run as their parent; `above`: those that stand over it already."""
    runs: dict[int, Execution] = {run.pk: run}
    parents: dict[int, int] = {}
    level = [run]
    for depth in range(DOWN):
        following: list[Execution] = []
        pairs = _by_steps(run.account_id, level)
        if depth:
            by_ref = {row.ref: row.pk for row in level}
            rows = _came_of(run.account_id, level)
            pairs += [(by_ref[x.parent_ref], x.execution) for x in rows if x.parent_ref in by_ref]
        else:
            pairs += [(run.pk, child) for child in declared]
        for parent, child in pairs:
            if child.pk in {run.pk, *above} or parent in _way_up(child.pk, parents):
                continue
            if child.pk not in runs and len(runs) > MAX_CHILDREN:
                continue
            if parent != child.pk and child.pk not in _way_up(parent, parents):
                runs.setdefault(child.pk, child)
                parents[child.pk] = parent
                following.append(child)
        level = following
        if not level:
            break
    children: dict[int, list[Execution]] = {}
    for pk, parent in parents.items():
        children.setdefault(parent, []).append(runs[pk])
    return list(_in_order(run.pk, children, 1))


def _way_up(pk: int, parents: Mapping[int, int]) -> list[int]:
    way: list[int] = []
    while pk in parents and pk not in way:
        way.append(pk)
        pk = parents[pk]
    return way


def _in_order(
    pk: int, children: Mapping[int, list[Execution]], depth: int
) -> Iterator[tuple[Execution, int]]:
    for child in sorted(children.get(pk, ()), key=lambda row: (row.sort_at, row.pk)):
        yield child, depth
        yield from _in_order(child.pk, children, depth + 1)


def _came_of(account_id: int, level: Sequence[Execution]) -> list[Lineage]:
    """Of the runs that one of these started, or that try one of these again."""
    refs = [row.ref for row in level]
    rows = Lineage.objects.filter(Q(parent_ref__in=refs) | Q(retry_of__in=refs), account=account_id)
    rows = rows.exclude(pk__in=[row.pk for row in level])
    return list(rows.select_related("execution__workflow").order_by("pk")[:MAX_CHILDREN])


def _by_steps(account_id: int, level: Sequence[Execution]) -> list[tuple[int, Execution]]:
    """Pairs of a run of this level and one that a step of it started."""
    steps = Step.objects.filter(execution__in=[row.pk for row in level]).exclude(run_ref="")
    links = list(steps.order_by("pk").values_list("execution", "run_ref")[:MAX_CHILDREN])
    if not links:
        return []
    started = _runs().filter(account=account_id, ref__in=[ref for _, ref in links])
    rows = {row.ref: row for row in started}
    return [(pk, rows[ref]) for pk, ref in links if ref in rows and rows[ref].pk != pk]


def _tried_again(run: Execution) -> list[tuple[Execution, str]]:
    """The run that this one tries again."""
    ref = _lineage(run).retry_of
    found = _runs().filter(account=run.account_id, ref=ref).first() if ref else None
    return [(found, "tried again by this run")] if found else []


def _runs() -> QuerySet[Execution]:
    return Execution.objects.select_related("workflow", "lineage")


def parent_of(run: Execution) -> dict[str, Any] | None:
    """The run that started this one, of the same account: who sees one sees both. `place`: the step
    that did, where one is known."""
    parent, step = _above(run), _step_above(run)
    if parent is None:
        return None
    is_by_step = step is not None and step.execution_id == parent.pk
    return {
        "id": parent.pk,
        "place": f"?step={step.pk}#step-{step.pk}" if step and is_by_step else "",
        "name": plain(parent.workflow.name) or plain(parent.ref),
        "label": plain(parent.name),
    }


def _member(row: Execution, depth: int) -> dict[str, Any]:
    return {
        "depth": min(depth, UP + DOWN),
        "id": row.pk,
        "label": plain(row.label, 120),
        "workflow": plain(row.workflow.name, 120) or "(no name)",
        "status": STATUS_VIEWS[row.status],
        "took": row.finished_at - row.started_at if row.started_at and row.finished_at else None,
        "since": row.started_at if not row.is_final and row.missing_since is None else None,
    }

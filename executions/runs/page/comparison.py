"""Two runs side by side: what differs in their facts, input, steps and outputs comes first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions.display.formatting import duration, moment
from executions.display.id_params import row_id
from executions.display.statuses import STATUS_VIEWS, StatusView
from executions.models import Execution, ExecutionDetail, Step
from executions.payloads.text_escaping import plain
from executions.runs.page import person_waits
from executions.runs.page.views import get_run
from executions.web.live_page import show
from providers import exact_json

MAX_VALUE = 2**18  # stored bytes of an input or output; larger ones are not compared
MOST_VALUES = 2000  # leaves of one value
MOST_STEPS = 5000  # of one run
MOST_ROWS = 300  # of one part
MAX_TEXT = 300  # characters of a value
MUCH = 1.5  # times as long: the duration of a step differs
LEAST = 1.0  # seconds; a smaller difference is none


class Row(NamedTuple):
    name: str
    a: str
    b: str
    differs: bool
    a_status: StatusView | None = None
    b_status: StatusView | None = None


@require_GET
def comparison(request: HttpRequest) -> HttpResponse:
    """`?a=7&b=8`. 404 where one is not there, or not for this person."""
    a, b = (_run(request, name) for name in "ab")
    parts = [
        ("Run", _facts(a, b)),
        ("Input", _values(a, b, "input")),
        ("Steps", _steps(a, b)),
        ("Output", _values(a, b, "output")),
    ]
    context = {
        "runs": [_shown(run) for run in (a, b)],
        "turned": f"?a={b.pk}&b={a.pk}",
        "is_same_workflow": a.workflow_id == b.workflow_id,
        "differing": [(name, _some(rows, differs=True)) for name, rows in parts],
        "same": [(name, _some(rows, differs=False)) for name, rows in parts],
        "most": MOST_ROWS,
    }
    return show(request, "executions/runs/page/comparison.html", context)


def _run(request: HttpRequest, name: str) -> Execution:
    pk = row_id(request.GET.get(name, ""))
    if pk is None:
        raise Http404
    return get_run(request, pk)


def _some(rows: list[Row], *, differs: bool) -> list[Row]:
    return [row for row in rows if row.differs == differs][:MOST_ROWS]


def _shown(run: Execution) -> dict[str, Any]:
    return {
        "id": run.pk,
        "workflow": plain(run.workflow.name, 160) or "(no name)",
        "label": plain(run.label, 160),
        "account": run.account.name,
        "status": STATUS_VIEWS[run.status],
        "started": run.started_at,
    }


def _facts(a: Execution, b: Execution) -> list[Row]:
    status = tuple(STATUS_VIEWS[run.status] for run in (a, b))
    took = tuple(_took(run) for run in (a, b))
    waited = tuple(person_waits.waited(run, run.finished_at or timezone.now()) for run in (a, b))
    errors = tuple(plain(run.error_summary, MAX_TEXT) for run in (a, b))
    rows = [
        Row("Status", status[0].word, status[1].word, a.status != b.status, *status),
        _plain("Workflow", plain(a.workflow.name), plain(b.workflow.name)),
        _plain("Account", a.account.name, b.account.name),
        _plain("Started", moment(a.started_at), moment(b.started_at), differs=False),
        Row("Took", _words(took[0]), _words(took[1]), _is_other(took[0], took[1])),
        Row("Waited for a person", _words(waited[0]), _words(waited[1]), _is_other(*waited)),
        _plain("Error", *errors),
    ]
    return [row for row in rows if row.a or row.b]


def _plain(name: str, a: str, b: str, *, differs: bool | None = None) -> Row:
    return Row(name, a, b, a != b if differs is None else differs)


def _took(run: Execution) -> float | None:
    if run.started_at is None:
        return None
    return ((run.finished_at or timezone.now()) - run.started_at).total_seconds()


def _words(seconds: float | None) -> str:
    return duration(seconds) if seconds else ""


def _is_other(a: float | None, b: float | None) -> bool:
    """Whether one takes clearly longer than the other."""
    if a is None or b is None:
        return a is not b
    low, high = sorted((a, b))
    return high - low >= LEAST and high > MUCH * low


# ------------------------------------------------------------------------------------------ values


def _values(a: Execution, b: Execution, part: str) -> list[Row]:
    """Every value of the input or output by its path. One query."""
    is_small = RawSQL(f"pg_column_size({part}) < %s", [MAX_VALUE], BooleanField())  # noqa: S611
    found = ExecutionDetail.objects.filter(is_small, pk__in=(a.pk, b.pk)).values_list("pk", part)
    values = {pk: dict(_leaves(value)) for pk, value in found}
    ours, theirs = values.get(a.pk, {}), values.get(b.pk, {})
    return [
        _plain(plain(path, 160), ours.get(path, ""), theirs.get(path, ""))
        for path in dict.fromkeys([*ours, *theirs])
    ]


def _leaves(value: Any) -> Iterator[tuple[str, str]]:
    """(path, text) of at most MOST_VALUES texts, numbers and empty groups."""
    left = [("", value)]
    for _ in range(MOST_VALUES):
        while left and isinstance(left[-1][1], dict | list) and left[-1][1]:
            path, group = left.pop()
            entries = group.items() if isinstance(group, Mapping) else enumerate(group)
            left += [(f"{path} › {name}" if path else str(name), each) for name, each in entries][
                :MOST_VALUES
            ][::-1]
        if not left:
            return
        path, leaf = left.pop()
        if leaf not in (None, "", {}, []):
            text = leaf if isinstance(leaf, str) else exact_json.written(leaf)
            yield path or "value", plain(text, MAX_TEXT)


# ------------------------------------------------------------------------------------------- steps


def _steps(a: Execution, b: Execution) -> list[Row]:
    """Steps of one name in one block, the first with the first. Two queries."""
    ours, theirs = _by_name(a), _by_name(b)
    rows = []
    for key in dict.fromkeys([*ours, *theirs]):
        one, other = ours.get(key), theirs.get(key)
        took = tuple(_seconds(each) for each in (one, other))
        status = tuple(STATUS_VIEWS[each.status] if each else None for each in (one, other))
        name = " / ".join(plain(part, 80) for part in (*key[0], key[1]))
        differs = status[0] != status[1] or _is_other(*took)
        rows.append(Row(name, _words(took[0]), _words(took[1]), differs, *status))
    return rows


Key = tuple[tuple[str, ...], str, int]


def _by_name(run: Execution) -> dict[Key, Step]:
    seen: Counter[tuple[tuple[str, ...], str]] = Counter()
    found: dict[Key, Step] = {}
    columns = ("path", "name", "status", "started_at", "finished_at")
    for step in Step.objects.filter(execution=run).only(*columns)[:MOST_STEPS]:
        name = (tuple(str(part) for part in step.path), step.name)
        found[*name, seen[name]] = step
        seen[name] += 1
    return found


def _seconds(step: Step | None) -> float | None:
    if step is None or step.started_at is None or step.finished_at is None:
        return None
    return (step.finished_at - step.started_at).total_seconds()

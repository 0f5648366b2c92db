"""What each dimension of a filter means for a run, said once, as SQL.

`access_paths` takes from these what no index serves in order; `queryset` takes all of them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from executions.models import OPEN_STATUSES
from executions.search.filters import Filters
from executions.search.overdue import is_overdue
from executions.search.unicode_spellings import both, spellings
from executions.search.unresolved import FLAGS

Condition = tuple[str, tuple[Any, ...]]  # SQL and its parameters; ("", ()) where nothing is asked
NOTHING: Condition = ("", ())
BY_START = ("from", "to")
BY_END = ("finished_from", "finished_to", "ended")

FREE = (
    "q.closed_at IS NULL AND q.is_answerable "
    "AND (coalesce(q.claimed_by_id, q.delegated_to_id, 0) IN (0, %s))"
)
"""A question that a person may answer: nobody else has claimed it or was delegated it."""
HOLDS = "d.input_values && ARRAY[lower(%s), lower(%s)]"


def conditions(
    filters: Filters, run: str = "x", holds: Condition | None = None
) -> dict[str, Condition]:
    """By dimension, those that are asked for, about the run of the alias `run`. `holds`: how to
    tell runs with the text among their input values, if not by looking at each."""
    now = filters.now or datetime.now(UTC)
    carries = (
        f"EXISTS (SELECT 1 FROM executions_runkey r WHERE r.execution_id = {run}.id "  # noqa: S608
        "AND r.value = ANY(%s))"
    )
    labeled = (
        f"EXISTS (SELECT 1 FROM executions_runlabel l WHERE l.execution_id = {run}.id "  # noqa: S608
        "AND l.text = ANY(%s))"
    )
    took = (
        f"coalesce({run}.finished_at, CASE WHEN {run}.status = ANY(%s) THEN %s::timestamptz END) "
        f"- {run}.started_at"
    )
    started, finished = filters.started, filters.finished
    one: dict[str, tuple[str, Any]] = {  # its only parameter; None or nothing: not asked
        "account": (f"{run}.account_id = ANY(%s)", filters.account_ids()),
        "status": (f"{run}.status = ANY(%s)", filters.statuses()),
        "workflow": (f"{run}.workflow_id = ANY(%s)", filters.workflow_ids()),
        "not_workflow": (f"NOT {run}.workflow_id = ANY(%s)", filters.barred_workflow_ids()),
        "error": (f"{run}.error_key = ANY(%s)", filters.values.get("error")),
        "not_error": (f"NOT {run}.error_key = ANY(%s)", filters.excluded.get("error")),
        "key": (carries, filters.keys()),
        "not_key": (f"NOT {carries}", filters.barred_keys()),
        "label": (labeled, filters.labels()),
        "not_label": (f"NOT {labeled}", filters.excluded.get("label")),
        "from": (f"{run}.sort_at >= %s", started.since),
        "to": (f"{run}.sort_at < %s", started.until),
        "finished_from": (f"{run}.finished_at >= %s", finished.since),
        "finished_to": (f"{run}.finished_at < %s", finished.until),
        "mine": (
            f"EXISTS (SELECT 1 FROM executions_question q WHERE q.execution_id = {run}.id "  # noqa: S608
            f"AND {FREE})",
            filters.me if "mine" in filters.flags else None,
        ),
    }
    found: dict[str, Condition] = {
        key: (sql, (value,)) for key, (sql, value) in one.items() if value not in (None, [])
    }
    for key, sign in (("took_min", ">="), ("took_max", "<=")):
        if (seconds := getattr(filters, key)) is not None:
            long = timedelta(seconds=seconds)
            found[key] = (f"{took} {sign} %s", (list(OPEN_STATUSES), now, long))
    if filters.waiting is not None:
        found["waiting"] = (
            f"{run}.changed_at <= %s",
            (now - timedelta(seconds=filters.waiting),),
        )
    if "overdue" in filters.flags:
        found["overdue"] = (is_overdue(run), ())
    found.update({flag: (sql(run), ()) for flag, sql in FLAGS.items() if flag in filters.flags})
    if filters.is_by_end:
        found["ended"] = (f"{run}.finished_at IS NOT NULL", ())
    if filters.text:
        found["text"] = _text(filters.text, run, holds or _holds(filters.text, run))
    return found


def every(*asked: Condition) -> Condition:
    """All of them together."""
    kept = [each for each in asked if each[0]]
    return " AND ".join(sql for sql, _ in kept), tuple(value for _, own in kept for value in own)


def says(text: str, run: str = "x") -> Condition:
    """Its name, identifier, error or telling values have the text. Together, and with something
    between them that nobody types: one comparison is cheaper than four."""
    values = f"array_to_string({run}.telling_values, chr(31))"
    searched = f"concat_ws(chr(31), {run}.name, {run}.ref, {run}.error_summary, {values})"
    return f"{searched} ILIKE ANY(%s)", (patterns(text),)


def either(*asked: Condition) -> Condition:
    return (
        f"({' OR '.join(sql for sql, _ in asked)})",
        tuple(value for _, own in asked for value in own),
    )


def patterns(text: str) -> list[str]:
    """For ILIKE ANY."""
    plain = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return [f"%{each}%" for each in spellings(plain)]


def _text(text: str, run: str, holds: Condition) -> Condition:
    named = (
        f"EXISTS (SELECT 1 FROM executions_workflow n WHERE n.id = {run}.workflow_id "  # noqa: S608
        "AND n.name ILIKE ANY(%s))"
    )
    return either(says(text, run), (named, (patterns(text),)), holds)


def _holds(text: str, run: str) -> Condition:
    detail = "executions_executiondetail d"
    sql = f"EXISTS (SELECT 1 FROM {detail} WHERE d.execution_id = {run}.id AND {HOLDS})"  # noqa: S608
    return sql, both(text)

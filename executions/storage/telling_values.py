"""The values by which people know the runs of a workflow: learned from inputs, chosen by operators,
written with each run, and written anew in slices when the choice changes.

`store.sql` and the slices take the meaning from one fragment, `values_sql`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from executions.live.publish import publish_changed
from executions.models import ExecutionDetail, Workflow
from executions.payloads import telling_paths
from executions.sql_sections import statements
from providers.redaction import MASK

_sql = statements(__file__)

SAMPLE = 40  # newest inputs looked at
AGAIN_AFTER = timedelta(hours=1)
SOON = timedelta(minutes=1)  # where there were too few inputs
AT_ONCE = 5  # workflows learned about after one poll
SECONDS = 1.5
SLICE = 2000  # runs written anew with one statement

_PATTERNS = {  # names that tell nothing
    "uuid": "'[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}'",
    "blank": "'^([0-9a-f]{12,}|[0-9]+)$'",
}


def values_sql(given: str, keys: str, name: str) -> str:
    """SQL: the values of the run `n` of a workflow whose columns (`workflow_name`, `shown_values`,
    ...) stand beside it. `given`: its input; `keys`: the texts of its business keys."""
    return _sql(
        "values", given=given, keys=keys, label=name, mask=MASK.replace("'", "''"), **_PATTERNS
    )


def learn(execution_ids: Sequence[int]) -> int:
    """Learn what tells the runs of these runs' workflows apart, those that were looked at lately
    left out. Returns how many choices changed."""
    changed = 0
    with connection.cursor() as cursor:
        given: list[Any] = [list(execution_ids), AGAIN_AFTER, AT_ONCE]
        cursor.execute(_sql("claim"), given)
        claimed = [row[0] for row in cursor.fetchall()]
    for pk in claimed:
        changed += _learn(pk)
    return changed


def _learn(workflow_id: int) -> int:
    with_input = ExecutionDetail.objects.filter(
        execution__workflow_id=workflow_id, input__isnull=False
    )
    newest = with_input.order_by("-execution__sort_at", "-execution_id")
    found = telling_paths.learn(list(newest.values_list("input", flat=True)[:SAMPLE]))
    with connection.cursor() as cursor:
        if found is None:
            again: list[Any] = [AGAIN_AFTER - SOON, workflow_id]
            cursor.execute(_sql("again"), again)
            return 0
        cursor.execute(_sql("keep_learned"), {"found": found, "id": workflow_id})
        return int(cursor.rowcount)


def carry_on() -> None:
    """Write stored runs anew whose workflow's choice changed, slice by slice, for a moment."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and _carry_on():
        pass


def _carry_on() -> bool:
    """One slice; whether there was one."""
    with transaction.atomic(), connection.cursor() as cursor:
        due = Workflow.objects.filter(values_due_below__isnull=False).order_by("pk")
        pk = due.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)
        workflow_id = pk.first()
        if workflow_id is None:
            return False
        values = values_sql("d.input", "k.texts", "n.name")
        cursor.execute(_sql("rewrite", values=values), {"id": workflow_id, "slice": SLICE})
        publish_changed(cursor.fetchall())
    return True

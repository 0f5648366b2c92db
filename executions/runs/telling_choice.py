"""Which input values people know the runs of a workflow by: an operator chooses from one run.

Each choice is one statement, audited; runs that are stored get their values in the background.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from executions.access import audit_log
from executions.access.permissions import require_may_act
from executions.live import publish
from executions.models import Execution, ExecutionDetail, Workflow
from executions.payloads.telling_paths import MAX_CHOICES, MAX_PATH, scalars
from executions.payloads.text_escaping import plain
from executions.sql_sections import statements

_sql = statements(__file__)

MAX_INPUT = 2**16  # stored bytes; larger ones offer nothing
MOST = 3  # values of one workflow that operators choose


class NotChosen(Exception):
    """Show it: the choice was not kept. str() is a sentence for a person."""


@dataclass(frozen=True)
class Choice:
    """One value of a run's input, as its page offers it."""

    path: str
    words: str
    """The names on its path."""
    value: str
    is_shown: bool


def choices_of(run: Execution) -> list[Choice]:
    """The values of its input that lists can show, those that they do first. One query."""
    is_small = RawSQL("pg_column_size(input) < %s", [MAX_INPUT], BooleanField())
    rows = ExecutionDetail.objects.filter(is_small, pk=run.pk)
    given = rows.values_list("input", flat=True).first()
    shown = shown_of(run.workflow)
    found = [
        Choice(path, plain(path.replace("/", " › "), 80), plain(str(value), 80), path in shown)
        for path, value in scalars(given)
    ]
    return sorted(found, key=lambda each: not each.is_shown)[:MAX_CHOICES]


def shown_of(workflow: Workflow) -> list[str]:
    """The paths of the values that its runs show."""
    learned = [path for path in workflow.learned_values if path not in workflow.hidden_values]
    return [*workflow.shown_values, *learned]


def show(by: User, run: Execution, path: str, *, address: str | None = None) -> bool:
    """Show this value of the run's input in every run of its workflow. False: it was so. Raises
    PermissionDenied and NotChosen, as `hide` does."""
    if len(run.workflow.shown_values) >= MOST and path not in run.workflow.shown_values:
        raise NotChosen(f"At most {MOST} values of a workflow are shown. Hide one of them first.")
    return _choose(by, run, path, audit_log.Action.VALUE_SHOWN, address)


def hide(by: User, run: Execution, path: str, *, address: str | None = None) -> bool:
    """Do not show it any more."""
    return _choose(by, run, path, audit_log.Action.VALUE_HIDDEN, address)


def _choose(
    by: User, run: Execution, path: str, action: audit_log.Action, address: str | None
) -> bool:
    require_may_act(by, run.account_id)
    if len(path) > MAX_PATH or path not in {each.path for each in choices_of(run)}:
        raise NotChosen("The input of this run has no such value.")
    statement = "show" if action is audit_log.Action.VALUE_SHOWN else "hide"
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_sql(statement), {"id": run.workflow_id, "path": path, "most": MOST})
            changed = bool(cursor.rowcount)
        if changed:
            audit_log.record(
                by,
                action,
                account_name=run.account.name,
                target=f"workflow:{run.workflow.name}",
                detail={"value": path},
                address=address,
            )
            transaction.on_commit(lambda: publish.publish_notes(run.account_id))
    return changed

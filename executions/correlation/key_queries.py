"""One business key through every engine: the runs that carry it, and keys to choose from.

Called by `views`; reads rows alone. Every function takes the accounts that its reader may see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from executions.models import Execution, Question, RunKey
from executions.payloads.business_keys import normalized
from executions.sql_sections import statements

_sql = statements(__file__)

MOST = 200  # runs on one time line
NEWEST = 500  # rows looked at for keys to choose from
OFFERED = 50


@dataclass(frozen=True)
class Found:
    """A key that runs carry, as one of them writes it."""

    value: str
    text: str
    name: str
    runs: int
    """MOST + 1 where there are more than its page shows."""
    accounts: int
    newest_at: datetime


def runs_with(
    value: str, account_ids: Sequence[int], most: int | None = None
) -> tuple[list[Execution], bool]:
    """The newest `most`, else MOST, in the order they started, each with its workflow and
    `key_text`; and whether there are older ones. One query."""
    most = most or MOST
    rows = _rows(account_ids).filter(value=value).order_by("-sort_at", "-execution_id")
    found = list(rows.select_related("execution__workflow")[: most + 1])
    runs = []
    for row in reversed(found[:most]):
        row.execution.key_text, row.execution.key_name = row.text, row.name  # type: ignore[attr-defined]
        runs.append(row.execution)
    return runs, len(found) > most


_ASKED = ("execution_id", "title", "opened_at", "is_opening_reported", "is_answerable")


def questions_of(runs: Sequence[Execution]) -> dict[int, list[Question]]:
    """What waits for a person in these runs. One query."""
    asked: dict[int, list[Question]] = {}
    rows = Question.objects.filter(
        execution_id__in=[run.pk for run in runs], closed_at__isnull=True
    )
    for question in rows.only(*_ASKED).order_by("pk"):
        asked.setdefault(question.execution_id, []).append(question)
    return asked


def is_known(value: str, account_ids: Sequence[int]) -> bool:
    return _rows(account_ids).filter(value=value).exists()


def beginning_with(text: str, account_ids: Sequence[int]) -> list[Found]:
    """Keys that begin like this, in their own order."""
    start = normalized(text)
    return _grouped(
        _sql("beginning"),
        account_ids,
        start=start,
        end=start + "\U0010ffff",
    )


def newest(account_ids: Sequence[int]) -> list[Found]:
    """The keys of the runs that were stored last."""
    return _grouped(_sql("newest"), account_ids)


def _rows(account_ids: Sequence[int]) -> QuerySet[RunKey]:
    return RunKey.objects.filter(account_id__in=list(account_ids))


def _grouped(sql: str, account_ids: Sequence[int], **more: Any) -> list[Found]:
    counted = {"newest": NEWEST, "offered": OFFERED, "most": MOST + 1}
    with connection.cursor() as cursor:
        cursor.execute(sql, {"accounts": list(account_ids), **counted, **more})
        return [Found(*row) for row in cursor.fetchall()]

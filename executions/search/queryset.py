"""A filter as one query over all of its runs: for an export, and to tell whether rows still match.

Lists that must stay flat use `pages`; both take the meaning of a filter from `conditions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL

from executions.models import Execution
from executions.search import keyset_walk
from executions.search.conditions import conditions, every
from executions.search.filters import Filters


def queryset(filters: Filters) -> QuerySet[Execution]:
    """Every run of the list, in its order."""
    if filters.is_impossible:
        return Execution.objects.none()
    found = Execution.objects.all()
    sql, params = every(*conditions(filters, run="executions_execution").values())
    if sql:
        found = found.filter(RawSQL(sql, params, BooleanField()))  # noqa: S611 - our own words
    sign = "" if filters.order == "oldest" else "-"
    return found.order_by(f"{sign}{_column(filters)}", f"{sign}pk")


def walk(filters: Filters, size: int) -> Iterator[list[Execution]]:
    """Every run of the list with its workflow, in its order, `size` at a time."""
    column = _column(filters)
    rows = queryset(filters).filter(**{f"{column}__isnull": False}).select_related("workflow")
    return keyset_walk.walk(rows, column, "pk", size=size, descending=filters.order != "oldest")


def _column(filters: Filters) -> str:
    return "finished_at" if filters.is_by_end else "sort_at"


def matching(filters: Filters, ids: Iterable[int]) -> set[int]:
    """Which of these runs belong in the list now."""
    return set(queryset(filters).filter(pk__in=list(ids)).values_list("pk", flat=True))

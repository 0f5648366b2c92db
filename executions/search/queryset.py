"""A filter as one query over all of its runs: for an export, and to tell whether rows still match.

Lists that must stay flat use `pages`; both find the same runs, and a test holds them together.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db.models import (
    Case,
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Now

from executions.models import (
    OPEN_STATUSES,
    Execution,
    ExecutionDetail,
    Question,
    RunKey,
)
from executions.search.filters import Filters
from executions.search.overdue import with_limits
from executions.search.unicode_spellings import holds, spellings


def queryset(filters: Filters) -> QuerySet[Execution]:
    """Every run of the list, in its order."""
    if filters.is_impossible:
        return Execution.objects.none()
    found = _in_time(_chosen(Execution.objects.all(), filters), filters)
    if filters.text:
        found = found.filter(_text(filters.text))
    if "mine" in filters.flags:
        found = found.filter(Exists(_unclaimed(filters.me)))
    if "overdue" in filters.flags:
        found = with_limits(found).filter(overdue_at__lt=Now())
    column, sign = ("finished_at" if filters.is_by_end else "sort_at"), "-"
    if filters.order == "oldest":
        sign = ""
    return found.order_by(f"{sign}{column}", f"{sign}pk")


def matching(filters: Filters, ids: Iterable[int]) -> set[int]:
    """Which of these runs belong in the list now."""
    return set(queryset(filters).filter(pk__in=list(ids)).values_list("pk", flat=True))


def _chosen(found: QuerySet[Execution], filters: Filters) -> QuerySet[Execution]:
    ids, statuses = filters.account_ids(), filters.statuses()
    if ids is not None:
        found = found.filter(account_id__in=ids)
    if statuses is not None:
        found = found.filter(status__in=statuses)
    if filters.workflow_ids():
        found = found.filter(workflow_id__in=filters.workflow_ids())
    if filters.barred_workflow_ids():
        found = found.exclude(workflow_id__in=filters.barred_workflow_ids())
    if filters.values.get("error"):
        found = found.filter(error_key__in=filters.values["error"])
    if filters.excluded.get("error"):
        found = found.exclude(error_key__in=filters.excluded["error"])
    if filters.keys():
        found = found.filter(_carries(filters.keys()))
    if filters.barred_keys():
        found = found.exclude(_carries(filters.barred_keys()))
    return found


def _carries(values: list[str]) -> Exists:
    return Exists(RunKey.objects.filter(execution=OuterRef("pk"), value__in=values))


def _in_time(found: QuerySet[Execution], filters: Filters) -> QuerySet[Execution]:
    for column, asked in (("sort_at", filters.started), ("finished_at", filters.finished)):
        if asked.since:
            found = found.filter(**{f"{column}__gte": asked.since})
        if asked.until:
            found = found.filter(**{f"{column}__lt": asked.until})
    if filters.is_by_end:
        found = found.filter(finished_at__isnull=False)
    now = filters.now or datetime.now(UTC)
    if filters.waiting is not None:
        found = found.filter(changed_at__lte=now - timedelta(seconds=filters.waiting))
    if filters.took_min is not None or filters.took_max is not None:
        is_open = Case(When(status__in=OPEN_STATUSES, then=Value(now)), default=None)
        end = Coalesce("finished_at", is_open, output_field=DateTimeField())
        took = ExpressionWrapper(end - F("started_at"), output_field=DurationField())
        found = found.alias(took=took)
        if filters.took_min is not None:
            found = found.filter(took__gte=timedelta(seconds=filters.took_min))
        if filters.took_max is not None:
            found = found.filter(took__lte=timedelta(seconds=filters.took_max))
    return found


def _text(text: str) -> Q:
    holding = ExecutionDetail.objects.filter(
        execution=OuterRef("pk"),
        input_values__overlap=[each.lower() for each in spellings(text)],
    )
    said = holds(text, "workflow__name", "name", "ref", "error_summary")
    return said | Q(Exists(holding))


def _unclaimed(me: int | None) -> QuerySet[Question]:
    is_free = Q(claimed_by__isnull=True) | Q(claimed_by=me)
    return Question.objects.filter(
        is_free, execution=OuterRef("pk"), closed_at__isnull=True, is_answerable=True
    )

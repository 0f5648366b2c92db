"""Freezes the runs that a person chose as the items of a batch, and says which can be asked.

Called by views. The list is resolved here, by the parser of the page, and never grows after that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from executions.access.permissions import visible_executions
from executions.bulk import answers
from executions.bulk.batch_lifecycle import recount
from executions.commands.eligibility import assessed
from executions.display.formatting import stamped
from executions.models import (
    Batch,
    BatchItem,
    BatchState,
    Execution,
    ItemState,
    Question,
    Workflow,
)
from executions.search import queryset as run_queryset
from executions.search.filters import Filters
from executions.search.questions import Wanted, form_key, in_order
from providers.contract import Verb
from providers.models import ProviderAccount

MOST = 10_000  # runs of one batch
MOST_ANSWERS = 500  # questions of one batch: the form of each is compiled
SECONDS = 15  # that finding the runs of a filter may take
FRESH_FOR = timedelta(minutes=15)  # how long a preview can be believed
RETRIED: Mapping[str, tuple[ItemState, ...]] = {
    "failed": (ItemState.REJECTED, ItemState.FAILED),
    "unsent": (ItemState.STOPPED, ItemState.SKIPPED),
}


class NothingToDo(Exception):
    """Show it: no batch can be made of this. str() is a sentence for a person."""


@dataclass(frozen=True)
class Asked:
    """Who wants what, from where: the same for every way to choose the runs."""

    user: User
    kind: Verb
    key: UUID
    accounts: Mapping[int, ProviderAccount]
    """Every account the person may see, by id."""


def freeze_matching(asked: Asked, filters: Filters) -> Batch:
    """Freeze every run that the filter finds now, newest first, at most MOST.

    Raises NothingToDo.
    """
    if filters.ignored:
        raise NothingToDo(f"The filter was not understood, so nothing was selected. "
                          f"{' '.join(filters.ignored[:3])}")  # fmt: skip
    found = run_queryset.queryset(filters).filter(account_id__in=list(asked.accounts))
    ids = _in_time(found.order_by("-sort_at", "-pk").values_list("pk", flat=True)[: MOST + 1])
    draft = Batch(query=filters.query(), words=in_words(filters), is_cut=len(ids) > MOST)
    return _freeze(asked, draft, ids[:MOST])


def freeze_picked(asked: Asked, ids: Iterable[int], filters: Filters) -> Batch:
    """Freeze these runs, without those that the person may not see. Raises NothingToDo."""
    chosen = list(dict.fromkeys(ids))
    found = visible_executions(asked.user).filter(pk__in=chosen[:MOST])
    words = "picked by hand" if filters.is_empty else f"picked by hand from {in_words(filters)}"
    draft = Batch(query=filters.query(), words=words, is_cut=len(chosen) > MOST)
    return _freeze(
        asked, draft, list(found.order_by("-sort_at", "-pk").values_list("pk", flat=True))
    )


def freeze_questions(
    asked: Asked, ids: Iterable[int], wanted: Wanted, *, is_all_alike: bool = False
) -> Batch:
    """Freeze these questions, without those that the person may not see; with `is_all_alike` all
    that ask the same under the filter of the inbox. They are to be of one form: that of most of
    them. Raises NothingToDo."""
    chosen = list(dict.fromkeys(ids))
    seen = Question.objects.filter(
        pk__in=chosen[:MOST_ANSWERS], execution__account_id__in=list(asked.accounts)
    ).annotate(form_key=form_key())
    rows = list(in_order(seen).select_related("execution__workflow"))
    alike = Counter((row.execution.workflow_id, row.form_key) for row in rows)  # type: ignore[attr-defined]
    if not alike:
        raise NothingToDo("No question was selected, or none of them exists any more.")
    [((flow, key), _)] = alike.most_common(1)
    draft = Batch(query=wanted.query(), is_cut=len(chosen) > MOST_ANSWERS)
    draft.words = "picked by hand in the inbox"
    found = [row.pk for row in rows]
    of_form = [row for row in rows if (row.execution.workflow_id, row.form_key) == (flow, key)]  # type: ignore[attr-defined]
    if is_all_alike:
        same = wanted.questions(asked.user.pk).annotate(form_key=form_key())
        same = same.filter(execution__workflow_id=flow, form_key=key)
        of_form = list(in_order(same.select_related("execution__workflow"))[: MOST_ANSWERS + 1])
        draft.is_cut = len(of_form) > MOST_ANSWERS
        found = [row.pk for row in of_form[:MOST_ANSWERS]]
        if not found:
            raise NothingToDo("None of these questions waits any more.")
        narrowed = ", under the filter of the inbox" if wanted.is_narrowed else ""
        draft.words = f"all that ask the same in {of_form[0].execution.workflow.name}{narrowed}"
    draft.asked = answers.asked_by(of_form, key)
    if problem := answers.shared_form(draft).problem:
        raise NothingToDo(problem)
    return _freeze(asked, draft, found)


def freeze_retry(asked: Asked, batch: Batch, which: str) -> Batch:
    """Freeze the items of a batch that did not work ("failed") or were never sent ("unsent")."""
    items = batch.items.filter(state__in=RETRIED[which], account_id__in=list(asked.accounts))
    of = "question_id" if asked.kind is Verb.ANSWER else "execution_id"
    ids = list(items.order_by("pk").values_list(of, flat=True))
    what = "did not work" if which == "failed" else "were not sent"
    draft = Batch(words=f"what {what} in batch {batch.pk}", retry_of=batch, reason=batch.reason)
    draft.asked = batch.asked
    again = _freeze(asked, draft, ids)
    if asked.kind is Verb.ANSWER and not again.sealed_answer:
        answers.keep(again, answers.kept(batch), answers.shared_form(batch))
    return again


def in_words(filters: Filters) -> str:
    """The filter as a sentence; times that are relative now are said as the moment they mean."""
    if filters.is_empty:
        return "every run that you may see"
    names = Workflow.objects.filter(
        pk__in=[*filters.workflow_ids(), *filters.barred_workflow_ids()]
    )
    chips = filters.chips(dict(names.values_list("pk", "name")))
    parts = [f"{chip.label} is {'not ' * chip.is_exclusion}{chip.value}" for chip in chips]
    for asked in (filters.started, filters.finished):
        if asked.preset and asked.since:
            parts.append(f"that is since {stamped(asked.since)}")
    return ", ".join(parts)


def _in_time(found: Any) -> list[int]:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = %s", [SECONDS * 1000])
            ids = list(found)
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
            return ids
    except OperationalError as error:
        raise NothingToDo(
            "Finding all these runs takes too long. Narrow the filter, by account or by time."
        ) from error


def _freeze(asked: Asked, draft: Batch, ids: list[int]) -> Batch:
    """The batch and its items in one transaction; the one that this form made before if there is
    one."""
    known = Batch.objects.filter(key=asked.key, requested_by=asked.user).first()
    if known is not None:
        return known
    if not ids:
        raise NothingToDo("Nothing was selected, or none of these runs exists any more.")
    draft.key, draft.kind, draft.requested_by = asked.key, asked.kind.value, asked.user
    try:
        with transaction.atomic():
            draft.save(force_insert=True)
            rows = [
                BatchItem(batch=draft, execution=run, question=question, account_id=run.account_id,
                          status=run.status, message=why,
                          state=ItemState.INELIGIBLE if why else ItemState.WAITING)
                for run, question, why in _assessed(draft, ids, asked.accounts)
            ]  # fmt: skip
            BatchItem.objects.bulk_create(rows, batch_size=2000)
            recount([draft.pk])
    except IntegrityError:  # the same form, twice at the same moment
        known = Batch.objects.filter(key=asked.key, requested_by=asked.user).first()
        if known is None:
            raise NothingToDo("This page belongs to another user. Reload it.") from None
        return known
    draft.refresh_from_db()
    return draft


def _assessed(
    batch: Batch, ids: list[int], accounts: Mapping[int, ProviderAccount]
) -> list[tuple[Execution, Question | None, str]]:
    """Its runs, or questions with their runs, each with the reason why it cannot be asked now."""
    if batch.kind != Verb.ANSWER:
        return [(run, None, why) for run, why in assessed(ids, Verb(batch.kind), accounts)]
    key, user = batch.asked["form_key"], batch.requested_by
    found = answers.assessed(ids, key, accounts, user)
    return [(question.execution, question, why) for question, why in found]


def is_outdated(batch: Batch) -> bool:
    """Whether the preview is too old to be believed."""
    return batch.state == BatchState.DRAFT and batch.assessed_at < timezone.now() - FRESH_FOR


def assess_again(batch: Batch, accounts: Mapping[int, ProviderAccount]) -> None:
    """Look again which runs of a draft can be asked. The list itself stays as it was frozen."""
    with transaction.atomic():
        row = Batch.objects.select_for_update().get(pk=batch.pk)
        if row.state != BatchState.DRAFT:
            return
        items = {item.question_id or item.execution_id: item for item in row.items.all()}
        for run, question, why in _assessed(row, list(items), accounts):
            item = items[question.pk if question else run.pk]
            item.status, item.message = run.status, why
            item.state = ItemState.INELIGIBLE if why else ItemState.WAITING
        BatchItem.objects.bulk_update(items.values(), ["status", "message", "state"], 2000)
        Batch.objects.filter(pk=row.pk).update(assessed_at=timezone.now())
        recount([row.pk])
    batch.refresh_from_db()

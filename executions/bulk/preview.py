"""What a batch would do, before anything is sent: exact counts, who would be asked what, who not,
and why."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet
from django.http import HttpRequest

from executions.bulk.batch_items import PAGE, item_view, page_of, visible_items
from executions.bulk.batch_lifecycle import TYPED_ABOVE, total
from executions.bulk.frozen_selection import MOST, MOST_ANSWERS
from executions.bulk.progress import counted, list_address, title_of
from executions.commands.verbs import RUN_VERBS, VERBS, note_of
from executions.display.statuses import STATUS_VIEWS
from executions.models import Batch, BatchItem, ItemState
from executions.payloads.text_escaping import plain
from executions.web.requester import accounts_of
from providers.contract import Verb

SHOWN = 12  # workflows named in a preview
PREVIEWED = 15  # runs of each part
ONE_ANSWER = "Each of these runs gets this answer. What was sent cannot be taken back."


def _heading(batch: Batch, number: int) -> str:
    if number:
        return f"{title_of(batch, number)}?"
    of_runs, whole = RUN_VERBS.get(batch.kind), total(batch)
    done = of_runs.done if of_runs else "answered"
    if whole == 1:
        return f"This {'run' if of_runs else 'question'} cannot be {done}"
    return f"None of the {counted(batch, whole)} can be {done}"


def preview_of(request: HttpRequest, batch: Batch) -> dict[str, Any]:
    """What would happen, before anything does."""
    number = total(batch, ItemState.WAITING)
    verb, of_runs = VERBS[batch.kind], RUN_VERBS.get(batch.kind)
    accounts = accounts_of(request)
    visible = batch.items.filter(account_id__in=list(accounts)).order_by()
    eligible = visible.filter(state=ItemState.WAITING)
    by_account = [
        (accounts[pk].name, count, note_of(accounts[pk], batch.kind))
        for pk, count in eligible.values_list("account").annotate(n=Count("pk")).order_by("-n")
    ]
    workflows = list(
        eligible.values_list("execution__workflow__name").annotate(n=Count("pk")).order_by("-n")
    )
    by_status = eligible.values_list("status").annotate(n=Count("pk")).order_by("-n")
    reasons = visible.filter(state=ItemState.INELIGIBLE)
    return {
        "batch": batch,
        "noun": verb.word,
        "icon": verb.icon,
        "is_danger": of_runs is not None and of_runs.is_danger,
        "of_questions": batch.kind == Verb.ANSWER,
        "title": title_of(batch, number),
        "heading": _heading(batch, number),
        "number": number,
        "selected": counted(batch, total(batch)),
        "left_out": total(batch, ItemState.INELIGIBLE),
        "words": plain(batch.words, 1000),
        "most": f"{MOST if of_runs else MOST_ANSWERS:,}",
        "must_type": number > TYPED_ABOVE,
        "consequence": of_runs.cost_of_many if of_runs else ONE_ANSWER,
        "by_account": by_account,
        "by_workflow": [(plain(name, 100), count) for name, count in workflows[:SHOWN]],
        "more_workflows": max(0, len(workflows) - SHOWN),
        "by_status": [(STATUS_VIEWS[status], count) for status, count in by_status],
        "by_reason": [
            (message, counted(batch, count))
            for message, count in reasons.values_list("message")
            .annotate(n=Count("pk"))
            .order_by("-n", "message")
        ],
        "assessed": batch.assessed_at,
        "by_question": _by_question(eligible) if not of_runs else [],
        "list_url": list_address(batch),
    }


def _by_question(eligible: QuerySet[BatchItem]) -> list[tuple[str, int]]:
    """They have one form; what they ask may be worded for each run."""
    rows = eligible.values_list("question__title").annotate(n=Count("pk")).order_by("-n")
    return [(plain(title, 160) or "Input is needed", number) for title, number in rows[:SHOWN]]


def preview_items(request: HttpRequest, batch: Batch) -> dict[str, Any]:
    """Who would be asked, and who not and why; the first of each, or a page of one of them."""
    state = request.GET.get("state", "")
    chosen = state if state in (ItemState.WAITING, ItemState.INELIGIBLE) else ""
    parts = []
    for each in (ItemState.INELIGIBLE, ItemState.WAITING):
        if chosen and each != chosen:
            continue
        size = PAGE if chosen else PREVIEWED
        rows, more = page_of(request, visible_items(request, batch), each.value, size)
        parts.append(
            {
                "state": each.value,
                "items": [item_view(row) for row in rows],
                "more": f"?state={each.value}&after={rows[-1].pk}" if more else "",
            }
        )
    return {"parts": [part for part in parts if part["items"]], "chosen": chosen}

"""How far a batch has come: its state, its counts per account, and what may be done about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse

from executions.access.permissions import may_act
from executions.bulk import answers, batch_lifecycle
from executions.bulk.batch_lifecycle import total
from executions.commands.verbs import VERBS
from executions.display.people import user_name
from executions.models import FOLLOWED, Batch, BatchItem, BatchState, ItemState
from executions.payloads.text_escaping import plain
from executions.web.requester import accounts_of, person
from providers.contract import Verb
from providers.models import Health, ProviderAccount

STATES = {  # (lamp, icon, word)
    BatchState.DRAFT: ("unknown", "file", "Not started"),
    BatchState.RUNNING: ("active", "ring", "Running"),
    BatchState.STOPPING: ("warning", "hourglass", "Stopping"),
    BatchState.STOPPED: ("warning", "pause", "Stopped"),
    BatchState.DONE: ("done", "tick", "Done"),
}
ITEM_STATES = {  # (lamp, icon, word)
    ItemState.WAITING: ("unknown", "clock", "Waiting"),
    ItemState.REQUESTED: ("active", "send", "Requested"),
    ItemState.ACCEPTED: ("active", "ring", "Accepted"),
    ItemState.CONFIRMED: ("done", "tick", "Confirmed"),
    ItemState.REJECTED: ("failed", "cross", "Rejected"),
    ItemState.FAILED: ("failed", "triangle", "Outcome unknown"),
    ItemState.SKIPPED: ("warning", "skip", "Skipped"),
    ItemState.STOPPED: ("warning", "pause", "Stopped"),
    ItemState.INELIGIBLE: ("unknown", "slash", "Left out"),
}
BAR = (  # what a bar shows, from left to right
    ("done", (ItemState.CONFIRMED,)),
    ("active", FOLLOWED),
    ("failed", (ItemState.REJECTED, ItemState.FAILED)),
    ("warning", (ItemState.SKIPPED, ItemState.STOPPED)),
)


def counted(batch: Batch, number: int) -> str:
    """`3 runs`, of a batch of answers `3 questions`."""
    noun = "question" if batch.kind == Verb.ANSWER else "run"
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def title_of(batch: Batch, number: int) -> str:
    return f"{VERBS[batch.kind].word} {counted(batch, number)}"


def list_address(batch: Batch) -> str:
    """The list that it was chosen from, with its filter."""
    of_questions = batch.kind == Verb.ANSWER
    return reverse(f"executions:{'inbox' if of_questions else 'list'}") + batch.query


def get_batch(request: HttpRequest, pk: int) -> Batch:
    if pk >= 2**63:
        raise Http404
    found = batch_lifecycle.visible_batches(person(request), accounts_of(request))
    return get_object_or_404(found.select_related("requested_by", "stopped_by"), pk=pk)


def line_of(request: HttpRequest, batch: Batch) -> dict[str, Any]:
    """One line of the list of batches."""
    own = set(accounts_of(request))
    lamp, icon, word = STATES[BatchState(batch.state)]
    number = total(batch, accounts=own) - total(batch, ItemState.INELIGIBLE, accounts=own)
    failed = total(batch, ItemState.REJECTED, ItemState.FAILED, accounts=own)
    if failed and not batch.is_open:
        lamp, icon = "failed", "triangle"
    return {
        "id": batch.pk,
        "title": title_of(batch, number),
        "icon": VERBS[batch.kind].icon,
        "lamp": lamp,
        "state_icon": icon,
        "word": word,
        "by": user_name(batch.requested_by),
        "reason": plain(batch.reason),
        "words": plain(batch.words, 300),
        "at": batch.started_at or batch.created_at,
        "confirmed": total(batch, ItemState.CONFIRMED, accounts=own),
        "under_way": total(batch, *FOLLOWED, accounts=own),
        "failed": failed,
        "skipped": total(batch, ItemState.SKIPPED, accounts=own),
        "stopped": total(batch, ItemState.STOPPED, accounts=own),
        "number": number,
        "bar": bar_of(batch, own),
        "is_draft": batch.state == BatchState.DRAFT,
    }


def head_of(request: HttpRequest, batch: Batch) -> dict[str, Any]:
    """State, counts, accounts and what the person may do about it."""
    accounts = accounts_of(request)
    line = line_of(request, batch)
    tallies = [
        {"state": state.value, "word": word, "icon": icon, "lamp": lamp, "number": number}
        for state, (lamp, icon, word) in ITEM_STATES.items()
        if (number := total(batch, state, accounts=accounts))
    ]
    able = may_act(request.user)
    rows = [_account_row(batch, accounts[pk]) for pk in sorted(batch.accounts) if pk in accounts]
    head = {
        "batch": batch,
        "line": line,
        "tallies": tallies,
        "all_items": f"{total(batch, accounts=accounts):,}",
        "account_rows": rows,
        "is_partly_hidden": any(pk not in accounts for pk in batch.accounts),
        "stopped": batch.stopped_at,
        "stopped_by": user_name(batch.stopped_by) if batch.stopped_at else "",
        "finished": batch.finished_at,
        "undo": _undo(request, batch),
        "may_stop": able and batch_lifecycle.may_stop(person(request), batch),
        "retries": _retries(batch, accounts) if able and not batch.is_open else [],
        "list_url": list_address(batch),
        "of_questions": batch.kind == Verb.ANSWER,
        "answer": answers.in_words(batch) if batch.kind == Verb.ANSWER else [],
    }
    shown = {name: value for name, value in head.items() if name not in ("batch", "retries")}
    key = {"key": str(uuid4())}  # one per drawn form: the same form sent twice is one batch
    return {**head, **key, "stamp_of": (batch.state, shown)}


def _undo(request: HttpRequest, batch: Batch) -> dict[str, Any]:
    """Until when nothing of it is sent, as long as nothing was, and the way to take it back."""
    sent = total(batch) - total(batch, ItemState.WAITING, ItemState.INELIGIBLE)
    if batch.send_after is None or batch.state != BatchState.RUNNING or sent:
        return {}
    is_own = batch.requested_by_id == person(request).pk and may_act(request.user)
    address = reverse("executions:batch-undo", args=[batch.pk])
    return {"until": batch.send_after, "may": is_own, "url": address}


def bar_of(batch: Batch, accounts: Iterable[int]) -> list[dict[str, Any]]:
    """Segments of a bar of 100 units: what is settled, and how."""
    own = list(accounts)
    whole = total(batch, accounts=own) - total(batch, ItemState.INELIGIBLE, accounts=own)
    segments, x = [], 0.0
    for lamp, states in BAR:
        width = 100 * total(batch, *states, accounts=own) / whole if whole else 0
        if width:
            segments.append({"lamp": lamp, "x": f"{x:.2f}", "width": f"{width:.2f}"})
        x += width
    return segments


def _account_row(batch: Batch, account: ProviderAccount) -> dict[str, Any]:
    def count(*states: ItemState) -> int:
        return total(batch, *states, accounts=[account.pk])

    waiting = count(ItemState.WAITING)
    is_held = bool(waiting) and batch.is_open and account.health == Health.FAILING
    return {
        "id": account.pk,
        "name": account.name,
        "waiting": waiting,
        "under_way": count(*FOLLOWED),
        "confirmed": count(ItemState.CONFIRMED),
        "failed": count(ItemState.REJECTED, ItemState.FAILED),
        "not_sent": count(ItemState.SKIPPED, ItemState.STOPPED, ItemState.INELIGIBLE),
        "held": "Held until the account can be read again: its polls fail." if is_held else "",
    }


def _retries(batch: Batch, accounts: Iterable[int]) -> list[tuple[str, str]]:
    """(which, label) of the buttons that make a new batch of a part of this one."""
    own = list(accounts)
    failed = total(batch, ItemState.REJECTED, ItemState.FAILED, accounts=own)
    unsent = total(batch, ItemState.STOPPED, ItemState.SKIPPED, accounts=own)
    buttons = [("failed", f"Retry the {failed:,} that failed")] if failed else []
    return [*buttons, *([("unsent", f"Send the {unsent:,} not sent")] if unsent else [])]


def item_words(item: BatchItem) -> tuple[str, str, str]:
    return ITEM_STATES[ItemState(item.state)]

"""Everything that waits for a person, over all providers. Its badge counts the same query."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from executions.freshness import freshness
from executions.models import OPEN_COMMAND_STATES, Command, Question
from executions.views import histories
from executions.views.chrome import (
    Fragment,
    accounts_of,
    changes,
    fragment,
    inbox_count,
    open_questions,
    out_of_sight,
    show,
)
from executions.wording import COMMAND_WORDS, clock, iso, mark, moment, plain
from providers.contract import Verb

MAX_SHOWN = 200
ANSWERED = 30  # newest answers listed below
OPEN_STATES = [str(state) for state in OPEN_COMMAND_STATES]


@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    items = items_of(request)
    context = {**_context(request, items), "changes_url": reverse("executions:inbox-changes")}
    return show(request, "executions/inbox.html", context, own_stamp=_stamp(items))


@require_GET
def inbox_changes(request: HttpRequest) -> HttpResponse:
    items = items_of(request)

    def fragments() -> list[Fragment]:
        html = fragment(request, "executions/_inbox.html", _context(request, items))
        return [Fragment("#inbox", html)]

    return changes(request, _stamp(items), fragments)


def _context(request: HttpRequest, items: list[dict[str, Any]]) -> dict[str, Any]:
    blind, is_blind = out_of_sight(request)
    return {
        "items": items,
        "total": inbox_count(request),
        "answered": answered(request),
        "blind": blind,
        "is_blind": is_blind,
        "has_accounts": bool(accounts_of(request)),
    }


def items_of(request: HttpRequest) -> list[dict[str, Any]]:
    """Overdue and due ones first, then the longest waiting. Two queries."""
    rows = list(
        open_questions(request)
        .select_related("execution", "execution__workflow", "claimed_by")
        .only(
            "title", "kind", "due_at", "is_answerable", "opened_at", "claimed_at", "ref",
            "claimed_by__username", "execution__name", "execution__ref", "execution__url",
            "execution__account_id", "execution__workflow__name",
        )
        .order_by("opened_at", "pk")[:MAX_SHOWN]
    )  # fmt: skip
    rows.sort(key=lambda row: (row.due_at is None, row.due_at or row.opened_at, row.pk))
    runs = {row.execution_id for row in rows}
    sent = {
        (command.execution_id, command.question_ref): command
        for command in Command.objects.filter(
            kind=Verb.ANSWER.value, execution_id__in=runs, state__in=OPEN_STATES
        ).select_related("requested_by")
    }
    return [_item(request, row, sent.get((row.execution_id, row.ref))) for row in rows]


def answered(request: HttpRequest) -> list[dict[str, Any]]:
    """The newest answers given here, with who and what."""
    rows = (
        Command.objects.filter(kind=Verb.ANSWER.value, account_id__in=list(accounts_of(request)))
        .exclude(state__in=OPEN_STATES)
        .select_related("requested_by", "execution", "execution__workflow", "account")
        .order_by("-requested_at")[:ANSWERED]
    )
    return [
        {
            **histories.command_view(row),
            "run_id": row.execution_id,
            "workflow": plain(row.execution.workflow.name, 120) if row.execution else "",
            "label": plain(row.execution.name or row.execution.ref, 120) if row.execution else "",
            "account": row.account.name,
            "at": moment(row.requested_at),
            "at_iso": iso(row.requested_at),
        }
        for row in rows
    ]


def _item(request: HttpRequest, row: Question, sent: Command | None) -> dict[str, Any]:
    run, now = row.execution, timezone.now()
    account = accounts_of(request)[run.account_id]
    fresh = freshness(account, now)
    return {
        "id": row.pk,
        "run_id": run.pk,
        "title": plain(row.title, 160) or "Input is needed",
        "kind": row.kind,
        "workflow": plain(run.workflow.name, 160) or "(no name)",
        "label": plain(run.name or run.ref, 160),
        "account": account.name,
        "opened": moment(row.opened_at),
        "opened_iso": iso(row.opened_at),
        "due": moment(row.due_at),
        "due_iso": iso(row.due_at),
        "is_overdue": row.due_at is not None and row.due_at < now,
        "is_answerable": row.is_answerable,
        "link": run.url if run.url.startswith(("http://", "https://")) else "",
        "claimed_by": row.claimed_by.get_username() if row.claimed_by else "",
        "claimed": clock(row.claimed_at),
        "is_mine": row.claimed_by_id == request.user.pk,
        "sent": f"{COMMAND_WORDS[sent.state]}" if sent else "",
        "sent_by": sent.requested_by.get_username() if sent and sent.requested_by else "",
        "as_of": fresh.as_of if fresh.is_stale else "",
    }


def _stamp(items: list[dict[str, Any]]) -> str:
    return mark(items)

"""My work: the questions, errors and failed runs that a person is on, until they are done with.

Each part reads by who is on it, through an index of its own, at most MOST of a kind. Runs that are
in hand because of their error are counted with that error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse

from executions import database_clock
from executions.display.people import user_name
from executions.display.statuses import STATUS_VIEWS
from executions.errors import groups as error_groups
from executions.inbox.question_rows import lines_of, rows_of
from executions.models import UNRESOLVED, Act, ErrorAcknowledgement, Execution, Stance, TriageAct
from executions.payloads.text_escaping import plain
from executions.search import questions as question_search
from executions.search.filters import provider_name
from executions.search.questions import Wanted
from executions.web.live_page import LivePage, Shown
from executions.web.requester import accounts_of, person, sees_all

MOST = 100


@LivePage(
    "executions/my_work/my_work.html",
    changes="executions:my-work-changes",
    fragments={"#my-work": "executions/my_work/_my_work.html"},
)
def my_work(request: HttpRequest) -> Shown:
    errors = _errors(request)
    context = {
        "questions": _questions(request),
        "errors": errors,
        "runs": _runs(request, {each["key"] for each in errors}),
        "most": MOST,
    }
    return Shown(context, stamp=context)


def _questions(request: HttpRequest) -> list[dict[str, Any]]:
    """In the order of the inbox."""
    me = person(request).pk
    wanted = Wanted(accounts_of(request), sees_all(request), whose="mine")
    found = question_search.in_order(rows_of(wanted.questions(me)))[:MOST]
    return lines_of(request, list(found))


def _errors(request: HttpRequest) -> list[dict[str, Any]]:
    """Whole errors, those that end first on top. Three queries."""
    accounts, me = accounts_of(request), person(request)
    teams = {account.group_id for account in accounts.values()}
    rows = ErrorAcknowledgement.objects.filter(
        Q(team__in=[team for team in teams if team is not None])
        | (Q(team__isnull=True) if None in teams else Q(pk__in=())),
        kind=Stance.IN_HAND,
        assignee=me,
        ended_at__isnull=True,
        until__gt=database_clock.now(),
    ).select_related("by")
    first = {row.error_key: row for row in rows.order_by("-until", "-pk")}
    words = error_groups.words_of(list(first), list(accounts))
    runs = _unresolved(accounts).filter(error_key__in=words)
    number = dict(runs.values_list("error_key").annotate(Count("pk")))
    return [
        {
            "key": key,
            "text": plain(words[key], 300),
            "runs": number.get(key, 0),
            "by": _giver(row.by, me),
            "at": row.at,
            "until": row.until,
            "note": plain(row.note),
        }
        for key, row in reversed(first.items())
        if key in words
    ][:MOST]


def _runs(request: HttpRequest, errors: Iterable[str]) -> list[dict[str, Any]]:
    """Failed runs, the newest taken on first. Two queries."""
    accounts, me = accounts_of(request), person(request)
    found = _unresolved(accounts).filter(assignee=me).exclude(error_key__in=errors)
    rows = list(found.select_related("workflow").order_by("-assigned_at", "-pk")[:MOST])
    acts = TriageAct.objects.filter(execution__in=rows, act=Act.ASSIGN, assignee=me)
    newest = {act.execution_id: act.by for act in acts.select_related("by").order_by("at", "pk")}
    return [
        {
            "href": reverse("executions:detail", args=[run.pk]),
            "status": STATUS_VIEWS[run.status],
            "workflow": plain(run.workflow.name, 160) or "(no name)",
            "label": plain(run.label, 160),
            "says": plain(run.error_summary or run.whereabouts),
            "account": accounts[run.account_id].name,
            "provider": provider_name(accounts[run.account_id].provider),
            "by": _giver(newest.get(run.pk, me), me),
            "at": run.assigned_at,
            "finished": run.finished_at,
        }
        for run in rows
    ]


def _unresolved(accounts: Mapping[int, Any]) -> Any:
    return Execution.objects.filter(UNRESOLVED, account_id__in=list(accounts))


def _giver(by: Any, me: Any) -> str:
    """Empty where the person took it on."""
    return "" if by == me else user_name(by)

"""What programs can read: executions, commands, accounts, workflows, documents."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet, prefetch_related_objects
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Query, Router

from executions.access.permissions import may_act, visible_accounts, visible_executions
from executions.api import schemas
from executions.api.errors import Refusal
from executions.models import (
    Command,
    Execution,
    Proposal,
    Workflow,
)
from executions.runs.page import output_download
from executions.search import pages as run_pages
from executions.search.cursor import Cursor
from executions.search.filters import Filters, parse
from executions.search.unicode_spellings import holds
from providers.models import ProviderAccount

MAX_LIMIT = 200
MAX_WORKFLOWS = 1000
PAGES_ONLY = ("view", "all", "but", "form", "size", "columns", "before", "after")

router = Router()


@router.get("executions", response=schemas.Page, by_alias=True, summary="Newest first, in pages")
def list_executions(
    request: HttpRequest,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = 50,
) -> dict[str, Any]:
    """The filters of the page's address. Repeatable and with a `not_` twin: `account` (name or id),
    `provider`, `workflow`, `status`, `lamp`, `error`, `key`. Besides `started`, `from`, `to`,
    `finished`, `finished_from`, `finished_to`, `took_min`, `took_max`, `is`, `waiting`, `q` and
    `sort`."""
    accounts = visible(request)
    filters = filters_of(request, request.GET, accounts)
    place = Cursor.parse(cursor, filters.cursor_order) if cursor else None
    if cursor and place is None:
        raise Refusal(422, "invalid", "cursor: take it from `next` of the page before.")
    page = run_pages.page(filters, place, limit=limit)
    items = [row for row in page.rows if row.account_id in accounts]
    workflows = Workflow.objects.in_bulk({row.workflow_id for row in items})
    for row in items:
        row.account, row.workflow = accounts[row.account_id], workflows[row.workflow_id]
    prefetch_related_objects(items, "assignee", "settled_by")
    return {"items": items, "next": str(page.older) if page.older else None}


@router.get("executions/{int:pk}", response=schemas.ExecutionDetail, by_alias=True)
def show_execution(request: HttpRequest, pk: int) -> Execution:
    return visible_execution(request, pk)


TOO_MANY = "Too many downloads of this person are under way. Try again when one has ended."


@router.get("executions/{int:pk}/outputs/{int:output_pk}", url_name="output")
def read_output(request: HttpRequest, pk: int, output_pk: int) -> HttpResponseBase:
    """The document itself, streamed from the provider."""
    request.user = person(request)
    response = output_download.output(request, pk, output_pk)
    if response.status_code == 429:
        raise Refusal(429, "too_many_requests", TOO_MANY, retry_after=10)
    if response.status_code >= 500:
        raise Refusal(502, "provider", "The provider did not hand the document out. Try later.")
    return response


@router.get("commands/{uuid:key}", response=schemas.Command)
def show_command(request: HttpRequest, key: UUID) -> Command | Proposal:
    """Also of an answer that a second person has not agreed to: `held`, `returned`, `withdrawn`."""
    commands = Command.objects.filter(account__in=_accounts(request).values("pk"))
    command = commands.select_related("requested_by").filter(key=key).first()
    return command or get_object_or_404(proposals_of(request), key=key)


def proposals_of(request: HttpRequest) -> QuerySet[Proposal]:
    """Answers that were proposed to a second person."""
    seen = Proposal.objects.filter(question__execution__account__in=_accounts(request).values("pk"))
    return seen.select_related("requested_by", "question__execution__account")


@router.get("accounts", response=list[schemas.Account])
def list_accounts(request: HttpRequest) -> list[ProviderAccount]:
    user, rows = person(request), list(_accounts(request).select_related("group"))
    for row in rows:
        row.may_act = may_act(user, row.pk)  # type: ignore[attr-defined]
    return rows


@router.get("workflows", response=list[schemas.StartableWorkflow])
def list_workflows(
    request: HttpRequest, q: str = "", can_start: bool = False
) -> QuerySet[Workflow]:
    """By name; `q` is looked for in it. At most 1,000."""
    rows = Workflow.objects.filter(account__in=_accounts(request).values("pk"))
    if q:
        rows = rows.filter(holds(q.replace("\0", ""), "name"))
    if can_start:
        rows = rows.filter(can_start=True)
    return rows.select_related("account").order_by("name", "pk")[:MAX_WORKFLOWS]


def person(request: HttpRequest) -> User:
    """Whose token came with the request."""
    user: User = request.auth  # type: ignore[attr-defined]
    return user


def visible_execution(request: HttpRequest, pk: int) -> Execution:
    """Raises Http404 for one that is not granted, as for one that is not there."""
    rows = visible_executions(person(request)).select_related("account", "workflow")
    return get_object_or_404(rows, pk=pk)


def _accounts(request: HttpRequest) -> QuerySet[ProviderAccount]:
    return visible_accounts(person(request)).defer("sealed_credentials", "memory")


def visible(request: HttpRequest) -> dict[int, ProviderAccount]:
    """Every account that the person may see, by id."""
    return {account.pk: account for account in _accounts(request)}


def filters_of(
    request: HttpRequest, asked: QueryDict, accounts: dict[int, ProviderAccount]
) -> Filters:
    """A filter that is not understood is refused: a program would take all runs for its answer."""
    query: QueryDict = asked.copy()
    numbers = {account.name: str(pk) for pk, account in accounts.items()}
    for key in ("account", "not_account"):
        if key in query:
            query.setlist(key, [numbers.get(value, value) for value in query.getlist(key)])
    user = person(request)
    filters = parse(
        query,
        accounts,
        now=timezone.now(),
        sees_all=user.is_superuser,
        me=user.pk if may_act(user) else None,
    )
    filters.ignored += [f"“{key}” is for pages only." for key in PAGES_ONLY if key in query]
    if filters.ignored:
        raise Refusal(422, "invalid", " ".join(filters.ignored))
    return filters

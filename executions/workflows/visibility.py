"""Which workflows a person may see."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from executions.models import Workflow
from executions.web.requester import accounts_of, is_about


def visible_workflows(request: HttpRequest) -> QuerySet[Workflow]:
    return Workflow.objects.filter(account_id__in=list(accounts_of(request)))


def workflow_of(request: HttpRequest, pk: int) -> Workflow:
    """With its account and what people say about it. Not granted: not there."""
    parts = ("account", "profile__owner", "profile__team", "profile__runbook_by")
    found = get_object_or_404(visible_workflows(request).select_related(*parts), pk=pk)
    is_about(request, found.account_id)
    return found

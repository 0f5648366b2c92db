"""Accounts in the admin: with their poll runs, the audit log, and what each person may see.

Poll runs have no list of their own: Django's admin takes no table with a composite key, so they
stand on the page of their account.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from executions.access import audit_log
from executions.access.permissions import in_sight, may_administer
from executions.access.scoped_admin import InSight
from executions.access.step_up import AsksForProof, ask
from executions.accounts.account_audit import NotNow, record
from executions.accounts.poll_now import poll_now
from executions.models import Execution, PollRun
from executions.web.requester import address
from providers.admin import AccountAdmin, is_trial
from providers.forms import AccountForm
from providers.models import ProviderAccount


class AccountWithHistory(AsksForProof, InSight, AccountAdmin):
    def asks_for_proof(self, request: HttpRequest) -> bool:
        """A test of what is typed stores nothing, and sends no stored key anywhere else."""
        return super().asks_for_proof(request) and not is_trial(request)

    def key_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        return ask(request) if super().asks_for_proof(request) else super().key_view(request, pk)

    def get_form(self, request: HttpRequest, *given: Any, **more: Any) -> type[AccountForm]:
        form = super().get_form(request, *given, **more)
        team: Any = form.base_fields["group"]
        team.queryset = in_sight(request.user, team.queryset)
        return form

    def twins(self, request: HttpRequest, account: ProviderAccount) -> Sequence[ProviderAccount]:
        seen = in_sight(request.user, ProviderAccount.objects.all())
        return list(seen.filter(pk__in=[twin.pk for twin in super().twins(request, account)]))

    def last_polls(self, account: ProviderAccount, limit: int) -> Iterable[PollRun]:
        return PollRun.objects.filter(account=account).order_by("-started_at")[:limit]

    def note(self, request: HttpRequest, account: ProviderAccount, done: str, what: Any) -> None:
        action = audit_log.Action(f"account.{done}")
        record(request.user, account, action, what, address=address(request))

    def poll_now(self, request: HttpRequest, account: ProviderAccount) -> tuple[bool, str]:
        try:
            message = poll_now(request.user, account, address=address(request))
            return True, message
        except NotNow as why:
            return False, str(why)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only an account without history: one with runs is disabled instead."""
        if obj is None or not may_administer(request.user):
            return False
        return not Execution.objects.filter(account=obj).exists()

    def delete_model(self, request: HttpRequest, obj: ProviderAccount) -> None:
        self.note(request, obj, "deleted", {})
        super().delete_model(request, obj)

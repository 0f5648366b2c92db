"""The admin of what this app stores: to look at, never to edit. And the accounts, with their poll
runs and the audit log.

Poll runs have no list of their own: Django's admin takes no table with a composite key, so they
stand on the page of their account.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from executions.access import audit_log
from executions.access.permissions import in_sight, may_administer
from executions.access.scoped_admin import ForAdministrators, InSight
from executions.access.user_admin import PersonAdmin
from executions.accounts import acts as account_acts
from executions.correlation.admin import KeyRuleAdmin
from executions.models import (
    ApiToken,
    AuditEntry,
    Command,
    CorrelationRule,
    Execution,
    NoticeRule,
    PollRun,
    Quarantine,
    Workflow,
)
from executions.notifications.admin import NoticeRuleAdmin
from executions.web.requester import address
from providers.admin import AccountAdmin
from providers.forms import AccountForm
from providers.models import ProviderAccount

admin.site.site_header = "Annunciator administration"
admin.site.site_title = "Annunciator"
admin.site.register(CorrelationRule, KeyRuleAdmin)
admin.site.register(NoticeRule, NoticeRuleAdmin)
admin.site.unregister(User)
admin.site.register(User, PersonAdmin)


@admin.register(ProviderAccount)
class AccountWithHistory(InSight, AccountAdmin):
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
        account_acts.record(request.user, account, action, what, address=address(request))

    def poll_now(self, request: HttpRequest, account: ProviderAccount) -> tuple[bool, str]:
        try:
            said = account_acts.poll_now(request.user, account, address=address(request))
            return True, said
        except account_acts.NotNow as why:
            return False, str(why)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only an account without history: one with runs is disabled instead."""
        if obj is None or not may_administer(request.user):
            return False
        return not Execution.objects.filter(account=obj).exists()

    def delete_model(self, request: HttpRequest, obj: ProviderAccount) -> None:
        self.note(request, obj, "deleted", {})
        super().delete_model(request, obj)


class ReadOnlyAdmin(ForAdministrators):
    """For admins to look at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyAdmin):
    """What polls have named. Notification rules choose from it."""

    list_display = ("name", "account", "ref")
    list_select_related = ("account",)
    search_fields = ("name", "ref", "account__name")
    ordering = ("name", "pk")
    show_full_result_count = False


@admin.register(Quarantine)
class QuarantineAdmin(ReadOnlyAdmin):
    list_display = ("account", "ref", "reason", "count", "first_seen_at", "last_seen_at")
    list_filter = (("account", admin.RelatedOnlyFieldListFilter),)
    search_fields = ("ref", "reason")
    ordering = ("-last_seen_at",)


@admin.register(AuditEntry)
class AuditAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "action", "account_name", "target", "address")
    list_filter = ("action",)
    search_fields = ("actor", "account_name", "target")
    show_full_result_count = False


@admin.register(Command)
class CommandAdmin(ReadOnlyAdmin):
    list_display = (
        "requested_at", "kind", "target", "account", "requested_by", "state", "message",
    )  # fmt: skip
    list_filter = ("state", "kind", ("account", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("account", "requested_by")
    search_fields = ("target",)
    exclude = ("sealed_arguments",)
    show_full_result_count = False


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Tokens come from `manage.py token`; here they are revoked."""

    list_display = ("user", "label", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__username", "label")
    exclude = ("hash",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_administer(request.user)

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        self._note(request, obj)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset.select_related("user"):
            self._note(request, token)
        super().delete_queryset(request, queryset)

    def _note(self, request: HttpRequest, token: ApiToken) -> None:
        audit_log.record(
            request.user,
            audit_log.Action.TOKEN_REVOKED,
            target=f"token:{token.pk} of {token.user}",
            address=address(request),
        )

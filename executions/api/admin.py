"""API tokens in the admin. They come from `manage.py token`; here they are revoked."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from executions.access import api_tokens
from executions.access.permissions import may_administer
from executions.access.scoped_admin import ReadOnlyAdmin
from executions.models import ApiToken
from executions.web.requester import address


class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = (
        "user", "label", "prefix", "scope", "created_at", "last_used_at", "expires_at",
    )  # fmt: skip
    list_select_related = ("user",)
    search_fields = ("user__username", "label")
    exclude = ("hash",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_administer(request.user)

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        user: Any = request.user
        api_tokens.revoke(obj, user, address=address(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset.select_related("user"):
            self.delete_model(request, token)

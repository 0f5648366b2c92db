"""Workflows in the admin: what polls have named. Notification rules choose from it."""

from __future__ import annotations

from executions.access.scoped_admin import ReadOnlyAdmin


class WorkflowAdmin(ReadOnlyAdmin):
    list_display = ("name", "account", "ref")
    list_select_related = ("account",)
    search_fields = ("name", "ref", "account__name")
    ordering = ("name", "pk")
    show_full_result_count = False

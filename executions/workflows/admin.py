"""Workflows in the admin: what polls have named. Notification rules choose from it."""

from __future__ import annotations

from django.contrib import admin

from executions.access.scoped_admin import ReadOnlyAdmin
from executions.display.formatting import duration
from executions.models import Workflow


class WorkflowAdmin(ReadOnlyAdmin):
    list_display = ("name", "account", "ref")
    list_select_related = ("account",)
    search_fields = ("name", "ref", "account__name")
    ordering = ("name", "pk")
    show_full_result_count = False
    fields = (
        "account", "ref", "name", "can_start", "usual", "longest", "measured_at", "succeeded_at",
    )  # fmt: skip
    readonly_fields = ("usual", "longest")

    @admin.display(description="usual duration", empty_value="not known")
    def usual(self, workflow: Workflow) -> str | None:
        return _duration_text(workflow.typical_seconds)

    @admin.display(description="longest usual duration", empty_value="not known")
    def longest(self, workflow: Workflow) -> str | None:
        return _duration_text(workflow.long_seconds)


def _duration_text(seconds: float | None) -> str | None:
    return None if seconds is None else duration(seconds)

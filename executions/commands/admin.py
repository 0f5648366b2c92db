"""Commands in the admin, without what was sent."""

from __future__ import annotations

from django.contrib import admin

from executions.access.scoped_admin import ReadOnlyAdmin


class CommandAdmin(ReadOnlyAdmin):
    list_display = (
        "requested_at", "kind", "target", "account", "requested_by", "state", "message",
    )  # fmt: skip
    list_filter = ("state", "kind", ("account", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("account", "requested_by")
    search_fields = ("target",)
    exclude = ("sealed_arguments",)
    show_full_result_count = False

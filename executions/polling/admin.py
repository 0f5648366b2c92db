"""Records that no poll could store, in the admin."""

from __future__ import annotations

from django.contrib import admin

from executions.access.scoped_admin import ReadOnlyAdmin


class QuarantineAdmin(ReadOnlyAdmin):
    list_display = ("account", "ref", "reason", "count", "first_seen_at", "last_seen_at")
    list_filter = (("account", admin.RelatedOnlyFieldListFilter),)
    search_fields = ("ref", "reason")
    ordering = ("-last_seen_at",)

"""Pages of the admin: for administrators alone, whatever permissions are ticked, and only what each
of them may see. Lists, forms, choices, searches, actions and addresses all ask `in_sight`. Times
are those of every page: `relative_times` words what stands in a `<time>`."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import flatten
from django.core.exceptions import FieldDoesNotExist
from django.db.models import DateTimeField, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.utils import formats, timezone
from django.utils.html import format_html

from executions.access.permissions import in_sight, may_administer


@cache
def as_time(model: Any, name: Any) -> Any:
    """The column of a time, written as a time; every other column as it is."""
    try:
        field = model._meta.get_field(name)
    except (FieldDoesNotExist, TypeError):
        return name
    if not isinstance(field, DateTimeField):
        return name

    @admin.display(description=field.verbose_name, ordering=name)
    def column(row: Model) -> str:
        at = getattr(row, name)
        if at is None:
            return "-"
        written = formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")
        return format_html('<time datetime="{}">{}</time>', at.isoformat(), written)

    column.__name__ = name  # a class in Django's table
    return column


class InSight(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    """What is out of sight is not there: 404, also for what never was."""

    def get_list_display(self, request: HttpRequest) -> Any:
        model: Any = self.model
        return [as_time(model, each) for each in super().get_list_display(request)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return in_sight(request.user, super().get_queryset(request))

    def get_field_queryset(self, db: str | None, db_field: Any, request: HttpRequest) -> Any:
        """The choices of a field that points to other rows."""
        chosen = super().get_field_queryset(db, db_field, request)
        model: type[Model] = db_field.remote_field.model
        return in_sight(request.user, model._default_manager.all() if chosen is None else chosen)

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponseRedirect:
        raise Http404


class ForAdministrators(InSight):
    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_administer(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_administer(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_administer(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_administer(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_administer(request.user)


class ReadOnlyAdmin(ForAdministrators):
    """To look at what this site stores, never to edit it."""

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        model: Any = self.model
        return [as_time(model, each) for each in flatten(super().get_fields(request, obj))]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

"""Notification rules in the admin: add, change, test."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from executions.access import audit_log
from executions.access.permissions import may_administer, sees_every_account
from executions.access.scoped_admin import ForAdministrators
from executions.models import NoticeRule
from executions.notifications import delivery, rule_form
from executions.web.requester import address
from providers import connection_test
from providers.sealing import SealError

TEMPLATES = "admin/executions/noticerule"


class NoticeRuleAdmin(ForAdministrators):
    list_display = ("name", "event", "group", "address_list", "enabled", "last_message_at")
    list_filter = ("event", "enabled", ("group", admin.RelatedOnlyFieldListFilter))
    search_fields = ("name",)
    autocomplete_fields = ("accounts", "workflows")
    change_form_template = f"{TEMPLATES}/change_form.html"

    def get_form(
        self, request: HttpRequest, obj: NoticeRule | None = None, change: bool = False, **more: Any
    ) -> Any:
        return super().get_form(
            request, obj, change=change, **{**more, "form": rule_form.rule_form(obj)}
        )

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **more: Any) -> Any:
        """Without a team a rule tells of all accounts: only those who see all may leave it out."""
        field: Any = super().formfield_for_foreignkey(db_field, request, **more)
        if db_field.name == "group" and not sees_every_account(request.user):
            field.required = True
        return field

    def get_fieldsets(self, request: HttpRequest, obj: NoticeRule | None = None) -> Any:
        boxes = [rule_form.REMOVE + target["id"] for target in (obj.targets if obj else [])]
        scope = "Only what begins after you save the rule is sent."
        sealed = "An address may hold a password. It is sealed and never shown again."
        return (
            (None, {"fields": ("name", "enabled", "event", "after_seconds")}),
            ("Scope", {"fields": ("group", "accounts", "workflows"), "description": scope}),
            ("An expected run", {"fields": ("period_seconds", "grace_seconds")}),
            ("Timing", {"fields": ("pause_seconds", "tells_cleared")}),
            ("Addresses", {"fields": (*boxes, "new_addresses"), "description": sealed}),
        )

    def save_model(self, request: HttpRequest, obj: NoticeRule, form: Any, change: bool) -> None:
        try:
            changes = rule_form.set_up(obj, form, by=request.user.get_username())
        except SealError as error:
            words = f"{error} The addresses were not changed; remove all and type them again."
            self.message_user(request, words, messages.ERROR)
            changes = []
        self._note(
            request,
            obj,
            audit_log.Action.NOTICE_RULE_CHANGED if change else audit_log.Action.NOTICE_RULE_ADDED,
            {"changes": changes},
        )

    def delete_model(self, request: HttpRequest, obj: NoticeRule) -> None:
        self._note(request, obj, audit_log.Action.NOTICE_RULE_DELETED, {})
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[NoticeRule]) -> None:
        for rule in queryset:
            self._note(request, rule, audit_log.Action.NOTICE_RULE_DELETED, {})
        super().delete_queryset(request, queryset)

    @admin.display(description="addresses")
    def address_list(self, rule: NoticeRule) -> str:
        shown = ", ".join(target["shown"] for target in rule.targets)
        return shown or "None: only the Notifications page"

    # ------------------------------------------------------------------------------- testing

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.test_view)
        return [path("<int:pk>/test/", view, name="rule_test"), *super().get_urls()]

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """A message to the stored addresses; it is the one other place where a person waits."""
        if not may_administer(request.user):
            raise PermissionDenied
        rule: NoticeRule | None = self.get_object(request, str(pk))
        if rule is None:
            raise Http404
        change_page = reverse("admin:executions_noticerule_change", args=[pk])
        if request.method != "POST":
            return HttpResponseRedirect(change_page)
        results = self._results(request, rule)
        if request.headers.get("HX-Request") == "true":
            return TemplateResponse(request, f"{TEMPLATES}/_results.html", {"results": results})
        for is_ok, words in results:
            self.message_user(request, words, messages.SUCCESS if is_ok else messages.ERROR)
        return HttpResponseRedirect(change_page)

    def _results(self, request: HttpRequest, rule: NoticeRule) -> list[tuple[bool, str]]:
        person = request.user.get_username()
        if not rule.targets:
            return [(False, "The rule has no address yet. Add one and save.")]
        if not connection_test.may_try(person):
            return [
                (False, f"Only {connection_test.TRIES_PER_MINUTE} tests a minute. Wait a minute.")
            ]
        sent = delivery.send_test(rule, person)
        self._note(
            request,
            rule,
            audit_log.Action.NOTICE_RULE_TESTED,
            {each.shown: outcome.state for each, outcome in sent},
        )
        return [
            (outcome.is_sent, f"{each.service}, {each.shown}: {outcome.says}")
            for each, outcome in sent
        ]

    def _note(
        self, request: HttpRequest, rule: NoticeRule, action: audit_log.Action, what: Any
    ) -> None:
        audit_log.record(
            request.user,
            action,
            target=f"rule:{rule.pk} {rule.name}",
            detail=what,
            address=address(request),
        )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        rule: NoticeRule | None = kwargs.get("obj")
        context["words"] = rule_form.in_words(rule) if rule else ""
        return super().render_change_form(request, context, *args, **kwargs)

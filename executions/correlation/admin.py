"""Correlation rules in the admin: fill in, try on the newest runs, save, look through stored runs.

A trial saves nothing and asks no provider: it reads stored runs.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from executions.access import audit_log
from executions.access.permissions import may_administer
from executions.access.scoped_admin import ForAdministrators
from executions.correlation import save_rule
from executions.models import CorrelationRule
from executions.payloads.business_keys import Rule
from executions.payloads.text_escaping import plain
from executions.storage import key_backfill
from executions.web.requester import address
from providers.models import ProviderAccount

TEMPLATES = "admin/executions/correlationrule"
TRIED = 20  # runs


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    days = forms.IntegerField(
        label="Search stored runs",
        min_value=0,
        max_value=key_backfill.MOST_DAYS,
        initial=key_backfill.DAYS,
        required=False,
        help_text=f"Days back, at most {key_backfill.MOST_DAYS}; 0: only runs that change from now "
        "on. All rules of the account are searched, in the background.",
    )

    class Meta:
        model = CorrelationRule
        fields = ("account", "name", "source", "path", "pattern", "link")


class KeyRuleAdmin(ForAdministrators):
    form = RuleForm
    list_display = ("name", "account", "source", "path", "pattern", "problem")
    list_filter = (("account", admin.RelatedOnlyFieldListFilter),)
    list_select_related = ("account",)
    search_fields = ("name", "account__name")
    fields = ("account", "name", "source", "path", "pattern", "link", "days")
    change_form_template = f"{TEMPLATES}/change_form.html"

    # --------------------------------------------------------------------------------- saving

    def save_model(
        self, request: HttpRequest, obj: CorrelationRule, form: Any, change: bool
    ) -> None:
        days = form.cleaned_data.get("days") or 0
        user: Any = request.user
        self._say(request, save_rule.save_rule(user, obj, days, address=address(request)), days)

    def delete_model(self, request: HttpRequest, obj: CorrelationRule) -> None:
        user: Any = request.user
        days, deleted = key_backfill.MOST_DAYS, audit_log.Action.KEY_RULE_DELETED
        save_rule.record(user, obj, deleted, days, address=address(request))
        super().delete_model(request, obj)
        self._say(request, [obj.account] if key_backfill.ask(obj.account, days, user) else [], days)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[CorrelationRule]) -> None:
        for rule in queryset.select_related("account"):
            self.delete_model(request, rule)

    def _say(self, request: HttpRequest, searched: list[ProviderAccount], days: int) -> None:
        for account in searched:
            self.message_user(
                request,
                f"{account.name}: the runs of the last {days} days are being searched. The "
                "page of the account shows the progress.",
                messages.INFO,
            )

    # --------------------------------------------------------------------------------- trying

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [path("trial/", wrap(self.trial_view), name="rule_trial")]
        return own + super().get_urls()

    def trial_view(self, request: HttpRequest) -> HttpResponse:
        """What the rule as typed finds in the account's newest runs; nothing is saved."""
        if not may_administer(request.user):
            raise PermissionDenied
        if request.method != "POST":
            return redirect("admin:executions_correlationrule_add")
        form = self.get_form(request)(request.POST)
        problems = [
            f"{form.fields[name].label or name}: {error}"
            for name, errors in form.errors.items()
            if name in form.fields
            for error in errors
        ]
        context: dict[str, Any] = {"problems": problems}
        if not problems:
            context |= _tried(form.cleaned_data)
        return TemplateResponse(request, f"{TEMPLATES}/_trial.html", context)


def _tried(data: dict[str, Any]) -> dict[str, Any]:
    rule = Rule(0, data["name"], data["source"], data["path"], data["pattern"])
    runs = key_backfill.newest_runs(data["account"], [rule], TRIED)
    rows = [
        {
            "label": plain(run.name or run.ref, 80),
            "started": run.sort_at,
            "keys": [plain(key.text) for key in key_backfill.found_in([rule], run)],
        }
        for run in runs
    ]
    hits = sum(bool(row["keys"]) for row in rows)
    return {"rows": rows, "hits": hits, "problem": plain(rule.problem)}

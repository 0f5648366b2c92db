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
from executions.models import CorrelationRule
from executions.payloads.business_keys import Rule
from executions.payloads.provider_text import plain
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
        before = CorrelationRule.objects.filter(pk=obj.pk).first() if change else None
        obj.problem, obj.problem_at = "", None
        super().save_model(request, obj, form, change)
        days = form.cleaned_data.get("days") or 0
        self._note(
            request,
            obj,
            audit_log.Action.KEY_RULE_CHANGED if change else audit_log.Action.KEY_RULE_ADDED,
            days,
        )
        self._look_again(request, obj.account, days)
        if before is not None and before.account_id != obj.account_id:
            self._look_again(request, before.account, days)

    def delete_model(self, request: HttpRequest, obj: CorrelationRule) -> None:
        self._note(request, obj, audit_log.Action.KEY_RULE_DELETED, key_backfill.MOST_DAYS)
        super().delete_model(request, obj)
        self._look_again(request, obj.account, key_backfill.MOST_DAYS)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[CorrelationRule]) -> None:
        for rule in queryset.select_related("account"):
            self.delete_model(request, rule)

    def _look_again(self, request: HttpRequest, account: ProviderAccount, days: int) -> None:
        if key_backfill.ask(account, days, request.user):  # type: ignore[arg-type]  # signed in
            self.message_user(
                request,
                f"{account.name}: the runs of the last {days} days are being searched. The "
                "page of the account shows the progress.",
                messages.INFO,
            )

    def _note(
        self, request: HttpRequest, rule: CorrelationRule, action: audit_log.Action, days: int
    ) -> None:
        audit_log.record(
            request.user,
            action,
            account_name=rule.account.name,
            target=f"rule:{rule.pk}",
            detail={
                "name": rule.name, "source": rule.source, "path": rule.path,
                "pattern": rule.pattern, "link": rule.link, "days": days,
            },
            address=address(request),
        )  # fmt: skip

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

"""Accounts in the admin: choose a provider, fill in exactly its fields, test, poll, switch.

`executions.accounts.admin` adds what this app cannot know: poll runs and the audit log.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from providers import account_switches, connection_test, forms, save_account
from providers.models import ProviderAccount
from providers.registry import all_adapters
from providers.sealing import SealError

TEMPLATES = "admin/providers/provideraccount"
LAST_POLLS = 10
MANY_POLLS = 200


class AccountAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when it runs
    list_display = (
        "name", "provider_name", "health", "health_since", "last_error", "last_success_at",
        "key_age", "group", "enabled",
    )  # fmt: skip
    list_filter = ("health", "enabled", ("group", admin.RelatedOnlyFieldListFilter))
    search_fields = ("name", "provider")
    actions = ("enable", "disable")
    change_list_template = f"{TEMPLATES}/change_list.html"

    # ------------------------------------------ what executions.accounts.admin fills in

    def last_polls(self, account: ProviderAccount, limit: int) -> Iterable[Any]:
        """Poll runs, newest first, with the attributes of `executions.models.PollRun`."""
        return ()

    def note(self, request: HttpRequest, account: ProviderAccount, done: str, what: Any) -> None:
        """Called in the transaction of each change, for the audit log. `done` is what was done to
        the account: added, changed, deleted, tested, enabled or disabled."""

    def poll_now(self, request: HttpRequest, account: ProviderAccount) -> tuple[bool, str]:
        """Have the account polled soon: whether it will be, and what to say."""
        return False, "Polling is off on this installation."

    def twins(self, request: HttpRequest, account: ProviderAccount) -> Sequence[ProviderAccount]:
        """Other accounts that read the same runs, of those that this person may know of."""
        return save_account.twins_of(account)

    # ---------------------------------------------------------------------------- permission

    def _may(self, request: HttpRequest) -> bool:
        user = request.user
        return user.is_staff and user.has_perm("providers.change_provideraccount")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request)

    # ------------------------------------------------------------------------------ the form

    def get_form(
        self,
        request: HttpRequest,
        obj: ProviderAccount | None = None,
        change: bool = False,
        **_: Any,
    ) -> type[forms.AccountForm]:
        form = forms.account_form(self._provider(request, obj), obj)
        form.is_trial = is_trial(request)
        return form

    def get_fieldsets(self, request: HttpRequest, obj: ProviderAccount | None = None) -> Any:
        provider = self._provider(request, obj)
        adapter = all_adapters()[provider]
        existing = forms.account_form(provider, obj).base_fields
        secret = [name for name in forms.credential_names(provider) if name in existing]
        docs = format_html(
            '<a href="{}" rel="noopener noreferrer">{}</a>', adapter.docs, adapter.docs
        )
        about = format_html("The provider documents its API here: {}", docs)
        sealed = "Sealed and never shown again. A new address or authority deletes them."
        return (
            (None, {"fields": ("name", "enabled", "group", "poll_every")}),
            (
                adapter.name,
                {
                    "fields": (*forms.setting_names(provider), "certificate_authority"),
                    "description": about,
                },
            ),
            ("Credentials", {"fields": secret, "description": sealed}),
        )

    def _provider(self, request: HttpRequest, obj: ProviderAccount | None) -> str:
        return obj.provider if obj else request.GET.get("provider", "")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A copy of another account has all that is no secret."""
        pk = request.GET.get("copy", "")
        source = self.get_object(request, pk) if pk else None
        if source is None or source.provider != request.GET.get("provider"):
            return {}
        settings = {forms.SETTING + key: value for key, value in source.settings.items()}
        return {
            **settings,
            "name": f"Copy of {source.name}"[:100],
            "enabled": source.enabled,
            "group": source.group_id,
            "poll_every": source.poll_every,
            "certificate_authority": source.certificate_authority,
        }

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        adapter = all_adapters().get(request.GET.get("provider", ""))
        if adapter is not None:
            words = {"title": f"Add an account at {adapter.name}", **(extra_context or {})}
            return super().add_view(request, form_url, words)
        if not self.has_add_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Add an account: choose the provider",
            "opts": self.opts,
            "choices": [
                (key, cls.name, connection_test.abilities(cls), cls.settings)
                for key, cls in all_adapters().items()
            ],
        }
        return TemplateResponse(request, f"{TEMPLATES}/choose.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        account = self.get_object(request, object_id)
        if account is not None and account.provider not in all_adapters():
            self.message_user(
                request,
                f"{account.name}: this installation has no provider {account.provider!r} any more.",
                messages.ERROR,
            )
            return HttpResponseRedirect(reverse("admin:providers_provideraccount_changelist"))
        return super().change_view(request, object_id, form_url, extra_context)

    def save_model(
        self, request: HttpRequest, obj: ProviderAccount, form: Any, change: bool
    ) -> None:
        changes = form.set_up(by=request.user.get_username())
        self.note(request, obj, "changed" if change else "added", changes)
        if warning := save_account.twin_warning(self.twins(request, obj)):
            self.message_user(request, warning, messages.WARNING)
        removed = form.draft().removed
        for item in changes:
            key = item.what.removeprefix("credentials.")
            if item.after == "removed" and key not in removed:
                self.message_user(
                    request,
                    f"The stored {key} belonged to the old address and was deleted.",
                    messages.WARNING,
                )

    # ------------------------------------------------------------------------------- testing

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        if is_trial(request):
            # Not inside a transaction: it waits for a provider. The middleware checks CSRF.
            return self._changeform_view(  # type: ignore[attr-defined]
                request, object_id, form_url, extra_context
            )
        return super().changeform_view(request, object_id, form_url, extra_context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        account: ProviderAccount | None = kwargs.get("obj")
        form = context["adminform"].form
        context["provider_name"] = form.adapter.name  # templates would call the class itself
        if account is not None:
            add = reverse("admin:providers_provideraccount_add")
            copied = {"provider": account.provider, "copy": account.pk}
            context |= {
                "advice": connection_test.what_to_do(account),
                "polls": self.last_polls(account, LAST_POLLS),
                "abilities": connection_test.abilities(form.adapter),
                "clone_url": f"{add}?{urlencode(copied)}",
            }
        query = request.GET.copy()
        query["_test"] = "1"
        context["trial_url"] = f"{request.path}?{query.urlencode()}"
        if form.is_trial and form.is_bound:
            context["trial"] = self._trial(request, form)
            if request.headers.get("HX-Request") == "true":
                return TemplateResponse(request, f"{TEMPLATES}/_trial.html", context)
        return super().render_change_form(request, context, *args, **kwargs)

    def _trial(self, request: HttpRequest, form: forms.AccountForm) -> connection_test.Trial:
        """Test what was typed; nothing is saved."""
        if form.errors:
            lines = [
                f"{form.fields[name].label if name in form.fields else 'Account'}: {error}"
                for name, errors in form.errors.items()
                for error in errors
            ]
            return connection_test.Trial(
                is_ok=False, says=" ".join(lines), advice="Nothing was sent."
            )
        person = request.user.get_username()
        if not connection_test.may_try(person):
            limit = f"Only {connection_test.TRIES_PER_MINUTE} tests a minute. Wait a minute."
            return connection_test.Trial(is_ok=False, says=limit, advice="Nothing was sent.")
        account = save_account.trial_account(form.stored, form.draft())
        trial = connection_test.try_account(account)
        self.note(request, form.instance, "tested", {"ok": trial.is_ok})
        twins = [twin for twin in self.twins(request, account) if twin != form.stored]
        return replace(trial, warning=save_account.twin_warning(twins))

    # ----------------------------------------------------------------- polling and switching

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/poll/", wrap(self.poll_view), name="account_poll"),
            path("<int:pk>/key/", wrap(self.key_view), name="account_key"),
            path("<int:pk>/test/", wrap(self.test_view), name="account_test"),
            path("tests/", wrap(self.tests_view), name="account_tests"),
            path("<int:pk>/polls/", wrap(self.polls_view), name="account_polls"),
        ]
        return own + super().get_urls()

    def poll_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        account = self._granted(request, pk)
        change_page = reverse("admin:providers_provideraccount_change", args=[pk])
        if request.method != "POST":
            return HttpResponseRedirect(change_page)
        is_asked, words = self.poll_now(request, account)
        level = messages.SUCCESS if is_asked else messages.WARNING
        if request.headers.get("HX-Request") == "true":
            context = {
                "words": words,
                "level": "success" if level == messages.SUCCESS else "warning",
            }
            return TemplateResponse(request, f"{TEMPLATES}/_said.html", context)
        self.message_user(request, words, level)
        return HttpResponseRedirect(change_page)

    def key_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Replace the key. It is tested first: one that does not work replaces nothing, unless the
        person insists."""
        account = self._granted(request, pk)
        change_page = reverse("admin:providers_provideraccount_change", args=[pk])
        if account.provider not in all_adapters():
            return HttpResponseRedirect(change_page)
        form = forms.key_form(account)(request.POST if request.method == "POST" else None)
        trial = None
        if form.is_bound and form.is_valid():
            if "_untested" not in request.POST:
                trial = self._key_trial(request, account, form)
            if trial is None or trial.is_ok:
                if not self._replace_key(request, account, form):
                    words = f"{account.name} was changed meanwhile. Look at it, then try again."
                    self.message_user(request, words, messages.WARNING)
                    return HttpResponseRedirect(change_page)
                works = f"The new one works: {trial.says}" if trial else "It was not tested."
                self.message_user(request, f"Replaced the key of {account.name}. {works}")
                return HttpResponseRedirect(change_page)
        context = {
            **self.admin_site.each_context(request),
            "title": "Replace the key",
            "subtitle": account.name,
            "opts": self.opts,
            "original": account,
            "form": form,
            "trial": trial,
        }
        return TemplateResponse(request, f"{TEMPLATES}/key.html", context)

    def _replace_key(
        self, request: HttpRequest, account: ProviderAccount, form: forms.KeyForm
    ) -> bool:
        """False where the account is set up otherwise than when the key was typed: it would be for
        another address."""
        with transaction.atomic():
            stored = ProviderAccount.objects.select_for_update().get(pk=account.pk)
            if stored.revision != account.revision:
                return False
            changes = save_account.set_up(stored, form.draft(), by=request.user.get_username())
            self.note(request, stored, "changed", changes)
            return True

    def _key_trial(
        self, request: HttpRequest, account: ProviderAccount, form: forms.KeyForm
    ) -> connection_test.Trial:
        if not connection_test.may_try(request.user.get_username()):
            limit = f"Only {connection_test.TRIES_PER_MINUTE} tests a minute. Wait a minute."
            return connection_test.Trial(is_ok=False, says=limit, advice="Nothing was sent.")
        try:
            draft = save_account.trial_account(account, form.draft())
        except SealError as error:
            return connection_test.Trial(is_ok=False, says=str(error))
        trial = connection_test.try_account(draft)
        self.note(request, account, "tested", {"ok": trial.is_ok})
        return trial

    def tests_view(self, request: HttpRequest) -> HttpResponseBase:
        """Every account, each of which is tested by a request of its own."""
        if not self._may(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Test all accounts",
            "opts": self.opts,
            "accounts": self.get_queryset(request).order_by("name"),
        }
        return TemplateResponse(request, f"{TEMPLATES}/tests.html", context)

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        account = self._granted(request, pk)
        tests_page = reverse("admin:account_tests")
        if request.method != "POST":
            return HttpResponseRedirect(tests_page)
        if account.provider in all_adapters():
            trial = connection_test.try_stored(account)
        else:
            says = f"This installation has no provider {account.provider!r} any more."
            trial = connection_test.Trial(is_ok=False, says=says)
        self.note(request, account, "tested", {"ok": trial.is_ok})
        if request.headers.get("HX-Request") == "true":
            context = {"trial": trial}
            return TemplateResponse(request, f"{TEMPLATES}/_test_result.html", context)
        word = "connected" if trial.is_ok else "not connected"
        words = f"{account.name}: {word}. {trial.says} {trial.advice}".rstrip()
        self.message_user(request, words, messages.SUCCESS if trial.is_ok else messages.ERROR)
        return HttpResponseRedirect(tests_page)

    def polls_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        account = self._granted(request, pk)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Poll runs of {account.name}",
            "opts": self.opts,
            "original": account,
            "polls": self.last_polls(account, MANY_POLLS),
        }
        return TemplateResponse(request, f"{TEMPLATES}/polls.html", context)

    @admin.action(description="Enable the selected accounts", permissions=["change"])
    def enable(self, request: HttpRequest, queryset: QuerySet[ProviderAccount]) -> None:
        self._switch(request, queryset, on=True)

    @admin.action(description="Disable the selected accounts", permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[ProviderAccount]) -> None:
        self._switch(request, queryset, on=False)

    @admin.display(description="provider", ordering="provider")
    def provider_name(self, account: ProviderAccount) -> str:
        adapter = all_adapters().get(account.provider)
        return adapter.name if adapter else account.provider

    @admin.display(description="key set")
    def key_age(self, account: ProviderAccount) -> str:
        if account.key_days is None:
            return "no key"
        days = account.key_days
        age = "today" if days == 0 else f"{days} day{'' if days == 1 else 's'} ago"
        return f"{age}: replace it" if account.has_old_key else age

    def _switch(self, request: HttpRequest, queryset: Any, *, on: bool) -> None:
        switched: Sequence[ProviderAccount] = account_switches.switch(queryset, on=on)
        for account in switched:
            self.note(request, account, "enabled" if on else "disabled", {})
        word = "enabled" if on else "disabled"
        names = ", ".join(account.name for account in switched) or "nothing to do"
        self.message_user(request, f"{word.capitalize()}: {names}.")

    def _granted(self, request: HttpRequest, pk: int) -> ProviderAccount:
        if not self._may(request):
            raise PermissionDenied
        account: ProviderAccount | None = self.get_object(request, str(pk))
        if account is None:
            raise Http404
        return account


def is_trial(request: HttpRequest) -> bool:
    """Whether the form is only to be tested. The script asks at an address of its own, so that a
    test can never be taken for a save; without it the button's name tells."""
    return request.method == "POST" and ("_test" in request.POST or "_test" in request.GET)

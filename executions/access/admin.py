"""The audit log in the admin, and people: a role in words and teams, no single permissions."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase

from executions.access import audit_log, second_factor_removal
from executions.access.audit_log import Action
from executions.access.permissions import ADMIN, OPERATOR, VIEWER
from executions.access.scoped_admin import ForAdministrators, ReadOnlyAdmin, as_time
from executions.access.step_up import AsksForProof, ask
from providers.models import Grant, Level

BOTH = f"{OPERATOR}+{ADMIN}"
ROLES = (
    (VIEWER, "Viewer: sees runs, questions and errors, and changes nothing"),
    (OPERATOR, "Operator: also answers, starts, cancels, suspends and resumes runs"),
    (ADMIN, "Administrator: sees the same, and sets up accounts and rules here; acts on no run"),
    (BOTH, "Administrator and operator: both"),
)
NAMES = (VIEWER, OPERATOR, ADMIN)
DATES = (as_time(User, "last_login"), as_time(User, "date_joined"))
TEAMS_HELP = (
    "Accounts that belong to a team are seen by its people, and by who has a grant. Accounts "
    "without a team are seen by everybody who may sign in."
)


def role_of(person: User) -> str:
    """The first element of one of ROLES, "" for none."""
    held = {group.name for group in person.groups.all()}
    if held >= {OPERATOR, ADMIN}:
        return BOTH
    return next((name for name in reversed(NAMES) if name in held), "")


class _WithRole(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    role = forms.ChoiceField(choices=ROLES, widget=forms.RadioSelect, required=False)
    teams = forms.ModelMultipleChoiceField(
        Group.objects.exclude(name__in=NAMES),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=TEAMS_HELP,
    )

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        if self.instance.pk is None:
            self.fields["role"].initial = VIEWER
            return
        groups = list(self.instance.groups.all())
        self.fields["role"].initial = role_of(self.instance)
        self.fields["teams"].initial = [group for group in groups if group.name not in NAMES]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("role") and not cleaned.get("is_superuser"):
            self.add_error("role", "Choose what this person may do.")
        return cleaned

    def groups(self) -> list[Group]:
        """The groups that the choice comes to. A superuser may have no role."""
        role = Group.objects.filter(name__in=self.cleaned_data["role"].split("+"))
        return [*role, *self.cleaned_data["teams"]]


class AddPersonForm(_WithRole, AdminUserCreationForm):  # type: ignore[type-arg]
    pass


class ChangePersonForm(_WithRole, UserChangeForm):  # type: ignore[type-arg]
    pass


class PersonAdmin(AsksForProof, UserAdmin):  # type: ignore[type-arg]  # not generic when it runs
    """`is_staff`, which lets people into the admin, follows from the role."""

    add_form = AddPersonForm
    form = ChangePersonForm
    list_display = ("username", "first_name", "last_name", "role", "teams", "is_active")
    list_filter = ("is_active", "is_superuser", "groups")
    add_fieldsets = (
        (None, {"fields": ("username", "usable_password", "password1", "password2")}),
        ("What this person may do", {"fields": ("role", "teams")}),
    )
    fieldsets = (
        (None, {"fields": ("username", "password", "first_name", "last_name", "email")}),
        ("What this person may do", {"fields": ("role", "teams", "is_active", "is_superuser")}),
        ("Dates", {"fields": DATES}),
    )
    readonly_fields = DATES
    filter_horizontal = ()
    actions = ("remove_second_factor",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if "role" in form.cleaned_data:
            obj.is_staff = obj.is_superuser or ADMIN in form.cleaned_data["role"]
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        form.instance.groups.set(form.groups())

    def user_change_password(  # type: ignore[override]
        self, request: HttpRequest, id: str, form_url: str = ""
    ) -> HttpResponseBase:
        if self.asks_for_proof(request):
            return ask(request)
        return super().user_change_password(request, id, form_url)

    @admin.action(description="Remove the second factor (lost telephone or key)")
    def remove_second_factor(self, request: HttpRequest, people: QuerySet[User]) -> None:
        found = people.filter(authenticator__isnull=False).distinct()
        for person in found:
            second_factor_removal.remove_all(person)
        names = ", ".join(person.get_username() for person in found) or "nobody: none had one"
        self.message_user(request, f"Second factor removed: {names}.")

    @admin.display(description="role")
    def role(self, person: User) -> str:
        if person.is_superuser:
            return "Superuser"
        return dict(ROLES).get(role_of(person), "none").partition(":")[0]

    @admin.display(description="teams")
    def teams(self, person: User) -> str:
        return ", ".join(group.name for group in person.groups.all() if group.name not in NAMES)


class GrantForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    """`by`: who fills it in."""

    by: User

    class Meta:
        model = Grant
        fields = ("person", "team", "account", "accounts_of", "level")
        widgets = {"level": forms.RadioSelect}

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        for name in ("team", "accounts_of"):
            field: Any = self.fields[name]
            field.queryset = field.queryset.exclude(name__in=NAMES)
        level: Any = self.fields["level"]
        level.choices = [(value, words[0].upper() + words[1:]) for value, words in Level.choices]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if bool(cleaned.get("person")) == bool(cleaned.get("team")):
            self.add_error("person", "Choose a person or a team, one of the two.")
        if bool(cleaned.get("account")) == bool(cleaned.get("accounts_of")):
            self.add_error("account", "Choose an account, or a team whose accounts it is about.")
        person, team = cleaned.get("person"), cleaned.get("team")
        is_own = person == self.by or (team and self.by.groups.filter(pk=team.pk).exists())
        if cleaned.get("level") == Level.OPERATE and is_own and not self.by.is_superuser:
            self.add_error(
                "level",
                "Nobody lets themselves act, or a team of their own: a superuser or another "
                "administrator does that.",
            )
        return cleaned


class PermissionFilter(admin.ChoicesFieldListFilter):
    """Named for itself: the field reads as a part of a sentence."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "permission"


class GrantAdmin(AsksForProof, ForAdministrators):
    form = GrantForm
    list_display = ("who", "may", "what")
    list_filter = (("level", PermissionFilter),)
    search_fields = ("person__username", "team__name", "account__name", "accounts_of__name")
    list_select_related = ("person", "team", "account", "accounts_of")
    fieldsets = (
        ("Who", {"fields": ("person", "team"), "description": "A person or a team."}),
        (
            "May",
            {
                "fields": ("level",),
                "description": "Adds to what role and teams give, and takes nothing away. "
                "A grant to act also works for viewers.",
            },
        ),
        (
            "What",
            {
                "fields": ("account", "accounts_of"),
                "description": "An account, or all accounts that belong to a team.",
            },
        ),
    )

    def get_form(self, request: HttpRequest, *given: Any, **more: Any) -> Any:
        form: Any = super().get_form(request, *given, **more)
        form.by = request.user
        return form

    def save_model(self, request: HttpRequest, obj: Grant, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        self._note(request, obj, Action.GRANT_CHANGED if change else Action.GRANT_MADE)

    def delete_model(self, request: HttpRequest, obj: Grant) -> None:
        self._note(request, obj, Action.GRANT_REMOVED)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Grant]) -> None:
        for grant in queryset:
            self._note(request, grant, Action.GRANT_REMOVED)
        super().delete_queryset(request, queryset)

    @staticmethod
    def _note(request: HttpRequest, grant: Grant, action: Action) -> None:
        audit_log.record(
            request.user,
            action,
            account_name=grant.account.name if grant.account else "",
            target=f"grant:{grant.pk} {grant}",
            detail={"to": str(grant.person or grant.team), "level": grant.level},
            address=request.META.get("REMOTE_ADDR") or None,
        )

    @admin.display(description="who", ordering="person__username")
    def who(self, grant: Grant) -> str:
        return f"team {grant.team}" if grant.team else str(grant.person)

    @admin.display(description="may", ordering="level")
    def may(self, grant: Grant) -> str:
        return "look at and act on" if grant.level == Level.OPERATE else "look at"

    @admin.display(description="what", ordering="account__name")
    def what(self, grant: Grant) -> str:
        return f"every account of {grant.accounts_of}" if grant.accounts_of else str(grant.account)


class AuditAdmin(ReadOnlyAdmin):
    list_display = ("at", "actor", "action", "account_name", "target", "address")
    list_filter = ("action",)
    search_fields = ("actor", "account_name", "target")
    show_full_result_count = False

"""A rule that a person makes for their team in the product, from a run, a workflow or from scratch.

Called by `rule_views`. Such a rule tells of one workflow or of all accounts of the team; the admin
has the other kinds. Each act checks, changes and audits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet

from executions.access import audit_log
from executions.access.permissions import (
    require_may_set_up,
    sees_every_account,
    teams_of,
    visible_accounts,
)
from executions.display.formatting import too_long
from executions.models import PROBLEM_STATUSES, Event, Execution, NoticeRule, Workflow
from executions.notifications import rule_form
from executions.notifications.address_rules import Address
from executions.notifications.rule_form import RuleForm, SpanField
from executions.payloads.text_escaping import plain
from providers.models import Grant

WAITING_AFTER = 900  # seconds, unless a person says otherwise
PAUSE = 600
ANY, ONE = "", "one"
VERBS = {Event.FAILED: "fails", Event.WAITING: "waits for input", Event.OVERDUE: "is overdue"}
CHOICES = (
    (Event.FAILED.value, "a run fails"),
    (Event.WAITING.value, "a question waits too long"),
    (Event.OVERDUE.value, "a run is overdue"),
)


@dataclass(frozen=True)
class Subject:
    """What a rule is made from: a run of a workflow, a workflow, or nothing."""

    workflow: Workflow | None = None
    run: Execution | None = None

    @property
    def name(self) -> str:
        return plain(self.workflow.name, 80) or self.workflow.ref if self.workflow else ""

    @property
    def error_key(self) -> str:
        return self.run.error_key if self.run else ""

    @property
    def error(self) -> str:
        return plain(self.run.error_summary, 200) if self.run and self.run.error_key else ""

    @property
    def event(self) -> Event:
        """What has happened to the run, as far as a rule can tell of it."""
        if self.run is None or self.run.status in PROBLEM_STATUSES:
            return Event.FAILED
        if self.run.questions.filter(closed_at__isnull=True).exists():
            return Event.WAITING
        return Event.FAILED if self.run.is_final else Event.OVERDUE

    def teams(self, user: User) -> QuerySet[Group]:
        """Those of the person that see the workflow's account."""
        own = teams_of(user)
        account = self.workflow.account if self.workflow else None
        if account is None or account.group_id is None:
            return own
        granted = Grant.objects.covering(account.pk, account.group_id).filter(team__isnull=False)
        return own.filter(Q(pk=account.group_id) | Q(pk__in=granted.values("team")))


class TeamRuleForm(RuleForm):
    period_seconds = None  # type: ignore[assignment]  # of an expected run
    grace_seconds = None  # type: ignore[assignment]
    event = forms.ChoiceField(label="When", choices=CHOICES, widget=forms.RadioSelect)
    failures = forms.ChoiceField(
        label="Which failures",
        choices=((ANY, "any failure"), (ONE, "")),
        required=False,
        widget=forms.RadioSelect,
    )
    after_seconds = SpanField(
        label="Waits longer than", required=False, help_text="Such as 15m or 2h."
    )
    pause_seconds = SpanField(
        label="At most one message every",
        help_text="Events in between are sent in one message. Such as 1m, 10m or 1h.",
    )

    my_browsers = forms.BooleanField(label="My browsers", required=False)

    class Meta(RuleForm.Meta):
        fields = (  # type: ignore[assignment]  # fewer than there
            "name", "event", "group", "after_seconds", "pause_seconds", "tells_cleared",
        )  # fmt: skip

    def __init__(self, *given: Any, subject: Subject, user: User, **more: Any) -> None:
        kind = subject.event
        of = subject.name or "A run"
        begun = {
            "name": _free_name(f"{of} {VERBS[kind]}"),
            "event": kind.value,
            "after_seconds": WAITING_AFTER,
            "pause_seconds": PAUSE,
            "group": subject.teams(user).first(),
        }
        super().__init__(*given, initial={**begun, **more.pop("initial", {})}, **more)
        self.subject = subject
        team: Any = self.fields["group"]
        team.queryset = subject.teams(user)
        team.required = not sees_every_account(user)
        team.empty_label = None if team.required else "Everybody"
        team.help_text = (
            "The rule looks only at accounts that this team may see. "
            "Its members see the notifications."
        )
        which: Any = self.fields["failures"]
        which.choices = ((ANY, "any failure"), (ONE, f"only this error: {subject.error}"))
        if not subject.error:
            del self.fields["failures"]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if problem := too_long("A name", name, 100):
            raise forms.ValidationError(problem)
        return name

    def draft(self) -> tuple[NoticeRule, list[Address]]:
        """The rule as far as it was understood, not saved, and where it would send."""
        data, subject = self.cleaned_data, self.subject
        begun = NoticeRule(
            name=data.get("name", ""),
            event=data.get("event", subject.event.value),
            group=data.get("group"),
            after_seconds=data.get("after_seconds"),
            pause_seconds=data.get("pause_seconds") or 0,
            tells_cleared=data.get("tells_cleared", False),
        )
        if data.get("failures") == ONE and begun.event == Event.FAILED:
            begun.error_key, begun.error_text = subject.error_key, subject.error
        return begun, data.get("new_addresses") or []


def accounts_of_team(user: User, team: Group | None, subject: Subject) -> list[int]:
    """Ids of the accounts that such a rule looks at, and that the person sees."""
    found = visible_accounts(user)
    if team is not None:
        found = found.visible_to_team(team)
    if subject.workflow is not None:
        found = found.filter(pk=subject.workflow.account_id)
    return list(found.values_list("pk", flat=True))


@transaction.atomic
def add(form: TeamRuleForm, user: User, *, address: str | None) -> NoticeRule:
    """The rule of a form that is valid. Raises PermissionDenied."""
    of = form.subject.workflow
    require_may_set_up(user, of.account_id if of else None)
    draft, _ = form.draft()
    rule: NoticeRule = form.save(commit=False)
    rule.error_key, rule.error_text = draft.error_key, draft.error_text
    changes = rule_form.set_up(rule, form, by=user.get_username())
    if form.cleaned_data["my_browsers"]:
        rule.people.add(user)
        changes.append(f"browsers of {user.get_username()}")
    workflow = form.subject.workflow
    if workflow is not None:
        rule.workflows.set([workflow])
        changes.append(f"workflows: {workflow.name}")
    audit_log.record(
        user,
        audit_log.Action.NOTICE_RULE_ADDED,
        account_name=workflow.account.name if workflow else "",
        target=f"rule:{rule.pk} {rule.name}",
        detail={"changes": changes},
        address=address,
    )
    return rule


@transaction.atomic
def switch(rule: NoticeRule, user: User, *, on: bool, address: str | None) -> bool:
    """Switch a rule of one's team off or on; False if it was so. Raises PermissionDenied."""
    require_may_set_up(user)
    if not is_own(rule, user):
        raise PermissionDenied("Only people of the rule’s team may switch it off or on.")
    held = NoticeRule.objects.select_for_update().get(pk=rule.pk)
    if held.enabled == on:
        return False
    held.enabled = on
    rule_form.begin_anew(held)
    held.save(update_fields=["enabled", "active_since", "is_primed"])
    audit_log.record(
        user,
        audit_log.Action.NOTICE_RULE_CHANGED,
        target=f"rule:{rule.pk} {rule.name}",
        detail={"changes": [f"enabled: {on}"]},
        address=address,
    )
    return True


def is_own(rule: NoticeRule, user: User) -> bool:
    """Whether the rule is of one of the person's teams; of none: whether they see everything."""
    if rule.group_id is None:
        return sees_every_account(user)
    return user.is_superuser or user.groups.filter(pk=rule.group_id).exists()


def note_test(user: User, sent: Sequence[tuple[str, str]], *, address: str | None) -> None:
    """Audit a test message to addresses that are not saved: (how it is shown, what came of it)."""
    audit_log.record(
        user,
        audit_log.Action.NOTICE_RULE_TESTED,
        target="addresses that are not saved",
        detail=dict(sent),
        address=address,
    )


def _free_name(name: str) -> str:
    """This name, or with a number where a rule has it."""
    taken = set(
        NoticeRule.objects.filter(name__startswith=name[:90]).values_list("name", flat=True)
    )
    tries = (name[:100], *(f"{name[:90]} ({number})" for number in range(2, 100)))
    return next((each for each in tries if each not in taken), "")

"""Notification rules, the states they have raised, and their messages."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser, Group, User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from executions.models.runs import Execution, Workflow
from providers import sealing
from providers.models import ProviderAccount


class Event(models.TextChoices):
    FAILED = "failed", "a run failed"
    WAITING = "waiting", "a run waits for input too long"
    OVERDUE = "overdue", "a run is overdue"
    STUCK = "stuck", "a command is stuck"
    ACCOUNT = "account", "an account cannot be read"
    MISSING = "missing", "an expected run did not start"


class RuleQuerySet(models.QuerySet["NoticeRule"]):
    def visible_to(self, user: User | AnonymousUser) -> RuleQuerySet:
        """Rules without a team, and those of the user's teams; all for a superuser."""
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(Q(group__isnull=True) | Q(group__in=user.groups.all()))


class NoticeRule(models.Model):
    """Tells a team of one kind of event. Its addresses are secrets: sealed, never shown again."""

    name = models.CharField(
        max_length=100, unique=True, help_text="Stands in every message, so that one knows why."
    )
    event = models.CharField("tells when", max_length=10, choices=Event.choices)
    group = models.ForeignKey(
        Group,
        verbose_name="team",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        help_text="Only accounts that this team may see. Empty: all accounts.",
    )
    accounts = models.ManyToManyField(
        ProviderAccount, blank=True, help_text="None chosen: all that the team may see."
    )
    workflows = models.ManyToManyField(
        Workflow,
        blank=True,
        help_text="None chosen: all of them. An expected run needs at least one.",
    )
    after_seconds = models.PositiveIntegerField(null=True, blank=True)
    """For waiting and stuck: how long before the notification."""
    period_seconds = models.PositiveIntegerField(null=True, blank=True)
    """For an expected run: from one start to the next; null: learned from history."""
    grace_seconds = models.PositiveIntegerField(null=True, blank=True)
    pause_seconds = models.PositiveIntegerField(default=60)
    """Between two messages; what happens meanwhile goes into one message."""
    tells_cleared = models.BooleanField(
        "tells when it is over", default=True, help_text="One more message when it has recovered."
    )
    error_key = models.CharField(max_length=16, default="", db_default="", editable=False)
    """Of failures: only those of this error; "" is any."""
    error_text = models.CharField(max_length=200, default="", db_default="", editable=False)
    """How that error read when the rule was made."""
    people = models.ManyToManyField(User, blank=True, related_name="+")
    """Whose browsers are notified, of what they may see at that moment."""
    enabled = models.BooleanField(default=True)
    sealed_targets = models.TextField(default="", blank=True, editable=False)
    """A list of {"id", "url"}."""
    targets = models.JSONField(default=list, blank=True, editable=False)
    """What may be shown of them: [{"id", "service", "shown", "fingerprint", "set_on", "by"}]."""
    active_since = models.DateTimeField(default=timezone.now, editable=False)
    """Earlier events never cause a notification."""
    is_primed = models.BooleanField(default=False, editable=False)
    """False until what was already so at the start has been noted without telling."""
    last_message_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = RuleQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = "notification rule"
        constraints = [
            models.CheckConstraint(
                condition=Q(event__in=[event.value for event in Event]), name="rule_event"
            ),
            models.CheckConstraint(
                condition=~Q(event__in=("waiting", "stuck")) | Q(after_seconds__isnull=False),
                name="rule_after",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def seal_context(self) -> str:
        return f"rule:{self.pk}"

    def addresses(self) -> list[dict[str, str]]:
        """The opened addresses. Raises SealError."""
        if not self.sealed_targets:
            return []
        return list(sealing.unseal(self.seal_context, self.sealed_targets))


class Notice(models.Model):
    """One state that a rule has raised: one row per rule and subject, notified once per turn."""

    rule = models.ForeignKey(NoticeRule, on_delete=models.CASCADE, related_name="notices")
    subject = models.CharField(max_length=60)
    """Such as "run:7", "question:9", "command:<uuid>", "account:3" or "workflow:5"."""
    turn = models.PositiveIntegerField(default=1)
    """Grows when the same subject is raised again; of a run its version when it failed."""
    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE)
    workflow = models.ForeignKey(Workflow, null=True, on_delete=models.CASCADE, related_name="+")
    execution = models.ForeignKey(Execution, null=True, on_delete=models.CASCADE, related_name="+")
    group_key = models.CharField(max_length=80)
    """What is notified and acknowledged together: of failures the workflow and the error."""
    label = models.CharField(max_length=300, default="")
    detail = models.CharField(max_length=300, default="")
    since = models.DateTimeField()
    """Since when it is so, by what we have seen."""
    raised_at = models.DateTimeField(default=timezone.now)
    cleared_at = models.DateTimeField(null=True)
    cleared_because = models.CharField(max_length=80, default="", blank=True)
    is_silent = models.BooleanField(default=False)
    """Never notified: it was so before the rule, or it happened while muted."""
    is_reminder = models.BooleanField(default=False)
    """Notified again, because its acknowledgement ended and it is still so."""
    told_at = models.DateTimeField(null=True)
    clear_told_at = models.DateTimeField(null=True)
    message = models.ForeignKey(
        "NoticeMessage", null=True, on_delete=models.SET_NULL, related_name="raised"
    )
    clear_message = models.ForeignKey(
        "NoticeMessage", null=True, on_delete=models.SET_NULL, related_name="cleared"
    )
    acknowledged_by = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rule", "subject"], name="notice_key")]
        indexes = [
            models.Index(
                fields=["rule", "group_key"],
                name="notice_raised",
                condition=Q(cleared_at__isnull=True),
            ),
            models.Index(
                fields=["rule"],
                name="notice_untold",
                condition=Q(told_at__isnull=True, is_silent=False),
            ),
            models.Index(
                fields=["rule"],
                name="notice_clear_untold",
                condition=Q(cleared_at__isnull=False, clear_told_at__isnull=True, is_silent=False),
            ),
            models.Index(
                fields=["cleared_at"],
                name="notice_old",
                condition=Q(cleared_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id}: {self.subject}"


class NoticeMute(models.Model):
    """Silence for one rule, account or workflow, with a reason and an end."""

    rule = models.ForeignKey(NoticeRule, null=True, on_delete=models.CASCADE)
    account = models.ForeignKey(ProviderAccount, null=True, on_delete=models.CASCADE)
    workflow = models.ForeignKey(Workflow, null=True, on_delete=models.CASCADE)
    reason = models.CharField(max_length=300)
    until = models.DateTimeField()
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(rule__isnull=False, account=None, workflow=None)
                | Q(account__isnull=False, rule=None, workflow=None)
                | Q(workflow__isnull=False, rule=None, account=None),
                name="mute_one_thing",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="mute_reason"),
            models.CheckConstraint(
                condition=Q(until__gte=models.F("created_at")), name="mute_ends"
            ),
        ]
        indexes = [models.Index(fields=["until"], name="mute_until")]

    def __str__(self) -> str:
        return f"mute until {self.until:%Y-%m-%d %H:%M}"

    @property
    def thing(self) -> Any:
        return self.rule or self.account or self.workflow


class NoticeMessage(models.Model):
    """One message as it was written, for all addresses of its rule."""

    KINDS = (("raised", "raised"), ("cleared", "cleared"), ("both", "both"), ("test", "test"))

    rule = models.ForeignKey(NoticeRule, on_delete=models.CASCADE, related_name="messages")
    kind = models.CharField(max_length=8, choices=KINDS)
    title = models.CharField(max_length=200)
    body = models.TextField()
    account_ids = ArrayField(models.BigIntegerField(), default=list)
    """Accounts it speaks of: only who may see all of them may read it."""
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["-created_at", "-id"], name="message_newest")]

    def __str__(self) -> str:
        return self.title


class DeliveryState(models.TextChoices):
    PENDING = "pending", "waits to be sent"
    PREPARING = "preparing", "being prepared"  # a worker holds it; nothing has left yet
    SENDING = "sending", "being sent"  # from here on it may have arrived
    SENT = "sent", "sent"
    FAILED = "failed", "given up"
    UNKNOWN = "unknown", "may have arrived"  # never sent again
    DROPPED = "dropped", "not sent"  # the address was removed, or the rule disabled


class Delivery(models.Model):
    """One message to one address of its rule."""

    message = models.ForeignKey(NoticeMessage, on_delete=models.CASCADE, related_name="deliveries")
    rule = models.ForeignKey(NoticeRule, on_delete=models.CASCADE, related_name="+")
    target = models.CharField(max_length=16)
    """The address' id in its rule."""
    service = models.CharField(max_length=40)
    shown = models.CharField(max_length=120)
    """What may be shown of the address."""
    state = models.CharField(
        max_length=10, choices=DeliveryState.choices, default=DeliveryState.PENDING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True)
    says = models.CharField(max_length=300, default="", blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["message", "target"], name="delivery_key"),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in DeliveryState]),
                name="delivery_state",
            ),
        ]
        indexes = [
            models.Index(
                fields=["rule", "target"],
                name="delivery_open",
                condition=Q(state__in=("pending", "preparing", "sending")),
            ),
            models.Index(fields=["-created_at", "-id"], name="delivery_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.shown}: {self.state}"


class PushBrowser(models.Model):
    """A browser that shows notifications to its person. Where it is reached, and the keys of it,
    are secrets: sealed, never shown."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    endpoint_hash = models.CharField(max_length=64, unique=True)
    sealed = models.TextField()
    """{"endpoint", "p256dh", "auth"}, as the browser gave them."""
    name = models.CharField(max_length=80)
    """Such as "Chrome on Linux"."""
    service = models.CharField(max_length=100)
    """The host of its push service."""
    added_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True)
    """When its push service last took a message."""

    def __str__(self) -> str:
        return f"{self.user}: {self.name}"


class PushKey(models.Model):
    """The key of this site for push services; one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    sealed = models.TextField()
    public = models.CharField(max_length=100)
    made_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.public


class NoticeClock(models.Model):
    """How far the evaluation has come; its one row is the lock of the one evaluator."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    looked_to = models.DateTimeField(default=timezone.now)
    """No transition that was observed earlier can still be committed unseen."""
    conditions_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"looked to {self.looked_to}"

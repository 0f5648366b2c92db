"""Business keys: the rules that find them in runs, and the keys that were found."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from executions.models.runs import Execution
from executions.payloads.business_keys import MAX_KEY, MAX_PATH, MAX_PATTERN, SOURCES, problem_of
from executions.payloads.external_key_links import MAX_LINK, problem_of_link
from providers.models import ProviderAccount


class CorrelationRule(models.Model):
    """Where the runs of an account carry a business key, such as an order number."""

    account = models.ForeignKey(
        ProviderAccount, on_delete=models.CASCADE, related_name="correlation_rules"
    )
    name = models.CharField("name of the key", max_length=60, help_text="Such as: order number")
    source = models.CharField(max_length=10, choices=[(key, word) for key, word in SOURCES.items()])
    path = models.CharField(
        max_length=MAX_PATH,
        default="",
        blank=True,
        help_text="Where in the value: $.order.id, or order.lines[0].number, or items[*].id. "
        "Empty: all of it.",
    )
    pattern = models.CharField(
        max_length=MAX_PATTERN,
        default="",
        blank=True,
        help_text="An RE2 pattern, at most one group: ORD-(\\d+) finds 17 in “ORD-17”. "
        "Empty: the whole text is the key.",
    )
    link = models.CharField(
        max_length=MAX_LINK,
        db_default="",
        default="",
        blank=True,
        help_text="Where people find the key outside, with {key} in its place: "
        "https://erp.example.com/orders/{key}. Empty: no link.",
    )
    problem = models.CharField(max_length=300, default="", blank=True, editable=False)
    """What was wrong when it was last used."""
    problem_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("account", "name", "pk")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "name", "source", "path", "pattern"], name="correlation_rule"
            ),
            models.CheckConstraint(
                condition=models.Q(source__in=list(SOURCES)), name="correlation_source"
            ),
        ]

    def __str__(self) -> str:
        where = f" {self.path}" if self.path else ""
        return f"{self.name} from {SOURCES.get(self.source, self.source)}{where}"

    def clean(self) -> None:
        found = problem_of(self.source, self.path, self.pattern)
        if found:
            raise ValidationError({found.field: found.sentence})
        if self.link and (sentence := problem_of_link(self.link)):
            raise ValidationError({"link": sentence})


class RunKey(models.Model):
    """One business key of one run. Lists read it in the order of the runs."""

    execution = models.ForeignKey(
        Execution, on_delete=models.CASCADE, related_name="keys", db_index=False
    )
    account = models.ForeignKey(
        ProviderAccount, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False,
        related_name="+",
    )  # fmt: skip
    name = models.CharField(max_length=60)
    value = models.CharField(max_length=2 * MAX_KEY, db_collation="C")
    """Normalized: equal keys are equal here, however a provider writes them."""
    text = models.CharField(max_length=MAX_KEY)
    """As the provider wrote it."""
    sort_at = models.DateTimeField()
    """The run's own, which never changes."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["execution", "value"], name="run_key")]
        indexes = [
            models.Index(
                fields=["value", "account", "-sort_at", "-execution"], name="run_key_newest"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.text}"


class KeySearch(models.Model):
    """Stored runs of an account that are looked through again, after its rules changed."""

    account = models.OneToOneField(
        ProviderAccount, on_delete=models.CASCADE, primary_key=True, related_name="key_search"
    )
    since = models.DateTimeField()
    asked_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    reached = models.DateTimeField(null=True)
    """The start of the oldest run looked at: newest first."""
    reached_id = models.BigIntegerField(default=0)
    looked_at = models.PositiveIntegerField(default=0)
    found = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"keys of {self.account} since {self.since:%Y-%m-%d}"

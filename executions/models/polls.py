"""What polls leave behind besides runs: attempts, records that could not be stored, counters."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from executions.models.runs import Execution
from providers.contract import MAX_REF
from providers.models import ProviderAccount


class PollRun(models.Model):
    """One attempt to poll an account, good or bad, partitioned by month of `started_at`."""

    pk = models.CompositePrimaryKey("started_at", "id")
    id = models.BigIntegerField()
    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE, db_index=False)
    poll_seq = models.BigIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20)
    """`ok`, `partial` (something was quarantined or left for the next poll) or an error's code."""
    requests = models.IntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    seen = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    quarantined = models.IntegerField(default=0)
    error = models.CharField(max_length=500, default="", blank=True)

    class Meta:
        ordering = ("-started_at",)

    def __str__(self) -> str:
        return f"poll {self.poll_seq}: {self.outcome}"


class LastAsked(models.Model):
    """When a poll last asked for an open run by its ref, whatever came of it."""

    execution = models.OneToOneField(
        Execution, on_delete=models.CASCADE, primary_key=True, related_name="last_asked"
    )
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.execution_id} asked for {self.at}"


class Quarantine(models.Model):
    """A record that could not be stored. The rest of its batch was."""

    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE)
    ref = models.CharField(max_length=MAX_REF)
    reason = models.CharField(max_length=300)
    excerpt = models.TextField(default="")
    """The first 2,000 characters of the record."""
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    count = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name_plural = "quarantine"
        constraints = [models.UniqueConstraint(fields=["account", "ref"], name="quarantine_key")]

    def __str__(self) -> str:
        return f"{self.account}: {self.ref}"


class StatusCount(models.Model):
    """How many executions an account has in each status; kept by the storing statement."""

    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE, db_index=False)
    status = models.CharField(max_length=12)
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "status"], name="count_key")]

    def __str__(self) -> str:
        return f"{self.status}: {self.count}"

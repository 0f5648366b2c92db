"""What was polled when, and with what result."""

from __future__ import annotations

from django.db import models

from executions.models.runs import Execution
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


class PollTrace(models.Model):
    """The requests of one of the last polls of an account. A poll takes the place of an old one, so
    that an account never has more rows than places."""

    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE, db_index=False)
    slot = models.SmallIntegerField()
    """The poll's number modulo the number of places; of the last that failed -1."""
    poll_seq = models.BigIntegerField()
    started_at = models.DateTimeField()
    outcome = models.CharField(max_length=20)
    error = models.CharField(max_length=500, default="", blank=True)
    requests = models.JSONField(default=list)
    """[method, path and query, status (0: no answer), milliseconds, bytes, records] of each."""
    left_out = models.IntegerField(default=0)
    """Requests in the middle of a long poll that were not kept."""
    excerpt = models.TextField(default="", blank=True)
    """Of a poll that failed the begin of its last answer. No secrets are in any of this."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "slot"], name="poll_trace_place")]

    def __str__(self) -> str:
        return f"requests of poll {self.poll_seq}"


class LastAsked(models.Model):
    """When a poll last asked for an open run by its ref, whatever came of it."""

    execution = models.OneToOneField(
        Execution, on_delete=models.CASCADE, primary_key=True, related_name="last_asked"
    )
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.execution_id} asked for {self.at}"

"""Runs that are to be read from their provider: the queue of the readers."""

from __future__ import annotations

from django.db import models

from executions.models.runs import Execution
from providers.models import ProviderAccount


class Rank(models.IntegerChoices):
    """Who gains by a reading. The lower one goes first, but none waits for ever."""

    PERSON = 0, "a person or a program looks at the run"
    POLL = 1, "a poll saw a change, and had no time to read it or its log"
    HISTORY = 2, "the run had ended before we first saw it"


class Reading(models.Model):
    """One run that is to be read. Gone when it has been read and no open page shows it."""

    execution = models.OneToOneField(
        Execution, on_delete=models.CASCADE, primary_key=True, related_name="reading"
    )
    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE, db_index=False)
    rank = models.PositiveSmallIntegerField(choices=Rank.choices)
    wants_run = models.BooleanField()
    wants_log = models.BooleanField()
    asked_at = models.DateTimeField()
    """A reading that began before that does not answer it."""
    due_at = models.DateTimeField()
    watched_until = models.DateTimeField(null=True)
    """Up to when an open page shows the run; pages say so again while they are open."""
    sort_at = models.DateTimeField()
    """The run's own: history is read newest first."""
    tries = models.PositiveSmallIntegerField(default=0)
    """How often a server has answered with an error to it."""

    class Meta:
        indexes = [
            models.Index(
                fields=["account", "rank", "due_at"],
                name="reading_due",
                condition=models.Q(rank__lt=Rank.HISTORY),
            ),
            models.Index(
                fields=["account", "-sort_at"],
                name="reading_history",
                condition=models.Q(rank=Rank.HISTORY),
            ),
        ]

    def __str__(self) -> str:
        return f"reading of {self.execution_id}"


class Backlog(models.Model):
    """Per account: who works at its readings, and how much history there was to read."""

    account = models.OneToOneField(
        ProviderAccount, on_delete=models.CASCADE, primary_key=True, related_name="backlog"
    )
    reader_until = models.DateTimeField(null=True)
    """Lease of the reader at work; also how long the provider has asked us to wait."""
    reader_backend = models.IntegerField(null=True)
    """Process id of the reader's database connection: it ends with the reader."""
    history_total = models.PositiveIntegerField(default=0)
    """Runs of the history that were to be read when reading it began."""

    def __str__(self) -> str:
        return f"backlog of {self.account}"

"""Batches: one request for many runs, the frozen list, and the result of each."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from executions.models.commands import MAX_REASON, Command
from executions.models.questions import OrderedJSON, Question
from executions.models.runs import STATUS_CHOICES, Execution
from providers.contract import Verb
from providers.models import ProviderAccount

BATCH_KINDS = (Verb.CANCEL, Verb.SUSPEND, Verb.RESUME, Verb.RETRY)
"""Of runs; an answer is of questions."""


class BatchState(models.TextChoices):
    DRAFT = "draft", "not started"  # a preview; nothing was asked of anybody
    RUNNING = "running", "running"  # waiting items become commands, bit by bit
    STOPPING = "stopping", "stopping"  # nothing new is sent; what was sent is followed
    STOPPED = "stopped", "stopped"  # stopped before everything was sent, and all is settled
    DONE = "done", "done"  # every item is settled


class ItemState(models.TextChoices):
    INELIGIBLE = "ineligible", "left out"  # could not be asked for when the list was frozen
    WAITING = "waiting", "waiting"  # the queue: only these become commands
    REQUESTED = "requested", "requested"  # has its command; the provider has not taken it yet
    ACCEPTED = "accepted", "accepted"  # the provider took it
    CONFIRMED = "confirmed", "confirmed"  # a poll has seen the effect
    REJECTED = "rejected", "rejected"  # the provider, or the run's state, said no
    FAILED = "failed", "unclear"  # reading did not settle it: a person has to look
    STOPPED = "stopped", "stopped"  # the batch was stopped before it was sent
    SKIPPED = "skipped", "skipped"  # no longer possible when its turn came


OPEN_BATCH_STATES = (BatchState.RUNNING, BatchState.STOPPING)
FOLLOWED = (ItemState.REQUESTED, ItemState.ACCEPTED)
COMMANDED = (*FOLLOWED, ItemState.CONFIRMED, ItemState.REJECTED, ItemState.FAILED)


class Batch(models.Model):
    """A person's request for a frozen list of runs, or of questions that ask the same."""

    key = models.UUIDField(unique=True, default=uuid.uuid4)
    """Of the form that made it: the same form sent twice is one batch."""
    kind = models.CharField(max_length=10)
    state = models.CharField(max_length=10, choices=BatchState.choices, default=BatchState.DRAFT)
    requested_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=MAX_REASON, default="", blank=True)
    query = models.TextField(default="", blank=True)
    """The filter as a query string, as it was understood."""
    words = models.TextField(default="", blank=True)
    """The filter as a sentence."""
    is_cut = models.BooleanField(default=False)
    """More runs matched than one batch takes."""
    asked = OrderedJSON(null=True)
    """Of an answer: what its questions ask, see `bulk.answers.asked_by`."""
    sealed_answer = models.TextField(default="", db_default="", blank=True)
    """What was typed into that form, sealed."""
    accounts = ArrayField(models.BigIntegerField(), default=list)
    """Ids of the accounts that its items belong to."""
    counts = models.JSONField(default=dict)
    """How many items are in which state, by account id: {"7": {"waiting": 12}}."""
    retry_of = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    assessed_at = models.DateTimeField(default=timezone.now)
    """When it was last looked at which runs can be asked."""
    started_at = models.DateTimeField(null=True)
    send_after = models.DateTimeField(null=True)
    """Until then nothing is sent, so that a batch of answers can be undone."""
    stopped_at = models.DateTimeField(null=True)
    stopped_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "batches"
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    kind__in=[*(kind.value for kind in BATCH_KINDS), Verb.ANSWER.value]
                ),
                name="batch_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(state="draft")
                | models.Q(started_at__isnull=False, kind=Verb.ANSWER.value)
                | (models.Q(started_at__isnull=False) & ~models.Q(reason="")),
                name="batch_started_with_a_reason",
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                name="batch_open",
                condition=models.Q(state__in=[state.value for state in OPEN_BATCH_STATES]),
            )
        ]

    def __str__(self) -> str:
        return f"batch {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_BATCH_STATES


class BatchItem(models.Model):
    """One run of a batch, or one question of one, and what came of it there."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="items", db_index=False)
    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="+")
    account = models.ForeignKey(
        ProviderAccount, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    question = models.ForeignKey(
        Question, null=True, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    status = models.CharField(max_length=12, choices=STATUS_CHOICES)
    """Of the run when the list was frozen."""
    state = models.CharField(max_length=10, choices=ItemState.choices)
    message = models.CharField(max_length=500, default="", blank=True)
    """Why it was left out or skipped, or what the provider said."""
    command = models.OneToOneField(
        Command, null=True, on_delete=models.CASCADE, related_name="batch_item"
    )
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("pk",)
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "execution"],
                condition=models.Q(question__isnull=True),
                name="batchitem_run",
            ),
            models.UniqueConstraint(
                fields=["question", "batch"],
                condition=models.Q(question__isnull=False),
                name="batchitem_question",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=[each.value for each in ItemState]),
                name="batchitem_state",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    state__in=[each.value for each in COMMANDED], command__isnull=False
                )
                | models.Q(state="stopped")  # a command that nobody had sent was withdrawn
                | models.Q(state__in=["ineligible", "waiting", "skipped"], command__isnull=True),
                name="batchitem_command",
            ),
        ]
        indexes = [
            models.Index(fields=["batch", "id"], name="batchitem_order"),
            models.Index(
                fields=["batch", "account", "id"],
                name="batchitem_waiting",
                condition=models.Q(state="waiting"),
            ),
            models.Index(
                fields=["batch"],
                name="batchitem_followed",
                condition=models.Q(state__in=[each.value for each in FOLLOWED]),
            ),
        ]

    def __str__(self) -> str:
        what = f"question {self.question_id}" if self.question_id else f"run {self.execution_id}"
        return f"{what} of batch {self.batch_id}"

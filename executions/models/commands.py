"""Commands of people to providers, and their results."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from executions.models.runs import Execution, Workflow
from providers.contract import MAX_REF
from providers.models import ProviderAccount

MAX_REASON = 500  # characters


class CommandState(models.TextChoices):
    PENDING = "pending", "requested"  # recorded; only these may be claimed
    SENDING = "sending", "being sent"  # a worker holds it
    ACCEPTED = "accepted", "accepted"  # the provider took it
    CONFIRMED = "confirmed", "confirmed"  # a poll has seen its effect
    REJECTED = "rejected", "rejected"  # the provider, or the run's state, said no
    UNKNOWN = "unknown", "outcome unknown"  # may have arrived; settled by reading
    NEEDS_PERSON = "needs_person", "needs a decision"  # reading did not settle it
    WITHDRAWN = "withdrawn", "undone"  # taken back before any worker had it


OPEN_COMMAND_STATES = (
    CommandState.PENDING,
    CommandState.SENDING,
    CommandState.ACCEPTED,
    CommandState.UNKNOWN,
)
SETTLED_COMMAND_STATES = (
    CommandState.CONFIRMED,
    CommandState.REJECTED,
    CommandState.WITHDRAWN,
)


class Command(models.Model):
    """A command: who, what, when, and its result."""

    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
    kind = models.CharField(max_length=10)
    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE, related_name="commands")
    execution = models.ForeignKey(
        Execution, null=True, on_delete=models.CASCADE, related_name="commands"
    )
    workflow = models.ForeignKey(Workflow, null=True, on_delete=models.CASCADE, related_name="+")
    target = models.CharField(max_length=300)
    """One open command per target and kind: "run:7", "run:7:forced" (another way than the usual
    one), "question:9", "start:<key>"."""
    question_ref = models.CharField(max_length=MAX_REF, default="", blank=True)
    sealed_arguments = models.TextField(default="", blank=True)
    """Values of an answer or a start, sealed: they may hold anything."""
    reason = models.CharField(max_length=MAX_REASON, default="", blank=True)
    requested_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    agreed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    """The second person, for an answer that needed two."""
    account_revision = models.PositiveIntegerField(default=0)
    state = models.CharField(
        max_length=12, choices=CommandState.choices, default=CommandState.PENDING
    )
    message = models.CharField(max_length=500, default="", blank=True)
    """What happened, in the provider's words where it said something."""
    fields = models.JSONField(default=dict, blank=True)
    """Complaints of the provider by property, for a rejected answer."""
    attempts = models.PositiveSmallIntegerField(default=0)
    doubts = models.PositiveSmallIntegerField(default=0, db_default=0)
    """Attempts that the provider may have carried out, as far as their answers tell."""
    not_before = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    version_at_send = models.PositiveIntegerField(default=0)
    """The execution's version when the command went out: a later version is news."""
    native_at_send = models.CharField(max_length=60, default="", blank=True)
    ended_at_send = models.DateTimeField(null=True)
    """When the execution had ended, as it was known when the command went out: an end that is not
    this one is that of another try."""
    new_ref = models.CharField(max_length=MAX_REF, default="", blank=True)
    """For a start, or a retry that made a new run: the run that came of it."""

    class Meta:
        ordering = ("-requested_at",)
        constraints = [
            models.UniqueConstraint(
                fields=["target", "kind"],
                condition=models.Q(state__in=[state.value for state in OPEN_COMMAND_STATES]),
                name="one_open_command",
            )
        ]
        indexes = [
            models.Index(fields=["-requested_at"], name="command_newest"),
            models.Index(
                fields=["account"],
                name="command_open",
                condition=models.Q(state__in=[state.value for state in OPEN_COMMAND_STATES]),
            ),
            models.Index(  # the history of answers, newest first
                fields=["-requested_at", "-key"],
                name="command_answers",
                condition=models.Q(kind="answer"),
            ),
        ]
        permissions = [("act", "Can act on runs: answer, cancel, suspend, resume, retry, start")]

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"

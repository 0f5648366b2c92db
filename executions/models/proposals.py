"""Answers that wait for a second person, where a workflow asks for two."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from executions.models.commands import MAX_REASON
from executions.models.questions import Question


class ProposalState(models.TextChoices):
    HELD = "held", "waits for a second person"
    AGREED = "agreed", "agreed"  # there is a command with its key
    RETURNED = "returned", "given back"  # the second person disagreed
    WITHDRAWN = "withdrawn", "withdrawn"  # by the person who proposed it
    OVERTAKEN = "overtaken", "overtaken"  # the question is another one by now


class Proposal(models.Model):
    """An answer that is not sent before another person agrees. Its key is that of the command which
    comes of it."""

    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
    question = models.ForeignKey(Question, on_delete=models.CASCADE, related_name="proposals")
    fingerprint = models.CharField(max_length=32)
    """Of the question when it was proposed."""
    sealed_arguments = models.TextField()
    """As those of a command with this key."""
    reason = models.CharField(max_length=MAX_REASON, default="", blank=True)
    requested_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(
        max_length=10, choices=ProposalState.choices, default=ProposalState.HELD
    )
    decided_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True)
    sentence = models.CharField(max_length=MAX_REASON, default="", blank=True)
    """Why it was given back."""

    kind = "answer"
    new_ref = ""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["question"], condition=models.Q(state="held"), name="one_held_proposal"
            )
        ]

    def __str__(self) -> str:
        return f"answer proposed for question:{self.question_id}"

    @property
    def not_before(self) -> datetime:
        return self.requested_at

    @property
    def message(self) -> str:
        return self.sentence if self.state != ProposalState.HELD else "Waits for a second person."

"""Acknowledgements of errors: by which team, until when."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.db import models
from django.utils import timezone


class Ending(models.TextChoices):
    """Why an acknowledgement is over."""

    EXPIRED = "expired", "expired"
    SUCCEEDED = "succeeded", "none of its runs is unresolved"
    RELEASED = "released", "taken back"
    RESOLVED = "resolved", "resolved"


class Stance(models.TextChoices):
    """What a team does about an error."""

    IN_HAND = "in_hand", "in hand"
    IGNORED = "ignored", "ignored"


class ErrorAcknowledgement(models.Model):
    """One error (by its key) at the accounts of one team, in hand or ignored: its unresolved runs
    are, and those that still come while it lasts. Over when it expires, is taken back, or the error
    is resolved; in hand also ends when none of its runs is unresolved."""

    kind = models.CharField(max_length=7, choices=Stance.choices, db_default=Stance.IN_HAND)
    error_key = models.CharField(max_length=16)
    team = models.ForeignKey(Group, null=True, on_delete=models.CASCADE, related_name="+")
    """Null: the accounts that belong to no team."""
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    """Who said so."""
    assignee = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    """Who has it in hand."""
    note = models.CharField(max_length=300, default="", blank=True)
    at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=10, choices=Ending.choices, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["error_key", "team"],
                condition=models.Q(ended_at__isnull=True),
                nulls_distinct=False,
                name="one_open_acknowledgement",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True, ending="")
                | models.Q(ended_at__isnull=False, ending__in=[e.value for e in Ending]),
                name="acknowledgement_ending",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.error_key} until {self.until:%Y-%m-%d %H:%M}"

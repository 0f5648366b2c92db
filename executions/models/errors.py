"""Acknowledgements of errors: by which team, until when."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.db import models
from django.utils import timezone


class Ending(models.TextChoices):
    """Why an acknowledgement is over."""

    EXPIRED = "expired", "expired"
    SUCCEEDED = "succeeded", "every workflow succeeded again"
    RELEASED = "released", "taken back"


class ErrorAcknowledgement(models.Model):
    """One error (by its key) at the accounts of one team. Over when it expires, when every
    workflow that had the error has succeeded since, or when it is taken back."""

    error_key = models.CharField(max_length=16)
    team = models.ForeignKey(Group, null=True, on_delete=models.CASCADE, related_name="+")
    """Null: the accounts that belong to no team."""
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
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

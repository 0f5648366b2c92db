"""What people tell each other about a run or a workflow."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from executions.models.runs import Execution, Workflow
from providers.models import ProviderAccount

MAX_NOTE = 1000  # characters


class Note(models.Model):
    """Plain text on one run or one workflow. Written once: it can be deleted, not changed."""

    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE, db_index=False)
    execution = models.ForeignKey(
        Execution, null=True, on_delete=models.CASCADE, related_name="notes"
    )
    workflow = models.ForeignKey(
        Workflow, null=True, on_delete=models.CASCADE, related_name="notes"
    )
    author = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    text = models.CharField(max_length=MAX_NOTE)
    is_pinned = models.BooleanField(default=False)
    """First among the notes of its place; of a workflow, shown in the row of each of its runs."""
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-is_pinned", "-created_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(execution__isnull=True) ^ models.Q(workflow__isnull=True),
                name="note_has_one_place",
            ),
            models.CheckConstraint(condition=~models.Q(text=""), name="note_says_something"),
        ]
        indexes = [models.Index(fields=["account", "-created_at"], name="note_newest")]

    def __str__(self) -> str:
        return self.text[:60]

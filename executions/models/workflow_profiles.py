"""What people say about a workflow: whose it is, what to do when it fails, when it should run."""

from __future__ import annotations

from django.contrib.auth.models import Group, User
from django.contrib.postgres.fields import ArrayField
from django.db import models

from executions.models.runs import Workflow

MAX_RUNBOOK = 20_000  # characters
MAX_LABEL = 40
MOST_LABELS = 10


class WorkflowProfile(models.Model):
    """At most one per workflow; none where nobody has said anything."""

    workflow = models.OneToOneField(
        Workflow, on_delete=models.CASCADE, primary_key=True, related_name="profile"
    )
    runbook = models.TextField(default="", blank=True)
    """Markdown."""
    runbook_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    runbook_at = models.DateTimeField(null=True)
    owner = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    team = models.ForeignKey(Group, null=True, on_delete=models.SET_NULL, related_name="+")
    """The owner, where that is a team."""
    labels = ArrayField(models.CharField(max_length=MAX_LABEL), default=list)
    expected_seconds = models.PositiveIntegerField(null=True)
    """From one start to the next, as a person set it; null: learned, where starts are regular."""
    needs_two = models.BooleanField(default=False, db_default=False)
    """An answer is sent when a second person agrees."""
    grace_seconds = models.PositiveIntegerField(null=True)
    """How late a run may start; null: a quarter of the usual distance, at least a minute."""

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(owner__isnull=True) | models.Q(team__isnull=True),
                name="workflow_has_one_owner",
            ),
        ]

    def __str__(self) -> str:
        return f"profile of {self.workflow_id}"

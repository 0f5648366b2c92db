"""What people decided about failed runs: one row per run and act."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from executions.models.runs import MAX_SETTLED_REASON, Execution


class Act(models.TextChoices):
    """As the history of a run names it."""

    RESOLVE = "resolve", "Resolved"
    IGNORE = "ignore", "Ignored"
    ASSIGN = "assign", "In hand"
    LET_GO = "let_go", "Let go"
    REOPEN = "reopen", "Reopened"


class TriageAct(models.Model):
    """One act of a person on one run. Never changed."""

    execution = models.ForeignKey(
        Execution, on_delete=models.CASCADE, related_name="triage_acts", db_index=False
    )
    act = models.CharField(max_length=8, choices=Act.choices)
    by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    assignee = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=MAX_SETTLED_REASON, default="", blank=True)
    until = models.DateTimeField(null=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-at", "-pk")
        indexes = [models.Index(fields=["execution", "-at", "-id"], name="triage_act_newest")]

    def __str__(self) -> str:
        return f"{self.get_act_display()} {self.at:%Y-%m-%d %H:%M}"

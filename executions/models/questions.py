"""Pending human input, and what people have typed so far."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from executions.models.runs import Execution, Workflow
from providers import exact_json
from providers.contract import MAX_NAME, MAX_REF

MAX_DELEGATION_NOTE = 300  # characters


class OrderedJSON(models.TextField):  # type: ignore[type-arg]
    """Any JSON value, kept as text: jsonb forgets the order of keys, and a form is drawn in it."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return None if value is None else exact_json.read_stored(value)

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else exact_json.written(value)


class Question(models.Model):
    """Pending human input. Opened and closed by observation only."""

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="questions")
    ref = models.CharField(max_length=MAX_REF)
    kind = models.CharField(max_length=10)
    title = models.CharField(max_length=MAX_NAME, default="", blank=True)
    description = models.TextField(default="", blank=True)
    schema = OrderedJSON(null=True)
    form = OrderedJSON(null=True)
    model = OrderedJSON(null=True)
    choices = models.JSONField(default=list)
    """For an approval: [{"value", "label", "is_danger"}]."""
    due_at = models.DateTimeField(null=True)
    url = models.CharField(max_length=2000, db_default="", default="", blank=True)
    assignees = ArrayField(models.CharField(max_length=MAX_NAME), db_default=[], default=list)
    """Whom the provider asks; empty: anybody."""
    is_answerable = models.BooleanField(default=True)
    fingerprint = models.CharField(max_length=32, default="")
    """Of schema, form, model and choices: an answer to another fingerprint is refused."""
    opened_at = models.DateTimeField()
    """Since when it waits: by the provider's times where they tell, else when we first saw it."""
    is_opening_reported = models.BooleanField(db_default=False)
    """Whether `opened_at` is the provider's time."""
    seen_at = models.DateTimeField(db_default=Now())
    """When we first saw it asked."""
    closed_at = models.DateTimeField(null=True)
    claimed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    claimed_at = models.DateTimeField(null=True)
    """Since when the one who is on it now has it."""
    first_claimed_at = models.DateTimeField(null=True)
    """When it was claimed first; stays when the claim is released or taken over."""
    delegated_to = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    delegated_team = models.ForeignKey(
        Group, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    """Who shall answer: a person or a team, never both."""
    delegated_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    delegated_at = models.DateTimeField(null=True)
    delegation_note = models.CharField(
        max_length=MAX_DELEGATION_NOTE, db_default="", default="", blank=True
    )
    answered_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    """Whose answer from here closed it; null if it was answered elsewhere or called off."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["execution", "ref"], name="question_key"),
            models.CheckConstraint(
                condition=models.Q(delegated_to=None) | models.Q(delegated_team=None),
                name="delegated_to_one",
            ),
        ]
        indexes = [
            models.Index(
                fields=["opened_at", "id"],
                name="question_open",
                condition=models.Q(closed_at__isnull=True),
            ),
            models.Index(  # the order of the inbox
                fields=["due_at", "opened_at", "id"],
                name="question_due",
                condition=models.Q(closed_at__isnull=True),
            ),
            models.Index(
                fields=["-closed_at"],
                name="question_closed",
                condition=models.Q(closed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.ref

    @property
    def delegate(self) -> User | Group | None:
        return self.delegated_to or self.delegated_team


class Draft(models.Model):
    """What one person has typed into one question, sealed."""

    question = models.ForeignKey(Question, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    sealed_values = models.TextField()
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["question", "user"], name="draft_key")]

    def __str__(self) -> str:
        return f"draft of {self.user} for {self.question_id}"


class StartDraft(models.Model):
    """What one person has typed to start a run of one workflow, sealed."""

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    sealed_values = models.TextField()
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workflow", "user"], name="start_draft_key")]

    def __str__(self) -> str:
        return f"draft of {self.user} to start {self.workflow_id}"

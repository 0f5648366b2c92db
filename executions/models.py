"""What is stored of executions, and what people did about them. Rows only; stages do the work.

The poller writes Execution, Step, Transition and the rest through `storing` alone, one statement
per batch. Rules about values and uniqueness live in constraints here.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from providers.contract import FINAL, MAX_NAME, MAX_REF, Status
from providers.models import ProviderAccount

STATUS_CHOICES = [(status.value, status.value.replace("_", " ")) for status in Status]
OPEN_STATUSES = tuple(status.value for status in Status if status not in FINAL)
PROBLEM_STATUSES = (Status.FAILED.value, Status.TIMED_OUT.value)


class OrderedJSON(models.TextField):  # type: ignore[type-arg]
    """Any JSON value, kept as text: jsonb forgets the order of keys, and a form is drawn in it."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return None if value is None else json.loads(value)

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False)


class Workflow(models.Model):
    """A definition that at least one poll has named. Filters read this, never DISTINCT."""

    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE)
    ref = models.CharField(max_length=MAX_REF)
    name = models.CharField(max_length=MAX_NAME)
    can_start = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "ref"], name="workflow_key")]

    def __str__(self) -> str:
        return self.name


class Execution(models.Model):
    """One run, narrow: what the table needs and nothing else."""

    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE, db_index=False)
    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, db_index=False)
    ref = models.CharField(max_length=MAX_REF)
    name = models.CharField(max_length=MAX_NAME, default="", blank=True)
    status = models.CharField(max_length=12, choices=STATUS_CHOICES)
    status_reason = models.CharField(max_length=60, default="", blank=True)
    native_status = models.CharField(max_length=60, default="", blank=True)
    progress = models.PositiveSmallIntegerField(null=True)
    message = models.CharField(max_length=300, default="", blank=True)
    error_summary = models.CharField(max_length=300, default="", blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    observed_at = models.DateTimeField()
    """When the poll ran that last wrote this row."""
    changed_at = models.DateTimeField()
    """When the status last changed, as we saw it."""
    sort_at = models.DateTimeField()
    """started_at, or when we first saw the run. Never changes: pages are keyset over it."""
    offers = ArrayField(models.CharField(max_length=10), default=list)
    """The verbs the provider takes for this run now."""
    url = models.CharField(max_length=500, default="", blank=True)
    missing_since = models.DateTimeField(null=True)
    """Since when the provider answers 404 for it; the status stays what was last seen."""
    misses = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=1)
    poll_seq = models.PositiveBigIntegerField(default=0)
    provider_version = models.CharField(max_length=60, default="", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "ref"], name="execution_key"),
            models.CheckConstraint(
                condition=models.Q(status__in=[s.value for s in Status]), name="execution_status"
            ),
            models.CheckConstraint(
                condition=models.Q(progress__isnull=True) | models.Q(progress__lte=100),
                name="execution_progress",
            ),
        ]
        indexes = [
            models.Index(fields=["-sort_at", "-id"], name="execution_newest"),
            models.Index(fields=["account", "-sort_at", "-id"], name="execution_account"),
            models.Index(fields=["status", "-sort_at", "-id"], name="execution_status_newest"),
            models.Index(
                fields=["account", "status", "-sort_at", "-id"], name="execution_account_status"
            ),
            models.Index(fields=["workflow", "-sort_at", "-id"], name="execution_workflow"),
            models.Index(
                fields=["workflow", "status", "-sort_at", "-id"], name="execution_workflow_status"
            ),
            models.Index(
                fields=["-sort_at", "-id"],
                name="execution_problems",
                condition=models.Q(status__in=PROBLEM_STATUSES),
            ),
            models.Index(
                fields=["account", "ref"],
                name="execution_open",
                condition=models.Q(status__in=OPEN_STATUSES),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.ref

    @property
    def is_final(self) -> bool:
        return Status(self.status).is_final


class ExecutionDetail(models.Model):
    """What only the run page reads."""

    execution = models.OneToOneField(
        Execution, on_delete=models.CASCADE, primary_key=True, related_name="detail"
    )
    raw = models.JSONField(null=True)
    input = models.JSONField(null=True)
    output = models.JSONField(null=True)
    error = models.TextField(default="", blank=True)
    """The whole error text; the row's `error_summary` is its first line."""
    fingerprint = models.CharField(max_length=32, default="")
    """Of everything a detailed snapshot says; equal means nothing to write."""
    read_at = models.DateTimeField(null=True)
    """When steps, questions and outputs were last read from the provider."""
    log_cursor = models.TextField(default="", blank=True)
    log_is_complete = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"detail of {self.execution_id}"


class Step(models.Model):
    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="steps")
    ref = models.CharField(max_length=MAX_REF)
    position = models.PositiveIntegerField()
    path = models.JSONField(default=list)
    """Names of the enclosing blocks, outermost first."""
    name = models.CharField(max_length=MAX_NAME)
    status = models.CharField(max_length=12, choices=STATUS_CHOICES)
    status_reason = models.CharField(max_length=60, default="", blank=True)
    native_status = models.CharField(max_length=60, default="", blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(default="", blank=True)
    output = models.JSONField(null=True)
    run_ref = models.CharField(max_length=MAX_REF, default="", blank=True)

    class Meta:
        ordering = ("position",)
        constraints = [models.UniqueConstraint(fields=["execution", "ref"], name="step_key")]

    def __str__(self) -> str:
        return self.name


class LogEntry(models.Model):
    """One line of a run's log, as fetched by a worker."""

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, db_index=False)
    seq = models.PositiveIntegerField()
    step_ref = models.CharField(max_length=MAX_REF, default="", blank=True)
    at = models.DateTimeField(null=True)
    level = models.CharField(max_length=20, default="", blank=True)
    text = models.TextField()

    class Meta:
        ordering = ("seq",)
        constraints = [models.UniqueConstraint(fields=["execution", "seq"], name="log_key")]

    def __str__(self) -> str:
        return self.text[:80]


class Output(models.Model):
    """A file or document of a run, readable at the provider."""

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, related_name="outputs")
    ref = models.CharField(max_length=MAX_REF)
    name = models.CharField(max_length=MAX_NAME)
    content_type = models.CharField(max_length=100, default="", blank=True)
    size = models.BigIntegerField(null=True)
    status = models.CharField(max_length=12, choices=STATUS_CHOICES, default="succeeded")
    error = models.CharField(max_length=500, default="", blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["execution", "ref"], name="output_key")]

    def __str__(self) -> str:
        return self.name


class Transition(models.Model):
    """A status change as stored: append-only, one per (execution, version), partitioned by month
    of `observed_at` (the migration makes the table)."""

    pk = models.CompositePrimaryKey("observed_at", "execution_id", "version")
    execution = models.ForeignKey(
        Execution, on_delete=models.CASCADE, related_name="transitions", db_index=False
    )
    version = models.PositiveIntegerField()
    from_status = models.CharField(max_length=12, default="", blank=True)
    to_status = models.CharField(max_length=12)
    status_reason = models.CharField(max_length=60, default="", blank=True)
    native_status = models.CharField(max_length=60, default="", blank=True)
    provider_time = models.DateTimeField(null=True)
    observed_at = models.DateTimeField()
    flags = ArrayField(models.CharField(max_length=20), default=list)
    """`first` (seen for the first time), `reopened` (left a final status), `refined`."""

    class Meta:
        ordering = ("version",)

    def __str__(self) -> str:
        return f"{self.from_status} -> {self.to_status}"


class PollRun(models.Model):
    """One attempt to poll an account, good or bad, partitioned by month of `started_at`."""

    pk = models.CompositePrimaryKey("started_at", "id")
    id = models.BigIntegerField()
    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE, db_index=False)
    poll_seq = models.BigIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20)
    """`ok`, `partial` (something was quarantined or left for the next poll) or an error's code."""
    requests = models.IntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    seen = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    quarantined = models.IntegerField(default=0)
    error = models.CharField(max_length=500, default="", blank=True)

    class Meta:
        ordering = ("-started_at",)

    def __str__(self) -> str:
        return f"poll {self.poll_seq}: {self.outcome}"


class Quarantine(models.Model):
    """A record that could not be stored. The rest of its batch was."""

    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE)
    ref = models.CharField(max_length=MAX_REF)
    reason = models.CharField(max_length=300)
    excerpt = models.TextField(default="")
    """The first 2,000 characters of the record."""
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)
    count = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name_plural = "quarantine"
        constraints = [models.UniqueConstraint(fields=["account", "ref"], name="quarantine_key")]

    def __str__(self) -> str:
        return f"{self.account}: {self.ref}"


class StatusCount(models.Model):
    """How many executions an account has in each status; kept by the storing statement."""

    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE, db_index=False)
    status = models.CharField(max_length=12)
    count = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "status"], name="count_key")]

    def __str__(self) -> str:
        return f"{self.status}: {self.count}"


class HourlyCount(models.Model):
    """Per account, hour and final status: how many runs ended and how long they took together;
    kept by the storing statement."""

    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE, db_index=False)
    hour = models.DateTimeField()
    status = models.CharField(max_length=12)
    count = models.BigIntegerField(default=0)
    seconds = models.FloatField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "hour", "status"], name="hourly_key")
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.status}: {self.count}"


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
    is_answerable = models.BooleanField(default=True)
    fingerprint = models.CharField(max_length=32, default="")
    """Of schema, form, model and choices: an answer to another fingerprint is refused."""
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    claimed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    claimed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["execution", "ref"], name="question_key")]
        indexes = [
            models.Index(
                fields=["opened_at", "id"],
                name="question_open",
                condition=models.Q(closed_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return self.title or self.ref


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


class CommandState(models.TextChoices):
    PENDING = "pending", "requested"  # recorded; only these may be claimed
    SENDING = "sending", "being sent"  # a worker holds it
    ACCEPTED = "accepted", "accepted"  # the provider took it
    CONFIRMED = "confirmed", "confirmed"  # a poll has seen its effect
    REJECTED = "rejected", "rejected"  # the provider, or the run's state, said no
    UNKNOWN = "unknown", "outcome unknown"  # may have arrived; settled by reading
    NEEDS_PERSON = "needs_person", "needs a decision"  # reading did not settle it


OPEN_COMMAND_STATES = (
    CommandState.PENDING,
    CommandState.SENDING,
    CommandState.ACCEPTED,
    CommandState.UNKNOWN,
)


class Command(models.Model):
    """A person's wish: who, what, when, and what came of it."""

    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
    kind = models.CharField(max_length=10)
    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE, related_name="commands")
    execution = models.ForeignKey(
        Execution, null=True, on_delete=models.CASCADE, related_name="commands"
    )
    workflow = models.ForeignKey(Workflow, null=True, on_delete=models.CASCADE, related_name="+")
    target = models.CharField(max_length=300)
    """One open command per target and kind: "run:7", "question:9", "start:<key>"."""
    question_ref = models.CharField(max_length=MAX_REF, default="", blank=True)
    sealed_arguments = models.TextField(default="", blank=True)
    """Values of an answer or a start, sealed: they may hold anything."""
    reason = models.CharField(max_length=500, default="", blank=True)
    requested_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    requested_at = models.DateTimeField(default=timezone.now)
    account_revision = models.PositiveIntegerField(default=0)
    state = models.CharField(
        max_length=12, choices=CommandState.choices, default=CommandState.PENDING
    )
    message = models.CharField(max_length=500, default="", blank=True)
    """What happened, in the provider's words where it said something."""
    fields = models.JSONField(default=dict, blank=True)
    """Complaints of the provider by property, for a rejected answer."""
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    version_at_send = models.PositiveIntegerField(default=0)
    """The execution's version when the command went out: a later version is news."""
    native_at_send = models.CharField(max_length=60, default="", blank=True)
    new_ref = models.CharField(max_length=MAX_REF, default="", blank=True)
    """For a start: the run that came of it."""

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
            models.Index(
                fields=["account"],
                name="command_open",
                condition=models.Q(state__in=[state.value for state in OPEN_COMMAND_STATES]),
            )
        ]
        permissions = [("act", "Can act on runs: answer, cancel, suspend, resume, start")]

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"


class AuditEntry(models.Model):
    """Who did what, when, with what result. A trigger refuses updates and deletes."""

    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=150)
    action = models.CharField(max_length=60)
    account_name = models.CharField(max_length=100, default="", blank=True)
    target = models.CharField(max_length=300, default="", blank=True)
    detail = models.JSONField(default=dict, blank=True)
    command_key = models.UUIDField(null=True)
    address = models.GenericIPAddressField(null=True)

    class Meta:
        ordering = ("-at", "-id")
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["-at", "-id"], name="audit_newest")]

    def __str__(self) -> str:
        return f"{self.actor}: {self.action} {self.target}"


class ApiToken(models.Model):
    """A bearer token of one person; only its hash is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    hash = models.CharField(max_length=64, unique=True)
    label = models.CharField(max_length=100, default="", blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.label or f"token of {self.user}"

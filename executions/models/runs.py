"""Runs as polls have seen them: the narrow row of the table, and what hangs on it."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Coalesce, Now

from executions.models.input_values import InputValues
from providers.contract import MAX_LABEL, MAX_LABEL_VALUE, MAX_NAME, MAX_REF, Status
from providers.exact_json import StoredJSON
from providers.models import ProviderAccount

STATUS_CHOICES = [(status.value, status.value.replace("_", " ")) for status in Status]
OPEN_STATUSES = tuple(status.value for status in Status if not status.is_final)
FINAL_STATUSES = tuple(status.value for status in Status if status.is_final)
PROBLEM_STATUSES = tuple(status.value for status in Status if status.is_problem)
RESOLVABLE_STATUSES = tuple(status.value for status in Status if status.is_resolvable)
MAX_SETTLED_REASON = 300
RATED_STATUSES = tuple(
    status for status in FINAL_STATUSES if status not in (Status.CANCELED, Status.SKIPPED)
)
"""What a success rate is taken of: a run that was canceled or skipped says nothing."""


class Workflow(models.Model):
    """A definition that at least one poll has named. Filters read this, never DISTINCT."""

    account = models.ForeignKey(ProviderAccount, on_delete=models.CASCADE)
    ref = models.CharField(max_length=MAX_REF)
    name = models.CharField(max_length=MAX_NAME)
    can_start = models.BooleanField(default=False)
    successes = models.PositiveSmallIntegerField(db_default=0)
    """How many of its newest successes the two durations below are taken from."""
    typical_seconds = models.FloatField(null=True)
    """Median duration of those successes."""
    long_seconds = models.FloatField(null=True)
    """Their 95th percentile."""
    measured_at = models.DateTimeField(null=True)
    succeeded_at = models.DateTimeField(null=True)
    """When its last success ended, as far as we know: what failed before without a business key is
    settled by it."""
    keyless_success_at = models.DateTimeField(null=True)
    """The same of the successes without a business key: what failed before is settled by it."""
    learned_values = ArrayField(models.CharField(max_length=200), db_default=[], default=list)
    """Paths into the input of values that tell its runs apart, by `payloads.telling_paths`."""
    shown_values = ArrayField(models.CharField(max_length=200), db_default=[], default=list)
    """Those that an operator wants to see; before what was learned."""
    hidden_values = ArrayField(models.CharField(max_length=200), db_default=[], default=list)
    """Those that an operator does not want to see."""
    values_learned_at = models.DateTimeField(null=True)
    values_due_below = models.DateTimeField(null=True)
    """Runs that began before this still have the values of an older choice; null: none has."""
    values_due_id = models.BigIntegerField(db_default=0)
    """Those that began at that very moment, below this id."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "ref"], name="workflow_key")]

    def __str__(self) -> str:
        return self.name


class Settled(models.TextChoices):
    """How a failure stopped being unresolved."""

    RESOLVED = "resolved", "resolved by a person"
    IGNORED = "ignored", "ignored by a person, for a while"
    SUCCEEDED = "succeeded", "followed by a success"


UNRESOLVED = models.Q(status__in=RESOLVABLE_STATUSES, settled_at__isnull=True)
"""A run that somebody has to look at; the SQL of it is `search.unresolved`."""


def short_ref_of(ref: str) -> str:
    """The end of an identifier: its beginning is what the runs of a workflow share."""
    own = ref.rstrip("/").rpartition("/")[2] or ref
    return own if len(own) <= 16 or " " in own else f"…{own[-8:]}"


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
    error_key = models.CharField(max_length=16, db_default="", blank=True)
    """Equal for runs whose error texts tell the same error; see `masking`."""
    created_at = models.DateTimeField(null=True)
    """When the provider took it on, where it says so beside the start."""
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    observed_at = models.DateTimeField()
    """When the poll ran that last wrote this row."""
    changed_at = models.DateTimeField()
    """Since when it is in this status: by the provider's times where they tell, else when we first
    saw it so."""
    is_change_reported = models.BooleanField(db_default=False)
    """Whether `changed_at` is the provider's time."""
    sort_at = models.DateTimeField()
    """started_at, or when we first saw the run. Never changes: pages are keyset over it."""
    offers = ArrayField(models.CharField(max_length=10), default=list)
    """The verbs the provider takes for this run now."""
    url = models.CharField(max_length=2000, default="", blank=True)
    missing_since = models.DateTimeField(null=True)
    """Since when it cannot be read; the status stays what was last seen."""
    misses = models.PositiveSmallIntegerField(default=0)
    """How often the provider has answered 404 for it; 0: it is there, but unreadable."""
    version = models.PositiveIntegerField(default=1)
    poll_seq = models.PositiveBigIntegerField(default=0)
    provider_version = models.CharField(max_length=60, default="", blank=True)
    settled_at = models.DateTimeField(null=True)
    """Since when its failure or warning needs nobody; null: it is unresolved, or never failed."""
    settled_how = models.CharField(max_length=9, choices=Settled.choices, db_default="", blank=True)
    settled_by = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    settled_reason = models.CharField(max_length=MAX_SETTLED_REASON, db_default="", blank=True)
    ignored_until = models.DateTimeField(null=True)
    """When an ignored one comes back."""
    assignee = models.ForeignKey(
        User, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    """Who is on it: an unresolved run with one is in hand."""
    assigned_at = models.DateTimeField(null=True)
    telling_values = ArrayField(models.CharField(max_length=80), db_default=[], default=list)
    """One to three values by which a person knows the run: business keys, values of its input that
    its workflow shows, its name. Empty where nothing tells it apart but its identifier."""
    whereabouts = models.CharField(max_length=200, db_default="", blank=True)
    """Where it is: what is asked, which step failed, what it waits for."""
    is_keyed = models.BooleanField(db_default=False, default=False)
    """Of a success or a failure: it has a business key, or was not read yet and may have one. Where
    both are keyed, a success settles only a failure with the same key."""

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "ref"], name="execution_key"),
            models.CheckConstraint(
                condition=models.Q(settled_at__isnull=True, settled_how="")
                | models.Q(settled_at__isnull=False, settled_how__in=[s.value for s in Settled]),
                name="execution_settled",
            ),
            models.CheckConstraint(
                condition=models.Q(ignored_until__isnull=True)
                | models.Q(settled_how=Settled.IGNORED),
                name="execution_ignored",
            ),
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
            *(
                models.Index(
                    fields=[*leading, "-finished_at", "-id"],
                    name=f"execution_ended_{name}",
                    condition=models.Q(finished_at__isnull=False),
                )
                for name, leading in (
                    ("account", ["account"]),
                    ("status", ["account", "status"]),
                    ("workflow", ["workflow"]),
                )
            ),
            models.Index(
                fields=["account", "ref"],
                name="execution_open",
                condition=models.Q(status__in=OPEN_STATUSES),
            ),
            models.Index(
                fields=["-sort_at", "-id"], name="execution_unresolved", condition=UNRESOLVED
            ),
            models.Index(
                fields=["account", "-sort_at", "-id"],
                name="execution_unresolved_account",
                condition=UNRESOLVED,
            ),
            models.Index(
                fields=["workflow", "-sort_at", "-id"],
                name="execution_unresolved_workflow",
                condition=UNRESOLVED,
            ),
            models.Index(
                "workflow",
                "is_keyed",
                Coalesce("finished_at", "changed_at"),
                name="execution_unresolved_end",
                condition=UNRESOLVED,
            ),
            models.Index(
                fields=["error_key", "account"],
                name="execution_unresolved_error",
                condition=UNRESOLVED & ~models.Q(error_key=""),
            ),
            *(
                models.Index(
                    fields=[name],
                    name=f"execution_{name}",
                    condition=models.Q(**{f"{name}__isnull": False}),
                )
                for name in ("ignored_until", "settled_by", "assignee")
            ),
            models.Index(
                fields=["error_key", "account", "-sort_at", "-id"],
                name="execution_error",
                condition=~models.Q(error_key=""),
            ),
            models.Index(
                fields=["error_key", "account", "-finished_at", "-id"],
                name="execution_error_end",
                condition=~models.Q(error_key=""),
            ),
            models.Index(
                fields=["-finished_at", "-id"],
                name="execution_error_ended",
                condition=~models.Q(error_key=""),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.ref

    @property
    def is_final(self) -> bool:
        return Status(self.status).is_final

    @property
    def is_problem(self) -> bool:
        return self.status in PROBLEM_STATUSES

    @property
    def label(self) -> str:
        """What a person knows it by; else its name, or the end of its identifier."""
        return " · ".join(self.telling_values) or short_ref_of(self.name or self.ref)

    @property
    def is_unresolved(self) -> bool:
        """As `UNRESOLVED` has it."""
        return self.status in RESOLVABLE_STATUSES and self.settled_at is None

    @property
    def is_gone(self) -> bool:
        """Whether the provider no longer knows it."""
        return self.missing_since is not None and self.misses > 0


class ExecutionDetail(models.Model):
    """What only the run page reads."""

    execution = models.OneToOneField(
        Execution, on_delete=models.CASCADE, primary_key=True, related_name="detail"
    )
    raw = models.JSONField(null=True, decoder=StoredJSON)
    input = models.JSONField(null=True, decoder=StoredJSON)
    output = models.JSONField(null=True, decoder=StoredJSON)
    is_altered = models.BooleanField(db_default=False)
    """Whether notes or � stand where something of the run could not be kept as it was sent."""
    error = models.TextField(default="", blank=True)
    """The whole error text; the row's `error_summary` is its first line."""
    fingerprint = models.CharField(max_length=32, default="")
    """Of everything a detailed snapshot says; equal means nothing to write."""
    read_at = models.DateTimeField(null=True)
    """When steps, questions and outputs were last read from the provider."""
    attempt = models.PositiveSmallIntegerField(db_default=0)
    """How often the provider has tried this run; 0 where it does not say."""
    log_cursor = models.TextField(default="", blank=True)
    log_is_complete = models.BooleanField(default=False)
    input_values = models.GeneratedField(
        expression=InputValues("input"),
        output_field=ArrayField(models.TextField()),
        db_persist=True,
        null=True,
    )
    """What the search finds a run by. The database keeps it: nobody writes it."""

    class Meta:
        indexes = [
            GinIndex(fields=["input_values"], name="detail_input", gin_pending_list_limit=512),
        ]

    def __str__(self) -> str:
        return f"detail of {self.execution_id}"

    @classmethod
    def is_read(cls, execution_id: int) -> bool:
        """Whether steps, questions and outputs of this run have been read. Before, there is only
        its list row, or what is to be read again (an emptied fingerprint)."""
        return cls.objects.filter(pk=execution_id).exclude(fingerprint="").exists()


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
    output = models.JSONField(null=True, decoder=StoredJSON)
    attempt = models.PositiveSmallIntegerField(db_default=0)
    run_ref = models.CharField(max_length=MAX_REF, default="", blank=True)
    tries = models.JSONField(db_default=[], default=list)
    """[{"attempt", "status", "native_status", "started_at", "finished_at", "error"}], the last."""

    class Meta:
        ordering = ("position",)
        constraints = [models.UniqueConstraint(fields=["execution", "ref"], name="step_key")]
        indexes = [
            models.Index(
                fields=["run_ref"], name="step_of_sub_run", condition=~models.Q(run_ref="")
            )
        ]

    def __str__(self) -> str:
        return self.name


ERROR_LEVELS = ("error", "critical", "fatal", "severe")


class LogEntry(models.Model):
    """One line of a run's log, as fetched by a worker."""

    execution = models.ForeignKey(Execution, on_delete=models.CASCADE, db_index=False)
    seq = models.PositiveIntegerField()
    """Its number within the run, from 1, as pages show it."""
    step_ref = models.CharField(max_length=MAX_REF, default="", blank=True)
    at = models.DateTimeField(null=True)
    level = models.CharField(max_length=20, default="", blank=True)
    text = models.TextField()

    class Meta:
        ordering = ("seq",)
        constraints = [models.UniqueConstraint(fields=["execution", "seq"], name="log_key")]
        indexes = [
            models.Index(
                fields=["execution", "seq"],
                name="log_errors",
                condition=models.Q(level__in=ERROR_LEVELS),
            )
        ]

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
    step_ref = models.CharField(max_length=MAX_REF, db_default="", default="", blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["execution", "ref"], name="output_key")]

    def __str__(self) -> str:
        return self.name


class Lineage(models.Model):
    """Of a run that came of another one of the same account: of which, and how."""

    execution = models.OneToOneField(
        Execution, on_delete=models.CASCADE, primary_key=True, related_name="lineage"
    )
    account = models.ForeignKey(
        ProviderAccount, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False,
        related_name="+",
    )  # fmt: skip
    parent_ref = models.CharField(max_length=MAX_REF, default="", blank=True)
    """Of the run that started it."""
    retry_of = models.CharField(max_length=MAX_REF, default="", blank=True)
    """Of the run that it tries again."""
    seen_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(
                fields=["account", name], name=f"lineage_{name}", condition=~models.Q(**{name: ""})
            )
            for name in ("parent_ref", "retry_of")
        ]

    def __str__(self) -> str:
        return f"{self.execution_id} of {self.parent_ref or self.retry_of}"


class RunLabel(models.Model):
    """One label of one run. Lists read it in the order of the runs."""

    execution = models.ForeignKey(
        Execution, on_delete=models.CASCADE, related_name="labels", db_index=False
    )
    account = models.ForeignKey(
        ProviderAccount, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False,
        related_name="+",
    )  # fmt: skip
    text = models.CharField(max_length=MAX_LABEL + 1 + MAX_LABEL_VALUE, db_collation="C")
    """`name=value`, or the name alone of a bare one."""
    sort_at = models.DateTimeField()
    """The run's own, which never changes."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["execution", "text"], name="run_label")]
        indexes = [
            models.Index(
                fields=["text", "account", "-sort_at", "-execution"], name="run_label_newest"
            )
        ]

    def __str__(self) -> str:
        return self.text


class Transition(models.Model):
    """A status change as stored: append-only, one per (execution, version), partitioned by month
    of `observed_at`, when it was stored (the migration makes the table)."""

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
    """`first` (seen for the first time), `reopened` (left a final status), `refined`, `reported`
    (no poll saw it: the times of the steps tell it)."""

    class Meta:
        ordering = ("version",)

    def __str__(self) -> str:
        return f"{self.from_status} -> {self.to_status}"

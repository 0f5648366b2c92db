"""The shapes of the API, as programs rely on them, and what of a row goes into each.

Times are ISO 8601 in UTC. A field takes the row's attribute of its name; the others have a
`resolve_` method."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.db.models import Prefetch, prefetch_related_objects
from django.urls import reverse
from ninja import Field, Schema
from pydantic import ConfigDict

from executions import models
from executions.forms import compile_question
from executions.models import MAX_REASON
from executions.polling import read_queue
from providers.contract import MAX_REF, Verb
from providers.models import ProviderAccount

MAX_TRANSITIONS = 500
MAX_COMMANDS = 100


class Problem(Schema):
    """Every answer that is not a success."""

    error: str = Field(description="A word for programs.")
    message: str = Field(description="A sentence for a person.")


class Workflow(Schema):
    ref: str
    name: str


class StartableWorkflow(Workflow):
    id: int
    account: str
    can_start: bool

    @staticmethod
    def resolve_account(row: models.Workflow) -> str:
        return row.account.name


class Execution(Schema):
    id: int
    account: str
    provider: str
    ref: str
    workflow: Workflow
    status: str
    status_reason: str
    native_status: str
    progress: int | None
    error_summary: str
    created_at: datetime | None = Field(description="When the provider took it on, if it says so.")
    started_at: datetime | None
    finished_at: datetime | None
    observed_at: datetime
    changed_at: datetime = Field(description="Since when it is in this status, at least.")
    is_change_reported: bool = Field(description="`changed_at` is the provider's time.")
    url: str
    label: str = Field(description="What a person knows the run by: its values, name or short id.")
    values: list[str] = Field(description="One to three telling values, none where there are none.")
    whereabouts: str = Field(description="Where it is: question, failed step, what it waits for.")
    is_unresolved: bool = Field(
        description="Ended in a problem or with a warning, and needs somebody still."
    )
    assignee: str | None = Field(description="Who is on it: unresolved and in hand.")
    settled_at: datetime | None
    settled_how: str = Field(description="resolved, ignored, succeeded (a later run), or empty.")
    settled_by: str | None
    settled_reason: str
    ignored_until: datetime | None

    @staticmethod
    def resolve_values(run: models.Execution) -> list[str]:
        return run.telling_values

    @staticmethod
    def resolve_is_unresolved(run: models.Execution) -> bool:
        return run.is_unresolved

    @staticmethod
    def resolve_assignee(run: models.Execution) -> str | None:
        return run.assignee.get_username() if run.assignee else None

    @staticmethod
    def resolve_settled_by(run: models.Execution) -> str | None:
        return run.settled_by.get_username() if run.settled_by else None

    @staticmethod
    def resolve_account(run: models.Execution) -> str:
        return run.account.name

    @staticmethod
    def resolve_provider(run: models.Execution) -> str:
        return run.account.provider


class Page(Schema):
    items: list[Execution]
    next: str | None = Field(description="`cursor` of the next page; null on the last one.")


class Try(Schema):
    attempt: int
    status: str
    native_status: str
    started_at: datetime | None
    finished_at: datetime | None
    error: str


class Step(Schema):
    ref: str
    path: list[str]
    name: str
    status: str
    native_status: str
    started_at: datetime | None
    finished_at: datetime | None
    error: str
    attempt: int = Field(description="0: the provider does not count.")
    tries: list[Try] = Field(description="The last ones, where the provider keeps them.")
    run_ref: str = Field(description="The run that it started; empty: none.")


class Transition(Schema):
    version: int
    from_status: str = Field(serialization_alias="from")
    to_status: str = Field(serialization_alias="to")
    native_status: str
    provider_time: datetime | None
    observed_at: datetime | None = Field(description="null where no poll saw it.")
    is_reported: bool = Field(description="No poll saw it: the provider's times of steps tell it.")

    @staticmethod
    def resolve_is_reported(change: models.Transition) -> bool:
        return "reported" in change.flags

    @staticmethod
    def resolve_observed_at(change: models.Transition) -> datetime | None:
        return None if "reported" in change.flags else change.observed_at


class Question(Schema):
    """Secrets masked, as on the pages; a mask that comes back in an answer means "unchanged"."""

    ref: str
    kind: str
    title: str
    description: str
    schema_of_form: Any = Field(alias="schema")
    form: Any
    model: Any
    choices: list[Any]
    due_at: datetime | None
    url: str = Field(description="Its own page at the provider.")
    assignees: list[str] = Field(description="Whom the provider asks; empty: anybody.")
    delegated_to: str | None = Field(description="The person who shall answer.")
    delegated_team: str | None = Field(description="The team that shall answer.")
    delegated_by: str | None
    delegated_at: datetime | None
    delegation_note: str
    is_answerable: bool
    opened_at: datetime = Field(description="Since when it waits, at least.")
    is_opening_reported: bool = Field(description="`opened_at` is the provider's time.")


class Command(Schema):
    key: UUID
    kind: str
    state: str
    requested_by: str | None
    requested_at: datetime
    not_before: datetime = Field(description="Nothing of it is sent before.")
    message: str
    new_ref: str = Field(description="The run that came of a start, or of a retry that made one.")

    @staticmethod
    def resolve_requested_by(row: models.Command | models.Proposal) -> str | None:
        return row.requested_by.get_username() if row.requested_by else None


class Output(Schema):
    ref: str
    name: str
    content_type: str
    size: int | None
    step_ref: str = Field(description="The step that made it; empty: not known.")
    href: str

    @staticmethod
    def resolve_href(output: models.Output) -> str:
        return reverse("api-v1:output", args=[output.execution_id, output.pk])


class ExecutionDetail(Execution):
    """With everything below it; the newest of what can grow without end."""

    is_altered: bool = Field(
        description="Whether part of what the provider sent could not be kept as it was."
    )
    labels: list[str] = Field(description="`name=value`, or the name alone.")
    parent_ref: str = Field(description="The run that started it; empty: none that is known.")
    retry_of: str = Field(description="The run that it tries again.")
    steps: list[Step] | None = Field(description="null: not read yet, [] if there are none.")
    transitions: list[Transition]
    questions: list[Question] | None = Field(description="Open ones only; null: not read yet.")
    commands: list[Command]
    outputs: list[Output] | None = Field(description="null: not read yet, [] if there are none.")
    reading: bool = Field(description="Whether somebody asked for a reading that is not over.")

    @staticmethod
    def resolve_labels(run: models.Execution) -> list[str]:
        return sorted(run.labels.values_list("text", flat=True))

    @staticmethod
    def resolve_parent_ref(run: models.Execution) -> str:
        return _lineage(run).parent_ref

    @staticmethod
    def resolve_retry_of(run: models.Execution) -> str:
        return _lineage(run).retry_of

    @staticmethod
    def resolve_is_altered(run: models.Execution) -> bool:
        detail = _detail(run)
        return detail is not None and detail.is_altered

    @staticmethod
    def resolve_steps(run: models.Execution) -> Any:
        return run.steps.defer("output") if _is_read(run) else None

    @staticmethod
    def resolve_transitions(run: models.Execution) -> Any:
        return list(reversed(run.transitions.order_by("-version")[:MAX_TRANSITIONS]))

    @staticmethod
    def resolve_questions(run: models.Execution) -> Any:
        questions = run.questions.filter(closed_at__isnull=True).order_by("opened_at", "pk")
        questions = questions.select_related("delegated_to", "delegated_team", "delegated_by")
        return [_masked(each) for each in questions] if _is_read(run) else None

    @staticmethod
    def resolve_commands(run: models.Execution) -> Any:
        return run.commands.select_related("requested_by")[:MAX_COMMANDS]

    @staticmethod
    def resolve_outputs(run: models.Execution) -> Any:
        return run.outputs.order_by("pk") if _is_read(run) else None

    @staticmethod
    def resolve_reading(run: models.Execution) -> bool:
        return read_queue.is_waiting(run)


def _detail(run: models.Execution) -> models.ExecutionDetail | None:
    """One query per run, however often it is asked for."""
    columns = models.ExecutionDetail.objects.only("is_altered", "fingerprint")
    prefetch_related_objects([run], Prefetch("detail", columns))
    return getattr(run, "detail", None)


def _lineage(run: models.Execution) -> models.Lineage:
    """One query per run; an empty one where it came of no other."""
    prefetch_related_objects([run], "lineage")
    return getattr(run, "lineage", None) or models.Lineage()


def _is_read(run: models.Execution) -> bool:
    """Whether steps, questions and outputs have been read; see `ExecutionDetail.is_read`."""
    detail = _detail(run)
    return detail is not None and detail.fingerprint != ""


def _masked(question: models.Question) -> dict[str, Any]:
    names = {
        "delegated_to": question.delegated_to and question.delegated_to.get_username(),
        "delegated_team": question.delegated_team and question.delegated_team.name,
        "delegated_by": question.delegated_by and question.delegated_by.get_username(),
    }
    return vars(question) | names | compile_question(question).masked_triple(question)


class Reading(Schema):
    reading: bool = Field(description="Whether it is still to be read.")


class Account(Schema):
    """Without settings and credentials: those are for admins, in the admin."""

    id: int
    name: str
    provider: str
    enabled: bool
    health: str
    health_since: datetime
    last_error: str
    last_success_at: datetime | None
    group: str | None
    may_act: bool = Field(description="Whether this token may answer, start and cancel there.")

    @staticmethod
    def resolve_group(row: ProviderAccount) -> str | None:
        return row.group.name if row.group else None


class CommandRequest(Schema):
    """What to do with a run. `question` and `values` for an answer, `values` for a start, `option`
    where the provider carries the kind out in several ways."""

    model_config = ConfigDict(extra="forbid")

    kind: Verb
    option: str = Field("", max_length=40)
    question: str = Field("", max_length=MAX_REF)
    values: dict[str, Any] = {}
    reason: str = Field("", max_length=MAX_REASON)
    hold_seconds: int = Field(
        0, ge=0, le=60, description="For an answer: not sent before, so that it can be undone."
    )


class Return(Schema):
    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=MAX_REASON, description="A sentence for who proposed it.")


class Decision(Schema):
    """What a person decides about failed runs. `until` for ignore, `assignee` (a user name; oneself
    if left out) for assign."""

    model_config = ConfigDict(extra="forbid")

    act: Literal["resolve", "ignore", "assign", "let_go", "reopen"]
    reason: str = Field("", max_length=models.MAX_SETTLED_REASON)
    until: datetime | None = None
    assignee: str | None = None


class Delegation(Schema):
    """Who shall answer a question: the user name of a person or the name of a team; neither takes
    it back."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(max_length=MAX_REF)
    person: str | None = None
    team: str | None = None
    note: str = Field("", max_length=models.MAX_DELEGATION_NOTE)


class ManyDecisions(Decision):
    """Of the runs `ids`, or of those that a `filter` finds, as the query of `GET executions`."""

    ids: list[int] = Field([], max_length=1000)
    filter: str = Field("", max_length=4000)


class Decided(Schema):
    changed: int = Field(description="The others were settled already, or are not visible.")


class Start(Schema):
    model_config = ConfigDict(extra="forbid")

    arguments: dict[str, Any] = {}
    reason: str = Field("", max_length=MAX_REASON)

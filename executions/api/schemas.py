"""The shapes of the API, as programs rely on them. Times are ISO 8601 in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Field, Schema
from pydantic import ConfigDict

from executions.models import MAX_REASON
from providers.contract import MAX_REF


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
    started_at: datetime | None
    finished_at: datetime | None
    observed_at: datetime
    changed_at: datetime = Field(description="Since when it is in this status, at least.")
    is_change_reported: bool = Field(description="`changed_at` is the provider's time.")
    url: str


class Page(Schema):
    items: list[Execution]
    next: str | None = Field(description="`cursor` of the next page; null on the last one.")


class Step(Schema):
    ref: str
    path: list[str]
    name: str
    status: str
    native_status: str
    started_at: datetime | None
    finished_at: datetime | None
    error: str


class Transition(Schema):
    version: int
    from_status: str = Field(alias="from")
    to_status: str = Field(alias="to")
    native_status: str
    provider_time: datetime | None
    observed_at: datetime | None = Field(description="null where no poll saw it.")
    is_reported: bool = Field(description="No poll saw it: the provider's times of steps tell it.")


class Question(Schema):
    ref: str
    kind: str
    title: str
    description: str
    schema_of_form: Any = Field(alias="schema")
    form: Any
    model: Any
    choices: list[Any]
    is_answerable: bool
    opened_at: datetime = Field(description="Since when it waits, at least.")
    is_opening_reported: bool = Field(description="`opened_at` is the provider's time.")


class Command(Schema):
    key: UUID
    kind: str
    state: str
    requested_by: str | None
    requested_at: datetime
    message: str


class Output(Schema):
    ref: str
    name: str
    content_type: str
    size: int | None
    href: str


class ExecutionDetail(Execution):
    is_altered: bool = Field(
        description="Whether part of what the provider sent could not be kept as it was."
    )
    steps: list[Step] | None = Field(description="null: not read yet, [] if there are none.")
    transitions: list[Transition]
    questions: list[Question] | None = Field(description="Open ones only; null: not read yet.")
    commands: list[Command]
    outputs: list[Output] | None = Field(description="null: not read yet, [] if there are none.")
    reading: bool = Field(description="Whether somebody asked for a reading that is not over.")


class Reading(Schema):
    reading: bool = Field(description="Whether it is still to be read.")


class Account(Schema):
    id: int
    name: str
    provider: str
    enabled: bool
    health: str
    health_since: datetime
    last_error: str
    last_success_at: datetime | None
    group: str | None


class Wish(Schema):
    """What to do with a run. `question` and `values` for an answer, `values` for a start."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["cancel", "suspend", "resume", "answer", "start"]
    question: str = Field("", max_length=MAX_REF)
    values: dict[str, Any] = {}
    reason: str = Field("", max_length=MAX_REASON)


class Start(Schema):
    model_config = ConfigDict(extra="forbid")

    arguments: dict[str, Any] = {}
    reason: str = Field("", max_length=MAX_REASON)

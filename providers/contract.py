"""The words every adapter speaks: frozen values, a closed status vocabulary and seven errors.

This module is the only thing that crosses from a provider's API to the rest of the project. It
needs nothing but the standard library, does no work and knows no provider.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, Self

MAX_REF = 600  # characters of an identifier that came from a provider
MAX_NAME = 300  # characters of a name that came from a provider
MOST_LABELS = 20  # of one run
MAX_LABEL = 60  # characters of a label's name
MAX_LABEL_VALUE = 200
MOST_TRIES = 50  # of one step, the last ones
MOST_ASSIGNEES = 20  # of one question
NAMELESS = "(no name)"


class Lamp(StrEnum):
    """The six lamps in which screens group the twelve statuses."""

    NEEDS_YOU = "needs_you"
    FAILED = "failed"
    WARNING = "warning"
    ACTIVE = "active"
    DONE = "done"
    UNKNOWN = "unknown"

    @property
    def statuses(self) -> tuple[Status, ...]:
        return tuple(status for status in Status if status.lamp is self)


class Phase(StrEnum):
    """How far a run or a step has come."""

    BEFORE = "before"  # accepted, not begun
    WORKING = "working"
    HELD = "held"  # begun, and nothing is worked on until something else happens
    ENDED = "ended"
    UNCLEAR = "unclear"


class Status(StrEnum):
    """What an execution or a step is doing: its word, phase, lamp, and a sentence that explains it.

    A new one needs all four here, its look in `executions.display.statuses`, a row in
    `providers/README.md` and the constraint on `Execution.status`: what is missing fails at once.
    """

    QUEUED = "queued", Phase.BEFORE, Lamp.ACTIVE, "Accepted by the provider, not started yet."
    RUNNING = (
        "running", Phase.WORKING, Lamp.ACTIVE, "It is working, or is being stopped."
    )  # fmt: skip
    WAITING = (
        "waiting", Phase.HELD, Lamp.ACTIVE,
        "It waits for an external event or a timer. Nobody here can answer it.",
    )  # fmt: skip
    USER_INPUT = (
        "user_input", Phase.HELD, Lamp.NEEDS_YOU,
        "A person has to act: fill in a form, approve or choose.",
    )  # fmt: skip
    PAUSED = "paused", Phase.HELD, Lamp.ACTIVE, "Put on hold on purpose. It can be resumed."
    SUCCEEDED = "succeeded", Phase.ENDED, Lamp.DONE, "Ended as intended."
    WARNING = (
        "warning", Phase.ENDED, Lamp.WARNING, "Ended, but something went wrong on the way."
    )  # fmt: skip
    FAILED = "failed", Phase.ENDED, Lamp.FAILED, "Ended by an error."
    CANCELED = "canceled", Phase.ENDED, Lamp.DONE, "Ended because someone stopped it."
    TIMED_OUT = (
        "timed_out", Phase.ENDED, Lamp.FAILED,
        "Ended by the provider because it ran too long or was interrupted.",
    )  # fmt: skip
    SKIPPED = (
        "skipped", Phase.ENDED, Lamp.DONE, "Ended without doing its work, by its own conditions."
    )  # fmt: skip
    UNKNOWN = (
        "unknown", Phase.UNCLEAR, Lamp.UNKNOWN,
        "The provider reports a status that Annunciator does not know, or no cause yet.",
    )  # fmt: skip

    _value_: str
    phase: Phase
    lamp: Lamp
    meaning: str

    def __new__(cls, word: str, *facts: Any) -> Self:
        """Makes a member; `Status("failed")` finds one."""
        status = str.__new__(cls, word)
        status._value_ = word
        status.phase, status.lamp, status.meaning = facts  # ValueError: one is missing above
        return status

    @property
    def is_final(self) -> bool:
        return self.phase is Phase.ENDED

    @property
    def is_problem(self) -> bool:
        return self.lamp is Lamp.FAILED

    @property
    def is_resolvable(self) -> bool:
        """Whether a run that ended so is unresolved until somebody, or a success, settles it."""
        return self.lamp in (Lamp.FAILED, Lamp.WARNING)


class Verb(StrEnum):
    """What a person can ask a provider to do. An adapter offers a verb by defining it."""

    CANCEL = "cancel"
    SUSPEND = "suspend"
    RESUME = "resume"
    RETRY = "retry"
    ANSWER = "answer"
    START = "start"


def native_key(word: object) -> str:
    """A provider's word in the form the mapping tables use: lower case, no space, `_` or `-`."""
    if not isinstance(word, str):
        return ""
    return word.lower().replace(" ", "").replace("_", "").replace("-", "")


# --------------------------------------------------------------------------- what an adapter needs


@dataclass(frozen=True, kw_only=True)
class Field:
    """One setting, credential or start argument, as a form shows it.

    `choices` are (value, label) pairs. `secret` values are write-only everywhere.
    """

    key: str
    label: str
    help: str = ""
    kind: Literal["text", "url", "email", "integer", "boolean", "choice", "json", "file"] = "text"
    required: bool = True
    secret: bool = False
    default: Any = ""
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Option:
    """One way in which a provider carries a verb out. `means` is one sentence."""

    value: str
    label: str
    means: str = ""
    is_danger: bool = False


# ------------------------------------------------------------------------ what an adapter returns


def _aware(owner: object, *names: str) -> None:
    for name in names:
        moment = getattr(owner, name)
        if moment is not None and moment.tzinfo is None:
            raise ValueError(f"{type(owner).__name__}.{name} has no time zone")


def _refs(owner: object, *names: str) -> None:
    """A number may stand for an identifier, anything else is none."""
    for name in names:
        value = getattr(owner, name)
        if isinstance(value, int) and not isinstance(value, bool):
            object.__setattr__(owner, name, str(value))
        elif not isinstance(value, str):
            raise TypeError(f"{type(owner).__name__}.{name} is no text but {type(value).__name__}")


def _texts(owner: object, *names: str) -> None:
    """A provider may send a number or an object where it documents a text: that is no reason to
    lose the run."""
    for name in names:
        value = getattr(owner, name)
        if not isinstance(value, str):
            object.__setattr__(owner, name, _as_text(value))


def _as_text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    is_plain = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_plain else json.dumps(value, ensure_ascii=False, default=str)


def _named(owner: object, name: str, otherwise: str = "") -> None:
    """A name that shows nothing is no name."""
    value = getattr(owner, name)
    if isinstance(value, str) and value[:1].isascii() and value[:1].isalnum():
        return  # as nearly all are
    _texts(owner, name)
    if not shows(getattr(owner, name)):
        object.__setattr__(owner, name, otherwise if shows(otherwise) else "")


_BLANK = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Mn", "Mc", "Me"})
_FILLERS = "\u115f\u1160\u3164\uffa0\u2800"  # of Hangul and Braille: letters that show nothing


def shows(text: str) -> bool:
    """Whether there is anything to see: not spaces, controls, characters without a width or
    accents without a letter alone."""
    if text[:1].isascii() and text[:1].isalnum():
        return True
    return any(
        each not in _FILLERS
        and unicodedata.category(each) not in _BLANK
        and not 0xE0000 <= ord(each) < 0xE1000  # tags and what Unicode has set aside beside them
        for each in text
    )


def short_ref(ref: str) -> str:
    """An identifier as it is stored. One that is longer than MAX_REF keeps its beginning and gets
    a hash of the whole, so that two of them stay two; the provider no longer knows it."""
    if len(ref) <= MAX_REF:
        return ref
    digest = hashlib.blake2b(ref.encode("utf-8", "replace"), digest_size=16).hexdigest()
    return f"{ref[: MAX_REF - 33]}~{digest}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Workflow:
    """The definition a run belongs to, by the provider's identifier and name.

    `group`: the folder, project or repository that it stands in, where two of the same name may
    stand in different ones. It goes before the name, wherever that is shown.
    """

    ref: str
    name: str
    group: str = ""
    can_start: bool = False
    """Whether `Adapter.start` takes it; the adapter's `start_fields` says what it asks for."""

    def __post_init__(self) -> None:
        _refs(self, "ref")
        _named(self, "name", self.ref)
        _named(self, "group")

    @property
    def title(self) -> str:
        """As it is shown."""
        return f"{self.group} / {self.name}" if self.group else self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Try:
    """One of the times that a step was tried. `attempt` counts from 1."""

    attempt: int
    status: Status
    native_status: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str = ""

    def __post_init__(self) -> None:
        _texts(self, "native_status", "error")
        _aware(self, "started_at", "finished_at")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One step of a run. `path` holds the names of the blocks around it, outermost first.

    `output` is any JSON value; storing bounds and redacts it. `ref` is unique within the run.
    `attempt` counts the times the provider has tried it, 0 where it does not say. `tries`: each of
    them with its times and error, the present one included, where the provider keeps them; the
    last MOST_TRIES are shown.
    """

    ref: str
    name: str
    status: Status
    native_status: str
    path: tuple[str, ...] = ()
    status_reason: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str = ""
    output: Any = None
    attempt: int = 0
    run_ref: str = ""
    """The run this step started, where the provider links one (a sub-flow)."""
    tries: tuple[Try, ...] = ()

    def __post_init__(self) -> None:
        _refs(self, "ref", "run_ref")
        _texts(self, "native_status", "status_reason", "error")
        _named(self, "name", self.ref)
        if self.path:
            parts = [part if isinstance(part, str) else _as_text(part) for part in self.path]
            path = tuple(part if shows(part) else NAMELESS for part in parts)
            object.__setattr__(self, "path", path)
        _aware(self, "started_at", "finished_at")


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One way to answer an approval."""

    value: str
    label: str
    is_danger: bool = False

    def __post_init__(self) -> None:
        _texts(self, "value")
        _named(self, "label", self.value or NAMELESS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """Pending human input. `ref` names this occurrence: a second round has another ref.

    `asked_at`: since when it waits, where the provider says so; else the run's own status tells.
    `form`: `schema`, `form` and `model` exactly as the provider gave them, any may be None. The
    values handed to `Adapter.answer` are the complete body, every property included.
    `approval`: `choices`; the values are {"choice": value, "note": text}.
    A question with `is_answerable=False` is shown with `title` as the reason and a link: `url`, its
    own page at the provider, else that of the run. `assignees`: whom the provider asks, by the
    names that it shows (of people or groups, at most MOST_ASSIGNEES); () for anybody.
    """

    ref: str
    kind: Literal["form", "approval"]
    title: str = ""
    description: str = ""
    schema: Any = None
    form: Any = None
    model: Any = None
    choices: tuple[Choice, ...] = ()
    asked_at: datetime | None = None
    due_at: datetime | None = None
    url: str = ""
    assignees: tuple[str, ...] = ()
    is_answerable: bool = True

    def __post_init__(self) -> None:
        _refs(self, "ref")
        _named(self, "title")
        _texts(self, "description", "url")
        _aware(self, "asked_at", "due_at")
        if self.assignees:
            names = tuple(_as_text(name) for name in self.assignees)
            object.__setattr__(self, "assignees", tuple(filter(shows, names))[:MOST_ASSIGNEES])


@dataclass(frozen=True, kw_only=True, slots=True)
class Output:
    """A file or document of a run. `size` in bytes; None where the provider does not say.
    `step_ref`: of the step that made it, where the provider says so."""

    ref: str
    name: str
    content_type: str = ""
    size: int | None = None
    status: Status = Status.SUCCEEDED
    error: str = ""
    step_ref: str = ""

    def __post_init__(self) -> None:
        _refs(self, "ref", "step_ref")
        _named(self, "name", self.ref)
        _texts(self, "content_type", "error")


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """One run as the provider shows it now.

    `steps`, `questions`, `outputs`: None means "not asked", () means "asked, has none". `offers`:
    the verbs this run takes in its present state. `needs_detail`: a list row that cannot decide
    the status alone; the poller reads the run by its ref before it believes the status.
    `created_at`: when the provider took it on, where it says so beside its start: how long it
    queued. `parent_ref`: the run that started this one, by its ref at the same account; `retry_of`:
    the run that this one tries again. `labels`: name -> value, "" for a bare one (tags, labels,
    properties that people set); at most MOST_LABELS, names of MAX_LABEL and values of
    MAX_LABEL_VALUE characters. None means "not asked", {} "has none".
    `status_since`: where the provider says since when the run is in its status. Left out where
    only its start, its end or its steps tell: those are looked at anyway. `attempt` counts the
    times the provider has tried this run, 0 where it does not say. `progress` is 0 to 100.
    `is_planned`: `steps` has those that have not begun as well, so that their number is the whole.
    `input` and `output` are any JSON value. `raw` is the provider's own object for "show raw".
    `version` orders observations where the provider numbers or stamps them (any sortable text); ""
    where it does not."""

    ref: str
    workflow: Workflow
    status: Status
    native_status: str
    status_reason: str = ""
    status_since: datetime | None = None
    name: str = ""
    attempt: int = 0
    progress: int | None = None
    message: str = ""
    error: str = ""
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    url: str = ""
    parent_ref: str = ""
    retry_of: str = ""
    labels: Mapping[str, str] | None = None
    input: Any = None
    output: Any = None
    raw: Any = None
    steps: tuple[Step, ...] | None = None
    is_planned: bool = False
    questions: tuple[Question, ...] | None = None
    outputs: tuple[Output, ...] | None = None
    offers: frozenset[Verb] = frozenset()
    needs_detail: bool = False
    version: str = ""

    def __post_init__(self) -> None:
        _refs(self, "ref", "parent_ref", "retry_of")
        _named(self, "name")
        _texts(self, "native_status", "status_reason", "message", "error", "url", "version")
        _aware(self, "status_since", "created_at", "started_at", "finished_at")
        if self.labels:
            known = {_as_text(name): _as_text(value) for name, value in self.labels.items()}
            kept = {name: value for name, value in known.items() if shows(name)}
            object.__setattr__(self, "labels", kept)
        if not self.ref:
            raise ValueError("a snapshot without a ref")


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A record of a list that could not be read. It is quarantined; the rest is stored."""

    ref: str
    reason: str
    excerpt: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogLine:
    """One line of a run's log. `level` is a lower-case word, "" where there is none."""

    text: str
    at: datetime | None = None
    level: str = ""
    step_ref: str = ""

    def __post_init__(self) -> None:
        _texts(self, "text", "level")
        _refs(self, "step_ref")
        _aware(self, "at")


@dataclass(frozen=True, kw_only=True, slots=True)
class LogChunk:
    """The lines after a cursor. `next_cursor` goes into the next call; `is_complete` says that
    no later call will bring more."""

    lines: tuple[LogLine, ...]
    next_cursor: str
    is_complete: bool = False


@dataclass(frozen=True, kw_only=True)
class Download:
    """An output being read: `chunks` yields bytes and must be exhausted or closed."""

    name: str
    content_type: str
    chunks: Iterator[bytes]
    size: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """A part of the engine without which runs stand still: a scheduler, a daemon, a worker.
    `seen_at`: when the engine last heard of it; `message`: what it says of it, in one sentence."""

    name: str
    is_well: bool
    message: str = ""
    seen_at: datetime | None = None

    def __post_init__(self) -> None:
        _named(self, "name", NAMELESS)
        _texts(self, "message")
        _aware(self, "seen_at")


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How often an account of this provider is worth asking.

    `busy_every` while a run is queued or running, `idle_every` otherwise; runs that wait for a
    person or an event are read by ref every `waiting_every`, other open ones every `open_every`
    where the list tells their status but not their steps, and every `detail_every` (0: with each
    poll) where its row has `needs_detail`. The health of the engine is looked at every
    `engine_every`. A run that an open page shows is read,
    with its log, every `watched_every`. `per_second` bounds the requests of all of it.
    """

    busy_every: timedelta = timedelta(seconds=5)
    idle_every: timedelta = timedelta(seconds=15)
    waiting_every: timedelta = timedelta(seconds=60)
    open_every: timedelta = timedelta(seconds=30)
    detail_every: timedelta = timedelta(0)
    engine_every: timedelta = timedelta(seconds=60)
    watched_every: timedelta = timedelta(seconds=2)
    per_second: float = 5.0


# ------------------------------------------------------------------------------------ seven errors


class ProviderError(Exception):
    """The root of the seven. `str(error)` is one plain sentence without secrets."""

    code = "error"
    may_have_acted: bool | None = None
    """Of a command: whether what was sent so far may have been carried out. The door says so of
    every request that fails; None where an adapter has judged an answer by itself."""

    def __init__(self, message: str, *, status: int | None = None, detail: str = "") -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status, where there was one."""
        self.detail = detail
        """The provider's own words, shortened, as plain text."""


class Unreachable(ProviderError):
    """Back off and try again: no connection, no answer in time, a 408 or a 5xx.

    `was_sent` says whether this one request may have reached the provider; `may_have_acted` speaks
    of the whole command, which may be several requests.
    """

    code = "unreachable"

    def __init__(
        self, message: str, *, was_sent: bool = True, status: int | None = None, detail: str = ""
    ) -> None:
        super().__init__(message, status=status, detail=detail)
        self.was_sent = was_sent


class RateLimited(ProviderError):
    """Wait `retry_after` seconds before anything else goes to this account (429, 503 with
    Retry-After). Whether a command was carried out all the same, `may_have_acted` says."""

    code = "rate_limited"

    def __init__(
        self, message: str, *, retry_after: float, status: int | None = None, detail: str = ""
    ) -> None:
        super().__init__(message, status=status, detail=detail)
        self.retry_after = retry_after


class AuthFailed(ProviderError):
    """Stop polling the account until a person edits it (401, 403)."""

    code = "auth"


class NotFound(ProviderError):
    """The thing is not there (404). A known run keeps its status and is marked missing."""

    code = "not_found"


class BadResponse(ProviderError):
    """Not as documented: HTML, no JSON, a missing field, too large, a redirect."""

    code = "bad_response"


class Rejected(ProviderError):
    """The provider understood and said no (400, 409, 422 or a refusal inside a 200).

    Show the reason, read the run again. `fields` maps a question's property to its complaint.
    """

    code = "rejected"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        detail: str = "",
        fields: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, status=status, detail=detail)
        self.fields = dict(fields or {})


class Unsupported(ProviderError):
    """The provider has no such thing, or not for this run. Nothing was sent."""

    code = "unsupported"


__all__ = [
    "MAX_LABEL", "MAX_LABEL_VALUE", "MAX_NAME", "MAX_REF", "MOST_ASSIGNEES", "MOST_LABELS",
    "MOST_TRIES", "NAMELESS", "AuthFailed", "BadResponse", "Choice", "Component", "Download",
    "Field", "Lamp", "LogChunk", "LogLine", "NotFound", "Option", "Output", "Pace", "Phase",
    "ProviderError", "Question", "RateLimited", "Rejected", "Snapshot", "Status",
    "Step", "Try", "Unreachable", "Unreadable", "Unsupported", "Verb", "Workflow", "native_key",
    "short_ref", "shows",
]  # fmt: skip

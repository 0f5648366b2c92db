"""The verbs. One subclass per provider, one module each under `providers/adapters/`.

Required: `check`, `snapshots`, `snapshot`. Every other verb is optional and offered by defining
it: `Acme.can(Adapter.cancel)` asks the class. An adapter may not catch errors (except to fall back
between two documented addresses), log, sleep, decide by the clock or touch Django.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import Any, ClassVar, TypeVar

from providers.contract import (
    BadResponse,
    Component,
    Download,
    Field,
    LogChunk,
    Option,
    Pace,
    ProviderError,
    Rejected,
    Snapshot,
    Unreadable,
    Unsupported,
    Verb,
    Workflow,
    short_ref,
)
from providers.http import Http
from providers.times import noted, noticing

CALLS = (
    "check", "snapshots", "snapshot", "details", "engine", "workflows", "start_fields", "answer",
    "cancel", "suspend", "resume", "retry", "start", "started", "log", "open_output", "hints",
)  # fmt: skip
Read = TypeVar("Read")


class Adapter(ABC):
    """One provider account, opened for a short while by one thread."""

    name: ClassVar[str]
    """The product's name as people know it."""
    docs: ClassVar[str]
    """Where the provider documents its API."""
    settings: ClassVar[tuple[Field, ...]]
    """What the account form asks for. Fields with `secret=True` are sealed at rest."""
    pace: ClassVar[Pace] = Pace()
    keeps_history: ClassVar[bool] = True
    """Whether a run that has ended can still be found. False of an engine that keeps its runs in
    memory alone, or only those that go on: what it forgets has ended, and only we still show it."""
    details_at_once: ClassVar[int] = 50
    """How many runs one call of `details` takes."""
    wants_whole_answers: ClassVar[bool] = False
    """Whether an answer must name every property of the form, those without a value as well."""
    refuses_empty_texts: ClassVar[bool] = False
    """Whether "" is no answer to a text that the form demands. Plain JSON Schema takes it."""
    not_carried_out: ClassVar[frozenset[int]] = frozenset()
    """HTTP statuses, beside the refusals of HTTP itself (`providers.http.REFUSALS`), by which the
    provider documents that it has not carried a request out: 429 where it names a rate limit. A
    command that met one is sent again; one that met any other failure is settled by reading."""
    repeatable: ClassVar[frozenset[Verb]] = frozenset()
    """Verbs that do once and twice the same, and whose effect a reading shows at once: where it
    stays away, they are sent a second time after a failure. The others are put before a person."""
    options: ClassVar[Mapping[Verb, tuple[Option, ...]]] = {}
    """In which ways a verb can be carried out, the usual one first. The method of such a verb takes
    the value of the chosen one as its last argument, `option: str = ""`; "" is the usual one."""
    notes: ClassVar[Mapping[Verb, str]] = {}
    """What a verb means at this provider, in one sentence ("Takes effect before the next step")."""

    def __init__(
        self, settings: Mapping[str, Any], http: Http, memory: MutableMapping[str, Any]
    ) -> None:
        """`settings` holds settings and credentials alike, by `Field.key`; optional ones may be
        missing or "". `memory` is a flat JSON mapping that the account keeps between polls (names
        of definitions, tokens are not for it); set a key to None to forget it."""
        self.config = settings
        self.http = http
        self.http.not_carried_out = self.not_carried_out
        self.memory = memory

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Every call that a provider's module defines is `guarded`."""
        super().__init_subclass__(**kwargs)
        for name in CALLS:
            if name in vars(cls):
                setattr(cls, name, guarded(vars(cls)[name]))

    @classmethod
    def can(cls, verb: Callable[..., Any]) -> bool:
        """Whether this class defines the optional `verb`, e.g. `Acme.can(Adapter.cancel)`."""
        return getattr(cls, verb.__name__) is not verb

    @classmethod
    def verbs(cls) -> frozenset[Verb]:
        """The commands this provider takes at all."""
        return frozenset(verb for verb in Verb if cls.can(getattr(Adapter, verb.value)))

    def each(
        self, items: Iterable[Any], read: Callable[[Any], Snapshot | None]
    ) -> Iterator[Snapshot | Unreadable]:
        """Read the records of a list one by one. One that is not as documented comes back as
        Unreadable, so that it cannot take the others with it; None is left out."""
        for item in items:
            try:
                with noticing() as odd:
                    snapshot = noted(read(item), odd)
            except ProviderError:
                raise
            except Exception as error:  # noqa: BLE001 - it is kept in words
                yield self.unreadable(item, error)
            else:
                if snapshot is not None:
                    yield snapshot

    @staticmethod
    def readable(items: Iterable[Any], read: Callable[[Any], Read]) -> Iterator[Read]:
        """What `read` makes of those items that are as documented: one of a list that only helps
        to choose must not take the others with it."""
        for item in items:
            try:
                thing = read(item)
            except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
                continue
            yield thing

    def unreadable(self, item: Any, error: Exception) -> Unreadable:
        """What is kept of a record that could not be read: its id if it has one, why, and its
        start. Longer than what is stored: what is cut off there was looked through as a whole."""
        ref = ""
        if isinstance(item, dict):
            ids = (value for key, value in item.items() if key.lower().endswith("id"))
            ref = next(map(str, ids), "")
        secrets = self.http.secrets
        return Unreadable(
            ref=short_ref(secrets.hide_certain(ref)) or "?",
            reason=secrets.hide(f"{type(error).__name__}: {error}")[:1000],
            excerpt=str(secrets.redact(item))[:4000],
        )

    # ------------------------------------------------------------------------------- required

    @abstractmethod
    def check(self) -> str:
        """Whose credentials these are and what they can see, in one or two plain sentences."""

    @abstractmethod
    def snapshots(self, since: datetime | None) -> Iterable[Snapshot | Unreadable]:
        """Discovery, lazily paged: every open run, and every run started or ended after `since`
        (None: as far back as is reasonable, the provider's recent history)."""

    @abstractmethod
    def snapshot(self, ref: str) -> Snapshot:
        """One run with its steps, questions and outputs. Raises NotFound."""

    # ------------------------------------------------------------------------------- optional

    def details(self, refs: Sequence[str]) -> Iterable[Snapshot | Unreadable]:
        """Several runs as `snapshot` reads them, for fewer requests than one each. One that is not
        there is left out."""
        raise Unsupported(f"{self.name} reads runs one by one.")

    def engine(self) -> Iterable[Component]:
        """How the parts of the engine are, without which runs stand still. A component that is
        silent is one that is not well, and says since when in `seen_at`."""
        raise Unsupported(f"{self.name} does not tell how its parts are.")

    def workflows(self) -> Iterable[Workflow]:
        """Definitions that can be listed without a run, for "start a run" and for filters."""
        raise Unsupported(f"{self.name} does not list its workflows.")

    def start_fields(self, workflow_ref: str) -> tuple[Field, ...]:
        """What `start` asks for. One field of kind "json" named `arguments` where
        it is free."""
        raise Unsupported(f"{self.name} cannot start a run.")

    @staticmethod
    def arguments_of(given: Any) -> Mapping[str, Any]:
        """What `start` would take, by the names of `start_fields`, to give another run the input
        (`Snapshot.input`) of this one."""
        return given if isinstance(given, Mapping) else {}

    def answer(self, ref: str, question_ref: str, values: Mapping[str, Any]) -> None:
        """Send the complete answer to one question; see `Question` for the shape of `values`."""
        raise Unsupported(f"{self.name} takes no answers.")

    def cancel(self, ref: str) -> None:
        """Ask for the run to end. Returns when the provider accepted, not when it ended."""
        raise Unsupported(f"{self.name} cannot cancel a run.")

    def suspend(self, ref: str) -> None:
        raise Unsupported(f"{self.name} cannot suspend a run.")

    def resume(self, ref: str) -> None:
        raise Unsupported(f"{self.name} cannot resume a run.")

    def retry(self, ref: str, key: str) -> str:
        """Try a run that has ended again, from where it failed. Returns the ref of the run that
        does it: the same one where the provider opens it again, else that of a new run, whose
        snapshots name this one in `retry_of`. `key` as in `start`."""
        raise Unsupported(f"{self.name} cannot retry a run.")

    def start(self, workflow_ref: str, arguments: Mapping[str, Any], key: str) -> str:
        """Start a run and return its ref. `key` is an idempotency key where the provider has
        them, and a mark to find the run again where it has not."""
        raise Unsupported(f"{self.name} cannot start a run.")

    def started(self, workflow_ref: str, key: str) -> str | None:
        """The ref of the run that `start`, or a `retry` that makes a new run, made with this key;
        None if there is none. For a command whose answer was lost."""
        raise Unsupported(f"{self.name} cannot look up a run by its key.")

    def log(self, ref: str, cursor: str) -> LogChunk:
        """The log lines of the whole run after `cursor` ("" for the first), each with the
        `step_ref` it belongs to where the provider says so."""
        raise Unsupported(f"{self.name} has no logs.")

    def open_output(self, ref: str, output_ref: str) -> Download:
        """Open one output for reading."""
        raise Unsupported(f"{self.name} has no outputs.")

    def hints(self) -> Iterator[str]:
        """Refs worth polling now, as the provider pushes them. Blocks; ends when the connection
        does. Only a hint: the poll stays the truth."""
        raise Unsupported(f"{self.name} has no push channel.")


# ------------------------------------------------------------------------------------ around calls


def guarded(call: Callable[..., Any]) -> Callable[..., Any]:
    """Whatever breaks inside the call, mostly because the provider did not answer as documented,
    leaves as BadResponse, cause chained; and nothing leaves with one of the account's own secrets.
    Snapshots do: storing looks at those, each text once."""

    @wraps(call)
    def inner(self: Adapter, *args: Any, **kwargs: Any) -> Any:
        with translated(self), noticing() as odd:
            result = noted(call(self, *args, **kwargs), odd)
        return _each(self, result) if isinstance(result, Iterator) else _hidden(self, result)

    return inner


@contextmanager
def translated(adapter: Adapter) -> Iterator[None]:
    """Errors of the contract and no others, without secrets."""
    hide = adapter.http.redact
    try:
        yield
    except ProviderError as error:
        error.args = tuple(hide(str(part)) for part in error.args)
        error.detail = hide(error.detail)
        if isinstance(error, Rejected):
            error.fields = {name: hide(complaint) for name, complaint in error.fields.items()}
        raise
    except Exception as error:
        detail = hide(f"{type(error).__name__}: {error}")[:200]
        raise BadResponse(
            f"{adapter.name} did not answer as documented ({detail}).", detail=detail
        ) from error


def _each(adapter: Adapter, items: Iterator[Any]) -> Iterator[Any]:
    while True:
        with translated(adapter):
            try:
                item = next(items)
            except StopIteration:
                return
        yield _hidden(adapter, item)


def _hidden(adapter: Adapter, result: Any) -> Any:
    return result if isinstance(result, Snapshot) else adapter.http.secrets.hide_within(result)

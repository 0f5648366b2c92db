"""Mistakes that an adapter can make, to plant them and see whether the shared suite finds them.

Each makes of an adapter's class one that has it. Those of MEANING do so by the contract alone, so
that they can be planted in any adapter; FORMS are some of them as a certain adapter would really
make them. Those of ROBUSTNESS name the test of `test_every_adapter.py` that has to find them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from providers.adapter import Adapter
from providers.adapters import eightx8, flow8, generio, prefect, smartflows
from providers.adapters.eightx8 import definition_discovery
from providers.contract import (
    AuthFailed,
    BadResponse,
    LogChunk,
    ProviderError,
    Rejected,
    Snapshot,
    Status,
    Unreachable,
    Verb,
)
from providers.redaction import Secrets

Class = type[Adapter]
HOUR = timedelta(hours=1)
COMMANDS = tuple(verb.value for verb in Verb)
COMMANDS_OF_RUNS = ("cancel", "suspend", "resume", "retry")
READS = ("poll", "read")


@dataclass(frozen=True)
class Mistake:
    """`calls`: the scenarios that it can show in. `needs`: the verbs without any of which an
    adapter cannot make it; none, and every adapter can. `of`: which adapters can, else."""

    name: str
    plant: Callable[[Class], Class]
    calls: tuple[str, ...]
    needs: tuple[str, ...] = ()
    of: Callable[[Class], bool] = lambda cls: True

    def fits(self, cls: Class) -> bool:
        if not self.of(cls):
            return False
        return not self.needs or any(cls.can(getattr(Adapter, verb)) for verb in self.needs)


def with_methods(cls: Class, **methods: Callable[..., Any]) -> Class:
    """A subclass with these methods, those of verbs that the class has."""
    had = {name: each for name, each in methods.items() if cls.can(getattr(Adapter, name))}
    return type(f"Mistaken{cls.__name__}", (cls,), had)


# ----------------------------------------------------------------------------------- what is read


def reading(change: Callable[[Snapshot], Snapshot]) -> Callable[[Class], Class]:
    """Every run, from a list or by its ref, is changed so."""

    def plant(cls: Class) -> Class:
        def snapshots(self: Adapter, since: datetime | None) -> Iterator[Any]:
            for item in cls.snapshots(self, since):
                yield change(item) if isinstance(item, Snapshot) else item

        def snapshot(self: Adapter, ref: str) -> Snapshot:
            return change(cls.snapshot(self, ref))

        return with_methods(cls, snapshots=snapshots, snapshot=snapshot)

    return plant


def without_open_runs(cls: Class) -> Class:
    """Those that the window does not bring by itself."""

    def snapshots(self: Adapter, since: datetime | None) -> Iterator[Any]:
        for item in cls.snapshots(self, since):
            if isinstance(item, Snapshot) and not item.status.is_final:
                started = item.started_at
                if since is None or started is None or started < since:
                    continue
            yield item

    return with_methods(cls, snapshots=snapshots)


def without_since(cls: Class) -> Class:
    def snapshots(self: Adapter, since: datetime | None) -> Any:
        return cls.snapshots(self, None)

    return with_methods(cls, snapshots=snapshots)


def first_page_only(cls: Class) -> Class:
    """What a list brings after another request is not read."""

    def snapshots(self: Adapter, since: datetime | None) -> Iterator[Any]:
        asked = 0
        for item in cls.snapshots(self, since):
            asked = asked or self.http.requests
            if self.http.requests > asked:
                return
            yield item

    return with_methods(cls, snapshots=snapshots)


def steps_changed(**changes: Callable[[Any], Any]) -> Callable[[Snapshot], Snapshot]:
    def change(run: Snapshot) -> Snapshot:
        if run.steps is None:
            return run
        changed = [
            replace(step, **{name: each(getattr(step, name)) for name, each in changes.items()})
            for step in run.steps
        ]
        return replace(run, steps=tuple(changed))

    return change


def later(moment: datetime | None) -> datetime | None:
    return moment and moment + HOUR


def an_hour_later(run: Snapshot) -> Snapshot:
    return replace(run, started_at=later(run.started_at), finished_at=later(run.finished_at))


def reading_log(cursor: Callable[[str], str] = str, **facts: Any) -> Callable[[Class], Class]:
    def plant(cls: Class) -> Class:
        def log(self: Adapter, ref: str, given: str) -> LogChunk:
            return replace(cls.log(self, ref, cursor(given)), **facts)

        return with_methods(cls, log=log)

    return plant


# ----------------------------------------------------------------------------------- what is sent


def without_arguments(cls: Class) -> Class:
    def start(self: Adapter, workflow_ref: str, arguments: Mapping[str, Any], key: str) -> str:
        return cls.start(self, workflow_ref, {}, key)

    return with_methods(cls, start=start)


def without_values(cls: Class) -> Class:
    """An approval keeps its choice."""

    def answer(self: Adapter, ref: str, question: str, values: Mapping[str, Any]) -> None:
        kept = {name: value for name, value in values.items() if name == "choice"}
        cls.answer(self, ref, question, kept)

    return with_methods(cls, answer=answer)


def without_key(cls: Class) -> Class:
    def start(self: Adapter, workflow_ref: str, arguments: Mapping[str, Any], key: str) -> str:
        return cls.start(self, workflow_ref, arguments, "")

    return with_methods(cls, start=start)


def without_option(cls: Class) -> Class:
    """Whatever was chosen, the usual way is taken."""

    def usual(verb: str) -> Callable[..., Any]:
        return lambda self, ref, *more: getattr(cls, verb)(self, ref, *more[: verb == "retry"])

    return with_methods(cls, **{verb.value: usual(verb.value) for verb in cls.options})


# --------------------------------------------------------------------------------------- refusals


def refusing(become: Callable[[Rejected], ProviderError | None]) -> Callable[[Class], Class]:
    """What becomes of a refusal: another error, or success."""

    def made(call: Callable[..., Any]) -> Callable[..., Any]:
        def command(self: Adapter, *given: Any) -> Any:
            try:
                return call(self, *given)
            except Rejected as error:
                if other := become(error):
                    raise other from None
            return "" if call.__name__ in ("start", "retry") else None

        return command

    def plant(cls: Class) -> Class:
        return with_methods(cls, **{verb: made(getattr(cls, verb)) for verb in COMMANDS})

    return plant


class NoSecrets(Secrets):
    def remember(self, secret: str) -> None:
        """Forgets it."""


def unredacted(cls: Class) -> Class:
    def opened(self: Adapter, settings: Any, http: Any, memory: Any) -> None:
        http.secrets = NoSecrets()
        cls.__init__(self, settings, http, memory)

    return type(f"Mistaken{cls.__name__}", (cls,), {"__init__": opened})


# ---------------------------------------------------------------------------------------- the list

MEANING = (
    Mistake("open runs are never asked for", without_open_runs, ("poll",)),
    Mistake("since is ignored", without_since, ("poll",)),
    Mistake("only the first page is read", first_page_only, ("poll",)),
    Mistake(
        "a row that needs its detail is believed",
        reading(lambda run: replace(run, needs_detail=False)),
        ("poll",),
    ),
    Mistake("a refusal is taken for success", refusing(lambda error: None), COMMANDS, COMMANDS),
    Mistake("a refusal tells the credentials", unredacted, COMMANDS, COMMANDS),
    Mistake(
        "a refusal is a broken answer",
        refusing(lambda error: BadResponse(str(error))),
        COMMANDS,
        COMMANDS,
    ),
    Mistake(
        "a refusal is a failure to try again",
        refusing(lambda error: Unreachable(str(error))),
        COMMANDS,
        COMMANDS,
    ),
    Mistake("the log's cursor is ignored", reading_log(lambda given: ""), ("log",), ("log",)),
    Mistake("a log is never complete", reading_log(is_complete=False), ("log",), ("log",)),
    Mistake("a log is complete too early", reading_log(is_complete=True), ("log",), ("log",)),
    Mistake("the arguments of a start are dropped", without_arguments, ("start",), ("start",)),
    Mistake("the values of an answer are dropped", without_values, ("answer",), ("answer",)),
    Mistake("the key of a start is dropped", without_key, ("start",), ("start",)),
    Mistake(
        "the option of a command is dropped",
        without_option,
        COMMANDS_OF_RUNS,
        of=lambda cls: bool(cls.options),
    ),
    Mistake("the error of a run is lost", reading(lambda run: replace(run, error="")), READS),
    Mistake("the errors of steps are lost", reading(steps_changed(error=lambda told: "")), READS),
    Mistake("nothing is offered", reading(lambda run: replace(run, offers=frozenset())), READS),
    Mistake("times are an hour off", reading(an_hour_later), READS),
    Mistake(
        "the times of steps are an hour off",
        reading(steps_changed(started_at=later, finished_at=later)),
        READS,
    ),
    Mistake(
        "steps are empty",
        reading(lambda run: replace(run, steps=None if run.steps is None else ())),
        ("read",),
    ),
)


@dataclass(frozen=True)
class Form:
    """A mistake of MEANING, by its name, as the adapter of this key would make it."""

    mistake: str
    key: str
    planted: Callable[[], AbstractContextManager[Any]]


def form(mistake: str, key: str, owner: Any, name: str, instead: Any) -> Form:
    return Form(mistake, key, lambda: patch.object(owner, name, instead))


def first_of(pages: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    def first(*given: Any) -> Iterator[Any]:
        yield next(pages(*given))

    return first


def with_last_page(read: Callable[..., tuple[Any, bool]]) -> Callable[..., tuple[Any, bool]]:
    return lambda *given: (read(*given)[0], True)


def ended_only(since: datetime | None) -> Iterator[Any]:
    *_, (where, sort, most) = prefect.reading.discovery(since)
    yield {name: where[name] for name in where if name == "end_time" or not since}, sort, most


def never_open(*given: Any) -> definition_discovery.Visit:
    return replace(_visit(*given), asks_open=False)


def late(read: Callable[..., datetime | None]) -> Callable[..., datetime | None]:
    return lambda *given, **options: later(read(*given, **options))


_visit = definition_discovery._visit
_open, _pages = "open runs are never asked for", "only the first page is read"

FORMS = (
    form(_open, "smartflows", smartflows, "OPEN_WORDS", ["Running"]),
    form(_open, "prefect", prefect, "discovery", ended_only),
    form(_open, "eightx8", definition_discovery, "_visit", never_open),
    form(_open, "flow8", flow8.reading, "OPEN_STATES", ("WAIT", "RUN", "NEW", "DEFERRED")),
    form("since is ignored", "generio", generio, "is_since", lambda flow, since: True),
    form("since is ignored", "eightx8", eightx8.reading, "write_time", lambda moment: "2020-01-01"),
    form(_pages, "smartflows", smartflows, "read_page", with_last_page(smartflows.read_page)),
    form(_pages, "flow8", flow8.lists, "read_page", with_last_page(flow8.lists.read_page)),
    form(_pages, "generio", generio, "next_page", lambda body, seen: None),
    form(_pages, "prefect", prefect.Prefect, "_pages", first_of(prefect.Prefect._pages)),
    form(
        "a refusal is taken for success", "prefect", prefect.Prefect, "_settle",
        lambda self, reply, wanted: None,
    ),
    form("the log's cursor is ignored", "prefect", prefect, "cursor_after", lambda rows, after: ""),
    form(
        "the values of an answer are dropped", "smartflows", smartflows, "properties_of",
        lambda progress: {},
    ),
    form(
        "the error of a run is lost", "flow8", flow8.reading, "_play_error", lambda play, steps: ""
    ),
    form("times are an hour off", "generio", generio.reading, "read_time",
         late(generio.reading.read_time)),
    form("steps are empty", "prefect", prefect.Prefect, "_steps", lambda self, ref: ()),
)  # fmt: skip


# ------------------------------------------------------------------------------------- robustness


@dataclass(frozen=True)
class Weakness:
    """`test`: which one has to find it, `given`: with which of its parameters."""

    name: str
    key: str
    plant: Callable[[Class], Class]
    test: str
    given: Mapping[str, Any]


def with_any(cls: Class, **methods: Callable[..., Any]) -> Class:
    return type(f"Mistaken{cls.__name__}", (cls,), methods)


def one_bad_record_ends_the_list(cls: Class) -> Class:
    return with_any(cls, each=lambda self, items, read: map(read, items))


def another_shape_is_empty(cls: Class) -> Class:
    def snapshots(self: Adapter, since: datetime | None) -> Iterator[Any]:
        try:
            yield from cls.snapshots(self, since)
        except BadResponse:
            return

    return with_any(cls, snapshots=snapshots)


def each_run_twice(cls: Class) -> Class:
    def snapshots(self: Adapter, since: datetime | None) -> Iterator[Any]:
        for item in cls.snapshots(self, since):
            yield from (item, item)

    return with_any(cls, snapshots=snapshots)


def after_a_lost_answer(then: Callable[[Class, Adapter, str], None]) -> Callable[[Class], Class]:
    def plant(cls: Class) -> Class:
        def cancel(self: Adapter, ref: str) -> None:
            try:
                cls.cancel(self, ref)
            except Unreachable:
                then(cls, self, ref)

        return with_any(cls, cancel=cancel)

    return plant


def say_refused(cls: Class, adapter: Adapter, ref: str) -> None:
    raise Rejected("It did not work.")


def swallow_bad_login(cls: Class) -> Class:
    def check(self: Adapter) -> str:
        try:
            return cls.check(self)
        except AuthFailed as error:
            raise Unreachable(str(error)) from None

    return with_any(cls, check=check)


def key_in_the_address(cls: Class) -> Class:
    def check(self: Adapter) -> str:
        self.http.at(self.config["base_url"]).get(
            "templates", params={"key": self.config["api_key"]}
        )
        return cls.check(self)

    return with_any(cls, check=check)


def guess(run: Snapshot) -> Snapshot:
    is_odd = run.status is Status.UNKNOWN
    return replace(run, status=Status.RUNNING, status_reason="") if is_odd else run


def know_one_spelling(run: Snapshot) -> Snapshot:
    is_odd = run.native_status.isupper()
    return replace(run, status=Status.UNKNOWN, status_reason="unrecognized") if is_odd else run


FAULT = "test_a_fault_becomes_the_error_that_says_what_to_do"
BY_CHECK = {"operation": "check", "fault": "401"}
CANCEL = {"verb": "cancel"}

ROBUSTNESS = (
    Weakness(
        "one bad record ends the list", "generio", one_bad_record_ends_the_list,
        "test_a_record_that_cannot_be_read_does_not_take_the_others_with_it", {"kind": "a number"},
    ),
    Weakness(
        "an answer of another shape is an empty list", "flow8", another_shape_is_empty,
        "test_an_answer_of_another_shape_is_never_an_empty_list", {"body": {}},
    ),
    Weakness(
        "a run comes twice", "smartflows", each_run_twice,
        "test_a_discovery_brings_every_run_once", {"is_first": True},
    ),
    Weakness(
        "a command is sent again when its answer is lost", "eightx8",
        after_a_lost_answer(lambda cls, adapter, ref: cls.cancel(adapter, ref)),
        "test_a_command_whose_answer_is_lost_is_not_repeated", CANCEL,
    ),
    Weakness(
        "a lost answer counts as refused", "prefect", after_a_lost_answer(say_refused),
        "test_a_command_whose_answer_is_lost_is_not_repeated", CANCEL,
    ),
    Weakness("a wrong key is a broken line", "smartflows", swallow_bad_login, FAULT, BY_CHECK),
    Weakness("an error repeats the key", "eightx8", unredacted, FAULT, BY_CHECK),
    Weakness(
        "the key stands in an address", "generio", key_in_the_address,
        "test_a_secret_is_in_no_address", {},
    ),
    Weakness(
        "an unknown word is guessed", "prefect", reading(guess),
        "test_an_unknown_word_is_kept_and_becomes_unknown", {"word": "Zorbulating"},
    ),
    Weakness(
        "a word is known in one spelling only", "generio", reading(know_one_spelling),
        "test_a_known_word_becomes_our_status_however_it_is_spelled",
        {"word": "running", "status": "running"},
    ),
)  # fmt: skip

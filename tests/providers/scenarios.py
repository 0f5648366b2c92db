"""Scenarios: what an adapter is asked, what passes between it and its provider, what must come of
it. They stand in `adapters/fixtures/<key>/scenarios.yaml`; `providers/README.md` shows one.

A scenario is strict: every exchange is asked for exactly once, nothing else is, and a field of the
result that the scenario does not name must be left at its default (but `raw`, which is not
compared).
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache, partial
from typing import Any
from urllib.parse import parse_qsl, quote

import yaml

from providers.adapter import Adapter
from providers.contract import Download, LogChunk, ProviderError, Rejected, Snapshot, Unreadable
from providers.http import forget_sessions
from tests.providers.conftest import Answer, Seen, Server, live_adapter
from tests.providers.recorded import class_of, exchange, folder_of, holds, put

CALLS = (
    "check", "poll", "read", "workflows", "start_fields", "start", "started", "answer", "cancel",
    "suspend", "resume", "retry", "details", "engine", "log", "open_output",
)  # fmt: skip
ABOUT = {"exchanges", "gives", "refused", "memory"}
ORDINARY = {
    "host", "user-agent", "accept", "accept-encoding", "connection", "content-type",
    "content-length", "idempotency-key",
}  # fmt: skip
WHOLE = ("status", "headers", "body", "text", "base64", "fault")  # of an answer in a scenario
PART = ("from", "rows", "set")
ANY = "any"  # in `gives`: whatever it is, but not nothing


# ------------------------------------------------------------------------------------- the format


@dataclass
class Exchange:
    """A request that must come once, and its answer. `json`: what the body must hold at least,
    `has`: a text in it, `exactly`: the whole of it (JSON, a text, or null for no body)."""

    line: str
    answer: Answer
    json: Any = None
    has: str = ""
    exactly: Any = ANY
    is_over: bool = False

    def fits(self, seen: Seen) -> bool:
        method, _, address = self.line.partition(" ")
        path, _, query = address.partition("?")
        if (seen.method, seen.path) != (method, path):
            return False
        wanted = dict(parse_qsl(query, keep_blank_values=True))
        return (
            wanted.items() <= seen.query.items()
            and (self.json is None or holds(seen.json, self.json))
            and self.has in seen.text
            and (self.exactly == ANY or is_exactly(seen, self.exactly))
        )


def is_exactly(seen: Seen, wanted: Any) -> bool:
    if isinstance(wanted, str):
        return seen.text == wanted
    return bool(seen.json == wanted)


@dataclass(frozen=True)
class Scenario:
    key: str
    name: str
    call: str
    given: Any
    exchanges: tuple[Mapping[str, Any], ...]
    gives: Any
    refused: Mapping[str, Any] | None
    memory: Mapping[str, Any] = field(default_factory=dict)

    def script(self) -> list[Exchange]:
        return [self._exchange(dict(each)) for each in self.exchanges]

    def _exchange(self, about: dict[str, Any]) -> Exchange:
        line = next((name for name in about if " /" in name), "")
        if not line:
            raise ValueError(f"{self.key}, {self.name!r}: no METHOD /path in {about}")
        answer = answer_of(self.key, about.pop(line))
        base = described(self.key)["base"]
        return Exchange(line=line.replace(" /", f" {base}/", 1), answer=answer, **about)


def answer_of(key: str, about: Any) -> Answer:
    """A fixture by its name; or `from` a fixture, only these `rows` of its list and with some
    values `set`; or status, headers and body themselves; or, as a list, the body alone.
    Raises ValueError for a word that is none of these: the answer would lack it unseen."""
    if isinstance(about, list):
        return {"body": about}
    if isinstance(about, str):
        about = {"from": about}
    known = PART if "from" in about else WHOLE
    if unknown := about.keys() - known:
        raise ValueError(
            f"An answer has no {', '.join(sorted(unknown))}. It may have {', '.join(known)}."
        )
    if "from" not in about:
        return dict(about)
    answer: dict[str, Any] = exchange(key, about["from"])["response"]
    if "rows" in about:
        body = answer["body"]
        if isinstance(body, list):
            answer["body"] = [body[row] for row in about["rows"]]
        else:
            name = next(name for name, value in body.items() if isinstance(value, list))
            body[name] = [body[name][row] for row in about["rows"]]
    for pointer, value in about.get("set", {}).items():
        put(answer["body"], pointer.split("/")[1:], value)
    return answer


class PlainLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Leaves times as texts, as JSON does."""

    yaml_implicit_resolvers = {
        first: [each for each in resolvers if each[0] != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@cache
def described(key: str) -> dict[str, Any]:
    path = folder_of(key) / "scenarios.yaml"
    content = yaml.load(path.read_text("utf-8"), PlainLoader) if path.exists() else None  # noqa: S506
    return {"base": "", "never": {}, "scenarios": {}} | (content or {})


@cache
def scenarios(key: str) -> tuple[Scenario, ...]:
    return tuple(read(key, name, about) for name, about in described(key)["scenarios"].items())


def read(key: str, name: str, about: Mapping[str, Any]) -> Scenario:
    """Raises ValueError where it is none."""
    calls, unknown = about.keys() & set(CALLS), about.keys() - ABOUT - set(CALLS)
    if len(calls) != 1 or unknown:
        raise ValueError(f"{key}, {name!r}: one call of {CALLS} and {sorted(ABOUT)}, not {unknown}")
    (call,) = calls
    return Scenario(
        key=key,
        name=name,
        call=call,
        given=about[call],
        exchanges=tuple(about.get("exchanges") or ()),
        gives=about.get("gives"),
        refused=about.get("refused"),
        memory=about.get("memory") or {},
    )


# ----------------------------------------------------------------------------------- what is asked


def poll(adapter: Adapter, given: Mapping[str, Any]) -> Any:
    """A discovery; then each run of `open` that it did not bring, or not whole, by its ref."""
    found: dict[str, Any] = {}
    since = given["since"] and datetime.fromisoformat(given["since"])
    for item in adapter.snapshots(since):
        if item.ref in found:
            raise AssertionError(f"{item.ref} comes twice")
        found[item.ref] = item
    for ref in given.get("open", ()):
        if ref not in found or found[ref].needs_detail:
            found[ref] = adapter.snapshot(ref)
    return by_ref(found.values())


def by_ref(items: Iterable[Any]) -> dict[str, Any]:
    said = {item.ref: plain(item) for item in items}
    return {ref: {name: fact[name] for name in fact if name != "ref"} for ref, fact in said.items()}


def log(adapter: Adapter, given: Mapping[str, Any]) -> Any:
    """The log read from its beginning, and on from each cursor, as often as it says."""
    reads: list[Any] = []
    cursor = ""
    for _ in range(given["reads"]):
        chunk = adapter.log(given["run"], cursor)
        cursor = chunk.next_cursor
        reads.append(chunk)
    return reads


def open_output(adapter: Adapter, given: Mapping[str, Any]) -> Any:
    opened = adapter.open_output(given["run"], given["output"])
    return {"about": opened, "text": b"".join(opened.chunks).decode("utf-8", "backslashreplace")}


def command(verb: str, adapter: Adapter, given: Any) -> Any:
    """Of a run by its ref; or of `run`, with the `key` of a retry and the `option` of the verb."""
    about = {"run": given} if isinstance(given, str) else given
    more = [about[name] for name in ("key", "option") if name in about]
    if verb == "retry" and "key" not in about:
        more.insert(0, "6f1d0c3e")
    return getattr(adapter, verb)(about["run"], *more)


ASK: Mapping[str, Callable[[Adapter, Any], Any]] = {
    "check": lambda adapter, given: adapter.check(),
    "poll": poll,
    "read": lambda adapter, given: adapter.snapshot(given),
    "workflows": lambda adapter, given: by_ref(adapter.workflows()),
    "start_fields": lambda adapter, given: adapter.start_fields(given),
    "start": lambda adapter, given: adapter.start(
        given["workflow"], given["arguments"], given["key"]
    ),
    "started": lambda adapter, given: adapter.started(given["workflow"], given["key"]),
    "answer": lambda adapter, given: adapter.answer(
        given["run"], given["question"], given["values"]
    ),
    **{verb: partial(command, verb) for verb in ("cancel", "suspend", "resume", "retry")},
    "details": lambda adapter, given: by_ref(adapter.details(given)),
    "engine": lambda adapter, given: list(adapter.engine()),
    "log": log,
    "open_output": open_output,
}


# ------------------------------------------------------------------------------------- the playing


class Stage(Server):
    """Plays one scenario after the other."""

    def begin(self, script: list[Exchange], *, echoes: bool = False) -> None:
        self.script, self.echoes = script, echoes
        self.unexpected.clear()
        self.credentials: set[str] = set()

    def answer_to(self, seen: Seen) -> Answer:
        carried = [value for name, value in seen.headers.items() if name not in ORDINARY]
        self.credentials |= {value.partition(" ")[2] or value for value in carried}
        for each in self.script:
            if not each.is_over and each.fits(seen):
                each.is_over = True
                return echoing(each.answer, " ".join(carried)) if self.echoes else each.answer
        self.unexpected.append(f"{seen.method} {seen.path} {seen.query} {seen.text[:300]}")
        return {"status": 404, "body": {"message": "This is not in the scenario."}}


def echoing(answer: Answer, words: str) -> Answer:
    """The same answer by a careless provider: each sentence in it repeats the credentials."""
    return {**answer, "body": _echoing(answer["body"], words)} if "body" in answer else answer


def _echoing(value: Any, words: str) -> Any:
    if isinstance(value, dict):
        return {name: _echoing(each, words) for name, each in value.items()}
    if isinstance(value, list):
        return [_echoing(each, words) for each in value]
    return f"{value} {words}" if isinstance(value, str) and " " in value else value


def complaints(scenario: Scenario, stage: Stage, cls: type[Adapter] | None = None) -> list[str]:
    """What is wrong with the adapter by this scenario. A refusal is played a second time by a
    provider that repeats the credentials."""
    found = [*_played(scenario, stage, cls, echoes=False)]
    if scenario.refused and not found:
        found += _played(scenario, stage, cls, echoes=True)
    return found


def _played(
    scenario: Scenario, stage: Stage, cls: type[Adapter] | None, *, echoes: bool
) -> Iterator[str]:
    script = scenario.script()
    stage.begin(script, echoes=echoes)
    forget_sessions()
    adapter = live_adapter(stage, scenario.key, json.loads(json.dumps(scenario.memory)), cls)
    try:
        given = ASK[scenario.call](adapter, scenario.given)
    except ProviderError as error:
        yield from _of_refusal(scenario, error, stage, echoes=echoes)
    except AssertionError as error:
        yield str(error)
    else:
        if scenario.refused:
            yield f"a refusal ({scenario.refused['kind']}) was taken for success"
        else:
            expected = json.loads(stage.filled(json.dumps(scenario.gives)))
            yield from differences(expected, plain(given), "")
    yield from (f"nobody expected {line}" for line in stage.unexpected)
    yield from (f"never asked: {each.line}" for each in script if not each.is_over)
    if script and secrets_of(scenario.key) and not stage.credentials:
        yield "no request carried credentials"


def _of_refusal(
    scenario: Scenario, error: ProviderError, stage: Stage, *, echoes: bool
) -> Iterator[str]:
    if scenario.refused is None:
        yield f"it raised {error!r}"
        return
    expected = scenario.refused
    fields = error.fields if isinstance(error, Rejected) else {}
    if error.code != expected["kind"]:
        yield f"refused as {error.code}, not as {expected['kind']}: {error}"
    if expected["because"] not in str(error):
        yield f"the reason is lost: {expected['because']!r} is not in {str(error)!r}"
    if not echoes:
        yield from differences(expected.get("fields", {}), fields, "fields")
    told = f"{error} {error.detail} {fields}"
    for secret in {*stage.credentials, *secrets_of(scenario.key)}:
        if secret in told:
            yield f"a credential is told: {secret!r} in {told!r}"


def secrets_of(key: str) -> set[str]:
    """The planted credentials, as they are and as an address would spell them."""
    settings = exchange(key, "suite")["settings"]
    values = [settings.get(each.key) or "" for each in class_of(key).settings if each.secret]
    return {form for value in values if value for form in (value, quote(value, safe=""))}


# ------------------------------------------------------------------------------------ the comparing


def plain(value: Any) -> Any:
    """A result as `gives` spells it: fields that are not at their default, statuses as words,
    times in UTC."""
    if isinstance(value, Unreadable):
        return {"unreadable": value.reason}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        hidden = {"raw"} if isinstance(value, Snapshot) else set()
        hidden |= {"chunks"} if isinstance(value, Download) else set()
        hidden |= {"next_cursor"} if isinstance(value, LogChunk) else set()
        return {
            each.name: plain(getattr(value, each.name))
            for each in dataclasses.fields(value)
            if each.name not in hidden and getattr(value, each.name) not in ("", each.default)
        }
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, frozenset | set):
        return sorted(plain(each) for each in value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    return value


def differences(expected: Any, actual: Any, where: str) -> Iterator[str]:
    if expected == ANY and actual not in (None, "", [], {}):
        return
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name in [*expected, *(actual.keys() - expected.keys())]:
            place = f"{where}/{name}"
            yield from differences(expected.get(name), actual.get(name), place)
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for index, pair in enumerate(zip(expected, actual, strict=True)):
            yield from differences(*pair, f"{where}/{index}")
    elif expected != actual and not is_same_time(expected, actual):
        yield f"{where or 'the result'} is {actual!r}, not {expected!r}"


def is_same_time(one: Any, other: Any) -> bool:
    try:
        return datetime.fromisoformat(one) == datetime.fromisoformat(other)
    except (TypeError, ValueError):
        return False

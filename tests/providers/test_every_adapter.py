"""What holds for every provider. Adapters are found by file name; `adapters/fixtures/README.md`
says what a new one has to declare to get all of this."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from providers import exact_json
from providers.adapter import Adapter
from providers.contract import (
    MAX_REF,
    AuthFailed,
    BadResponse,
    Field,
    LogChunk,
    NotFound,
    ProviderError,
    RateLimited,
    Rejected,
    Snapshot,
    Status,
    Unreachable,
    Unreadable,
    Verb,
)
from providers.http import forget_sessions
from providers.registry import own_modules
from tests.providers.conftest import Route
from tests.providers.recorded import (
    INVENTED,
    KEYS,
    class_of,
    declaration,
    exchange,
    folder_of,
    holds,
    leads_to,
    put,
)

HERE = Path(__file__).parent
OPERATIONS = ("check", "list", "detail")
OPTIONAL = {"details": "several", "engine": "engine", "workflows": "workflows",
            "started": "started", "log": "log", "open_output": "open_output"}  # fmt: skip
"""Calls that an adapter may define, and where `suite.json` has their routes."""
UNKNOWN_WORD = "Zorbulating"
WHY = "The planted reason"
NONSENSE: Mapping[str, Callable[[list[str]], Any]] = {
    "no field that is known": lambda ids: {"nonsense": True},
    "an object as its id": lambda ids: {key: {} for key in ids},
    "a list as its id": lambda ids: {key: [1] for key in ids},
    "no id": dict.fromkeys,
    "a number": lambda ids: 7,
    "a text": lambda ids: "run",
    "nothing": lambda ids: None,
}


ODD_JSON: Mapping[str, str] = {
    "an integer over 64 bits": "1" * 78,
    "a decimal of many digits": "12345678901234567890.1234567890",
    "no number": "NaN",
    "no end": "-Infinity",
    "a number out of range": "1e999",
    "a key twice": '{"a": 1, "a": 2}',
    "half a character and a NUL": r'"\ud83d \u0000"',
    "nesting without end": "[" * 3000 + "]" * 3000,
}


SUITES = {key: declaration(key) for key in KEYS}
VERBS = [(key, verb) for key in KEYS for verb in sorted(SUITES[key].get("verbs", {}))]


def words_of(key: str) -> list[tuple[Any, str]]:
    """Each word, of any type or a pair of them, and our status for it."""
    known = SUITES[key].get("statuses", {})
    if isinstance(known, dict):
        return list(known.items())
    return [(each["word"], each["status"]) for each in known]


WORDS = [(key, word, status) for key in KEYS for word, status in words_of(key)]
OTHERS = [(key, call) for key in KEYS for call, name in OPTIONAL.items() if name in SUITES[key]]

every_adapter = pytest.mark.parametrize("key", KEYS)
every_verb = pytest.mark.parametrize(("key", "verb"), VERBS)


# ----------------------------------------------------------------------------------------- helpers


def secrets_of(key: str) -> list[str]:
    fields = [field for field in class_of(key).settings if field.secret]
    values = [SUITES[key]["settings"].get(field.key) or "" for field in fields]
    return [form for value in values if value for form in {value, quote(value, safe="")}]


def detail_of(key: str) -> dict[str, Any]:
    suite = SUITES[key]
    detail: dict[str, Any] = suite["details"][0] if "details" in suite else suite["detail"]
    return detail


def since_of(key: str) -> datetime:
    return datetime.fromisoformat(SUITES[key]["since"])


def perform(adapter: Adapter, key: str, operation: str) -> Any:
    if operation == "check":
        return adapter.check()
    if operation == "list":
        return list(adapter.snapshots(since_of(key)))
    return adapter.snapshot(detail_of(key)["ref"])


def prepare(adapter: Adapter, key: str, verb: str) -> Callable[[], Any]:
    """The call a worker makes; what it has to know first is read now."""
    case = SUITES[key]["verbs"][verb]
    if verb == "start":
        return lambda: adapter.start(case["workflow_ref"], case["arguments"], case["key"])
    if verb == "answer":
        question = case.get("question")
        if question is None:
            questions = adapter.snapshot(case["ref"]).questions or ()
            question = next(item.ref for item in questions if item.is_answerable)
        return lambda: adapter.answer(case["ref"], question, case["values"])
    if verb == "retry":
        return lambda: adapter.retry(case["ref"], case.get("key", "6f1d0c3e"))
    return lambda: getattr(adapter, verb)(case["ref"])


def command_of(key: str, verb: str) -> dict[str, Any]:
    """The request that acts, as keywords of `Server.count` and `Server.on`."""
    command = SUITES[key]["verbs"][verb]["command"]
    if isinstance(command, str):
        method, _, path = command.partition(" ")
        return {"method": method, "path": path}
    return dict(command)


def answer_command(server: Any, key: str, verb: str, answer: Mapping[str, Any]) -> None:
    wanted = command_of(key, verb)
    server.on(wanted.pop("method"), wanted.pop("path"), answer, **wanted)


def answers_of(key: str, route: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = route["fixture"] if isinstance(route["fixture"], list) else [route["fixture"]]
    return [exchange(key, name)["response"] for name in names]


def pointers_of(route: Mapping[str, Any]) -> list[list[str]]:
    pointers = route.get("status_at", [])
    listed = [pointers] if isinstance(pointers, str) else pointers
    return [pointer.split("/")[1:] for pointer in listed]


def play_changed(
    key: str,
    routes: list[dict[str, Any]],
    server: Any,
    change: Callable[[dict[str, Any], list[list[str]]], None],
) -> None:
    """Play the routes with each answer changed; `change` gets where its status words stand."""
    for route in reversed(routes):
        answers = answers_of(key, route)
        for answer in answers:
            change(answer, pointers_of(route))
        wanted = {name: route.get(name) for name in ("query", "json", "has")}
        server.on(route["method"], route["path"], *answers, **wanted)


def place_of_list(route: Mapping[str, Any]) -> list[str]:
    """Where inside the answer its list stands; empty where the answer is the list."""
    return next((each[: each.index("*")] for each in pointers_of(route) if "*" in each), [])


def is_bare(key: str) -> bool:
    return not any(place_of_list(route) for route in SUITES[key]["list"]["routes"])


def with_word(key: str, routes: list[dict[str, Any]], word: Any, server: Any) -> None:
    """Another status word where `status_at` points; a list of words where it points to several."""

    def change(answer: dict[str, Any], pointers: list[list[str]]) -> None:
        words = word if isinstance(word, list) else [word] * len(pointers)
        for pointer, each in zip(pointers, words, strict=bool(pointers)):
            put(answer["body"], pointer, each)

    play_changed(key, routes, server, change)


def with_record(key: str, routes: list[dict[str, Any]], record: Any, server: Any) -> None:
    """One record more in each list."""

    def change(answer: dict[str, Any], pointers: list[list[str]]) -> None:
        for pointer in pointers[:1]:
            rows = leads_to(answer["body"], pointer[: pointer.index("*")])
            if isinstance(rows, dict):
                rows["planted"] = record
            else:
                rows.insert(0, record)

    play_changed(key, routes, server, change)


def assert_sound(snapshot: Snapshot, key: str) -> None:
    """Holds for every snapshot, from a list or by ref."""
    cls = class_of(key)
    assert isinstance(snapshot.status, Status)
    assert isinstance(snapshot.native_status, str)
    assert 0 < len(snapshot.ref) <= MAX_REF
    assert snapshot.workflow.ref
    assert len(snapshot.workflow.ref) <= MAX_REF
    assert snapshot.workflow.name
    assert snapshot.progress is None or 0 <= snapshot.progress <= 100
    assert snapshot.offers <= cls.verbs()
    is_retried = Verb.RETRY in snapshot.offers
    assert not is_retried or snapshot.status.is_final, "only a run that has ended offers `retry`"
    if snapshot.status.is_final:
        assert not snapshot.offers & {Verb.CANCEL, Verb.SUSPEND, Verb.ANSWER}
    answerable = [question for question in snapshot.questions or () if question.is_answerable]
    if snapshot.questions is not None:
        assert (Verb.ANSWER in snapshot.offers) == bool(answerable)
    for items in (snapshot.steps, snapshot.questions, snapshot.outputs):
        refs = [item.ref for item in items or ()]
        assert all(0 < len(ref) <= MAX_REF for ref in refs)
        assert len(refs) == len(set(refs))
    for step in snapshot.steps or ():
        assert isinstance(step.status, Status)
        assert step.name
        json.dumps(step.output, allow_nan=False)
    said = [snapshot.input, snapshot.output, snapshot.raw]
    said += [[item.schema, item.form, item.model] for item in snapshot.questions or ()]
    json.dumps(said, allow_nan=False)
    assert not [secret for secret in secrets_of(key) if secret in repr(snapshot)]


def assert_tells_no_secret(error: ProviderError, key: str) -> None:
    told = f"{error} {error.detail} {error.__cause__ or ''}"
    assert not [secret for secret in secrets_of(key) if secret in told], told
    assert str(error).strip()


# ------------------------------------------------------------------------------------- declaration


@every_adapter
def test_it_brings_a_declaration_fixtures_and_a_test_module(key: str) -> None:
    suite = SUITES[key]
    assert suite, f"tests/providers/adapters/fixtures/{key}/suite.json is missing"
    assert {"settings", "since", "check", "list", "statuses", "verbs"} <= suite.keys()
    assert "detail" in suite or "details" in suite
    assert suite["statuses"]
    assert any("status_at" in route for route in detail_of(key)["routes"])
    assert key not in own_modules() or (HERE / "adapters" / f"test_{key}.py").exists()


@every_adapter
def test_every_fixture_says_where_it_comes_from(key: str) -> None:
    paths = [path for path in folder_of(key).glob("*.json") if path.name != "suite.json"]
    assert paths
    for path in paths:
        content = json.loads(path.read_text("utf-8"))
        assert content.get("source"), path.name
        assert re.fullmatch(r"20\d\d-\d\d(-\d\d)?", content.get("recorded", "")), path.name
        assert "response" in content or "request" in content, path.name
        assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", path.stem), f"{path.name} is no sentence"


@pytest.mark.parametrize("key", sorted({*own_modules(), *INVENTED}))
def test_every_fixture_is_used(key: str) -> None:
    """By its name, or by a beginning and an end of it: f"run_{word}" and "that_failed"."""
    folder, own = folder_of(key), HERE / "adapters" / f"test_{key}.py"
    users = [
        path for path in (folder / "suite.json", folder / "scenarios.yaml", own) if path.exists()
    ]
    text = "\n".join(path.read_text("utf-8") for path in users)
    named, begun = set(re.findall(r"\w+", text)), re.findall(r'f"(\w+_)\{', text)
    kept = {path.stem for path in folder.glob("*.json")} - {"suite"}
    used = {first + name for first in ("", *begun) for name in named}
    assert not kept - used, "use these fixtures in a scenario or a test, or delete them"


@every_adapter
def test_what_it_offers_is_covered_and_what_is_covered_it_offers(key: str) -> None:
    cls, suite = class_of(key), SUITES[key]
    assert set(suite["verbs"]) == {verb.value for verb in cls.verbs()}
    defined = {name for name in OPTIONAL if cls.can(getattr(Adapter, name))}
    assert defined == {call for call, name in OPTIONAL.items() if name in suite}
    assert cls.can(Adapter.start_fields) == cls.can(Adapter.start)
    assert set(cls.notes) <= cls.verbs()
    assert set(cls.options) <= cls.verbs() - {Verb.START, Verb.ANSWER}
    for verb, options in cls.options.items():
        assert len({option.value for option in options}) == len(options) > 1
        assert "option" in inspect.signature(getattr(cls, verb.value)).parameters


@every_adapter
def test_its_settings_are_well_formed(key: str) -> None:
    cls = class_of(key)
    assert cls.name
    assert cls.docs.startswith("https://")
    assert_fields(cls.settings)
    keys = {field.key for field in cls.settings}
    assert set(SUITES[key]["settings"]) <= keys
    missing = {field.key for field in cls.settings if field.required} - set(SUITES[key]["settings"])
    assert not missing
    assert "base_url" in keys


def assert_fields(fields: tuple[Field, ...]) -> None:
    assert len({field.key for field in fields}) == len(fields)
    for field in fields:
        assert field.key.isidentifier()
        assert field.label
        assert (field.kind == "choice") == bool(field.choices)
        values = [value for value, _ in field.choices]
        assert not field.choices or field.default in ["", *values]
        assert not (field.secret and field.default)


# ----------------------------------------------------------------------------------------- reading


@every_adapter
def test_a_check_says_whose_credentials_these_are(key: str, server, open_adapter, play) -> None:
    play(key, SUITES[key]["check"]["routes"])
    said = perform(open_adapter(key), key, "check")
    assert len(said) > 10
    assert not [secret for secret in secrets_of(key) if secret in said]
    assert not server.unexpected


@every_adapter
@pytest.mark.parametrize("is_first", [True, False])
def test_a_discovery_brings_every_run_once(
    key: str, is_first: bool, server, open_adapter, play
) -> None:
    play(key, SUITES[key]["list"]["routes"])
    found = list(open_adapter(key).snapshots(None if is_first else since_of(key)))
    assert len(found) > 1
    refs = [snapshot.ref for snapshot in found]
    assert len(refs) == len(set(refs))
    for snapshot in found:
        assert_sound(snapshot, key)
    assert len({snapshot.status for snapshot in found}) > 1
    assert len(server.requests) <= SUITES[key]["list"].get("most_requests", 10)
    assert not server.unexpected


@every_adapter
@pytest.mark.parametrize("kind", NONSENSE)
def test_a_record_that_cannot_be_read_does_not_take_the_others_with_it(
    key: str, kind: str, server, open_adapter, play
) -> None:
    routes, ids = SUITES[key]["list"]["routes"], SUITES[key]["list"]["id"]
    record = NONSENSE[kind]([ids] if isinstance(ids, str) else ids)
    play(key, routes)
    whole = {snapshot.ref for snapshot in perform(open_adapter(key), key, "list")}
    spoiled = [route for route in routes if "status_at" in route]
    with_record(key, spoiled, record, server)
    found = perform(open_adapter(key), key, "list")
    assert {item.ref for item in found if isinstance(item, Snapshot)} == whole
    assert any(isinstance(item, Unreadable) for item in found)


@every_adapter
@pytest.mark.parametrize("odd", ODD_JSON.values(), ids=ODD_JSON)
@pytest.mark.fault("B3", "B4", "B5", "B6", "B9")
def test_what_a_payload_holds_costs_no_run(key: str, odd: str, server, open_adapter, play) -> None:
    """Every answer and every record gets one more property, with a value that is hard to keep."""
    for operation in ("list", "detail"):
        routes = (detail_of(key) if operation == "detail" else SUITES[key][operation])["routes"]
        play(key, routes)
        before = perform(open_adapter(key), key, operation)
        play_changed(key, routes, server, partial(with_odd, odd))
        after = perform(open_adapter(key), key, operation)
        assert told_of(after) == told_of(before)
    exact_json.write([after.raw, after.input, after.output])


def with_odd(odd: str, answer: dict[str, Any], pointers: list[list[str]]) -> None:
    if "body" not in answer:
        return
    body = answer.pop("body")
    is_keyed = isinstance(body, dict) and any(pointer[0] == "*" for pointer in pointers)
    for each in body if isinstance(body, list) else [] if is_keyed else [body]:
        if isinstance(each, dict):
            each["planted"] = "@odd@"
    for pointer in pointers:
        put(body, [*pointer[:-1], "planted"], "@odd@")
    answer["text"] = json.dumps(body).replace('"@odd@"', odd)


def told_of(found: Any) -> list[Any]:
    runs = found if isinstance(found, list) else [found]
    return [(run.ref, run.status, run.error, run.started_at, run.finished_at) for run in runs]


@every_adapter
def test_a_second_discovery_finds_the_same_runs(key: str, open_adapter, play) -> None:
    play(key, SUITES[key]["list"]["routes"])
    memory: dict[str, Any] = {}
    first = perform(open_adapter(key, memory), key, "list")
    kept = json.loads(json.dumps(memory))
    again = perform(open_adapter(key, kept), key, "list")
    assert [item.ref for item in first] == [item.ref for item in again]


@every_adapter
def test_a_run_read_by_its_ref_is_complete_and_stable(key: str, server, open_adapter, play) -> None:
    for detail in SUITES[key].get("details") or [SUITES[key]["detail"]]:
        play(key, detail["routes"])
        snapshot = open_adapter(key).snapshot(detail["ref"])
        again = open_adapter(key).snapshot(detail["ref"])
        assert_sound(snapshot, key)
        assert snapshot.ref == detail["ref"]
        assert snapshot.steps is not None
        assert snapshot.questions is not None
        assert snapshot.outputs is not None
        assert not snapshot.needs_detail
        assert snapshot == again
    assert not server.unexpected


@every_adapter
def test_a_secret_is_in_no_address(key: str, server, open_adapter, play) -> None:
    for operation in OPERATIONS:
        play(key, (detail_of(key) if operation == "detail" else SUITES[key][operation])["routes"])
        perform(open_adapter(key), key, operation)
    asked = [f"{seen.path} {seen.query}" for seen in server.requests]
    assert asked
    assert not [line for line in asked for secret in secrets_of(key) if secret in line]


# ---------------------------------------------------------------------------------------- statuses


def spelled(word: Any, spell: Callable[[str], str]) -> Any:
    if isinstance(word, list):
        return [spelled(each, spell) for each in word]
    return spell(word) if isinstance(word, str) else word


def texts_of(word: Any) -> list[str]:
    return [each for each in (word if isinstance(word, list) else [word]) if isinstance(each, str)]


@pytest.mark.parametrize(("key", "word", "status"), WORDS)
def test_a_known_word_becomes_our_status_however_it_is_spelled(
    key: str, word: Any, status: str, server, open_adapter
) -> None:
    for spelling in (word, spelled(word, str.upper), spelled(word, str.lower)):
        with_word(key, detail_of(key)["routes"], spelling, server)
        snapshot = perform(open_adapter(key), key, "detail")
        assert snapshot.status == Status(status)
        assert all(text in snapshot.native_status for text in texts_of(spelling))
        assert_sound(snapshot, key)


UNKNOWN = [
    (key, word)
    for key in KEYS
    for word in (UNKNOWN_WORD, None, 7, {})
    if word not in [known for known, _ in words_of(key)]
]


@pytest.mark.parametrize(("key", "word"), UNKNOWN)
@pytest.mark.fault("D3")
def test_an_unknown_word_is_kept_and_becomes_unknown(
    key: str, word: Any, server, open_adapter
) -> None:
    with_word(key, detail_of(key)["routes"], word, server)
    snapshot = perform(open_adapter(key), key, "detail")
    assert snapshot.status is Status.UNKNOWN
    assert snapshot.status_reason == "unrecognized"
    assert word != UNKNOWN_WORD or UNKNOWN_WORD in snapshot.native_status
    assert_sound(snapshot, key)


@pytest.mark.parametrize(
    ("key", "word", "status"), [*WORDS, *((key, UNKNOWN_WORD, "unknown") for key in KEYS)]
)
def test_a_list_agrees_with_the_run_or_asks_for_it(
    key: str, word: Any, status: str, server, open_adapter
) -> None:
    with_word(key, SUITES[key]["list"]["routes"], word, server)
    found = perform(open_adapter(key), key, "list")
    for snapshot in found:
        assert_sound(snapshot, key)
        if (texts := texts_of(word)) and all(text in snapshot.native_status for text in texts):
            assert snapshot.status == Status(status) or snapshot.needs_detail
    assert any(snapshot.status == Status(status) or snapshot.needs_detail for snapshot in found)


# ------------------------------------------------------------------------------------------ faults


def echo(key: str, **answer: Any) -> dict[str, Any]:
    """An error body as careless providers write it: with the caller's secrets."""
    words = f"{WHY}: {' '.join(secrets_of(key))}"
    return {"body": {"message": words, "detail": words, "error": words}, **answer}


FAULTS: Mapping[str, tuple[dict[str, Any], type[ProviderError]]] = {
    "401": ({"status": 401}, AuthFailed),
    "403": ({"status": 403}, AuthFailed),
    "401 with broken JSON": ({"status": 401, "text": '{"message": '}, AuthFailed),
    "404": ({"status": 404}, NotFound),
    "404 as another shape": ({"status": 404, "text": '[{"message": {}}, 7]'}, NotFound),
    "429": ({"status": 429, "headers": {"Retry-After": "7"}}, RateLimited),
    "500": ({"status": 500}, Unreachable),
    "502 as a web page": ({"status": 502, "text": "<html>Bad gateway</html>"}, Unreachable),
    "503 with Retry-After": ({"status": 503, "headers": {"Retry-After": "7"}}, RateLimited),
    "a redirect": ({"status": 302, "headers": {"Location": "{server}/elsewhere"}}, BadResponse),
    "a web page": ({"text": "<!doctype html><title>Sign in</title>"}, BadResponse),
    "broken JSON": ({"text": '{"id": "run-1", "sta'}, BadResponse),
    "nothing": ({"text": ""}, BadResponse),
    "a closed connection": ({"fault": "close"}, Unreachable),
}
SLOW_FAULTS: Mapping[str, tuple[dict[str, Any], type[ProviderError]]] = {
    "silence": ({"fault": "silence"}, Unreachable),
    "a drip": ({"fault": "drip"}, Unreachable),
    "a drip without a length": ({"fault": "drip_until_closed"}, Unreachable),
    "far too much": ({"fault": "huge"}, BadResponse),
}


def fail(key: str, operation: str, answer: dict[str, Any], server, open_adapter) -> ProviderError:
    is_plain = not {"text", "fault"} & answer.keys()
    server.fault = echo(key, **answer) if is_plain else answer
    with pytest.raises(ProviderError) as caught:
        perform(open_adapter(key), key, operation)
    return caught.value


@every_adapter
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_becomes_the_error_that_says_what_to_do(
    key: str, operation: str, fault: str, server, open_adapter
) -> None:
    answer, expected = FAULTS[fault]
    error = fail(key, operation, answer, server, open_adapter)
    assert isinstance(error, expected)
    assert_tells_no_secret(error, key)
    assert not [seen for seen in server.requests if seen.path == "/elsewhere"]
    assert not isinstance(error, RateLimited) or error.retry_after == 7


@every_adapter
@pytest.mark.parametrize("fault", SLOW_FAULTS)
@pytest.mark.fault("N3", "N4", "B1")
def test_a_slow_or_endless_answer_ends_in_time(key: str, fault: str, server, open_adapter) -> None:
    answer, expected = SLOW_FAULTS[fault]
    assert isinstance(fail(key, "list", answer, server, open_adapter), expected)


SHAPES: list[Any] = [{}, 42, "run", None]
ENVELOPES = [
    (key, shape)
    for key in KEYS
    for shape in SHAPES
    if any(place_of_list(route) for route in SUITES[key]["list"]["routes"])
    and shape != SUITES[key]["list"].get("empty")
]


@every_adapter
@pytest.mark.parametrize("body", SHAPES)
@pytest.mark.fault("H13")
def test_an_answer_of_another_shape_is_never_an_empty_list(
    key: str, body: Any, server, open_adapter
) -> None:
    is_empty = is_bare(key) and body == SUITES[key]["list"].get("empty", "no answer")
    for operation in ["detail"] if is_empty else ["list", "detail"]:
        error = fail(key, operation, {"status": 200, "body": body}, server, open_adapter)
        assert isinstance(error, BadResponse)


@pytest.mark.parametrize(("key", "shape"), ENVELOPES)
@pytest.mark.fault("H13")
def test_another_shape_inside_an_envelope_is_never_an_empty_list(
    key: str, shape: Any, server, open_adapter
) -> None:
    def change(answer: dict[str, Any], pointers: list[list[str]]) -> None:
        for pointer in pointers:
            if place := pointer[: pointer.index("*")]:
                put(answer["body"], place, shape)

    play_changed(key, SUITES[key]["list"]["routes"], server, change)
    with pytest.raises(BadResponse):
        perform(open_adapter(key), key, "list")


@every_adapter
@pytest.mark.fault("N1")
def test_a_refused_connection_says_that_nothing_was_sent(key: str, server, open_adapter) -> None:
    adapter = open_adapter(key)
    server.stop()
    for operation in OPERATIONS:
        with pytest.raises(Unreachable) as caught:
            perform(adapter, key, operation)
        assert not caught.value.was_sent


# ---------------------------------------------------------------------------------------- commands


@every_verb
def test_a_command_is_sent_once(key: str, verb: str, server, open_adapter, play) -> None:
    case, command = SUITES[key]["verbs"][verb], command_of(key, verb)
    play(key, case["routes"])
    answer = prepare(open_adapter(key), key, verb)()
    assert server.count(**command) == 1
    assert not server.unexpected
    assert verb not in ("start", "retry") or answer == case.get("new_ref", case.get("ref"))
    acts = [route for route in case["routes"] if command.items() <= route.items()]
    assert acts, "no route answers the command"
    sent = next(seen for seen in server.requests if Route(answers=[], **command).fits(seen))
    for route in acts:
        assert_sent(sent, exchange(key, route["fixture"]).get("request", {}))


def assert_sent(sent: Any, expected: dict[str, Any]) -> None:
    """`text` or `body` is the whole of it; `holds` is what matters of it."""
    if "text" in expected:
        assert sent.text == expected["text"]
    elif "body" in expected:
        assert sent.json == expected["body"]
    elif "holds" in expected:
        assert holds(sent.json, expected["holds"])


@every_verb
@pytest.mark.fault("N1", "N10")
def test_a_command_whose_answer_is_lost_is_not_repeated(
    key: str, verb: str, server, open_adapter, play
) -> None:
    play(key, SUITES[key]["verbs"][verb]["routes"])
    act = prepare(open_adapter(key), key, verb)
    answer_command(server, key, verb, {"fault": "close"})
    with pytest.raises(Unreachable) as caught:
        act()
    assert caught.value.was_sent
    assert server.count(**command_of(key, verb)) == 1


@every_verb
@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, AuthFailed),
        (403, AuthFailed),
        (409, Rejected),
        (422, Rejected),
        (429, RateLimited),
        (500, Unreachable),
    ],
)
@pytest.mark.fault("H4")
def test_a_refused_command_is_sent_once_and_says_why(
    key: str, verb: str, status: int, expected: type[ProviderError], server, open_adapter, play
) -> None:
    forget_sessions()
    play(key, SUITES[key]["verbs"][verb]["routes"])
    act = prepare(open_adapter(key), key, verb)
    answer_command(server, key, verb, echo(key, status=status))
    with pytest.raises(expected) as caught:
        act()
    assert server.count(**command_of(key, verb)) == (2 if may_renew(key, status) else 1)
    assert WHY in str(caught.value)
    assert_tells_no_secret(caught.value, key)


REFUSALS = {400, 401, 402, 403, 404, 405, 409, 410, 411, 412, 413, 414, 415, 422, 423, 426, 428}
REFUSALS |= {431, 451}
ANSWERS: Mapping[str, dict[str, Any]] = {
    **{str(status): {"status": status} for status in (*range(200, 209), *range(300, 309))},
    **{str(status): {"status": status} for status in (*range(400, 432), 451, 499)},
    **{str(status): {"status": status} for status in (*range(500, 512), 520, 599)},
    **{str(status): {"status": status, "text": ""} for status in (204, 304)},  # without a body
    "503 with Retry-After": {"status": 503, "headers": {"Retry-After": "1"}},
    "a redirect": {"status": 303, "headers": {"Location": "{server}/elsewhere"}},
    "a web page": {"text": "<!doctype html><title>Sign in</title>"},
    "broken JSON": {"text": '{"id": "run-1", "sta'},
    "nothing": {"text": ""},
    "no object": {"body": 7},
    "an empty object": {"body": {}},
    "a closed connection": {"fault": "close"},
    "a cut answer": {"fault": "cut"},
}
SLOW_ANSWERS = {"silence": {"fault": "silence"}, "a drip": {"fault": "drip"}}


def may_renew(key: str, status: int) -> bool:
    """Whether the answer may mean that a session is over: one new login and one more request, since
    what was refused was not carried out."""
    return "login" in SUITES[key] and status in (401, 403)


def outcome(act: Callable[[], Any]) -> ProviderError | None:
    """The error that a command ends with, None where the provider took it."""
    try:
        act()
    except ProviderError as error:
        return error
    return None


@every_verb
@pytest.mark.parametrize("answers", [ANSWERS, SLOW_ANSWERS], ids=["quick", "slow"])
@pytest.mark.fault("H10", "H14")
def test_what_may_have_been_carried_out_is_never_called_refused(
    key: str, verb: str, answers: Mapping[str, dict[str, Any]], server, open_adapter, play
) -> None:
    """The provider carries the command out and answers so: only HTTP's own refusals, and what the
    adapter declares, may say that nothing was done."""
    play(key, SUITES[key]["verbs"][verb]["routes"])
    wrong = []
    for name, answer in answers.items():
        adapter = open_adapter(key)
        act = prepare(adapter, key, verb)
        is_plain = not {"text", "fault", "body"} & answer.keys()
        answer_command(server, key, verb, echo(key, **answer) if is_plain else answer)
        before = server.count(**command_of(key, verb))
        error, status = outcome(act), answer.get("status", 200)
        proves = status in REFUSALS | adapter.not_carried_out
        is_judged = isinstance(error, Rejected) and status < 300
        if error is None:
            is_right = status < 300
        else:
            is_right = adapter.http.may_have_acted(error) is not (proves or is_judged)
        times = server.count(**command_of(key, verb)) - before
        is_again = (verb == "answer" and status == 404) or may_renew(key, status)
        if not is_right or times not in ((1, 2) if is_again else (1,)):
            wrong.append((name, repr(error), times))
    assert wrong == []


@every_verb
@pytest.mark.fault("N1")
def test_a_command_that_never_left_is_not_in_doubt(
    key: str, verb: str, server, open_adapter, play
) -> None:
    play(key, SUITES[key]["verbs"][verb]["routes"])
    adapter = open_adapter(key)
    act = prepare(adapter, key, verb)
    server.stop()
    with pytest.raises(Unreachable) as caught:
        act()
    assert not adapter.http.may_have_acted(caught.value)


@every_adapter
def test_what_it_declares_of_repeating_fits_what_it_offers(key: str) -> None:
    cls = class_of(key)
    assert cls.repeatable <= cls.verbs() - {Verb.START}
    assert not cls.not_carried_out & {*range(200, 400), *range(500, 600)}


@pytest.mark.parametrize("key", [key for key, verb in VERBS if verb == "start"])
def test_a_start_says_what_it_asks_for(key: str, open_adapter, play) -> None:
    case = SUITES[key]["verbs"]["start"]
    play(key, case["routes"])
    assert_fields(open_adapter(key).start_fields(case["workflow_ref"]))


# ------------------------------------------------------------------------------------------ others


@pytest.mark.parametrize(("key", "name"), OTHERS)
def test_what_else_it_offers_works(key: str, name: str, server, open_adapter, play) -> None:
    case = SUITES[key][OPTIONAL[name]]
    play(key, case["routes"])
    OTHER_CHECKS[name](open_adapter(key), case)
    assert not server.unexpected


def reads_several_runs(adapter: Adapter, case: dict[str, Any]) -> None:
    found = list(adapter.details(case["refs"]))
    assert {each.ref for each in found} == set(case["refs"])
    for each in found:
        assert isinstance(each, Snapshot)
        assert None not in (each.steps, each.questions, each.outputs)


def tells_how_the_engine_is(adapter: Adapter, case: dict[str, Any]) -> None:
    found = list(adapter.engine())
    assert found
    assert len({each.name for each in found}) == len(found)


def lists_workflows(adapter: Adapter, case: dict[str, Any]) -> None:
    refs = [workflow.ref for workflow in adapter.workflows()]
    assert refs
    assert len(refs) == len(set(refs))


def finds_a_started_run(adapter: Adapter, case: dict[str, Any]) -> None:
    assert adapter.started(case["workflow_ref"], case["key"]) == case["new_ref"]
    assert adapter.started(case["workflow_ref"], "a-key-that-nobody-used") is None


def reads_a_log(adapter: Adapter, case: dict[str, Any]) -> None:
    chunk = adapter.log(case["ref"], "")
    assert isinstance(chunk, LogChunk)
    assert chunk.lines
    assert isinstance(chunk.next_cursor, str)


def opens_an_output(adapter: Adapter, case: dict[str, Any]) -> None:
    download = adapter.open_output(case["ref"], case["output_ref"])
    content = b"".join(download.chunks)
    assert content.startswith(case["starts_with"].encode())
    assert download.name
    assert download.size in (None, len(content))


OTHER_CHECKS: Mapping[str, Callable[[Adapter, dict[str, Any]], None]] = {
    "details": reads_several_runs,
    "engine": tells_how_the_engine_is,
    "workflows": lists_workflows,
    "started": finds_a_started_run,
    "log": reads_a_log,
    "open_output": opens_an_output,
}

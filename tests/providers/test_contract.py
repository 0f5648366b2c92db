"""What no adapter can hand over, whatever its provider sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from providers import contract
from providers.contract import Snapshot, Status
from providers.exact_json import Exact

WORKFLOW = contract.Workflow(ref="w1", name="Nightly import")


def run(**given: Any) -> Snapshot:
    needed = {"ref": "r1", "workflow": WORKFLOW, "native_status": "run"}
    return Snapshot(status=Status.RUNNING, **{**needed, **given})


def step(**given: Any) -> contract.Step:
    needed = {"ref": "1", "name": "Read", "native_status": "run"}
    return contract.Step(status=Status.RUNNING, **{**needed, **given})


@pytest.mark.parametrize("value", [7.5, None, True, {"text": "Import"}, ["Import"]])
@pytest.mark.parametrize(
    "make",
    [
        lambda value: run(ref=value),
        lambda value: contract.Workflow(ref=value, name="Import"),
        lambda value: step(ref=value),
        lambda value: contract.Question(ref=value, kind="form"),
        lambda value: contract.Output(ref=value, name="report.pdf"),
    ],
)
def test_what_is_no_identifier_is_refused(make: Callable[[Any], Any], value: Any) -> None:
    with pytest.raises(TypeError, match="is no text but"):
        make(value)


NAMED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda name: run(name=name).name, ""),
    (lambda name: contract.Workflow(ref="w1", name=name).name, "w1"),
    (lambda name: step(name=name).name, "1"),
    (lambda name: step(path=(name,)).path[0], "(no name)"),
    (lambda name: contract.Output(ref="o1", name=name).name, "o1"),
    (lambda name: contract.Question(ref="q1", kind="form", title=name).title, ""),
    (lambda name: contract.Choice(value="yes", label=name).label, "yes"),
]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [(7, "7"), (Exact("1.10"), "1.10"), (True, "true"), ({"en": "Import"}, '{"en": "Import"}')],
)
def test_a_name_that_is_no_text_is_told_as_one(sent: Any, kept: str) -> None:
    assert {name_of(sent) for name_of, _ in NAMED} == {kept}


@pytest.mark.parametrize(
    "nothing",
    [
        None, "", "  ", "\t\n", "\u00a0\u2003", "\u200b", "\u200e\u202e", "\u3164", "\uffa0\u115f",
        "\u0301\u0308", "\ufeff", "\u2060\u00ad", "\ufe0f", "\u2800", "\U000e0041", "\x00\x1b",
    ],
)  # fmt: skip
def test_a_name_that_shows_nothing_is_no_name(nothing: Any) -> None:
    for name_of, otherwise in NAMED:
        assert name_of(nothing) == otherwise


@pytest.mark.parametrize("name", ["a", " 1 ", "é", "e\u0301", "नमस्ते", "-", "…", "\u200b.", "🙂"])
def test_a_name_that_shows_something_stays_as_it_is(name: str) -> None:
    assert {name_of(name) for name_of, _ in NAMED} == {name}

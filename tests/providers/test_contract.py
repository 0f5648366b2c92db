"""What no adapter can hand over, whatever its provider sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from providers import contract
from providers.contract import Snapshot, Status

WORKFLOW = contract.Workflow(ref="w1", name="Nightly import")


def run(**given: Any) -> Snapshot:
    needed = {"ref": "r1", "workflow": WORKFLOW, "native_status": "run"}
    return Snapshot(status=Status.RUNNING, **{**needed, **given})


def step(**given: Any) -> contract.Step:
    needed = {"ref": "1", "name": "Read", "native_status": "run"}
    return contract.Step(status=Status.RUNNING, **{**needed, **given})


@pytest.mark.parametrize("value", [7, None, {"text": "Import"}, ["Import"]])
@pytest.mark.parametrize(
    "make",
    [
        lambda value: run(ref=value or 7),
        lambda value: run(name=value),
        lambda value: run(message=value),
        lambda value: run(error=value),
        lambda value: contract.Workflow(ref="w1", name=value),
        lambda value: contract.Workflow(ref=value, name="Import"),
        lambda value: step(ref=value),
        lambda value: step(name=value),
        lambda value: step(error=value),
        lambda value: contract.Question(ref="q1", kind="form", title=value),
        lambda value: contract.Output(ref="o1", name=value),
        lambda value: contract.LogLine(text=value),
    ],
)
def test_what_is_no_text_is_refused_where_a_text_belongs(
    make: Callable[[Any], Any], value: Any
) -> None:
    with pytest.raises(TypeError, match="is no text but"):
        make(value)

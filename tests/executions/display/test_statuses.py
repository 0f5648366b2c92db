"""A status is defined in one place: one that lacks anything stops the program, by name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from executions.display.statuses import STATUS_VIEWS, WORST_FIRST
from providers import contract
from providers.contract import Status

SOURCE = Path(contract.__file__).read_text("utf-8")
LAST = '    UNKNOWN = (\n        "unknown"'
COMPLETE = '    LOST = "lost", Phase.ENDED, Lamp.FAILED, "Nobody knows where it went."\n'
IMPORTED = """
import sys
from types import ModuleType
module = ModuleType("providers.contract")
sys.modules["providers.contract"] = module
exec(sys.stdin.read(), module.__dict__)
import executions.display.statuses
"""


def imported_with(line: str) -> str:
    """The complaint of a program whose contract has this status too."""
    assert LAST in SOURCE
    source = SOURCE.replace(LAST, f"{line}{LAST}")
    return subprocess.run(
        [sys.executable, "-c", IMPORTED],
        input=source,
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(contract.__file__).parents[1],
    ).stderr


def test_the_statuses_of_today_are_complete() -> None:
    assert imported_with("") == ""


@pytest.mark.parametrize(
    "line", ['    LOST = "lost"\n', '    LOST = "lost", Phase.ENDED, Lamp.FAILED\n']
)
def test_a_status_without_phase_lamp_or_meaning_is_refused(line: str) -> None:
    assert "ValueError: not enough values to unpack" in imported_with(line)


def test_a_status_that_pages_cannot_show_is_refused_by_its_name() -> None:
    assert "KeyError: <Status.LOST: 'lost'>" in imported_with(COMPLETE)


def test_every_status_is_shown_and_ranked() -> None:
    assert list(STATUS_VIEWS) == [status.value for status in Status]
    assert sorted(WORST_FIRST) == sorted(STATUS_VIEWS)
    assert all(view.word and view.icon and view.advice for view in STATUS_VIEWS.values())

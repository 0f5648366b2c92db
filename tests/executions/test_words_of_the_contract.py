"""A status and a verb are said in one place each: one that lacks anything stops the program, by
name."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.urls import reverse

from executions.access.audit_log import Action
from executions.commands.verbs import RUN_VERBS, VERBS
from executions.display.statuses import STATUS_VIEWS, WORST_FIRST
from executions.models import BATCH_KINDS
from providers import contract
from providers.contract import Status, Verb

SOURCE = Path(contract.__file__).read_text("utf-8")
LAST_STATUS = '    UNKNOWN = (\n        "unknown"'
LAST_VERB = '    START = "start"'
LOST = '    LOST = "lost", Phase.ENDED, Lamp.FAILED, "Nobody knows where it went."\n'
IMPORTED = """
import sys
from types import ModuleType
module = ModuleType("providers.contract")
sys.modules["providers.contract"] = module
exec(sys.stdin.read(), module.__dict__)
import django
django.setup()
import executions.commands.verbs, executions.display.statuses
"""


def complaint(line: str, before: str) -> str:
    """Of a program whose contract has this line too."""
    assert before in SOURCE
    return subprocess.run(
        [sys.executable, "-c", IMPORTED],
        input=SOURCE.replace(before, f"{line}{before}"),
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(contract.__file__).parents[1],
    ).stderr


@pytest.mark.parametrize(
    "line", ['    LOST = "lost"\n', '    LOST = "lost", Phase.ENDED, Lamp.FAILED\n']
)
def test_a_status_without_phase_lamp_or_meaning_is_refused(line: str) -> None:
    assert "ValueError: not enough values to unpack" in complaint(line, LAST_STATUS)


def test_a_status_that_pages_cannot_show_is_refused_by_its_name() -> None:
    assert "KeyError: <Status.LOST: 'lost'>" in complaint(LOST, LAST_STATUS)


def test_a_verb_without_words_is_refused_by_its_name() -> None:
    line = '    RESTART = "restart"\n'
    assert "KeyError: <Verb.RESTART: 'restart'>" in complaint(line, LAST_VERB)


def test_every_status_is_shown_and_ranked() -> None:
    assert list(STATUS_VIEWS) == [status.value for status in Status]
    assert sorted(WORST_FIRST) == sorted(STATUS_VIEWS)
    assert all(view.word and view.icon and view.advice for view in STATUS_VIEWS.values())


def test_every_verb_has_its_words_and_a_word_of_the_audit_log() -> None:
    assert list(VERBS) == [verb.value for verb in Verb]
    assert {Action(verb) for verb in VERBS} <= set(Action)


def test_every_verb_of_a_run_has_an_address_and_a_word_of_the_audit_log_for_many() -> None:
    assert list(RUN_VERBS) == [kind.value for kind in BATCH_KINDS]
    for word, view in RUN_VERBS.items():
        path = f"/executions/7/{view.noun}/"
        assert reverse(f"executions:{view.noun}", args=[7]) == path
        assert Action(f"batch {word}") in Action


def test_no_statement_lists_the_statuses_of_a_kind_itself() -> None:
    """`sql_sections.STATUSES` fills them in, from the contract."""
    kinds = {
        frozenset(status.value for status in Status if is_of_kind(status))
        for is_of_kind in (
            lambda status: status.is_final,
            lambda status: status.is_problem,
            lambda status: not status.is_final,
            lambda status: not status.is_final and status is not Status.UNKNOWN,
        )
    }
    listed = re.compile(r"IN\s*\(((?:\s*'\w+'\s*,?)+)\)")
    by_hand = {
        f"{path.name}: {found[1]}"
        for path in (Path(contract.__file__).parents[1] / "executions").rglob("*.sql")
        for found in listed.finditer(path.read_text("utf-8"))
        if frozenset(re.findall(r"\w+", found[1])) in kinds
    }
    assert not by_hand

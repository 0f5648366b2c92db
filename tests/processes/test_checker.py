"""The checker of the chaos test is not blind: every planted loss and double is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.processes.checker import (
    History,
    Move,
    Sent,
    Span,
    Stage,
    command_problems,
    history_problems,
)

START = datetime(2026, 11, 22, 8, tzinfo=UTC)
WORDS = ("Queued", "Running", "UserInput", "Running", "Success")


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def good_history() -> History:
    """A stage every ten seconds, polled every two, stored half a second after it was seen."""
    stages = [Stage(word, at(10 * place)) for place, word in enumerate(WORDS)]
    names = ["", *(word.lower() for word in WORDS)]
    moves = [
        Move(place + 1, names[place], names[place + 1], word, at(10 * place + 1.5))
        for place, word in enumerate(WORDS)
    ]
    polls = [Span(at(n + 0.6), at(n + 1.9)) for n in range(0, 60, 2)]
    return History("run-1", stages, moves, polls)


def test_a_good_history_has_no_problems() -> None:
    assert history_problems(good_history()) == []


def test_a_stage_that_no_poll_saw_may_be_missing() -> None:
    history = good_history()
    history.polls = [span for span in history.polls if not at(9) < span.end < at(21)]
    del history.moves[1]
    history.moves[1] = replace(history.moves[1], old="queued")
    assert history_problems(history) == []


def lose(history: History) -> None:
    del history.moves[2]


def lose_without_a_gap(history: History) -> None:
    del history.moves[1]
    history.moves[1] = replace(history.moves[1], old="queued")


def double(history: History) -> None:
    history.moves.insert(2, history.moves[1])


def go_back(history: History) -> None:
    last = history.moves[-1]
    back = Move(6, last.new, "userinput", "UserInput", at(42))
    history.moves += [back, Move(7, "userinput", last.new, last.word, at(44))]


def swap(history: History) -> None:
    one, two = history.moves[1:3]
    history.moves[1:3] = [replace(two, old=one.old), replace(one, old=two.new)]


def be_early(history: History) -> None:
    history.moves[2] = replace(history.moves[2], at=at(11.8))


def lose_the_end(history: History) -> None:
    history.moves.pop()


def lose_all(history: History) -> None:
    history.moves.clear()


@pytest.mark.parametrize(
    "plant",
    [lose, lose_without_a_gap, double, go_back, swap, be_early, lose_the_end, lose_all],
)
def test_a_planted_fault_in_the_history_is_found(plant: Callable[[History], None]) -> None:
    history = good_history()
    plant(history)
    assert history_problems(history) != []


COMMANDS = [
    Sent("cancel", "a", "confirmed", "The run is canceled."),
    Sent("answer", "b", "confirmed", ""),
    Sent("answer", "b", "confirmed", ""),
    Sent("cancel", "c", "rejected", "It had ended."),
    Sent("start", "7", "needs_person", "Look there."),
]
EFFECTS = Counter({("cancel", "a"): 1, ("answer", "b"): 2, ("start", "7"): 1})


def test_commands_carried_out_as_they_say_have_no_problems() -> None:
    assert command_problems(COMMANDS, EFFECTS) == []
    assert command_problems(COMMANDS, EFFECTS - Counter({("start", "7"): 1})) == []


@pytest.mark.parametrize(
    "planted",
    [
        {("cancel", "a"): 2},  # doubled
        {("cancel", "a"): 0},  # lost, yet confirmed
        {("answer", "b"): 1},  # one of two lost
        {("cancel", "c"): 1},  # carried out, yet rejected
        {("start", "7"): 2},  # doubled, and nobody knows
        {("cancel", "nobody"): 1},  # nobody asked for it
    ],
)
def test_a_planted_loss_or_double_of_a_command_is_found(
    planted: dict[tuple[str, str], int],
) -> None:
    tampered = Counter(EFFECTS)
    tampered.update({key: count - EFFECTS[key] for key, count in planted.items()})
    assert len(command_problems(COMMANDS, tampered)) == 1


@pytest.mark.parametrize("state", ["pending", "sending", "accepted", "unknown"])
def test_a_command_that_is_stuck_is_found(state: str) -> None:
    stuck = [*COMMANDS, Sent("resume", "d", state, "")]
    assert any("stuck" in problem for problem in command_problems(stuck, EFFECTS))


def test_a_refusal_without_a_reason_is_found() -> None:
    mute = [*COMMANDS, Sent("resume", "d", "rejected", "")]
    assert any("reason" in problem for problem in command_problems(mute, EFFECTS))

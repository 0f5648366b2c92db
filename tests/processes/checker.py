"""Compares what is stored with what the simulators know really happened.

Every function returns sentences, one per thing that is wrong; an empty list says that nothing was
lost, doubled or put out of order. `test_checker.py` plants each kind of fault and sees it found.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

# Native words that are one status of ours: Generio works in three of its states.
SAME = {"generio": {"starting": "running", "aborting": "running"}}


@dataclass(frozen=True)
class Stage:
    """A status that the provider was in, from that moment on."""

    word: str
    at: datetime


@dataclass(frozen=True)
class Move:
    """A row of the transition table."""

    version: int
    old: str
    new: str
    word: str
    at: datetime


@dataclass(frozen=True)
class Span:
    """A poll that ended well and left nothing over."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Sent:
    """A command as it was settled. `mark` names its effect: a run, or the values of a start."""

    kind: str
    mark: str
    state: str
    message: str


@dataclass
class History:
    """One run: what happened, what was stored, and the polls that could have seen it."""

    ref: str
    stages: list[Stage]
    moves: list[Move]
    polls: list[Span] = field(default_factory=list)


def stages_of(provider: str, changes: Iterable[dict[str, str]]) -> list[Stage]:
    """The script of a run, neighbours that are one status of ours drawn together."""
    stages: list[Stage] = []
    for change in changes:
        word = SAME.get(provider, {}).get(change["status"], change["status"])
        if not stages or stages[-1].word != word:
            stages.append(Stage(word, datetime.fromisoformat(change["at"])))
    return stages


def history_problems(history: History) -> list[str]:
    if not history.moves:
        seen = any(span.start >= history.stages[0].at for span in history.polls)
        return [f"{history.ref}: never stored"] if seen or not history.polls else []
    found = [*_broken_chain(history), *_out_of_order(history), *_unseen(history)]
    if history.moves[-1].word != history.stages[-1].word:
        found.append(f"ends as {history.moves[-1].word}, truly {history.stages[-1].word}")
    return [f"{history.ref}: {problem}" for problem in found]


def _broken_chain(history: History) -> Iterable[str]:
    """Each row begins where the one before ended, and changes something."""
    before = Move(0, "", "", "", history.moves[0].at)
    for move in history.moves:
        if move.version <= before.version:
            yield f"version {move.version} after {before.version}"
        if move.old != before.new:
            yield f"version {move.version} leaves {move.old or '-'}, it was {before.new or '-'}"
        if move.new == move.old:
            yield f"version {move.version} stores {move.new} twice"
        before = move


def _out_of_order(history: History) -> Iterable[str]:
    """Every row tells of a later stage than the row before, none before it happened."""
    place = -1
    for move in history.moves:
        if not move.word:
            continue  # no poll saw it: the provider's own times tell that it was so in between
        if place >= 0 and history.stages[place].word == move.word:
            continue  # the same word told more closely: a run that waits, an end explained
        later = range(place + 1, len(history.stages))
        fits = (n for n in later if history.stages[n].word == move.word)
        place = next((n for n in fits if history.stages[n].at <= move.at), len(history.stages))
        if place == len(history.stages):
            yield f"{move.word} (version {move.version}) is doubled, early or out of order"
            return


def _unseen(history: History) -> Iterable[str]:
    """A poll that ran while the run stood still must have left that status stored."""
    ends: list[datetime | None] = [*(stage.at for stage in history.stages[1:]), None]
    for stage, end in zip(history.stages, ends, strict=True):
        for span in history.polls:
            if span.start < stage.at or (end is not None and span.end >= end):
                continue
            known = [move.word for move in history.moves if move.word and move.at <= span.end]
            if not known or known[-1] != stage.word:
                yield f"{stage.word} was there to be seen at {span.start:%H:%M:%S.%f}, not stored"
                break


def command_problems(commands: Sequence[Sent], effects: Counter[tuple[str, str]]) -> list[str]:
    """Confirmed: carried out exactly once. Rejected: not at all. Nobody knows: at most once."""
    problems = [
        f"{each.kind} {each.mark}: stuck as {each.state} ({each.message})"
        for each in commands
        if each.state not in ("confirmed", "rejected", "needs_person")
    ]
    problems += [
        f"{each.kind} {each.mark}: {each.state} without a reason"
        for each in commands
        if each.state in ("rejected", "needs_person") and not each.message
    ]
    states = Counter((each.kind, each.mark, each.state) for each in commands)
    wished = {(each.kind, each.mark) for each in commands}
    for kind, mark in sorted(wished | set(effects)):
        least = states[kind, mark, "confirmed"]
        most = least + states[kind, mark, "needs_person"]
        done = effects[kind, mark]
        if not least <= done <= most:
            words = f"carried out {done} times, expected {least}"
            problems.append(f"{kind} {mark}: {words}" + (f" to {most}" if most > least else ""))
    return problems


# ------------------------------------------------------------- effects in each simulator's words

KINDS: dict[str, dict[str, str]] = {
    "smartflows": {"cancel": "cancel", "answer": "answer", "erased": "erased"},
    "eightx8": {"terminate": "cancel", "suspend": "suspend", "resume": "resume"},
    "generio": {"cancel": "cancel", "begin": "resume", "erased": "erased"},
    "flow8": {"approve": "answer", "decline": "answer"},
}


def effects_of(provider: str, effects: dict[str, list[Any]]) -> Counter[tuple[str, str]]:
    """What was carried out, by our verb and mark. An `erased` run was never asked for."""
    done: Counter[tuple[str, str]] = Counter()
    for native, kind in KINDS[provider].items():
        for what in effects.get(native, []):
            done[kind, str(what["ref"] if isinstance(what, dict) else what)] += 1
    for what in effects.get("start", []):
        done["start", _mark(what)] += 1
    return done


def _mark(started: dict[str, Any]) -> str:
    """The number that the test gave a start, wherever the provider keeps a start's values."""
    values = started.get("values") or started.get("body") or started.get("parameters")
    if isinstance(values, dict):
        return str(values.get("mark"))
    return str(values).removeprefix("<mark>").removesuffix("</mark>")

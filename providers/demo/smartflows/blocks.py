"""What a simulated Smart Flows run does: blocks, zones and iterations, and how a report shows them.

The report follows the execution details of the vendor's client guide: a zone holds blocks, a block
is a step, a condition, a switch or a try (read November 2026).
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.demo.simulator import Stage
from providers.demo.smartflows.forms import FormMaker

WAITS = ("UserInput", "Waiting", "SelectFlow")


@dataclass
class Leaf:
    """One step. `during` is the status of the run while the step works."""

    name: str
    seconds: float = 2.0
    during: str = "Running"
    fate: str = "Output"  # the step's status when it ends; Skipped: never begins
    text: str = ""  # the error, if that is its fate
    form: FormMaker | None = None
    makes: tuple[tuple[str, str, str], ...] = ()  # documents: property, display name, ending
    id: str = ""
    start: datetime | None = None
    end: datetime | None = None
    status: str | None = None

    def begin(self, at: datetime) -> None:
        self.start = at

    def finish(self, at: datetime) -> None:
        self.end, self.status = at, self.fate


@dataclass
class Branch:
    """A block without a status of its own: `kind` is condition, switch or try."""

    kind: str
    name: str
    body: list["Leaf | Branch"]
    result: Any = None  # of the condition, or the case of the switch
    catch: list["Leaf | Branch"] = field(default_factory=list)
    error: str = ""
    id: str = ""


Block = Leaf | Branch


@dataclass
class Iteration:
    """The part of a run that covers one record."""

    id: str
    name: str
    blocks: list[Block]


@dataclass(frozen=True)
class Working(Stage):
    """The stage of a run in which one step works."""

    leaf: Leaf | None = None


def leaves(blocks: Sequence[Block]) -> Iterator[Leaf]:
    for block in blocks:
        if isinstance(block, Leaf):
            yield block
        else:
            yield from leaves(block.body)
            yield from leaves(block.catch)


def stages(steps: Sequence[Leaf]) -> list[Stage]:
    return [
        Working(leaf.during, leaf.seconds, waits=leaf.during in WAITS, leaf=leaf)
        for leaf in steps
        if leaf.fate != "Skipped"
    ]


def give_ids(blocks: Sequence[Block], chance: random.Random) -> None:
    for block in blocks:
        block.id = f"b{chance.getrandbits(32):08x}"
        if isinstance(block, Branch):
            give_ids(block.body, chance)
            give_ids(block.catch, chance)


def show_zones(blocks: Sequence[Block], zone: str) -> list[dict[str, Any]]:
    return [{"id": zone, "blocks": [show_block(block, zone) for block in blocks]}]


def show_block(block: Block, zone: str) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": block.id, "displayName": block.name}
    if isinstance(block, Leaf):
        return {**shown, "step": show_step(block)}
    body = show_zones(block.body, f"{zone}.{block.id}")
    if block.kind == "condition":
        return {**shown, "condition": {"result": block.result, "body": body}}
    if block.kind == "switch":
        return {**shown, "switch": {"caseValue": block.result, "caseBody": body}}
    attempt: dict[str, Any] = {"bodyTry": body}
    if any(leaf.status == "Error" for leaf in leaves(block.body)):
        attempt["error"] = block.error
        attempt["bodyCatch"] = show_zones(block.catch, f"{zone}.{block.id}.catch")
    return {**shown, "try": attempt}


def show_step(leaf: Leaf) -> dict[str, Any]:
    """Waiting steps say what they wait for; others have a status only when they have ended."""
    shown: dict[str, Any] = {"input": {"block": leaf.name}} if leaf.start else {}
    if leaf.start:
        shown["start"] = stamp(leaf.start)
    if leaf.end:
        shown["end"] = stamp(leaf.end)
        shown["output"] = {"message": leaf.text} if leaf.text else {"ok": leaf.fate == "Output"}
    status = leaf.status
    if status is None and leaf.start and leaf.during in ("UserInput", "Waiting"):
        status = leaf.during
    if leaf.fate == "Skipped":
        status = "Skipped"
    if status:
        shown["status"] = status
    return shown


def stamp(at: datetime) -> str:
    """`2024-05-06T08:14:03.512Z`, the format of the guide's examples."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"

"""One simulated Smart Flows execution, and the JSON in which the API shows it.

Progress after the vendor's page on monitoring (seed); rows, details and reports after its generated
client (read November 2026).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.demo.simulator import Run, Stage, World
from providers.demo.smartflows.blocks import (
    Block,
    Branch,
    Iteration,
    Leaf,
    Working,
    give_ids,
    leaves,
    show_zones,
    stages,
    stamp,
)
from providers.demo.smartflows.forms import Form
from providers.demo.smartflows.made_documents import Document

REMOVED = "<removed>"  # the value of an oddity that takes a field away
ENDED = ("Success", "Warning", "Error", "Interrupted", "Canceled")
CUT_OFF = ("Interrupted", "Canceled")  # the step at work never reports an end


@dataclass(frozen=True)
class Flow:
    id: str
    name: str
    description: str = ""
    input: str = "none"  # plugin, user or none
    type: str = "simple"

    def reference(self) -> dict[str, str]:
        return {"id": self.id, "displayName": self.name, "type": "flow"}

    def show(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "displayName": self.name,
            "description": self.description,
            "type": self.type,
            "input": {"type": self.input},
        }


@dataclass
class Recipe:
    """What a run does and how it ends."""

    blocks: list[Block]
    ending: str = "Success"
    iterations: list[Iteration] = field(default_factory=list)
    queued: float = 1.5  # simulated seconds
    odd: dict[str, Any] = field(default_factory=dict)  # fields replaced in every answer
    stopped_by: dict[str, str] | None = None  # another user who cancels it

    def steps(self) -> list[Leaf]:
        found = [leaf for each in self.iterations for leaf in leaves(each.blocks)]
        return found + list(leaves(self.blocks))


class Execution(Run):
    """A run that asks, makes documents and keeps a report."""

    def __init__(
        self,
        world: World,
        scenario: str,
        flow: Flow,
        recipe: Recipe,
        *,
        owner: dict[str, str],
        at: datetime | None = None,
    ) -> None:
        self.flow = flow
        self.recipe = recipe
        self.created_by = self.modified_by = owner
        self.modified_at = at or world.now()
        self.input: Any = None
        self.form: Form | None = None
        self.asked = 0
        self.answers: list[dict[str, Any]] = []
        self.documents: list[Document] = []
        self.leaf: Leaf | None = None
        for each in recipe.iterations:
            give_ids(each.blocks, world.random)
        give_ids(recipe.blocks, world.random)
        self.steps = recipe.steps()
        plan = [Stage("Queued", recipe.queued), *stages(self.steps), Stage(recipe.ending)]
        super().__init__(world, world.new_uuid(), scenario, plan, at=at)

    def entered(self, stage: Stage, at: datetime) -> None:
        self.modified_at = at
        if stage.status == "Canceled" and self.recipe.stopped_by:
            self.modified_by = self.recipe.stopped_by
        if self.leaf and stage.status not in CUT_OFF:
            self._leave(self.leaf, at)
        self.leaf = stage.leaf if isinstance(stage, Working) else None
        if self.leaf:
            self.leaf.begin(at)
            if self.leaf.form:
                self.form = self.leaf.form(self.world.random, self.answers)
                self.asked += 1

    def _leave(self, leaf: Leaf, at: datetime) -> None:
        leaf.finish(at)
        if leaf.form and self.form and len(self.answers) < self.asked:
            # nobody answered through the API: a colleague did, in the vendor's own panel
            model = self.form.model
            self.answers.append(dict(model) if isinstance(model, dict) else {})
        block = "B" + self.world.new_uuid().replace("-", "_")
        for name, title, ending in leaf.makes:
            self.documents.append(
                Document(self.world.new_uuid(), name, block, title, ending, at, self.created_by)
            )

    def answer(self, values: dict[str, Any]) -> dict[str, Any]:
        """Store an answer; a property that was left out is blank. Returns what was stored."""
        keys = self.form.keys if self.form else []
        stored = {key: values.get(key) for key in keys} if keys else values
        self.answers.append(stored)
        self.proceed()
        return stored

    def cancel(self, user: dict[str, str]) -> None:
        self.turn(Stage("Canceled"))
        self.modified_by = user

    @property
    def percentage(self) -> int:
        """Share of the steps already done."""
        reached = [leaf for leaf in self.steps if leaf.fate != "Skipped"]
        if self.status in ("Success", "Warning") or not reached:
            return 100
        done = sum(leaf.end is not None and leaf.fate != "Error" for leaf in reached)
        return 100 * done // len(reached)

    @property
    def message(self) -> str:
        if self.status == "Error":
            return next((leaf.text for leaf in self.steps if leaf.status == "Error"), "")
        return self.leaf.name if self.leaf else ""

    def row(self) -> dict[str, Any]:
        """As the lists show it."""
        status = self.status
        return self.odd(
            {
                "id": self.ref,
                "createdAt": stamp(self.created_at),
                "createdBy": self.created_by,
                "modifiedAt": stamp(self.modified_at),
                "modifiedBy": self.modified_by,
                "status": status,
                "flow": self.flow.reference(),
            }
        )

    def short(self) -> dict[str, Any]:
        """The first answer after a start has these four only."""
        return self.odd(
            {
                "id": self.ref,
                "percentage": self.percentage,
                "message": self.message,
                "status": self.status,
            }
        )

    def progress(self) -> dict[str, Any]:
        """Once asked, the form stays in the answer: the seed shows one beside `Running`."""
        shown = self.short()
        if self.recipe.iterations and self.status not in ENDED:
            first = self.recipe.iterations[0]
            shown["currentData"] = {"id": first.id, "displayName": first.name}
        if self.is_final:
            return {**shown, "schema": {}, "model": self.outputs(), "form": []}
        if self.form:
            form = self.form
            return {**shown, "schema": form.schema, "model": form.model, "form": form.form}
        return shown

    def outputs(self) -> dict[str, Any]:
        """Documents under generated block keys; a property holds one of them or several."""
        model: dict[str, Any] = {}
        for document in self.documents if self.is_final else []:
            block = model.setdefault(document.block, {})
            if document.property in block:
                held = block[document.property]
                held = held if isinstance(held, list) else [held]
                block[document.property] = [*held, document.reference()]
            else:
                block[document.property] = document.reference()
        return model

    def details(self) -> dict[str, Any]:
        state: dict[str, Any] = {
            "inputData": self.input,
            "output": {"parts": [], "schema": {}, "model": self.outputs(), "form": []},
            "stages": self._stages(),
            "report": show_zones(self.recipe.blocks, "z1"),
        }
        if self.status == "Waiting" and self.leaf:
            state["waitingFor"] = self.leaf.text or self.leaf.name
        if self.recipe.iterations:
            state["iterations"] = [
                {"id": each.id, "displayName": each.name, "report": show_zones(each.blocks, "z1")}
                for each in self.recipe.iterations
            ]
        return {**self.row(), "state": state}

    def _stages(self) -> list[dict[str, Any]]:
        """One entry per stretch between pauses."""
        found: list[dict[str, Any]] = []
        for place, (status, at) in enumerate(self.changes):
            if status != "Running":
                continue
            entry: dict[str, Any] = {"start": stamp(at)}
            if 0 < len(found) <= len(self.answers):
                entry["input"] = self.answers[len(found) - 1]
            if place + 1 < len(self.changes):
                following, end = self.changes[place + 1]
                entry["end"] = stamp(end)
                entry["lastProgress"] = {"id": self.ref, "status": following}
            found.append(entry)
        return found

    def odd(self, shown: dict[str, Any]) -> dict[str, Any]:
        for key, value in self.recipe.odd.items():
            if key in shown:
                shown[key] = value
        return {key: value for key, value in shown.items() if value != REMOVED}


def skipping_questions(blocks: Sequence[Block]) -> list[Block]:
    """`executions/start` never asks: defaults are used instead."""
    kept: list[Block] = []
    for block in blocks:
        if isinstance(block, Branch):
            block.body = skipping_questions(block.body)
            block.catch = skipping_questions(block.catch)
            kept.append(block)
        elif block.during != "UserInput":
            kept.append(block)
    return kept


def is_uuid(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text.lower()) is not None

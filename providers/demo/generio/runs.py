"""One simulated Generio flow: its state, its inputs and outputs, and its JSON.

Field names after "Get flow details" (seed) and the vendor's endpoint pages for inputs and outputs
(test-docs.generio.ai, read November 2026).
"""

import base64
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.demo.simulator import Run, Stage, World

GLB = "model/gltf-binary"
ENDED = ("completed", "aborted", "failed")
ABORTING_FOR = 3.0  # simulated seconds between the request to stop and the end


@dataclass(frozen=True)
class Template:
    id: str
    name: str
    parameters: dict[str, Any]  # with their defaults
    accepts: tuple[str, ...]

    def show(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.name,
            "parameters": self.parameters,
            "input_mime_types": list(self.accepts),
            "output_mime_types": [GLB],
        }


@dataclass
class Asset:
    """An input or an output."""

    id: str
    mime: str
    content: bytes
    additional: Any = None
    status: str = "ready"
    error: str = ""

    def data(self) -> str:
        if self.mime == "text/plain":
            return self.content.decode()
        return f"data:{self.mime};base64,{base64.b64encode(self.content).decode()}"

    def show(self, options: Mapping[str, Any], *, include_data: bool) -> dict[str, Any]:
        """Switches: `output_key` asset_id|id, `ready_word` ready|available."""
        status = options.get("ready_word", "ready") if self.status == "ready" else self.status
        ready = include_data and self.status == "ready"
        shown = {
            str(options.get("output_key", "asset_id")): self.id,
            "additional": self.additional,
            "status": status,
            "data": self.data() if ready else None,
        }
        return {**shown, "error": self.error} if self.error else shown


@dataclass
class Job:
    """What a flow is asked to do, and what comes of it."""

    template: Template
    parameters: dict[str, Any] = field(default_factory=dict)
    additional: Any = None
    makes: tuple[str, ...] = ("model",)  # one output per part
    broken: tuple[str, ...] = ()  # parts whose output is in error
    error: str = ""  # what is said of a broken output
    size: int = 0  # bytes of padding in each model


class Flow(Run):
    """One execution. `created` waits for a start if `plan` says so."""

    def __init__(
        self,
        world: World,
        scenario: str,
        job: Job,
        plan: list[Stage],
        *,
        at: datetime | None = None,
    ) -> None:
        self.job = job
        self.inputs: list[Asset] = []
        self.outputs: list[Asset] = []
        self.started_at: datetime | None = None
        self.reached = 0.0  # the progress of a flow that was stopped
        super().__init__(world, world.new_hex24(), scenario, plan, at=at)

    def entered(self, stage: Stage, at: datetime) -> None:
        if stage.status in ("starting", "running") and self.started_at is None:
            self.started_at = at
        if stage.status in ENDED:
            self.outputs = self._make(stage.status)

    def _make(self, ending: str) -> list[Asset]:
        """A flow that was stopped or failed may have a part of its outputs."""
        done = self.job.makes
        if ending == "aborted":
            done = done[: int(len(done) * self.reached)]
        made = []
        for part in done:
            broken = part in self.job.broken
            asset = Asset(self.world.new_hex24(), GLB, b"", {"part": part})
            if broken:
                asset.status, asset.error = "error", self.job.error
            else:
                asset.content = glb(part, self.job.size)
            made.append(asset)
        return made

    def add_input(self, mime: str, content: bytes, additional: Any) -> Asset:
        asset = Asset(self.world.new_hex24(), mime, content, additional)
        self.inputs.append(asset)
        return asset

    def abort(self) -> None:
        self.reached = self.progress
        self.turn(Stage("aborting", ABORTING_FOR), Stage("aborted"))

    @property
    def progress(self) -> float:
        """A fraction, and a coarse one."""
        status = self.status
        if status == "completed":
            return 1.0
        if status in ("aborting", "aborted", "failed"):
            return self.reached
        return int(self.fraction() * 20) / 20 if status == "running" else 0.0

    def show(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Switches: `times` z|naive|epoch, `error_field` a name for the reason of a failure."""
        status = self.status
        shown = {
            "flow_id": self.ref,
            "template": self.job.template.name,
            "state": status,
            "progress": self.progress,
            "created_at": stamp(self.created_at, options),
            "started_at": stamp(self.started_at, options),
            "finished_at": stamp(self.finished_at, options),
            "parameters": self.job.parameters,
            "additional": self.job.additional,
        }
        named = options.get("error_field")
        if named and status == "failed":
            shown[named] = self.job.error
        return shown


def stamp(at: datetime | None, options: Mapping[str, Any]) -> Any:
    style = options.get("times", "z")
    if at is None:
        return None
    if style == "epoch":
        return at.timestamp()
    return f"{at:%Y-%m-%dT%H:%M:%S}" + ("" if style == "naive" else "Z")


def glb(name: str, padding: int = 0) -> bytes:
    """A binary glTF file with an empty scene of that name."""
    scene = json.dumps({"asset": {"version": "2.0"}, "scenes": [{"name": name}]}).encode()
    scene += b" " * (-len(scene) % 4)
    chunks = struct.pack("<II", len(scene), 0x4E4F534A) + scene
    if padding:
        filler = b"\0" * (padding + -padding % 4)
        chunks += struct.pack("<II", len(filler), 0x004E4942) + filler
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

"""Keeps simulated worlds on disk as JSON, so that a demo that is stopped and started again goes on.

`serve` calls `load` before it builds an application, and `save` now and then and at the end. What
is kept is what a real provider would still know: runs, effects, the log, switches, chance. Faults
are not: a demo started again answers.
"""

import asyncio
import base64
import importlib
import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from types import FunctionType
from typing import Any

from providers.demo import runs
from providers.demo.simulator import Run, World

VERSION = 4  # of the file; raise it where a run begins to carry something it did not
LOG_SAVED = 2_000  # requests
SAVE_EVERY = 3.0  # seconds
SHARE = 0.05  # of the time that saving may take: the simulators stand still meanwhile
PLAIN = (str, int, float, bool, type(None))

logger = logging.getLogger(__name__)


# A run is a web of objects (plan, steps, forms, the workflow it belongs to) whose identity matters:
# each is written where it is met first, with a number, and afterwards as that number. Whatever is
# not plain JSON is an object of one key that says what it is.


class Writer:
    """Turns the state of one world into JSON. Runs find the world they are loaded into."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.numbers: dict[int, int] = {}  # by `id`

    def write(self, value: Any) -> Any:
        if isinstance(value, PLAIN):
            return value
        if isinstance(value, list):
            return [self.write(each) for each in value]
        if isinstance(value, datetime):
            return {"time": value.isoformat()}
        if isinstance(value, tuple):
            return {"tuple": [self.write(each) for each in value]}
        if isinstance(value, bytes):
            return {"bytes": base64.b64encode(value).decode()}
        if isinstance(value, FunctionType):
            return {"function": value.__name__}
        if value is self.world:
            return {"world": ""}
        if id(value) in self.numbers:
            return {"again": self.numbers[id(value)]}
        number = self.numbers[id(value)] = len(self.numbers)
        inside = value if isinstance(value, dict) else vars(value)
        parts = {key: self.write(each) for key, each in inside.items()}
        return {"dict" if isinstance(value, dict) else type(value).__name__: parts, "": number}


class Reader:
    """The way back. `known` are the classes and functions that a file may name."""

    def __init__(self, world: World, known: Mapping[str, Any]) -> None:
        self.world = world
        self.known = known
        self.numbered: dict[int, Any] = {}

    def read(self, value: Any) -> Any:
        if isinstance(value, PLAIN):
            return value
        if isinstance(value, list):
            return [self.read(each) for each in value]
        kind, content = next(iter(value.items()))
        match kind:
            case "time":
                return datetime.fromisoformat(content)
            case "tuple":
                return tuple(self.read(each) for each in content)
            case "bytes":
                return base64.b64decode(content)
            case "function":
                return self.known[content]
            case "world":
                return self.world
            case "again":
                return self.numbered[content]
        return self._read_numbered(kind, content, value[""])

    def _read_numbered(self, kind: str, content: dict[str, Any], number: int) -> Any:
        if kind == "dict":
            made = inside = self.numbered[number] = {}
        else:
            shape = self.known[kind]
            if is_dataclass(shape) and {each.name for each in fields(shape)} != set(content):
                raise ValueError(f"a {kind} has other fields now")
            made = self.numbered[number] = object.__new__(shape)
            inside = vars(made)
        for key, each in content.items():
            inside[key] = self.read(each)
        return made


def save(key: str, world: World, folder: Path) -> None:
    """Replace the file at once: a reader sees the old world or the new one."""
    state = {
        "closed_at": world.now(),
        "random": world.random.getstate(),
        "options": world.options,
        "log": world.log[-LOG_SAVED:],
        "effects": dict(world.effects),
        "runs": {ref: run for ref, run in world.runs.items() if not run.is_made_up},
        "erased": world.erased,
        "kept": world.kept,
    }
    path, draft = folder / f"{key}.json", folder / f"{key}.draft"
    with open(draft, "w", opener=_private) as file:
        file.write(json.dumps({"version": VERSION, "state": Writer(world).write(state)}))
    os.replace(draft, path)


def load(key: str, world: World, folder: Path) -> None:
    """Give a simulator's world its earlier life. A file that cannot be read is ignored with one
    line."""
    path = folder / f"{key}.json"
    if not path.exists():
        return
    try:
        file = json.loads(path.read_bytes())
        if file["version"] != VERSION:
            raise ValueError(f"it is of version {file['version']}, not {VERSION}")
        state = Reader(world, _named_by(key)).read(file["state"])
        for run in (*state["runs"].values(), *state["erased"]):
            run.script()  # of an older shape: better found now
        world.random.setstate(state["random"])
    except Exception as exc:  # noqa: BLE001 - a file may hold anything
        logger.warning("The demo world in %s is not readable (%s); a new one begins.", path, exc)
        return
    world.closed_at = state["closed_at"]
    world.options.update(state["options"])
    world.log.extend(state["log"])
    world.effects.update(state["effects"])
    world.runs.update(state["runs"])
    world.erased.extend(state["erased"])
    world.kept.update(state["kept"])


def _named_by(key: str) -> dict[str, Any]:
    """What a simulator's file may name: its dataclasses, kinds of run and functions."""
    importlib.import_module(f"providers.demo.{key}.api")
    prefix = f"providers.demo.{key}."
    modules = [sys.modules[name] for name in sys.modules if name.startswith(prefix)]
    return {
        name: each
        for module in [runs, *modules]
        for name, each in vars(module).items()
        if isinstance(each, FunctionType)
        or (isinstance(each, type) and (is_dataclass(each) or issubclass(each, Run)))
    }


def save_all(worlds: Mapping[str, World], folder: Path) -> None:
    for key, world in worlds.items():
        save(key, world, folder)


async def keep_saving(worlds: Mapping[str, World], folder: Path) -> None:
    """Save now and then; the larger the worlds have become, the less often."""
    pause = SAVE_EVERY
    while True:
        await asyncio.sleep(pause)
        began = time.perf_counter()
        try:
            for key, world in worlds.items():
                save(key, world, folder)
                await asyncio.sleep(0)  # requests to the simulators are answered meanwhile
        except OSError as exc:
            logger.warning("The demo worlds were not saved: %s", exc)
        pause = max(SAVE_EVERY, (time.perf_counter() - began) / SHARE)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)

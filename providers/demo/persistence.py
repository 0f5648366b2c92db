"""Keeps simulated worlds on disk, so that a demo that is stopped and started again goes on.

`serve` calls `load` before it builds an application, and `save` now and then and at the end. What
is kept is what a real provider would still know: runs, effects, the log, switches, chance. Faults
are not: a demo started again answers.
"""

import asyncio
import logging
import os
import pickle
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from providers.demo.world import World

VERSION = 1  # of the file; raise it where a run begins to carry something it did not
LOG_SAVED = 2_000  # requests
SAVE_EVERY = 3.0  # seconds
SHARE = 0.05  # of the time that saving may take: the simulators stand still meanwhile

logger = logging.getLogger(__name__)


# Pickle, because a run is a web of objects (plan, steps, forms, the workflow it belongs to) whose
# identity matters. It runs what it reads, which is safe here alone: the file is our own, in a
# folder that only its owner can enter, beside the keys of the whole installation.


class Writer(pickle.Pickler):
    """Leaves the world itself out: runs find the one they are loaded into."""

    def __init__(self, file: IO[bytes], world: World) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.world = world

    def persistent_id(self, obj: Any) -> str | None:
        return "world" if obj is self.world else None


class Reader(pickle.Unpickler):
    def __init__(self, file: IO[bytes], world: World) -> None:
        super().__init__(file)
        self.world = world

    def persistent_load(self, pid: Any) -> World:
        return self.world


def save(world: World, path: Path) -> None:
    """Replace the file at once: whoever reads it sees the old world or the new one."""
    state = {
        "version": VERSION,
        "closed_at": world.now(),
        "random": world.random.getstate(),
        "options": world.options,
        "log": world.log[-LOG_SAVED:],
        "effects": dict(world.effects),
        "runs": world.runs,
        "erased": world.erased,
        "kept": world.kept,
    }
    draft = path.with_suffix(".draft")
    with open(draft, "wb", opener=_private) as file:
        Writer(file, world).dump(state)
    os.replace(draft, path)


def load(world: World, path: Path) -> None:
    """Give the world its earlier life. A file that cannot be read is ignored with one line."""
    if not path.exists():
        return
    try:
        with open(path, "rb") as file:
            state = Reader(file, world).load()
        if state["version"] != VERSION:
            raise ValueError(f"it is of version {state['version']}, not {VERSION}")
        for run in (*state["runs"].values(), *state["erased"]):
            run.script()  # of an older shape: better found now
        world.random.setstate(state["random"])
    except Exception as exc:  # noqa: BLE001 - unpickling raises whatever the bytes lead it to
        logger.warning("The demo world in %s is not readable (%s); a new one begins.", path, exc)
        return
    world.closed_at = state["closed_at"]
    world.options.update(state["options"])
    world.log.extend(state["log"])
    world.effects.update(state["effects"])
    world.runs.update(state["runs"])
    world.erased.extend(state["erased"])
    world.kept.update(state["kept"])


def save_all(worlds: Mapping[str, World], folder: Path) -> None:
    for key, world in worlds.items():
        save(world, folder / f"{key}.pickle")


async def keep_saving(worlds: Mapping[str, World], folder: Path) -> None:
    """Save now and then; the larger the worlds have become, the less often."""
    pause = SAVE_EVERY
    while True:
        await asyncio.sleep(pause)
        began = time.perf_counter()
        try:
            save_all(worlds, folder)
        except OSError as exc:
            logger.warning("The demo worlds were not saved: %s", exc)
        pause = max(SAVE_EVERY, (time.perf_counter() - began) / SHARE)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)

"""A simulated world that was saved and loaded is the one that it was, and goes on like it."""

import logging
from pathlib import Path
from typing import Any

import pytest

from providers.demo import persistence, serve
from providers.demo.simulator import World

HOUR = 3600.0


class Clock:
    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def __call__(self) -> float:
        return self.at


def scripts(world: World) -> list[dict[str, Any]]:
    return [run.script() for run in [*world.erased, *world.runs.values()]]


@pytest.mark.parametrize("key", serve.PORTS)
def test_a_world_that_was_loaded_goes_on_like_the_one_that_was_saved(key, tmp_path: Path):
    clock = Clock()
    saved, loaded = World(now=clock), World(seed=8, now=clock)
    serve.app_of(key, saved)
    for scenario in saved.scenarios.values():
        scenario()
    clock.at += 5
    saved.tick()
    saved.erase(next(iter(saved.runs.values())))
    saved.effect("start", {"values": [1.5, None, "\u00e9"]})
    persistence.save(key, saved, tmp_path)
    persistence.load(key, loaded, tmp_path)
    saved.runs = {ref: run for ref, run in saved.runs.items() if not run.is_made_up}
    assert scripts(loaded) == scripts(saved)
    assert (loaded.effects, loaded.closed_at) == (saved.effects, saved.now())
    for _ in range(12):
        clock.at += HOUR / 4
        assert scripts(loaded) == scripts(saved)
    assert loaded.new_uuid() == saved.new_uuid()


@pytest.mark.parametrize(
    "text",
    [
        '{"version": 1, "state": {"dict": {}, "": 0}}',
        '{"version": 3, "state": {"Popen": {"args": "true"}, "": 0}}',
        '{"version": 3, "state": {"function": "system"}}',
        '{"version": 3, "state": {"Stage": {"status": "Running"}, "": 0}}',
        '{"version": 3, "state": {"again": 7}}',
        '{"version": 3, "state": []}',
        "[]",
        "{",
    ],
)
def test_a_file_that_is_not_of_this_version_is_ignored_with_one_line(text, tmp_path: Path, caplog):
    (tmp_path / "flow8.json").write_text(text)
    world = World()
    with caplog.at_level(logging.WARNING):
        persistence.load("flow8", world, tmp_path)
    assert (world.runs, world.kept, world.closed_at) == ({}, {}, None)
    (line,) = caplog.messages
    assert "is not readable" in line

"""The program that serves the simulators: a world outlives it, in whatever way it ends."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from providers.demo import serve
from providers.demo.eightx8 import api as eightx8
from providers.demo.flow8 import api as flow8
from providers.demo.serve import Running
from providers.demo.simulator import World


class Program:
    """The four simulators in a process of their own, on the same ports each time."""

    def __init__(self, state: Path) -> None:
        self.state = state
        listeners = [serve.listening() for _ in serve.PORTS]
        self.ports = {
            key: int(each.getsockname()[1])
            for key, each in zip(serve.PORTS, listeners, strict=True)
        }
        for each in listeners:
            each.close()
        self.sims = {
            key: Running(key, f"http://127.0.0.1:{port}", World(populate=False))
            for key, port in self.ports.items()
        }
        self.process: subprocess.Popen[str] | None = None
        self.said = ""

    def start(self) -> None:
        ports = ",".join(f"{key}={port}" for key, port in self.ports.items())
        command = [sys.executable, "-m", "providers.demo.serve", "--ports", ports]
        command += ["--state", str(self.state)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        for sim in self.sims.values():
            until(partial(getattr, sim, "script"))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(number)
        _, self.said = self.process.communicate(timeout=15)
        return self.process.returncode


def until(claim: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 20
    while True:
        try:
            if found := claim():
                return found
        except OSError:
            pass  # not there yet
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.1)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    made = Program(tmp_path / "worlds")
    yield made
    if made.process and made.process.poll() is None:
        made.stop(signal.SIGKILL)


def told(sim: Running) -> dict[str, list[dict[str, str]]]:
    return {run["ref"]: run["changes"] for run in sim.script}


def test_after_a_restart_every_run_is_there_with_its_past_and_goes_on(program: Program) -> None:
    program.start()
    waiting = program.sims["smartflows"].start("two_round_form")
    play = program.sims["flow8"].start("two_approvals")
    held = program.sims["eightx8"].start("waits_for_reply")
    flow = program.sims["generio"].start("generate_success", seconds=2)
    before = {key: told(sim) for key, sim in program.sims.items()}
    assert program.stop() == 0

    program.start()
    for key, sim in program.sims.items():
        after = told(sim)
        for ref, changes in before[key].items():
            assert after[ref][: len(changes)] == changes, f"{key} rewrote the past of {ref}"
    assert {waiting, play, held, flow} <= {
        ref for sim in program.sims.values() for ref in told(sim)
    }
    finished = program.sims["generio"]
    until(lambda: told(finished)[flow][-1]["status"] == "completed")
    assert not program.said.count("not readable")


def test_a_restart_leaves_the_catalog_its_switches_and_what_was_done(program: Program) -> None:
    program.start()
    sim = program.sims["eightx8"]
    sim.option(offset_counts="pages")
    ref = sim.start("waits_for_reply")
    root = f"{sim.base_url}/api/v1/accounts/{eightx8.ACCOUNT_ID}/definitions"
    key = {"Authorization": f"Bearer {sim.api_key}"}
    catalog = requests.get(root, headers=key, timeout=5).json()
    definition = next(run["definition"] for run in sim.script if run["ref"] == ref)
    url = f"{root}/{definition}/workflows/{ref}"
    assert requests.patch(url, json={"status": "suspend"}, headers=key, timeout=5).ok
    program.stop(signal.SIGINT)

    program.start()
    assert sim.effects["suspend"] == [ref]
    assert requests.get(url, headers=key, timeout=5).json()["status"] == "Suspended"
    assert requests.get(root, headers=key, timeout=5).json() == catalog
    assert any(entry["method"] == "PATCH" for entry in sim.log)
    assert sim._post("options")["offset_counts"] == "pages"
    assert requests.patch(url, json={"status": "resume"}, headers=key, timeout=5).ok
    assert sim.effects["resume"] == [ref]


def test_an_approval_asked_before_the_restart_is_answered_after_it(program: Program) -> None:
    program.start()
    sim = program.sims["flow8"]
    ref = sim.start("approval", ago=30)
    headers = {"Authorization": f"Bearer {flow8.API_KEY}"}
    url = f"{sim.base_url}/api/plays/{ref}"
    program.stop()

    program.start()
    layers = requests.get(f"{url}/layers", headers=headers, timeout=5).json()
    asked = next(layer for layer in layers if layer["state"] == "WAIT")
    body = {"layerId": asked["id"], "decision": "approved"}
    assert requests.post(f"{url}/approve", json=body, headers=headers, timeout=5).ok
    assert [each["ref"] for each in sim.effects["approve"]] == [ref]
    assert told(sim)[ref][-1]["status"] == "RUN"


def test_a_killed_program_loses_only_its_last_seconds(program: Program) -> None:
    program.start()
    sim = program.sims["smartflows"]
    ref = sim.start("one_round_form")
    path = program.state / "smartflows.json"
    until(lambda: path.exists() and ref.encode() in path.read_bytes())
    program.stop(signal.SIGKILL)

    program.start()
    assert ref in told(sim)
    assert oct(path.stat().st_mode)[-3:] == "600"


def test_a_world_that_cannot_be_read_is_told_in_one_line_and_begins_anew(
    program: Program,
) -> None:
    program.state.mkdir()
    (program.state / "generio.json").write_bytes(b"\x80\x05 no JSON at all")
    (program.state / "flow8.json").write_bytes(b"")
    (program.state / "smartflows.pickle").write_bytes(b"of an older version")  # not looked at
    program.start()
    assert len(program.sims["generio"].script) >= 40
    assert program.stop() == 0
    lines = [line for line in program.said.splitlines() if "not readable" in line]
    assert len(lines) == 2
    assert "Traceback" not in program.said

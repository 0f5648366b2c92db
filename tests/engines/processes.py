"""Processes of a real engine: started in sessions of their own, noted in a file, ended by number.

A file in the engine's folder names them, so that a later call can end what an earlier one began.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

STOP_WITHIN = 15.0  # seconds between asking a process to end and ending it


class Processes:
    """`home` keeps everything of one instance of an engine; `environment` is what they get."""

    names: tuple[str, ...] = ()

    def __init__(self, home: Path) -> None:
        self.home = home
        self.state_file = home / "running.json"
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def environment(self) -> dict[str, str]:
        return dict(os.environ)

    @property
    def state(self) -> dict[str, Any]:
        return json.loads(self.state_file.read_text()) if self.state_file.exists() else {}

    def note(self, **facts: Any) -> None:
        self.state_file.write_text(json.dumps({**self.state, **facts}))

    def is_running(self) -> bool:
        processes = self.state.get("processes", {})
        return set(processes) == set(self.names) and all(
            started(item["pid"]) == item["started"] for item in processes.values()
        )

    def spawn(self, name: str, command: list[str], cwd: Path | None = None) -> None:
        with (self.home / f"{name}.log").open("ab") as log:
            child = subprocess.Popen(
                command,
                cwd=cwd or self.home,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # its children end with it, and Ctrl-C is not theirs
            )
        self._children[child.pid] = child
        about = {"pid": child.pid, "started": started(child.pid)}
        self.note(processes={**self.state.get("processes", {}), name: about})

    def stop(self) -> None:
        """End what `spawn` started; a process that took over one of the numbers is left alone."""
        for name in reversed(list(self.state.get("processes", {}))):
            self.end(name)
        self.state_file.unlink(missing_ok=True)

    def end(self, name: str) -> None:
        """End one of them."""
        processes = self.state["processes"]
        item = processes.pop(name)
        pid = item["pid"]
        if started(pid) == item["started"]:
            os.killpg(pid, signal.SIGTERM)
            wait_until(partial(is_gone, pid), STOP_WITHIN, None)
        end_session(pid, item["started"])
        if child := self._children.pop(pid, None):
            child.wait(STOP_WITHIN)
        self.note(processes=processes)


def started(pid: int) -> str:
    """When the process began, "" if there is none: tells it from a later one with its number."""
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    line = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    stat, _, began = line.partition(" ")
    return "" if stat.startswith("Z") else began.strip()


def is_gone(pid: int) -> bool:
    return not started(pid)


def end_session(pid: int, began: str) -> None:
    """End what is left of the session that we made: runs have process groups of their own."""
    if started(pid) not in ("", began):
        return  # the number belongs to somebody else by now
    command = ["ps", "-A", "-o", "pid=,sess=,stat="]
    rows = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    for member, session, stat in (row.split() for row in rows):
        if session == str(pid) and not stat.startswith("Z"):
            try:
                os.kill(int(member), signal.SIGKILL)
            except ProcessLookupError:
                continue  # ended by itself meanwhile


def wait_until(is_so: Callable[[], bool], seconds: float, complaint: str | None) -> None:
    """Raises RuntimeError with the complaint, if there is one, when time is up."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            if complaint:
                raise RuntimeError(complaint)
            return
        time.sleep(0.3)

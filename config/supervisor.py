"""Runs processes side by side: their lines in one terminal, and all of them end together.

A process that ends by itself is started again, and so are the embedded services: after a second,
after twice as long each time it ends again soon, at most LONGEST_WAIT. The terminal says so.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Lock, Thread
from types import FrameType

LOOKS_EVERY = 0.2  # seconds
STOPS_WITHIN = 5.0  # seconds; then killed
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 30.0  # seconds before a process is started again
STEADY_AFTER = 60.0  # seconds; who ends later than that has had a good start
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
OWN_NAME = "run"  # in the lines that the supervisor itself writes

Revive = Callable[[], object]


@dataclass
class _Child:
    process: subprocess.Popen[bytes]
    started_at: float
    ends: int = 0  # soon after a start, one after the other
    start_at: float | None = None  # it has ended; when it is started again


class Supervisor:
    """`commands` are command lines by process name. Each process has a session of its own, so that
    a signal to the terminal reaches this one alone. `dead_services` gives, by name, what starts
    each service that has ended; an exception of that means that it is tried again later."""

    def __init__(
        self,
        commands: Mapping[str, str],
        *,
        parent: int | None = None,
        dead_services: Callable[[], dict[str, Revive]] = dict,
    ) -> None:
        self.commands = commands
        self.parent = parent
        self.dead_services = dead_services
        self.children: dict[str, _Child] = {}
        self.is_stopping = False
        self._readers: list[Thread] = []
        self._writing = Lock()
        self._over = Event()

    def run(self) -> None:
        """Until a signal, or the end of `parent`."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it
                signal.signal(number, self._stop)
        for name in self.commands:
            self.children[name] = _Child(self._start(name), time.monotonic())
        watch = Thread(target=self._watch_services, daemon=True)
        watch.start()
        while not (self.is_stopping or self._is_orphaned()):
            time.sleep(LOOKS_EVERY)
            for name, child in self.children.items():
                self._look_after(name, child)
        self._over.set()
        self._stop_all()
        watch.join(STOPS_WITHIN)
        for reader in self._readers:
            reader.join(1)

    def _look_after(self, name: str, child: _Child) -> None:
        now = time.monotonic()
        if child.start_at is None:
            status = child.process.poll()
            if status is None:
                return
            _signal(child.process, signal.SIGKILL)  # what it started keeps its port
            child.ends = 1 if now - child.started_at > STEADY_AFTER else child.ends + 1
            wait = wait_before(child.ends)
            child.start_at = now + wait
            self._say(f"{name} {_how(status)}; it is started again in {wait:.0f} s")
        elif now >= child.start_at:
            self._say(f"{name} is started again")
            child.process, child.started_at, child.start_at = self._start(name), now, None

    def _watch_services(self) -> None:
        tries: dict[str, int] = {}
        due: dict[str, float] = {}
        while not self._over.wait(SHORTEST_WAIT):
            dead = self.dead_services()
            for name in tries.keys() - dead.keys():
                del tries[name], due[name]
            for name, revive in dead.items():
                if time.monotonic() < due.get(name, 0):
                    continue
                if name not in tries:
                    self._say(f"{name} has ended; it is started again")
                try:
                    revive()
                except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever: tried again
                    tries[name] = tries.get(name, 0) + 1
                    wait = wait_before(tries[name])
                    due[name] = time.monotonic() + wait
                    self._say(f"{error} It is tried again in {wait:.0f} s")
                else:
                    self._say(f"{name} is back")
                    tries.pop(name, None)
                    due.pop(name, None)

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603 - our own command lines
            shlex.split(self.commands[name]),
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._readers[:] = [reader for reader in self._readers if reader.is_alive()]
        reader = Thread(target=self._pass_on, args=(name, process), daemon=True)
        reader.start()
        self._readers.append(reader)
        return process

    def _pass_on(self, name: str, process: subprocess.Popen[bytes]) -> None:
        for line in process.stdout or ():
            self._write(name, line.decode(errors="replace").rstrip())

    def _say(self, line: str) -> None:
        self._write(OWN_NAME, line)

    def _write(self, name: str, text: str) -> None:
        width = max(map(len, self.commands), default=0)
        with self._writing:
            try:
                sys.stdout.write(f"{time.strftime('%H:%M:%S')} {name:<{width}} | {text}\n")
                sys.stdout.flush()
            except OSError:  # the terminal is gone; what runs goes on until it is told to stop
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 1)
                os.dup2(nowhere, 2)
                os.close(nowhere)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.is_stopping = True

    def _is_orphaned(self) -> bool:
        return self.parent is not None and os.getppid() != self.parent

    def _stop_all(self) -> None:
        processes = [child.process for child in self.children.values()]
        for process in processes:
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + STOPS_WITHIN
        for process in processes:
            try:
                process.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()


def wait_before(tries: int) -> float:
    """Seconds before the next start of what ended `tries` times, or could not be started."""
    return float(min(SHORTEST_WAIT * 2 ** (tries - 1), LONGEST_WAIT))


def _how(status: int) -> str:
    if status >= 0:
        return f"ended by itself (exit status {status})"
    return f"was killed ({signal.Signals(-status).name})"


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To the process and what it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)

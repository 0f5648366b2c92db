"""Runs processes side by side: their lines in one terminal, and all of them end together."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock, Thread
from types import FrameType

LOOKS_EVERY = 0.2  # seconds
STOPS_WITHIN = 5.0  # seconds; then killed
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """`commands` are command lines by process name. Each process has a session of its own, so that
    a signal to the terminal reaches this one alone."""

    def __init__(self, commands: Mapping[str, str], *, parent: int | None = None) -> None:
        self.commands = commands
        self.parent = parent
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.is_stopping = False
        self._writing = Lock()

    def run(self) -> str:
        """Until a signal, the end of `parent`, or that of one process, whose name is returned; the
        others are stopped then."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` has it
                signal.signal(number, self._stop)
        readers = [self._start(name) for name in self.commands]
        ended = ""
        while not (self.is_stopping or ended or self._is_orphaned()):
            time.sleep(LOOKS_EVERY)
            ended = next(
                (name for name, one in self.processes.items() if one.poll() is not None), ""
            )
        self._stop_all()
        for reader in readers:
            reader.join(1)
        return "" if self.is_stopping else ended

    def _start(self, name: str) -> Thread:
        process = subprocess.Popen(  # noqa: S603 - our own command lines
            shlex.split(self.commands[name]),
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.processes[name] = process
        reader = Thread(target=self._pass_on, args=(name, process), daemon=True)
        reader.start()
        return reader

    def _pass_on(self, name: str, process: subprocess.Popen[bytes]) -> None:
        width = max(map(len, self.commands))
        for line in process.stdout or ():
            text = line.decode(errors="replace").rstrip()
            self._write(f"{time.strftime('%H:%M:%S')} {name:<{width}} | {text}\n")

    def _write(self, line: str) -> None:
        with self._writing:
            try:
                sys.stdout.write(line)
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
        for process in self.processes.values():
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + STOPS_WITHIN
        for process in self.processes.values():
            try:
                process.wait(max(deadline - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """To the process and what it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)

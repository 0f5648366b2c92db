"""Installs the requirements of a lock file and shows progress.

Usage: `python config/install_requirements.py LOCK`.

Run by the Makefile with the Python of the new environment, so it needs nothing but Python and pip.
In a terminal one line is written over; elsewhere a line is written now and then.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--progress-bar=off")
SAYS_EVERY = 10.0  # seconds, where there is no terminal
TURNS_EVERY = 0.2  # seconds, in a terminal


class Progress:
    """What pip is about, from the lines that it prints."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.found = 0
        self.is_found = False
        self.said: list[str] = []

    def read(self, lines: Iterator[str]) -> None:
        for line in lines:
            self.said.append(line)
            self.found += line.startswith(("Collecting ", "Requirement already satisfied: "))
            self.is_found |= line.startswith("Installing collected packages")

    def __str__(self) -> str:
        if self.is_found:
            return f"writing {self.number} packages into the environment"
        return f"fetching packages: {min(self.found, self.number)} of {self.number}"


def main(lock: Path) -> int:
    """pip's exit status; what it printed is shown if it failed."""
    progress = Progress(len(re.findall(r"^[A-Za-z0-9]\S*==", lock.read_text(), re.MULTILINE)))
    began = time.monotonic()
    pip = subprocess.Popen(  # noqa: S603 - our own command line
        [sys.executable, *PIP, "--require-hashes", "-r", str(lock)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    reader = Thread(target=progress.read, args=(pip.stdout,), daemon=True)
    reader.start()
    show = _over if sys.stdout.isatty() else _line
    pause = TURNS_EVERY if sys.stdout.isatty() else SAYS_EVERY
    show(f"{progress} ...")
    while reader.is_alive():
        reader.join(pause)
        if reader.is_alive():
            show(f"{progress} ({time.monotonic() - began:.0f} s)")
    status = pip.wait()
    if status:
        _line("".join(progress.said))
        _line(f"Installing {lock} failed; the lines above are what pip said.")
    else:
        _line(f"{progress.number} packages in {time.monotonic() - began:.0f} s")
    return status


def _over(text: str) -> None:
    sys.stdout.write(f"\r\033[K  {text}")
    sys.stdout.flush()


def _line(text: str) -> None:
    start = "\r\033[K" if sys.stdout.isatty() else ""
    sys.stdout.write(f"{start}  {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""A real engine from its packages, in an environment of its own: one instance for a test or for a
terminal, and the command line of both.

Loopback only; `stop` ends the processes that `up` started and nothing else.
"""

from __future__ import annotations

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from tests.engines.processes import Processes

ACTIONS = ("up", "stop", "info")


class Installed(Processes, ABC):
    """`folder` keeps the installed packages, `home` everything of this instance."""

    key = ""  # of its provider
    name = ""
    packages: tuple[str, ...] = ()

    def __init__(self, folder: Path, home: Path) -> None:
        super().__init__(home)
        self.bin = folder / "venv" / "bin"

    @classmethod
    def folder(cls) -> Path:
        """Where its packages stay: `ANNUNCIATOR_<KEY>_DIR`, else below the data."""
        data = Path(os.environ.get("ANNUNCIATOR_DATA") or ".data")
        named = os.environ.get(f"ANNUNCIATOR_{cls.key.upper()}_DIR")
        return Path(named or data / "engines" / cls.key).resolve()

    @classmethod
    @contextmanager
    def running(cls, home: Path) -> Iterator[Self]:
        """A fresh one for a test, ended afterwards. The first use installs it."""
        engine = cls(cls.folder(), home)
        try:
            engine.up()
            yield engine
        finally:
            engine.stop()

    def up(self, **given: Any) -> None:
        """Install what is missing and start what does not run. Raises RuntimeError that names
        the log to look at."""
        if self.is_running():
            return
        self.stop()
        self.install()
        self.home.mkdir(parents=True, exist_ok=True)
        try:
            self.begin(**given)
        except BaseException:
            self.stop()
            raise

    @abstractmethod
    def begin(self) -> None:
        """Start its processes and wait until it answers."""

    def install(self) -> None:
        marker = self.bin.parent / "installed"
        wanted = "\n".join(self.packages)
        if marker.exists() and marker.read_text() == wanted:
            return
        self.bin.parent.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", str(self.bin.parent)], check=True)
        pip = [str(self.bin / "python"), "-m", "pip", "install", "--quiet", *self.packages]
        subprocess.run(pip, check=True)
        marker.write_text(wanted)

    @abstractmethod
    def mix(self) -> Mapping[str, str]:
        """Make the standard mix, note it as `runs` and return it: refs by names."""

    @abstractmethod
    def login(self) -> Mapping[str, str]:
        """The fields of an account, and where secrets stand."""


def command_line(cls: type[Installed], arguments: Sequence[str]) -> int:
    """`python -m tests.engines.<key> up|stop|info`: one instance that stays, with the mix."""
    engine = cls(cls.folder(), cls.folder() / "home")
    action = arguments[0] if arguments else "info"
    if action not in ACTIONS or len(arguments) > 1:
        sys.stderr.write(f"usage: python -m tests.engines.{cls.key} {'|'.join(ACTIONS)}\n")
        return 2
    if action == "up":
        engine.up()
        if "runs" not in engine.state:
            engine.mix()
    if action == "stop":
        engine.stop()
    if not engine.is_running():
        sys.stdout.write(f"{cls.name} is not running.\n")
        return 0
    for name, told in (*engine.login().items(), *engine.state.get("runs", {}).items()):
        sys.stdout.write(f"{name:16}{told}\n")
    return 0

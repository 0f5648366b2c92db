"""`manage.py run` as people use it: start, start twice, a port in use, Ctrl-C, start again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.product import PASSWORD, ROOT, STARTS_WITHIN, Product, free_port, own_folder

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]
STOPS_WITHIN = 30.0  # seconds


class Terminal:
    """One person's terminal: a data folder and its ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.live_port = free_port(), free_port()
        own = {key: value for key, value in os.environ.items() if key not in SERVICES}
        self.env = own | {
            "ANNUNCIATOR_DATA": str(folder),
            "ANNUNCIATOR_DEMO": "1",
            "ANNUNCIATOR_DEMO_PORT": str(four_free_ports()),
            "ANNUNCIATOR_ADMIN_PASSWORD": PASSWORD,
            "PORT": str(self.port),
            "LIVE_PORT": str(self.live_port),
        }

    def manage(self, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *args],
            cwd=ROOT,
            env=self.env | env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """`manage.py run` until its pages answer; nothing of it is left behind."""
        with open(self.folder.parent / "run.log", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            Product.wait_until(lambda: self.is_up(process), "the pages answer", 2 * STARTS_WITHIN)
            yield process
        finally:
            self.interrupt(process)

    def is_up(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, (self.folder.parent / "run.log").read_text()
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).ok
        except requests.RequestException:
            return False

    @staticmethod
    def interrupt(process: subprocess.Popen[bytes]) -> None:
        """Ctrl-C: SIGINT to the terminal's whole process group."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(STOPS_WITHIN)

    @cached_property
    def token(self) -> str:
        """Good for the whole life of the data folder."""
        return self.manage("token", "admin").stdout.split()[-1]

    def api(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}"
        answer = requests.get(url, headers=headers, timeout=20)
        assert answer.ok, answer.text
        return answer.json()

    def refs(self) -> set[str]:
        """Of every run that the API shows, page after page."""
        found: set[str] = set()
        cursor = ""
        while cursor is not None:
            page = self.api(f"executions?limit=200&cursor={cursor}")
            found |= {each["ref"] for each in page["items"]}
            cursor = page["next"]
        return found

    def processes(self) -> list[str]:
        """Command lines of every process that works on this data folder."""
        return [line for line in map(self._line_of, Path("/proc").glob("[0-9]*")) if line]

    def _line_of(self, process: Path) -> str:
        try:
            line = (process / "cmdline").read_bytes()
            said = line + (process / "environ").read_bytes()
        except OSError:
            return ""  # gone meanwhile
        is_ours = str(self.folder).encode() in said
        return line.replace(b"\0", b" ").decode() if is_ours else ""


SERVICES = ("DATABASE_URL", "REDIS_URL", "ANNUNCIATOR_DEMO", "ANNUNCIATOR_PACE")


def four_free_ports() -> int:
    """The first of four neighbours that are free."""
    while True:
        first = free_port()
        if first < 65_000 and all(is_free(first + n) for n in range(4)):
            return first


def is_free(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with own_folder() as folder:
        yield Terminal(folder)


def test_run_refuses_a_second_start_stops_cleanly_and_keeps_its_data(terminal: Terminal) -> None:
    with terminal.running() as process:
        Product.wait_until(lambda: len(terminal.refs()) > 100, "the demo's runs are stored", 60)
        known = terminal.refs()
        second = terminal.manage("run")
        assert second.returncode != 0
        assert f"runs already on {terminal.folder} (process {process.pid})" in second.stderr
        assert "Traceback" not in second.stderr
        assert terminal.is_up(process)
        terminal.interrupt(process)
        assert process.returncode == 0
        Product.wait_until(lambda: not terminal.processes(), str(terminal.processes()), 5)
    with terminal.running():
        assert known <= terminal.refs()
    time.sleep(0.2)
    assert terminal.processes() == []


@pytest.mark.parametrize("variable", ["PORT", "LIVE_PORT"])
def test_a_port_in_use_is_named(terminal: Terminal, variable: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        services = {key: os.environ[key] for key in ("DATABASE_URL", "REDIS_URL")}
        refused = terminal.manage("run", **{variable: port}, **services)
    assert refused.returncode != 0
    assert f"Port {port} ({variable}) is in use" in refused.stderr
    assert "Traceback" not in refused.stderr

"""`manage.py run` as people use it: start, start twice, a port in use, Ctrl-C, start again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import requests

from tests import prepared_postgres
from tests.busy import LATE
from tests.ports import free_port
from tests.product import PASSWORD, ROOT, STARTS_WITHIN, Product, own_folder

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]
STOPS_WITHIN = 60.0  # seconds; the last checkpoint of Postgres waits for a busy disk


def hears_the_terminal() -> None:
    """Also where the tests themselves were started with `nohup`, or in the background."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """One person's terminal: a data folder and its ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.live_port = free_port(), free_port()
        own = {key: value for key, value in os.environ.items() if key not in SERVICES}
        self.env = own | {
            "ANNUNCIATOR_DATA": str(folder),
            "ANNUNCIATOR_DEMO": "1",
            "ANNUNCIATOR_DEMO_PORT": str(free_port(4)),
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
            timeout=280,
            check=False,
        )

    @contextmanager
    def running(self, *before: str) -> Iterator[subprocess.Popen[bytes]]:
        """`manage.py run` until its pages answer; nothing of it is left behind. `before` is a
        command line that starts it."""
        options = ["--with-parent"] if before else []
        with open(self.folder.parent / "run.log", "ab") as log:
            process = subprocess.Popen(
                [*before, sys.executable, "manage.py", "run", *options],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=hears_the_terminal,
            )
        try:
            Product.wait_until(lambda: self.is_up(process), "the pages answer", 2 * STARTS_WITHIN)
            yield process
        finally:
            self.interrupt(process)

    @property
    def said(self) -> str:
        return (self.folder.parent / "run.log").read_text()

    def all_end(self) -> None:
        """Every process of the folder ends by itself."""
        Product.wait_until(lambda: not self.processes(), "everything ends", STOPS_WITHIN)

    def kill_all(self, is_wanted: Callable[[str], bool]) -> None:
        """kill -9 of all processes with such a command line, in one go."""
        for pid in self.process_ids(is_wanted):
            with suppress(ProcessLookupError):  # ended meanwhile, with the one before
                os.kill(pid, signal.SIGKILL)

    def is_up(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, self.said
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

    def process_ids(self, is_wanted: Callable[[str], bool]) -> list[int]:
        lines = {int(path.name): self._line_of(path) for path in Path("/proc").glob("[0-9]*")}
        return [pid for pid, line in lines.items() if line and is_wanted(line)]

    def _line_of(self, process: Path) -> str:
        try:
            line = (process / "cmdline").read_bytes()
            said = line + (process / "environ").read_bytes()
            said += os.fsencode((process / "cwd").readlink())  # Valkey writes over the other two
        except OSError:
            return ""  # gone meanwhile
        is_ours = str(self.folder).encode() in said
        return line.replace(b"\0", b" ").decode() if is_ours else ""


SERVICES = ("DATABASE_URL", "REDIS_URL", "ANNUNCIATOR_DEMO", "ANNUNCIATOR_PACE")


@contextmanager
def own_terminal(*, is_first: bool = False) -> Iterator[Terminal]:
    with own_folder() as name:
        (folder := name / "data").mkdir()
        if not is_first:
            prepared_postgres.put_into(folder)
        terminal = Terminal(folder)
        yield terminal
        terminal.kill_all(lambda line: True)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with own_terminal(is_first=True) as terminal:
        yield terminal


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
    terminal.env["ANNUNCIATOR_DEMO"] = "0"  # its simulators go on in tests of their own
    with terminal.running():
        assert known <= terminal.refs()
    time.sleep(0.2)
    assert terminal.processes() == []


@pytest.fixture(scope="module")
def quiet() -> Iterator[Terminal]:
    """A terminal without the demo, in which several tests start and stop."""
    with own_terminal() as terminal:
        terminal.env["ANNUNCIATOR_DEMO"] = "0"
        yield terminal


@pytest.mark.long
def test_a_terminal_that_is_closed_stops_everything(quiet: Terminal) -> None:
    with quiet.running() as process:
        os.killpg(process.pid, signal.SIGHUP)
        assert process.wait(STOPS_WITHIN) == 0
        quiet.all_end()


def test_a_killed_run_leaves_nothing_behind(quiet: Terminal) -> None:
    with quiet.running() as process:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        quiet.all_end()
    assert "earlier start" not in quiet.said


@pytest.mark.long
def test_a_run_ends_with_the_process_that_started_it(quiet: Terminal) -> None:
    assert "manage.py run --with-parent" in (ROOT / "Makefile").read_text()
    with quiet.running("/bin/sh", "-c", '"$@"; exit $?', "make") as make:
        os.kill(make.pid, signal.SIGKILL)
        make.wait()
        quiet.all_end()


@pytest.mark.long
def test_a_start_ends_the_processes_and_adopts_the_services_that_were_left(quiet: Terminal) -> None:
    with quiet.running() as process:
        quiet.kill_all(lambda line: "manage.py run" in line or "config.run_watchdog" in line)
        process.wait()
        left = len(quiet.process_ids(lambda line: "granian" in line or "celery" in line))
        assert left >= 4
    starts = quiet.said.count("Ctrl-C stops everything")
    with quiet.running() as process:
        Product.wait_until(
            lambda: quiet.said.count("Ctrl-C stops everything") > starts, "it starts", 60
        )
        assert "processes that an earlier start" in quiet.said
        assert "Postgres and Valkey of an earlier start" in quiet.said
        Product.wait_until(lambda: quiet.is_up(process), "the pages answer", STARTS_WITHIN)
    quiet.all_end()


@pytest.mark.long
def test_a_start_waits_for_a_database_that_recovers(quiet: Terminal) -> None:
    with quiet.running() as process:
        quiet.kill_all(lambda line: True)
        process.wait()
    with quiet.running():
        assert "exit status" not in quiet.said


# ------------------------------------------------------------------------- what ends by itself


@pytest.fixture(scope="module")
def going() -> Iterator[Terminal]:
    """A run without the demo that goes on through several tests."""
    with own_terminal() as terminal:
        terminal.env["ANNUNCIATOR_DEMO"] = "0"
        with terminal.running() as process:
            yield terminal
            assert process.poll() is None
        terminal.all_end()


def says(terminal: Terminal, words: str, since: int, seconds: float = 30) -> None:
    Product.wait_until(lambda: words in terminal.said[since:], words, seconds)


def is_ready(terminal: Terminal) -> bool:
    """Everything works, the stream included."""
    try:
        ready = requests.get(f"http://127.0.0.1:{terminal.port}/readyz", timeout=5).ok
        stream = requests.get(f"http://127.0.0.1:{terminal.live_port}/healthz", timeout=5).text
    except requests.RequestException:
        return False
    return ready and stream == "ok"


def page(terminal: Terminal, session: requests.Session) -> tuple[int, float, str]:
    """Status, seconds and text of a page that asks the database."""
    began = time.monotonic()
    answer = session.get(f"http://127.0.0.1:{terminal.port}/", timeout=20)
    return answer.status_code, round(time.monotonic() - began, 2), answer.text


def sign_in(terminal: Terminal) -> requests.Session:
    session = requests.Session()
    address = f"http://127.0.0.1:{terminal.port}/sign-in/"
    session.get(address, timeout=10)
    form = {"username": "admin", "password": PASSWORD}
    form["csrfmiddlewaretoken"] = next(c.value for c in session.cookies if "csrf" in c.name)
    assert session.post(address, form, headers={"Referer": address}, timeout=10).ok
    return session


def kill_service(terminal: Terminal, pid_file: str) -> None:
    os.kill(int((terminal.folder / pid_file).read_text().split()[0]), signal.SIGKILL)


@pytest.mark.long
@pytest.mark.fault("P2")
def test_a_process_that_dies_is_started_again_and_the_terminal_says_so(going: Terminal) -> None:
    marks = {"poller": "worker -Q poll", "beat": "config beat", "live": "config.live_stream",
             "web": "granian"}  # fmt: skip
    since = len(going.said)
    for mark in marks.values():
        pids = going.process_ids(lambda line, mark=mark: mark in line)
        os.kill(min(pids), signal.SIGKILL)  # of the pages one process alone: the other goes with it
    for name in marks:
        says(going, f"| {name} was killed (SIGKILL); it is started again in", since)
        says(going, f"{name} is started again\n", since)
    Product.wait_until(lambda: is_ready(going), "everything works", STARTS_WITHIN)


@pytest.mark.long
@pytest.mark.fault("P9")
def test_a_database_that_dies_is_started_again_and_pages_say_so_meanwhile(going: Terminal) -> None:
    session = sign_in(going)
    since = len(going.said)
    kill_service(going, "postgres/postmaster.pid")
    seen = [page(going, session)]
    while seen[-1][0] == 503:
        assert "The database does not answer" in seen[-1][2]
        time.sleep(0.2)
        seen.append(page(going, session))
    assert [each[0] for each in seen] == [503] * (len(seen) - 1) + [200], seen[-1][2]
    assert len(seen) > 1
    assert max(seconds for _, seconds, _ in seen[:-1]) < 1, [each[:2] for each in seen]
    says(going, "Postgres has ended; it is started again", since)
    says(going, "Postgres is back", since)
    Product.wait_until(lambda: is_ready(going), "everything works", 30)
    assert "it is started again in" not in going.said[since:]  # all processes lived through it


@pytest.mark.long
@pytest.mark.fault("P6")
def test_a_broker_that_dies_is_started_again(going: Terminal) -> None:
    since = len(going.said)
    kill_service(going, "valkey/pid")
    says(going, "Valkey has ended; it is started again", since)
    says(going, "Valkey is back", since)
    Product.wait_until(lambda: is_ready(going), "everything works", 15)
    assert "it is started again in" not in going.said[since:]


@contextmanager
def small_disk() -> Iterator[Terminal]:
    """A terminal whose data folder is a disk of its own, with room for little more than a start."""
    with own_folder() as name:
        (folder := name / "data").mkdir()
        small = ["mount", "-t", "tmpfs", "-o", "size=330m,mode=755", "none", str(folder)]
        if subprocess.run(small, capture_output=True, check=False).returncode:
            pytest.skip("needs the right to mount a small disk")
        prepared_postgres.put_into(folder)
        terminal = Terminal(folder)
        terminal.env["ANNUNCIATOR_DEMO"] = "0"
        try:
            yield terminal
        finally:
            terminal.kill_all(lambda line: True)
            subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """A file that takes every last byte of the disk."""
    ballast = folder / "ballast"
    with suppress(OSError), open(ballast, "wb", buffering=0) as file:
        while True:
            file.write(bytes(65_536))
    with suppress(OSError), open(ballast, "ab", buffering=0) as file:
        while True:
            file.write(bytes(512))
    return ballast


@pytest.mark.long
@pytest.mark.fault("P17")
def test_everything_recovers_by_itself_after_a_full_disk() -> None:
    with small_disk() as terminal, terminal.running() as process:
        session = sign_in(terminal)
        for _ in range(2):
            ballast = fill(terminal.folder)
            for _ in range(10):  # Postgres and Valkey write meanwhile, or cannot
                status, took, _ = page(terminal, session)
                assert status in (200, 503)
                assert took < LATE
                time.sleep(1)
            ballast.unlink()
            Product.wait_until(lambda: is_ready(terminal), "everything works", 60)
        assert process.poll() is None
        assert page(terminal, session)[0] == 200
        assert "it is started again in" not in terminal.said

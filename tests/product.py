"""The whole product as its users have it: real processes, own Postgres and Valkey, a real browser.

`Product` starts what `manage.py run` starts, from the same command lines, on free ports and a data
folder of its own. Tests talk to it from outside: pages, API, command line, SQL.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
import requests

from config import database_roles, embedded_services
from config.processes import processes
from tests import prepared_postgres
from tests.ports import free_port
from tests.warm_manage import WarmManage

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "lamps-are-on-4"
STARTS_WITHIN = 60.0  # seconds
PATIENCE = 3  # two cores, shared by several test processes and all of a product's


class Product:
    """One installation in `folder`. Use as a context manager; `start` and `kill` take names of
    `config.processes.processes`."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        self.port, self.live_port = free_port(), free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.given = env
        self.env = {**os.environ, **env}
        self._warm: WarmManage | None = None

    def __enter__(self) -> Product:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        if not (self.folder / "postgres").exists():
            prepared_postgres.put_into(self.folder)
        owner = embedded_services.start_postgres(self.folder)
        self.env |= {
            "ANNUNCIATOR_DATA": str(self.folder),
            "ANNUNCIATOR_DEMO": "0",
            "ANNUNCIATOR_ADMIN_PASSWORD": PASSWORD,
            "ANNUNCIATOR_ALLOWED_NETWORKS": "127.0.0.0/8:*",
            "ANNUNCIATOR_PACE": "100",
            "ANNUNCIATOR_UNDO_SECONDS": "0",
            "PORT": str(self.port),
            "LIVE_PORT": str(self.live_port),
            "DATABASE_OWNER_URL": owner,
            "DATABASE_URL": owner.replace("postgres@", f"{database_roles.OF_EMBEDDED}@"),
            "REDIS_URL": embedded_services.start_valkey(self.folder),
            "PYTHONUNBUFFERED": "1",
            **self.given,
        }
        self.commands = processes(
            host="127.0.0.1", port=self.port, live_port=self.live_port, data=self.folder
        )
        self.manage("setup")
        for name in self.commands:
            self.start(name)
        self.wait_until(self.is_up, "the pages answer", STARTS_WITHIN)
        return self

    def __exit__(self, *exc: object) -> None:
        for process in self.running.values():
            stop_group(process, signal.SIGTERM)
        for process in self.running.values():
            try:
                process.wait(8)
            except subprocess.TimeoutExpired:
                stop_group(process, signal.SIGKILL)
                process.wait(5)
        if self._warm:
            self._warm.stop()
        embedded_services.stop_valkey(self.folder)
        embedded_services.stop_postgres(self.folder)

    # ------------------------------------------------------------------------------ processes

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start one process; its output goes to `<folder>/<name>.log`."""
        with open(self.folder / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(
                shlex.split(self.commands[name]),
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.running[name]

    def kill(self, name: str) -> None:
        """kill -9 of the process and everything it started."""
        process = self.running.pop(name)
        stop_group(process, signal.SIGKILL)
        process.wait(10)

    def kill_broker(self) -> None:
        os.kill(int((self.folder / "valkey" / "pid").read_text()), signal.SIGKILL)

    def freeze(self, name: str, seconds: float) -> None:
        """The process stands still that long, as on a machine that swaps, and goes on."""
        stop_group(self.running[name], signal.SIGSTOP)
        time.sleep(seconds)
        stop_group(self.running[name], signal.SIGCONT)

    def restart_database(self) -> None:
        embedded_services.stop_postgres(self.folder)
        embedded_services.start_postgres(self.folder)

    def start_broker(self) -> None:
        """On the same port and with the same password, as a supervisor would."""
        embedded_services.restart_valkey(self.folder)

    def manage(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`manage.py ...` with the installation's environment."""
        if args[0] not in database_roles.OWNER_COMMANDS:
            if self._warm is None:
                self._warm = WarmManage(self.env)
            done = self._warm.run(args, self.env)
        else:
            done = subprocess.run(
                [sys.executable, "manage.py", *args],
                cwd=ROOT,
                env=self.env,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def is_up(self) -> bool:
        try:
            pages = requests.get(f"{self.base_url}/healthz", timeout=2)
            live = requests.get(f"http://127.0.0.1:{self.live_port}/healthz", timeout=2)
        except requests.RequestException:
            return False
        return pages.ok and live.text == "ok"

    def readiness(self) -> Any:
        """What /readyz answers."""
        return requests.get(f"{self.base_url}/readyz", timeout=5).json()

    def logs(self) -> str:
        """Everything the processes printed."""
        return "\n".join(path.read_text(errors="replace") for path in self.folder.glob("*.log"))

    # ------------------------------------------------------------------------- looking and acting

    def add_account(
        self, name: str, provider: str, settings: dict[str, Any], **secrets: str
    ) -> None:
        """Through an accounts file, as people who keep their setup in git do."""
        account = {
            "name": name,
            "provider": provider,
            "settings": settings,
            "credentials": secrets,
            "poll_every": 1,
        }
        path = self.folder / "accounts.yaml"
        path.write_text(json.dumps({"accounts": [account]}))
        self.manage("accounts", "apply", str(path))

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of the installation's database, read from outside."""
        with psycopg.connect(self.env["DATABASE_OWNER_URL"], autocommit=True) as connection:
            return list(connection.execute(sql, values).fetchall())

    @cached_property
    def token(self) -> str:
        """The admin's, made when first asked for: by a process of its own, which takes seconds."""
        return self.manage("token", "admin").stdout.split()[-1]

    def api(self, method: str, path: str, token: str = "", **options: Any) -> requests.Response:
        """A request to /api/v1/ with the admin's token, or another one."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        url = f"{self.base_url}/api/v1/{path}"
        return requests.request(method, url, headers=headers, timeout=20, **options)

    @staticmethod
    def wait_until(done: Callable[[], Any], what: str, seconds: float = 30) -> Any:
        """The first true result of `done`; AssertionError with `what` if it takes PATIENCE times as
        long as it should on a machine that does nothing else."""
        deadline = time.monotonic() + PATIENCE * seconds
        while not (result := done()):
            assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
            time.sleep(0.1)
        return result


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder outside pytest's own, which every run of pytest closes to other users: Postgres has
    a user of its own when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="annunciator-", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o755)  # noqa: S103
        yield Path(name)


def stop_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return

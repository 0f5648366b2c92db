"""Starts a real Buildbot on this machine with the builders of `buildbot_master.py`, and runs them.

From a terminal: `python -m tests.engines.buildbot up|stop|info`; from a test: `with
Engine.running(home) as engine`. SQLite and two local workers; a password made by chance.
"""

from __future__ import annotations

import base64
import http.cookiejar
import json
import secrets
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.engines.installed import Installed, command_line
from tests.engines.processes import wait_until
from tests.ports import free_port

MASTER = Path(__file__).with_name("buildbot_master.py")
START_WITHIN = 120.0  # seconds until the master answers and has its workers
SETTLE_WITHIN = 120.0  # seconds until the builds of the mix are where they should be
OPEN = -1
SUCCESS, WARNINGS, FAILURE, SKIPPED, EXCEPTION, RETRY, CANCELLED = range(7)

MIX: dict[str, tuple[str, dict[str, Any], int | None]] = {
    "succeeded": ("import-invoices", {"count": 4, "urgency": "urgent", "dry_run": True}, SUCCESS),
    "failed": ("reconcile-ledger", {}, FAILURE),
    "warning": ("notify-customers", {}, WARNINGS),
    "exception": ("explode", {}, EXCEPTION),
    "timed_out": ("load-rates", {}, FAILURE),
    "out_of_time": ("close-month", {}, FAILURE),
    "long_log": ("take-stock", {}, SUCCESS),
    "tried_again": ("try-again", {}, SUCCESS),
    "parent": ("onboard", {}, SUCCESS),
    "odd": ("Büro: Exporte <täglich> & mehr", {}, SUCCESS),
    "stopped": ("watch-inbox", {}, None),
    "running": ("watch-inbox", {}, None),
    "canceled": ("watch-inbox", {}, OPEN),
    "queued": ("watch-inbox", {}, OPEN),
}
"""Name in the mix: builder, properties, and its result to wait for; None: until it runs. `stopped`
is stopped once it runs, `canceled` while it waits, both past the adapter."""


class Engine(Installed):
    """One Buildbot."""

    key = "buildbot"
    name = "Buildbot"
    packages = ("buildbot[bundle]>=4,<5",)
    names = ("master",)

    def __init__(self, folder: Path, home: Path) -> None:
        super().__init__(folder, home)
        self.password_file = home / "password"
        self._opener: urllib.request.OpenerDirector | None = None
        self._calls = 0

    # -------------------------------------------------------------------------- what it is

    @property
    def password(self) -> str:
        """Of `ana`, who may act, and of `vera`, who may not; made at the first start."""
        if not self.password_file.exists():
            self.password_file.touch(mode=0o600)
            self.password_file.write_text(secrets.token_hex(18))
        return self.password_file.read_text()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.state['port']}"

    def login(self) -> dict[str, str]:
        return {"base_url": self.base_url, "username": f"ana, password in {self.password_file}"}

    def environment(self) -> dict[str, str]:
        facts = {"BB_PORT": str(self.state["port"]), "BB_PASSWORD": self.password}
        return {**super().environment(), **facts, "PYTHONDONTWRITEBYTECODE": "1"}

    # ------------------------------------------------------------------------------- up

    def begin(self) -> None:
        self.note(port=free_port(), processes={})
        master, buildbot = self.home / "master", str(self.bin / "buildbot")
        if not (master / "buildbot.tac").exists():
            with (self.home / "create.log").open("ab") as log:
                create = [buildbot, "create-master", "-q", str(master)]
                subprocess.run(create, env=self.environment(), stdout=log, stderr=log, check=True)
        shutil.copy(MASTER, master / "master.cfg")
        self.spawn("master", [buildbot, "start", "--nodaemon", str(master)])
        complaint = f"Buildbot did not start, see {self.home}/master.log"
        wait_until(self._answers, START_WITHIN, complaint)

    # ----------------------------------------------------------------------------- its API

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """One look past the adapter; `path` is below /api/v2. Reading needs no login."""
        address = f"{self.base_url}/api/v2/{path}?{urllib.parse.urlencode(query, doseq=True)}"
        with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - our loopback
            return dict(json.loads(answer.read()))

    def control(self, path: str, method: str, **params: Any) -> Any:
        """What a signed-in person does past the adapter."""
        if self._opener is None:
            jar = http.cookiejar.CookieJar()
            self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
            login = base64.b64encode(f"ana:{self.password}".encode()).decode()
            self._opener.open(
                urllib.request.Request(  # noqa: S310
                    f"{self.base_url}/auth/login", headers={"Authorization": f"Basic {login}"}
                ),
                timeout=60,
            ).close()
        self._calls += 1
        call = {"jsonrpc": "2.0", "method": method, "id": self._calls, "params": params}
        request = urllib.request.Request(  # noqa: S310
            f"{self.base_url}/api/v2/{path}",
            data=json.dumps(call).encode(),
            headers={"Content-Type": "application/json"},
        )
        with self._opener.open(request, timeout=60) as answer:
            return json.loads(answer.read())["result"]

    def _answers(self) -> bool:
        try:
            known = self.get("workers")["workers"]
        except (urllib.error.URLError, OSError):
            return False
        return len(known) == 2 and all(each["connected_to"] for each in known)

    def builder(self, name: str) -> int:
        (found,) = (each for each in self.get("builders")["builders"] if each["name"] == name)
        return int(found["builderid"])

    def force(self, name: str, **properties: Any) -> str:
        """The ref of the new run: the id of its build request."""
        scheduler = "force-import" if name == "import-invoices" else "force"
        about = {"builderid": self.builder(name), "reason": "of the mix", "username": "ana"}
        result = self.control(f"forceschedulers/{scheduler}", "force", **about, **properties)
        return str(next(iter(result[1].values())))

    def request(self, ref: str) -> dict[str, Any]:
        return dict(self.get(f"buildrequests/{ref}")["buildrequests"][0])

    def builds(self, ref: str) -> list[dict[str, Any]]:
        found = self.get(f"buildrequests/{ref}/builds")["builds"]
        return sorted(found, key=lambda build: build["number"])

    def wait_for(self, ref: str, result: int | None) -> None:
        """Raises RuntimeError if the request has not this result in time; None: it runs."""
        complaint = f"request {ref} did not become {result}, see {self.home}/master.log"

        def is_so() -> bool:
            if result is None:
                builds = self.builds(ref)
                return bool(builds) and self.steps(builds[-1]["buildid"])[-1]["results"] is None
            return bool(self.request(ref)["results"] == result)

        wait_until(is_so, SETTLE_WITHIN, complaint)

    def steps(self, build: int) -> list[dict[str, Any]]:
        return list(self.get(f"builds/{build}/steps")["steps"]) or [{"results": 0}]

    def mix(self) -> dict[str, str]:
        """Make the standard mix. Returns refs by the names of `MIX`, and `child`, `rebuilt`."""
        runs: dict[str, str] = {}
        for name, (builder, properties, result) in MIX.items():
            runs[name] = self.force(builder, **properties)
            if name == "stopped":
                self.wait_for(runs[name], None)
                self.control(f"builds/{self.builds(runs[name])[-1]['buildid']}", "stop")
                self.wait_for(runs[name], CANCELLED)
            elif result is None:
                self.wait_for(runs[name], None)
        self.control(f"buildrequests/{runs['canceled']}", "cancel", reason="not needed")
        self.wait_for(runs["canceled"], CANCELLED)
        for name, (_, _, result) in MIX.items():
            if result is not None and name not in ("canceled", "queued"):
                self.wait_for(runs[name], result)
        build = self.builds(runs["failed"])[-1]["buildid"]
        result = self.control(f"builds/{build}", "rebuild")
        runs["rebuilt"] = str(next(iter(result[1].values())))
        self.wait_for(runs["rebuilt"], FAILURE)
        parent = self.builds(runs["parent"])[-1]["buildid"]
        (buildset,) = self.get("buildsets", parent_buildid=parent)["buildsets"]
        (child,) = self.get("buildrequests", buildsetid=buildset["bsid"])["buildrequests"]
        runs["child"] = str(child["buildrequestid"])
        self.note(runs=runs)
        return runs


if __name__ == "__main__":
    raise SystemExit(command_line(Engine, sys.argv[1:]))

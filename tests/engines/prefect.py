"""Starts a real Prefect 3 on this machine: server, flow runner and a standard mix of runs.

From a terminal: `python -m tests.engines.prefect up|stop|info`; from a test: `with
Engine.running(home) as engine`. It stands behind a random login.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.engines.installed import Installed, command_line
from tests.engines.processes import wait_until
from tests.ports import free_port

FLOWS = Path(__file__).with_name("prefect_flows.py")
START_WITHIN = 180.0  # seconds until the server answers
SETTLE_WITHIN = 300.0  # seconds until a run of the mix is where it should be
BUSY_WITHIN = 30.0  # seconds that a locked database may keep us waiting
OPEN, CLOSED = {"SCHEDULED", "PENDING", "RUNNING"}, {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

MIX = {
    "succeeded": ("import-invoices", {"count": 5}, CLOSED),
    "failed": ("reconcile-ledger", {}, CLOSED),
    "warning": ("notify-customers", {}, CLOSED),
    "timed_out": ("close-month", {}, CLOSED),
    "parallel": ("print-labels", {"count": 4}, CLOSED),
    "parent": ("onboard-suppliers", {}, CLOSED),
    "running": ("watch-inbox", {}, {"RUNNING"}),
    "canceled": ("watch-inbox", {"seconds": 900}, {"RUNNING"}),
    "input": ("approve-payment", {"amount": 1200}, {"PAUSED"}),
    "declined": ("approve-payment", {"amount": 7}, {"PAUSED"}),
    "paused": ("release-shipment", {}, {"PAUSED"}),
    "suspended": ("review-claim", {}, {"PAUSED"}),
}
"""Name in the mix: deployment, parameters, state types to wait for. `canceled` and `declined` are
then cancelled and answered; `scheduled` comes on top."""


class Engine(Installed):
    """One Prefect."""

    key = "prefect"
    name = "Prefect"
    # Prefect 3.8.8 dies at import with a newer FastAPI (seen November 2026).
    packages = ("prefect>=3,<4", "fastapi<0.150")
    names = ("server", "flows")

    def __init__(self, folder: Path, home: Path) -> None:
        super().__init__(folder, home)
        self.auth_file = home / "login"

    # -------------------------------------------------------------------------- what it is

    @property
    def auth(self) -> str:
        """`user:password` of the server, made at the first start."""
        if not self.auth_file.exists():
            self.auth_file.touch(mode=0o600)
            self.auth_file.write_text(f"operator:{secrets.token_urlsafe(18)}")
        return self.auth_file.read_text()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.state['port']}/api"

    def login(self) -> dict[str, str]:
        return {"base_url": self.base_url, "auth": f"user:password in {self.auth_file}"}

    # ------------------------------------------------------------------------------- up

    def begin(self) -> None:
        port = free_port()
        self.note(port=port, processes={})
        server = ("server", "start", "--host", "127.0.0.1", "--port", str(port))
        self.spawn("server", [str(self.bin / "prefect"), *server])
        wait_until(
            self._answers, START_WITHIN, f"the server did not start, see {self.home}/server.log"
        )
        # A copy, because the module beside the original is called `prefect` like the package.
        flows = self.home / "flows"
        flows.mkdir(exist_ok=True)
        shutil.copy(FLOWS, flows)
        self.spawn("flows", [str(self.bin / "python"), FLOWS.name], cwd=flows)
        wait_until(
            self._has_deployments, START_WITHIN, f"no deployments, see {self.home}/flows.log"
        )

    def environment(self) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
        return {
            **clean,
            "PREFECT_HOME": str(self.home / "prefect"),
            "PREFECT_API_URL": self.base_url,
            "PREFECT_SERVER_API_AUTH_STRING": self.auth,
            "PREFECT_API_AUTH_STRING": self.auth,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_LOGGING_TO_API_BATCH_INTERVAL": "0.5",
            "PREFECT_RUNNER_POLL_FREQUENCY": "2",
        }

    # ----------------------------------------------------------------------------- its API

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """One call past the adapter, to set the scene and to check it. A server whose SQLite is
        locked answers 503 and has done nothing (seen November 2026): asked again."""
        end = time.monotonic() + BUSY_WITHIN
        while True:
            try:
                return self._call(method, path, body)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code != 503 or time.monotonic() > end:
                    raise
                time.sleep(0.5)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{self.base_url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": "Basic " + base64.b64encode(self.auth.encode()).decode(),
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def _answers(self) -> bool:
        try:
            return bool(self._call("GET", "/health"))
        except (urllib.error.URLError, OSError):
            return False

    def _has_deployments(self) -> bool:
        wanted = {deployment for deployment, _, _ in MIX.values()}
        return int(self.api("POST", "/deployments/count", {})) >= len(wanted)

    def deployment_id(self, name: str) -> str:
        return str(self.api("GET", f"/deployments/name/{name}/{name}")["id"])

    def start_run(self, name: str, parameters: Any, **more: Any) -> str:
        body = {"parameters": parameters, "idempotency_key": secrets.token_hex(8), **more}
        path = f"/deployments/{self.deployment_id(name)}/create_flow_run"
        return str(self.api("POST", path, body)["id"])

    def wait_for(self, run_id: str, types: set[str]) -> None:
        """Raises RuntimeError if the run is not in one of these state types in time."""
        wait_until(
            lambda: self.api("GET", f"/flow_runs/{run_id}")["state_type"] in types,
            SETTLE_WITHIN,
            f"run {run_id} did not become {' or '.join(sorted(types))}, see {self.home}/flows.log",
        )

    def mix(self) -> dict[str, str]:
        """Make the standard mix. Returns run ids by the names of `MIX`, and `scheduled`."""
        far = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2099-01-01T00:00:00Z"}}
        runs = {"scheduled": self.start_run("import-invoices", {}, state=far)}
        for name, (deployment, parameters, _) in MIX.items():
            runs[name] = self.start_run(deployment, parameters)
        for name, (_, _, types) in MIX.items():
            self.wait_for(runs[name], types)
        cancelling = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        self.api("POST", f"/flow_runs/{runs['canceled']}/set_state", cancelling)
        answer = {"run_input": {"approve": False, "note": "wrong account"}}
        self.api("POST", f"/flow_runs/{runs['declined']}/resume", answer)
        for name in ("canceled", "declined"):
            self.wait_for(runs[name], CLOSED)
        self.note(runs=runs)
        return runs


if __name__ == "__main__":
    raise SystemExit(command_line(Engine, sys.argv[1:]))

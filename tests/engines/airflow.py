"""Starts a real Airflow 3 on this machine with the DAGs of `airflow_dags.py`, and makes their runs.

From a terminal: `python -m tests.engines.airflow up|stop|info`; from a test: `with
Engine.running(home) as engine`. SQLite, and passwords made by chance.
"""

from __future__ import annotations

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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.engines.installed import Installed, command_line
from tests.engines.processes import wait_until
from tests.ports import free_port

DAGS = Path(__file__).with_name("airflow_dags.py")
START_WITHIN = 300.0  # seconds until the server answers and knows the DAGs
TRIES = 3  # of a run of the mix
SETTLE_WITHIN = 300.0  # seconds until the runs of the mix are where they should be
USERS = {"ana": "admin", "otto": "op", "vera": "viewer"}  # and their roles
LONG_LOG = 5000  # lines
BUSY_WITHIN = 60.0  # seconds that a locked database may keep us waiting
ENDED = {"success", "failed"}

MIX = {
    "running": ("watch-inbox", {}, "running", "running"),
    "marked": ("watch-inbox", {}, "running", "running"),
    "deferred": ("await-stock", {}, "running", "deferred"),
    "rescheduled": ("poll-harbour", {}, "running", "up_for_reschedule"),
    "retrying": ("flaky-export", {}, "running", "up_for_retry"),
    "queued": ("archive-orders", {}, "queued", ""),
    "form": ("approve-payment", {}, "running", "awaiting_input"),
    "approval": ("sign-contract", {}, "running", "awaiting_input"),
    "refused": ("sign-contract", {}, "running", "awaiting_input"),
    "several": ("choose-wares", {}, "running", "awaiting_input"),
    "succeeded": ("import-invoices", {"count": 3, "priority": "urgent"}, "success", ""),
    "failed": ("reconcile-ledger", {}, "failed", ""),
    "warning": ("notify-customers", {}, "success", ""),
    "run_timed_out": ("close-month", {}, "failed", ""),
    "task_timed_out": ("load-rates", {}, "failed", ""),
    "unanswered": ("late-answer", {}, "failed", ""),
    "mapped": ("print-labels", {}, "success", ""),
    "parent": ("onboard-suppliers", {}, "success", ""),
    "skipping": ("skip-weekend", {}, "success", ""),
    "long_log": ("take-stock", {"lines": LONG_LOG}, "success", ""),
    "odd": ("bürö.export_ä-1", {}, "success", ""),
}
"""Name in the mix: DAG, conf, the run's state to wait for, and a state of one of its tasks. After
that `marked` is marked failed past the adapter and `refused` is answered so."""


class Engine(Installed):
    """One Airflow."""

    key = "airflow"
    name = "Airflow"
    packages = ("apache-airflow>=3.1,<4",)
    names = ("api-server", "scheduler", "dag-processor", "triggerer")

    def __init__(self, folder: Path, home: Path) -> None:
        super().__init__(folder, home)
        self.passwords_file = home / "passwords.json"
        self._token = ""

    # -------------------------------------------------------------------------- what it is

    @property
    def passwords(self) -> dict[str, str]:
        """By user name, made at the first start."""
        if not self.passwords_file.exists():
            self.passwords_file.touch(mode=0o600)
            made = {name: secrets.token_urlsafe(18) for name in USERS}
            self.passwords_file.write_text(json.dumps(made))
        return dict(json.loads(self.passwords_file.read_text()))

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.state['port']}"

    def login(self) -> dict[str, str]:
        return {"base_url": self.base_url, "username": f"ana, password in {self.passwords_file}"}

    # ------------------------------------------------------------------------------- up

    def begin_again(self) -> None:
        """The same address with an empty database and another key for its tokens."""
        port = self.state["port"]
        self.stop()
        for path in [*self.home.glob("airflow.db*"), self.home / "jwt-secret"]:
            path.unlink()
        self._token = ""
        self.up(port=port)

    def begin(self, port: int | None = None) -> None:
        port = port or free_port()
        dags = self.home / "dags"
        dags.mkdir(exist_ok=True)
        shutil.copy(DAGS, dags)
        self.note(port=port, processes={})
        airflow = str(self.bin / "airflow")
        with (self.home / "migrate.log").open("ab") as log:
            migrate = [airflow, "db", "migrate"]
            subprocess.run(migrate, env=self.environment(), stdout=log, stderr=log, check=True)
        server = ["api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        self.spawn("api-server", [airflow, *server])
        answers = f"the server did not start, see {self.home}/api-server.log"
        wait_until(self._answers, START_WITHIN, answers)
        self.spawn("dag-processor", [airflow, "dag-processor"])
        self.spawn("scheduler", [airflow, "scheduler", "--skip-serve-logs"])
        self.spawn("triggerer", [airflow, "triggerer", "--skip-serve-logs"])
        known = f"the DAGs are not known, see {self.home}/dag-processor.log"
        wait_until(self._knows_dags, START_WITHIN, known)

    def environment(self) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
        auth = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
        users = ",".join(f"{name}:{role}" for name, role in USERS.items())
        self.passwords  # noqa: B018 - made before the server looks for them
        secret = self.home / "jwt-secret"
        if not secret.exists():
            secret.touch(mode=0o600)
            secret.write_text(secrets.token_urlsafe(48))
        return {
            **clean,
            "AIRFLOW_HOME": str(self.home / "airflow"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.home / "dags"),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "3",
            "AIRFLOW__CORE__AUTH_MANAGER": auth,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.passwords_file),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.base_url}/execution/",
            "AIRFLOW__API__BASE_URL": self.base_url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": secret.read_text(),
            "AIRFLOW__API_AUTH__JWT_SECRET": secret.read_text(),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    # ----------------------------------------------------------------------------- its API

    def api(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """One call past the adapter, to set the scene and to check it. `path` is below /api/v2. A
        server whose SQLite is locked answers 500 and has done nothing (seen): asked again."""
        if not self._token:
            self._token = self.token("ana")
        headers = {"Authorization": f"Bearer {self._token}"}
        address = f"/api/v2{path}"
        if query:
            address += f"?{urllib.parse.urlencode(query, doseq=True)}"
        end = time.monotonic() + BUSY_WITHIN
        while True:
            try:
                return self._call(method, address, body, headers)
            except urllib.error.HTTPError as error:
                error.close()
                if error.code != 500 or time.monotonic() > end:
                    raise
                time.sleep(1)

    def token(self, user: str) -> str:
        body = {"username": user, "password": self.passwords[user]}
        return str(self._call("POST", "/auth/token", body, {})["access_token"])

    def _call(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{self.base_url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={**headers, "Content-Type": "application/json", "Accept": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def _answers(self) -> bool:
        try:
            return bool(self._call("GET", "/api/v2/version", None, {}))
        except (urllib.error.URLError, OSError):
            return False

    def _knows_dags(self) -> bool:
        wanted = {dag for dag, *_ in MIX.values()}
        known = {dag["dag_id"] for dag in self.api("GET", "/dags", limit=100)["dags"]}
        return wanted <= known

    def trigger(self, dag: str, conf: Any = None, **more: Any) -> str:
        """The new run's ref, as the adapter has it."""
        body = {"logical_date": None, "conf": conf or {}, **more}
        made = self.api("POST", f"/dags/{quoted(dag)}/dagRuns", body)
        return f"{dag}/{made['dag_run_id']}"

    def run(self, ref: str) -> dict[str, Any]:
        return dict(self.api("GET", path_of(ref)))

    def tasks(self, ref: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            page = self.api("GET", f"{path_of(ref)}/taskInstances", limit=100, offset=len(found))
            found += page["task_instances"]
            if len(found) >= page["total_entries"]:
                return found

    def is_at(self, ref: str, state: str, task_state: str) -> bool:
        if self.run(ref)["state"] != state:
            return False
        return not task_state or task_state in [task["state"] for task in self.tasks(ref)]

    def _reached(self, name: str, ref: str) -> str:
        """The ref of a run of the mix that is where it should be. On a busy machine Airflow's
        SQLite is locked for so long that it ends a task by mistake: then another run is made."""
        dag, conf, state, task_state = MIX[name]
        for _ in range(TRIES):
            self._wait_until(
                lambda ref=ref: self.is_at(ref, state, task_state) or self._is_over(ref)
            )  # type: ignore[misc]
            if self.is_at(ref, state, task_state):
                return ref
            ref = self.trigger(dag, conf)
        raise RuntimeError(f"{name} ended otherwise each time, see {self.home}/scheduler.log")

    def _wait_until(self, is_so: Callable[[], bool]) -> None:
        complaint = f"a run is not where it should be in time, see {self.home}/scheduler.log"
        wait_until(is_so, SETTLE_WITHIN, complaint)

    def _is_over(self, ref: str) -> bool:
        return self.run(ref)["state"] in ENDED

    def wait_for(self, ref: str, state: str, task_state: str = "") -> None:
        """Raises RuntimeError if the run, and one of its tasks, is not in this state in time."""
        complaint = f"run {ref} did not become {state} {task_state}, see {self.home}/scheduler.log"
        wait_until(lambda: self.is_at(ref, state, task_state), SETTLE_WITHIN, complaint)

    def answer(self, ref: str, task: str, *options: str, **params: Any) -> None:
        path = f"{path_of(ref)}/taskInstances/{quoted(task)}/-1/hitlDetails"
        self.api("PATCH", path, {"chosen_options": list(options), "params_input": params})

    def mix(self) -> dict[str, str]:
        """Make the standard mix. Returns refs by the names of `MIX`, and `child`, which `parent`
        started. What holds a worker comes last."""
        first = [name for name in MIX if MIX[name][0] not in ("watch-inbox", "close-month")]
        last = [name for name in MIX if name not in first]
        runs = {name: self.trigger(*MIX[name][:2]) for name in first}
        for name in [*first, *last]:
            ref = runs.get(name) or self.trigger(*MIX[name][:2])
            runs[name] = self._reached(name, ref)
        time.sleep(2)  # a question that was asked this moment is not ready for its answer
        self.answer(runs["refused"], "sign", "Reject")
        self.api("PATCH", path_of(runs["marked"]), {"state": "failed", "note": "wrong mailbox"})
        for name in ("refused", "marked"):
            self._wait_until(lambda name=name: self._is_over(runs[name]))  # type: ignore[misc]
        value = "taskInstances/import_first/xcomEntries/trigger_run_id"
        child = self.api("GET", f"{path_of(runs['parent'])}/{value}")["value"]
        runs["child"] = f"import-invoices/{child}"
        self.wait_for(runs["child"], "success")
        self.note(runs=runs)
        return runs


def quoted(part: str) -> str:
    return urllib.parse.quote(part, safe="")


def path_of(ref: str) -> str:
    dag, _, run = ref.partition("/")
    return f"/dags/{quoted(dag)}/dagRuns/{quoted(run)}"


if __name__ == "__main__":
    raise SystemExit(command_line(Engine, sys.argv[1:]))

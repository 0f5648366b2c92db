"""Starts a real Restate on this machine, and invokes the services of `restate_services.mjs`.

From a terminal: `python -m tests.engines.restate up|stop|info`; from a test: `with
Engine.running(home) as engine`. One node, without a login, as it comes; npm has its binary.
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
from urllib.parse import quote

from tests.engines.installed import Installed, command_line
from tests.engines.processes import wait_until
from tests.ports import free_port

SERVICES = Path(__file__).with_name("restate_services.mjs")
START_WITHIN = 120.0  # seconds until the server answers and knows the services
SETTLE_WITHIN = 120.0  # seconds until an invocation of the mix is where it should be
LONG_JOURNAL = 700  # steps
SLOTS = 20  # invocations that run at once
ODD_KEY = "Nord / Süd & <1>'s \\"
SETTINGS = """
node-name = "n1"
cluster-name = "local"
base-dir = "{home}/data"
bind-ip = "127.0.0.1"
bind-address = "127.0.0.1:{node_port}"
advertised-address = "http://127.0.0.1:{node_port}"
listen-mode = "tcp"
disable-telemetry = true
default-num-partitions = 1
[admin]
bind-address = "127.0.0.1:{port}"
[ingress]
bind-address = "127.0.0.1:{ingress_port}"
[worker.invoker]
concurrent-invocations-limit = {slots}
"""
IMPORT = {"count": 3, "priority": "URGENT", "labels": ["a"]}

MIX: Mapping[str, tuple[str, Any, str]] = {
    "succeeded": ("invoices/import", IMPORT, "success"),
    "failed": ("invoices/reconcile", {"month": "2026-11"}, "failure"),
    "timed_out": ("invoices/rates", None, "failure"),
    "retried": ("partner/call", None, "success"),
    "given_up": ("partner/hopeless", None, "failure"),
    "long": ("invoices/take_stock", {"wares": LONG_JOURNAL}, "success"),
    "parent": (f"orders/{quote(ODD_KEY, safe='')}/place", ["pen"], "success"),
    "backing_off": ("partner/unreachable", None, "backing-off"),
    "paused": ("partner/broken", None, "paused"),
    "paused_in_code": ("partner/explode", None, "paused"),
    "sleeping": ("invoices/archive", None, "suspended"),
    "canceled": ("invoices/archive", None, "suspended"),
    "undone": ("invoices/undo", None, "suspended"),
    "killed": ("invoices/watch", None, "running"),
    "running": ("invoices/watch", None, "running"),
    "holding": ("orders/blocked/hold", None, "suspended"),
    "pending": ("orders/blocked/add", "pen", "pending"),
    "asking": ("desk/ask", {"city": "Oslo"}, "suspended"),
    "refused": ("desk/ask", "may I?", "suspended"),
    "asking_until": ("desk/ask_until", None, "suspended"),
    "forwarding": ("desk/forward", "a holiday", "suspended"),
    "approving": ("approval/budget-7/run", {"sum": 12}, "suspended"),
    "approved": ("approval/budget-6/run", {"sum": 7}, "suspended"),
    "surveying": ("survey/mood/run", None, "suspended"),
}
"""Name in the mix: address below the ingress, input, and the state to wait for. After that
`canceled` and `undone` are canceled, `killed` is killed, `refused` rejected and `approved` decided;
`scheduled` waits for its time, `restarted` is `failed` once more, `child`, `sent` and `asked` are
invocations by others, `deciding` is the call that decided."""

COLUMNS = """*, CASE WHEN status = 'completed' THEN completion_result ELSE status END AS state"""


class Engine(Installed):
    """One Restate."""

    key = "restate"
    name = "Restate"
    packages = ("@restatedev/restate-server@^1.7", "@restatedev/restate-sdk@^1.10")
    names = ("services", "server")

    def __init__(self, folder: Path, home: Path) -> None:
        super().__init__(folder, home)
        self.npm = folder / "npm"

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.state['port']}"

    @property
    def ingress_url(self) -> str:
        return f"http://127.0.0.1:{self.state['ingress_port']}"

    def login(self) -> dict[str, str]:
        return {"base_url": self.base_url, "ingress_url": self.ingress_url}

    def install(self) -> None:
        marker = self.npm / "installed"
        wanted = "\n".join(self.packages)
        if marker.exists() and marker.read_text() == wanted:
            return
        self.npm.mkdir(parents=True, exist_ok=True)
        (self.npm / "package.json").write_text('{"private": true}')
        npm = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *self.packages]
        subprocess.run(npm, cwd=self.npm, check=True, timeout=900)
        marker.write_text(wanted)

    def environment(self) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith("RESTATE")}
        return {**clean, "DO_NOT_TRACK": "1"}

    def begin(self) -> None:
        ports = {name: free_port() for name in ("port", "ingress_port", "node_port", "services")}
        self.note(**ports, processes={})
        config = self.home / "restate.toml"
        config.write_text(SETTINGS.format(home=self.home, slots=SLOTS, **ports))
        services = self.npm / SERVICES.name  # beside the packages that it imports
        shutil.copy(SERVICES, services)
        self.spawn("services", ["node", str(services), str(ports["services"])])
        server = self.npm / "node_modules" / ".bin" / "restate-server"
        self.spawn("server", [str(server), "--config-file", str(config), "--no-logo"])
        complaint = f"the server does not answer, see {self.home}/server.log"
        wait_until(self._answers, START_WITHIN, complaint)
        where = {"uri": f"http://127.0.0.1:{ports['services']}", "force": True}
        complaint = f"the services are not known, see {self.home}/services.log"
        wait_until(lambda: self._can(self.admin, "POST", "/deployments", where), 30, complaint)

    # ----------------------------------------------------------------------------- its API

    def ask(
        self, method: str, address: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Any:
        """One call past the adapter, to set the scene and to check it. Bytes are sent as text."""
        is_text = isinstance(body, bytes)
        data = body if body is None or is_text else json.dumps(body).encode()
        kind = {"Content-Type": "text/plain" if is_text else "application/json"} if data else {}
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            address, method=method, data=data,
            headers={"Accept": "application/json", **kind, **(headers or {})},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            content = answer.read()
        return json.loads(content) if content else None

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        return self.ask(method, f"{self.base_url}{path}", body)

    def ingress(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.ask("POST", f"{self.ingress_url}/{path}", body, headers)

    def sql(self, query: str) -> list[dict[str, Any]]:
        return list(self.admin("POST", "/query", {"query": query})["rows"])

    @staticmethod
    def _can(call: Callable[..., Any], *given: Any) -> bool:
        try:
            call(*given)
        except (urllib.error.URLError, OSError):
            return False
        return True

    def _answers(self) -> bool:
        return self._can(self.sql, "SELECT count(*) AS n FROM sys_invocation")

    def send(self, address: str, body: Any = None, query: str = "") -> str:
        """The id of the invocation."""
        return str(self.ingress(f"{address}/send{query}", body)["invocationId"])

    def runs(self) -> dict[str, dict[str, Any]]:
        rows = self.sql(f"SELECT {COLUMNS} FROM sys_invocation")  # noqa: S608
        return {row["id"]: row for row in rows}

    def run(self, ref: str) -> dict[str, Any]:
        return self.runs()[ref]

    def journal(self, ref: str) -> list[dict[str, Any]]:
        return self.sql(
            "SELECT index, entry_type, name, appended_at, entry_lite_json FROM sys_journal "  # noqa: S608
            f"WHERE id = '{ref}' ORDER BY index"
        )

    def children(self, ref: str) -> dict[str, str]:
        """The ids of what an invocation has invoked, by their targets."""
        return {row["target"]: row["id"] for row in self.runs().values()
                if row.get("invoked_by_id") == ref}  # fmt: skip

    def wait_for(self, ref: str, *states: str) -> None:
        """Raises RuntimeError if the invocation is in none of these in time."""
        complaint = f"{ref} is not {states} in time, see {self.home}/server.log"
        wait_until(lambda: self.run(ref)["state"] in states, SETTLE_WITHIN, complaint)

    def command(self, ref: str, verb: str) -> Any:
        return self.admin("PATCH", f"/invocations/{ref}/{verb}")

    def awakeable_of(self, ref: str) -> str:
        """The id that the service gave away in a step."""
        (row,) = self.sql(
            "SELECT entry_json FROM sys_journal WHERE entry_type = 'Notification: Run' "  # noqa: S608
            f"AND id = '{ref}'"
        )
        told = json.loads(row["entry_json"])["Notification"]["Completion"]["Run"]["result"]
        return str(json.loads(bytes(told["Success"]))["reply_to"])

    # ------------------------------------------------------------------------------- the mix

    def mix(self) -> dict[str, str]:
        """Make the standard mix. Returns refs by the names of `MIX` and those that come on top."""
        runs = {}
        for name, (address, body, state) in MIX.items():
            runs[name] = self.send(address, body)
            if name in ("holding", "running", "killed"):
                self.wait_for(runs[name], state, "running")
        runs["scheduled"] = self.send("invoices/import", IMPORT, "?delay=PT1H")
        for name, (_, _, state) in MIX.items():
            self.wait_for(runs[name], state)
        for name, verb in (("canceled", "cancel"), ("undone", "cancel"), ("killed", "kill")):
            self.command(runs[name], verb)
        rejected = self.awakeable_of(runs["refused"])
        self.ask("POST", f"{self.ingress_url}/restate/awakeables/{rejected}/reject", b"not today")
        self.ingress("approval/budget-6/decide", {"approved": True, "note": "fine"})
        for name in ("canceled", "undone", "killed", "refused", "approved"):
            self.wait_for(runs[name], "success", "failure")
        again = self.command(runs["failed"], "restart-as-new")
        runs["restarted"] = again["new_invocation_id"]
        self.wait_for(runs["restarted"], "failure")
        children = self.children(runs["parent"])
        runs |= {"child": children["invoices/import"], "sent": children["invoices/archive"]}
        (runs["asked"],) = self.children(runs["forwarding"]).values()
        (runs["deciding"],) = (
            row["id"] for row in self.runs().values() if row["target"].endswith("/decide")
        )
        for name in ("sent", "asked"):
            self.wait_for(runs[name], "suspended")
        self.note(runs=runs)
        return runs


if __name__ == "__main__":
    raise SystemExit(command_line(Engine, sys.argv[1:]))

"""The first import of an account: how long until 2,000 ended runs are complete, and what becomes of
the live runs meanwhile.

All four simulated providers at once, each with its history, polled by the product's own processes
(worker, poller, beat) at the rate that every provider gets. Takes ten minutes and more, so it is no
part of `make bench`: `python -m benchmarks history`.
"""

from __future__ import annotations

import os
import random
import shlex
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils import timezone

from benchmarks.alternating_rounds import Figure
from config.demo_accounts import API_KEYS, EXTRA_SETTINGS
from config.processes import processes
from executions.models import OPEN_STATUSES, Execution, ExecutionDetail, Transition
from executions.polling import read_queue
from providers.demo import serve
from providers.models import ProviderAccount

RUNS = 2000  # of each provider, all ended when the account is added
OLDEST, NEWEST = 40 * 3600.0, 2 * 3600.0  # seconds before now in which they began
LIVE_EVERY = 10.0  # seconds between two new runs of each provider
WITHIN = 10.0  # minutes
QUIET = 120.0  # seconds after the import in which live runs are timed for comparison
SLACK = 5.0  # seconds that a live run may be shown later than the next poll is due

# scenario -> (its share in percent, the status that is right)
HISTORIES: dict[str, dict[str, tuple[int, str]]] = {
    "smartflows": {"quick_success": (75, "succeeded"), "failing": (15, "failed"),
                   "with_documents": (10, "succeeded")},
    "eightx8": {"quick_success": (80, "succeeded"), "faulted": (12, "failed"),
                "terminated_elsewhere": (8, "canceled")},
    "generio": {"optimize_success": (70, "succeeded"), "partial_output_error": (15, "warning"),
                "failing": (15, "failed")},
    "flow8": {"quick_done": (75, "succeeded"), "failing": (15, "failed"), "skip": (10, "skipped")},
}  # fmt: skip
LIVE = {"smartflows": "quick_success", "eightx8": "quick_success",
        "generio": "optimize_success", "flow8": "quick_done"}  # fmt: skip


@dataclass
class Import:
    """One provider with its history, its account, and what is known of both."""

    key: str
    sim: serve.Running
    account: ProviderAccount
    expected: dict[str, str]
    live: list[tuple[str, bool]] = field(default_factory=list)
    """Runs begun meanwhile, and whether the import was still going on."""
    began: float = field(default_factory=time.monotonic)
    took: float | None = None

    def begin_live(self) -> None:
        self.live.append((self.sim.start(LIVE[self.key]), self.took is None))

    def look(self) -> None:
        """Note the moment in which the last run of the history was complete."""
        if self.took is None and self.complete() >= len(self.expected):
            self.took = time.monotonic() - self.began

    def complete(self) -> int:
        read = ExecutionDetail.objects.filter(execution__account=self.account)
        return read.filter(execution__ref__in=self.expected).exclude(fingerprint="").count()

    def wrong(self) -> int:
        rows = Execution.objects.filter(account=self.account, ref__in=self.expected)
        return sum(self.expected[ref] != now for ref, now in rows.values_list("ref", "status"))

    def delays(self, *, is_import: bool) -> list[float]:
        """Seconds from each end of a live run at the provider to the end in our history."""
        begun = {ref for ref, was_import in self.live if was_import is is_import}
        ends = {
            name_of(run): datetime.fromisoformat(run["changes"][-1]["at"])
            for run in self.sim.script
            if run["ref"] in begun and has_ended(run)
        }
        found = Transition.objects.filter(execution__account=self.account, execution__ref__in=ends)
        rows = found.exclude(to_status__in=OPEN_STATUSES).order_by("-version")
        seen: dict[str, datetime] = dict(rows.values_list("execution__ref", "observed_at"))
        now = timezone.now()
        return [(seen.get(ref, now) - at).total_seconds() for ref, at in ends.items()]


def name_of(run: dict[str, Any]) -> str:
    """The run's ref in our words: at 8x8 it names the definition as well."""
    return f"{run['definition']}/{run['ref']}" if "definition" in run else str(run["ref"])


def has_ended(run: dict[str, Any]) -> bool:
    return bool(run["changes"][-1]["status"] == run["planned"][-1]["status"])


def figures(folder: Path) -> Iterator[Figure]:
    with ExitStack() as stack:
        imports = [make_import(key, stack) for key in HISTORIES]
        stack.enter_context(workers(folder))
        follow(imports)
        for each in imports:
            yield from told(each)


def make_import(key: str, stack: ExitStack) -> Import:
    sim = stack.enter_context(serve.running(key, seed=5))
    begun: dict[str, str] = {}
    span = (OLDEST - NEWEST) / RUNS
    names = [name for name, (share, _) in HISTORIES[key].items() for _ in range(share)]
    word = "age" if key in ("smartflows", "generio") else "ago"
    chance = random.Random(5)
    for number in range(RUNS):
        scenario = chance.choice(names)
        begun[sim.start(scenario, **{word: OLDEST - number * span})] = scenario
    history = sim.script
    assert all(map(has_ended, history)), f"{key}: a run of its history goes on"
    expected = {name_of(run): HISTORIES[key][begun[run["ref"]]][1] for run in history}
    settings = {"base_url": sim.base_url, **EXTRA_SETTINGS.get(key, {})}
    account = ProviderAccount.objects.create(name=key, provider=key, settings=settings)
    account.set_credentials({"api_key": API_KEYS[key]}, by="benchmark")
    account.save()
    return Import(key, sim, account, expected)


@contextmanager
def workers(folder: Path) -> Iterator[None]:
    """The processes that poll and read, without the pages."""
    commands = processes(host="127.0.0.1", port=0, live_port=0, data=folder)
    with (folder / "processes.log").open("ab") as log:
        running = [
            subprocess.Popen(shlex.split(commands[name]), stdout=log, stderr=log, env=os.environ)
            for name in ("worker", "poller", "beat")
        ]
        try:
            yield
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait(30)


def follow(imports: list[Import]) -> None:
    """Begin live runs until every import is complete, and a while longer."""
    for each in imports:
        each.began = time.monotonic()
    next_live = next_word = time.monotonic()
    until = time.monotonic() + 2 * WITHIN * 60
    while time.monotonic() < until:
        now = time.monotonic()
        if now >= next_live:
            next_live = now + LIVE_EVERY
            for each in imports:
                each.begin_live()
        for each in imports:
            each.look()
        if now >= next_word:
            next_word = now + 30
            said = [f"{each.key} {read_queue.history_of(each.account.pk)}" for each in imports]
            print(f"   {', '.join(said)}", flush=True)
        if all(each.took for each in imports):
            until = min(until, now + QUIET)
            if now > until - 1:
                return
        time.sleep(1)


def told(each: Import) -> Iterator[Figure]:
    took = each.took / 60 if each.took is not None else float("inf")
    note = f"{each.complete()} of {len(each.expected)} with their details"
    yield Figure(f"{each.key}: first import", took, " min", WITHIN, "at most", note)
    yield Figure(f"{each.key}: runs with a wrong status", each.wrong(), "", 0, "at most")
    during, after = (each.delays(is_import=is_import) for is_import in (True, False))
    if not during or not after:
        return
    usual = statistics.median(after)
    every = each.account.adapter_class.pace.busy_every.total_seconds()
    yield Figure(
        f"{each.key}: live runs' ends, median delay during it",
        statistics.median(during), " s", every + SLACK, "at most",
        f"longest {max(during):.1f} s of {len(during)}; after it median {usual:.1f} s, "
        f"longest {max(after):.1f} s of {len(after)}",
    )  # fmt: skip

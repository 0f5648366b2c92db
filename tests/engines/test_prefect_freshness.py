"""How long a change at a real Prefect takes to the page that is open: steps that turn, log lines
that come.

`make live` runs this, at the product's own pace. The clock of a change begins when Prefect's own
API tells it, asked five times a second, and ends when the page has it, seen by the page itself.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.engines.prefect import CLOSED, Engine
from tests.product import Product, own_folder

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

LONGEST = 5.0  # seconds
TOLD_EVERY = 0.2  # seconds between two looks at Prefect's own API
WORDS = {"RUNNING": "Running", "COMPLETED": "Succeeded"}
WATCH = """() => {
    window.seen = {};
    const note = (key) => { if (!(key in window.seen)) window.seen[key] = Date.now() / 1000; };
    const look = () => {
        for (const step of document.querySelectorAll("#steps .step")) {
            const name = step.querySelector(".step-name > span").textContent.trim();
            note(name + " " + step.querySelector(".step-status .lamp").textContent.trim());
        }
        for (const line of document.querySelectorAll("#log-tail li"))
            for (const ware of line.textContent.matchAll(/counting [a-z]+/g)) note(ware[0]);
    };
    look();
    new MutationObserver(look).observe(document.body,
        { childList: true, subtree: true, characterData: true });
}"""


@pytest.fixture(scope="module")
def product(chromium: Any) -> Iterator[Product]:
    """At the pace that every provider gets, not at that of tests."""
    with own_folder() as folder, Product(folder, ANNUNCIATOR_PACE="1") as at_work:
        yield at_work


class Told(threading.Thread):
    """When Prefect's API first told each change of a run."""

    def __init__(self, engine: Engine, ref: str) -> None:
        super().__init__(daemon=True)
        self.engine = engine
        self.first: dict[str, float] = {}
        self.is_over = False
        of_run = {"any_": [ref]}
        self.tasks = {"flow_runs": {"id": of_run}, "limit": 200}
        self.lines = {"logs": {"flow_run_id": of_run}, "limit": 200}

    def run(self) -> None:
        while not self.is_over:
            tasks = self.engine.api("POST", "/task_runs/filter", self.tasks)
            lines = self.engine.api("POST", "/logs/filter", self.lines)
            now = time.time()
            keys = [f"{each['name']} {WORDS.get(each['state_type'], '')}" for each in tasks]
            keys += [each["message"] for each in lines if each["message"].startswith("counting ")]
            for key in keys:
                self.first.setdefault(key, now)
            time.sleep(TOLD_EVERY)


def add_account(product: Product, engine: Engine) -> int:
    settings = {"base_url": engine.base_url}
    product.add_account("Back office engine", "prefect", settings, auth=engine.auth)
    sql = "UPDATE providers_provideraccount SET poll_every = NULL RETURNING id"
    return int(product.query(sql)[0][0])


def stored(product: Product, ref: str) -> int:
    sql = "SELECT id FROM executions_execution WHERE ref = %s"
    return int(product.wait_until(lambda: product.query(sql, ref), "the run is stored", 60)[0][0])


def lags(told: dict[str, float], seen: dict[str, float]) -> dict[str, float]:
    """Seconds from Prefect's API to the page, by change; what was there before is left out."""
    opened_at = min(seen.values(), default=0.0)
    wanted = {key: at for key, at in told.items() if at > opened_at and not key.endswith(" ")}
    missing = sorted(wanted.keys() - seen.keys())
    assert not missing, f"never shown: {missing}"
    return {key: max(0.0, seen[key] - at) for key, at in wanted.items()}


def test_an_open_page_follows_a_run_within_five_seconds(
    page: Page, product: Product, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Engine.running(tmp_path) as engine:
        add_account(product, engine)
        ref = engine.start_run("take-stock", {})
        engine.wait_for(ref, {"RUNNING"})
        told = Told(engine, ref)
        told.start()
        page.goto(f"{product.base_url}/executions/{stored(product, ref)}/")
        page.evaluate(WATCH)
        expect(page.locator("#run-head .run-state")).to_contain_text("Succeeded", timeout=180_000)
        page.wait_for_timeout(15_000)  # the last lines come after the end
        told.is_over = True
        told.join()
        engine.wait_for(ref, CLOSED)
    found = lags(told.first, page.evaluate("window.seen"))
    report(found, capsys)
    assert len(found) > 12
    assert max(found.values()) <= LONGEST


def report(found: dict[str, float], capsys: pytest.CaptureFixture[str]) -> None:
    kinds = {
        "steps turning": [lag for key, lag in found.items() if not key.startswith("counting ")],
        "log lines coming": [lag for key, lag in found.items() if key.startswith("counting ")],
    }
    with capsys.disabled():
        sys.stdout.write("\nfrom Prefect's API to the open page, in seconds\n")
        for name, values in kinds.items():
            if values:
                sys.stdout.write(
                    f"{name:<17} {len(values):>3} changes, "
                    f"median {statistics.median(values):.1f}, longest {max(values):.1f}\n"
                )

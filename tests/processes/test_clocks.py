"""Processes whose clocks are hours off: the database's clock decides."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from providers.demo import serve
from tests.processes.test_outages import polls, sign_in, start_run, state, workflow
from tests.product import Product

pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(900)]
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
POLLED = 3  # polls in 15 s of an account that is due every three seconds at the latest


@pytest.fixture
def wrong_clocks(product: Product) -> Iterator[None]:
    """The worker is two hours behind the database, the poller two hours ahead."""
    if LIBRARY is None:
        message = "NO LIBFAKETIME: no process can have another clock; this test did not run."
        if os.environ.get("ANNUNCIATOR_NEED_FAKETIME"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    right = product.env
    for name, offset in {"worker": "-2h", "poller": "+2h"}.items():
        product.kill(name)
        product.env = right | {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME": offset,
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }
        product.start(name)
    product.env = right
    yield
    for name in ("worker", "poller"):
        product.kill(name)
        product.start(name)


@pytest.mark.fault("P18")
def test_polls_and_commands_go_by_the_database_whatever_the_clocks_of_workers_say(
    product: Product, wrong_clocks: None
) -> None:
    with serve.running("generio", seed=3, speed=1) as sim:
        settings = {"base_url": sim.base_url}
        product.add_account("Outages", "generio", settings, api_key=sim.api_key)
        product.wait_until(lambda: workflow(product), "its workflows are known", 40)
        before = len(polls(product))
        time.sleep(15)
        seen = polls(product)[before:]
        assert len(seen) >= POLLED, seen
        key = start_run(product, "clocks").json()["key"]
        product.wait_until(lambda: state(product, key) == "confirmed", "it is confirmed", 30)
        assert sum(entry["method"] == "POST" for entry in sim.log) == 1
        [[off]] = product.query(
            "SELECT max(abs(extract(epoch FROM observed_at - now()))) FROM executions_execution e"
            " JOIN providers_provideraccount a ON a.id = e.account_id WHERE a.name = 'Outages'"
        )
        assert float(off) < 120
        page = sign_in(product).get(f"{product.base_url}/accounts/", timeout=10).text
        assert "behind the database" in page
        assert "ahead of the database" in page
        ready = product.readiness()
        assert ready["status"] == "ready"
        assert abs(ready["clock_skew_seconds"]) == pytest.approx(7200, abs=60)


@pytest.mark.fault("P18")
def test_what_is_ignored_for_a_while_comes_back_by_the_databases_clock(
    product: Product, wrong_clocks: None
) -> None:
    failed = (
        "SELECT e.id FROM executions_execution e JOIN providers_provideraccount a"
        " ON a.id = e.account_id WHERE a.name = 'Clocks' AND e.status = 'failed'"
    )
    settled = "SELECT settled_how FROM executions_execution WHERE id = %s"
    with serve.running("generio", seed=3, speed=20) as sim:
        settings = {"base_url": sim.base_url}
        product.add_account("Clocks", "generio", settings, api_key=sim.api_key)
        sim.start("failing")
        [[pk]] = product.wait_until(lambda: product.query(failed), "it has failed", 60)
        until = (datetime.now(UTC) + timedelta(seconds=12)).isoformat()
        wish = {"act": "ignore", "reason": "known", "until": until}
        answer = product.api("POST", f"executions/{pk}/decisions", json=wish)
        assert answer.ok, answer.text
        began = time.monotonic()
        product.wait_until(lambda: product.query(settled, pk) == [("",)], "it is back", 60)
        assert time.monotonic() - began > 5

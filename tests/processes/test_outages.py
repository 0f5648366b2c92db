"""Two beats, no broker, a broker that hangs: slower at worst, never doubled, never lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import requests

from providers.demo import serve
from tests.busy import LATE
from tests.product import PASSWORD, Product

pytestmark = [pytest.mark.processes, pytest.mark.timeout(900)]
QUICK = LATE  # seconds in which a page answers, whatever the broker does
BACK = 15.0  # seconds after the broker's return in which commands go out


@pytest.fixture(scope="module")
def sim(product: Product) -> Iterator[serve.Running]:
    with serve.running("generio", seed=3, speed=1) as running:
        settings = {"base_url": running.base_url}
        product.add_account("Outages", "generio", settings, api_key=running.api_key)
        running.start("long_running", seconds=600.0)
        product.wait_until(lambda: polls(product), "the account was polled")
        product.wait_until(lambda: workflow(product), "its workflows are known")
        assert product.token  # here, and not in what is timed below
        yield running


def polls(product: Product) -> list[tuple[Any, Any]]:
    return product.query(
        "SELECT r.started_at, r.finished_at FROM executions_pollrun r"
        " JOIN providers_provideraccount a ON a.id = r.account_id"
        " WHERE a.name = 'Outages' ORDER BY r.started_at"
    )


def workflow(product: Product) -> int:
    """The one that takes text: which is stored first depends on what the first poll saw."""
    rows = product.query(
        "SELECT w.id FROM executions_workflow w JOIN providers_provideraccount a"
        " ON a.id = w.account_id WHERE a.name = 'Outages' AND w.can_start"
        " AND w.name = 'model_generate_fromprompt'"
    )
    return int(rows[0][0]) if rows else 0


def start_run(product: Product, mark: str) -> requests.Response:
    posted = {"arguments": {"mark": mark, "input": "a lamp"}}
    return product.api("POST", f"workflows/{workflow(product)}/runs", json=posted)


def started(sim: serve.Running) -> list[str]:
    return [str(what["parameters"].get("mark")) for what in sim.effects.get("start", [])]


def state(product: Product, key: str) -> str:
    return str(product.api("GET", f"commands/{key}").json()["state"])


def sign_in(product: Product) -> requests.Session:
    session = requests.Session()
    address = f"{product.base_url}/sign-in/"
    session.get(address, timeout=10)
    form = {"username": "admin", "password": PASSWORD}
    form["csrfmiddlewaretoken"] = next(c.value for c in session.cookies if "csrf" in c.name)
    answer = session.post(address, form, headers={"Referer": address}, timeout=10)
    assert answer.ok
    return session


def seconds_of(act: Callable[[], requests.Response]) -> float:
    began = time.monotonic()
    answer = act()
    assert answer.status_code in (200, 202), answer.text
    return time.monotonic() - began


@pytest.mark.long
@pytest.mark.fault("P12")
def test_two_beats_poll_and_send_no_more_than_one(product: Product, sim: serve.Running) -> None:
    alive = str(product.folder / "beat-alive")
    product.commands["beat2"] = product.commands["beat"].replace(alive, f"{alive}-2")
    product.start("beat2")
    try:
        before = len(polls(product))
        keys = [start_run(product, f"beats-{n}").json()["key"] for n in range(3)]
        product.wait_until(lambda: len(polls(product)) >= before + 8, "eight polls more", 60)
        for key in keys:
            product.wait_until(lambda key=key: state(product, key) == "confirmed", "confirmed", 30)
    finally:
        product.kill("beat2")
    spans = polls(product)[before:]
    pauses = [(after[0] - one[1]).total_seconds() for one, after in pairwise(spans)]
    assert min(pauses) > 0.9, pauses  # the account's interval is a second, give or take 5 %
    lists = [entry for entry in sim.log if (entry["method"], entry["path"]) == ("GET", "/flows")]
    assert 0 <= len(lists) - len(polls(product)) <= 1  # one may be under way
    assert sorted(mark for mark in started(sim) if mark.startswith("beats")) == [
        "beats-0",
        "beats-1",
        "beats-2",
    ]
    assert sum(entry["method"] == "POST" for entry in sim.log) == len(started(sim))


@pytest.mark.fault("P6")
def test_without_a_broker_pages_answer_and_commands_go_out_afterwards(
    product: Product, sim: serve.Running
) -> None:
    session = sign_in(product)
    product.kill_broker()
    try:
        waits = [seconds_of(lambda: session.get(product.base_url, timeout=20)) for _ in range(3)]
        answers: list[requests.Response] = []
        for n in range(3):

            def ask(mark: str = f"broker-{n}") -> requests.Response:
                answers.append(start_run(product, mark))
                return answers[-1]

            waits.append(seconds_of(ask))
        time.sleep(3)
        assert not any(mark.startswith("broker") for mark in started(sim))
    finally:
        product.start_broker()
    back_at = time.monotonic()
    wanted = {f"broker-{n}" for n in range(3)}
    product.wait_until(lambda: wanted <= set(started(sim)), "the commands went out", BACK)
    print(f"pages {max(waits):.2f} s, commands {time.monotonic() - back_at:.1f} s")  # noqa: T201
    assert max(waits) < QUICK, waits
    for answer in answers:
        key = answer.json()["key"]
        product.wait_until(lambda key=key: state(product, key) == "confirmed", "confirmed", 30)
    assert sorted(m for m in started(sim) if m.startswith("broker")) == sorted(wanted)


@pytest.mark.fault("P7")
def test_a_broker_that_hangs_holds_up_no_page(product: Product, sim: serve.Running) -> None:
    session = sign_in(product)
    pid = int((product.folder / "valkey" / "pid").read_text())
    os.kill(pid, signal.SIGSTOP)
    try:
        waits = [seconds_of(lambda: session.get(product.base_url, timeout=20)) for _ in range(2)]
        waits.append(seconds_of(lambda: start_run(product, "hangs")))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert max(waits) < QUICK, waits
    product.wait_until(lambda: "hangs" in started(sim), "the command went out", BACK)
    assert started(sim).count("hangs") == 1

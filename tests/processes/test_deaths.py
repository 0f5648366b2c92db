"""Processes that die, are stopped or stand still in the middle of something: nothing is lost,
nothing is done twice, and it goes on within a bounded time."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
import redis
import requests
from celery import Celery

from tests.flow import trouble
from tests.flow.trouble import Asked, Provider, answer, flow
from tests.processes.conftest import LEASE
from tests.processes.test_outages import QUICK, seconds_of, sign_in, state
from tests.product import Product, stop_group

pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(900)]
NAME = "Deaths"
GOES_ON = LEASE * 4 / 3 + 25  # seconds: the claim's end, a tick, and the start of a process


@pytest.fixture
def provider(product: Product) -> Iterator[Provider]:
    with trouble.running() as running:
        running.flows = {ref: flow(ref) for ref in ("a", "b")}
        product.add_account(NAME, "generio", {"base_url": running.url}, api_key="key-of-deaths")
        product.wait_until(lambda: status(product, "a") == "running", "the runs are stored")
        yield running
        product.query(
            "DELETE FROM executions_command WHERE account_id IN"
            " (SELECT id FROM providers_provideraccount WHERE name = %s) RETURNING 1", NAME
        )  # fmt: skip
        product.manage("shell", "-c", FORGET)


FORGET = f"""
from providers.models import ProviderAccount
ProviderAccount.objects.filter(name="{NAME}").delete()
"""


def status(product: Product, ref: str) -> str:
    rows = product.query(
        "SELECT e.status FROM executions_execution e JOIN providers_provideraccount a"
        " ON a.id = e.account_id WHERE a.name = %s AND e.ref = %s", NAME, ref
    )  # fmt: skip
    return str(rows[0][0]) if rows else ""


def history(product: Product, ref: str) -> list[str]:
    rows = product.query(
        "SELECT t.to_status FROM executions_transition t JOIN executions_execution e"
        " ON e.id = t.execution_id JOIN providers_provideraccount a ON a.id = e.account_id"
        " WHERE a.name = %s AND e.ref = %s ORDER BY t.version", NAME, ref
    )  # fmt: skip
    return [str(row[0]) for row in rows]


def cancel(product: Product, ref: str) -> str:
    [[pk]] = product.query(
        "SELECT e.id FROM executions_execution e JOIN providers_provideraccount a"
        " ON a.id = e.account_id WHERE a.name = %s AND e.ref = %s", NAME, ref
    )  # fmt: skip
    answered = product.api("POST", f"executions/{pk}/commands", json={"kind": "cancel"})
    assert answered.status_code == 202, answered.text
    return str(answered.json()["key"])


def patches(provider: Provider) -> int:
    return sum(asked.method == "PATCH" for asked in provider.asked)


class Held:
    """A request that the provider holds until it is let go: `begun`, then `go_on`."""

    def __init__(self, provider: Provider, method: str, act: Callable[[], bytes]) -> None:
        self.provider, self.method, self.act = provider, method, act
        self.begun, self.go_on = threading.Event(), threading.Event()

    def __call__(self, sock: socket.socket, asked: Asked) -> None:
        if asked.method != self.method or self.begun.is_set():
            sock.sendall(self.provider.reply(asked))
            return
        content = self.act()
        self.begun.set()
        self.go_on.wait(60)
        sock.sendall(content)


def listed(provider: Provider) -> bytes:
    return answer({"flows": list(provider.flows.values())})


@pytest.mark.fault("P1")
def test_a_poller_that_is_shot_in_the_middle_of_a_poll_leaves_it_to_the_next(
    product: Product, provider: Provider
) -> None:
    held = Held(provider, "GET", lambda: listed(provider))
    provider.fault = held
    assert held.begun.wait(20)
    product.kill("poller")
    provider.flows["a"] = flow("a", "completed")
    product.start("poller")
    product.wait_until(lambda: status(product, "a") == "succeeded", "it is polled again", GOES_ON)
    held.go_on.set()
    assert history(product, "a") == ["running", "succeeded"]
    assert history(product, "b") == ["running"]


@pytest.mark.fault("P2")
def test_all_processes_die_at_once_and_everything_goes_on(
    product: Product, provider: Provider
) -> None:
    key = cancel(product, "b")
    for name in list(product.running):
        product.kill(name)
    provider.flows["a"] = flow("a", "completed")
    for name in product.commands:
        product.start(name)
    product.wait_until(product.is_up, "the pages answer", 60)
    product.wait_until(lambda: status(product, "a") == "succeeded", "it is polled again", GOES_ON)
    product.wait_until(lambda: patches(provider), "the command is sent", 60)
    assert patches(provider) == 1
    assert state(product, key) in ("accepted", "unknown", "confirmed")
    assert history(product, "a") == ["running", "succeeded"]


def aborts(provider: Provider, ref: str) -> Callable[[], bytes]:
    def act() -> bytes:
        provider.flows[ref] = flow(ref, "aborted")
        return answer(provider.flows[ref])

    return act


@pytest.mark.fault("P3")
def test_a_worker_that_is_shot_before_it_could_write_the_answer_down_sends_nothing_twice(
    product: Product, provider: Provider
) -> None:
    held = Held(provider, "PATCH", aborts(provider, "a"))
    provider.fault = held
    key = cancel(product, "a")
    assert held.begun.wait(20)
    product.kill("worker")
    product.start("worker")
    product.wait_until(lambda: state(product, key) != "sending", "it is in doubt or settled", 60)
    product.wait_until(lambda: state(product, key) == "confirmed", "it is settled", 180)
    held.go_on.set()
    assert patches(provider) == 1
    assert history(product, "a") == ["running", "canceled"]


@pytest.mark.fault("P5")
@pytest.mark.parametrize("name", ["worker", "poller"])
def test_a_process_that_is_asked_to_stop_ends_what_it_has_begun(
    product: Product, provider: Provider, name: str
) -> None:
    method = {"worker": "PATCH", "poller": "GET"}[name]
    act = aborts(provider, "a") if name == "worker" else lambda: listed(provider)
    held = Held(provider, method, act)
    provider.fault = held
    key = cancel(product, "a") if name == "worker" else ""
    assert held.begun.wait(20)
    seq = "SELECT poll_seq FROM providers_provideraccount WHERE name = %s"
    [[under_way]] = product.query(seq, NAME)
    process = product.running.pop(name)
    os.kill(process.pid, signal.SIGTERM)
    time.sleep(1.5)
    held.go_on.set()
    try:
        assert process.wait(20) == 0
        if name == "worker":
            doubts = "SELECT state, doubts FROM executions_command WHERE key = %s"
            [[word, count]] = product.query(doubts, key)
            assert (word in ("accepted", "confirmed"), count) == (True, 0)
        else:
            done = (
                "SELECT outcome FROM executions_pollrun r JOIN providers_provideraccount a"
                " ON a.id = r.account_id WHERE a.name = %s AND r.poll_seq = %s"
            )
            assert product.query(done, NAME, under_way) == [("ok",)]
    finally:
        product.start(name)
    if name == "worker":
        product.wait_until(lambda: state(product, key) == "confirmed", "it is confirmed", 40)
        assert patches(provider) == 1


@pytest.mark.fault("P20")
def test_a_poller_that_stood_still_writes_nothing_old_when_it_goes_on(
    product: Product, provider: Provider
) -> None:
    held = Held(provider, "GET", lambda: listed(provider))
    provider.fault = held
    assert held.begun.wait(20)
    stop_group(product.running["poller"], signal.SIGSTOP)
    product.commands["poller2"] = product.commands["poller"].replace("poller@", "poller2@")
    product.start("poller2")
    try:
        provider.flows["a"] = flow("a", "completed")
        product.wait_until(
            lambda: status(product, "a") == "succeeded", "another one has taken over", GOES_ON
        )
        held.go_on.set()  # what the first one hears is old
        stop_group(product.running["poller"], signal.SIGCONT)
        time.sleep(5)
        assert history(product, "a") == ["running", "succeeded"]
    finally:
        stop_group(product.running["poller"], signal.SIGCONT)
        product.kill("poller2")
        del product.commands["poller2"]
    provider.flows["b"] = flow("b", "completed")
    product.wait_until(lambda: status(product, "b") == "succeeded", "it goes on", GOES_ON)


@pytest.mark.fault("P6")
def test_a_broker_that_comes_back_empty_costs_no_command(
    product: Product, provider: Provider
) -> None:
    provider.fault = None
    product.kill_broker()
    try:
        key = cancel(product, "a")
        time.sleep(1)
        for kept in (product.folder / "valkey").glob("*append*"):
            shutil.rmtree(kept)
    finally:
        product.start_broker()
    product.wait_until(lambda: patches(provider) == 1, "the command went out", 15)
    provider.flows["a"] = flow("a", "aborted")
    product.wait_until(lambda: state(product, key) == "confirmed", "it is confirmed", 40)
    assert patches(provider) == 1


@pytest.mark.fault("P8")
def test_a_full_broker_holds_up_no_page_and_costs_no_command(
    product: Product, provider: Provider
) -> None:
    session = sign_in(product)
    broker = redis.Redis.from_url(product.env["REDIS_URL"])
    broker.config_set("maxmemory", "1kb")
    keys: list[str] = []
    try:
        waits = [seconds_of(lambda: session.get(product.base_url, timeout=20)) for _ in range(3)]
        began = time.monotonic()
        keys.append(cancel(product, "a"))
        waits.append(time.monotonic() - began)
        assert product.readiness()["checks"]["broker"] is False
        time.sleep(3)
    finally:
        broker.config_set("maxmemory", "0")
    assert max(waits) < QUICK, waits
    product.wait_until(lambda: patches(provider) == 1, "the command went out", 15)
    provider.flows["a"] = flow("a", "aborted")
    product.wait_until(lambda: state(product, keys[0]) == "confirmed", "it is confirmed", 40)
    assert patches(provider) == 1


@pytest.mark.fault("P10")
def test_a_table_that_is_locked_holds_up_pages_for_seconds_only_and_polls_go_on_by_themselves(
    product: Product, provider: Provider
) -> None:
    session = sign_in(product)
    seen: list[Any] = []

    def look() -> None:
        began = time.monotonic()
        found = session.get(product.base_url, timeout=60)
        seen.append((found.status_code, found.headers.get("Retry-After"), time.monotonic() - began))

    with psycopg.connect(product.env["DATABASE_OWNER_URL"]) as database:
        database.execute("LOCK TABLE executions_execution IN ACCESS EXCLUSIVE MODE")
        readers = [threading.Thread(target=look) for _ in range(12)]
        for reader in readers:
            reader.start()
        provider.flows["a"] = flow("a", "completed")
        for reader in readers:
            reader.join()
        assert requests.get(f"{product.base_url}/healthz", timeout=5).ok
        database.rollback()
    assert {status for status, *_ in seen} == {503}, seen
    assert all(retry for _, retry, _ in seen)
    assert max(took for *_, took in seen) < 15, seen
    assert seconds_of(lambda: session.get(product.base_url, timeout=20)) < QUICK
    product.wait_until(lambda: status(product, "a") == "succeeded", "it is polled again", 60)
    assert history(product, "a") == ["running", "succeeded"]


@pytest.mark.fault("P16")
def test_messages_of_another_version_stop_no_worker(product: Product, provider: Provider) -> None:
    another = Celery(broker=product.env["REDIS_URL"])
    for queue in ("command", "poll"):
        another.send_task("executions.tasks.of_tomorrow", args=[1], queue=queue)
        another.send_task("executions.tasks.poll", args=[1, 1], kwargs={"new": True}, queue=queue)
        another.send_task("executions.tasks.carry_out", args=[], queue=queue)
    provider.flows["a"] = flow("a", "completed")
    product.wait_until(lambda: status(product, "a") == "succeeded", "polls go on", GOES_ON)
    key = cancel(product, "b")
    product.wait_until(lambda: patches(provider) == 1, "commands go on", GOES_ON)
    provider.flows["b"] = flow("b", "aborted")
    product.wait_until(lambda: state(product, key) == "confirmed", "it is confirmed", 40)

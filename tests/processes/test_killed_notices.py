"""kill -9 of the worker while it tells people: nothing is told twice, and nothing is lost without
a trace."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator

import pytest

from tests.executions.notifications.conftest import Receiver
from tests.product import Product

pytestmark = [pytest.mark.processes, pytest.mark.long, pytest.mark.timeout(900)]

RULE = """
from executions.notifications import rule_form
from providers.models import ProviderAccount
account = ProviderAccount.objects.create(name="Killed", provider="generio", enabled=True,
    settings={{"base_url": "http://127.0.0.1:9"}}, next_poll_at="2099-01-01T00:00Z")
form = rule_form.rule_form()({{"name": "Killed", "event": "failed", "enabled": "on",
    "pause_seconds": "0", "accounts": [account.pk], "new_addresses": "{url}"}})
assert form.is_valid(), form.errors
rule_form.set_up(form.save(commit=False), form, by="test")
form.save_m2m()
"""
FAILURES = """
import time
from django.utils import timezone
from executions.storage.store import store
from providers.contract import Snapshot, Status, Workflow
from providers.models import ProviderAccount
account = ProviderAccount.objects.get(name="Killed")
for name in {names}:
    store(account.pk, 1, [Snapshot(ref=name, status=Status.FAILED, native_status="FAILED",
        workflow=Workflow(ref="w", name="Killed flow"), finished_at=timezone.now())])
    time.sleep({every})
"""


@pytest.fixture(scope="module")
def receiver(product: Product) -> Iterator[Receiver]:
    made = Receiver()
    product.manage("shell", "-c", RULE.format(url=made.url))
    product.wait_until(lambda: is_primed(product), "the rule had its first look")
    yield made
    made.close()


def is_primed(product: Product) -> bool:
    return bool(product.query("SELECT 1 FROM executions_noticerule WHERE is_primed"))


def fail(product: Product, names: list[str], every: float = 0.0) -> None:
    product.manage("shell", "-c", FAILURES.format(names=names, every=every))


def told(product: Product, receiver: Receiver) -> list[tuple[str, int]]:
    """Of every delivery: its state, and how often its text has arrived."""
    rows = product.query(
        "SELECT d.state, m.body FROM executions_delivery d"
        " JOIN executions_noticemessage m ON m.id = d.message_id ORDER BY d.id"
    )
    return [
        (state, sum(each["message"].count(body) for each in receiver.got)) for state, body in rows
    ]


def open_deliveries(product: Product) -> list[object]:
    untold = product.query(
        "SELECT id FROM executions_notice WHERE told_at IS NULL AND NOT is_silent"
    )
    return untold + product.query(
        "SELECT id FROM executions_delivery WHERE state NOT IN ('sent', 'unknown')"
    )


def test_a_worker_killed_in_the_middle_of_a_sending_does_not_send_again(
    product: Product, receiver: Receiver
) -> None:
    receiver.go_on.clear()
    fail(product, ["a-1"])
    product.wait_until(lambda: receiver.got, "the message is under way")
    product.kill("worker")
    receiver.go_on.set()
    product.start("worker")
    product.wait_until(lambda: not open_deliveries(product), "its outcome is settled")
    assert told(product, receiver) == [("unknown", 1)]
    [[says]] = product.query("SELECT says FROM executions_delivery")
    assert "is not sent again" in says


def test_a_worker_killed_again_and_again_tells_each_failure_once(
    product: Product, receiver: Receiver
) -> None:
    receiver.delay = 0.2
    names = [f"b-{number}" for number in range(20)]
    failing = threading.Thread(target=fail, args=(product, names, 0.7))
    failing.start()
    while failing.is_alive():
        time.sleep(random.uniform(2.0, 6.0))
        product.kill("worker")
        product.start("worker")
    failing.join()
    noticed = (
        "SELECT e.ref FROM executions_notice n JOIN executions_execution e"
        " ON e.id = n.execution_id WHERE n.message_id IS NOT NULL AND e.ref LIKE 'b-%%'"
    )
    product.wait_until(lambda: len(product.query(noticed)) == len(names), "all are noticed", 60)
    product.wait_until(lambda: not open_deliveries(product), "everything is told", 60)
    outcomes = told(product, receiver)
    assert all(times == 1 for state, times in outcomes if state == "sent"), outcomes
    assert all(times <= 1 for state, times in outcomes if state == "unknown"), outcomes

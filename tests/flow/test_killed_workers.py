"""A worker that dies between the claim and the sending leaves a command that was not carried out,
and nothing may take the run's own state for its effect. The account of a poller that dies is due
again within seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from executions import tasks
from executions.commands import dispatch, reconciliation
from executions.models import Command, Execution, Rank, Workflow
from executions.polling import read_queue, schedule
from providers.contract import Verb
from providers.models import ProviderAccount


@pytest.fixture
def held(transactional_db) -> int:
    """An account that is due, with a run that is to be read."""
    account = ProviderAccount.objects.create(name="Held", provider="generio", health="ok")
    workflow = Workflow.objects.create(account=account, ref="w", name="w")
    now = timezone.now()
    run = Execution.objects.create(
        account=account, workflow=workflow, ref="r", status="running",
        observed_at=now, changed_at=now, sort_at=now,
    )  # fmt: skip
    read_queue.ask([run.pk], Rank.POLL)
    return account.pk


@contextmanager
def worker(takes: Callable[[], object]) -> Iterator[None]:
    """Takes something, holds it as long as this lasts, and dies."""
    taken, dies = threading.Event(), threading.Event()

    def work() -> None:
        assert takes()
        taken.set()
        dies.wait(60)
        connection.connection.close()  # as the system does for a process that was shot
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert taken.wait(60)
    try:
        yield
    finally:
        dies.set()
        thread.join()


def swept(ask: Callable[[], list[Any]]) -> list[Any]:
    """What there is to take soon after; the database needs a moment to see that somebody died."""
    until = time.monotonic() + 10
    while not (found := ask()) and time.monotonic() < until:
        tasks.sweep()
        time.sleep(0.05)
    return found


@pytest.mark.fault("P1")
def test_an_account_whose_poller_died_is_due_again_long_before_its_lease_ends(held):
    [(pk, seq)] = schedule.claim_due()
    with worker(lambda: schedule.hold(pk, seq)):
        tasks.sweep()
        assert schedule.claim_due() == []
    assert swept(schedule.claim_due) == [(held, seq + 1)]
    tasks.sweep()  # claimed, and nobody has begun it: it waits for its message
    assert schedule.claim_due() == []
    assert not schedule.hold(pk, seq)


@pytest.mark.fault("P1")
def test_readings_of_a_reader_that_died_are_free_long_before_its_lease_ends(held):
    with worker(lambda: read_queue.claim(held)):
        tasks.sweep()
        assert read_queue.due_accounts() == []
    assert swept(read_queue.due_accounts) == [held]


@pytest.mark.fault("P1")
def test_a_reader_that_leaves_a_provider_alone_and_dies_leaves_it_alone(held):
    def rests() -> bool:
        is_taken = read_queue.claim(held)
        read_queue.release(held, timedelta(minutes=1))
        return is_taken

    with worker(rests):
        pass
    time.sleep(0.5)
    tasks.sweep()
    assert read_queue.due_accounts() == []


@pytest.mark.fault("P4")
def test_a_command_claimed_by_a_worker_that_died_is_sent_later(open_desk):
    desk = open_desk("generio")
    ref = desk.begin("created_waits")
    desk.poll_until(lambda: "resume" in (desk.run(ref).offers if desk.status(ref) else []))
    command = desk.ask(ref, Verb.RESUME)
    assert dispatch.claim(command.pk) is not None  # and here the worker dies
    Command.objects.update(lease_until=command.requested_at)
    Execution.objects.filter(ref=ref).update(version=9)  # something else of the run changed
    reconciliation.expire_leases()
    desk.poll()
    command.refresh_from_db()
    assert command.state == "unknown"
    desk.settle(command)
    desk.poll_until(lambda: desk.status(ref) in ("running", "succeeded"))
    command.refresh_from_db()
    assert (command.state, command.attempts) == ("confirmed", 2)
    assert desk.sim.effects["begin"] == [ref]

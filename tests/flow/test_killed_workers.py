"""A worker that dies between the claim and the sending leaves a command that was not carried out,
and nothing may take the run's own state for its effect."""

from __future__ import annotations

import pytest

from executions.commands import dispatch, reconciliation
from executions.models import Command, Execution
from providers.contract import Verb


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

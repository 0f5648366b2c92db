"""A provider carries a command out and answers something that does not say so: it is carried out
once, and what is told of it is true."""

from __future__ import annotations

from typing import Any

import pytest

from executions.models import Command, Execution, Workflow
from executions.polling.workflow_sync import refresh_workflows
from providers.contract import Verb
from tests.processes.checker import effects_of

ACTS = [
    # provider, verb, scenario and HTTP method of the command
    ("smartflows", "cancel", "waiting_esign", "DELETE"),
    ("smartflows", "answer", "one_round_form", "POST"),
    ("smartflows", "start", "", "POST"),
    ("eightx8", "cancel", "running_long", "PATCH"),
    ("eightx8", "suspend", "running_long", "PATCH"),
    ("eightx8", "resume", "running_long", "PATCH"),
    ("eightx8", "start", "", "POST"),
    ("generio", "cancel", "long_running", "PATCH"),
    ("generio", "resume", "created_waits", "PATCH"),
    ("generio", "start", "", "POST"),
    ("flow8", "answer", "approval", "POST"),
    ("flow8", "start", "", "POST"),
]
FAULTS: dict[str, dict[str, Any]] = {
    "503 with Retry-After": {"mode": "error", "status": 503, "retry_after": 1},
    "502": {"mode": "error", "status": 502},
    "504": {"mode": "error", "status": 504},
    "408": {"mode": "error", "status": 408},
    "a cut answer": {"mode": "cut"},
    "a web page": {"mode": "html"},
    "no answer": {"mode": "down"},
}
START = {
    "smartflows": {"xml": "<mark>7</mark>"},
    "eightx8": {"arguments": {"mark": "7"}},
    "generio": {"mark": "7", "prompt": "a chair"},
    "flow8": {"arguments": {"mark": "7"}},
}


class Act:
    """One command of a person, ready to be given."""

    def __init__(self, desk: Any, key: str, verb: str, scenario: str, method: str) -> None:
        self.desk, self.key, self.verb, self.method = desk, key, verb, method
        self.ref = desk.begin(scenario) if scenario else ""
        if verb == "start":
            refresh_workflows(desk.account)
        else:
            desk.poll_until(self._is_offered)

    def _is_offered(self) -> bool:
        run = Execution.objects.filter(ref=self.ref).first()
        if run is not None and self.verb == "resume" and "suspend" in run.offers:
            self.desk.do(self.ref, Verb.SUSPEND)
        return run is not None and self.verb in run.offers

    def give(self) -> Command:
        if self.verb == "start":
            workflows = Workflow.objects.filter(account=self.desk.account, can_start=True)
            return self.desk.start(workflows.order_by("name").first(), START[self.key])
        question = self.desk.open_question(self.ref) if self.verb == "answer" else None
        values = {"choice": "approved"} if self.key == "flow8" else {}
        return self.desk.do(self.ref, Verb(self.verb), question=question, values=values)

    def times_carried_out(self) -> int:
        found = effects_of(self.key, self.desk.sim.effects)
        return sum(count for (kind, _), count in found.items() if kind == self.verb)


def carried_out_once(act: Act, fault: str) -> None:
    act.desk.sim.fault(**FAULTS[fault], method=act.method, execute="before")
    command = act.give()
    for _ in range(2):
        act.desk.settle(command)
    act.desk.sim.fault("ok")
    assert_settled(act, command, ("confirmed", "needs_person"))
    assert act.times_carried_out() == 1


def assert_settled(act: Act, command: Command, states: tuple[str, ...]) -> None:
    def is_settled() -> bool:
        command.refresh_from_db()
        return command.settled_at is not None

    act.desk.poll_until(is_settled)
    assert command.state in states, command.message


@pytest.mark.parametrize(("key", "verb", "scenario", "method"), ACTS)
@pytest.mark.fault("H11")
def test_a_command_that_was_carried_out_is_not_sent_again_after_a_503(
    open_desk, key, verb, scenario, method
):
    act = Act(open_desk(key, speed=3), key, verb, scenario, method)
    carried_out_once(act, "503 with Retry-After")


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if not fault.startswith("503")])
@pytest.mark.parametrize("place", [3, 11])
@pytest.mark.fault("H10", "C4", "N6")
def test_a_command_is_carried_out_once_whatever_is_answered(open_desk, place, fault):
    key, *rest = ACTS[place]
    carried_out_once(Act(open_desk(key, speed=3), key, *rest), fault)


@pytest.mark.parametrize("place", [3, 4, 6, 9, 10])
@pytest.mark.fault("H8")
def test_a_provider_that_is_busy_is_asked_again_only_where_it_documents_that(open_desk, place):
    key, verb, *rest = ACTS[place]
    act = Act(open_desk(key, speed=3), key, verb, *rest)
    act.desk.sim.fault("throttled", method=act.method, times=1, seconds=1)
    command = act.give()
    assert command.state == ("pending" if key == "eightx8" else "unknown")
    for _ in range(2):
        act.desk.settle(command)
    assert_settled(act, command, ("confirmed",) if key == "eightx8" else ("needs_person",))
    assert act.times_carried_out() == (key == "eightx8")


def test_what_one_refusal_says_of_an_earlier_try_is_nothing(open_desk):
    """The first try was carried out, unseen; the provider refuses the second one."""
    act = Act(open_desk("generio", speed=3), "generio", "cancel", "long_running", "PATCH")
    desk = act.desk
    desk.sim.fault("error", status=502, method="PATCH", times=1)
    command = act.give()
    assert command.state == "unknown"
    desk.sim.fault("error", status=409, method="PATCH")
    desk.settle(command)
    assert (command.state, command.attempts) == ("unknown", 2)
    assert "Conflict" in command.message
    desk.settle(command)
    assert command.state == "needs_person"
    assert "Conflict" in command.message


def test_a_command_whose_run_cannot_be_read_first_is_not_in_doubt(open_desk):
    """Smart Flows is read before a cancel: where that fails, nothing was sent."""
    act = Act(open_desk("smartflows"), "smartflows", "cancel", "waiting_esign", "DELETE")
    act.desk.sim.fault("error", status=503, retry_after=1, method="GET", times=1)
    command = act.give()
    assert (command.state, command.doubts) == ("pending", 0)
    act.desk.settle(command)
    assert_settled(act, command, ("confirmed",))
    assert act.times_carried_out() == 1

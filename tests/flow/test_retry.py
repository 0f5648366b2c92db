"""Again from the failure: asked once, and settled by what is read, whatever was answered."""

from __future__ import annotations

import pytest

from executions import tasks
from executions.commands import eligibility, submit
from executions.models import Execution
from providers.contract import Rejected, Status, Unreachable, Verb
from providers.times import read_time
from tests.flow.again import Again


def told(engine) -> int:
    """How often a retry was asked of the engine."""
    return sum(each[0] == "retry" for each in engine.asked)


def test_a_run_that_is_opened_again_confirms_the_retry(again, engine):
    command = again.do("r1", Verb.RETRY)
    assert (command.state, command.message) == ("confirmed", "The run goes on again (running).")
    assert told(engine) == 1
    assert again.status("r1") == "running"


def test_a_run_that_fails_again_before_it_is_read_confirms_it_by_its_new_end(again, engine):
    command = again.ask("r1", Verb.RETRY)
    engine.open_again = lambda ref: (
        engine.runs[ref].update(finished_at=read_time("2026-11-29T10:09:00Z")) or ref
    )
    tasks.carry_out(str(command.pk))
    command.refresh_from_db()
    assert (command.state, command.message) == ("confirmed", "The run was tried again (failed).")


def test_a_retry_that_makes_a_new_run_is_confirmed_by_that_run(again, engine):
    engine.makes_new = True
    command = again.do("r1", Verb.RETRY)
    assert (command.state, command.new_ref) == ("confirmed", "r2")
    assert command.message == "It is tried again as r2 (running)."
    assert again.status("r1") == "failed"
    assert again.run("r2").lineage.retry_of == "r1"


def test_a_lost_answer_is_settled_by_the_new_run_that_a_poll_brings(again, engine):
    engine.makes_new, engine.answer = True, Unreachable("It broke off.")
    command = again.do("r1", Verb.RETRY)
    assert command.state == "unknown"
    again.poll()
    command.refresh_from_db()
    assert command.state == "confirmed"
    assert told(engine) == 1


def test_a_lost_answer_is_settled_by_the_run_itself(again, engine):
    engine.answer = Unreachable("It broke off.")
    assert again.do("r1", Verb.RETRY).state == "confirmed"
    assert told(engine) == 1


def test_a_retry_without_any_effect_is_put_before_a_person(again, engine):
    engine.answer, engine.is_done = Unreachable("It broke off."), False
    command = again.do("r1", Verb.RETRY)
    assert command.state == "unknown"
    assert again.settle(command).state == "needs_person"
    assert told(engine) == 1


def test_a_retry_that_may_be_repeated_is_sent_a_second_time(again, engine, monkeypatch):
    monkeypatch.setattr(Again, "repeatable", frozenset({Verb.RETRY}))
    engine.answer, engine.is_done = Unreachable("It broke off."), False
    command = again.do("r1", Verb.RETRY)
    engine.answer, engine.is_done = None, True
    assert again.settle(command).state == "confirmed"
    assert told(engine) == 2


def test_a_refused_retry_says_why(again, engine):
    engine.answer = Rejected("The run is locked.")
    command = again.do("r1", Verb.RETRY)
    assert (command.state, command.message) == ("rejected", "The run is locked.")


def test_a_run_that_has_not_ended_is_not_retried(again, engine):
    again.do("r1", Verb.RETRY)
    with pytest.raises(submit.NotPossible, match="cannot be retried while its status is “Running”"):
        again.ask("r1", Verb.RETRY)


def test_the_way_that_was_chosen_is_sent_and_shown(again, engine):
    engine.runs["r1"] = {"status": Status.RUNNING, "native_status": "run",
                         "offers": frozenset({Verb.CANCEL})}  # fmt: skip
    again.poll()
    usual, forced = (again.do("r1", Verb.CANCEL, option=word) for word in ("graceful", "forced"))
    sent = [each for each in engine.asked if each[0] == "cancel"]
    assert sent == [("cancel", "r1", ""), ("cancel", "r1", "forced")]
    assert usual.pk != forced.pk, "the second way is asked for while the first is under way"
    assert again.ask("r1", Verb.CANCEL, option="forced").pk == forced.pk
    with pytest.raises(submit.NotPossible, match="Again knows no “gently” for this"):
        again.ask("r1", Verb.CANCEL, option="gently")


def test_many_failed_runs_are_assessed_for_a_retry(again, engine):
    engine.runs["r3"] = {"status": Status.SUCCEEDED, "native_status": "ok"}
    again.poll()
    runs = {run.ref: run.pk for run in Execution.objects.all()}
    accounts = {again.account.pk: again.account}
    found = eligibility.assessed([runs["r1"], runs["r3"]], Verb.RETRY, accounts)
    assert {run.pk: why for run, why in found} == {
        runs["r1"]: "",
        runs["r3"]: "It cannot be retried while its status is “Succeeded”.",
    }

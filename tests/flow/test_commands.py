"""A person's command, from the row to the provider and back: sent once, confirmed by a poll."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executions import tasks
from executions.commands import reconciliation, submit
from executions.live import publish
from executions.models import AuditEntry, Command, Question, Transition, Workflow
from executions.polling.workflow_sync import refresh_workflows
from providers.contract import Verb

RUNNING = {"eightx8": "running_long", "generio": "long_running", "smartflows": "waiting_esign"}


def effects(desk, kind):
    return desk.sim.effects.get(kind, [])


CANCEL_EFFECT = {"eightx8": "terminate", "generio": "cancel", "smartflows": "cancel"}
cancelable = pytest.mark.parametrize("key", RUNNING)


@cancelable
def test_a_cancel_is_sent_once_and_confirmed_by_a_poll(open_desk, key):
    desk = open_desk(key, speed=3)
    ref = desk.begin(RUNNING[key])
    desk.poll_until(lambda: "cancel" in (desk.run(ref).offers if desk.status(ref) else []))
    command = desk.do(ref, Verb.CANCEL)
    assert command.state in ("accepted", "confirmed")
    desk.poll_until(lambda: desk.status(ref) == "canceled")
    command.refresh_from_db()
    assert command.state == "confirmed"
    assert len(effects(desk, CANCEL_EFFECT[key])) == 1
    assert AuditEntry.objects.get(action="cancel").actor == "ana"


@cancelable
@pytest.mark.parametrize("execute", ["before", "never"])
@pytest.mark.fault("C4", "C5")
def test_a_cancel_whose_answer_is_lost_is_settled_by_reading(open_desk, key, execute):
    desk = open_desk(key, speed=3)
    ref = desk.begin(RUNNING[key])
    desk.poll_until(lambda: "cancel" in (desk.run(ref).offers if desk.status(ref) else []))
    method = "DELETE" if key == "smartflows" else "PATCH"
    desk.sim.fault("down", method=method, times=1, execute=execute)
    command = desk.do(ref, Verb.CANCEL)
    if execute == "never":
        assert command.state == "unknown"
        desk.settle(command)
    desk.poll_until(lambda: desk.status(ref) == "canceled")
    command.refresh_from_db()
    assert command.state == "confirmed"
    assert len(effects(desk, CANCEL_EFFECT[key])) == 1


def test_a_second_cancel_is_the_first_one(open_desk):
    desk = open_desk("generio")
    ref = desk.begin("long_running")
    desk.poll_until(lambda: desk.status(ref) == "running")
    first, second = desk.ask(ref, Verb.CANCEL), desk.ask(ref, Verb.CANCEL)
    assert first.pk == second.pk
    assert Command.objects.count() == 1


def test_a_cancel_of_a_finished_run_is_refused_in_words(open_desk):
    desk = open_desk("generio")
    ref = desk.begin("generate_success")
    desk.poll_until(lambda: desk.status(ref) == "succeeded")
    with pytest.raises(submit.NotPossible, match="ended"):
        desk.ask(ref, Verb.CANCEL)


def test_suspend_and_resume_are_confirmed(open_desk):
    desk = open_desk("eightx8", speed=2)
    ref = desk.begin("running_long")
    desk.poll_until(lambda: desk.status(ref) == "running")
    desk.do(ref, Verb.SUSPEND)
    desk.poll_until(lambda: desk.status(ref) == "paused")
    desk.do(ref, Verb.RESUME)
    desk.poll_until(lambda: desk.status(ref) == "running")
    desk.poll()
    assert set(Command.objects.values_list("state", flat=True)) == {"confirmed"}
    assert len(effects(desk, "suspend")) == len(effects(desk, "resume")) == 1


def test_a_form_of_two_rounds_is_answered_twice(open_desk):
    desk = open_desk("smartflows")
    ref = desk.begin("two_round_form")
    answered = []
    for _ in range(2):
        question = desk.poll_until(lambda: desk.open_question(ref))
        assert question.ref not in answered
        answered.append(question.ref)
        properties = question.schema.get("properties", {})
        values = {**dict.fromkeys(properties, ""), **(question.model or {})}
        command = desk.do(ref, Verb.ANSWER, question=question, values=values)
        asked = Question.objects.filter(pk=question.pk, closed_at=None)
        desk.poll_until(lambda asked=asked: not asked.exists())
        command.refresh_from_db()
        assert command.state == "confirmed"
    desk.poll_until(lambda: desk.status(ref) in ("succeeded", "warning"))
    assert len(effects(desk, "answer")) == 2


def test_a_question_that_comes_again_under_its_ref_can_be_answered_again(open_desk):
    """A form in a loop may ask the same once more before anybody has seen it closed."""
    desk = open_desk("smartflows", speed=3)
    ref = desk.begin("one_round_form")
    question = desk.poll_until(lambda: desk.open_question(ref))
    answer = desk.ask(ref, Verb.ANSWER, question=question, values={})
    now = timezone.now()
    Command.objects.filter(pk=answer.pk).update(state="accepted", accepted_at=now, sent_at=now)
    tasks.reconcile(str(answer.pk))
    answer.refresh_from_db()
    assert answer.state == "accepted"
    late = now - reconciliation.ASKED_ON_FOR
    Command.objects.filter(pk=answer.pk).update(accepted_at=late, not_before=late)
    tasks.reconcile(str(answer.pk))
    answer.refresh_from_db()
    assert (answer.state, "still asks" in answer.message) == ("needs_person", True)
    assert desk.ask(ref, Verb.ANSWER, question=question, values={}).pk != answer.pk


@pytest.mark.parametrize("choice", ["approved", "declined"])
def test_an_approval_is_given_or_declined_once(open_desk, choice):
    desk = open_desk("flow8")
    ref = desk.begin("approval")
    question = desk.poll_until(lambda: desk.open_question(ref))
    values = {"choice": choice, "note": "checked by phone"}
    command = desk.do(ref, Verb.ANSWER, question=question, values=values)
    desk.poll_until(lambda: Question.objects.get(pk=question.pk).closed_at)
    command.refresh_from_db()
    assert command.state == "confirmed"
    recorded = effects(desk, "approve") + effects(desk, "decline")
    assert len(recorded) == 1
    assert "checked by phone" in str(recorded)


def test_a_form_answered_elsewhere_is_refused_and_says_so(open_desk):
    desk = open_desk("smartflows", speed=4)
    ref = desk.begin("answered_elsewhere")
    question = desk.poll_until(lambda: desk.open_question(ref))
    desk.poll_until(lambda: Question.objects.get(pk=question.pk).closed_at)
    question.refresh_from_db()
    with pytest.raises(submit.NotPossible, match="elsewhere"):
        desk.ask(ref, Verb.ANSWER, question=question, values={})


def test_a_command_that_waits_for_a_worker_is_announced_once_in_five_seconds(
    open_desk, monkeypatch
):
    desk = open_desk("generio")
    ref = desk.begin("long_running")
    desk.poll_until(lambda: "cancel" in (desk.run(ref).offers if desk.status(ref) else []))
    key = str(desk.ask(ref, Verb.CANCEL).pk)
    announced = []
    monkeypatch.setattr(tasks.carry_out, "delay", announced.append)
    tasks.tick()
    tasks.tick()
    assert announced == [key]
    (lock,) = publish.client().keys(f"*{key}")  # its time is over: the message was lost
    publish.client().delete(lock)
    tasks.tick()
    assert announced == [key, key]


def test_a_viewer_may_not_act(open_desk):
    desk = open_desk("generio")
    ref = desk.begin("long_running")
    desk.poll_until(lambda: desk.status(ref) == "running")
    vik = User.objects.create_user("vik")
    with pytest.raises(PermissionDenied):
        submit.request_command(user=vik, execution=desk.run(ref), kind=Verb.CANCEL)


@pytest.mark.fault("C10")
def test_a_right_taken_away_between_click_and_sending_stops_the_command(open_desk):
    desk = open_desk("generio")
    ref = desk.begin("long_running")
    desk.poll_until(lambda: desk.status(ref) == "running")
    command = desk.ask(ref, Verb.CANCEL)
    desk.user.groups.clear()
    from executions import tasks

    tasks.carry_out(str(command.pk))
    command.refresh_from_db()
    assert (command.state, effects(desk, "cancel")) == ("rejected", [])


START = {
    "flow8": {"arguments": {"order": "P-1"}},
    "eightx8": {"arguments": {"order": "P-1"}},
    "smartflows": {},
    "generio": {"prompt": "a chair with three legs"},
}


@pytest.mark.parametrize("key", START)
def test_a_run_is_started_once_and_found(open_desk, key):
    desk = open_desk(key)
    refresh_workflows(desk.account)
    workflow = Workflow.objects.filter(account=desk.account, can_start=True).first()
    command = desk.start(workflow, START[key])
    assert command.state == "confirmed", command.message
    assert command.execution is not None
    assert len(effects(desk, "start")) == 1


def test_what_settling_costs_does_not_grow_with_what_was_started(open_desk):
    desk = open_desk("generio")
    refresh_workflows(desk.account)
    workflow = Workflow.objects.filter(account=desk.account, can_start=True).first()
    costs = []
    for _ in range(2):
        for _ in range(3):
            assert desk.start(workflow, START["generio"]).state == "confirmed"
        with CaptureQueriesContext(connection) as queries:
            reconciliation.confirm_observed(desk.account.pk)
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 3


def test_the_stored_history_is_the_script_in_order(open_desk):
    desk = open_desk("flow8", speed=4)
    refs = [desk.begin(name) for name in ("quick_done", "failing", "filtered", "skip")]
    ends = ("succeeded", "failed", "skipped")
    desk.poll_until(lambda: all(desk.status(ref) in ends for ref in refs))
    native = {run["ref"]: [c["status"] for c in run["changes"]] for run in desk.sim.script}
    for ref in refs:
        stored = Transition.objects.filter(execution__ref=ref).order_by("version")
        words = [move.native_status for move in stored if "reported" not in move.flags]
        remaining = iter(native[ref])
        assert all(word in remaining for word in words), (words, native[ref])
        assert words[-1] == native[ref][-1]

"""Commands in trouble: refused, asked for twice, overtaken, late. Each is carried out once or not
at all, and what is said of it is true."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client

from executions import tasks
from executions.commands import dispatch
from executions.models import AuditEntry, Command, CommandState, Execution, Question, Workflow
from executions.polling import poller, schedule
from executions.polling.workflow_sync import refresh_workflows
from providers.contract import Verb
from providers.save_account import AccountDraft, set_up
from tests.flow.conftest import Desk
from tests.pages import Page


@pytest.fixture
def running(open_desk: Callable[..., Desk]) -> tuple[Desk, str]:
    """A desk with a run that can be canceled."""
    desk = open_desk("generio", speed=3)
    ref = desk.begin("long_running", seconds=600.0)
    desk.poll_until(lambda: desk.status(ref) == "running")
    return desk, ref


@pytest.fixture
def page(ana: User) -> Client:
    return signed_in(ana)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def patches(desk: Desk) -> int:
    return sum(entry["method"] == "PATCH" for entry in desk.sim.log)


@pytest.mark.fault("H4")
def test_a_command_that_contradicts_its_run_is_refused_once_and_the_run_is_read_at_once(
    running: tuple[Desk, str], page: Client
) -> None:
    desk, ref = running
    command = desk.ask(ref, Verb.CANCEL)
    run = desk.sim.world.runs[ref]
    desk.sim.fault("error", status=409, method="PATCH")
    while not run.is_final:
        run.proceed()
    tasks.carry_out(str(command.pk))
    command.refresh_from_db()
    assert (command.state, "Conflict" in command.message) == ("rejected", True)
    assert desk.status(ref) == "succeeded"  # without a poll
    desk.settle(command)
    assert patches(desk) == 1
    shown = Page(page.get(f"/executions/{desk.run(ref).pk}/"))
    assert command.message in shown


@pytest.fixture
def asked(open_desk: Callable[..., Desk]) -> tuple[Desk, Question]:
    desk = open_desk("smartflows", speed=20)
    ref = desk.begin("one_round_form")
    return desk, desk.poll_until(lambda: desk.open_question(ref))


def typed_by(client: Client, question: Question, city: str) -> dict[str, str]:
    """What a browser would post."""
    form = Page(client.get(f"/questions/{question.pk}/")).answer_form
    return {**form.posted(), form.field("City"): city}


def answers_of(desk: Desk) -> list[Any]:
    return list(desk.sim.effects.get("answer", []))


@pytest.mark.fault("H5")
@pytest.mark.parametrize("status", [400, 422])
def test_an_answer_that_the_provider_refuses_is_kept_told_and_sent_again_only_by_a_person(
    asked: tuple[Desk, Question], page: Client, status: int
) -> None:
    desk, question = asked
    typed = typed_by(page, question, "Trondheim 7")
    desk.sim.fault("error", status=status, method="POST", times=1, path="/api/v1/flows/executions/")
    page.post(f"/questions/{question.pk}/answer/", typed)
    command = Command.objects.get()
    tasks.carry_out(str(command.pk))
    command.refresh_from_db()
    assert command.state == "rejected"
    desk.settle(command)
    assert answers_of(desk) == []
    shown = Page(page.get(f"/questions/{question.pk}/"))
    assert command.message in shown
    assert shown.answer_form.value(shown.answer_form.field("City")) == "Trondheim 7"
    assert "Send answer" in shown
    page.post(f"/questions/{question.pk}/answer/", typed_by(page, question, "Trondheim 7"))
    tasks.carry_out(str(Command.objects.exclude(pk=command.pk).get().pk))
    assert len(answers_of(desk)) == 1


@pytest.mark.fault("H8")
def test_a_command_waits_while_the_provider_asks_for_it_and_is_given_up_after_five_tries(
    open_desk: Callable[..., Desk],
) -> None:
    desk = open_desk("eightx8", speed=3)
    ref = desk.begin("running_long")
    desk.poll_until(lambda: "cancel" in (desk.run(ref).offers if desk.status(ref) else []))
    desk.sim.fault("throttled", method="PATCH", seconds=1)
    command = desk.do(ref, Verb.CANCEL)
    assert (command.state, command.attempts, command.doubts) == ("pending", 1, 0)
    assert command.sent_at is not None
    assert command.not_before > command.sent_at
    tasks.carry_out(str(command.pk))  # too early
    command.refresh_from_db()
    assert command.attempts == 1
    for _ in range(6):
        desk.settle(command)
    assert (command.state, command.attempts) == ("rejected", dispatch.MAX_ATTEMPTS)
    assert command.message.startswith("Failed after 5 attempts.")
    assert desk.sim.effects.get("terminate", []) == []


def at_once(number: int, act: Callable[[int], Any]) -> list[Any]:
    """What came of that many acts at the same moment, each with a connection of its own."""
    barrier = threading.Barrier(number)

    def one(place: int) -> Any:
        barrier.wait(20)
        try:
            return act(place)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(one, range(number)))


@pytest.mark.fault("C1")
def test_fifty_cancels_at_once_are_one_command(running: tuple[Desk, str], ana: User) -> None:
    desk, ref = running
    run = desk.run(ref)
    clients = [signed_in(ana) for _ in range(50)]
    answers = at_once(50, lambda n: clients[n].post(f"/executions/{run.pk}/cancellation/"))
    assert {answer.status_code for answer in answers} == {302}
    command = Command.objects.get()
    at_once(8, lambda n: tasks.carry_out(str(command.pk)))
    desk.poll_until(lambda: desk.status(ref) == "canceled")
    command.refresh_from_db()
    assert command.state == "confirmed"
    assert patches(desk) == 1
    assert AuditEntry.objects.filter(action="cancel").count() == 1


@pytest.mark.fault("C2")
def test_of_two_people_who_answer_at_once_one_is_told_who_was_faster_and_keeps_what_was_typed(
    asked: tuple[Desk, Question], ana: User
) -> None:
    desk, question = asked
    ben = User.objects.create_user("ben")
    ben.groups.add(Group.objects.get(name="operator"))
    clients = {"ana": signed_in(ana), "ben": signed_in(ben)}
    posted = {name: typed_by(client, question, f"{name}ville") for name, client in clients.items()}
    names = list(clients)
    path = f"/questions/{question.pk}/answer/"
    answers = at_once(2, lambda n: clients[names[n]].post(path, posted[names[n]]))
    assert sorted(answer.status_code for answer in answers) == [302, 409]
    command = Command.objects.get()
    late = next(n for n, answer in enumerate(answers) if answer.status_code == 409)
    shown = Page(answers[late])
    assert f"Answer of {names[1 - late]}" in shown
    assert f"{names[late]}ville" in shown.source
    tasks.carry_out(str(command.pk))
    [sent] = answers_of(desk)
    assert f"{names[1 - late]}ville" in str(sent)


@pytest.mark.fault("C6")
def test_a_command_carried_out_long_after_we_gave_up_is_sent_once_and_found(
    running: tuple[Desk, str], hurry: None
) -> None:
    desk, ref = running
    desk.sim.fault("slow", method="PATCH", seconds=2.0, times=1)
    command = desk.do(ref, Verb.CANCEL)
    assert (command.state, command.doubts) == ("unknown", 1)
    tasks.reconcile(str(command.pk))  # soon: nothing is to be seen, and nothing is sent again
    command.refresh_from_db()
    assert command.state == "unknown"
    desk.poll_until(lambda: desk.status(ref) == "canceled")
    command.refresh_from_db()
    assert command.state == "confirmed"
    assert (patches(desk), desk.sim.effects["cancel"]) == (1, [ref])


@pytest.mark.fault("C7")
def test_a_start_that_the_provider_carries_out_twice_is_told_with_the_other_run(
    open_desk: Callable[..., Desk], page: Client
) -> None:
    desk = open_desk("generio", speed=3)
    refresh_workflows(desk.account)
    workflow = Workflow.objects.get(account=desk.account, name="model_generate_fromprompt")
    twice, other = (desk.start(workflow, {"prompt": each}) for each in ("a lamp", "a chair"))
    assert {twice.state, other.state} == {"confirmed"}
    sent = next(
        entry for entry in desk.sim.log
        if entry["method"] == "POST" and "a lamp" in str(entry["body"])
    )  # fmt: skip
    again = requests.post(
        desk.sim.base_url + sent["path"], json=sent["body"], timeout=10,
        headers={"Authorization": f"Bearer {desk.sim.api_key}"},
    )  # fmt: skip
    ref = again.json()["flow_id"]
    desk.poll_until(lambda: "begun it twice" in Command.objects.get(pk=twice.pk).message)
    desk.poll()
    for command in (twice, other):
        command.refresh_from_db()
    assert ref in twice.message
    assert twice.message.count("twice") == 1
    assert other.message == "The run has started."
    assert twice.execution is not None
    assert twice.message in Page(page.get(f"/executions/{twice.execution.pk}/?tab=history"))


@pytest.mark.fault("C12")
def test_a_command_does_not_outlive_the_settings_that_it_was_requested_under(
    running: tuple[Desk, str], page: Client
) -> None:
    desk, ref = running
    command = desk.ask(ref, Verb.CANCEL)
    wish = AccountDraft(
        provider="generio", settings=desk.account.settings, credentials={"api_key": "another"}
    )
    set_up(desk.account, wish, by="test")
    tasks.carry_out(str(command.pk))
    command.refresh_from_db()
    assert command.state == "rejected"
    assert "settings of the account changed" in command.message
    assert patches(desk) == 0
    assert command.message in Page(page.get(f"/executions/{desk.run(ref).pk}/"))


@pytest.mark.fault("P19")
def test_messages_that_come_hours_late_do_nothing(running: tuple[Desk, str]) -> None:
    desk, ref = running
    command = desk.do(ref, Verb.CANCEL)
    desk.poll_until(lambda: desk.status(ref) == "canceled")
    command.refresh_from_db()
    assert command.state == CommandState.CONFIRMED
    old = desk.account.poll_seq
    before, asked = list(Command.objects.values()), len(desk.sim.log)
    for seq in range(1, old + 1):
        assert poller.poll(desk.account.pk, seq) is None
        tasks.poll(desk.account.pk, seq)
    tasks.carry_out(str(command.pk))
    tasks.reconcile(str(command.pk))
    tasks.advance_batches()
    assert list(Command.objects.values()) == before
    assert len(desk.sim.log) == asked
    assert schedule.claim(desk.account.pk) == old + 1
    assert Execution.objects.get(ref=ref).status == "canceled"

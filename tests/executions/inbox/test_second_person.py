"""Where a workflow needs two people an answer is held until another one agrees: at every door."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.utils import timezone

from executions.access import api_tokens
from executions.bulk import runner
from executions.commands import dispatch, second_person, submit
from executions.commands.sealed_arguments import unseal
from executions.commands.submit import NotPossible
from executions.forms import compile_question
from executions.models import (
    AuditEntry,
    Batch,
    Command,
    Execution,
    Proposal,
    Question,
    WorkflowProfile,
)
from providers import account_switches, contract
from providers.contract import Status, Verb
from tests.pages import Page

pytestmark = pytest.mark.django_db

APPROVAL = contract.Question(
    ref="q1",
    kind="approval",
    title="Release the payment?",
    choices=(
        contract.Choice(value="yes", label="Release"),
        contract.Choice(value="no", label="Refuse", is_danger=True),
    ),
)


@pytest.fixture
def question(put: Callable[..., Execution]) -> Question:
    run = put("r1", Status.USER_INPUT, steps=(), questions=(APPROVAL,), outputs=())
    WorkflowProfile.objects.create(workflow=run.workflow, needs_two=True)
    return run.questions.get()


@pytest.fixture
def bo_user(people: dict[str, User]) -> User:
    user = User.objects.create_user("bo")
    user.groups.set(people["ana"].groups.all())
    return user


@pytest.fixture
def bo(bo_user: User, sign_in: Callable[[User], Client]) -> Client:
    return sign_in(bo_user)


def propose(client: Client, question: Question, **more: str) -> Any:
    prefix = f"q{question.pk}"
    given = {
        f"{prefix}-f1": "0", f"{prefix}-f2": "a note", "key": str(uuid.uuid4()), "desk": "1",
        "fingerprint": question.fingerprint, **more,
    }  # fmt: skip
    return client.post(f"/questions/{question.pk}/answer/", given)


def act(client: Client, noun: str, **given: str) -> Page:
    key = Proposal.objects.get(state="held").pk
    return Page(client.post(f"/proposals/{key}/{noun}/", given, follow=True))


def test_the_first_answer_is_held_and_the_pages_say_who_proposed_what(
    ana, bo, vik, question
) -> None:
    assert "Two people decide here" in Page(ana.get(f"/questions/{question.pk}/"))
    sent = Page(ana.get(propose(ana, question)["Location"])).one("#sent")
    assert "proposed by you, waits for a second person" in sent
    assert not Command.objects.exists()
    words = "ana proposed Decision: Release, Note: a note"
    assert f"waits for a second person: {words}" in Page(bo.get("/inbox/")).one(
        f"#task-{question.pk}"
    )
    run = question.execution_id
    for address in (f"/questions/{question.pk}/", f"/executions/{run}/",
                    f"/?peek={run}"):  # fmt: skip
        notice = Page(bo.get(address, follow=True)).one(f"#question-{question.pk}-notice")
        assert "Waits for a second person: ana proposed" in notice
        assert notice.has("dd", "Release")
        assert notice.has("button", "Agree and send")
    own = Page(ana.get(f"/questions/{question.pk}/"))
    assert not own.has("button", "Agree and send")
    assert own.has("button", "Withdraw it")
    assert not own.has("button:not([type=button])", "Release")
    seen = Page(vik.get(f"/questions/{question.pk}/")).one(f"#question-{question.pk}-notice")
    assert "ana proposed" in seen
    assert not seen.has("button")


def test_another_person_agrees_and_then_there_is_one_command_with_both_names(
    ana, bo, question
) -> None:
    propose(ana, question)
    key = Proposal.objects.get().pk
    answer = bo.post(f"/proposals/{key}/agreement/")
    assert "agreed by you, requested" in Page(bo.get(answer["Location"])).one("#sent")
    bo.post(f"/proposals/{key}/agreement/")  # a second click
    command = Command.objects.get()
    assert (command.pk, command.requested_by.username, command.agreed_by.username) == (
        key, "ana", "bo",
    )  # fmt: skip
    assert unseal(command)["values"] == {"choice": "yes", "note": "a note"}
    assert dispatch.claim(command.pk) is not None
    proposed, answered = AuditEntry.objects.order_by("pk")
    assert (proposed.actor, proposed.action) == ("ana", "answer proposed")
    assert (answered.actor, answered.action) == ("bo", "answer")
    assert (answered.detail["proposed by"], answered.detail["agreed by"]) == ("ana", "bo")
    assert "ana, agreed by bo" in Page(ana.get(f"/executions/{command.execution_id}/?tab=history"))


def test_given_back_with_a_sentence_it_can_be_proposed_anew(ana, bo, question) -> None:
    propose(ana, question)
    assert "Say in a sentence" in act(bo, "return")
    act(bo, "return", sentence="The amount is wrong")
    assert not Command.objects.exists()
    page = Page(ana.get(f"/questions/{question.pk}/"))
    assert "bo gave back the answer of ana: “The amount is wrong”" in page
    assert page.value(f"q{question.pk}-f2") == "a note"
    assert page.has("button", "Release")
    propose(ana, question)
    assert sorted(Proposal.objects.values_list("state", flat=True)) == ["held", "returned"]
    assert AuditEntry.objects.get(action="answer given back").detail == {
        "question": "Release the payment?", "proposed by": "ana", "why": "The amount is wrong",
    }  # fmt: skip


def test_who_proposed_may_withdraw_it_and_nobody_else(ana, bo, question) -> None:
    propose(ana, question)
    assert "Only the person who proposed it" in act(bo, "withdrawal")
    page = act(ana, "withdrawal")
    assert "Withdrawn: nothing was sent" in page
    assert page.value(f"q{question.pk}-f2") == "a note"
    assert Proposal.objects.get().state == "withdrawn"
    assert AuditEntry.objects.filter(action="proposal withdrawn", actor="ana").exists()


def test_an_agreement_can_be_undone_and_the_proposal_waits_again(
    ana, bo, question, settings
) -> None:
    settings.ANNUNCIATOR_UNDO = timedelta(seconds=10)
    propose(ana, question)
    act(bo, "agreement")
    command = Command.objects.get()
    assert command.not_before > timezone.now()
    bo.post(f"/commands/{command.pk}/undo/")
    assert Command.objects.get().state == "withdrawn"
    held = Proposal.objects.get(state="held")
    assert held.pk != command.pk
    act(bo, "agreement")
    assert sorted(Command.objects.values_list("state", flat=True)) == ["pending", "withdrawn"]
    assert unseal(Command.objects.get(state="pending"))["values"]["choice"] == "yes"


# -------------------------------------------------------------------------------- every other door


def test_who_proposed_cannot_agree(ana, people, question) -> None:
    propose(ana, question)
    assert "another person has to decide on it" in act(ana, "agreement")
    assert "another person has to decide on it" in act(ana, "return", sentence="no")
    assert not Command.objects.exists()
    token = api_tokens.issue(people["ana"])
    program = Client(headers={"Authorization": f"Bearer {token}"})
    key = Proposal.objects.get().pk
    assert program.post(f"/api/v1/commands/{key}/agreement").status_code == 409
    assert Proposal.objects.get().state == "held"


def test_a_second_answer_on_the_page_finds_the_first(ana, bo, question) -> None:
    propose(ana, question)
    page = propose(bo, question)
    assert page.status_code == 409
    assert "ana proposed" in page.content.decode()
    assert Proposal.objects.count() == 1
    assert not Command.objects.exists()


def test_a_program_proposes_and_another_person_s_program_agrees(people, bo_user, question) -> None:
    def program(user: User) -> Client:
        return Client(headers={"Authorization": f"Bearer {api_tokens.issue(user)}"})

    ana, bo, key = program(people["ana"]), program(bo_user), str(uuid.uuid4())
    address = f"/api/v1/executions/{question.execution_id}/commands"
    given = {"kind": "answer", "question": "q1", "values": {"choice": "yes", "note": ""}}
    for _ in range(2):  # the same key twice is one proposal
        answer = ana.post(address, given, "application/json", headers={"Idempotency-Key": key})
        assert (answer.status_code, answer.json()["state"]) == (202, "held")
    assert not Command.objects.exists()
    assert bo.get(f"/api/v1/commands/{key}").json()["state"] == "held"
    assert bo.post(f"/api/v1/commands/{key}/agreement").json()["state"] == "pending"
    assert Command.objects.get().agreed_by == bo_user
    assert bo.post(f"/api/v1/commands/{key}/agreement").status_code == 409
    assert Command.objects.count() == 1


def test_an_answer_for_several_leaves_it_out_also_when_its_turn_comes(ana, question) -> None:
    def choose() -> Batch:
        given = {"questions": [question.pk], "key": str(uuid.uuid4())}
        ana.post("/inbox/decisions/", given)
        return Batch.objects.latest("pk")

    assert "It needs a second person" in choose().items.get().message
    WorkflowProfile.objects.update(needs_two=False)
    batch = choose()
    ana.post(f"/batches/{batch.pk}/start/", {"all-f1": "0"})
    WorkflowProfile.objects.update(needs_two=True)  # between the confirmation and its turn
    runner.advance()
    assert batch.items.get().state == "skipped"
    assert not Command.objects.exists()


def test_the_function_itself_refuses_and_so_does_the_moment_of_sending(people, question) -> None:
    form = compile_question(question)
    given: dict[str, Any] = {
        "user": people["ana"], "execution": question.execution, "kind": Verb.ANSWER,
        "question": question, "form": form, "values": {"choice": "yes", "note": ""},
    }  # fmt: skip
    with pytest.raises(NotPossible, match="second person"):
        submit.request_command(**given)
    WorkflowProfile.objects.update(needs_two=False)
    command = submit.request_command(**given)
    WorkflowProfile.objects.update(needs_two=True)
    dispatch.send(dispatch.claim(command.pk))
    command.refresh_from_db()
    assert command.state == "rejected"
    assert "second person" in command.message


def test_nothing_is_agreed_in_a_blind_test_for_a_closed_or_a_changed_question(
    ana, bo_user, people, question, account
) -> None:
    propose(ana, question)

    def agree() -> None:
        proposal = Proposal.objects.select_related("question__execution__account").get()
        second_person.agree(bo_user, proposal, address=None)

    Question.objects.update(fingerprint="other")
    with pytest.raises(NotPossible, match="changed this form"):
        agree()
    Question.objects.update(fingerprint=question.fingerprint, closed_at=timezone.now())
    with pytest.raises(NotPossible, match="no longer asked"):
        agree()
    Question.objects.update(closed_at=None)
    account_switches.go_blind(account, 5, by="root")
    with pytest.raises(NotPossible, match="blind test"):
        agree()
    assert Proposal.objects.get().state == "held"
    assert not Command.objects.exists()
    people["ana"].groups.remove(Group.objects.get(name="operator"))
    with pytest.raises(NotPossible, match="may no longer answer"):
        agree()


def test_only_an_administrator_switches_it(ana, people, question, sign_in) -> None:
    address = f"/workflows/{question.execution.workflow_id}/second-person/"
    assert ana.post(address, {"needs_two": "0"}).status_code == 403
    assert WorkflowProfile.objects.get().needs_two
    chief = User.objects.create_user("chief", is_staff=True)
    chief.groups.set([Group.objects.get(name="admin"), Group.objects.get(name="east")])
    page = Page(sign_in(chief).get(f"/workflows/{question.execution.workflow_id}/"))
    assert "two people: one answers, another one agrees" in page
    sign_in(chief).post(address, {"needs_two": "0"})
    assert not WorkflowProfile.objects.get().needs_two
    assert AuditEntry.objects.get(action="second person set").detail == {"two people": False}


def test_what_is_held_stays_held_when_it_is_switched_off(ana, bo, question) -> None:
    propose(ana, question)
    WorkflowProfile.objects.update(needs_two=False)
    assert propose(bo, question).status_code == 409
    assert not Command.objects.exists()
    act(bo, "agreement")
    assert Command.objects.count() == 1


def test_a_question_of_another_team_cannot_be_agreed_to(ana, eve, vik, question) -> None:
    propose(ana, question)
    address = f"/proposals/{Proposal.objects.get().pk}/agreement/"
    assert (vik.post(address).status_code, eve.post(address).status_code) == (403, 404)


@pytest.mark.django_db(transaction=True)
def test_agreed_and_withdrawn_at_the_same_moment_one_of_them_counts(
    ana, people, bo_user, question
) -> None:
    propose(ana, question)
    done: list[str] = []

    def work(name: str, what: Callable[..., Any], user: User) -> None:
        proposal = Proposal.objects.select_related("question__execution__account").get()
        try:
            what(user, proposal, address=None)
            done.append(name)
        except NotPossible:
            pass
        connection.close()

    threads = [
        Thread(target=work, args=("agreed", second_person.agree, bo_user)),
        Thread(target=work, args=("agreed", second_person.agree, bo_user)),
        Thread(target=work, args=("withdrawn", second_person.withdraw, people["ana"])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    assert Command.objects.count() == (done == ["agreed"])

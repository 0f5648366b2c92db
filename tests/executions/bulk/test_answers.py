"""One answer for many questions of one form: who is left out and why, what is sent, never twice."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from executions.bulk import runner
from executions.commands import reconciliation
from executions.commands.sealed_arguments import unseal
from executions.inbox import claims
from executions.models import AuditEntry, Batch, BatchItem, Command, Execution, Question
from providers import account_switches, contract
from providers.contract import Status
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
SCHEMA = {
    "type": "object",
    "required": ["amount", "verdict"],
    "properties": {
        "amount": {"type": "integer", "title": "Amount", "maximum": 100},
        "verdict": {"type": "string", "title": "Verdict", "enum": ["good", "bad"]},
        "remark": {"type": "string", "title": "Remark"},
    },
}


@pytest.fixture
def ask(put: Callable[..., Execution]) -> Callable[..., Question]:
    def asking(ref: str, question: contract.Question = APPROVAL, **changed: Any) -> Question:
        more = {name: changed.pop(name) for name in ("workflow", "name") if name in changed}
        run = put(ref, Status.USER_INPUT, steps=(), questions=(question,), outputs=(), **more)
        Question.objects.filter(execution=run).update(**changed)
        return run.questions.get()

    return asking


@pytest.fixture
def bo(people: dict[str, User], sign_in: Callable[[User], Client]) -> Client:
    user = User.objects.create_user("bo")
    user.groups.set(people["ana"].groups.all())
    return sign_in(user)


def choose(client: Client, *questions: Question, **more: Any) -> Page:
    """The form of the bar over the list, sent."""
    given = {"questions": [each.pk for each in questions], "key": str(uuid.uuid4()), **more}
    return Page(client.post("/inbox/decisions/", given, follow=True))


def release(client: Client, batch: Batch, **more: str) -> Any:
    return client.post(f"/batches/{batch.pk}/start/", {"all-f1": "0", **more})


def states(batch: Batch) -> dict[str, str]:
    return dict(batch.items.values_list("execution__ref", "state"))


# ---------------------------------------------------------------------------------- the preview


def test_the_preview_says_which_runs_get_the_answer_and_who_is_left_out_and_why(
    ana, bo, people, ask
) -> None:
    good, gone, busy, held = (ask(ref, name=f"Invoice {ref}") for ref in ("r1", "r2", "r3", "r4"))
    other = ask("r5", contract.Question(ref="q1", kind="form", title="Amount?", schema=SCHEMA))
    at_home = ask("r6", is_answerable=False)
    Question.objects.filter(pk=gone.pk).update(closed_at=gone.opened_at)
    Command.objects.create(
        kind="answer", account=busy.execution.account, execution=busy.execution,
        target=f"question:{busy.pk}", requested_by=people["ana"],
    )  # fmt: skip
    bo.post(f"/questions/{held.pk}/claim/")
    page = choose(ana, good, gone, busy, held, other, at_home)
    assert "Answer 1 question?" in page
    assert "Nothing has been sent yet" in page
    for words in ("Invoice r1", "It is no longer asked.", "Already answered by ana.", "bo is on it",
                  "It asks with another form.", "can only be answered at the provider",
                  "5 left out", "Answer “Release the payment?” at Smart Flows"):  # fmt: skip
        assert words in page, words
    batch = Batch.objects.get()
    left_out = dict.fromkeys(("r2", "r3", "r4", "r5", "r6"), "ineligible")
    assert states(batch) == {"r1": "waiting", **left_out}
    assert Command.objects.count() == 1


def test_one_confirmation_sends_one_command_per_question_and_is_audited(ana, ask) -> None:
    questions = [ask(f"r{number}") for number in range(3)]
    choose(ana, *questions)
    batch = Batch.objects.get()
    assert release(ana, batch, **{"all-f2": "as agreed"}).status_code == 302
    assert not Command.objects.exists()  # a worker turns them into commands, gradually
    runner.advance()
    commands = list(Command.objects.all())
    assert {each.target for each in commands} == {f"question:{each.pk}" for each in questions}
    for each in commands:
        assert unseal(each)["values"] == {"choice": "yes", "note": "as agreed"}
        assert each.requested_by.get_username() == "ana"
    head = Page(ana.get(f"/batches/{batch.pk}/")).one("#batch-head")
    for words in ("Answer 3 questions", "Decision Release", "Note as agreed"):
        assert words in head
    started, *each_answer = AuditEntry.objects.order_by("pk")
    assert (started.action, started.detail["questions"]) == ("batch answer", 3)
    assert [entry.action for entry in each_answer] == ["answer"] * 3
    assert "as agreed" not in str(AuditEntry.objects.values_list("detail", flat=True))


def test_nothing_is_sent_without_a_choice_and_what_was_typed_stays(ana, ask) -> None:
    choose(ana, ask("r1"), ask("r2"))
    batch = Batch.objects.get()
    page = ana.post(f"/batches/{batch.pk}/start/", {"all-f1": "", "all-f2": "because"})
    assert page.status_code == 422
    assert Page(page).value("all-f2") == "because"
    assert Page(ana.get(f"/batches/{batch.pk}/")).value("all-f2") == "because"
    assert Batch.objects.get().state == "draft"


def test_all_that_ask_the_same_under_the_filter_are_found_on_the_server(ana, ask) -> None:
    one, two = ask("r1"), ask("r2")
    elsewhere = ask("r3", workflow=contract.Workflow(ref="w2", name="Parcels"))
    other = ask("r4", contract.Question(ref="q1", kind="form", title="Amount?", schema=SCHEMA))
    page = choose(ana, one, scope="alike")
    assert "all that ask the same in Nightly import" in page
    asked = set(Batch.objects.get().items.values_list("question_id", flat=True))
    assert asked == {one.pk, two.pk}
    assert not asked & {elsewhere.pk, other.pk}


def test_more_than_twenty_are_confirmed_by_their_number(ana, ask) -> None:
    choose(ana, *(ask(f"r{number}") for number in range(21)))
    batch = Batch.objects.get()
    page = release(ana, batch, number="20")
    assert page.status_code == 422
    assert "Type 21 to confirm. Nothing was sent." in Page(page)
    assert release(ana, batch, number="21").status_code == 302


def test_a_question_of_another_team_cannot_be_chosen_and_a_viewer_is_refused(
    ana, eve, vik, ask
) -> None:
    question = ask("r1")
    assert "No question was selected" in choose(eve, question)
    assert vik.post("/inbox/decisions/", {"questions": [question.pk]}).status_code == 403
    assert not Batch.objects.exists()
    assert Page(ana.get("/inbox/")).has(f"input[name=questions][value='{question.pk}']")
    assert not Page(vik.get("/inbox/")).has("input[name=questions]")


def test_the_form_of_runs_makes_no_batch_of_answers(ana, put) -> None:
    run = put("r1")
    given = {"kind": "answer", "scope": "picked", "ids": run.pk, "key": str(uuid.uuid4())}
    ana.post("/batches/creation/", given)
    assert not Batch.objects.exists()


# --------------------------------------------------------------------------- forms with more fields


def test_what_is_left_alone_keeps_the_value_that_each_question_came_with(ana, ask) -> None:
    def form(remark: str) -> contract.Question:
        return contract.Question(
            ref="q1", kind="form", title="Check", schema=SCHEMA,
            model={"amount": 7, "verdict": "", "remark": remark, "hidden": remark},
        )  # fmt: skip

    first, second = ask("r1", form("from one")), ask("r2", form("from two"))
    choose(ana, first, second)
    batch = Batch.objects.get()
    page = Page(ana.get(f"/batches/{batch.pk}/"))
    amount, verdict, remark = (name for name in page.names("all-f")[:3])
    ana.post(f"/batches/{batch.pk}/start/", {amount: "12", verdict: "0", remark: ""})
    runner.advance()
    sent = {each.execution.ref: unseal(each)["values"] for each in Command.objects.all()}
    for ref, own in (("r1", "from one"), ("r2", "from two")):
        assert sent[ref]["amount"] == 12
        assert sent[ref]["verdict"] == "good"
        assert (sent[ref]["remark"], sent[ref]["hidden"]) == (own, own)


# ------------------------------------------------------------------------------------ never twice


def test_the_same_form_twice_is_one_batch_that_starts_once(ana, ask) -> None:
    one, two = ask("r1"), ask("r2")
    key = str(uuid.uuid4())
    choose(ana, one, two, key=key)
    choose(ana, one, two, key=key)
    batch = Batch.objects.get()
    release(ana, batch)
    release(ana, batch, **{"all-f1": "1"})  # a second click, on another answer even
    for _ in range(3):
        runner.advance()
    assert [unseal(each)["values"]["choice"] for each in Command.objects.all()] == ["yes", "yes"]


def test_two_people_at_once_answer_each_question_once(ana, bo, ask) -> None:
    questions = [ask(f"r{number}") for number in range(3)]
    choose(ana, *questions)
    choose(bo, *questions)
    first, second = Batch.objects.order_by("pk")
    release(ana, first)
    release(bo, second, **{"all-f1": "1"})
    runner.advance()
    Command.objects.update(state="accepted")  # there is room for more on the way to the account
    runner.advance()
    assert Command.objects.count() == 3
    ends = [states(batch) for batch in (first, second)]
    sent = [state for end in ends for state in end.values() if state != "skipped"]
    assert len(sent) == 3
    skipped = BatchItem.objects.filter(state="skipped")
    assert all(item.message.startswith("Already answered by") for item in skipped)


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_time_answer_each_question_once(ana, ask) -> None:
    choose(ana, *(ask(f"r{number}") for number in range(3)))
    release(ana, Batch.objects.get())

    def work() -> None:
        runner.advance()
        connection.close()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Command.objects.count() == 3


# ---------------------------------------------------------------------------------- honest results


def test_each_question_is_looked_at_again_when_its_turn_comes(ana, people, ask, account) -> None:
    closed, changed, taken, good = (ask(f"r{number}") for number in range(4))
    choose(ana, closed, changed, taken, good)
    batch = Batch.objects.get()
    release(ana, batch)
    Question.objects.filter(pk=closed.pk).update(closed_at=closed.opened_at)
    Question.objects.filter(pk=changed.pk).update(choices=[{"value": "x", "label": "X"}])
    bo = User.objects.create_user("bo")
    bo.groups.set(people["ana"].groups.all())
    claims.claim(bo, taken, address=None)
    runner.advance()
    runner.advance()
    assert states(batch) == {"r0": "skipped", "r1": "skipped", "r2": "skipped", "r3": "requested"}
    text = ana.get(f"/batches/{batch.pk}/").content.decode()
    for words in ("It is no longer asked.", "It asks with another form.", "bo is on it"):
        assert words in text


def test_nothing_is_sent_to_an_account_in_a_blind_test(ana, ask, account) -> None:
    question = ask("r1")
    choose(ana, question)
    release(ana, Batch.objects.get())
    account_switches.go_blind(account, 5, by="root")
    runner.advance()
    assert not Command.objects.exists()
    assert "blind test" in choose(ana, question)


def test_who_may_not_act_any_more_sends_nothing(ana, people, ask) -> None:
    choose(ana, ask("r1"))
    release(ana, Batch.objects.get())
    people["ana"].groups.clear()
    runner.advance()
    assert not Command.objects.exists()
    assert BatchItem.objects.get().state == "skipped"


def test_items_follow_their_answer_to_its_end_and_what_failed_is_tried_again(ana, ask) -> None:
    one, two = ask("r1"), ask("r2")
    choose(ana, one, two)
    batch = Batch.objects.get()
    release(ana, batch, **{"all-f2": "as agreed"})
    runner.advance()
    Command.objects.filter(execution=one.execution).update(state="rejected", message="No budget.")
    Command.objects.filter(execution=two.execution).update(state="accepted")
    Question.objects.filter(pk=two.pk).update(closed_at=two.opened_at)
    reconciliation.confirm_observed(one.execution.account_id)
    runner.advance()
    assert states(batch) == {"r1": "rejected", "r2": "confirmed"}
    page = Page(ana.get(f"/batches/{batch.pk}/"))
    assert "No budget." in page
    again = Page(ana.post(f"/batches/{batch.pk}/retry/", {"which": "failed"}, follow=True))
    assert "Answer 1 question?" in again
    assert again.value("all-f2") == "as agreed"

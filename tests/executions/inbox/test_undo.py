"""An answer waits for an undo: what is taken back was never sent, and what was typed is back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from executions.access import api_tokens
from executions.bulk import runner
from executions.commands import dispatch, reconciliation, sealed_arguments, withdrawal
from executions.models import (
    AuditEntry,
    Batch,
    Command,
    Execution,
    Preference,
    Question,
)
from providers import contract
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


@pytest.fixture(autouse=True)
def _ten_seconds(settings: Any) -> None:
    settings.ANNUNCIATOR_UNDO = timedelta(seconds=10)


@pytest.fixture
def ask(put: Callable[..., Execution]) -> Callable[..., Question]:
    def asking(ref: str) -> Question:
        run = put(ref, Status.USER_INPUT, steps=(), questions=(APPROVAL,), outputs=())
        return run.questions.get()

    return asking


def answer(client: Client, question: Question, **more: str) -> Any:
    """Sent from the desk, with a note."""
    prefix = f"q{question.pk}"
    given = {
        f"{prefix}-f1": "0", f"{prefix}-f2": "a note", "key": str(uuid.uuid4()), "desk": "1",
        "fingerprint": question.fingerprint, **more,
    }  # fmt: skip
    return client.post(f"/questions/{question.pk}/answer/", given)


def undo(client: Client) -> Page:
    return Page(client.post(f"/commands/{Command.objects.get().pk}/undo/", follow=True))


def test_an_answer_that_waits_is_sent_now_when_its_person_says_so(ana, ask) -> None:
    first, _ = ask("r1"), ask("r2")
    page = Page(ana.get(answer(ana, first)["Location"]))
    command = Command.objects.get()
    address = f"/commands/{command.pk}/sending/"
    assert page.one("#sent").one(f"form[action='{address}']").has("button", "Send now")
    inbox = "http://testserver/inbox/"
    assert ana.post(address, headers={"Referer": inbox})["Location"] == inbox
    assert reconciliation.due_commands() == [str(command.pk)]
    assert not Page(ana.get("/inbox/")).has(f"form[action='{address}']")
    page = Page(ana.post(address, headers={"Referer": "https://evil.example/"}, follow=True))
    assert "does not wait any more" in page
    assert undo(ana).has("p", "Undone")  # no worker has it yet


def test_an_answer_waits_and_says_until_when_with_the_way_back(ana, ask) -> None:
    first, second = ask("r1"), ask("r2")
    page = Page(ana.get(answer(ana, first)["Location"]))
    command = Command.objects.get()
    assert command.not_before - command.requested_at == timedelta(seconds=10)
    assert dispatch.claim(command.pk) is None
    assert reconciliation.due_commands() == []
    strap = page.one("#sent")
    assert "answered by you" in strap
    assert "Goes out at" in strap
    assert "requested" not in strap
    assert strap.one("[data-until]")["data-until"][:19] == command.not_before.isoformat()[:19]
    assert strap.one(f"form[action='/commands/{command.pk}/undo/']").has("button", "Undo")
    assert page.one(f"#task-{first.pk}").has("[data-until]")
    assert page.has(f"#desk #question-{second.pk}")  # nobody waits in front of it
    here = Page(ana.get(f"/questions/{first.pk}/")).one(f"#question-{first.pk}-notice")
    assert "Goes out at" in here
    assert here.has("button", "Undo")


def test_what_was_sent_reads_as_words_where_a_value_is_an_object(ana, people, ask) -> None:
    account = ask("r1").execution.account
    start = Command(kind="start", account=account, target="start", requested_by=people["ana"])
    claim = {"claim": "CLM-1", "paid": True, "tags": ["a", "b"]}
    sealed_arguments.seal(start, {"values": {"data": claim}, "titles": {"data": "Data"}})
    start.save()
    sent = Page(ana.get(f"/commands/{start.key}/")).one(f"#sent-{start.key}")
    assert "claim: CLM-1; paid: yes; tags: a, b" in sent


def test_undone_it_was_never_sent_and_what_was_typed_is_back(ana, ask) -> None:
    question = ask("r1")
    answer(ana, question)
    page = undo(ana)
    assert "Undone: nothing was sent" in page
    assert page.value(f"q{question.pk}-f2") == "a note"
    assert page.has("button", "Release")
    command = Command.objects.get()
    assert command.state == "withdrawn"
    Command.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    assert dispatch.claim(command.pk) is None
    assert [each.action for each in AuditEntry.objects.order_by("pk")] == [
        "answer",
        "command undone",
    ]
    answer(ana, question)
    assert sorted(Command.objects.values_list("state", flat=True)) == ["pending", "withdrawn"]


def test_the_note_beside_a_form_comes_back_too(ana, question) -> None:
    """It is no field of the form, and so in no draft."""
    Question.objects.filter(pk=question.pk).update(
        schema={"type": "object", "properties": {"sure": {"type": "boolean", "title": "Sure"}}}
    )
    question.refresh_from_db()
    answer(ana, question, reason="the boss said so")
    page = undo(ana)
    assert page.value("reason") == "the boss said so"


def test_what_a_worker_has_is_not_undone_and_the_page_says_so(ana, ask) -> None:
    answer(ana, ask("r1"))
    Command.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    assert dispatch.claim(Command.objects.get().pk) is not None
    assert "Too late to undo" in undo(ana)
    assert Command.objects.get().state == "sending"
    assert not AuditEntry.objects.filter(action="command undone").exists()


def test_only_who_answered_can_undo_or_hurry(ana, eve, vik, people, ask, sign_in) -> None:
    answer(ana, ask("r1"))
    bo = User.objects.create_user("bo")
    bo.groups.set(people["ana"].groups.all())
    assert "Only the person who asked for it" in undo(sign_in(bo))
    command = Command.objects.get()
    sending = f"/commands/{command.pk}/sending/"
    assert "not yours to send" in Page(sign_in(bo).post(sending, follow=True))
    for address in (f"/commands/{command.pk}/undo/", sending):
        assert (vik.post(address).status_code, eve.post(address).status_code) == (403, 404)
    command.refresh_from_db()
    assert command.not_before > command.requested_at
    assert Command.objects.get().state == "pending"
    assert not Page(sign_in(bo).get(f"/commands/{Command.objects.get().pk}/")).has("[data-undo]")


def test_who_does_not_want_it_and_a_site_without_it_send_at_once(
    ana, people, ask, settings
) -> None:
    page = Page(ana.get("/preferences/"))
    assert "waits 10 seconds" in page
    ana.post("/preferences/", {**page.one("form.preferences").posted(), "sends_at_once": "on"})
    assert Preference.objects.get(user=people["ana"]).sends_at_once
    answer(ana, ask("r1"))
    Preference.objects.update(sends_at_once=False)
    settings.ANNUNCIATOR_UNDO = timedelta()
    answer(ana, ask("r2"))
    for command in Command.objects.all():
        assert command.not_before == command.requested_at
    assert not Page(ana.get("/inbox/")).has("[data-until]")


def test_a_cancel_waits_for_nothing(ana, ask) -> None:
    run = ask("r1").execution
    ana.post(f"/executions/{run.pk}/cancellation/", {"reason": "drill"})
    assert dispatch.claim(Command.objects.get().pk) is not None


def test_programs_send_at_once_unless_they_ask_and_can_undo(people, ask) -> None:
    token = api_tokens.issue(people["ana"])
    client = Client(headers={"Authorization": f"Bearer {token}"})
    given = {"kind": "answer", "question": "q1", "values": {"choice": "yes", "note": ""}}

    def post(question: Question, **more: Any) -> dict[str, Any]:
        address = f"/api/v1/executions/{question.execution_id}/commands"
        answer = client.post(address, {**given, **more}, content_type="application/json")
        assert answer.status_code == 202, answer.content
        return dict(answer.json())

    sent, held = post(ask("r1")), post(ask("r2"), hold_seconds=30)
    assert sent["not_before"] == sent["requested_at"]
    assert held["not_before"] > held["requested_at"]
    undone = client.post(f"/api/v1/commands/{held['key']}/undo")
    assert (undone.status_code, undone.json()["state"]) == (200, "withdrawn")
    assert client.post(f"/api/v1/commands/{held['key']}/undo").status_code == 409


@pytest.mark.django_db(transaction=True)
def test_of_an_undo_and_a_worker_at_the_same_moment_one_has_it(people, put, ana, ask) -> None:
    for number in range(6):
        answer(ana, ask(f"r{number}"))
    Command.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    for command in Command.objects.select_related("account", "execution"):
        barrier, got = Barrier(2), {}

        def work(
            name: str, act: Callable[[], Any], barrier: Barrier = barrier, got: Any = got
        ) -> None:
            barrier.wait()
            got[name] = bool(act())
            connection.close()

        def take(command: Command = command) -> Any:
            return dispatch.claim(command.pk)

        def undo(command: Command = command) -> bool:
            return withdrawal.withdraw(people["ana"], command, address=None)

        threads = [Thread(target=work, args=("claim", take)), Thread(target=work, args=("x", undo))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert got["claim"] != got["x"]


# ----------------------------------------------------------------------------------------- several


def several(client: Client, *questions: Question) -> Batch:
    given = {"questions": [each.pk for each in questions], "key": str(uuid.uuid4())}
    client.post("/inbox/decisions/", given)
    batch = Batch.objects.latest("pk")
    client.post(f"/batches/{batch.pk}/start/", {"all-f1": "0", "all-f2": "as agreed"})
    return batch


def test_several_are_undone_together_and_are_a_preview_again(ana, ask) -> None:
    batch = several(ana, ask("r1"), ask("r2"))
    runner.advance()
    assert not Command.objects.exists()
    page = Page(ana.get(f"/batches/{batch.pk}/"))
    assert page.has("#batch-head [data-until]")
    again = Page(ana.post(f"/batches/{batch.pk}/undo/", follow=True))
    assert "Undone: nothing was sent" in again
    assert again.value("all-f2") == "as agreed"
    assert again.all("#batch-start input[type=radio][checked]")[0]["value"] == "0"
    batch.refresh_from_db()
    assert (batch.state, batch.started_at) == ("draft", None)
    runner.advance()
    assert not Command.objects.exists()
    undone = AuditEntry.objects.latest("pk")
    assert (undone.action, undone.detail) == ("batch undone", {"not sent": 2})


def test_several_are_not_undone_once_sending_has_begun(ana, ask) -> None:
    batch = several(ana, ask("r1"), ask("r2"))
    Batch.objects.update(send_after=timezone.now() - timedelta(seconds=1))
    runner.advance()
    assert Command.objects.count() == 2
    page = Page(ana.post(f"/batches/{batch.pk}/undo/", follow=True))
    assert "Too late to undo" in page
    assert not page.has("[data-until]")
    batch.refresh_from_db()
    assert batch.state == "running"


def test_nobody_else_undoes_a_batch(ana, people, ask, sign_in) -> None:
    batch = several(ana, ask("r1"))
    bo = User.objects.create_user("bo")
    bo.groups.set(people["ana"].groups.all())
    assert not Page(sign_in(bo).get(f"/batches/{batch.pk}/")).has("[data-undo]")
    sign_in(bo).post(f"/batches/{batch.pk}/undo/")
    batch.refresh_from_db()
    assert batch.state == "running"

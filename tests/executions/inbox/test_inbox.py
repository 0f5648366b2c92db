"""The inbox: pages, filters, who is on it, answers from the list, and the history of answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executions.commands import reconciliation
from executions.models import AuditEntry, Command, CommandState, Draft, Execution, Question, Reading
from executions.storage import retention
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
SECRET_FORM = contract.Question(
    ref="q1",
    kind="form",
    title="Log in there",
    schema={
        "type": "object",
        "properties": {
            "user": {"type": "string"},
            "password": {"type": "string", "default": "preset-9"},
        },
    },
    model={"user": "bo", "password": "stored-7"},
)


@pytest.fixture
def ask(put: Callable[..., Execution]) -> Callable[..., Question]:
    """A run that asks; each run is stored by a poll of its own."""

    def asking(ref: str, question: contract.Question = APPROVAL, **changed: Any) -> Question:
        run = put(ref, Status.USER_INPUT, steps=(), questions=(question,), outputs=())
        Question.objects.filter(execution=run).update(**changed)
        return run.questions.get()

    return asking


@pytest.fixture
def bo(people: dict[str, User], sign_in: Callable[[User], Client]) -> Client:
    """Another operator of ana's team."""
    user = User.objects.create_user("bo")
    user.groups.set(people["ana"].groups.all())
    return sign_in(user)


def many(question: Question, number: int) -> None:
    """Questions like this one, each of a run of its own; every third is due."""
    copies = []
    for model, changed in (
        (Execution, {"ref": "'m' || i"}),
        (
            Question,
            {
                "execution_id": "(SELECT id FROM executions_execution WHERE ref = 'm' || i)",
                "opened_at": "row.opened_at - i * interval '1 minute'",
                "due_at": "CASE WHEN i %% 3 = 0 THEN now() + i * interval '1 minute' END",
            },
        ),
    ):
        names = [field.column for field in model._meta.concrete_fields if field.column != "id"]
        values = [changed.get(name, f"row.{name}") for name in names]
        copies.append(
            f"INSERT INTO {model._meta.db_table} ({', '.join(names)})"  # noqa: S608
            f" SELECT {', '.join(values)} FROM {model._meta.db_table} row,"
            " generate_series(1, %s) i WHERE row.id = %s"
        )
    with connection.cursor() as cursor:
        cursor.execute(copies[0], [number, question.execution_id])
        cursor.execute(copies[1], [number, question.pk])


def shown(page: Any) -> list[int]:
    """The questions on the page, from top to bottom."""
    return [int(each["data-line"]) for each in Page(page).all("[data-line]")]


def changes_url(page: Page) -> str:
    ids = ",".join(map(str, shown(page.source)))
    return f"{page.changes}{'&' if '?' in page.changes else '?'}top={page.top}&lines={ids}"


def field(client: Client, question: Question) -> str:
    """The name of the first field of its form."""
    return Page(client.get(f"/questions/{question.pk}/")).names(f"q{question.pk}-")[0]


# ------------------------------------------------------------------------------------------- pages


def test_pages_lead_through_everything_by_due_time_then_age_and_back(ana, question) -> None:
    many(question, 130)
    rows = list(Question.objects.all())
    never = datetime.max.replace(tzinfo=rows[0].opened_at.tzinfo)
    rows.sort(key=lambda row: (row.due_at or never, row.opened_at, row.pk))
    page, seen, sizes = ana.get("/inbox/"), [], []
    while True:
        seen += shown(page)
        sizes.append(len(shown(page)))
        if not (older := Page(page).address("next")):
            break
        page = ana.get(older)
    assert seen == [row.pk for row in rows]
    assert sizes == [50, 50, 31]
    before = ana.get(Page(page).address("prev"))
    assert shown(before) == seen[50:100]
    assert shown(ana.get(Page(before).address("prev"))) == seen[:50]


def test_two_approvals_of_one_workflow_are_told_apart_in_their_lines(ana, put) -> None:
    for ref, customer, amount in (("r1", "Ortega", 1200), ("r2", "Lindqvist", 80)):
        given = {"currency": "EUR", "customer": customer, "amount": amount, "id": f"x-{ref}"}
        put(
            ref, Status.USER_INPUT, steps=(), questions=(APPROVAL,), outputs=(), input=given,
            name=f"5f3c9a2e-0000-4000-8000-00000000000{ref[1]}",
        )  # fmt: skip
    lines = Page(ana.get("/inbox/")).all("#inbox-lines li")
    assert len(lines) == 2
    assert [("Ortega" in each, "Amount 1200" in each) for each in lines] in (
        [(True, True), (False, False)], [(False, False), (True, True)],
    )  # fmt: skip
    assert {"Lindqvist" in each and "Amount 80" in each for each in lines} == {True, False}


def test_a_line_shows_what_a_run_is_known_by_first_and_no_value_twice(ana, put) -> None:
    given = {"customer": "Ortega", "city": "Lima", "amount": 70}
    put(
        "r1", Status.USER_INPUT, steps=(), questions=(APPROVAL,), outputs=(), input=given,
        name="ortega",
    )  # fmt: skip
    line = Page(ana.get("/inbox/")).one("#inbox-lines li")
    assert "ortega · Lima · Amount 70" in line
    assert "Ortega" not in line


def test_ten_thousand_open_questions_are_a_plain_page_of_few_queries(ana, question) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            page = ana.get("/inbox/")
        assert page.status_code == 200
        assert not [each["sql"] for each in asked if "OFFSET" in each["sql"]]
        assert len(page.content) < 200_000
        return len(asked)

    few = queries()
    many(question, 10_000)
    assert queries() <= few + 1  # the undated ones come behind the dated
    assert few <= 30  # those of the list, and of the question on the desk
    page = Page(ana.get("/inbox/"))
    assert "50 of 10001 on this page" in page
    assert "1,000+" in page


def test_the_badge_counts_the_lists_own_query(ana, eve, ask) -> None:
    for i in range(3):
        ask(f"r{i}")
    page = ana.get("/inbox/")
    assert len(shown(page)) == 3
    assert Page(page).one("#inbox-badge").text == "3 waiting for a person"
    assert shown(eve.get("/inbox/")) == []


def test_filters_narrow_by_whose_account_workflow_kind_and_text(
    ana, people, ask, question, account
) -> None:
    mine = ask("r1", claimed_by=people["ana"], claimed_at=timezone.now())
    free = ask("r2")
    assert shown(ana.get("/inbox/?whose=mine")) == [mine.pk]
    assert set(shown(ana.get("/inbox/?whose=unclaimed"))) == {free.pk, question.pk}
    assert shown(ana.get("/inbox/?kind=form")) == [question.pk]
    assert shown(ana.get("/inbox/?q=decide+on")) == [question.pk]
    assert shown(ana.get("/inbox/?q=waits")) == [question.pk]  # its run's id
    assert len(shown(ana.get(f"/inbox/?account={account.pk}&q=nightly"))) == 3
    flow = question.execution.workflow_id
    assert len(shown(ana.get(f"/inbox/?workflow={flow}"))) == 3
    assert "Oldest first." in Page(ana.get("/inbox/"))
    Question.objects.filter(pk=free.pk).update(due_at=timezone.now())
    assert "Sorted by due time, then age." in Page(ana.get("/inbox/"))
    assert "No question is waiting for your team" in Page(ana.get("/inbox/?whose=team"))
    text = ana.get("/inbox/?q=no+such+thing").content.decode()
    assert "No question matches" in text
    assert "3 questions waiting in all" in text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("account=9999", "There is no account “9999” that you may see."),
        ("whose=hers", "There is no whose “hers”."),
        ("workflow=x", "There is no workflow “x” that you may see."),
        ("bogus=1", "“bogus” is not a filter of the inbox."),
        ("after=nonsense", "The page was not understood"),
        ("before=2026-01-01_2026-01-01_1", "The page was not understood"),
        ("q=" + "x" * 300, "cut to 200"),
    ],
)
def test_what_an_address_gets_wrong_is_ignored_and_named(ana, question, query, sentence) -> None:
    page = ana.get(f"/inbox/?{query}")
    assert page.status_code == 200
    assert sentence in page.content.decode()


# -------------------------------------------------------------------------------------------- live


def test_an_open_page_keeps_its_lines_in_place_and_new_ones_come_behind(ana, ask) -> None:
    first, second = ask("r1"), ask("r2")
    page = Page(ana.get("/inbox/"))
    address = changes_url(page)
    assert ana.get(f"{address}&stamp={page.stamp}").status_code == 204
    Question.objects.filter(pk=first.pk).update(closed_at=timezone.now())
    third = ask("r3", due_at=timezone.now() - timedelta(days=1))  # would be the first one
    news = ana.get(address)
    assert shown(news) == [first.pk, second.pk, third.pk]
    assert "answered elsewhere or no longer asked" in news.content.decode()
    assert shown(ana.get("/inbox/")) == [third.pk, second.pk]


def test_where_there_is_a_next_page_new_ones_are_announced(ana, question, ask) -> None:
    many(question, 60)
    page = ana.get("/inbox/")
    ask("r1")
    news = ana.get(changes_url(Page(page)))
    assert shown(news) == shown(page)
    assert "1 new, show it" in news.content.decode()


# ----------------------------------------------------------------------------------- who is on it


def test_the_first_claim_stays_known_when_it_is_taken_over_and_let_go(ana, bo, ask) -> None:
    question = ask("r1")
    ana.post(f"/questions/{question.pk}/claim/")
    question.refresh_from_db()
    first = question.first_claimed_at
    assert first == question.claimed_at
    news = Page(bo.post(f"/questions/{question.pk}/claim/", headers={"HX-Request": "true"}))
    assert "ana is already on it" in news
    assert f"#task-{question.pk}" in news.targets
    bo.post(f"/questions/{question.pk}/claim/", {"from": "ana"})
    question.refresh_from_db()
    assert question.claimed_by.username == "bo"
    bo.post(f"/questions/{question.pk}/release/")
    question.refresh_from_db()
    assert (question.claimed_by, question.claimed_at) == (None, None)
    assert question.first_claimed_at == first
    actions = AuditEntry.objects.order_by("pk").values_list("actor", "action", "detail__of")
    assert list(actions) == [
        ("ana", "claim", None), ("bo", "take over", "ana"), ("bo", "let go", None),
    ]  # fmt: skip


def test_an_open_draft_of_somebody_else_is_seen_but_not_what_is_in_it(ana, bo, question) -> None:
    name = field(ana, question)
    posted = {name: "4711", "fingerprint": question.fingerprint}
    ana.post(f"/questions/{question.pk}/draft/", posted)
    for address in ("/inbox/", f"/questions/{question.pk}/"):
        answer = bo.get(address)
        assert "ana is on it" in Page(answer)
        assert "4711" not in answer.content.decode()
    assert "ana is on it" not in ana.get("/inbox/").content.decode()
    Draft.objects.update(saved_at=timezone.now() - timedelta(hours=1))
    assert "ana left a draft" in bo.get("/inbox/").content.decode()


# ------------------------------------------------------------------------------- on the desk


def decide(client: Client, question: Question, value: str, **more: str) -> Any:
    """Press a button of the desk, with a note."""
    page = Page(client.get(f"/questions/{question.pk}/"))
    posted = {**page.one("form.answer").posted(), "key": page.value("key")}
    name, note = page.one(f"button[value='{value}']")["name"], page.names(f"q{question.pk}-")[-1]
    address = page.one("form.answer")["action"]
    return client.post(address, {**posted, name: value, note: "a note", **more})


def test_the_inbox_opens_its_first_question_beside_the_list(ana, ask) -> None:
    late, soon = ask("r1"), ask("r2", due_at=timezone.now() + timedelta(hours=1))
    page = Page(ana.get("/inbox/"))
    assert shown(page.source) == [soon.pk, late.pk]
    assert (
        page.one("[aria-current='true'][href^='/questions/']")["href"] == f"/questions/{soon.pk}/"
    )
    assert page.has(f"#desk #question-{soon.pk}")
    chosen = Page(ana.get(f"/inbox/?question={late.pk}"))
    assert chosen.has(f"#desk #question-{late.pk}")
    assert chosen.has(f"#desk a[href='/questions/{soon.pk}/']", "")  # the one before


def test_a_filter_of_the_list_stays_with_its_questions_and_their_answers(ana, ask) -> None:
    first, second = ask("r1"), ask("r2")
    page = Page(ana.get("/inbox/?kind=approval"))
    assert page.links(f"/questions/{second.pk}/?kind=approval")
    answer = decide(ana, first, "0")
    assert answer.status_code == 302
    on_desk = Page(ana.get(f"/questions/{first.pk}/?kind=approval"))
    assert on_desk.one("form.answer")["action"].endswith("?kind=approval")


def test_the_desk_shows_what_one_decides_by(ana, put) -> None:
    run = put(
        "r1", Status.USER_INPUT, questions=(APPROVAL,), input={"supplier": "Hofer AG", "total": 12},
        outputs=(contract.Output(ref="o", name="invoice.pdf", size=2048),),
        steps=(contract.Step(ref="s", name="Read the order", status=Status.SUCCEEDED,
                             native_status="Done", started_at=timezone.now(),
                             finished_at=timezone.now()),),
    )  # fmt: skip
    about = Page(ana.get(f"/questions/{run.questions.get().pk}/")).one("aside")
    for words in ("Supplier Hofer AG", "Total 12", "invoice.pdf", "Read the order"):
        assert words in about


def test_a_run_that_asks_again_says_so_where_its_answer_was_sent(ana, put) -> None:
    def asks(seq: int, *titles: str) -> list[contract.Question]:
        asked = [dataclasses.replace(APPROVAL, ref=title, title=title) for title in titles]
        run = put("r1", Status.USER_INPUT, steps=(), outputs=(), questions=asked, seq=seq)
        return list(run.questions.filter(closed_at=None).order_by("pk"))

    first, beside = asks(1, "Budget?", "Supplier?")
    page = Page(ana.get(decide(ana, first, "0")["Location"]))
    assert page.has(f"#desk #question-{beside.pk}")
    assert "asks again" not in page.one("#sent")  # that was asked before
    known = f"{changes_url(page)}&stamp={page.stamp}"
    *_, again = asks(2, "Supplier?", "Delivery day?")
    sent = Page(ana.get(known)).one("#sent")
    assert sent.link("It asks again: Delivery day?") == f"/questions/{again.pk}/"
    there = Page(ana.get(f"/questions/{again.pk}/?sent={Command.objects.get().key}"))
    assert "asks again" not in there.one("#sent")


def test_a_run_that_was_just_answered_is_read_as_if_its_page_were_open(ana, ask) -> None:
    """What it asks next comes to the line on top of the desk within the provider's pace."""
    desk = decide(ana, ask("r1"), "0")["Location"]
    ana.get(desk)
    assert not Reading.objects.exists()  # nothing was sent yet
    Command.objects.update(state=CommandState.ACCEPTED)
    ana.get(desk)
    assert Reading.objects.get().watched_until > timezone.now()
    Reading.objects.all().delete()
    Command.objects.update(requested_at=timezone.now() - timedelta(minutes=2))
    ana.get(desk)
    assert not Reading.objects.exists()


def test_after_an_answer_the_next_question_opens_and_says_what_became_of_it(ana, ask) -> None:
    first, second = ask("r1"), ask("r2")
    answer = decide(ana, first, "0")
    key = Command.objects.get().key
    assert answer["Location"] == f"/questions/{second.pk}/?sent={key}"
    page = Page(ana.get(answer["Location"]))
    assert "Release the payment?, answered by you, requested" in page.one("#sent")
    assert shown(page.source) == [second.pk, first.pk]  # the answered one comes last
    assert "1 of 2" in page.one("#desk")  # as the badge says: it waits until that is confirmed
    known = f"{changes_url(page)}&stamp={page.stamp}"
    assert ana.get(known).status_code == 204
    Command.objects.update(state=CommandState.ACCEPTED, accepted_at=timezone.now())
    assert "accepted, not confirmed yet" in Page(ana.get(known)).one("#sent")
    Command.objects.update(state=CommandState.REJECTED, message="No budget.")
    refused = Page(ana.get(known)).one("#sent")
    assert "refused at Claims" in refused
    assert "No budget." in refused
    back = Page(ana.get(refused.link("Correct it")))
    assert shown(back.source) == [first.pk, second.pk]  # in its place again
    assert back.value(f"q{first.pk}-f2") == "a note"


def test_after_the_last_answer_the_list_says_that_nothing_waits(ana, ask) -> None:
    question = ask("r1")
    answer = decide(ana, question, "0")
    assert answer["Location"].startswith("/inbox/?sent=")
    assert "answered by you, requested" in Page(ana.get(answer["Location"])).one("#sent")
    confirmed(Command.objects.get())
    Question.objects.update(answered_by=User.objects.get(username="ana"))
    page = Page(ana.get(answer["Location"]))
    assert "confirmed" in page.one("#sent")
    assert shown(page.source) == [question.pk]  # for half a minute
    Question.objects.update(closed_at=timezone.now() - timedelta(minutes=1))
    assert "Nothing waits for a person" in Page(ana.get("/inbox/"))


def test_a_note_is_refused_with_its_length_and_never_cut(ana, ask) -> None:
    question = ask("r1")
    page = decide(ana, question, "0", **{f"q{question.pk}-f2": "n" * 2001})
    assert "Enter at most 2000 characters, not 2001." in Page(page)
    assert "maxlength" not in Page(page).one("form.answer").markup
    assert not Command.objects.exists()


def test_the_inbox_says_who_answered_what(ana, ask) -> None:
    question = ask("r1")
    open_page = Page(ana.get("/inbox/"))
    decide(ana, question, "0")
    line = Page(ana.get(changes_url(open_page))).one(f"#task-{question.pk}")
    assert "answered by ana: Decision: Release, Note: a note" in line
    sent = Page(ana.get("/inbox/answered/")).one("tr[id^='answer-'] dl")
    assert sent.text == "Decision Release Note a note"
    confirmed(Command.objects.get())
    line = Page(ana.get(changes_url(open_page))).one(f"#task-{question.pk}")
    assert "answered by ana" in line
    assert ": Decision: Release, Note: a note" in line


def test_a_dangerous_choice_asks_before_it_is_sent(ana, ask) -> None:
    question = ask("r1")
    page = Page(ana.get(f"/questions/{question.pk}/"))
    [opener] = page.all(f"[data-dialog^='sure-{question.pk}-']")
    assert opener.text == "Refuse…"
    assert not page.has("button:not([type=button])", "Refuse…")  # nothing sends it at once
    assert page.one(f"dialog#{opener['data-dialog']}").has("button[value='1']", "Refuse")


def test_a_button_that_comes_too_late_says_so_and_keeps_the_note(ana, ask) -> None:
    question = ask("r1")
    stale = decide(ana, question, "0", fingerprint="old").content.decode()
    assert "The provider changed this form" in stale
    given = Page(ana.get(f"/questions/{question.pk}/")).one("form.answer").posted()
    Question.objects.update(closed_at=timezone.now())
    given |= {f"q{question.pk}-f1": "0", f"q{question.pk}-f2": "why"}
    late = ana.post(f"/questions/{question.pk}/answer/", given)
    assert "answered elsewhere" in late.content.decode()
    assert not Command.objects.exists()
    page = Page(ana.get(f"/questions/{question.pk}/"))
    assert page.value(f"q{question.pk}-f2") == "why"


def test_a_viewer_sees_who_and_no_buttons(vik, ask) -> None:
    ask("r1")
    page = Page(vik.get("/inbox/"))
    assert "You can look at this question, but not answer" in page
    assert not page.has("form[action^='/questions']")


# ---------------------------------------------------------------------------------------- refusals


def test_a_refused_answer_can_be_sent_again_from_the_open_page(ana, question) -> None:
    """The buttons come back with a new key: the old one would find the refused command again."""
    key = Page(ana.get(f"/questions/{question.pk}/")).value("key")
    name = field(ana, question)
    posted = {name: "12", "fingerprint": question.fingerprint, "key": key}
    ana.post(f"/questions/{question.pk}/answer/", posted)
    known = f"questions={question.pk}:{question.fingerprint}"
    address = f"/inbox/changes/?question={question.pk}&{known}"
    assert not Page(ana.get(address)).has("button", "Send answer")
    complaints = {"body.amount": "too much", "nowhere": "odd"}
    Command.objects.update(state=CommandState.REJECTED, message="No.", fields=complaints)
    news = Page(ana.get(address))
    assert f"#question-{question.pk}-send" in news.targets
    assert news.has("button", "Send answer")
    assert "too much" in news.one(f"[data-complaint='field_{name}']")
    assert "nowhere: odd" in news
    assert name not in news.names()  # what was typed stays as it is
    new_key = news.value("key")
    ana.post(f"/questions/{question.pk}/answer/", {**posted, name: "9", "key": new_key})
    assert Command.objects.filter(state=CommandState.PENDING).count() == 1


# ---------------------------------------------------------------------------------------- answered


def answers(page: Any) -> list[str]:
    """The keys of the answers in the history, from top to bottom."""
    return [each["id"].removeprefix("answer-") for each in Page(page).all("tr[id^='answer-']")]


def confirmed(command: Command) -> None:
    """What a worker and the next poll would do."""
    Command.objects.filter(pk=command.pk).update(state=CommandState.ACCEPTED)
    Question.objects.filter(execution=command.execution).update(closed_at=timezone.now())
    command.refresh_from_db()
    assert reconciliation.confirm(command)


def test_who_answered_stays_and_the_own_draft_goes_while_others_keep_theirs(
    ana, bo, people, question
) -> None:
    name = field(ana, question)
    posted = {name: "12", "fingerprint": question.fingerprint}
    bo.post(f"/questions/{question.pk}/draft/", {**posted, name: "99"})
    ana.post(f"/questions/{question.pk}/answer/", posted)
    confirmed(Command.objects.get())
    question.refresh_from_db()
    assert question.answered_by == people["ana"]
    assert [each.user.username for each in Draft.objects.all()] == ["bo"]
    mine = ana.get(f"/questions/{question.pk}/").content.decode()
    assert "What was sent" in mine
    assert "12" in mine
    theirs = Page(bo.get(f"/questions/{question.pk}/"))
    assert "Answered by ana" in theirs
    assert theirs.value(name) == "99"
    Question.objects.update(closed_at=timezone.now() - timedelta(days=31))
    assert retention.delete_old_drafts() == 1


def test_a_question_that_is_asked_anew_waits_from_now_on(ana, people, put, ask) -> None:
    question = ask(
        "r1", opened_at=timezone.now() - timedelta(days=2), claimed_by=people["ana"],
        claimed_at=timezone.now(), first_claimed_at=timezone.now(), answered_by=people["ana"],
    )  # fmt: skip
    put("r1", Status.RUNNING, steps=(), questions=(), outputs=(), seq=2)
    question.refresh_from_db()
    assert question.closed_at is not None
    put("r1", Status.USER_INPUT, steps=(), questions=(APPROVAL,), outputs=(), seq=3)
    question.refresh_from_db()
    assert question.closed_at is None
    assert question.opened_at > timezone.now() - timedelta(minutes=1)
    assert [question.claimed_by, question.first_claimed_at, question.answered_by] == [None] * 3


def test_the_history_shows_what_was_sent_without_secrets_for_one_person_or_text(
    ana, bo, ask
) -> None:
    first = ask("r1", SECRET_FORM)
    page = Page(ana.get(f"/questions/{first.pk}/"))
    assert "stored-7" not in page.source
    names = page.names(f"q{first.pk}-f")
    posted = {names[0]: "cy", names[1]: "typed-8", "fingerprint": first.fingerprint}
    ana.post(f"/questions/{first.pk}/answer/", posted)
    decide(bo, ask("r2"), "0")
    page = ana.get("/inbox/answered/")
    text = page.content.decode()
    assert len(answers(page)) == 2
    assert "cy" in text
    assert "typed-8" not in text
    for query, number in (("by=bo", 1), ("by=nobody", 0), ("q=log+in", 1), ("q=nightly", 2)):
        assert len(answers(ana.get(f"/inbox/answered/?{query}"))) == number, query


def test_the_history_goes_back_page_by_page(ana, eve, people, question) -> None:
    run = question.execution
    Command.objects.bulk_create(
        Command(
            kind="answer", account=run.account, execution=run, target=f"question:x{i}",
            question_ref="q1", requested_by=people["ana"], state="confirmed",
            requested_at=timezone.now() - timedelta(minutes=i // 2),  # two at the same time
        )
        for i in range(70)
    )  # fmt: skip
    page, seen = ana.get("/inbox/answered/"), []
    while True:
        seen += answers(page)
        if not (older := Page(page).address("next")):
            break
        page = ana.get(older)
    newest = Command.objects.order_by("-requested_at", "-key").values_list("key", flat=True)
    assert seen == [str(key) for key in newest]
    assert answers(eve.get("/inbox/answered/")) == []
    assert "was not understood" in ana.get("/inbox/answered/?after=x").content.decode()


# ------------------------------------------------------------------------------------ raw and body


def test_the_body_that_would_be_sent_is_shown_without_secrets_and_nothing_is_sent(ana, ask):
    question = ask("r1", SECRET_FORM)
    name = f"q{question.pk}-f1"
    posted = {name: "cy", "fingerprint": question.fingerprint}
    body = Page(ana.post(f"/questions/{question.pk}/preview/", posted))
    assert '"user": "cy"' in body
    assert "[redacted]" in body
    assert "stored-7" not in body.source
    assert not Command.objects.exists()


def test_the_raw_parts_are_shown_without_secrets(ana, ask) -> None:
    page = Page(ana.get(f"/questions/{ask('r1', SECRET_FORM).pk}/"))
    assert page.has("h3", "schema")
    assert page.has("h3", "model")
    assert "stored-7" not in page.source
    assert "preset-9" not in page.source


def test_the_preview_of_an_unfinished_form_says_what_is_missing(ana, question) -> None:
    posted = {"fingerprint": question.fingerprint}
    text = ana.post(f"/questions/{question.pk}/preview/", posted).content.decode()
    assert "Amount: This field is required." in text


def test_a_form_that_changed_says_what_is_new_gone_and_different(ana, question, schema) -> None:
    name = field(ana, question)
    posted = {name: "12", "fingerprint": question.fingerprint}
    ana.post(f"/questions/{question.pk}/draft/", posted)
    amount = {**schema["properties"]["amount"], "maximum": 5}
    changed = {"type": "object", "properties": {"amount": amount, "note": {"type": "string"}}}
    Question.objects.update(fingerprint="other", schema=changed)
    text = ana.post(f"/questions/{question.pk}/answer/", posted).content.decode()
    assert "new: Note" in text
    assert "changed: Amount" in text


# --------------------------------------------------------------------------------------- too much


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"schema": {"properties": {f"p{i}": {} for i in range(501)}}}, "500 fields"),
        ({"schema": {"properties": {}}, "model": {"a": "x" * 5_000_000}}, "larger than 1 MB"),
        ({"schema": "<form><input name='a'></form>"}, "not JSON"),
        ({"schema": {"components": []}}, "its form language is not supported here"),
        ({"schema": {"type": "object"}, "form": 7}, "not a list"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_a_sentence_a_link_and_the_raw_parts(ana, put, parts, sentence):
    run = put("odd", Status.USER_INPUT, url="https://claims.example.com/odd")
    odd = Question.objects.create(
        execution=run, ref="q", kind="form", title="Odd", opened_at=timezone.now(), **parts
    )
    answer = ana.get(f"/questions/{odd.pk}/")
    assert answer.status_code == 200
    page = Page(answer)
    assert sentence in page
    assert "Answer it at the provider" in page
    assert page.links("https://claims.example.com/odd")
    assert page.has("h3", "schema")
    assert len(page.source) < 200_000
    assert ana.get("/inbox/").status_code == 200
    assert ana.get(f"/executions/{run.pk}/").status_code == 200
    for noun in ("answer", "draft", "preview"):
        assert ana.post(f"/questions/{odd.pk}/{noun}/").status_code in (200, 409)


def test_a_form_of_500_fields_is_a_page_that_can_be_answered(ana, put) -> None:
    properties = {f"p{i}": {"type": "string"} for i in range(500)}
    question = contract.Question(
        ref="q1", kind="form", schema={"type": "object", "properties": properties}
    )
    run = put("long", Status.USER_INPUT, steps=(), questions=(question,), outputs=())
    long = run.questions.get()
    assert len(Page(ana.get(f"/questions/{long.pk}/")).names(f"q{long.pk}-")) == 500
    posted = {f"q{long.pk}-f{i + 1}": str(i) for i in range(500)}
    answer = ana.post(f"/questions/{long.pk}/answer/", {**posted, "fingerprint": long.fingerprint})
    assert answer.status_code == 302


def test_a_claim_goes_back_to_a_page_whatever_next_says(ana, question):
    for target, leads in (("word", "word"), ("https://evil.example/", "/inbox/"), ("/", "/")):
        answer = ana.post(f"/questions/{question.pk}/claim/", {"next": target})
        assert (answer.status_code, answer["Location"]) == (302, leads)


@pytest.mark.parametrize(("is_danger", "keys"), [(True, 1), (False, 0)])
def test_the_keys_for_sending_mean_a_choice_only_where_one_is_harmless(ana, ask, is_danger, keys):
    choices = (
        contract.Choice(value="a", label="Business"),
        contract.Choice(value="b", label="Private", is_danger=is_danger),
    )
    asks = contract.Question(ref="k", kind="approval", title="Kind?", choices=choices)
    page = Page(ana.get(f"/questions/{ask('kinds', asks).pk}/"))
    assert "Business" in page
    assert page.text.count("Ctrl ↵") == keys

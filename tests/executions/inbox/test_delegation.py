"""A question is delegated to a person or a team that may answer it, and taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from executions.models import AuditEntry, Execution, Question
from providers.contract import Status
from tests.executions.conftest import FORM
from tests.pages import Page

pytestmark = pytest.mark.django_db


@pytest.fixture
def bo(people: dict[str, User]) -> User:
    """Another operator of ana's team."""
    user = User.objects.create_user("bo")
    user.groups.set(people["ana"].groups.all())
    return user


@pytest.fixture
def ask(put: Callable[..., Execution]) -> Callable[[str], Question]:
    def asking(ref: str) -> Question:
        run = put(ref, Status.USER_INPUT, steps=(), questions=(FORM,), outputs=())
        return run.questions.get()

    return asking


def delegate(client: Client, to: User | Group, *questions: Question, note: str = "") -> Page:
    """As the form posts it."""
    ids = [each.pk for each in questions]
    form = Page(client.get("/inbox/delegations/", {"questions": ",".join(map(str, ids))}))
    kind = "person" if isinstance(to, User) else "team"
    posted = {**form.one("form.rule-form").posted(), "to": f"{kind}:{to.pk}", "note": note}
    posted["questions"] = ids
    return Page(client.post("/inbox/delegations/", posted, follow=True))


def lines(client: Client, whose: str) -> list[int]:
    page = Page(client.get(f"/inbox/?whose={whose}"))
    return [int(each["data-line"]) for each in page.all("[data-line]")]


def test_a_question_is_delegated_with_a_note_seen_by_everybody_and_taken_back(
    ana, sign_in, bo, ask
) -> None:
    question, other = ask("r1"), ask("r2")
    ana.post(f"/questions/{question.pk}/claim/")
    link = Page(ana.get(f"/questions/{question.pk}/")).link("Delegate…")
    assert link == f"/inbox/delegations/?questions={question.pk}"
    page = delegate(ana, bo, question, note="Ask the\nsupplier first")
    assert "1 question delegated to bo." in page
    assert "Delegated to bo by ana" in page.one(".delegated")
    assert "Ask the supplier first" in page.one(".delegated")
    theirs = sign_in(bo)
    assert "delegated to you by ana" in Page(theirs.get("/inbox/")).one(f"#task-{question.pk}")
    assert "delegated to bo by ana" in Page(ana.get("/inbox/")).one(f"#task-{question.pk}")
    assert "Delegated to you by ana" in Page(
        theirs.get(f"/executions/{question.execution_id}/peek/", headers={"HX-Request": "true"})
    )
    assert (lines(theirs, "mine"), lines(ana, "mine")) == ([question.pk], [])
    assert lines(theirs, "unclaimed") == [other.pk]
    theirs.post(f"/questions/{question.pk}/delegation/withdrawal/")
    assert set(lines(ana, "unclaimed")) == {question.pk, other.pk}
    assert list(AuditEntry.objects.order_by("pk").values_list("actor", "action", "detail")) == [
        ("ana", "claim", {"question": "Decide on the claim"}),
        ("ana", "question.delegated",
         {"question": "Decide on the claim", "to": "bo", "note": "Ask the supplier first"}),
        ("bo", "delegation.ended", {"question": "Decide on the claim", "of": "bo"}),
    ]  # fmt: skip


def test_several_are_delegated_to_a_team_and_stand_under_its_peoples_filter(
    ana, vik, eve, sign_in, bo, ask
) -> None:
    first, second = ask("r1"), ask("r2")
    page = delegate(ana, Group.objects.get(name="east"), first, second)
    assert "2 questions delegated to team east." in page
    assert set(lines(sign_in(bo), "team")) == {first.pk, second.pk}
    assert set(lines(vik, "team")) == {first.pk, second.pk}  # may look, as ever
    assert set(lines(ana, "unclaimed")) == {first.pk, second.pk}  # for the first one of the team
    assert lines(eve, "team") == []
    views = Page(ana.get("/inbox/?whose=team")).one("nav[aria-label='Whose questions']")
    assert views.one("[aria-current=true]").text == "My team’s 2"


def test_only_who_may_answer_delegates_and_only_to_who_may_answer(
    ana, vik, eve, people, question
) -> None:
    address = f"/inbox/delegations/?questions={question.pk}"
    assert vik.get(address).status_code == 403
    assert eve.get(address).status_code == 302  # nothing of hers
    options = Page(ana.get(address)).all("#delegate-to option")
    assert [each.text for each in options] == ["Choose", "east", "ana"]
    west = Group.objects.get(name="west")
    for to in (f"person:{people['vik'].pk}", f"person:{people['eve'].pk}", f"team:{west.pk}", ""):
        answer = ana.post("/inbox/delegations/", {"questions": question.pk, "to": to})
        assert answer.status_code == 422, to
    assert vik.post("/inbox/delegations/", {"questions": question.pk}).status_code == 403
    assert not Question.objects.filter(delegated_at__isnull=False)
    assert not AuditEntry.objects.exists()


def test_what_is_asked_again_waits_for_anybody(ana, bo, ask, put) -> None:
    question = ask("r1")
    delegate(ana, bo, question)
    ask("r1")
    question.refresh_from_db()
    assert question.delegated_to == bo  # read again by a poll: as it was
    put("r1", Status.RUNNING, steps=(), questions=(), outputs=())
    again = ask("r1")
    assert (again.delegated_to, again.delegated_at, again.delegation_note) == (None, None, "")

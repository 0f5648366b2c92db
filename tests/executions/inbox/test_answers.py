"""The inbox and the form of a question: nothing typed is ever lost, nothing is sent twice."""

from __future__ import annotations

import pytest
from django.utils import timezone

from executions.forms import parser
from executions.models import AuditEntry, Command, Draft, Execution, Question
from providers import contract
from providers.contract import Status
from tests.pages import Page

pytestmark = pytest.mark.django_db


def name_in(page: Page, question: Question) -> str:
    """The name of the form's only input."""
    return page.names(f"q{question.pk}-")[0]


@pytest.fixture
def typed(ana, question):
    """What a browser would post."""
    page = Page(ana.get(f"/questions/{question.pk}/"))

    def posted(value: str, **more: str) -> dict[str, str]:
        return {name_in(page, question): value, "fingerprint": question.fingerprint, **more}

    return posted


def test_the_badge_counts_what_the_inbox_lists(ana, eve, question):
    page = Page(ana.get("/inbox/"))
    assert "Decide on the claim" in page
    assert page.one("#inbox-badge").text.startswith("1")
    assert "No provider account yet" in eve.get("/inbox/").content.decode()  # none for her


def test_an_answer_is_recorded_with_its_typed_values(ana, question, typed):
    answer = ana.post(f"/questions/{question.pk}/answer/", typed("12"), follow=True)
    command = Command.objects.get()
    assert (command.kind, command.question_ref) == ("answer", "q1")
    assert "Waiting for the provider" in answer.content.decode()
    assert "requested" in ana.get("/inbox/").content.decode()


def test_the_form_of_an_answer_is_compiled_once(ana, question, typed, monkeypatch):
    """Its secrets are found in the form that was posted, not in another one."""
    posted, compiled, read = typed("12"), [], parser.Reader.read
    monkeypatch.setattr(parser.Reader, "read", lambda self: compiled.append(1) or read(self))
    ana.post(f"/questions/{question.pk}/answer/", posted)
    assert Command.objects.exists()
    assert len(compiled) == 1


def test_a_wrong_value_is_shown_again_with_its_error(ana, question, typed):
    answer = ana.post(f"/questions/{question.pk}/answer/", typed("many"))
    assert answer.status_code == 422
    assert 'value="many"' in answer.content.decode()
    assert "Nothing was sent" in answer.content.decode()
    assert not Command.objects.exists()


def test_a_draft_is_sealed_and_comes_back_for_its_person(ana, people, question, typed, sign_in):
    saved = ana.post(f"/questions/{question.pk}/draft/", typed("4711"))
    assert saved.content.startswith(b"Draft saved")
    assert "4711" not in Draft.objects.get().sealed_values
    assert 'value="4711"' in ana.get(f"/questions/{question.pk}/").content.decode()
    people["vik"].groups.set(people["ana"].groups.all())
    other = sign_in(people["vik"]).get(f"/questions/{question.pk}/")
    assert "4711" not in other.content.decode()


def test_a_draft_is_not_said_to_be_back_when_its_answer_was_just_sent(ana, question, typed):
    address = f"/questions/{question.pk}/"
    ana.post(f"{address}draft/", typed("4711"))
    assert "is back" in Page(ana.get(address))
    ana.post(f"{address}answer/", typed("4711"))
    assert Command.objects.exists()
    assert "is back" not in Page(ana.get(address))


def test_answered_elsewhere_keeps_what_was_typed(ana, question, typed):
    Question.objects.update(closed_at=timezone.now())
    answer = ana.post(f"/questions/{question.pk}/answer/", typed("12"))
    assert answer.status_code == 409
    assert "answered elsewhere" in answer.content.decode()
    assert 'value="12"' in answer.content.decode()
    assert not Command.objects.exists()


def test_a_draft_that_was_overtaken_on_its_way_replaces_no_newer_one(ana, question, typed):
    def save(value: str, at: str) -> str:
        ana.post(f"/questions/{question.pk}/draft/", typed(value, typed_at=at))
        page = Page(ana.get(f"/questions/{question.pk}/"))
        return page.value(name_in(page, question))

    assert save("4712", "1764100000500") == "4712"
    assert save("4711", "1764100000000") == "4712"  # typed before, came later
    assert save("4713", "1764100000900") == "4713"
    assert save("4714", "1764090000000") == "4714"  # a clock that was set back
    assert save("4715", "") == "4715"


@pytest.mark.fault("C3")
def test_an_answer_that_does_not_say_to_which_form_is_kept_and_not_sent(ana, question, typed):
    posted = {name: value for name, value in typed("12").items() if name != "fingerprint"}
    answer = ana.post(f"/questions/{question.pk}/answer/", posted)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "did not say which form it was typed into, so nothing was sent" in text
    assert 'value="12"' in text
    assert not Command.objects.exists()


@pytest.mark.fault("C3")
def test_a_form_that_changed_meanwhile_keeps_what_fits(ana, question, typed, schema):
    ana.post(f"/questions/{question.pk}/draft/", typed("12"))
    new = {**schema["properties"], "note": {"type": "string"}}
    Question.objects.update(
        fingerprint="other", schema={**schema, "properties": dict(reversed(new.items()))}
    )
    answer = ana.post(f"/questions/{question.pk}/answer/", typed("13"))
    assert answer.status_code == 409
    assert "changed this form while you had it open" in answer.content.decode()
    assert 'value="13"' in answer.content.decode()
    assert not Command.objects.exists()


def test_a_password_is_never_shown_for_copying(ana, question, schema):
    """Not even where nobody knows any more into which form it was typed."""
    secret = {"api_password": {"type": "string"}, "remark": {"type": "string"}}
    Question.objects.update(schema={**schema, "properties": secret, "required": []}, form=None)
    form = Page(ana.get(f"/questions/{question.pk}/")).answer_form
    typed = zip(form.names(f"q{question.pk}-"), ("hunter-2", "as agreed"), strict=True)
    given = {**dict(typed), "unseen": form.value("unseen"), "fingerprint": "lost"}
    answer = ana.post(f"/questions/{question.pk}/answer/", given)
    assert answer.status_code == 409
    assert "as agreed" in answer.content.decode()
    assert "hunter-2" not in answer.content.decode()


def test_an_open_page_learns_that_its_question_is_gone_but_keeps_its_form(ana, question):
    run = question.execution_id
    shown = f"questions={question.pk}:{question.fingerprint}"
    Question.objects.update(closed_at=timezone.now())
    answer = ana.get(f"/executions/{run}/changes/?{shown}").content.decode()
    assert f'hx-target="#question-{question.pk}-notice"' in answer
    assert "answered elsewhere" in answer
    assert f'hx-target="#question-{question.pk}"' not in answer
    assert "answer-fields" not in answer


def test_a_second_round_appears_on_the_open_page(ana, question):
    answer = ana.get(f"/executions/{question.execution_id}/changes/?questions=").content.decode()
    assert 'hx-target="#questions" hx-swap="beforeend"' in answer


def test_the_first_claim_wins_and_others_see_whose_it_is(ana, people, question, sign_in):
    ana.post(f"/questions/{question.pk}/claim/")
    people["vik"].groups.set(people["ana"].groups.all())
    other = sign_in(people["vik"])
    other.post(f"/questions/{question.pk}/claim/")
    question.refresh_from_db()
    assert question.claimed_by == people["ana"]
    assert "ana is on it" in other.get(f"/questions/{question.pk}/").content.decode()
    ana.post(f"/questions/{question.pk}/release/")
    question.refresh_from_db()
    assert question.claimed_by is None


def test_a_viewer_may_look_but_not_answer(vik, question):
    assert (
        "can look at this question, but not answer"
        in vik.get(f"/questions/{question.pk}/").content.decode()
    )
    for noun in ("answer", "draft", "claim", "release"):
        assert vik.post(f"/questions/{question.pk}/{noun}/").status_code == 403


def test_a_question_of_another_team_is_not_there(eve, question):
    assert eve.get(f"/questions/{question.pk}/").status_code == 404
    assert eve.post(f"/questions/{question.pk}/answer/").status_code == 404


def test_a_form_that_cannot_be_shown_says_so_with_what_the_provider_sent(ana, put):
    put("odd", Status.USER_INPUT)
    odd = Question.objects.create(
        execution=Execution.objects.get(ref="odd"), ref="q", kind="form", title="Odd",
        schema="{not json", opened_at=timezone.now(),
    )  # fmt: skip
    text = ana.get(f"/questions/{odd.pk}/").content.decode()
    assert "Answer it at the provider" in text
    assert "{not json" in text


@pytest.mark.fault("C1")
def test_one_rendering_sent_twice_is_one_answer(ana, question, typed):
    key = Page(ana.get(f"/questions/{question.pk}/")).value("key")
    for _ in range(2):
        answer = ana.post(f"/questions/{question.pk}/answer/", typed("12", key=key))
        assert answer.status_code == 302
    assert str(Command.objects.get().key) == key


def test_an_answer_is_audited_without_its_values(ana, question, typed):
    ana.post(f"/questions/{question.pk}/answer/", typed("4711"))
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action) == ("ana", "answer")
    assert entry.detail == {"question": "Decide on the claim"}
    assert entry.command_key == Command.objects.get().key


@pytest.mark.parametrize(("provider", "is_taken"), [("smartflows", False), ("prefect", True)])
def test_an_empty_text_is_an_answer_where_the_provider_takes_it(
    ana, put, account, provider, is_taken
):
    """Smart Flows counts "" as missing; plain JSON Schema, which Prefect asks with, does not."""
    account.provider = provider
    account.save()
    schema = {"type": "object", "required": ["note"], "properties": {"note": {"type": "string"}}}
    asked = contract.Question(ref="q", kind="form", schema=schema, model={"note": ""})
    run = put("empty", Status.USER_INPUT, steps=(), questions=(asked,), outputs=())
    question = run.questions.get()
    page = Page(ana.get(f"/questions/{question.pk}/"))
    given = {name_in(page, question): "", "fingerprint": question.fingerprint}
    shown = ana.post(f"/questions/{question.pk}/preview/", given).content.decode()
    assert ("This field is required." in shown) is not is_taken
    answer = ana.post(f"/questions/{question.pk}/answer/", given)
    assert answer.status_code == (302 if is_taken else 422)
    assert Command.objects.exists() is is_taken


def test_rules_that_are_not_checked_are_named_above_the_form(ana, question, schema):
    decision = {"decision": {"enum": ["yes", "no"]}}
    Question.objects.update(schema={"type": "object", "properties": decision}, form=None)
    assert "Decision</legend>" not in ana.get(f"/questions/{question.pk}/").content.decode()
    far = {"$ref": "https://example.com/rules.json"}
    rules = {"type": "object", "properties": decision, "allOf": [far, {"extends": {}}]}
    Question.objects.update(schema=rules)
    page = ana.get(f"/questions/{question.pk}/").content.decode()
    assert "This form has rules that are not checked here" in page
    assert "the reference to https://example.com/rules.json, extends" in page
    assert 'role="group" aria-label="' not in page


def test_what_no_field_can_change_stops_nobody_and_is_told(ana, question, schema):
    """A value that came with the model, a name that the schema does not know, and a choice between
    properties that the layout does not show."""
    rules = {
        **schema, "properties": {**schema["properties"], "state": {"enum": ["open"]}},
        "additionalProperties": False, "propertyNames": {"maxLength": 8},
        "anyOf": [{"required": ["x"]}, {"required": ["y"]}],
    }  # fmt: skip
    model = {"state": "lost", "unknown-name": 1}
    Question.objects.update(schema=rules, model=model, form=["amount"])
    page = Page(ana.get(f"/questions/{question.pk}/"))
    given = {name_in(page, question): "7", "fingerprint": question.fingerprint}
    shown = ana.post(f"/questions/{question.pk}/preview/", given).content.decode()
    assert "does not allow values that cannot be changed here" in shown
    assert all(each in shown for each in ("state", "unknown-name", "the whole answer"))
    assert ana.post(f"/questions/{question.pk}/answer/", given).status_code == 302

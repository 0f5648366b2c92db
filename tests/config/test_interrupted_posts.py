"""Posts that meet the end of a session or an old page: nothing typed is lost, nothing is sent."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from executions.models import Command, Draft, Question, StartDraft, Workflow
from providers.contract import Status
from tests.executions.conftest import FORM
from tests.pages import Page

pytestmark = pytest.mark.django_db
OURS = {"HTTP_ORIGIN": "http://testserver"}


@pytest.fixture
def passwords(people: dict[str, User]) -> None:
    for name, user in people.items():
        user.set_password(f"lamps-of-{name}")
        user.save()


def posted_by(client: Client, page: str, **typed: str) -> dict[str, str]:
    """What a browser posts from this page with these fields filled in."""
    forms = Page(client.get(page)).all("main form[method=post]")
    form = next(each for each in forms if all(any(w in n for n in each.names()) for w in typed))
    found = form.posted()
    for word, value in typed.items():
        found[next(name for name in form.names() if word in name)] = value
    return found


def sign_in(client: Client, page: Any, name: str) -> Any:
    """Through the form of this page, with all that it carries."""
    carried = [form.posted() for form in Page(page).all("form:has(input[name=username])")]
    given = {**(carried[0] if carried else {}), "username": name, "password": f"lamps-of-{name}"}
    return client.post("/sign-in/", given, follow=True)


def test_an_answer_after_the_sessions_end_is_in_its_form_again(passwords, ana, question) -> None:
    page = f"/questions/{question.pk}/"
    posted = posted_by(ana, page, **{f"q{question.pk}-": "4711"})
    ana.session.flush()
    refused = ana.post(f"{page}answer/", posted)
    assert "nothing was sent" in refused.content.decode()
    assert "4711" not in refused.content.decode()
    assert Draft.objects.count() == 0
    wrong = ana.post("/sign-in/", {"parcel": parcel_of(refused), "next": page, "username": "ana"})
    assert parcel_of(wrong) == parcel_of(refused)
    back = sign_in(ana, refused, "ana")
    assert back.request["PATH_INFO"] == page
    assert 'value="4711"' in back.content.decode()
    assert Command.objects.count() == 0


def parcel_of(page: Any) -> str:
    return Page(page).value("parcel")


def test_a_start_after_the_sessions_end_is_in_its_form_again(passwords, ana, put) -> None:
    put("r1")
    page = f"/workflows/{Workflow.objects.get().pk}/"
    posted = posted_by(ana, page, argument_xml="<claim/>", reason="the second try")
    ana.session.flush()
    back = sign_in(ana, ana.post(f"{page}runs/", posted), "ana")
    assert back.request["PATH_INFO"] == page
    text = back.content.decode()
    assert "&lt;claim/&gt;" in text
    assert 'value="the second try"' in text
    assert Command.objects.count() == 0
    again = Page(ana.get(page)).one("form[action$='/runs/']").posted()
    ana.post(f"{page}runs/", again)
    assert Command.objects.get().reason == "the second try"
    assert StartDraft.objects.count() == 0
    assert "the second try" not in ana.get(page).content.decode()


def test_what_one_typed_is_not_the_draft_of_another(passwords, ana, vik, question, people) -> None:
    people["vik"].groups.set(people["ana"].groups.all())
    page = f"/questions/{question.pk}/"
    posted = posted_by(ana, page, **{f"q{question.pk}-": "4711"})
    ana.session.flush()
    back = sign_in(ana, ana.post(f"{page}answer/", posted), "vik")
    assert "4711" not in back.content.decode()
    assert Draft.objects.count() == 0


def test_a_secret_is_in_no_page_and_no_draft(passwords, ana, put) -> None:
    schema = {
        "type": "object",
        "properties": {"pin": {"type": "string", "title": "Pin"}, "why": {"type": "string"}},
    }
    asked = type(FORM)(
        ref="q1", kind="form", title="?", schema=schema,
        form=[{"key": "pin", "type": "password"}, "why"],
    )  # fmt: skip
    run = put("r1", Status.USER_INPUT, steps=(), questions=(asked,), outputs=())
    pk = run.questions.get().pk
    page = f"/questions/{pk}/"
    posted = posted_by(ana, page) | {f"q{pk}-f1": "s3cret-one", f"q{pk}-f2": "because"}
    posted |= {f"q{pk}-f0": "s3cret-one"} if f"q{pk}-f0" in posted else {}
    ana.session.flush()
    refused = ana.post(f"{page}answer/", posted)
    back = sign_in(ana, refused, "ana")
    assert "s3cret-one" not in refused.content.decode() + back.content.decode()


def test_an_old_token_leads_to_the_form_with_what_was_typed(people, question, ana) -> None:
    page = f"/questions/{question.pk}/"
    posted = posted_by(ana, page, **{f"q{question.pk}-": "4711"})
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(people["ana"], "config.eager_user_backend.PeopleBackend")
    elsewhere = strict.post(f"{page}answer/", posted, HTTP_ORIGIN="https://evil.example")
    assert elsewhere.status_code == 403
    assert "the page was open for too long" in elsewhere.content.decode()
    assert Draft.objects.count() == 0
    back = strict.post(f"{page}answer/", posted, follow=True, **OURS)
    text = back.content.decode()
    assert back.request["PATH_INFO"] == page
    assert "What you typed is still here" in text
    assert 'value="4711"' in text
    assert Command.objects.count() == 0


def test_a_sign_in_page_overtaken_by_another_tab_keeps_what_it_holds(
    passwords, people, question, ana
) -> None:
    page = f"/questions/{question.pk}/"
    posted = posted_by(ana, page, **{f"q{question.pk}-": "4711"})
    ana.session.flush()
    carried = {"parcel": parcel_of(ana.post(f"{page}answer/", posted)), "next": page}
    for is_strict in (True, False):  # with the token of before, and with the new one
        Draft.objects.all().delete()
        client = Client(enforce_csrf_checks=is_strict)
        client.force_login(people["ana"], "config.eager_user_backend.PeopleBackend")
        back = client.post("/sign-in/", carried, follow=True, **OURS)
        assert back.request["PATH_INFO"] == page
        assert 'value="4711"' in back.content.decode()


@pytest.mark.parametrize("is_over", [True, False])
def test_the_text_of_a_form_without_drafts_is_shown_for_copying(people, question, is_over) -> None:
    client = Client(enforce_csrf_checks=True)
    if not is_over:
        client.force_login(people["ana"], "config.eager_user_backend.PeopleBackend")
    note = {"text": "Waits for <b>the</b> night shift"}
    page = client.post(f"/executions/{question.execution_id}/notes/", note, **OURS)
    assert page.status_code == 403
    assert "Waits for &lt;b&gt;the&lt;/b&gt; night shift" in page.content.decode()
    assert Question.objects.count() == 1


def test_a_start_is_kept_while_it_is_typed_until_it_is_begun_anew(ana, put, vik) -> None:
    put("r1")
    page = f"/workflows/{Workflow.objects.get().pk}/"
    typed = {"argument_xml": "<claim/>", "reason": "the second try"}
    assert "Draft saved" in ana.post(f"{page}draft/", typed).content.decode()
    assert "claim" not in StartDraft.objects.get().sealed_values
    assert "&lt;claim/&gt;" in ana.get(page).content.decode()
    assert "&lt;claim/&gt;" not in vik.get(page).content.decode()
    assert "&lt;claim/&gt;" not in ana.get(f"{page}?run=1").content.decode()
    begun = ana.post(f"{page}draft/", {"forget": "1"}, follow=True)
    assert "&lt;claim/&gt;" not in begun.content.decode()


def test_a_browser_does_not_cut_what_is_pasted_into_a_start(ana, put) -> None:
    page = Page(ana.get(f"/workflows/{put('r1').workflow_id}/"))
    assert page.one("[name*=argument_xml]:not([maxlength])")


def test_a_refused_start_keeps_its_reason(ana, put) -> None:
    run = put("r1")
    page = f"/workflows/{run.workflow_id}/"
    wrong = {"argument_xml": "x" * 3000, "reason": "the second try"}
    refused = ana.post(f"{page}runs/", wrong)
    assert refused.status_code == 422
    assert 'value="the second try"' in refused.content.decode()

"""A day at the inbox: nothing typed is lost, few choices need no page, a refusal can be mended."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from playwright.sync_api import Browser, Page, Route, expect

from executions.live import publish
from tests.browser.acting import actions_of, others_under, press_until
from tests.browser.conftest import stay_signed_in
from tests.product import Product

pytestmark = pytest.mark.browser

SEED = """
import json, uuid
from django.contrib.auth.models import Group, User
from django.utils import timezone
from executions.models import Question
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status, Verb
from providers.models import ProviderAccount
for name in ("olga", "oskar"):
    if not User.objects.filter(username=name).exists():
        user = User.objects.create_user(name, password="lamps-of-" + name)
        user.groups.add(Group.objects.get(name="operator"))
account, _ = ProviderAccount.objects.get_or_create(
    name="Claims desk", provider="smartflows", defaults={"settings": {"base_url": "http://127.0.0.1:9"},
    "enabled": False, "health": "ok", "last_success_at": timezone.now()})
account.set_credentials({"api_key": "made-up"}, by="test")
account.save()
numbers = {}
for given in json.loads(%r):
    choices = tuple(contract.Choice(**each) for each in given.pop("choices", ()))
    question = contract.Question(ref="q1", choices=choices, **given)
    many = 30 if question.kind == "form" else 9
    flow = contract.Workflow(ref="w1", name="Settle a claim", can_start=True)
    runs = [Snapshot(ref=uuid.uuid4().hex, workflow=flow,
        status=Status.USER_INPUT, native_status="UserInput", started_at=timezone.now(), steps=(),
        questions=(question,), outputs=(), offers=frozenset({Verb.ANSWER})) for _ in range(many)]
    store(account.pk, len(numbers) + 1, runs)
    numbers[question.title] = list(Question.objects.filter(title=question.title,
        execution__account=account, closed_at=None).values_list("pk", flat=True))
print("numbers", json.dumps(numbers))
"""
CLOSE = "UPDATE executions_question SET closed_at = now() WHERE id = %s RETURNING id"
TAKEN_BY = """UPDATE executions_question SET claimed_at = now(), claimed_by_id =
    (SELECT id FROM auth_user WHERE username = %s) WHERE id = %s RETURNING id"""
OTHER_FORM = """UPDATE executions_question SET fingerprint = 'changed', choices =
    '[{"value": "no", "label": "Refuse"}, {"value": "yes", "label": "Release"}]'
    WHERE id = %s RETURNING id"""
AMOUNT = {
    "kind": "form",
    "title": "Decide on the claim",
    "schema": {
        "type": "object",
        "required": ["amount"],
        "properties": {
            "amount": {"type": "integer", "title": "Amount"},
            "exception": {"type": "boolean", "title": "Exception"},
            "why": {"type": "string", "title": "Why"},
        },
    },
    "form": ["amount", "exception", {"key": "why", "condition": "model.exception"}],
}
TRANSFER = {
    "kind": "form",
    "title": "Pay it out",
    "schema": {
        "type": "object",
        "properties": {
            "country": {"enum": ["BE", "NL"], "title": "Country"},
            "iban": {"type": "string", "maxLength": 22, "title": "IBAN"},
        },
        "if": {"properties": {"country": {"const": "BE"}}, "required": ["country"]},
        "then": {"properties": {"vat": {"type": "string", "title": "VAT"}}, "required": ["vat"]},
    },
}
RELEASE = {
    "kind": "approval",
    "title": "Release the payment?",
    "choices": [
        {"value": "yes", "label": "Release"},
        {"value": "no", "label": "Refuse", "is_danger": True},
    ],
}


@pytest.fixture(scope="module")
def seeded(product: Product) -> Iterator[dict[str, list[int]]]:
    """Runs that ask, by what they ask: the ids of their questions, closed again at the end."""
    done = product.manage("shell", "-v", "0", "-c", SEED % json.dumps([AMOUNT, TRANSFER, RELEASE]))
    found: dict[str, list[int]] = json.loads(done.stdout.rpartition("numbers ")[2])
    yield found
    for pk in itertools.chain(*found.values()):
        product.query(CLOSE, pk)


@pytest.fixture
def ask(seeded: dict[str, list[int]]) -> Callable[[dict[str, Any]], int]:
    """A question nobody has touched; its id."""
    return lambda question: seeded[question["title"]].pop()


@pytest.fixture
def signed_in(chromium: Browser, product: Product, seeded: object) -> Iterator[Callable[..., Page]]:
    """A person in a browser of their own."""
    contexts = []

    def open_page(name: str, **options: Any) -> Page:
        contexts.append(chromium.new_context(viewport={"width": 1440, "height": 1000}, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(45_000)
        stay_signed_in(page, product, name, f"lamps-of-{name}")
        return page

    yield open_page
    for context in contexts:
        context.close()


def tell(product: Product, **news: Any) -> None:
    """What a worker tells open pages after a commit."""
    sql = "SELECT id FROM providers_provideraccount WHERE name = 'Claims desk'"
    [(account,)] = product.query(sql)
    with redis.Redis.from_url(product.env["REDIS_URL"]) as client:
        client.publish(publish.CHANNEL, json.dumps({"account": account, **news}))


def answers_to(product: Product, question: int) -> list[tuple[Any, ...]]:
    sql = """SELECT c.key::text, c.execution_id FROM executions_command c
        JOIN executions_question q ON q.execution_id = c.execution_id WHERE q.id = %s"""
    return product.query(sql, question)


def drafts_of(product: Product, question: int) -> int:
    sql = "SELECT count(*) FROM executions_draft WHERE question_id = %s"
    return int(product.query(sql, question)[0][0])


def is_live(page: Page) -> None:
    expect(page.locator("#live")).to_have_attribute("data-state", "live")


def test_a_draft_survives_a_reload_and_the_answer_of_somebody_else(product, ask, signed_in) -> None:
    question = ask(AMOUNT)
    page = signed_in("olga")
    page.goto(f"{product.base_url}/questions/{question}/")
    is_live(page)
    page.get_by_label("Amount").fill("4711")
    expect(page.locator(".draft")).to_contain_text("Draft saved")
    page.get_by_label("Amount").fill("4712")
    page.reload()  # before the delay is over: leaving the page saves it
    expect(page.get_by_label("Amount")).to_have_value("4712")
    page.get_by_label("Amount").fill("4713")
    product.query(CLOSE, question)
    tell(product, questions=True)
    expect(page.locator(".question-notice")).to_contain_text("answered elsewhere")
    expect(page.get_by_label("Amount")).to_have_value("4713")
    expect(page.locator("button[data-answers]")).to_have_count(0)
    # What leaving the page saves may arrive after the next page, which then brings it itself.
    page.goto(f"{product.base_url}/questions/{question}/", wait_until="commit")
    expect(page.get_by_label("Amount")).to_have_value("4713")


@pytest.fixture
def left_unsent(product, ask, signed_in) -> tuple[int, Page, str]:
    """A question, its page, from which leaving sends nothing, and where that saves."""
    question, page = ask(AMOUNT), signed_in("olga")
    page.add_init_script("navigator.sendBeacon = () => true")  # as when a browser is ended
    page.goto(f"{product.base_url}/questions/{question}/")
    return question, page, str(page.locator("form.answer").get_attribute("data-redraw"))


def test_what_was_typed_comes_back_although_the_site_is_busy_when_the_next_page_brings_it(
    product, left_unsent
) -> None:
    question, page, saves = left_unsent
    page.route(f"**{saves}", lambda route: route.fulfill(status=503, body="Try later."))
    page.get_by_label("Amount").fill("4714")
    page.reload()
    with page.expect_request(f"**{saves}"):
        pass
    assert drafts_of(product, question) == 0
    page.unroute(f"**{saves}")
    expect(page.get_by_label("Amount")).to_have_value("4714")
    product.wait_until(lambda: drafts_of(product, question), "the server has the draft")


@pytest.mark.long  # it holds the scripts of a page back, and a busy machine does so by itself
def test_what_is_typed_before_the_scripts_run_outlives_what_they_bring_back(left_unsent) -> None:
    _, page, saves = left_unsent
    scripts: list[Route] = []
    page.route(f"**{saves}", lambda route: None)  # however long leaving takes, nothing is saved
    page.get_by_label("Amount").fill("4712")
    page.route("**/*.js", lambda route: scripts.append(route))
    page.reload(wait_until="commit")
    page.get_by_label("Amount").fill("4713")
    brought: list[Route] = []
    page.unroute(f"**{saves}")
    page.route(f"**{saves}", lambda route: brought.append(route), times=1)
    page.unroute("**/*.js")
    with page.expect_response(f"**{saves}") as typed:
        for each in scripts:
            each.continue_()
    assert "\r\n4713\r\n" in typed.value.request.post_data
    with page.expect_response(f"**{saves}"):  # it is late, and no news
        brought[0].continue_()
    assert "=4712" in brought[0].request.post_data
    page.reload()
    expect(page.get_by_label("Amount")).to_have_value("4713")


def test_what_was_typed_after_the_session_ended_is_back_after_signing_in(
    product, ask, signed_in
) -> None:
    question = ask(AMOUNT)
    page = signed_in("olga")
    page.goto(f"{product.base_url}/questions/{question}/")
    page.context.clear_cookies(name=re.compile("^session"))
    page.get_by_label("Amount").fill("815")
    expect(page.locator("#signed-out")).to_be_visible()
    assert drafts_of(product, question) == 0
    page.locator("#signed-out a").click()
    page.fill("input[name=username]", "olga")
    page.fill("input[name=password]", "lamps-of-olga")
    page.click("form.answer button")
    page.wait_for_url(f"**/questions/{question}/")
    expect(page.get_by_label("Amount")).to_have_value("815")
    product.wait_until(lambda: drafts_of(product, question), "the server has the draft")


@pytest.fixture(params=["answer", "start"])
def form(request: pytest.FixtureRequest, product: Product, ask: Any) -> tuple[str, str]:
    """The page of a form, and the label of a field in it."""
    if request.param == "answer":
        return f"{product.base_url}/questions/{ask(AMOUNT)}/", "Amount"
    sql = "SELECT id FROM executions_workflow WHERE name = 'Settle a claim' AND can_start"
    [(workflow,)] = product.query(sql)
    product.query("DELETE FROM executions_startdraft RETURNING id")
    return f"{product.base_url}/workflows/{workflow}/", "Input data (XML)"


SEND = re.compile("Send answer|Start the run")
SENT = re.compile(r"[?&]sent=|/commands/")


def end_session(page: Page) -> None:
    page.context.clear_cookies(name=re.compile("^session"))


def sign_in_here(page: Page, name: str) -> None:
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", f"lamps-of-{name}")
    page.get_by_role("button", name="Sign in", exact=True).click()


def open_form(page: Page, address: str) -> None:
    """The form to start a run is folded until there is something of it to read."""
    page.goto(address)
    if (fold := page.locator("#start-fold:not([open]) > summary")).count():
        fold.click()


@pytest.mark.parametrize("has_script", [True, False])
def test_what_is_sent_after_the_sessions_end_comes_back_in_the_same_tab(
    signed_in, form, has_script
) -> None:
    address, label = form
    page = signed_in("olga", java_script_enabled=has_script)
    open_form(page, address)
    end_session(page)
    page.get_by_label(label).fill("815")
    page.get_by_role("button", name=SEND).click()
    expect(page.get_by_text("nothing was sent")).to_be_visible()
    sign_in_here(page, "olga")
    page.wait_for_url(address)
    expect(page.get_by_label(label)).to_have_value("815")
    page.get_by_role("button", name=SEND).click()
    expect(page).to_have_url(SENT)
    page.goto(f"{address}{'answer' if 'questions' in address else 'runs'}/")
    expect(page).to_have_url(address)


def test_what_was_typed_after_the_sessions_end_comes_back_in_another_tab(signed_in, form) -> None:
    address, label = form
    page = signed_in("olga")
    open_form(page, address)
    end_session(page)
    page.get_by_label(label).fill("816")
    expect(page.locator("#signed-out")).to_be_visible()
    other = page.context.new_page()
    other.goto(address)
    sign_in_here(other, "olga")
    other.wait_for_url(address)
    expect(other.get_by_label(label)).to_have_value("816")
    expect(page.locator("#signed-out")).to_be_hidden()
    page.get_by_role("button", name=SEND).click()
    expect(page).to_have_url(SENT)


def test_a_sign_in_page_with_an_unsent_form_goes_on_when_another_tab_signs_in(
    signed_in, form
) -> None:
    address, label = form
    page = signed_in("olga")
    open_form(page, address)
    end_session(page)
    page.get_by_label(label).fill("817")
    page.get_by_role("button", name=SEND).click()
    expect(page.get_by_text("nothing was sent")).to_be_visible()
    other = page.context.new_page()
    other.goto(f"{address.partition('/questions')[0].partition('/workflows')[0]}/sign-in/")
    sign_in_here(other, "olga")
    page.wait_for_url(address)
    expect(page.get_by_label(label)).to_have_value("817")


def test_back_after_a_refused_form_leads_to_the_form_with_what_was_typed(signed_in, form) -> None:
    address, label = form
    page = signed_in("olga")
    open_form(page, address)
    wrong = "x" * 3000
    page.get_by_label(label).fill(wrong)
    page.get_by_role("button", name=SEND).click()
    expect(page.get_by_label(label)).to_have_attribute("aria-invalid", "true")
    page.get_by_role("link", name="Overview").click()
    page.wait_for_url("**/overview/")
    page.go_back()
    expect(page).to_have_url(address)
    expect(page.get_by_label(label)).to_have_value(wrong)
    page.get_by_label(label).fill("818")
    page.get_by_role("button", name=SEND).click()
    expect(page).to_have_url(SENT)
    page.go_back()
    expect(page).to_have_url(address)


def test_few_choices_are_answered_with_one_button_and_danger_asks_first(
    product, ask, signed_in
) -> None:
    kind, stern = ask(RELEASE), ask(RELEASE)
    page = signed_in("olga")
    page.goto(f"{product.base_url}/inbox/?q=Release+the+payment")
    is_live(page)
    page.locator(f"#task-{kind} a").click()
    page.wait_for_url(f"**/questions/{kind}/?q=*")
    page.get_by_label("Note").fill("seen the invoice")
    page.get_by_role("button", name="Release", exact=True).click()
    page.wait_for_url("**sent=*")
    expect(page.locator("#sent")).to_contain_text("Release the payment?, answered by you")
    expect(page.locator(f"#task-{kind}")).to_contain_text("answered by olga")
    page.locator(f"#task-{stern} a").click()
    page.wait_for_url(f"**/questions/{stern}/?q=*")
    page.get_by_role("button", name="Refuse…").click()
    expect(page.locator("dialog[open]")).to_contain_text("Settle a claim")
    assert not answers_to(product, stern)
    page.locator("dialog[open]").get_by_role("button", name="Refuse", exact=True).click()
    page.wait_for_url("**sent=*")
    assert len(answers_to(product, stern)) == 1
    page.goto(f"{product.base_url}/inbox/answered/?by=olga")
    expect(page.locator("table.answered tbody tr").first).to_contain_text("Decision")
    expect(page.locator("table.answered")).to_contain_text("seen the invoice")


def test_a_question_opens_while_the_lines_stay_and_keeps_what_was_typed(
    product, ask, signed_in
) -> None:
    """By the pointer, by j and k, and by *back*; no page is loaded anew meanwhile."""
    first, second = ask(AMOUNT), ask(AMOUNT)
    page = signed_in("olga")
    page.goto(f"{product.base_url}/questions/{first}/?q=Decide+on+the+claim")
    is_live(page)
    page.evaluate("window.isSame = true")
    before = page.locator("[data-line]").evaluate_all("all => all.map(each => each.dataset.line)")
    page.get_by_label("Amount").fill("815")
    page.locator(f"#task-{second} a").click()
    page.wait_for_url(f"**/questions/{second}/?q=*")
    expect(page.locator(f"form#answer-{second}")).to_be_visible()
    expect(page.locator("[data-line] [aria-current]")).to_have_count(1)
    expect(page.locator(f"#task-{second} a")).to_have_attribute("aria-current", "true")
    step = "k" if before.index(str(first)) < before.index(str(second)) else "j"
    for _ in range(abs(before.index(str(first)) - before.index(str(second)))):
        page.keyboard.press(step)
    page.wait_for_url(f"**/questions/{first}/?q=*")
    expect(page.get_by_label("Amount")).to_have_value("815")
    after = page.locator("[data-line]").evaluate_all("all => all.map(each => each.dataset.line)")
    assert after == before
    assert page.evaluate("window.isSame") is True
    page.go_back()
    expect(page.locator(f"form#answer-{first}")).to_have_count(0)


def test_ctrl_enter_sends_and_a_takes_it_on(product, ask, signed_in) -> None:
    question = ask(AMOUNT)
    page = signed_in("olga")
    page.goto(f"{product.base_url}/questions/{question}/")
    is_live(page)
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Let go")).to_be_visible()
    expect(page.locator(f"#task-{question}")).to_contain_text("you are on it")
    page.get_by_label("Amount").fill("12")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**sent=*")
    assert len(answers_to(product, question)) == 1


def test_no_change_of_a_question_brings_another_action_under_the_pointer(
    product, ask, signed_in
) -> None:
    question = ask(RELEASE)
    page = signed_in("olga")
    page.goto(f"{product.base_url}/questions/{question}/?q=Release+the+payment")
    is_live(page)
    bar, line, seen = page.locator("#desk"), page.locator(f"#task-{question}"), []

    def look() -> None:
        for actions in seen:
            assert others_under(page, actions) == []
        seen.append(actions_of(bar))

    look()
    bar.get_by_role("button", name="I’m on it").click()
    expect(line).to_contain_text("you are on it")
    look()
    bar.get_by_role("button", name="Let go").click()
    expect(bar.get_by_role("button", name="I’m on it")).to_be_visible()
    look()
    product.query(TAKEN_BY, "oskar", question)
    tell(product, questions=True)
    expect(bar.get_by_role("button", name="Take over")).to_be_visible()
    look()
    bar.get_by_role("button", name="Take over").click()
    expect(line).to_contain_text("you are on it")
    look()
    product.query(OTHER_FORM, question)
    tell(product, questions=True)
    expect(bar.locator(".question-notice")).to_contain_text("changed this form")
    look()
    product.query(CLOSE, question)
    tell(product, questions=True)
    expect(line).to_contain_text("answered elsewhere")
    expect(bar.get_by_role("button", name="Release", exact=True)).to_have_count(0)
    look()


def test_a_double_click_does_nothing_twice_and_nothing_else(product, ask, signed_in) -> None:
    question = ask(RELEASE)
    page = signed_in("olga")
    page.goto(f"{product.base_url}/questions/{question}/")
    is_live(page)
    page.get_by_role("button", name="I’m on it").click()
    expect(page.get_by_role("button", name="Let go")).to_be_visible()
    page.mouse.down(click_count=2)  # the second click comes when the first has changed the bar
    page.mouse.up(click_count=2)
    page.wait_for_timeout(1000)
    expect(page.get_by_role("button", name="Let go")).to_be_visible()
    page.get_by_role("button", name="Refuse…").dblclick()
    expect(page.locator("dialog[open]")).to_be_visible()
    page.locator("dialog[open]").get_by_role("button", name="Go back").click()
    assert answers_to(product, question) == []
    page.get_by_role("button", name="Release", exact=True).dblclick(delay=80)
    # not wait_for_url: where the second click is quicker than the answer, it navigates once more
    expect(page).to_have_url(re.compile("sent="))
    assert len(answers_to(product, question)) == 1


def test_a_claim_and_typing_are_seen_live_by_somebody_else(product, ask, signed_in) -> None:
    question = ask(AMOUNT)
    mine, theirs = signed_in("olga"), signed_in("oskar")
    for page in (mine, theirs):
        page.goto(f"{product.base_url}/inbox/?q=Decide+on+the+claim")
        is_live(page)
    line = theirs.locator(f"#task-{question}")
    mine.locator(f"#task-{question} a").click()
    mine.wait_for_url(f"**/questions/{question}/*")
    mine.get_by_role("button", name="I’m on it").click()
    expect(mine.locator(f"#task-{question}")).to_contain_text("you are on it")
    expect(line).to_contain_text("olga is on it")
    mine.get_by_role("button", name="Let go").click()
    expect(line).to_contain_text("nobody is on it")
    mine.get_by_label("Amount").fill("8800330099")  # nothing that a made-up identifier holds
    expect(line).to_contain_text("olga is on it")
    expect(line).not_to_contain_text("8800330099")
    theirs.goto(f"{product.base_url}/questions/{question}/")
    expect(theirs.locator(".present")).to_contain_text("olga is on it")
    expect(theirs.get_by_label("Amount")).to_have_value("")


def test_a_field_that_comes_back_has_what_was_typed_into_it(product, ask, signed_in) -> None:
    question = ask(AMOUNT)
    page = signed_in("olga")
    page.goto(f"{product.base_url}/questions/{question}/")
    expect(page.get_by_label("Why")).to_have_count(0)
    page.get_by_label("Exception").check()
    page.get_by_label("Why").fill("storm damage")
    page.get_by_label("Exception").uncheck()
    expect(page.get_by_label("Why")).to_have_count(0)
    page.get_by_label("Exception").check()
    expect(page.get_by_label("Why")).to_have_value("storm damage")


def test_a_rule_of_the_schema_shows_its_field_at_once(product, ask, signed_in) -> None:
    page = signed_in("olga")
    page.goto(f"{product.base_url}/questions/{ask(TRANSFER)}/")
    expect(page.get_by_label("IBAN")).to_be_visible()
    expect(page.get_by_label("VAT")).to_have_count(0)
    page.get_by_label("BE", exact=True).check()
    expect(page.get_by_label("VAT")).to_be_visible()
    page.get_by_label("VAT").fill("BE 0123")
    page.get_by_label("NL", exact=True).check()
    expect(page.get_by_label("VAT")).to_have_count(0)
    page.get_by_label("BE", exact=True).check()
    expect(page.get_by_label("VAT")).to_have_value("BE 0123")


def test_nothing_that_is_pasted_is_cut(product, ask, signed_in) -> None:
    iban = "DE89 3704 0044 0532 0130 00"
    page = signed_in("olga")
    page.goto(f"{product.base_url}/questions/{ask(TRANSFER)}/")
    page.get_by_label("IBAN").focus()
    page.keyboard.insert_text(iban)  # as a paste does, it obeys `maxlength`
    expect(page.get_by_label("IBAN")).to_have_value(iban)
    page.get_by_label("NL", exact=True).check()
    page.get_by_role("button", name="Send answer").click()
    expect(page.get_by_label("IBAN")).to_have_value(iban)
    expect(page.locator(".field.has-error")).to_contain_text("at most 22 characters, not 27")


def test_a_refused_answer_is_mended_and_sent_again_without_a_reload(
    product, ask, signed_in
) -> None:
    question = ask(AMOUNT)
    page = signed_in("olga")
    page.goto(f"{product.base_url}/questions/{question}/")
    page.locator("button[data-answers]").click()
    expect(page.get_by_label("Amount")).to_be_focused()  # the first mistake
    expect(page.locator(".field-errors a")).to_have_text("Amount")
    page.get_by_label("Amount").fill("5000")
    page.locator("button[data-answers]").click()
    page.wait_for_url("**sent=*")
    is_live(page)
    page.evaluate("window.isSame = true")
    [(key, run)] = answers_to(product, question)
    refused = """UPDATE executions_command SET state = 'rejected', message = 'They said no.',
        fields = '{"body.amount": "must be at most 1000"}' WHERE key = %s RETURNING 1"""
    product.query(refused, key)
    tell(product, commands=[[run, key, "rejected"]])
    expect(page.locator("#sent")).to_contain_text("They said no.")
    assert page.evaluate("window.isSame") is True
    page.locator("#sent").get_by_role("link", name="Correct it").click()
    page.wait_for_url(f"**/questions/{question}/*")
    expect(page.locator(".complaints")).to_contain_text("must be at most 1000")
    amount = page.get_by_label("Amount")
    expect(amount).to_have_value("5000")
    expect(amount).to_have_attribute("aria-invalid", "true")
    page.locator(".complaints a").click()
    expect(amount).to_be_focused()
    amount.fill("900")
    page.locator("button[data-answers]").click()
    page.wait_for_url("**sent=*")
    assert len(answers_to(product, question)) == 2


def test_the_inbox_is_reached_and_a_form_is_answered_by_keyboard_alone(
    product, ask, signed_in
) -> None:
    question = ask(AMOUNT)
    page = signed_in("olga")
    page.goto(product.base_url)
    press_until(page, "Tab", 'a[href="/inbox/"]')
    page.keyboard.press("Enter")
    page.wait_for_url("**/inbox/")
    press_until(page, "Tab", f"#task-{question} a", most=300)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/questions/{question}/")
    expect(page.locator(f"form#answer-{question}")).to_be_visible()
    page.keyboard.press("Enter")  # again: into its form
    expect(page.get_by_label("Amount")).to_be_focused()
    page.keyboard.type("12")
    press_until(page, "Tab", "button[data-answers]")
    page.keyboard.press("Enter")
    page.wait_for_url("**sent=*")
    expect(page.locator("#sent")).to_contain_text("answered by you")


def test_enter_goes_into_the_form_that_was_asked_for_never_into_the_one_before_it(
    product, ask, signed_in
) -> None:
    first, second = ask(AMOUNT), ask(AMOUNT)
    page = signed_in("olga")
    page.goto(f"{product.base_url}/questions/{first}/")
    is_live(page)
    held: list[Route] = []
    page.route(f"**/questions/{second}/", lambda route: held.append(route))
    page.locator(f"#task-{second} a").focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"#task-{second} [aria-current]")).to_have_count(1)
    page.keyboard.press("Enter")  # again, before it is there
    page.keyboard.type("815")  # goes nowhere, and not to another's question
    assert page.get_by_label("Amount").input_value() == ""
    for each in held:
        each.continue_()
    expect(page.locator(f"form#answer-{second} input:focus")).to_have_count(1)


def test_a_question_that_could_not_be_opened_is_opened_by_the_next_enter(
    product, ask, signed_in
) -> None:
    first, second = ask(AMOUNT), ask(AMOUNT)
    page = signed_in("olga")
    page.goto(f"{product.base_url}/questions/{first}/")
    is_live(page)
    busy = f"**/questions/{second}/"
    page.route(busy, lambda route: route.abort(), times=1)
    page.locator(f"#task-{second} a").focus()
    with page.expect_event("requestfailed"):
        page.keyboard.press("Enter")
    page.wait_for_timeout(300)  # the script has been told
    page.keyboard.press("Enter")
    expect(page.locator(f"form#answer-{second}")).to_be_visible()


def test_the_body_is_shown_before_it_is_sent(product, ask, signed_in) -> None:
    question = ask(AMOUNT)
    page = signed_in("olga")
    page.goto(f"{product.base_url}/questions/{question}/")
    page.get_by_text("Technical details").click()
    page.get_by_role("button", name="Show the request body").click()
    expect(page.locator(f"#preview-{question}")).to_contain_text("Amount: This field is required.")
    page.get_by_label("Amount").fill("7")
    page.get_by_role("button", name="Show the request body").click()
    expect(page.locator(f"#preview-{question} pre")).to_contain_text('"amount": 7')

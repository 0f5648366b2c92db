"""One run beside the list: a walk by keyboard, its address, what is typed and done in it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.acting import Provider, is_marked, mark
from tests.browser.conftest import stay_signed_in
from tests.browser.looking import violations
from tests.browser.run_seeds import seed
from tests.product import Product

pytestmark = pytest.mark.browser

RUNS = """
for number in range(12):
    put(f"aside-{number:02d}", Status.FAILED if number % 3 == 0 else Status.SUCCEEDED,
        started_at=at(-number), finished_at=at(60),
        error="No stock row for this article" if number % 3 == 0 else "",
        input={"order": f"ORD-{number:02d}", "customer": "Hofer AG"},
        workflow=contract.Workflow(ref="aside", name="Settlement of all depots, each night, "
                                   "with a name that is longer than a line", can_start=True),
        steps=(step("s1", "Read the order", start=0, end=20),
               step("s2", "Post to the ERP", Status.FAILED if number % 3 == 0 else Status.SUCCEEDED,
                    start=20, end=60, error="No stock row" if number % 3 == 0 else "", attempt=3)))
form = contract.Question(ref="q", kind="form", title="Decide on the claim", schema={
    "type": "object", "properties": {"amount": {"type": "integer", "title": "Amount"},
                                     "why": {"type": "string", "title": "Why"}}})
asks = put("aside-asks", Status.USER_INPUT, questions=(form,), steps=(), started_at=at(-99),
           offers=frozenset({Verb.ANSWER, Verb.CANCEL}))
print(asks.pk)
"""
CHANGED = """
from executions.live import publish
run = put("aside-asks", Status.USER_INPUT, seq={seq}, questions=({form},), steps=(
    step("s{seq}", "Step of poll {seq}", Status.RUNNING, start=0),), started_at=at(-99),
    offers=frozenset({{Verb.ANSWER, Verb.CANCEL}}))
publish.publish_runs(account.pk, [(run.pk, run.version)])
"""
LATER = """
from executions.live import publish
run = put("later-aside", Status.FAILED, started_at=now, finished_at=now, steps=(),
          workflow=contract.Workflow(ref="aside", name="Settlement"))
publish.publish_runs(account.pk, [(run.pk, run.version)], [run.pk])
"""
FORM = RUNS[RUNS.index("contract.Question") : RUNS.index("\nasks")]
SHEET = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def asking(product: Product) -> Iterator[int]:
    """The run that asks, behind twelve others of the list `?q=aside-`, of a workflow of their own:
    no success of other tests settles their failures."""
    yield int(seed(product, RUNS)[-1])
    seed(product, "Execution.objects.filter(ref__contains='aside').delete()")


@pytest.fixture
def runs(page: Page, product: Product, asking: int) -> Page:
    """The list, live."""
    page.goto(f"{product.base_url}/?q=aside-")
    expect(page.locator("[data-row]")).to_have_count(13)
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    return page


@pytest.fixture
def sheet(chromium: Browser, product: Product, asking: int) -> Iterator[Page]:
    context = chromium.new_context(viewport=SHEET, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(45_000)
    stay_signed_in(page, product)
    page.goto(f"{product.base_url}/?q=aside-")
    yield page
    context.close()


def peeked(page: Page, words: str) -> None:
    """The peek shows the run with this value, and its address is that of the page."""
    aside = page.get_by_role("complementary", name=re.compile(words))
    expect(aside).to_be_visible()
    pk = aside.get_attribute("data-peek")
    expect(page).to_have_url(re.compile(rf"[?&]peek={pk}$"))
    expect(page.locator(f"#run-{pk} .run-link")).to_have_attribute("aria-current", "true")


def is_shut(page: Page) -> None:
    expect(page.locator("#peek")).to_be_hidden()
    expect(page).to_have_url(re.compile(r"\?q=aside-$"))


def link(page: Page, number: int):
    return page.locator("[data-row] .run-link").nth(number)


def test_a_walk_through_the_list_by_keyboard_alone(runs: Page) -> None:
    mark(runs)
    runs.keyboard.press("j")
    expect(link(runs, 0)).to_be_focused()
    runs.keyboard.press("Space")
    peeked(runs, "aside-00")
    expect(runs.locator("#peek-place")).to_have_text("1 of 13 in this list")
    expect(link(runs, 0)).to_be_focused()
    runs.keyboard.press("j")
    peeked(runs, "aside-01")
    for key in "jjk":  # faster than they are drawn
        runs.keyboard.press(key)
    peeked(runs, "aside-02")
    expect(link(runs, 2)).to_be_focused()
    runs.locator("#peek-down").click()
    peeked(runs, "aside-03")
    expect(runs.locator("#peek")).to_contain_text("No stock row for this article")
    expect(runs.locator("#peek")).to_contain_text("in “Post to the ERP”, attempt 3")
    runs.keyboard.press("Escape")
    is_shut(runs)
    expect(link(runs, 3)).to_be_focused()
    assert is_marked(runs)
    runs.keyboard.press("Space")
    peeked(runs, "aside-03")
    runs.keyboard.press("Enter")
    runs.wait_for_url("**/executions/*/")
    runs.go_back()
    peeked(runs, "aside-03")
    runs.locator("#peek-close").click()
    is_shut(runs)


def test_back_closes_it_and_forward_opens_it_without_loading_the_list_again(runs: Page) -> None:
    mark(runs)
    runs.locator("[data-row] .c-message").nth(2).click()
    peeked(runs, "aside-02")
    runs.keyboard.press("j")
    peeked(runs, "aside-03")
    runs.go_back()
    is_shut(runs)
    runs.go_forward()
    peeked(runs, "aside-03")
    assert is_marked(runs)
    runs.reload()
    peeked(runs, "aside-03")
    expect(runs.locator("#peek-place")).to_have_text("4 of 13 in this list")


def test_a_click_on_the_name_opens_the_run_and_a_box_only_selects(runs: Page) -> None:
    runs.locator("[data-row] input").nth(1).check()
    expect(runs.locator("#peek")).to_be_hidden()
    link(runs, 1).click()
    runs.wait_for_url("**/executions/*/")


def test_opening_it_moves_no_row_and_makes_none_higher(runs: Page) -> None:
    boxes = """() => [...document.querySelectorAll('[data-row], thead')].map((each) => {
        const box = each.getBoundingClientRect(); return [box.top, box.height];
    })"""
    before = runs.evaluate(boxes)
    runs.locator("[data-row] .c-message").first.click()
    peeked(runs, "aside-00")
    assert runs.evaluate(boxes) == before
    foot = runs.locator("#peek-foot").bounding_box()
    assert foot
    assert foot["y"] + foot["height"] <= 1000  # its verbs are on the screen
    place = runs.locator("#peek-down").bounding_box()
    runs.keyboard.press("j")
    peeked(runs, "aside-01")
    assert runs.evaluate(boxes) == before
    assert runs.locator("#peek-down").bounding_box() == place
    assert runs.locator("#peek-foot").bounding_box() == foot


def test_new_runs_wait_while_it_is_open(page: Page, product: Product, asking: int) -> None:
    page.goto(f"{product.base_url}/?lamp=failed&is=unresolved")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    page.locator("[data-row]", has_text="aside-03").locator(".c-message").click()
    peeked(page, "aside-03")
    page.evaluate("document.activeElement.blur()")
    seed(product, LATER)
    expect(page.locator("#newer .pill")).to_be_visible()
    expect(page.locator("[data-row]", has_text="later-aside")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator("#peek")).to_be_hidden()
    page.evaluate("document.activeElement.blur()")
    expect(page.locator("[data-row]").first).to_contain_text("later-aside")


def test_what_is_typed_survives_a_live_change_and_a_look_at_another_run(
    runs: Page, product: Product, asking: int
) -> None:
    aside = runs.locator("#peek")
    runs.locator(f"#run-{asking} .c-message").click()
    peeked(runs, "aside-asks")
    runs.get_by_label("Amount").fill("4711")
    expect(aside.locator(".draft")).to_contain_text("Draft saved")
    aside.get_by_text("Note", exact=True).click()
    expect(runs.get_by_label("Write a note")).to_be_focused()
    runs.keyboard.type("Wait for the au")
    for seq in (2, 3):
        seed(product, CHANGED.format(seq=seq, form=FORM))
        expect(aside).to_contain_text(f"Step of poll {seq}")
        expect(runs.get_by_label("Write a note")).to_be_focused()
        expect(runs.get_by_label("Write a note")).to_have_value("Wait for the au")
        expect(runs.get_by_label("Amount")).to_have_value("4711")
    runs.keyboard.press("Escape")  # the note, then the peek
    runs.keyboard.press("Escape")
    is_shut(runs)
    runs.keyboard.press("k")
    runs.keyboard.press("Space")
    peeked(runs, "aside-11")
    expect(runs.get_by_label("Write a note")).to_have_value("")
    runs.keyboard.press("j")
    peeked(runs, "aside-asks")
    expect(runs.get_by_label("Amount")).to_have_value("4711")
    expect(runs.get_by_label("Write a note")).to_have_value("Wait for the au")


def test_verbs_are_done_in_it_and_the_list_stays(runs: Page) -> None:
    mark(runs)
    aside = runs.locator("#peek")
    runs.locator("[data-row] .c-message").nth(6).click()
    peeked(runs, "aside-06")
    button = aside.get_by_role("button", name="I’m on it")
    place = button.bounding_box()
    runs.keyboard.press("a")
    expect(aside.locator("#peek-head")).to_contain_text("admin is on it")
    expect(runs.locator("[data-row]").nth(6)).to_contain_text("admin is on it")
    after = aside.get_by_role("button", name="Let go").bounding_box()
    assert place
    assert after
    assert (after["x"], after["y"]) == (place["x"], place["y"])
    aside.get_by_text("Note", exact=True).click()
    runs.get_by_label("Write a note").fill("Asked the depot")
    aside.get_by_role("button", name="Add the note").click()
    expect(aside.locator("#peek-notes")).to_contain_text("Asked the depot")
    expect(runs.get_by_label("Write a note")).to_be_hidden()
    peeked(runs, "aside-06")
    assert is_marked(runs)


def test_a_refused_answer_goes_to_the_page_that_says_why(
    runs: Page, product: Product, asking: int
) -> None:
    runs.locator(f"#run-{asking} .c-message").click()
    peeked(runs, "aside-asks")
    runs.get_by_label("Amount").fill("a lot")
    runs.locator("#peek button[data-answers]").click()
    runs.wait_for_url("**/questions/*/")
    expect(runs.locator(".has-error")).to_have_count(1)
    expect(runs.get_by_label("Amount")).to_have_value("a lot")


def test_on_a_phone_it_is_a_sheet_over_the_list(sheet: Page) -> None:
    sheet.locator("[data-row] .c-message").nth(3).tap()
    peeked(sheet, "aside-03")
    aside = sheet.locator("#peek")
    expect(aside).to_be_focused()
    box, foot = aside.bounding_box(), sheet.locator("#peek-foot").bounding_box()
    assert box
    assert foot
    assert (box["x"], box["width"]) == (0, SHEET["width"])
    assert foot["y"] + foot["height"] <= SHEET["height"]
    small = """() => [...document.querySelectorAll('#peek :is(button, a.button, summary.button)')]
        .filter((each) => each.checkVisibility({visibilityProperty: true}))
        .map((each) => each.getBoundingClientRect().height).filter((height) => height < 40)"""
    assert sheet.evaluate(small) == []
    assert sheet.evaluate("document.documentElement.scrollWidth") <= SHEET["width"]
    sheet.locator("#peek-down").tap()
    peeked(sheet, "aside-04")
    sheet.locator("#peek-close").tap()
    is_shut(sheet)


@pytest.mark.parametrize(
    "width", [1440, *(pytest.param(each, marks=pytest.mark.long) for each in (1024, 390))]
)
def test_it_has_no_barrier_in_either_theme(
    page: Page, product: Product, asking: int, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    failed = page.goto(f"{product.base_url}/?q=aside-") and page.locator("[data-row]").nth(3)
    pk = failed.get_attribute("id").removeprefix("run-")
    for shown in (pk, asking):
        page.goto(f"{product.base_url}/?q=aside-&peek={shown}")
        expect(page.locator("#peek")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert violations(page) == []


def test_an_address_with_a_peek_needs_no_script(
    chromium: Browser, product: Product, page: Page, asking: int
) -> None:
    context = chromium.new_context(
        java_script_enabled=False, storage_state=page.context.storage_state()
    )
    plain = context.new_page()
    plain.goto(f"{product.base_url}/?q=aside-&peek={asking}")
    expect(plain.locator("#peek-place")).to_have_text("13 of 13 in this list")
    plain.locator("#peek-up").click()
    expect(plain.locator("#peek")).to_contain_text("aside-11")
    plain.get_by_text("Note", exact=True).click()
    plain.get_by_label("Write a note").fill("Without a script")
    plain.get_by_role("button", name="Add the note").click()
    expect(plain.locator("#peek-notes")).to_contain_text("Without a script")
    plain.locator("#peek-close").click()
    expect(plain.locator("#peek")).to_be_hidden()
    context.close()


@pytest.fixture(scope="module")
def documents(open_provider) -> Provider:
    return open_provider("smartflows", "Peek desk", speed=3)


def test_a_question_is_answered_in_it_and_says_requested_and_confirmed(
    page: Page, documents: Provider
) -> None:
    ref = documents.begin("two_round_form")
    pk = documents.stored(ref)
    documents.open_list(page)
    mark(page)
    page.locator(f"#run-{pk} .c-message").click()
    aside = page.locator("#peek")
    expect(aside.locator(".question")).to_be_visible()
    with documents.no_worker():
        aside.get_by_role("button", name="Business").click()
        expect(aside.locator(".question-notice")).to_contain_text("Answer of admin: requested")
        expect(aside.locator("#peek-said")).to_contain_text("Your answer is recorded")
    expect(aside.locator(".question-notice").first).to_contain_text("confirmed")
    second = aside.locator(".question").filter(has_text="Company name")
    expect(second).to_be_visible()  # it came by itself
    second.get_by_label("Company name").press_sequentially("Nordhafen Marine GmbH")
    second.get_by_label("VAT number").press_sequentially("DE811234567")
    second.locator("button[data-answers]").click()
    expect(aside.locator("#peek-head")).to_contain_text("Succeeded")
    expect(page.locator(f"#run-{pk}")).to_contain_text("Succeeded")
    assert is_marked(page)
    assert len(documents.received("POST", f"{ref}/progress")) == 2

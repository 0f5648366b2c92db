"""The run page while somebody reads it: news take nothing away, keys suffice, logs are followed."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.acting import is_marked, mark
from tests.browser.run_seeds import seed
from tests.product import Product

pytestmark = pytest.mark.browser

BUSY = """
if not TURN:
    Execution.objects.filter(account=account, ref="busy").delete()
steps = [step("read", "Read orders", start=1, end=20, output={"orders": ["A-1", "A-2"]})]
steps += [step(f"d{n}", "Settle depot", start=20 + n, end=30 + n) for n in range(30)]
steps += [step("send", "Send report", Status.RUNNING, start=60, output={"text": "x" * 4000})]
if TURN:
    steps += [step("tidy", "Tidy up", Status.RUNNING, start=70)]
run = put("busy", Status.RUNNING, seq=1 + TURN, steps=tuple(steps), input={"day": {"of": "2026"}},
          output={"rows": [{"n": n} for n in range(900)]})
first = LogEntry.objects.filter(execution=run).count()
LogEntry.objects.bulk_create(
    LogEntry(execution=run, seq=n + 1, at=at(n / 50), step_ref="read" if n < 9 else "",
             level="error" if n == 400 else "info", text=f"depot {n} is settled")
    for n in range(first, first + (40 if TURN else 1500)))
from executions.live.publish import publish_runs
publish_runs(account.pk, [(run.pk, run.version)])
print(run.pk)
"""
LARGE = """
steps = [step(f"s{n}", ["Read", "Map", "Check", "Write"][n % 4], start=n / 5, end=n / 5 + 2,
              status=Status.FAILED if n == 777 else Status.SUCCEEDED,
              path=(f"Batch {n // 400}", f"Record {n // 40}"), output={"row": n})
         for n in range(2000)]
print(put("large", Status.FAILED, steps=tuple(steps), error="no stock", finished_at=at(410)).pk)
"""


def busy(product: Product, turn: int = 0) -> int:
    """Store the run anew, or with turn 1 and 2 what has happened since, and tell open pages."""
    return int(seed(product, BUSY.replace("TURN", str(turn)))[-1])


@pytest.fixture
def run(page: Page, product: Product) -> int:
    """A run that goes on, open in the page, with the stream on."""
    pk = busy(product)
    open_run(page, product, pk)
    return pk


def open_run(page: Page, product: Product, pk: int, query: str = "") -> None:
    page.goto(f"{product.base_url}/executions/{pk}/{query}")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    mark(page)


def at_end(page: Page) -> bool:
    return bool(
        page.evaluate(
            "(() => { const box = document.getElementById('log-lines');"
            " return box.scrollHeight - box.scrollTop - box.clientHeight < 5 })()"
        )
    )


def test_news_take_nothing_away_from_somebody_who_reads(
    page: Page, product: Product, run: int
) -> None:
    read = page.locator(".step-more").first
    read.locator("summary").click()  # open what was closed
    page.get_by_role("button", name="Settle depot").click()
    expect(page.locator(".depth-1")).to_have_count(30)
    page.locator("#steps-q").evaluate("each => { each.value = 'half ty' }")  # not yet sent
    read.locator("pre").evaluate("each => getSelection().selectAllChildren(each)")
    page.evaluate("scrollTo(0, 300)")
    before: dict[str, Any] = page.evaluate(STATE)
    assert "A-2" in before["selected"]

    busy(product, turn=1)
    expect(page.locator(".step").filter(has_text="Tidy up")).to_contain_text("Running")

    assert is_marked(page)
    assert page.evaluate(STATE) == before
    expect(page.locator(".depth-1")).to_have_count(30)


def test_news_take_nothing_away_from_data_and_finds(page: Page, product: Product, run: int) -> None:
    page.get_by_role("link", name="Data").click()
    page.locator("#payload-input > summary").click()  # close what was open
    page.locator("#payload-output > summary").click()  # what comes when it is opened
    expect(page.locator("#payload-output .tree")).to_be_visible()
    page.locator("#payload-output .tree details").nth(1).locator("> summary").click()
    page.locator("#payload-output > summary").evaluate("e => getSelection().selectAllChildren(e)")
    log = page.context.new_page()
    open_run(log, product, run, "?tab=log")
    log.locator("#log-q").press_sequentially("depot 40")
    expect(log.locator("#log .hit").first).to_be_visible()
    mark(page)
    before = page.evaluate(STATE)

    busy(product, turn=1)
    expect(log.locator("#run-head").get_by_role("link", name="Log")).to_contain_text("1,540")
    expect(page.locator("#run-head").get_by_role("link", name="Log")).to_contain_text("1,540")

    assert is_marked(page)
    assert is_marked(log)
    assert {**page.evaluate(STATE), "at": 0} == {**before, "at": 0}
    expect(log.locator("#log .hit").first).to_be_visible()
    expect(log.locator("#log-q")).to_have_value("depot 40")
    log.close()


STATE = """() => ({
    open: [...document.querySelectorAll("main details")].map(each => each.open + each.id),
    typed: [...document.querySelectorAll("main input[type=search]")].map(each => each.value),
    selected: getSelection().toString(),
    at: Math.round(getSelection().getRangeAt(0).getBoundingClientRect().top),
    address: location.search,
})"""


def test_a_page_says_that_it_shows_its_run_until_it_is_hidden(page: Page, product: Product) -> None:
    """Without any news: what it asks is the sign by which the run goes on being read for it."""
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url) if "/changes/" in sent.url else None)
    page.clock.install()
    open_run(page, product, busy(product))
    page.wait_for_timeout(4000)  # what came with the run is over
    before = len(asked)
    page.clock.fast_forward(16_000)
    page.wait_for_timeout(1500)
    assert len(asked) > before
    page.evaluate(
        "Object.defineProperty(document, 'hidden', { value: true });"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.wait_for_timeout(1500)
    before = len(asked)
    page.clock.fast_forward(60_000)
    page.wait_for_timeout(1500)
    assert len(asked) == before


def test_a_log_is_followed_until_somebody_reads_in_it(
    page: Page, product: Product, run: int
) -> None:
    open_run(page, product, run, "?tab=log")
    follow, lines = page.locator("#follow"), page.locator("#log-lines")
    expect(follow).to_be_checked()
    assert at_end(page)
    busy(product, turn=1)
    expect(page.locator("#line-1540")).to_be_visible()
    expect(page.locator("#log-about")).to_contain_text("1,540 lines")
    assert at_end(page)

    lines.hover()
    page.mouse.wheel(0, -600)
    expect(follow).not_to_be_checked()
    place = lines.evaluate("each => each.scrollTop")
    busy(product, turn=2)
    expect(page.locator("#line-1580")).to_be_attached()
    assert lines.evaluate("each => each.scrollTop") == place
    assert is_marked(page)

    follow.check()
    assert at_end(page)
    page.locator("#line-1579 code").select_text()
    expect(follow).not_to_be_checked()
    page.locator("#log-wrap").uncheck()
    page.reload()
    expect(page.locator("#log-wrap")).not_to_be_checked()  # the choice is remembered
    expect(page.locator("#log-lines")).to_have_class("log-lines is-unwrapped")
    expect(page.locator("#follow")).to_be_checked()  # that one read was no choice


def test_the_log_leads_to_errors_lines_and_steps(page: Page, product: Product, run: int) -> None:
    open_run(page, product, run, "?tab=log")
    page.get_by_role("link", name="First error").click()
    expect(page.locator("#line-401")).to_be_in_viewport()
    expect(page.locator("#line-401")).to_have_class("log-line is-failed is-chosen")
    page.locator("#log-level").select_option("error")
    expect(page.locator(".log-line")).to_have_count(1)
    expect(page).to_have_url(f"{product.base_url}/executions/{run}/?level=error")
    open_run(page, product, run, "?line=900")  # a link without the part behind #
    expect(page.locator("#line-900")).to_be_in_viewport()
    open_run(page, product, run, "?line=5")
    page.locator("#line-5 .log-step").click()
    expect(page.locator(".log-line")).to_have_count(9)
    with page.expect_download() as caught:
        page.get_by_role("link", name="Download these").click()
    text = caught.value.path().read_text()
    assert len(text.splitlines()) == 9


def test_2000_steps_are_walked_with_the_keyboard(page: Page, product: Product) -> None:
    pk = int(seed(product, LARGE)[-1])
    open_run(page, product, pk)
    failed = page.locator(".step.is-failed")
    expect(failed).to_have_count(1)  # in a closed batch, and shown all the same
    batch = page.get_by_role("button", name="Batch 1")
    batch.focus()
    page.keyboard.press("Enter")
    expect(batch).to_have_attribute("aria-expanded", "true")
    expect(batch).to_be_focused()
    record = page.get_by_role("button", name="Record 19")
    page.keyboard.press("Tab")
    expect(record).to_be_focused()  # failed ones come first
    page.keyboard.press("Space")
    expect(record).to_have_attribute("aria-expanded", "true")
    assert is_marked(page)
    opened = page.url
    assert opened.count("open=") == 2
    page.goto(opened)
    expect(record).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Tab")
    page.locator("#steps-q").focus()
    page.keyboard.type('"row": 1234')
    expect(page.locator("#steps .step")).to_have_count(1)
    expect(page.locator("#steps-q")).to_be_focused()
    expect(page.locator("#steps-q")).to_have_value('"row": 1234')
    page.get_by_role("link", name="Show all steps").click()
    page.locator("#run-error a").first.click()
    expect(page.locator(".step.is-chosen")).to_be_in_viewport()


def test_the_page_fits_and_has_no_barrier_wide_and_narrow_light_and_dark(
    page: Page, product: Product, run: int
) -> None:
    large = int(seed(product, LARGE)[-1])
    for width, theme in ((1440, "light"), (360, "dark")):
        page.set_viewport_size({"width": width, "height": 800})
        page.context.add_cookies([{"name": "theme", "value": theme, "url": product.base_url}])
        for pk, query in (
            (run, "?log_q=depot+44"), (run, "?tab=data"), (run, "?tab=history"), (run, ""),
            (large, "?steps=failed"),
        ):  # fmt: skip
            page.goto(f"{product.base_url}/executions/{pk}/{query}")
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
            found = Axe().run(page, options={"resultTypes": ["violations"]})
            assert found.violations_count == 0, found.generate_report()

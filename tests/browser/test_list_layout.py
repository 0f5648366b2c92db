"""How the list of runs stands on the screen: where it begins, how much of it one sees, and that
nothing moves when something is selected."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import stay_signed_in
from tests.browser.run_seeds import seed
from tests.product import Product

pytestmark = pytest.mark.browser

RUNS = """
for number in range(40):
    put(f"layout-{number:02d}", Status.FAILED if number % 5 == 0 else Status.SUCCEEDED,
        error="No stock row for this article" if number % 5 == 0 else "")
"""


@pytest.fixture(scope="module")
def runs(product: Product) -> None:
    seed(product, RUNS)


def top(page: Page, selector: str = "[data-row]") -> float:
    box = page.locator(selector).first.bounding_box()
    assert box
    return box["y"]


def whole_rows(page: Page) -> int:
    count = """() => [...document.querySelectorAll('[data-row]')]
        .filter((row) => row.getBoundingClientRect().bottom <= innerHeight).length"""
    return int(page.evaluate(count))


def without_trouble(page: Page) -> None:
    """The measures are those of a page without a banner; accounts of other tests may have one."""
    page.evaluate("document.querySelector('#trouble').remove()")


@pytest.mark.parametrize(
    ("width", "height", "highest"),
    [(1440, 900, 190), (1024, 768, 190), (768, 1024, 190), (390, 844, 240)],
)
def test_the_first_run_stands_high_and_nothing_is_wider_than_the_screen(
    chromium: Browser, product: Product, runs: None, width: int, height: int, highest: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    stay_signed_in(page, product)
    page.goto(product.base_url)
    expect(page.locator("[data-row]").first).to_be_visible()
    without_trouble(page)
    assert top(page) <= highest
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(f"{product.base_url}/?status=failed&q=layout")
    expect(page.get_by_text("No stock row for this article").first).to_be_visible()
    without_trouble(page)
    assert top(page) <= highest
    context.close()


def test_a_screen_of_900_pixels_shows_18_runs_when_they_are_compact(
    page: Page, product: Product, runs: None
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(product.base_url)
    without_trouble(page)
    assert whole_rows(page) >= 17
    page.locator("#pick-table > summary").click()
    page.get_by_label("Compact").check()
    page.get_by_role("button", name="Show it like this").click()
    expect(page.locator("[data-row]").first).to_be_visible()
    without_trouble(page)
    assert whole_rows(page) >= 18
    page.locator("#pick-table > summary").click()
    page.get_by_label("Comfortable").check()
    page.get_by_role("button", name="Show it like this").click()


def test_what_is_selected_takes_the_line_of_the_tools_and_moves_nothing(
    page: Page, product: Product, runs: None
) -> None:
    page.goto(product.base_url)
    before = top(page), top(page, "thead")
    page.locator("[data-row] input").first.check()
    bar = page.get_by_role("form", name="Selected runs")
    expect(bar).to_be_visible()
    assert (top(page), top(page, "thead")) == before
    box, line = bar.bounding_box(), page.locator("#toolbar").bounding_box()
    assert box
    assert line
    assert (box["y"], box["height"]) == (line["y"], line["height"])
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    expect(page.locator("#search")).to_be_visible()

"""One order through three providers, on a time line that moves; and its rule, tried and saved."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.acting import is_marked, mark
from tests.browser.stored import store, without_trouble
from tests.product import Product

pytestmark = pytest.mark.browser
ORDER = "PO-9021"


def rule(source: str, path: str = "", pattern: str = "") -> dict[str, str]:
    return {"name": "order number", "source": source, "path": path, "pattern": pattern}


ACCOUNTS = [
    {"name": "Keys desk", "provider": "smartflows", "rule": rule("input", "$.order.id")},
    {"name": "Keys pay", "provider": "flow8", "rule": rule("name", "", r"(PO-\d+)")},
    {"name": "Keys store", "provider": "generio", "rule": rule("output", "", r"PO-\d+")},
    {"name": "Keys later", "provider": "prefect"},
]
RUNS = [
    {"account": "Keys desk", "ref": "k1", "status": "succeeded", "began": 60, "ended": 50,
     "workflow": "Take the order in", "input": {"order": {"id": ORDER}}},
    {"account": "Keys pay", "ref": "k2", "status": "failed", "began": 45, "ended": 40,
     "workflow": "Capture the payment", "name": f"Payment of {ORDER}", "error": "Card declined"},
    {"account": "Keys later", "ref": "k9", "status": "succeeded", "began": 30, "ended": 20,
     "workflow": "Write to the ledger", "name": f"Ledger {ORDER}"},
]  # fmt: skip
WAITING = {
    "account": "Keys store", "ref": "k3", "status": "user_input", "began": 10,
    "workflow": "Pick and pack", "output": {"for": f"order {ORDER}"}, "asks": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def order(product: Product) -> Iterator[None]:
    names = [str(each["name"]) for each in ACCOUNTS]
    with without_trouble(product, names):
        store(product, RUNS, ACCOUNTS)
        yield


def test_a_key_is_found_and_its_path_grows_on_the_open_page(
    page: Page, product: Product, order: None
) -> None:
    page.goto(product.base_url)
    page.locator("#nav-more > summary").click()
    page.get_by_role("link", name="Business keys", exact=True).click()
    page.get_by_role("searchbox", name="Key").fill(ORDER.lower())
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text(ORDER)
    bars = page.locator(".trace-line .bar")
    expect(bars).to_have_count(2)
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    mark(page)
    store(product, [WAITING])
    expect(bars).to_have_count(3)
    expect(page.locator("#trace")).to_contain_text("1 question")
    expect(page.locator(".trace-table")).to_contain_text("Replace the item?")
    assert is_marked(page)
    boxes = [bar.bounding_box() for bar in bars.all()]
    lefts = [box["x"] for box in boxes if box]
    assert lefts == sorted(lefts)
    assert len(set(lefts)) == 3

    page.get_by_role("link", name="As a list of runs").click()
    expect(page.locator("tr.run")).to_have_count(3)
    page.get_by_role("link", name="Pick and pack").click()
    page.get_by_role("link", name="All its runs").click()
    page.get_by_role("link", name="Answer").click()
    expect(page.locator("main")).to_contain_text("Replace the item?")


def test_a_rule_is_tried_saved_and_finds_its_key_in_stored_runs(
    page: Page, product: Product, order: None
) -> None:
    (account,) = product.query("SELECT id FROM providers_provideraccount WHERE name = 'Keys later'")
    page.goto(f"{product.base_url}/accounts/{account[0]}/")
    page.get_by_role("link", name="Add a rule").click()
    page.fill("#id_name", "order number")
    page.select_option("#id_source", "name")
    page.fill("#id_pattern", r"PO-(\d+")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#rule-says")).to_contain_text("This is not a valid RE2 pattern")
    page.fill("#id_pattern", r"(PO-\d+)")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#rule-says")).to_contain_text("It finds a key in 1 of the newest 1 run.")
    page.locator("input[name=_save]").click()
    page.goto(f"{product.base_url}/keys/{ORDER}")
    expect(page.locator(".trace-table")).to_contain_text("Write to the ledger", timeout=45_000)

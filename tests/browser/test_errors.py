"""One error over three providers: seen as one, taken on, and cleared by itself, on an open page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from executions.payloads.error_fingerprint import error_key
from tests.browser.acting import is_marked, mark
from tests.browser.stored import store, without_trouble
from tests.product import Product

pytestmark = pytest.mark.browser
ACCOUNTS = [
    {"name": "Errors one", "provider": "smartflows"},
    {"name": "Errors two", "provider": "flow8"},
    {"name": "Errors three", "provider": "prefect"},
]
KEY = error_key("Timeout to the mainframe after 1 s")


@pytest.fixture(scope="module")
def failures(product: Product) -> Iterator[None]:
    names = [each["name"] for each in ACCOUNTS]
    runs = [failure(name, n) for n, name in enumerate(names[:2])]
    with without_trouble(product, names):
        store(product, runs, ACCOUNTS)
        yield


def failure(account: str, number: int) -> dict[str, object]:
    error = f"Timeout to the mainframe after {number} s"
    return {"account": account, "ref": f"mf-{number}", "status": "failed", "error": error,
            "began": 9, "ended": 8 - number}  # fmt: skip


def test_an_error_is_one_group_is_taken_on_and_clears_itself(
    page: Page, product: Product, failures: None
) -> None:
    page.goto(f"{product.base_url}/errors/")
    group = page.locator(f"#error-{KEY}")
    expect(group).to_contain_text("2 runs in the last 24 hours, 2 unresolved in all")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    mark(page)
    store(product, [failure("Errors three", 2)])
    expect(group).to_contain_text("3 runs in the last 24 hours, 3 unresolved in all")
    assert is_marked(page)

    group.get_by_role("button", name="I’m on it").press("Enter")
    expect(group).to_contain_text("admin is on it")
    expect(group).to_have_class("error-group is-taken of-failed")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    mark(page)
    ok = [
        {"account": each["name"], "ref": "ok", "status": "succeeded", "began": 1, "ended": 0}
        for each in ACCOUNTS
    ]
    store(product, ok)
    expect(group).to_contain_text("no run with it is unresolved")
    assert is_marked(page)
    product.wait_until(
        lambda: product.query(
            "SELECT 1 FROM executions_erroracknowledgement"
            " WHERE error_key = %s AND ending = 'succeeded'",
            KEY,
        ),
        "the acknowledgement has ended",
    )

    group.get_by_role("link", name="3 runs").click()
    expect(page.locator("tr.run")).to_have_count(3)
    expect(page.locator(".chip").first).to_contain_text("same error as")
    page.locator("a.run-link").first.click()
    page.get_by_role("link", name="Same error in 3 runs").click()
    expect(page.locator("h1")).to_contain_text("Timeout to the mainframe")

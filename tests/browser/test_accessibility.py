"""Dialogs, the sign-in page and the admin in both themes: no violation that axe-core can find, and
nothing wider than a phone. `test_screenshots` looks at all other pages in the same way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import seeding
from tests.browser.conftest import stay_signed_in
from tests.browser.looking import violations
from tests.product import Product

pytestmark = pytest.mark.browser

PAGES = {  # those that test_screenshots does not open
    "admin": "/admin/",
    "accounts in the admin": "/admin/providers/provideraccount/",
    "account in the admin": "/admin/providers/provideraccount/{account}/change/",
    "new account in the admin": "/admin/providers/provideraccount/add/?provider=smartflows",
    "rule for keys in the admin": "/admin/executions/correlationrule/add/",
    "rule for notices in the admin": "/admin/executions/noticerule/add/",
    "audit log in the admin": "/admin/executions/auditentry/",
}
DIALOGS = {  # opened by a key or a button of the page
    "palette": ("/", "Control+k", "#palette"),
    "shortcuts": ("/", "?", "#keys"),
    "cancel": ("/executions/{running}/", "", "#dialog-cancel"),
}
NARROW = 360


@pytest.fixture(scope="module")
def seeded(product: Product) -> Iterator[dict[str, Any]]:
    yield seeding.seed(product)
    seeding.clear(product)


@pytest.fixture(scope="module")
def desk(chromium: Browser, product: Product, seeded: dict[str, Any]) -> Iterator[Page]:
    """One signed-in page for all of them."""
    context = chromium.new_context(viewport={"width": 1440, "height": 1000})
    context.set_default_timeout(45_000)
    page = context.new_page()
    stay_signed_in(page, product)
    yield page
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_violation_and_fits_a_small_phone(desk, product, seeded, name) -> None:
    desk.set_viewport_size({"width": NARROW, "height": 740})
    desk.goto(product.base_url + PAGES[name].format(**seeded))
    width = desk.evaluate("document.documentElement.scrollWidth")
    desk.set_viewport_size({"width": 1440, "height": 1000})
    assert width <= NARROW
    assert violations(desk) == []


@pytest.mark.parametrize("name", DIALOGS)
def test_a_dialog_has_no_violation_in_either_theme(desk, product, seeded, name) -> None:
    path, key, dialog = DIALOGS[name]
    desk.goto(product.base_url + path.format(**seeded))
    if key:
        desk.keyboard.press(key)
    else:
        desk.locator(f'[data-dialog="{dialog[1:]}"]').click()
    expect(desk.locator(dialog)).to_be_visible()
    if name == "palette":
        expect(desk.locator("[role=option][aria-selected=true]")).to_be_visible()
    assert violations(desk) == []
    desk.keyboard.press("Escape")
    expect(desk.locator(dialog)).to_be_hidden()


def test_the_sign_in_page_has_no_violation_in_either_theme(chromium, product) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{product.base_url}/sign-in/")
    assert violations(page) == []
    context.close()

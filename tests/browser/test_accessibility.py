"""Every page in both themes: no violation that axe-core can find, and nothing wider than a phone.

A page of another topic is one line in PAGES; `{names}` are those of `seeding.seed`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser import seeding
from tests.browser.conftest import sign_in
from tests.product import Product

pytestmark = pytest.mark.browser

PAGES = {
    "runs": "/",
    "runs that match nothing": "/?q=nothing+is+called+this&started=24h",
    "runs with a wrong filter": "/?color=red&status=failed&not_account={account}",
    "failed run": "/executions/{failed}/",
    "running run": "/executions/{running}/",
    "run that asks": "/executions/{asks}/",
    "run of an unknown status": "/executions/{unknown}/",
    "inbox": "/inbox/",
    "form": "/questions/{form}/",
    "approval": "/questions/{approval}/",
    "workflows": "/workflows/",
    "workflows that match nothing": "/workflows/?q=nothing+is+called+this",
    "start": "/workflows/{workflow}/",
    "command": "/commands/{command}/",
    "accounts": "/accounts/",
    "account": "/accounts/{account}/",
    "shift": "/shift/?since=8h",
    "one group of a shift": "/shift/?since=8h&group=failed",
    "preferences": "/preferences/",
    "statuses": "/statuses/",
    "not there": "/executions/999999999/",
    "admin": "/admin/",
    "accounts in the admin": "/admin/providers/provideraccount/",
    "account in the admin": "/admin/providers/provideraccount/{account}/change/",
}
DIALOGS = {  # opened by a key or a button of the page
    "palette": ("/", "Control+k", "#palette"),
    "shortcuts": ("/", "?", "#keys"),
    "cancel": ("/executions/{running}/", "", "#dialog-cancel"),
}
THEMES = ("light", "dark")
NARROW = 360


@pytest.fixture(scope="module")
def seeded(product: Product) -> Iterator[dict[str, Any]]:
    yield seeding.seed(product)
    seeding.clear(product)


@pytest.fixture(scope="module")
def desk(chromium: Browser, product: Product, seeded: dict[str, Any]) -> Iterator[Page]:
    """One signed-in page for all of them."""
    context = chromium.new_context(viewport={"width": 1440, "height": 1000})
    context.set_default_timeout(15_000)
    page = context.new_page()
    sign_in(page, product)
    yield page
    context.close()


def in_theme(page: Page, theme: str) -> None:
    """Colours that fade over are awaited: half-way they are no one's."""
    page.evaluate(
        """async (theme) => {
            document.documentElement.dataset.theme = theme;
            const fading = document.getAnimations().filter((each) => each instanceof CSSTransition);
            await Promise.allSettled(fading.map((each) => each.finished));
        }""",
        theme,
    )


def violations(page: Page) -> list[str]:
    """What axe-core finds, as a line per element."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['html'][:160]} ({node['failureSummary'][:300]})"
        for each in found
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_violation_in_either_theme(desk, product, seeded, name) -> None:
    desk.goto(product.base_url + PAGES[name].format(**seeded))
    for theme in THEMES:
        in_theme(desk, theme)
        assert violations(desk) == [], theme


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
    for theme in THEMES:
        in_theme(desk, theme)
        assert violations(desk) == [], theme
    desk.keyboard.press("Escape")
    expect(desk.locator(dialog)).to_be_hidden()


def test_the_sign_in_page_has_no_violation_in_either_theme(chromium, product) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{product.base_url}/sign-in/")
    for theme in THEMES:
        in_theme(page, theme)
        assert violations(page) == [], theme
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_small_phone(desk, product, seeded, name) -> None:
    desk.set_viewport_size({"width": NARROW, "height": 740})
    desk.goto(product.base_url + PAGES[name].format(**seeded))
    width = desk.evaluate("document.documentElement.scrollWidth")
    desk.set_viewport_size({"width": 1440, "height": 1000})
    assert width <= NARROW

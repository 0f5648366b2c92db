"""One product for all browser tests, a real Chromium, a page that is signed in, and providers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from config.demo import EXTRA_SETTINGS
from providers.demo import serve
from tests.product import PASSWORD, Product

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_chromium() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        message = f"NO BROWSER: none of {', '.join(NAMES)} found; the browser tests did not run."
        if os.environ.get("ANNUNCIATOR_NEED_BROWSER"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def product(tmp_path_factory: Any, chromium: Browser) -> Iterator[Product]:
    folder: Path = tmp_path_factory.mktemp("product")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)  # Postgres' own user goes through when the tests run as root
    with Product(folder) as running:
        yield running


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(viewport={"width": 1440, "height": 1000})
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext, product: Product) -> Iterator[Page]:
    """Signed in as admin; a console error or a broken content policy fails the test."""
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda said: problems.append(said.text)
        if said.type == "error" and "Failed to load resource" not in said.text
        else None,
    )
    sign_in(page, product)
    yield page
    assert problems == []


def sign_in(page: Page, product: Product, name: str = "admin", password: str = PASSWORD) -> None:
    page.goto(f"{product.base_url}/sign-in/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.click("form.answer button")
    page.wait_for_url(f"{product.base_url}/")


class Provider:
    """One simulated provider, the account that polls it, and what a person looks for in the pages.

    `ref` is ours; at 8x8 it names the definition too.
    """

    def __init__(self, product: Product, sim: serve.Running, name: str) -> None:
        self.product = product
        self.sim = sim
        product.add_account(
            name,
            sim.key,
            {"base_url": sim.base_url, **EXTRA_SETTINGS.get(sim.key, {})},
            api_key=sim.api_key,
        )
        found = product.query("SELECT id FROM providers_provideraccount WHERE name = %s", name)
        self.account = int(found[0][0])

    def begin(self, scenario: str, **options: Any) -> str:
        ref = self.sim.start(scenario, **options)
        told = next((run for run in self.sim.script if run["ref"] == ref), {})
        return f"{told['definition']}/{ref}" if "definition" in told else ref

    def stored(self, ref: str) -> int:
        """The id of the run in our database, as soon as it is there."""
        sql = "SELECT id FROM executions_execution WHERE account_id = %s AND ref = %s"
        rows = self.product.wait_until(
            lambda: self.product.query(sql, self.account, ref), f"{ref} is stored"
        )
        return int(rows[0][0])

    def open_list(self, page: Page) -> None:
        """The account's runs, with the live stream on."""
        page.goto(f"{self.product.base_url}/?account={self.account}")
        expect(page.locator("#live")).to_have_attribute("data-state", "live")

    def see_appear(self, page: Page, scenario: str, **options: Any) -> str:
        """Start a run while the list is open, see it come in without reload, open its page."""
        self.open_list(page)
        mark(page)
        ref = self.begin(scenario, **options)
        row, pill = page.locator(f"#run-{self.stored(ref)}"), page.locator("#newer .pill")
        expect(row.or_(pill)).to_be_visible()
        assert is_marked(page)
        if pill.is_visible():
            pill.click()
        row.locator("a.run-link").click()
        expect(page.locator("#run-head code")).to_have_text(ref)
        expect(page.locator("#live")).to_have_attribute("data-state", "live")
        mark(page)
        return ref

    def moves(self, ref: str) -> list[str]:
        """Every status that was stored of the run, in order."""
        sql = """SELECT to_status FROM executions_transition t JOIN executions_execution e
                 ON e.id = t.execution_id WHERE e.account_id = %s AND e.ref = %s ORDER BY t.version"""
        return [row[0] for row in self.product.query(sql, self.account, ref)]

    def received(self, method: str, ending: str) -> list[Any]:
        """Bodies of the requests that the provider got."""
        return [
            each["body"]
            for each in self.sim.log
            if each["method"] == method and each["path"].endswith(ending)
        ]


def mark(page: Page) -> None:
    """A mark that a reload would wipe out."""
    page.evaluate("window.untouched = true")


def is_marked(page: Page) -> bool:
    return bool(page.evaluate("window.untouched === true"))


def act(page: Page, label: str, reason: str) -> None:
    """Press a button of the run page and give the reason that its dialog asks for."""
    page.locator("#run-head").get_by_role("button", name=label).click()
    dialog = page.locator("dialog[open]")
    dialog.locator("input[name=reason]").fill(reason)
    dialog.get_by_role("button", name=label).click()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    mark(page)


@pytest.fixture(scope="module")
def open_provider(product: Product) -> Iterator[Callable[..., Provider]]:
    """`open_provider("flow8", "Back office", speed=4)`: polled until the module's end."""
    opened: list[Provider] = []
    with ExitStack() as stack:

        def open_one(key: str, name: str, **options: Any) -> Provider:
            sim = stack.enter_context(serve.running(key, seed=11, **options))
            opened.append(Provider(product, sim, name))
            return opened[-1]

        yield open_one
        for each in opened:  # the next module's pages shall not show it in trouble
            product.query(
                "UPDATE providers_provideraccount SET enabled = false WHERE id = %s RETURNING id",
                each.account,
            )

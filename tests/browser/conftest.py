"""One product for all browser tests, a real Chromium, a page that is signed in, and providers."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from providers.demo import serve
from tests.browser.acting import Provider
from tests.product import PASSWORD, Product, own_folder
from tests.quick_postgres import wait_for_no_disk

NAMES = (
    "chromium-headless-shell",  # the same without the windows that nobody sees
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)


def find_chromium() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


# Both end with the last test that looks at pages: a browser's event loop stands in the way of those
# that run one of their own.
@pytest.fixture(scope="package")
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
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--force-prefers-reduced-motion",  # a lamp that turns draws itself without an end
            ],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def product(chromium: Browser) -> Iterator[Product]:
    with own_folder() as folder, Product(folder) as running:
        wait_for_no_disk(running.env["DATABASE_OWNER_URL"])
        yield running


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    context = chromium.new_context(
        viewport={"width": 1440, "height": 1000},
        service_workers="block",  # one hides requests from the tests: test_installed_app has it
    )
    context.set_default_timeout(45_000)
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
        lambda said: (
            problems.append(said.text)
            if said.type == "error" and "Failed to load resource" not in said.text
            else None
        ),
    )
    stay_signed_in(page, product)
    yield page
    assert problems == []


SEEN_GUIDE = (
    "INSERT INTO executions_preference (user_id, zone, is_relative, is_compact, columns,"
    " has_shortcuts, has_seen_guide) SELECT id, 'UTC', false, false, '[]', true, true"
    " FROM auth_user WHERE username = %s"
    " ON CONFLICT (user_id) DO UPDATE SET has_seen_guide = true RETURNING user_id"
)


_sessions: dict[tuple[str, str], tuple[float, list[Any]]] = {}
STAYS = 300.0  # seconds; well within those after which acts ask for the password again
IS_KEPT = "SELECT 1 FROM django_session WHERE session_key = %s"


def stay_signed_in(
    page: Page, product: Product, name: str = "admin", password: str = PASSWORD
) -> None:
    """With the session of a test before where there is one, else through the form: signing in asks
    for two pages and a slow hash each time, and is not what is looked at."""
    began, cookies = _sessions.get((product.base_url, name), (-STAYS, []))
    keys = [each["value"] for each in cookies if "session" in each["name"]]
    if time.monotonic() - began < STAYS and keys and product.query(IS_KEPT, keys[0]):
        product.query(SEEN_GUIDE, name)
        page.context.add_cookies(cookies)
        return
    began = time.monotonic()
    sign_in(page, product, name, password)
    _sessions[product.base_url, name] = (began, page.context.cookies())


def sign_in(page: Page, product: Product, name: str = "admin", password: str = PASSWORD) -> None:
    """As somebody who sent the first steps above the list away."""
    product.query(SEEN_GUIDE, name)
    page.goto(f"{product.base_url}/sign-in/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", password)
    page.click("form.answer button")
    page.wait_for_url(f"{product.base_url}/")


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

"""Product, browser and signed-in page of the browser tests, for real engines as well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.conftest import chromium, page, product

__all__ = ["chromium", "context", "page", "product"]


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """More patient than elsewhere: an engine and its runs keep a small machine busy."""
    context = chromium.new_context(viewport={"width": 1440, "height": 1000})
    context.set_default_timeout(60_000)
    yield context
    context.close()

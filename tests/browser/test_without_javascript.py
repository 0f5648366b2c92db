"""Without JavaScript: the inbox and its answers work."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import seeding
from tests.browser.conftest import stay_signed_in
from tests.product import Product

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def seeded(product: Product) -> Iterator[dict[str, Any]]:
    yield seeding.seed(product)
    seeding.clear(product)


@pytest.fixture
def still(chromium: Browser, product: Product) -> Iterator[Page]:
    context = chromium.new_context(java_script_enabled=False)
    context.set_default_timeout(45_000)
    page = context.new_page()
    stay_signed_in(page, product)
    yield page
    context.close()


def test_a_question_is_found_in_the_inbox_and_answered(still, product, seeded) -> None:
    still.goto(f"{product.base_url}/inbox/")
    still.locator(f"a[href^='/questions/{seeded['approval']}/']").first.click()
    still.wait_for_url(re.compile(rf"/questions/{seeded['approval']}/"))
    still.locator("[form^=answer-]:visible").first.click()
    still.wait_for_url(re.compile(r"\?sent="))
    assert product.query(
        "SELECT 1 FROM executions_command WHERE kind = 'answer' AND target = %s",
        f"question:{seeded['approval']}",
    )

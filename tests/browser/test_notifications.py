"""An admin makes a rule and tests it; a run fails; the team is told once, sees it, and mutes it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.executions.notifications.conftest import SECRET, Receiver
from tests.product import Product

pytestmark = pytest.mark.browser

ACCOUNT = """
from django.utils import timezone
from providers.models import ProviderAccount
ProviderAccount.objects.create(name="Told account", provider="generio", health="ok",
    settings={"base_url": "http://127.0.0.1:9"}, next_poll_at="2099-01-01T00:00Z",
    last_success_at="2099-01-01T00:00Z")
"""
RUN = """
from django.utils import timezone
from executions.storage.store import store
from providers.contract import Snapshot, Status, Workflow
from providers.models import ProviderAccount
account = ProviderAccount.objects.get(name="Told account")
store(account.pk, 1, [Snapshot(ref="told-{number}", status=Status.FAILED, native_status="FAILED",
    workflow=Workflow(ref="w", name="Told workflow"), error="Timeout to the ERP",
    finished_at=timezone.now())])
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def test_a_rule_is_made_tested_told_once_seen_in_the_log_and_muted(
    page: Page, product: Product, receiver: Receiver
) -> None:
    product.manage("shell", "-c", ACCOUNT)
    page.goto(f"{product.base_url}/notices/")
    page.click("text=Another kind of rule")
    page.fill("input[name=name]", "Night shift")
    page.select_option("select[name=event]", "failed")
    choose(page, "accounts", "Told account")
    page.fill("input[name=pause_seconds]", "0")
    page.check("text=Another service")
    page.fill("textarea[name=new_addresses]", receiver.url)
    page.click("input[name=_continue]")
    expect(page.locator("label", has_text="Remove webhook (JSON) json://127.0.0.1")).to_be_visible()
    assert SECRET not in page.content()
    page.click("input[name=_test]")
    expect(page.locator("#rule-says")).to_contain_text("Sent. webhook (JSON), json://127.0.0.1")
    assert receiver.titles == ["Test: Night shift"]

    ready = "SELECT 1 FROM executions_noticerule WHERE name = 'Night shift' AND is_primed"
    product.wait_until(lambda: product.query(ready), "the rule had its first look")
    page.goto(f"{product.base_url}/notices/")
    product.manage("shell", "-c", RUN.format(number=1))
    row = page.locator(".notice-row", has_text="Told workflow")
    expect(row).to_contain_text("Timeout to the ERP", timeout=25_000)  # by itself
    sent = page.locator(".deliveries tr", has_text="Failed: Told workflow told-1")
    expect(sent).to_contain_text("Sent", timeout=25_000)
    expect(sent).to_contain_text("json://127.0.0.1")
    assert receiver.titles[1:] == ["Failed: Told workflow told-1 (Told account)"]
    assert SECRET not in page.content()

    sent.locator("a").click()
    expect(page.locator(".message-body")).to_contain_text("Timeout to the ERP")
    page.go_back()
    row.get_by_role("button", name="I’m on it").click()
    expect(row).to_contain_text("admin is on it")
    row.get_by_role("link", name="Mute").click()
    expect(page.locator("#mute-thing option:checked")).to_have_text(
        re.compile("Told workflow .Told account.")
    )
    page.fill("#mute-reason", "The ERP is being moved")
    page.click("#mute button")
    expect(page.locator(".message.success")).to_contain_text("The mute ends automatically.")
    expect(page.locator(".notice-row", has_text="The ERP is being moved")).to_be_visible()
    product.manage("shell", "-c", RUN.format(number=2))
    muted = (
        "SELECT 1 FROM executions_notice n JOIN executions_execution e ON e.id = n.execution_id"
        " WHERE e.ref = 'told-2' AND n.is_silent"
    )
    product.wait_until(lambda: product.query(muted), "the second failure is noted in silence")
    assert len(receiver.got) == 2
    assert SECRET not in product.logs()


def choose(page: Page, field: str, words: str) -> None:
    """Type into one of the admin's select boxes that search, and take what it finds."""
    box = page.locator(f".field-{field} .select2-search__field")
    box.click()
    box.type(words)
    page.locator(".select2-results__option", has_text=words).click()
    expect(page.locator(f".field-{field} .select2-selection__choice")).to_contain_text(words)

"""Many runs at once, by mouse and by keyboard: select, look, confirm, watch, stop, try again."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.acting import Provider, actions_of, is_marked, mark, others_under
from tests.product import Product

pytestmark = pytest.mark.browser

STORE = """
from datetime import timedelta
from django.utils import timezone
from executions.live import publish
from executions.models import Execution
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status, Verb
from providers.models import ProviderAccount
now = timezone.now()
account, _ = ProviderAccount.objects.get_or_create(name="{name}", defaults=dict(
    provider="smartflows", settings=dict(base_url="http://127.0.0.1:9"), health="ok",
    next_poll_at=now + timedelta(days=1), last_success_at=now))
store(account.pk, {seq}, [
    Snapshot(ref=f"{name}-{{n}}", workflow=contract.Workflow(ref="w", name="Reminder"),
        status=Status.{status}, native_status="{status}", name=f"Reminder {{n}}",
        started_at=now - timedelta(minutes=n), offers=frozenset({{{offers}}}))
    for n in range({first}, {last})])
stored = Execution.objects.filter(account=account)
publish.publish_runs(account.pk, stored.values_list("pk", "version"))
print(account.pk)
"""


@pytest.fixture
def put(product: Product) -> Callable[..., int]:
    """Store runs of an account that is never polled; the account's id."""

    def stored(
        name: str, first: int, last: int, *, seq: int = 1, status: str = "RUNNING",
        offers: str = "Verb.CANCEL",
    ) -> int:  # fmt: skip
        code = STORE.format(
            name=name, first=first, last=last, seq=seq, status=status, offers=offers
        )
        return int(product.manage("shell", "-v0", "-c", code).stdout)

    return stored


def test_a_selection_outlives_updates_and_pages_and_ends_with_its_filter(
    page: Page, product: Product, put: Callable[..., int]
) -> None:
    account = put("Selections", 0, 60)
    page.goto(f"{product.base_url}/?account={account}")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    bar, boxes = page.locator("#selection"), page.locator("input.pick")
    expect(bar).to_be_hidden()
    boxes.nth(1).click()
    boxes.nth(4).click(modifiers=["Shift"])
    expect(bar).to_contain_text("4 selected on this page.")
    page.locator("a.run-link").nth(7).focus()
    page.keyboard.press("x")
    expect(bar).to_contain_text("5 selected on this page.")
    page.keyboard.press("x")
    expect(bar).to_contain_text("Select all 60 matching")

    mark(page)
    put("Selections", 0, 60, seq=2, status="PAUSED")  # every row is drawn anew
    expect(page.locator(".run .icon-pause")).to_have_count(50)
    assert is_marked(page)
    assert [boxes.nth(n).is_checked() for n in range(6)] == [False, True, True, True, True, False]

    page.get_by_role("link", name="Older").click()
    expect(boxes).to_have_count(10)
    expect(bar).to_contain_text("4 selected, 0 of them on this page.")
    page.locator("#pick-page").click()
    expect(bar).to_contain_text("14 selected, 10 of them on this page.")
    page.go_back()
    expect(bar).to_contain_text("14 selected, 4 of them on this page.")

    page.locator("#lamp-active").click()
    expect(bar).to_be_hidden()
    expect(page.locator("#toasts")).to_contain_text("your selection (14 runs) was cleared")
    assert not boxes.nth(1).is_checked()


def test_what_none_of_the_selected_runs_can_is_not_offered(
    page: Page, product: Product, put: Callable[..., int]
) -> None:
    account = put("Able", 0, 2)
    put("Able", 2, 60, offers="")
    page.goto(f"{product.base_url}/?account={account}")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    boxes, bar = page.locator("input.pick"), page.locator("#selection")
    cancel, suspend = (bar.get_by_role("button", name=word) for word in ("Cancel…", "Suspend…"))
    boxes.nth(5).click()
    expect(cancel).to_be_disabled()
    expect(cancel).to_have_attribute("title", "None of the selected runs can be canceled now.")
    boxes.nth(0).click()
    expect(cancel).to_be_enabled()
    expect(suspend).to_be_disabled()

    page.get_by_role("link", name="Older").click()
    expect(bar).to_contain_text("2 selected, 0 of them on this page.")
    expect(cancel).to_be_enabled()
    page.go_back()
    put("Able", 0, 2, seq=2, offers="Verb.SUSPEND")
    expect(suspend).to_be_enabled()
    expect(cancel).to_be_disabled()
    bar.get_by_role("button", name="Select all 60 matching").click()
    expect(cancel).to_be_enabled()  # what the others can is not known


def test_who_switched_the_shortcuts_off_selects_nothing_by_a_key(
    page: Page, product: Product, put: Callable[..., int]
) -> None:
    account = put("Keyless", 0, 2)
    page.goto(f"{product.base_url}/?account={account}")
    page.evaluate("document.body.dataset.keys = 'off'")
    page.locator("a.run-link").first.focus()
    page.keyboard.press("x")
    expect(page.locator("#selection")).to_be_hidden()
    page.evaluate("document.body.dataset.keys = 'on'")
    page.keyboard.press("x")
    expect(page.locator("#selection")).to_contain_text("1 selected")


def test_many_runs_are_canceled_watched_stopped_and_tried_again(
    page: Page, product: Product, open_provider: Callable[..., Provider], tmp_path: Path
) -> None:
    office = open_provider("smartflows", "Mass mailing", speed=1)
    refs = [office.begin("waiting_esign") for _ in range(24)]
    for ref in refs:
        office.stored(ref)
    product.wait_until(lambda: offers(product, office) == 24, "all can be canceled")
    page.goto(f"{product.base_url}/?account={office.account}")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")

    page.locator("#pick-page").click()
    expect(page.locator("#selection")).to_contain_text("24 selected on this page.")
    page.locator("input.pick").nth(3).click()
    some = actions_of(page.locator("#selection"))
    page.get_by_role("button", name="Select all 24 matching").click()
    expect(page.locator("#selection")).to_contain_text("All matching runs are selected")
    assert others_under(page, some) == []
    page.locator("#selection").get_by_role("button", name="Cancel").click()

    expect(page.locator("h1")).to_contain_text("Cancel 24 runs?")
    expect(page.locator("main")).to_contain_text("account is Mass mailing")
    page.fill("#reason", "the letter has a wrong date")
    page.fill("#number", "23")
    page.get_by_role("button", name="Cancel 24 runs").click()
    expect(page.locator("#number-error")).to_have_text("Type 24 to confirm. Nothing was sent.")
    assert office.sim.effects.get("cancel", []) == []

    office.sim.fault("error", method="DELETE", times=2)  # their outcome is not known at first
    page.fill("#number", "24")
    page.get_by_role("button", name="Cancel 24 runs").click()
    head = page.locator("#batch-head")
    expect(head).to_contain_text("Running")
    mark(page)
    expect(head).to_contain_text("confirmed")
    product.wait_until(lambda: len(office.sim.effects.get("cancel", [])) >= 3, "some are sent")
    expect(page.locator("#batch-items")).to_contain_text("Confirmed")
    assert is_marked(page)
    under_way = actions_of(head)
    page.get_by_role("button", name="Stop sending").click()
    expect(page.locator(".messages")).to_contain_text("not sent")
    canceled = len(office.sim.effects["cancel"])
    assert canceled < 22
    # What reading does not settle within minutes is put before a person; here at once.
    product.query(
        "UPDATE executions_command SET state = 'needs_person', message = 'Look there.'"
        " WHERE state = 'unknown' AND account_id = %s RETURNING key",
        office.account,
    )
    expect(head).to_contain_text("2 failed")
    assert others_under(page, under_way) == []
    expect(head.locator(".lamp").first).to_have_text("Stopped")
    page.get_by_role("link", name="Outcome unknown").click()
    expect(page.locator("#batch-items tbody tr")).to_have_count(2)
    expect(page.locator("#batch-items")).to_contain_text("Look there.")

    with page.expect_download() as download:
        page.get_by_role("link", name="Result as CSV").click()
    path = tmp_path / "result.csv"
    download.value.save_as(path)
    lines = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    assert len(lines) == 24
    assert sum(line["result"] == "failed" for line in lines) == 2

    page.get_by_role("button", name="Retry the 2 that failed").click()
    expect(page.locator("h1")).to_contain_text("Cancel 2 runs?")
    expect(page.locator("#reason")).to_have_value("the letter has a wrong date")
    page.get_by_role("button", name="Cancel 2 runs").click()
    expect(head.locator(".lamp").first).to_have_text("Done")
    expect(head).to_contain_text("2 of 2 confirmed")
    sent = office.sim.effects["cancel"]
    assert len(sent) == len(set(sent))


def offers(product: Product, office: Provider) -> int:
    sql = "SELECT 1 FROM executions_execution WHERE account_id = %s AND 'cancel' = ANY(offers)"
    return len(product.query(sql, office.account))

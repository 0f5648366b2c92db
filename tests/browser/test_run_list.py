"""People at the table of runs: filters by keyboard, a live update that disturbs nothing, views."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.product import Product

pytestmark = pytest.mark.browser

STORE = """
from datetime import timedelta
from django.utils import timezone
from executions.live import publish
from executions.storage.store import store
from executions.models import Workflow
from providers import contract
from providers.contract import Snapshot, Status
from providers.models import ProviderAccount
now = timezone.now()
account, _ = ProviderAccount.objects.get_or_create(
    name="Table desk", provider="generio", defaults={{"settings": {{}}, "health": "ok",
    "last_success_at": now + timedelta(hours=1), "next_poll_at": now + timedelta(days=1)}})
for ref, status, flow, age, seq in {runs!r}:
    stored, _ = store(account.pk, seq, [Snapshot(
        ref=ref, status=Status(status), native_status=status,
        started_at=now - timedelta(seconds=age),
        input={{"order": "Order " + ref}}, steps=(),
        workflow=contract.Workflow(ref=flow, name="Desk " + flow))])
    publish.publish_runs(account.pk, [(each.execution_id, each.version) for each in stored],
                      [each.execution_id for each in stored if each.is_new])
Workflow.objects.filter(name__startswith="Desk").update(
    successes=20, typical_seconds=40, long_seconds={long})
"""
Put = Callable[..., None]


FORGET = """
from providers.models import ProviderAccount
ProviderAccount.objects.filter(name="Table desk").delete()
"""


@pytest.fixture(scope="module")
def put(product: Product) -> Iterator[Put]:
    """Runs of one account, stored and told to open pages as a poll would: (ref, status, workflow,
    seconds since its start, number of the poll)."""

    def stored(*runs: tuple[str, str, str, int, int], long: int = 300) -> None:
        product.manage("shell", "-c", STORE.format(runs=runs, long=long))

    yield stored
    product.manage("shell", "-c", FORGET)


def test_filters_are_chosen_by_keyboard_alone(page: Page, product: Product, put: Put) -> None:
    put(("k-1", "failed", "intake", 60, 1), ("k-2", "running", "export", 50, 1))
    page.goto(f"{product.base_url}/?q=k-")
    expect(page.locator("[data-row]")).to_have_count(2)
    page.locator("#pick-filter > summary").focus()
    page.keyboard.press("Enter")
    page.locator("#pick-workflow summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#find-workflow")).to_be_focused()
    page.keyboard.type("desk inta")
    option = page.locator("#options-workflow").get_by_text("Desk intake")
    expect(option).to_be_visible()
    expect(page.locator("#options-workflow label")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page.locator("#pick-workflow")).to_have_attribute("open", "")  # goes on being chosen in
    expect(page.locator("#find-workflow")).to_have_value("desk inta")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")  # all but these
    expect(page.locator("[data-row]")).to_contain_text("k-2")
    assert "not_workflow=" in page.url
    page.keyboard.press("Escape")
    expect(page.locator("#pick-workflow summary")).to_be_focused()
    expect(page.locator(".chip.is-not")).to_contain_text("workflow is not")


def test_applying_a_filter_closes_its_panel(page: Page, product: Product, put: Put) -> None:
    put(("p-1", "failed", "panel", 60, 1), ("p-2", "running", "export", 50, 1))
    page.goto(f"{product.base_url}/?q=p-")
    panels = page.locator("#pick-filter")
    page.locator("#pick-filter > summary").click()
    page.locator("#pick-time > summary").click()
    page.fill("#f-took_max", "90d")
    page.keyboard.press("Tab")
    expect(page.locator(".chips")).to_contain_text("took at most")
    page.get_by_role("button", name="Apply").click()
    expect(panels).not_to_have_attribute("open", "")
    expect(page.locator("#pick-filter > summary")).to_be_focused()
    page.locator("#pick-filter > summary").click()
    page.locator("#pick-status > summary").click()
    page.locator("#f-lamp-failed").check()
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(panels).to_have_attribute("open", "")  # one goes on choosing


@pytest.mark.parametrize("typed", ["", "intake"])
def test_escape_closes_a_menu_and_gives_the_focus_back(
    page: Page, product: Product, typed: str
) -> None:
    page.goto(product.base_url)
    more = page.locator("#nav-more > summary")
    more.click()
    page.locator("#nav-more a").last.focus()
    page.keyboard.press("Escape")
    expect(page.locator("#nav-more")).not_to_have_attribute("open", "")
    expect(more).to_be_focused()
    page.locator("[data-palette]").click()
    page.keyboard.type(typed)
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).not_to_have_attribute("open", "")
    expect(page.locator("[data-palette]")).to_be_focused()


def test_a_live_update_keeps_what_a_reader_has_open_typed_and_focused(
    page: Page, product: Product, put: Put
) -> None:
    put(*((f"live-{n:02d}", "running", "intake", 90 + n, 1) for n in range(40)))
    page.goto(f"{product.base_url}/?q=live-")
    expect(page.locator("#live-word")).to_have_text("Live")
    page.locator("#pick-filter > summary").click()
    page.locator("#pick-status summary").click()
    page.locator("#search").evaluate("each => { each.value = 'half a wo'; each.focus(); }")
    page.evaluate("scrollTo(0, 300)")
    order = page.locator(".run .ref").all_inner_texts()
    put(("live-05", "failed", "intake", 95, 2), ("live-new", "running", "intake", 1, 2))
    expect(page.locator(".run", has_text="live-05")).to_contain_text("Failed")
    expect(page.locator("#newer")).to_contain_text("1 new run")
    assert page.locator(".run .ref").all_inner_texts() == order
    expect(page.locator("#pick-status")).to_have_attribute("open", "")
    expect(page.locator("#search")).to_have_value("half a wo")
    expect(page.locator("#search")).to_be_focused()
    assert page.evaluate("scrollY") == 300
    page.locator("#newer a").click()
    expect(page.locator(".run .ref").first).to_have_text("live-new")
    expect(page.locator("#search")).to_have_value("half a wo")  # even new rows leave it alone


def test_a_run_becomes_overdue_before_the_eyes_of_its_reader(
    page: Page, product: Product, put: Put
) -> None:
    put(("late-1", "running", "slow", 76, 1), long=88)  # seconds; usually 40
    page.goto(f"{product.base_url}/?q=late-1")
    row = page.locator("[data-row]")
    expect(row).to_contain_text("Running")
    expect(row).to_contain_text("Overdue", timeout=45_000)
    expect(row).to_contain_text("running, usually 40 s")


def test_a_list_is_saved_opened_first_and_left_again(
    page: Page, product: Product, put: Put
) -> None:
    put(("view-1", "failed", "intake", 60, 1), ("view-2", "running", "intake", 50, 1))
    page.goto(f"{product.base_url}/?q=view-&status=failed")
    page.locator("#pick-table > summary").click()
    page.locator("#pick-views summary").click()
    page.locator("#view-name").fill("Desk failures")
    page.get_by_label("opens first for me").check()
    page.locator("#views").get_by_role("button", name="Save", exact=True).click()
    tab = page.get_by_role("navigation", name="Views").get_by_role("link", name="Desk failures")
    expect(tab).to_have_attribute("aria-current", "true")
    page.goto(product.base_url)
    expect(page.locator(".chip")).to_have_count(2)
    expect(page.locator("[data-row]")).to_have_count(1)
    page.locator("#pick-table > summary").click()
    page.locator("#pick-views summary").click()
    page.once("dialog", lambda dialog: dialog.accept())
    page.locator("#views").get_by_role("button", name="Delete").click()
    expect(page.locator(".message")).to_contain_text("is deleted")
    page.goto(product.base_url)
    expect(page.locator(".chip")).to_have_count(0)


def test_the_file_has_what_the_list_has(page: Page, product: Product, put: Put) -> None:
    put(("file-1", "failed", "intake", 60, 1), ("file-2", "running", "intake", 50, 1))
    page.goto(f"{product.base_url}/?q=order file-1")
    expect(page.locator("[data-row]")).to_have_count(1)
    with page.expect_download() as started:
        page.locator("#pick-table > summary").click()
        page.get_by_role("link", name="CSV").click()
    text = started.value.path().read_text()
    assert "file-1" in text
    assert "file-2" not in text


def test_new_runs_come_in_by_themselves_unless_somebody_reads(
    page: Page, product: Product, put: Put
) -> None:
    put(*((f"flow-{n:02d}", "failed", "intake", 90 + n, 1) for n in range(40)))
    page.goto(f"{product.base_url}/?lamp=failed&is=unresolved")
    expect(page.locator("#live-word")).to_have_text("Live")
    put(("flow-in", "failed", "intake", 1, 2))
    first = page.locator("[data-row]").first
    expect(first).to_contain_text("flow-in")
    expect(page.locator("#newer")).not_to_contain_text("new run")
    page.locator("[data-row] input").nth(2).check()
    put(("flow-held", "failed", "intake", 0, 3))
    expect(page.locator("#newer")).to_contain_text("1 new run")
    expect(first).to_contain_text("flow-in")
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    expect(first).to_contain_text("flow-held")

"""The wall on a screen that nobody signs in at: it follows by itself, and says when it cannot."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.product import Product

pytestmark = pytest.mark.browser
SEED = """
from datetime import timedelta
from django.contrib.auth.models import Group
from django.utils import timezone
from executions.polling.poller import store_and_tell
from providers.contract import Snapshot, Status, Workflow
from providers.models import ProviderAccount
now, team = timezone.now(), Group.objects.create(name="Wall team")
others = Group.objects.create(name="Others")  # every team sees what belongs to none
ProviderAccount.objects.filter(group=None).update(group=others)
account = ProviderAccount.objects.create(
    name="Wall desk", provider="flow8", health="ok", group=team,
    last_success_at=now + timedelta(hours=2), next_poll_at=now + timedelta(days=9))
store_and_tell(account, [Snapshot(ref=f"wall-{n}", workflow=Workflow(ref=f"wall{n}",
    name=f"Wall workflow {n:02}"), status=Status.RUNNING, native_status="run",
    started_at=now) for n in range(60)])
"""
FAILS = """
from django.utils import timezone
from executions.models import Execution
from executions.polling.poller import store_and_tell
from providers.contract import Snapshot, Status, Workflow
run = Execution.objects.select_related("account").get(ref="wall-0")
store_and_tell(run.account, [Snapshot(ref="wall-0", status=Status.FAILED, native_status="failed",
    workflow=Workflow(ref="wall0", name="Wall workflow 00"), started_at=run.started_at,
    finished_at=timezone.now(), error="The disk is full")])
"""


@pytest.fixture
def screen(chromium: Browser, product: Product, page: Page):
    """A screen of nobody's, and the address that it shows."""
    if not product.query("SELECT 1 FROM providers_provideraccount WHERE name = 'Wall desk'"):
        product.manage("shell", "-c", SEED)
    page.goto(f"{product.base_url}/overview/")
    page.get_by_role("link", name="Wall screens").click()
    page.get_by_label("Screen", exact=True).fill("Control room")
    page.get_by_label("Shows").select_option("Wall team")  # others would push its tiles away
    page.get_by_role("button", name="Create the address").click()
    address = page.get_by_label("Address of Control room").input_value()
    context = chromium.new_context(viewport={"width": 1920, "height": 1080})
    screen = context.new_page()
    screen.set_default_timeout(45_000)
    problems: list[str] = []
    screen.on("pageerror", lambda error: problems.append(str(error)))
    screen.clock.install()
    screen.goto(address)
    yield screen
    context.close()
    assert problems == []


def test_a_screen_follows_by_itself_and_goes_dark_when_it_no_longer_knows(screen, product) -> None:
    tile = screen.locator("#tiles > li").filter(has_text="Wall workflow 00")
    expect(tile).to_contain_text("1 active")
    product.manage("shell", "-c", FAILS)
    screen.clock.run_for(6_000)
    expect(tile).to_contain_text("1 failed")
    expect(screen.get_by_text("wall-0: failed")).to_be_visible()
    screen.context.set_offline(True)
    screen.clock.run_for(30_000)
    expect(screen.get_by_text(re.compile(r"No answer for \d+ s"))).to_be_visible()
    expect(tile).to_be_visible()
    screen.clock.run_for(50_000)
    expect(screen.get_by_role("heading", name=re.compile("No new data since"))).to_be_visible()
    expect(tile).to_be_hidden()
    screen.context.set_offline(False)
    screen.clock.run_for(8_000)
    expect(tile).to_be_visible()
    expect(screen.get_by_text("Live", exact=True)).to_be_visible()


def test_where_tiles_do_not_fit_each_has_its_turn(screen) -> None:
    last = screen.locator("#tiles > li").filter(has_text="Wall workflow 59")
    expect(screen.get_by_text(re.compile(r"Page 1 of \d"))).to_be_visible()
    pages = int(re.search(r"of (\d+)", screen.locator("#page").inner_text())[1])
    seen = set()
    for _ in range(2 * pages):
        seen |= set(screen.locator("#tiles > li:visible").all_inner_texts())
        screen.clock.run_for(10_000)
    expect(last).to_have_count(1)
    assert sum("Wall workflow" in each for each in seen) >= 60
    assert screen.evaluate("document.documentElement.scrollHeight <= innerHeight")


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (390, 844)])
def test_a_screen_has_no_violation_and_nothing_is_wider_than_it(screen, width, height) -> None:
    screen.set_viewport_size({"width": width, "height": height})
    assert screen.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(screen).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found] == []

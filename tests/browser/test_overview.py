"""The overview in a real browser: the wall changes in place, bars and tables lead to lists, there
are no barriers, and nothing is wider than the screen."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.looking import violations
from tests.product import Product

pytestmark = pytest.mark.browser
SEED = """
from datetime import timedelta
from django.utils import timezone
from executions.models import Question as Asked
from executions.polling.poller import store_and_tell
from providers.contract import Question, Snapshot, Status, Workflow
from providers.models import ProviderAccount
now = timezone.now()
account = ProviderAccount.objects.create(
    name="Overview desk", provider="flow8", health="ok", last_success_at=now + timedelta(hours=2),
    next_poll_at=now + timedelta(days=9))
names = ["Invoice intake", "Claims triage", "Nightly export of all that changed in a very long day"]
rows = []
for n in range(60):
    end = now - timedelta(minutes=20 * n + 1)
    status = Status.FAILED if n % 9 == 4 else Status.SUCCEEDED
    rows.append(Snapshot(ref=f"r{n}", workflow=Workflow(ref=f"w{n % 3}", name=names[n % 3]),
        status=status, native_status=status.value, started_at=end - timedelta(seconds=30 + n),
        finished_at=end))
question = Question(ref="q", kind="approval", title="Release?")
for ref in ("asked", "closed"):
    rows.append(Snapshot(ref=ref, workflow=Workflow(ref="quiet", name="A quiet one"),
        status=Status.RUNNING, native_status="run", started_at=now, steps=(), outputs=(),
        questions=(question,) if ref == "closed" else ()))
store_and_tell(account, rows)
Asked.objects.filter(execution__ref="closed").update(
    opened_at=now - timedelta(minutes=9), closed_at=now - timedelta(minutes=2))
"""
ASKS = """
from executions.models import Execution
from executions.polling.poller import store_and_tell
from providers.contract import Question, Snapshot, Status, Workflow
run = Execution.objects.select_related("account").get(ref="asked")
question = Question(ref="q", kind="approval", title="Release?")
store_and_tell(run.account, [Snapshot(ref="asked", status=Status.USER_INPUT, native_status="ask",
    workflow=Workflow(ref="quiet", name="A quiet one"), started_at=run.started_at, steps=(),
    questions=(question,), outputs=())])
"""


@pytest.fixture(scope="module")
def desk(product: Product) -> Iterator[str]:
    """The address of the overview of one account with a day's work in it."""
    product.manage("shell", "-c", SEED)
    sql = "SELECT id FROM providers_provideraccount WHERE name = 'Overview desk'"
    yield f"{product.base_url}/overview/?account={product.query(sql)[0][0]}"
    product.query("DELETE FROM executions_question WHERE ref = 'q' RETURNING id")
    product.query(
        "UPDATE providers_provideraccount SET enabled = false WHERE name = 'Overview desk'"
        " RETURNING id"
    )


def tile(page: Page, name: str) -> Locator:
    return page.locator(".tile", has_text=name)


def test_a_lamp_lights_up_in_its_place_while_the_page_is_open(page, product, desk):
    page.goto(desk)
    page.wait_for_selector("#live[data-state=live]")
    expect(tile(page, "A quiet one")).to_contain_text("2 active")
    page.locator("#behind-runs summary").click()
    before = page.locator(".tile-name").all_inner_texts()
    place = tile(page, "A quiet one").bounding_box()
    product.manage("shell", "-c", ASKS)
    expect(tile(page, "A quiet one")).to_contain_text("1 needs you")
    assert page.locator(".tile-name").all_inner_texts() == before
    assert tile(page, "A quiet one").bounding_box() == place
    expect(page.locator("#behind-runs")).to_have_attribute("open", "")
    tile(page, "A quiet one").locator("a").click()
    expect(page).to_have_url(re.compile(r"/\?workflow=\d+&lamp=needs_you$"))


def test_a_bar_and_a_number_of_the_table_behind_it_open_the_list_of_runs(page, desk):
    page.goto(desk)
    bar = page.locator("#chart-runs svg a").last
    assert "done" in bar.locator("title").text_content()  # type: ignore[operator]
    bar.click()
    expect(page).to_have_url(re.compile(r"/\?account=\d+&lamp=done&finished_from="))
    page.goto(desk)
    page.locator("#behind-hours summary").press("Enter")  # by keyboard alone
    number = page.locator("#behind-hours td a").first
    number.press("Enter")
    expect(page).to_have_url(re.compile(r"/\?account=\d+&lamp=failed&lamp=warning&lamp=done&"))


def test_a_new_range_redraws_the_charts_and_the_address_says_it(page, desk):
    page.goto(desk)
    page.select_option("#f-finished", "7d")
    expect(page.locator("#chart-runs .legend")).to_contain_text("per six hours")
    expect(page).to_have_url(re.compile("finished=7d"))
    expect(page.locator("#f-from")).to_be_hidden()
    page.select_option("#f-finished", "custom")
    expect(page.locator("#f-from")).to_be_visible()
    expect(page).to_have_url(re.compile("finished_from="))
    page.reload()
    expect(page.locator("#f-from")).to_be_visible()


def test_the_answer_times_lead_to_their_questions(page, desk):
    page.goto(desk)
    row = page.locator(".answers tbody tr", has_text="A quiet one")
    row.get_by_role("link").click()
    expect(page.locator("main")).to_contain_text("Release?")


def test_the_overview_has_no_barriers_and_fits_small_screens(page, desk):
    for path in ("&finished=30d", "&finished=6h&lamp=failed"):
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(desk + path)
        page.evaluate("document.querySelectorAll('details.behind').forEach(d => d.open = true)")
        assert violations(page) == []
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") == 360
    for path in ("hours/?finished=30d&weekday=2&hour=10", "answers/"):
        page.goto(desk.split("?")[0] + path)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == 360

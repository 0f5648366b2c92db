"""Nothing on a page jumps: not while it comes, and not while runs change under its reader."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from playwright.sync_api import BrowserContext, Page

from executions.live.publish import CHANNEL
from tests.browser import morning_desk
from tests.browser.conftest import stay_signed_in
from tests.browser.test_screenshots import FRESH
from tests.product import Product

pytestmark = pytest.mark.browser
MOST = 0.02  # of layout shift, as browsers count it
PAGES = {
    "runs": "/",
    "run": "/executions/{failed}/",
    "run that waits": "/executions/{asks}/",
    "inbox": "/inbox/",
    "answered": "/inbox/answered/",
    "workflows": "/workflows/",
    "workflow": "/workflows/{workflow}/",
    "accounts": "/accounts/",
    "account": "/accounts/{account_smartflows}/",
    "overview": "/overview/?finished=7d",
    "errors": "/errors/?finished=7d",
    "error": "/errors/{error}/",
    "keys": "/keys/",
    "batches": "/batches/",
    "notifications": "/notices/",
    "handover": "/shift/?since=8h",
    "preferences": "/preferences/",
}
WATCH = """
window.shifts = [];
const words = (node) => (node?.nodeType === 1 ? node : node?.parentElement)?.outerHTML.slice(0, 90);
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
        if (entry.hadRecentInput) continue;
        window.shifts.push([entry.value, entry.sources.map((each) => [
            words(each.node), each.previousRect.y, each.currentRect.y])]);
    }
}).observe({ type: "layout-shift", buffered: true });
"""
CHANGED = """
    UPDATE executions_execution
    SET version = version + 1, status = 'failed', native_status = 'error'
    WHERE id IN (SELECT id FROM executions_execution WHERE status IN ('running', 'queued')
                 ORDER BY id DESC LIMIT 3)
    RETURNING account_id, id, version
"""
UNDONE = """
    UPDATE executions_execution SET status = 'running', native_status = 'running' WHERE id = ANY(%s)
    RETURNING id
"""


@pytest.fixture(scope="module")
def seeded(product: Product) -> Iterator[dict[str, Any]]:
    said = product.manage("shell", "-v0", "-c", morning_desk.SEED).stdout
    yield dict(json.loads(said.partition("SEED")[2]))
    product.manage("shell", "-v0", "-c", morning_desk.CLEAR)


@pytest.fixture
def watched(context: BrowserContext, product: Product) -> Page:
    page = context.new_page()
    page.add_init_script(WATCH)
    stay_signed_in(page, product)
    return page


@pytest.mark.parametrize("width", [1440, pytest.param(390, marks=pytest.mark.long)])
def test_no_page_jumps_while_it_comes_or_while_runs_change(watched, product, seeded, width) -> None:
    broker = redis.Redis.from_url(product.env["REDIS_URL"])
    watched.set_viewport_size({"width": width, "height": 900})
    jumps = {}
    for name, path in PAGES.items():
        product.query(FRESH)  # no strip at the top begins to say that something is old
        watched.goto(product.base_url + path.format(**seeded))
        if watched.locator("#live").count():
            watched.wait_for_selector("#live[data-state=live]")
        watched.wait_for_load_state("networkidle")
        changed = product.query(CHANGED)
        for account, run, version in changed:
            told = {"account": account, "runs": [[run, version]], "new": []}
            broker.publish(CHANNEL, json.dumps(told))
        watched.wait_for_timeout(1500)
        shifts = watched.evaluate("window.shifts")
        if sum(value for value, _ in shifts) > MOST:
            jumps[name] = shifts
        product.query(UNDONE, [run for _, run, _ in changed])
    broker.close()
    assert not jumps, json.dumps(jumps, indent=1)

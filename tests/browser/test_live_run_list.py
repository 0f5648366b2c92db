"""The table of all runs moves by itself, within a second of the poller's commit."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from providers.demo import serve
from tests.busy import LATE
from tests.product import Product

pytestmark = pytest.mark.browser


def row_of(page: Page, product: Product, ref: str) -> Locator:
    sql = "SELECT id FROM executions_execution WHERE ref = %s"
    return page.locator(f"#run-{product.query(sql, ref)[0][0]}")


def test_a_run_moves_on_an_open_page_without_reload(page: Page, product: Product) -> None:
    with serve.running("generio", seed=5, speed=4) as sim:
        site = {"base_url": sim.base_url}
        product.add_account("Live table", "generio", site, api_key=sim.api_key)
        ref = sim.start("long_running")
        page.goto(f"{product.base_url}/?q={ref}")
        product.wait_until(
            lambda: product.query(
                "SELECT 1 FROM executions_execution WHERE ref = %s AND native_status = 'running'",
                ref,
            ),
            "stored",
        )
        page.reload()
        row = row_of(page, product, ref)
        expect(row).to_contain_text("Running")
        page.evaluate("window.untouched = true")
        world = sim.world
        world.runs[ref].proceed()
        product.wait_until(
            lambda: product.query(
                "SELECT 1 FROM executions_execution WHERE ref = %s AND status = 'succeeded'", ref
            ),
            "succeeded in the database",
        )
        expect(row).to_contain_text("Succeeded", timeout=3000 * LATE)  # without a stream 15 s
        assert page.evaluate("window.untouched")


@pytest.mark.fault("L9")
def test_news_that_the_server_could_not_give_is_asked_for_again(
    page: Page, product: Product
) -> None:
    with serve.running("generio", seed=6, speed=4) as sim:
        site = {"base_url": sim.base_url}
        product.add_account("Live again", "generio", site, api_key=sim.api_key)
        ref = sim.start("long_running")
        said = "SELECT status FROM executions_execution WHERE ref = %s AND status = %s"
        product.wait_until(lambda: product.query(said, ref, "running"), "it runs")
        page.goto(f"{product.base_url}/?q={ref}")
        page.wait_for_selector("#live[data-state=live]")
        row = row_of(page, product, ref)
        expect(row).to_contain_text("Running")
        changes = f"{product.base_url}/executions/changes/**"
        page.route(changes, lambda route: route.fulfill(status=503, body="Try later."))
        sim.world.runs[ref].proceed()
        product.wait_until(lambda: product.query(said, ref, "succeeded"), "it has ended")
        expect(page.locator("#live-word")).to_have_text("No answer, trying again")
        expect(row).to_contain_text("Running")
        expect(page.locator(".toast")).to_have_count(0)
        page.unroute(changes)
        expect(row).to_contain_text("Succeeded")
        expect(page.locator("#live-word")).to_have_text("Live")


@pytest.mark.fault("L5")
def test_a_tab_that_gets_no_stream_follows_all_the_same(page: Page, product: Product) -> None:
    """A browser opens six connections to one address, for all of its tabs."""
    with serve.running("generio", seed=8, speed=4) as sim:
        site = {"base_url": sim.base_url}
        product.add_account("Many tabs", "generio", site, api_key=sim.api_key)
        ref = sim.start("long_running")
        said = "SELECT status FROM executions_execution WHERE ref = %s AND status = %s"
        product.wait_until(lambda: product.query(said, ref, "running"), "it runs")
        tabs = [page, *(page.context.new_page() for _ in range(7))]
        for tab in tabs:
            tab.goto(f"{product.base_url}/?q={ref}")
            expect(row_of(tab, product, ref)).to_contain_text("Running")
        for tab in tabs[:6]:
            expect(tab.locator("#live-word")).to_have_text("Live")
        expect(tabs[-1].locator("#live-word")).to_have_text("Every 15 s", timeout=25_000)
        sim.world.runs[ref].proceed()
        for tab in tabs:
            expect(row_of(tab, product, ref)).to_contain_text("Succeeded", timeout=25_000)
        for tab in tabs[1:]:
            tab.close()


@pytest.mark.fault("L1")
def test_what_happened_while_the_stream_was_away_is_shown_when_it_is_back(
    page: Page, product: Product
) -> None:
    with serve.running("generio", seed=9, speed=4) as sim:
        site = {"base_url": sim.base_url}
        product.add_account("Gap", "generio", site, api_key=sim.api_key)
        ref = sim.start("long_running")
        said = "SELECT status FROM executions_execution WHERE ref = %s AND status = %s"
        product.wait_until(lambda: product.query(said, ref, "running"), "it runs")
        page.goto(f"{product.base_url}/?q={ref}")
        expect(page.locator("#live-word")).to_have_text("Live")
        product.kill("live")
        sim.world.runs[ref].proceed()
        product.wait_until(lambda: product.query(said, ref, "succeeded"), "it has ended")
        product.start("live")
        expect(row_of(page, product, ref)).to_contain_text("Succeeded", timeout=25_000)
        expect(page.locator("#live-word")).to_have_text("Live", timeout=25_000)


DRIVEN = """window.EventSource = class extends EventTarget {
    static OPEN = 1; static CLOSED = 2; readyState = 1;
    constructor() { super(); window.stream = this; setTimeout(() => this.tell("hello", {})); }
    tell(name, news) { this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(news) })); }
    close() { this.readyState = 2; }
}"""


def test_a_page_asks_no_more_often_than_the_stream_tells(page: Page, product: Product) -> None:
    """But at once for somebody who asks for it."""
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url) if "/changes/" in sent.url else None)
    page.add_init_script(DRIVEN)

    def tell(seconds: list[float]) -> None:
        news = {"account": 1, "runs": [[999_999, 1]], "new": [], "pace": seconds}
        page.evaluate("(news) => window.stream.tell('changes', news)", news)

    page.goto(f"{product.base_url}/overview/")  # which asks for nothing by itself meanwhile
    product.wait_until(lambda: page.wait_for_timeout(50) or len(asked) == 1, "after hello")
    tell([0.5, 0.5])
    product.wait_until(lambda: page.wait_for_timeout(50) or len(asked) == 2, "half a second later")
    tell([0.5, 120])
    page.wait_for_timeout(2500)
    assert len(asked) == 2
    page.keyboard.press("r")
    product.wait_until(lambda: page.wait_for_timeout(50) or len(asked) == 3, "by the key")

"""From the poller's commit to the changed row on an open page of a real Chromium.

The product runs as its real processes. A provider changes every run at every poll; the page notes
when each new version of a row reached the document, the database when it was written. Both clocks
are this machine's. Measured on a quiet page (one account) and a busy one (several accounts, so
that a change often comes just after the page has asked).
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks import bare_provider_server
from benchmarks.alternating_rounds import Figure
from tests.browser.conftest import find_chromium
from tests.product import PASSWORD, Product

GOAL = 1.0  # second
CHANGES = 12  # of one run, at the least
BUSY_ACCOUNTS = 4
# Notes when a row of the table first shows a version: `data-row` is id:version-mark.
WATCH = """() => {
    window.seen = {};
    const note = () => {
        for (const row of document.querySelectorAll("[data-row]"))
            window.seen[row.dataset.row.split("-")[0]] ??= Date.now() / 1000;
    };
    note();
    new MutationObserver(note).observe(document.body,
        {subtree: true, childList: true, attributes: true, attributeFilter: ["data-row"]});
}"""
# Every change of these benchmark runs is a change of status, so each has its transition.
WRITTEN = """
SELECT execution_id || ':' || version, extract(epoch FROM observed_at)::float
FROM executions_transition ORDER BY observed_at
"""


def figures(folder: Path) -> Iterator[Figure]:
    path = find_browser()
    with (
        bare_provider_server.running() as server,
        Product(folder / "product") as product,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        _sign_in(page, product)
        _add(product, server, "stepping-3")
        yield from _measured(page, product, "quiet page")
        for number in range(BUSY_ACCOUNTS - 1):
            _add(product, server, f"stepping-{4 + number}")
        yield from _measured(page, product, f"page with {BUSY_ACCOUNTS} accounts")
        browser.close()


def find_browser() -> str:
    path = find_chromium()
    if path is None:
        raise SystemExit("No Chromium was found: the way to the browser cannot be measured.")
    return path


def _sign_in(page: Page, product: Product) -> None:
    page.goto(f"{product.base_url}/sign-in/")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", PASSWORD)
    page.click("form.answer button")
    page.wait_for_url(f"{product.base_url}/")


def _add(product: Product, server: str, world: str) -> None:
    """An account that is polled every second or so; its first runs are stored on return."""
    product.add_account(world, "generio", {"base_url": f"{server}/{world}/0"}, api_key="demo-key")
    product.wait_until(
        lambda: product.query("SELECT 1 FROM executions_execution WHERE ref LIKE %s", f"{world}-%"),
        f"the runs of {world} are stored",
    )


def _measured(page: Page, product: Product, where: str) -> Iterator[Figure]:
    page.goto(product.base_url)
    page.wait_for_selector("#live[data-state=live]")
    page.evaluate(WATCH)
    at_start = set(page.evaluate("window.seen"))
    known = {key for key, _ in product.query(WRITTEN)} | at_start
    fewest = CHANGES * page.locator("[data-row]").count()

    def written() -> list[tuple[Any, ...]]:
        return [row for row in product.query(WRITTEN) if row[0] not in known]

    product.wait_until(lambda: len(written()) >= fewest, f"{fewest} changes", 90)
    changes = written()
    page.wait_for_timeout(3000)  # the last of them have their second as well
    delays = delays_of(changes, page.evaluate("window.seen"))
    note = f"{len(delays)} changes"
    yield Figure(
        f"commit to browser, {where}, median",
        statistics.median(delays),
        " s",
        GOAL,
        "at most",
        note,
    )
    yield Figure(f"commit to browser, {where}, longest", max(delays), " s", GOAL, "at most", note)


def delays_of(changes: list[tuple[Any, ...]], seen: dict[str, float]) -> list[float]:
    """Seconds until the document showed this version of the row, or a later one."""
    shown: dict[str, list[tuple[int, float]]] = {}
    for key, at in seen.items():
        run, version = key.split(":")
        shown.setdefault(run, []).append((int(version), at))
    delays = []
    for key, written_at in changes:
        run, version = key.split(":")
        later = [at for number, at in shown.get(run, ()) if number >= int(version)]
        assert later, f"version {version} of run {run} never reached the page"
        delays.append(min(later) - written_at)
    return delays

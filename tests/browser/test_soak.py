"""Half an hour of somebody at work while 20 changes a second arrive: nothing typed, selected or
opened is lost, the pages' memory stays, the console is silent.

`make soak`. ANNUNCIATOR_SOAK_SECONDS makes it shorter; what it saw goes to docs/develop/soak.md.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.browser.conftest import stay_signed_in
from tests.product import ROOT, Product

pytestmark = [pytest.mark.browser, pytest.mark.soak]
SECONDS = float(os.environ.get("ANNUNCIATOR_SOAK_SECONDS", "1800"))
RATE = 20  # changes a second
WARM_UP = min(120.0, SECONDS / 4)  # seconds until a page has everything it will keep
MOST_GROWTH = 0.20
TEXT = "order without an address, third time this morning "
REASON = "the supplier called, stop it "
WATCH = """() => {
    window.versions = 0;
    new MutationObserver((list) => { window.versions += list.length; }).observe(document.body,
        {subtree: true, childList: true, attributes: true, attributeFilter: ["data-row"]});
}"""


class Watched:
    """One page, everything its console said, and how much memory it holds after a collection."""

    def __init__(self, browser: Browser, product: Product) -> None:
        self.context = browser.new_context(viewport={"width": 1440, "height": 1000})
        self.page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._heard)
        stay_signed_in(self.page, product)
        self.devtools: CDPSession = self.context.new_cdp_session(self.page)
        self.devtools.send("Performance.enable")
        self.sizes: list[float] = []

    def _heard(self, said: Any) -> None:
        if said.type == "error":
            self.problems.append(said.text)

    def open(self, url: str) -> Page:
        self.page.goto(url)
        expect(self.page.locator("#live")).to_have_attribute("data-state", "live")
        self.page.evaluate(WATCH)
        return self.page

    def weigh(self) -> float:
        """MB of script memory in use, and into the record."""
        self.devtools.send("HeapProfiler.collectGarbage")
        told = self.devtools.send("Performance.getMetrics")["metrics"]
        self.sizes.append({each["name"]: each["value"] for each in told}["JSHeapUsedSize"] / 2**20)
        return self.sizes[-1]

    @property
    def growth(self) -> float:
        """Of the last three weighings over the first three."""
        return statistics.median(self.sizes[-3:]) / statistics.median(self.sizes[:3]) - 1


@pytest.fixture
def account(product: Product) -> int:
    product.add_account(
        "Soak", "generio", {"base_url": "http://127.0.0.1:9"}, api_key="not-used-here"
    )
    sql = """UPDATE providers_provideraccount SET next_poll_at = now() + interval '1 day',
        last_success_at = now(), health = 'ok' WHERE name = 'Soak' RETURNING id"""
    return int(product.query(sql)[0][0])


@pytest.fixture
def feeder(product: Product, account: int) -> Iterator[subprocess.Popen[bytes]]:
    arguments = [str(account), str(SECONDS + 60), str(RATE)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.browser.feeder", *arguments], cwd=ROOT, env=product.env
    )
    product.wait_until(
        lambda: product.query("SELECT count(*) FROM executions_execution")[0][0] >= 50,
        "the first runs are stored",
    )
    yield process
    process.kill()
    process.wait(10)


@pytest.mark.timeout(int(SECONDS * 1.5) + 300)
def test_nothing_is_lost_while_changes_pour_in(
    product: Product, chromium: Browser, account: int, feeder: Any, request: Any
) -> None:
    typing, selecting, asking = (Watched(chromium, product) for _ in range(3))
    pages = {"typing": typing, "selecting": selecting, "asking": asking}
    checks = [
        type_on(typing.open(f"{product.base_url}/?account={account}")),
        keep_selection(selecting.open(f"{product.base_url}/?account={account}")),
        keep_dialog(asking, product),
    ]
    began, weighed = time.monotonic(), 0.0
    while (passed := time.monotonic() - began) < SECONDS:
        for check in checks:
            check()
        if passed >= WARM_UP and passed - weighed >= min(60.0, SECONDS / 10):
            weighed = passed
            for each in pages.values():
                each.weigh()
        time.sleep(1)
    changes = product.query("SELECT count(*), max(version) FROM executions_transition")
    seen = {name: each.page.evaluate("window.versions") for name, each in pages.items()}
    report = told(pages, seen, int(changes[0][0]), time.monotonic() - began)
    print(report)  # noqa: T201
    assert all(each.problems == [] for each in pages.values()), report
    assert all(number > SECONDS / 5 for number in seen.values()), report
    assert all(each.growth <= MOST_GROWTH for each in pages.values()), report
    assert changes[0][0] > SECONDS * RATE * 0.8, report
    if request.config.getoption("--keep-screenshots"):
        (Path(ROOT) / "docs" / "develop" / "soak.md").write_text(report)


def type_on(page: Page) -> Callable[[], None]:
    """One more letter a turn into the search field, which is never sent."""
    page.locator("#search").focus()
    typed: list[str] = []

    def check() -> None:
        if len(typed) == 150:
            typed.clear()
            page.evaluate("document.getElementById('search').value = ''")
        typed.append(TEXT[len(typed) % len(TEXT)])
        page.keyboard.type(typed[-1])
        state = page.evaluate(
            "[document.activeElement.id, document.getElementById('search').value,"
            " document.activeElement.selectionStart]"
        )
        assert state == ["search", "".join(typed), len(typed)]

    return check


def keep_selection(page: Page) -> Callable[[], None]:
    """Three rows are chosen, their text is marked, and the page is scrolled."""
    boxes = page.locator("tr.run input[type=checkbox]")
    chosen = sorted(str(boxes.nth(number).get_attribute("value")) for number in (2, 5, 9))
    for value in chosen:
        page.locator(f"tr.run input[type=checkbox][value='{value}']").check()
    page.evaluate("window.scrollTo(0, 240)")

    def check() -> None:
        state = page.evaluate(
            "[[...document.querySelectorAll('tr.run input:checked')].map((b) => b.value).sort(),"
            " Math.round(window.scrollY)]"
        )
        assert state == [chosen, 240]

    return check


def keep_dialog(asking: Watched, product: Product) -> Callable[[], None]:
    """The cancel dialog of a run that goes on changing is open, with half a reason in it."""
    run = product.query(
        "SELECT id FROM executions_execution WHERE status = ANY('{running,waiting,paused}')"
        " ORDER BY ref DESC LIMIT 1"
    )[0][0]
    page = asking.open(f"{product.base_url}/executions/{run}/")
    page.locator("#run-head").get_by_role("button", name="Cancel run").click()
    field = page.locator("dialog[open] input[name=reason]")
    field.focus()
    typed: list[str] = []

    def check() -> None:
        if len(typed) < 200:
            typed.append(REASON[len(typed) % len(REASON)])
            page.keyboard.type(typed[-1])
        assert field.input_value() == "".join(typed)
        assert page.evaluate("document.activeElement.name") == "reason"

    return check


def told(pages: dict[str, Watched], seen: dict[str, int], changes: int, took: float) -> str:
    """The record, as the page docs/develop/soak.md."""
    lines = [
        "# Soak",
        "",
        "A real Chromium, three pages at once, while changes of runs arrive without a pause. One",
        "page types into the search field, one keeps three rows selected and its place, one keeps",
        "a dialog open with half a reason in it. Every second each is looked at. Made by",
        "`make soak`.",
        "",
        f"Lasted {took / 60:.0f} minutes; {changes:,} status changes were stored,"
        f" {changes / took:.1f} a second.",
        "",
        "| page | changes of the document | memory at first | at the end | growth | errors |",
        "|---|---|---|---|---|---|",
    ]
    for name, each in pages.items():
        first, last = statistics.median(each.sizes[:3]), statistics.median(each.sizes[-3:])
        lines.append(
            f"| {name} | {seen[name]:,} | {first:.1f} MB | {last:.1f} MB |"
            f" {100 * each.growth:+.1f} % | {len(each.problems)} |"
        )
    lines += ["", "Nothing typed, selected or opened was lost."]
    lines += [f"- {problem}" for each in pages.values() for problem in each.problems[:5]]
    return "\n".join(lines) + "\n"

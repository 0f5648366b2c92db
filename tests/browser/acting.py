"""A simulated provider with its account, and what a person sees and does in the pages about it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Locator, Page, expect

from config.demo_accounts import EXTRA_SETTINGS
from providers.demo import serve
from tests.product import Product

expect.set_options(timeout=45_000)  # a poll, a look and a page's question on a busy machine


class Provider:
    """One simulated provider, the account that polls it, and what a person looks for in the pages.

    `ref` is ours; at 8x8 it names the definition too.
    """

    def __init__(self, product: Product, sim: serve.Running, name: str) -> None:
        self.product = product
        self.sim = sim
        self.name = name
        product.add_account(
            name,
            sim.key,
            {"base_url": sim.base_url, **EXTRA_SETTINGS.get(sim.key, {})},
            api_key=sim.api_key,
        )
        found = product.query("SELECT id FROM providers_provideraccount WHERE name = %s", name)
        self.account = int(found[0][0])

    def begin(self, scenario: str, **options: Any) -> str:
        ref = self.sim.start(scenario, **options)
        told = next((run for run in self.sim.script if run["ref"] == ref), {})
        return f"{told['definition']}/{ref}" if "definition" in told else ref

    def stored(self, ref: str) -> int:
        """The id of the run in our database, as soon as it is there."""
        sql = "SELECT id FROM executions_execution WHERE account_id = %s AND ref = %s"
        rows = self.product.wait_until(
            lambda: self.product.query(sql, self.account, ref), f"{ref} is stored"
        )
        return int(rows[0][0])

    def open_list(self, page: Page) -> None:
        """The account's runs, with the live stream on."""
        page.goto(f"{self.product.base_url}/?account={self.account}")
        expect(page.locator("#live")).to_have_attribute("data-state", "live")

    def see_appear(self, page: Page, scenario: str, **options: Any) -> str:
        """Start a run while the list is open, see it come in without reload, open its page."""
        self.open_list(page)
        mark(page)
        ref = self.begin(scenario, **options)
        row, pill = page.locator(f"#run-{self.stored(ref)}"), page.locator("#newer .pill")
        expect(row.or_(pill)).to_be_visible()
        assert is_marked(page)
        if pill.is_visible():
            pill.click()
        row.locator("a.run-link").click()
        expect(page.locator("#run-head code")).to_have_text(ref)
        expect(page.locator("#live")).to_have_attribute("data-state", "live")
        mark(page)
        return ref

    def proceed(self, ref: str) -> None:
        """End the run's present stage now, whatever the clock says."""
        self.sim.world.runs[ref.rpartition("/")[2]].proceed()

    @contextmanager
    def no_worker(self) -> Iterator[None]:
        """Commands are recorded, and nobody sends them meanwhile."""
        group = self.product.running["worker"].pid
        os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(group, signal.SIGCONT)

    def moves(self, ref: str) -> list[str]:
        """Every status that was stored of the run, in order."""
        sql = """SELECT to_status FROM executions_transition t
            JOIN executions_execution e ON e.id = t.execution_id
            WHERE e.account_id = %s AND e.ref = %s ORDER BY t.version"""
        return [row[0] for row in self.product.query(sql, self.account, ref)]

    def received(self, method: str, ending: str) -> list[Any]:
        """Bodies of the requests that the provider got."""
        return [
            each["body"]
            for each in self.sim.log
            if each["method"] == method and each["path"].endswith(ending)
        ]


def mark(page: Page) -> None:
    """A mark that a reload would wipe out."""
    page.evaluate("window.untouched = true")


def is_marked(page: Page) -> bool:
    return bool(page.evaluate("window.untouched === true"))


def act(page: Page, label: str, reason: str) -> None:
    """Press a button of the run page and give the reason that its dialog asks for."""
    page.locator("#run-head").get_by_role("button", name=label).click()
    dialog = page.locator("dialog[open]")
    dialog.locator("input[name=reason]").fill(reason)
    dialog.get_by_role("button", name=label).click()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    mark(page)


Action = tuple[str, float, float]
"""What a press there does, and the middle of it."""

DOES = """each => [each.form?.getAttribute("action"), each.name, each.value, each.dataset.dialog,
    each.id || each.getAttribute("href")].join("|")"""
SEEN = f"""root => [...root.querySelectorAll("button, a.button")]
    .filter(each => each.checkVisibility({{visibilityProperty: true}}) && !each.closest("nav"))
    .map(each => {{
        const box = each.getBoundingClientRect();
        return [({DOES})(each), box.x + box.width / 2, box.y + box.height / 2];
    }})"""
UNDER = f"""([x, y]) => {{
    const found = document.elementFromPoint(x, y)?.closest("button, a.button");
    return found && !found.closest("nav") ? ({DOES})(found) : "";
}}"""


def actions_of(row: Locator) -> list[Action]:
    return [(does, x, y) for does, x, y in row.evaluate(SEEN)]


def others_under(page: Page, actions: list[Action]) -> list[tuple[str, str]]:
    """Where a press at the place of an action does another one now: what it did, what it does."""
    found = [(does, page.evaluate(UNDER, [x, y])) for does, x, y in actions]
    return [(was, now) for was, now in found if now not in ("", was)]


def press_until(page: Page, key: str, selector: str, most: int = 80) -> None:
    """Move the focus with the keyboard until it is on something that matches, and is seen there."""
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate("(s) => document.activeElement.matches(s)", selector):
            shown = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(shown) != "none", f"{selector} does not show its focus"
            return
    raise AssertionError(f"{selector} was not reached with {most} times {key}")

"""Pictures of every page, against populated simulators of all four providers.

Each page has to be there, whole and quiet: no console error, nothing wider than the window, not
blank. `--keep-screenshots` makes all four variants and keeps them in docs/screenshots/.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from config.demo import EXTRA_SETTINGS, NAMES
from providers.demo import serve
from tests.browser.conftest import sign_in
from tests.product import Product, free_port

pytestmark = pytest.mark.browser
HEIGHTS = {1440: 900, 390: 844}
TALLEST = 2000  # pixels of a page that are shown
SMALLEST = 6_000  # bytes; a blank page has fewer
IN_CI = (("light", 1440), ("dark", 390))
ALL = (("light", 1440), ("dark", 1440), ("light", 390), ("dark", 390))
BLIND = "Old document server"  # an account that nobody answers


@dataclass
class Site:
    """The product with a morning's work in it."""

    product: Product
    sims: dict[str, serve.Running] = field(default_factory=dict)

    def one(self, sql: str, *values: Any) -> Any:
        """The first value of the first row, as soon as there is one."""
        return self.product.wait_until(lambda: self.product.query(sql, *values), sql)[0][0]

    def fill(self) -> None:
        """All accounts from one file, then wait for the first poll of each."""
        accounts = [
            {
                "name": NAMES[key],
                "provider": key,
                "settings": {"base_url": sim.base_url, **EXTRA_SETTINGS.get(key, {})},
                "credentials": {"api_key": sim.api_key},
                "poll_every": 2,
            }
            for key, sim in self.sims.items()
        ]
        path = self.product.folder / "morning.yaml"
        path.write_text(json.dumps({"accounts": accounts}))
        self.product.manage("accounts", "apply", str(path))
        self.sims["smartflows"].start("big_form")
        self.product.wait_until(
            lambda: len(self.product.query(f"{ACCOUNTS} AND last_success_at IS NOT NULL")) == 4,
            "every account is read",
            seconds=60,
        )
        self.product.manage("shell", "-v0", "-c", BATCHES)

    def go_blind(self) -> None:
        """One account fails after it worked, another never worked."""
        ref = self.sims["generio"].start("long_running", seconds=6000)
        self.one("SELECT id FROM executions_execution WHERE ref = %s AND status = 'running'", ref)
        self.sims["generio"].fault("down")
        nobody = {"base_url": f"http://127.0.0.1:{free_port()}"}
        self.product.add_account(BLIND, "smartflows", nobody, api_key="of no use")
        self.one(f"{ACCOUNTS} AND health = 'failing' AND provider = 'generio'")
        self.one(f"{ACCOUNTS} AND name = %s AND failures > 0", BLIND)
        self.product.query(
            "UPDATE providers_provideraccount SET last_success_at = now() - interval '47 min'"
            " WHERE provider = 'generio' AND enabled RETURNING id"
        )

    def pages(self) -> dict[str, str]:
        """Path by name of the picture."""
        failed = self.one(f"{RUNS} {FAILED}", "flow8")
        question = self.one(f"{QUESTIONS} AND kind = 'form' ORDER BY length(q.schema::text) DESC")
        approval = self.one(f"{QUESTIONS} AND kind = 'approval'")
        workflow = self.one(f"{WORKFLOWS} AND provider = 'flow8' ORDER BY length(w.name) DESC")
        prompt = self.one(f"{WORKFLOWS} AND w.ref = 'model_generate_fromprompt'")
        return {
            "runs": "/",
            "runs-empty": "/?q=nothing+is+called+this&started=24h",
            "run-failed": f"/executions/{failed}/",
            "run-with-a-form": f"/executions/{self.one(OF_QUESTION, question)}/",
            "run-done": f"/executions/{self.one(f'{RUNS} {DONE}', 'smartflows')}/",
            "inbox": "/inbox/",
            "answer": f"/questions/{question}/",
            "approval": f"/questions/{approval}/",
            "workflows": "/workflows/",
            "start": f"/workflows/{workflow}/",
            "start-with-fields": f"/workflows/{prompt}/",
            "batches": "/batches/",
            "batch": f"/batches/{self.one(BATCH, 'stopped')}/",
            "batch-preview": f"/batches/{self.one(BATCH, 'draft')}/",
            "accounts": "/accounts/",
            "account": f"/accounts/{self.one(f'{ACCOUNTS} AND provider = %s', 'flow8')}/",
            "notices": "/notices/",
            "statuses": "/statuses/",
        }

    def blind_pages(self) -> dict[str, str]:
        account = self.one(f"{ACCOUNTS} AND provider = %s", "generio")
        return {
            "runs-unreachable": "/",
            "runs-stale": f"/?account={account}",
            "run-stale": f"/executions/{self.one(f'{RUNS} {ACTIVE}', 'generio')}/",
            "accounts-unreachable": "/accounts/",
            "account-unreachable": f"/accounts/{account}/",
        }


BATCH = "SELECT id FROM executions_batch WHERE state = %s"
BATCHES = """
import time, uuid
from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils import timezone
from executions import batches, filters, freezing
from providers.contract import Verb
from providers.models import ProviderAccount
user, accounts = User.objects.get(username="admin"), ProviderAccount.objects.in_bulk()
for address in ("status=running&status=waiting", "lamp=active&lamp=failed"):
    found = filters.parse(QueryDict(address), accounts, now=timezone.now(), sees_all=True)
    asked = freezing.Asked(user, Verb.SUSPEND, uuid.uuid4(), accounts)
    batch = freezing.freeze_matching(asked, found)
    if address.startswith("status"):
        number = batches.total(batch, "waiting")
        batches.start(batch, reason="maintenance window", typed=str(number), address=None)
        time.sleep(3)  # the worker sends some of them
        batches.stop(batch, user=user, accounts=accounts, address=None)
"""
ACCOUNTS = "SELECT id FROM providers_provideraccount WHERE enabled"
RUNS = """SELECT e.id FROM executions_execution e
    JOIN providers_provideraccount a ON a.id = e.account_id AND a.enabled WHERE provider = %s"""
FAILED = """AND status = 'failed' AND error_summary <> ''
    AND e.id IN (SELECT execution_id FROM executions_step)"""
DONE = "AND status = 'succeeded' AND e.id IN (SELECT execution_id FROM executions_output)"
ACTIVE = "AND status IN ('running', 'queued') ORDER BY e.id DESC"
QUESTIONS = """SELECT q.id FROM executions_question q
    JOIN executions_execution e ON e.id = q.execution_id
    JOIN providers_provideraccount a ON a.id = e.account_id
    WHERE a.enabled AND q.closed_at IS NULL AND is_answerable"""
OF_QUESTION = "SELECT execution_id FROM executions_question WHERE id = %s"
WORKFLOWS = """SELECT w.id FROM executions_workflow w
    JOIN providers_provideraccount a ON a.id = w.account_id WHERE a.enabled AND w.can_start"""


@pytest.fixture(scope="module")
def site(product: Product) -> Iterator[Site]:
    with ExitStack() as stack:
        made = Site(product)
        for place, key in enumerate(NAMES):
            sim = serve.running(key, seed=7 + place, populate=True)
            made.sims[key] = stack.enter_context(sim)
        made.fill()
        yield made
        product.query("UPDATE providers_provideraccount SET enabled = false RETURNING id")


@dataclass
class Camera:
    """Looks at pages in every variant that is wanted."""

    site: Site
    pages: dict[tuple[str, int], Page]
    folder: Path
    problems: list[str] = field(default_factory=list)

    def shoot(self, paths: dict[str, str]) -> None:
        for (theme, width), page in self.pages.items():
            for name, path in paths.items():
                self._shoot(page, f"{name}-{theme}-{width}", path, width)

    def _shoot(self, page: Page, name: str, path: str, width: int) -> None:
        answer = page.goto(f"{self.site.product.base_url}{path}")
        if answer is None or not answer.ok:
            self.problems.append(f"{name}: {path} answers {answer and answer.status}")
        if page.locator("#live").count():
            page.wait_for_selector("#live[data-state=live]")
        seen = page.evaluate(LOOK)
        if seen["width"] > width:
            self.problems.append(f"{name}: {seen['width']} px wide because of {seen['wide']}")
        if len(seen["text"]) < 20 or "{{" in seen["text"] or "{%" in seen["text"]:
            self.problems.append(f"{name}: says {seen['text'][:100]!r}")
        tall = min(seen["height"], TALLEST if not path.startswith("/?") and path != "/" else 0)
        box = {"x": 0, "y": 0, "width": width, "height": max(HEIGHTS[width], tall)}
        target = self.folder / f"{name}.png"
        page.screenshot(path=target, full_page=True, clip=box, animations="disabled")  # type: ignore[arg-type]
        if target.stat().st_size < SMALLEST:
            self.problems.append(f"{name}: looks blank")


LOOK = """() => ({
    width: document.documentElement.scrollWidth,
    height: document.documentElement.scrollHeight,
    text: document.querySelector("main").innerText,
    wide: [...document.querySelectorAll("main *")].filter(each =>
        each.getBoundingClientRect().right > innerWidth + 1 && !each.closest(".scroll")
    ).slice(0, 3).map(each => each.outerHTML.slice(0, 80)),
})"""


@pytest.fixture
def camera(
    request: pytest.FixtureRequest, chromium: Browser, site: Site, tmp_path: Path, root: Path
) -> Iterator[Camera]:
    is_kept = request.config.getoption("--keep-screenshots")
    folder = root / "docs" / "screenshots" if is_kept else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    made = Camera(site, {}, folder)
    with ExitStack() as stack:
        cookies: Any = None
        for theme, width in ALL if is_kept else IN_CI:
            context = chromium.new_context(viewport={"width": width, "height": HEIGHTS[width]})
            stack.callback(context.close)
            page = context.new_page()
            page.on("pageerror", lambda error: made.problems.append(str(error)))
            page.on(
                "console",
                lambda said: made.problems.append(said.text) if said.type == "error" else None,
            )
            context.add_cookies([{"name": "theme", "value": theme, "url": site.product.base_url}])
            made.pages[theme, width] = page
            if cookies is None:
                made.shoot({"sign-in": "/sign-in/"})
                sign_in(page, site.product)
                cookies = [c for c in context.cookies() if c["name"] != "theme"]
            else:
                made._shoot(page, f"sign-in-{theme}-{width}", "/sign-in/", width)
                context.add_cookies(cookies)
        yield made


@pytest.mark.timeout(600)  # eighty pages, with --keep-screenshots
def test_every_page_is_whole_in_light_and_dark_wide_and_narrow(camera: Camera) -> None:
    camera.shoot(camera.site.pages())
    camera.site.go_blind()
    camera.shoot(camera.site.blind_pages())
    assert camera.problems == []

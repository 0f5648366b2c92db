"""Every page, on a morning that was put straight into the database.

Each has to be there, whole and quiet: no console error, nothing wider than the window from 1440 to
360 pixels, nothing cut off, not blank; and, in the long tests, no violation that axe-core can find
in either theme (those of the main pages are looked for in `test_accessibility.py` as well).
`--keep-screenshots` keeps pictures of them in both themes: those that a document shows in
docs/screenshots/, all others in .data/screenshots/.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.browser import morning_desk
from tests.browser.conftest import stay_signed_in
from tests.browser.looking import THEMES, in_theme, violations
from tests.product import Product

pytestmark = pytest.mark.browser
DOCUMENTED = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
SIZES = {1440: 900, 390: 844}  # of pictures
LOOKS = (1440, 1024, 768, 360)  # widths in which nothing may be cut
TALLEST = 2000  # pixels of a page that are shown
SMALLEST = 4_000  # bytes; a blank page has fewer
QUALITY = 80  # percent, of WebP
BLIND = "Old document server"  # an account that nobody has ever reached


class Shot(NamedTuple):
    """A page; `act` brings it into the state that is looked at, `is_top` keeps to the window."""

    path: str
    act: Callable[[Page], object] = lambda page: None
    is_top: bool = False
    status: int = 200


def opened(*selectors: str) -> Callable[[Page], object]:
    """Open a panel or a dialog, one within the other, and wait for what it loads."""

    def act(page: Page) -> None:
        for selector in selectors:
            page.locator(selector).click()
        page.wait_for_load_state("networkidle")

    return act


def pressed(key: str, shows: str) -> Callable[[Page], object]:
    def act(page: Page) -> None:
        page.keyboard.press(key)
        page.wait_for_selector(shows)

    return act


def picked(page: Page) -> None:
    for place in (1, 4, 5):
        page.locator("input.pick").nth(place).click()
    page.wait_for_selector("#selection:not([hidden])")


def as_compact(page: Page) -> None:
    page.keyboard.press("Escape")  # the selection of the shot before is kept in this tab
    page.locator("#pick-table > summary").click()
    page.locator("input[name=density][value=compact]").check()
    with page.expect_navigation():
        page.locator("#pick-table button.primary").click()


def as_comfortable(page: Page) -> None:
    page.locator("#pick-table > summary").click()
    page.locator("input[name=density][value='']").check()
    with page.expect_navigation():
        page.locator("#pick-table button.primary").click()


SHOTS = {
    "runs": Shot("/", is_top=True),
    "runs-with-a-filter-open": Shot(
        "/?lamp=failed&started=24h", opened("#pick-filter > summary", "#pick-status summary"), True
    ),
    "runs-with-views-open": Shot(
        "/?started=24h", opened("#pick-table > summary", "#pick-views summary"), True
    ),
    "runs-with-a-selection": Shot("/", picked, True),
    "runs-compact": Shot("/", as_compact, True),
    "runs-comfortable": Shot("/?lamp=done", as_comfortable, True),
    "runs-with-a-wrong-filter": Shot(
        "/?color=red&lamp=failed&not_account={account_flow8}", is_top=True
    ),
    "runs-empty": Shot("/?q=nothing+is+called+this&started=24h"),
    "run-failed": Shot("/executions/{failed}/"),
    "run-with-a-form": Shot("/executions/{asks}/"),
    "run-done": Shot("/executions/{done}/"),
    "run-with-a-long-log": Shot("/executions/{long}/"),
    "run-unknown": Shot("/executions/{unknown}/"),
    "run-cancel": Shot("/executions/{long}/", opened('[data-dialog="dialog-cancel"]'), True),
    "inbox": Shot("/inbox/"),
    "inbox-empty": Shot("/inbox/?q=nothing+is+called+this"),
    "answered-list": Shot("/inbox/answered/"),
    "answer": Shot("/questions/{form}/"),
    "approval": Shot("/questions/{approval}/"),
    "answered": Shot("/questions/{answered}/"),
    "workflows": Shot("/workflows/"),
    "workflows-empty": Shot("/workflows/?q=nothing+is+called+this"),
    "start": Shot("/workflows/{workflow}/"),
    "start-with-fields": Shot("/workflows/{model}/"),
    "command": Shot("/commands/{command}/"),
    "accounts": Shot("/accounts/"),
    "account": Shot("/accounts/{account_smartflows}/"),
    "overview": Shot("/overview/?finished=7d"),
    "overview-hours": Shot("/overview/hours/?finished=7d&weekday=2&hour=10"),
    "overview-answers": Shot("/overview/answers/?finished=7d"),
    "errors": Shot("/errors/?finished=7d"),
    "error": Shot("/errors/{error}/"),
    "keys": Shot("/keys/"),
    "keys-empty": Shot("/keys/?q=ORD-0"),
    "key": Shot("/keys/ORD-9021"),
    "batches": Shot("/batches/"),
    "batch": Shot("/batches/{batch}/"),
    "batch-done": Shot("/batches/{batch_done}/"),
    "batch-preview": Shot("/batches/{batch_draft}/"),
    "notices": Shot("/notices/"),
    "notice": Shot("/notices/messages/{message}/"),
    "notice-messages": Shot("/notices/messages/"),
    "my-work": Shot("/my-work/"),
    "shift": Shot("/shift/?since=8h"),
    "shift-group": Shot("/shift/?since=8h&group=failed"),
    "preferences": Shot("/preferences/"),
    "palette": Shot("/", pressed("Control+k", "#palette-found [role=option]"), True),
    "shortcuts": Shot("/", pressed("?", "#keys[open]"), True),
    "menu": Shot("/", opened("#user-menu summary"), True),
    "statuses": Shot("/statuses/"),
    "not-there": Shot("/executions/999999999/", status=404),
}
UNREACHABLE = {
    "runs-unreachable": Shot("/", is_top=True),
    "runs-stale": Shot("/?account={account_generio}", is_top=True),
    "run-stale": Shot("/executions/{rendering}/"),
    "accounts-unreachable": Shot("/accounts/"),
    "account-unreachable": Shot("/accounts/{account_generio}/"),
}
CROWDED = (  # pages that hold names of others, with and without a table
    "runs", "runs-compact", "runs-comfortable", "run-failed", "run-with-a-form", "run-done",
    "inbox", "answered-list", "answer", "workflows", "start-with-fields", "command", "accounts",
    "account", "overview", "overview-answers", "errors", "error", "keys", "key", "batches", "batch",
    "batch-preview", "notices", "notice", "shift", "shift-group", "palette",
)  # fmt: skip
LONG = "M" * 50  # no place to break it
NAMES = (
    ("providers_provideraccount", "name"),
    ("executions_workflow", "name"),
    ("executions_execution", "name"),
    ("executions_execution", "message"),
    ("executions_question", "title"),
    ("executions_step", "name"),
    ("executions_noticerule", "name"),
    ("executions_note", "text"),
)
LENGTHEN = "UPDATE {0} SET {1} = '{2}' || {1} WHERE char_length({1}) < 50 RETURNING 1"
SHORTEN = "UPDATE {0} SET {1} = substr({1}, 51) WHERE starts_with({1}, '{2}') RETURNING 1"
NOTHING = {  # for somebody who has no account
    "runs-none": Shot("/"),
    "inbox-none": Shot("/inbox/"),
    "overview-none": Shot("/overview/"),
    "errors-none": Shot("/errors/"),
    "workflows-none": Shot("/workflows/"),
    "batches-none": Shot("/batches/"),
    "accounts-none": Shot("/accounts/"),
    "shift-none": Shot("/shift/"),
}
FRESH = (
    "UPDATE providers_provideraccount SET last_success_at = now() WHERE health = 'ok' RETURNING 1"
)
GO_BLIND = """UPDATE providers_provideraccount SET health = 'failing', failures = 31,
    last_error = 'No connection within 10 s.', health_since = now() - interval '46 min',
    last_success_at = now() - interval '47 min' WHERE id = %s RETURNING 1"""
LOOK = """() => {
    const clips = (each) => getComputedStyle(each).overflowX !== "visible";
    const isClipped = (each) => each && each !== document.body
        && (clips(each) || isClipped(each.parentElement));
    const isShown = (each) => each.checkVisibility() && each.getBoundingClientRect().width > 1
        && !each.closest(".unseen, .skip, [popover]");
    const every = [...document.querySelectorAll("body *")].filter(isShown);
    const box = (each) => each.getBoundingClientRect();
    const isClippedIn = (row, each) => each !== row
        && (clips(each) || isClippedIn(row, each.parentElement));
    const lines = (cell) => every.filter((each) => cell.contains(each)).flatMap((each) =>
        [...each.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).flatMap((node) => {
            const range = new Range();
            range.selectNodeContents(node);
            return isClippedIn(cell.parentElement, each) ? [] : [...range.getClientRects()];
        }));
    const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2
        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4;
    const isMixed = (row) => [...row.children].some((cell) => cell.nextElementSibling
        && lines(cell).some((a) => lines(cell.nextElementSibling).some((b) => meet(a, b))));
    const rows = [...document.querySelectorAll("tbody tr")].filter(isShown);
    return {
        mixed: rows.slice(0, 12).filter(isMixed),
        width: document.documentElement.scrollWidth,
        height: document.documentElement.scrollHeight,
        text: document.querySelector("main").innerText,
        out: every.filter((each) => (box(each).right > innerWidth + 1 || box(each).left < -1)
            && !isClipped(each.parentElement)),
        cut: every.filter((each) => each.matches("a, button, label, th, h1, h2, summary, .lamp")
            && each.scrollWidth > each.clientWidth + 1 && clips(each)
            && getComputedStyle(each).textOverflow !== "ellipsis"),
    };
}"""
LOOK_SHORTLY = f"""() => {{
    const seen = ({LOOK})();
    const shown = (list) => list.slice(0, 3).map((each) => each.outerHTML.slice(0, 90));
    return {{...seen, out: shown(seen.out), cut: shown(seen.cut), mixed: shown(seen.mixed)}};
}}"""


@dataclass
class Camera:
    """Looks at pages in every width, and in every theme if the pictures are kept."""

    product: Product
    seeded: dict[str, Any]
    page: Page
    folder: Path | None
    problems: list[str] = field(default_factory=list)
    is_careful: bool = False
    """Whether axe-core looks instead, in both themes."""

    def shoot(self, shots: dict[str, Shot]) -> None:
        for name, shot in shots.items():
            self._open(name, shot)
            if self.is_careful:
                self.problems += [f"{name}, {each}" for each in violations(self.page)]
                continue
            for width in (*LOOKS, *(SIZES.keys() - set(LOOKS) if self.folder else ())):
                height = SIZES.get(width, 900)
                self.page.set_viewport_size({"width": width, "height": height})
                seen = self._look(f"{name}-{width}", width)
                for theme in THEMES if self.folder and width in SIZES else ():
                    in_theme(self.page, theme)
                    tall = height if shot.is_top else max(height, min(seen["height"], TALLEST))
                    self._keep(f"{name}-{theme}-{width}", width, tall)

    def _open(self, name: str, shot: Shot) -> None:
        self.product.query(FRESH)
        self.page.set_viewport_size({"width": 1440, "height": SIZES[1440]})
        answer = self.page.goto(self.product.base_url + shot.path.format(**self.seeded))
        if answer is None or answer.status != shot.status:
            self.problems.append(f"{name}: {shot.path} answers {answer and answer.status}")
        shot.act(self.page)
        if self.page.locator("#live").count():
            self.page.wait_for_selector("#live[data-state=live]")

    def _look(self, name: str, width: int) -> dict[str, Any]:
        seen: dict[str, Any] = self.page.evaluate(LOOK_SHORTLY)
        if seen["width"] > width or seen["out"]:
            self.problems.append(f"{name}: {seen['width']} px wide because of {seen['out']}")
        if seen["cut"]:
            self.problems.append(f"{name}: cut off: {seen['cut']}")
        if seen["mixed"]:
            self.problems.append(f"{name}: text over text: {seen['mixed']}")
        if len(seen["text"]) < 20 or "{{" in seen["text"] or "{%" in seen["text"]:
            self.problems.append(f"{name}: says {seen['text'][:100]!r}")
        return seen

    def _keep(self, name: str, width: int, height: int) -> None:
        assert self.folder is not None
        file = f"{name}.webp"
        target = (DOCUMENTED if (DOCUMENTED / file).exists() else self.folder) / file
        box = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        chromium = self.page.context.new_cdp_session(self.page)
        options = {"format": "webp", "quality": QUALITY, "clip": box, "captureBeyondViewport": True}
        taken = chromium.send("Page.captureScreenshot", options)
        chromium.detach()
        target.write_bytes(base64.b64decode(taken["data"]))
        if target.stat().st_size < SMALLEST:
            self.problems.append(f"{name}: looks blank")


@pytest.fixture(scope="module")
def seeded(product: Product) -> Iterator[dict[str, Any]]:
    said = product.manage("shell", "-v0", "-c", morning_desk.SEED).stdout
    yield dict(json.loads(said.partition("SEED")[2]))
    product.manage("shell", "-v0", "-c", morning_desk.CLEAR)


@pytest.fixture
def camera(
    request: pytest.FixtureRequest,
    context: BrowserContext,
    product: Product,
    seeded: dict[str, Any],
    root: Path,
) -> Camera:
    folder = None
    if request.config.getoption("--keep-screenshots"):
        folder = root / ".data" / "screenshots"
        folder.mkdir(parents=True, exist_ok=True)
    made = Camera(product, seeded, context.new_page(), folder)
    made.page.on("pageerror", lambda error: made.problems.append(str(error)))
    made.page.on(
        "console",
        lambda said: (
            made.problems.append(f"{made.page.url}: {said.text}")
            if said.type == "error" and "status of 404" not in said.text
            else None
        ),
    )
    return made


@pytest.mark.timeout(1500)  # some 250 pictures, with --keep-screenshots
@pytest.mark.parametrize("is_careful", [False, pytest.param(True, marks=pytest.mark.long)])
def test_every_page_is_whole_wide_and_narrow(
    camera: Camera, product: Product, seeded: dict[str, Any], is_careful: bool
) -> None:
    camera.is_careful = is_careful
    camera.shoot({"sign-in": Shot("/sign-in/")})
    stay_signed_in(camera.page, product)
    camera.shoot(SHOTS)
    product.query(GO_BLIND, seeded["account_generio"])
    product.manage("shell", "-v0", "-c", morning_desk.UNREACHED.format(name=BLIND))
    camera.shoot(UNREACHABLE)
    camera.page.context.clear_cookies()
    stay_signed_in(camera.page, product, "eve", morning_desk.PASSWORD)
    camera.shoot(NOTHING)
    assert camera.problems == [], "\n".join(camera.problems)


@pytest.mark.timeout(1500)
def test_the_longest_names_break_no_page(camera: Camera, product: Product) -> None:
    camera.folder = None
    stay_signed_in(camera.page, product)
    for table, column in NAMES:
        product.query(LENGTHEN.format(table, column, LONG))
    try:
        camera.shoot({name: SHOTS[name] for name in CROWDED})
    finally:
        for table, column in NAMES:
            product.query(SHORTEN.format(table, column, LONG))
    assert camera.problems == [], "\n".join(camera.problems)

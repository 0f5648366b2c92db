"""Long days made easier: times, shortcuts, palette, density, notes, the shift, a blind test; and a
whole day's work without a mouse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from executions.display.relative_times import ago
from tests.browser import seeding
from tests.browser.acting import Provider, press_until
from tests.browser.conftest import sign_in
from tests.product import PASSWORD, Product

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def seeded(product: Product) -> Iterator[dict[str, Any]]:
    yield seeding.seed(product)
    seeding.clear(product)


@pytest.fixture
def prefer(product: Product, seeded: dict[str, Any]) -> Iterator[Any]:
    """What the admin likes, until the end of the test."""

    def preferring(**chosen: Any) -> None:
        values = {"zone": "UTC", "is_relative": False, "is_compact": False, "has_shortcuts": True}
        values |= chosen
        product.query(
            "INSERT INTO executions_preference (user_id, zone, is_relative, is_compact, columns,"
            " has_shortcuts) SELECT id, %s, %s, %s, '[]', %s FROM auth_user WHERE username ="
            " 'admin' ON CONFLICT (user_id) DO UPDATE SET zone = excluded.zone, is_relative ="
            " excluded.is_relative, is_compact = excluded.is_compact, has_shortcuts ="
            " excluded.has_shortcuts RETURNING user_id",
            *(values[name] for name in ("zone", "is_relative", "is_compact", "has_shortcuts")),
        )

    yield preferring
    preferring()


def focused(page: Page) -> str:
    """The row that has the focus."""
    return str(page.evaluate("document.activeElement.closest('tr')?.id || ''"))


# -------------------------------------------------------------------------------------- times


def test_a_time_tells_utc_the_own_zone_and_how_long_ago(page, product, seeded, prefer) -> None:
    prefer(zone="Asia/Kolkata")
    page.goto(f"{product.base_url}/executions/{seeded['failed']}/")
    tip = page.locator("#time-tip")
    page.locator("#run-head time").first.hover()
    expect(tip).to_be_visible()
    whole = r"[A-Z][a-z]{2} \d\d \d{4} \d\d:\d\d:\d\d"
    expect(tip).to_have_text(
        re.compile(rf"Asia/Kolkata {whole} IST\s*UTC {whole} UTC\s*\d+ min ago")
    )
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    page.locator("#run-head .run-facts time").nth(1).focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(tip).to_be_visible()


def test_the_times_of_a_row_are_told_to_the_keyboard(page, product, seeded) -> None:
    page.goto(f"{product.base_url}/?account={seeded['account']}")
    page.keyboard.press("j")
    page.keyboard.press("t")
    tip = page.locator("#time-tip")
    expect(tip).to_be_visible()
    held = page.locator("[aria-describedby=time-tip]")
    assert held.evaluate("(each) => each === document.activeElement")
    first = tip.inner_text()
    page.keyboard.press("t")  # the next one of the row
    expect(tip).not_to_have_text(first)


def test_relative_times_are_there_before_the_script_and_tick(
    page, product, seeded, prefer, chromium: Browser
) -> None:
    prefer(is_relative=True)
    path = f"{product.base_url}/?account={seeded['account']}"
    without = chromium.new_context(
        java_script_enabled=False, storage_state=page.context.storage_state()
    )
    still = without.new_page()
    still.goto(path)
    expect(still.locator("[data-row] .c-started time").first).to_have_text(re.compile(r"min ago$"))
    without.close()
    page.goto(path)
    time = page.locator("[data-row] .c-started time").first
    before = time.inner_text()
    page.clock.set_fixed_time(datetime.now(UTC) + timedelta(hours=2, minutes=5))
    expect(time).to_have_text(re.compile(r"^2 h ago$"))
    assert before.endswith("min ago")


TIMED = {
    "runs": "/?account={account}",
    "peek": "/?account={account}&peek={failed}",
    "run": "/executions/{failed}/",
    "running run": "/executions/{running}/",
    "inbox": "/inbox/",
    "errors": "/errors/",
    "workflows": "/workflows/",
    "handover": "/shift/",
    "accounts": "/accounts/",
    "account in the admin": "/admin/providers/provideraccount/{account}/change/",
}


@pytest.mark.parametrize("name", TIMED)
def test_relative_times_go_on_counting_wherever_they_stand(
    page, product, seeded, prefer, name
) -> None:
    prefer(is_relative=True)
    page.goto(product.base_url + TIMED[name].format(**seeded))
    expect(page.locator("time[datetime]").first).to_be_attached()
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2, minutes=5)
    page.clock.set_fixed_time(later)
    read = """() => [...document.querySelectorAll('time[datetime]:not([data-exact])')]
        .filter((each) => each.dateTime && !each.firstElementChild)
        .map((each) => [each.dateTime, each.dataset.word || '', each.textContent])"""
    wrong: list[Any] = []
    for _ in range(16):  # it counts every five seconds
        page.wait_for_timeout(500)
        told = page.evaluate(read)
        # between what the clocks of server and browser say lies less than a minute
        wrong = [
            (at, words)
            for at, word, words in told
            if words
            not in {
                ago(datetime.fromisoformat(at), later + timedelta(seconds=off), word)
                for off in (-30, 0, 30)
            }
        ]
        if not wrong:
            break
    assert told
    assert wrong == []
    assert "ago ago" not in page.locator("body").inner_text()


def test_the_zone_of_the_browser_is_taken_at_the_sign_in(
    product, seeded, prefer, chromium: Browser
) -> None:
    context = chromium.new_context(timezone_id="America/Sao_Paulo")
    page = context.new_page()
    sign_in(page, product)
    expect(page.locator(".foot")).to_contain_text("Times are in America/Sao_Paulo (-03 now).")
    prefer(zone="Asia/Kolkata")
    page.goto(f"{product.base_url}/preferences/")
    page.get_by_role("button", name="Use the time zone of this browser, America/Sao_Paulo").click()
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".message")).to_contain_text("saved")
    expect(page.locator(".foot")).to_contain_text("(-03 now)")
    context.close()


# -------------------------------------------------------------------------- shortcuts and palette


def test_keys_move_through_the_rows_and_open_one(page, product, seeded) -> None:
    page.goto(f"{product.base_url}/?account={seeded['account']}")
    rows = [row.get_attribute("id") for row in page.locator("[data-row]").all()]
    for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        assert focused(page) == rows[place]
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) != "none"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/executions/{rows[1].removeprefix('run-')}/")
    page.keyboard.press("g")
    page.keyboard.press("i")
    page.wait_for_url("**/inbox/")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.matches('.inbox-link')")
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url(f"{product.base_url}/")


def test_keys_pause_refresh_and_explain(page, product, seeded) -> None:
    page.goto(f"{product.base_url}/?account={seeded['account']}")
    page.keyboard.press("p")
    expect(page.locator("#live")).to_have_attribute("data-state", "paused")
    page.keyboard.press("p")
    expect(page.locator("#live")).not_to_have_attribute("data-state", "paused")
    with page.expect_request("**/executions/changes/**"):
        page.keyboard.press("r")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("j")  # a dialog has the keyboard to itself
    assert focused(page) == ""
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("h")
    page.wait_for_url("**/statuses/#*")
    expect(page.locator(":target dt .lamp")).to_be_visible()


def test_keys_select_the_row_where_rows_can_be_selected(page, product, seeded) -> None:
    page.goto(f"{product.base_url}/?account={seeded['account']}")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    boxes = page.locator("[data-row] input.pick")
    expect(boxes.nth(1)).to_be_checked()
    expect(boxes.nth(0)).not_to_be_checked()


def test_keys_do_nothing_while_somebody_types_or_holds_a_modifier(page, product, seeded) -> None:
    page.goto(f"{product.base_url}/?account={seeded['account']}")
    page.keyboard.press("/")
    search = page.locator("#search")
    expect(search).to_be_focused()
    page.keyboard.type("jk?rpgi/")
    expect(search).to_have_value("jk?rpgi/")
    page.locator("#main").focus()
    for key in ("Control+j", "Alt+p", "Control+/", "Meta+r"):
        taken = page.evaluate(TAKES, [key.split("+")[0], key.split("+")[1]])
        assert not taken, f"{key} belongs to the browser"


TAKES = """([modifier, key]) => {
    const event = new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true,
        ctrlKey: modifier === "Control", altKey: modifier === "Alt", metaKey: modifier === "Meta"});
    document.getElementById("main").dispatchEvent(event);
    return event.defaultPrevented;
}"""


def test_who_switched_the_keys_off_has_none(page, product, seeded, prefer) -> None:
    prefer(has_shortcuts=False)
    page.goto(f"{product.base_url}/?account={seeded['account']}")
    for key in ("j", "/", "?", "Control+k", "p"):
        page.keyboard.press(key)
    assert focused(page) == ""
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.locator("#live")).not_to_have_attribute("data-state", "paused")
    page.locator("[data-palette]").click()  # the button is still there
    expect(page.locator("#palette-q")).to_be_focused()


def test_the_palette_goes_to_a_run_by_its_identifier(page, product, seeded) -> None:
    page.goto(f"{product.base_url}/accounts/")
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Go to a run, workflow, account or page")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-expanded", "true")
    page.keyboard.type("seed-failed")
    option = page.get_by_role("option", name=re.compile("seed-failed"))
    expect(option).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", option.get_attribute("id"))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/executions/{seeded['failed']}/")


def test_the_palette_is_walked_with_arrows_and_waits_for_the_answer(page, product, seeded) -> None:
    page.goto(f"{product.base_url}/")
    page.keyboard.press("Control+k")
    options = page.locator("#palette [role=option]")
    expect(options.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.type("what the statuses")
    page.keyboard.press("Enter")  # before the server has said anything
    page.wait_for_url("**/statuses/")


def test_the_palette_acts_on_the_run_that_is_open(page, product, seeded) -> None:
    page.goto(f"{product.base_url}/executions/{seeded['running']}/")
    page.keyboard.press("Control+k")
    page.keyboard.type("cancel")
    expect(page.get_by_role("option", name=re.compile("^Cancel run"))).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#dialog-cancel")).to_be_visible()
    expect(page.locator("#palette")).to_be_hidden()


# -------------------------------------------------------------------------------- how pages look


def test_density_makes_rows_lower(page, product, seeded, prefer) -> None:
    heights = {}
    for is_compact in (False, True):
        prefer(is_compact=is_compact)
        page.goto(f"{product.base_url}/?account={seeded['account']}&status=succeeded")
        heights[is_compact] = page.locator("[data-row]").first.bounding_box()["height"]
    assert heights[False] >= 42
    assert heights[True] <= 36


def test_less_motion_and_forced_colours_are_obeyed(page, product, seeded) -> None:
    page.emulate_media(reduced_motion="reduce", forced_colors="active")
    page.goto(f"{product.base_url}/?account={seeded['account']}&status=running")
    ring = page.locator("[data-row] .icon-ring").first
    assert ring.evaluate("(each) => getComputedStyle(each).animationName") == "none"
    mark = ring.evaluate("(each) => getComputedStyle(each).backgroundColor")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert mark != ground  # a mark that is painted as a background would vanish


def test_the_first_tab_skips_to_the_content(page, product, seeded) -> None:
    page.goto(f"{product.base_url}/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


@pytest.mark.fault("L8")
def test_the_end_of_a_session_leaves_a_half_typed_form(
    context: BrowserContext, page, product, seeded
) -> None:
    page.goto(f"{product.base_url}/questions/{seeded['form']}/")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    context.clear_cookies(name=re.compile("session"))
    page.locator("form.answer").get_by_label("Amount").press_sequentially("4711")
    banner = page.locator("#signed-out")
    expect(banner).to_be_visible()
    expect(page.locator(".signed-out:visible")).to_have_count(1)
    expect(page.locator("form.answer").get_by_label("Amount")).to_have_value("4711")
    expect(banner.get_by_role("link")).to_have_attribute("href", re.compile("next=.*questions"))


# ------------------------------------------------------------------------- notes, shift, blind test


def test_a_note_appears_on_the_open_list_of_others(
    context: BrowserContext, page, product, seeded
) -> None:
    page.goto(f"{product.base_url}/?account={seeded['account']}&status=running")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    other = context.new_page()
    other.goto(f"{product.base_url}/executions/{seeded['running']}/")
    other.get_by_label("Write a note").fill("Waits for the night shift")
    other.get_by_role("button", name="Add the note").click()
    expect(other.locator("#notes")).to_contain_text("Waits for the night shift")
    expect(page.locator(f"#run-{seeded['running']}")).to_contain_text("Waits for the night shift")


def test_a_shift_is_looked_at_and_taken_over(page, product, seeded) -> None:
    page.goto(f"{product.base_url}/shift/?since=8h")
    failed = page.get_by_role("link", name=re.compile(r"^\d+ Failed$"))
    expect(failed).to_contain_text("2")
    failed.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Failed")
    expect(page.locator(".event-row")).to_have_count(2)
    page.get_by_role("link", name=re.compile("seed-failed")).click()
    page.wait_for_url(f"**/executions/{seeded['failed']}/")
    page.keyboard.press("g")
    page.keyboard.press("s")
    page.get_by_role("button", name="Mark as read up to now").click()
    expect(page.locator(".message")).to_contain_text("Marked as read up to")
    expect(page.locator(".empty")).to_contain_text("Nothing changed")


def test_an_account_made_unreachable_is_told_on_every_open_page(
    context: BrowserContext, page, open_provider, product
) -> None:
    desk: Provider = open_provider("smartflows", "Blind desk", speed=1)
    desk.stored(desk.begin("long_running"))
    page.goto(f"{product.base_url}/inbox/")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    admin = context.new_page()
    admin.goto(f"{product.base_url}/accounts/{desk.account}/")
    admin.get_by_role("button", name="Start the test").click()
    expect(page.locator("#trouble")).to_contain_text("Blind desk is in a blind test until")
    health = "SELECT health FROM providers_provideraccount WHERE id = %s"
    product.wait_until(
        lambda: product.query(health, desk.account) == [("failing",)], "a real poll has failed"
    )
    expect(admin.locator("#account")).to_contain_text("Failing, trying again")
    expect(admin.locator("#account")).to_contain_text("This is a blind test")
    admin.get_by_role("button", name="End the test").click()
    product.wait_until(lambda: product.query(health, desk.account) == [("ok",)], "it is read again")
    expect(page.locator("#trouble")).not_to_contain_text("blind test")


# --------------------------------------------------------------------------- without a mouse


def test_a_day_by_keyboard_alone(chromium: Browser, product, seeded, open_provider) -> None:
    """Find a failed run, read its log, cancel another, answer a form: no mouse, no script."""
    desk: Provider = open_provider("smartflows", "Keyboard desk", speed=5)
    long, asks = desk.begin("long_running", seconds=6000), desk.begin("one_round_form")
    desk.stored(long)
    question = "SELECT 1 FROM executions_question q JOIN executions_execution e ON e.id ="
    question += " q.execution_id WHERE e.ref = %s"
    product.wait_until(lambda: product.query(question, asks), "it asks")
    context = chromium.new_context(viewport={"width": 1440, "height": 1000})
    context.set_default_timeout(45_000)
    page = context.new_page()
    page.goto(f"{product.base_url}/sign-in/")
    expect(page.get_by_label("User name")).to_be_focused()  # what is typed before goes nowhere
    page.keyboard.type("admin")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{product.base_url}/")

    page.keyboard.press("/")  # find a failed run by its error
    page.keyboard.type("refused by the ERP")
    page.keyboard.press("Enter")
    expect(page.locator("[data-row]")).to_have_count(1)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/executions/{seeded['failed']}/**")

    press_until(page, "Tab", "nav.tabs a[href*='tab=log']")  # read its log
    page.keyboard.press("Enter")
    page.wait_for_url("**tab=log**")
    press_until(page, "Tab", "#log-q")
    page.keyboard.type("refused")
    page.keyboard.press("Enter")
    found = page.locator(".log-line:not(.is-around)")
    expect(found).to_have_count(1)
    expect(found).to_contain_text("Connection refused")

    page.locator("body").press("Control+k")  # cancel another
    page.keyboard.type(long)
    page.keyboard.press("Enter")
    expect(page.locator("#run-head code")).to_have_text(long)
    page.keyboard.press("Control+k")
    page.keyboard.type("cancel")
    page.keyboard.press("Enter")
    expect(page.locator("#dialog-cancel")).to_be_visible()
    press_until(page, "Tab", "#dialog-cancel input[name=reason]", 5)
    page.keyboard.type("Started twice")
    press_until(page, "Tab", "#dialog-cancel button.danger", 5)
    page.keyboard.press("Enter")
    expect(page.locator("#run-head")).to_contain_text("Canceled")
    assert desk.sim.effects["cancel"] == [long]

    page.keyboard.press("g")  # answer a form
    page.keyboard.press("i")
    page.wait_for_url("**/inbox/")
    number = product.query(question.replace("SELECT 1", "SELECT q.id"), asks)[0][0]
    task = page.locator(f"#task-{number}")
    for _ in range(30):
        page.keyboard.press("j")
        if task.locator(".inbox-link:focus").count():
            break
    page.wait_for_url("**/questions/**")
    expect(task.locator("[aria-current]")).to_have_count(1)
    page.keyboard.press("Enter")  # into its form
    expect(page.locator("form.answer input[type=text]").first).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("Bergen")
    press_until(page, "Tab", "button[data-answers]")
    page.keyboard.press("Enter")
    product.wait_until(lambda: desk.sim.effects.get("answer"), "the provider has the answer")
    assert "Bergen" in desk.sim.effects["answer"][0]["values"].values()
    context.close()

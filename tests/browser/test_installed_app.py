"""The site as an app in a real browser: what is kept, how it is marked, and that it is gone when
its person is."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from tests.browser.conftest import sign_in
from tests.product import PASSWORD, Product

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
STATIC = Path(settings.BASE_DIR) / "static"
KEPT = """async () => {
  const found = {};
  for (const name of await caches.keys())
    found[name] = (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname);
  return found;
}"""
CONTROLLED = "() => navigator.serviceWorker?.controller?.state === 'activated'"
DRAWN = """async ([first, second, size]) => {
  const pixels = async (source) => {
    const image = new Image(size, size);
    image.src = source;
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: size, height: size });
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0, size, size);
    return context.getImageData(0, 0, size, size).data;
  };
  const [a, b] = [await pixels(first), await pixels(second)];
  return a.reduce((sum, value, index) => sum + Math.abs(value - b[index]), 0) / a.length;
}"""


@pytest.fixture
def app(chromium: Browser, product: Product) -> Iterator[BrowserContext]:
    context = chromium.new_context(
        viewport={"width": 1440, "height": 1000}, service_workers="allow"
    )
    context.set_default_timeout(45_000)
    yield context
    context.close()


@pytest.fixture
def page(app: BrowserContext, product: Product) -> Page:
    """Signed in, with the worker at work and the three pages seen."""
    page = app.new_page()
    sign_in(page, product)
    page.wait_for_function(CONTROLLED)
    see(page, product)
    return page


def see(page: Page, product: Product) -> None:
    for path in ("/overview/", "/inbox/", "/"):
        page.goto(product.base_url + path)
    product.wait_until(lambda: len(own_pages(page)) == 3, "three pages are kept")


def own_pages(page: Page) -> list[str]:
    found: dict[str, list[str]] = page.evaluate(KEPT)
    return sorted(path for name, paths in found.items() if name.startswith("kept-")
                  for path in paths)  # fmt: skip


def names(page: Page) -> list[str]:
    return sorted(name.partition("-")[0] for name in page.evaluate(KEPT))


def test_without_a_connection_the_last_seen_pages_come_marked_as_old_and_act_on_nothing(
    page, app, product
):
    assert own_pages(page) == ["/", "/inbox/", "/overview/"]
    assert not page.locator("#offline").is_visible()
    app.set_offline(True)
    for path in ("/", "/inbox/", "/overview/"):
        page.goto(product.base_url + path)
        expect(page.locator("#offline")).to_contain_text("Offline; this is what was known at")
        assert page.locator("#offline time").inner_text().strip()
        assert page.title().startswith("Offline: ")
        assert page.locator(":is(button, input, select, textarea):not([disabled])").count() == 0
        html = page.content()
        assert "<script" not in html
        assert "csrfmiddlewaretoken" not in html
        assert " ago</time>" not in html
        assert page.locator("#live-word").inner_text() == "Offline"
    page.goto(f"{product.base_url}/?lamp=failed")  # the address says what is shown
    assert page.url == f"{product.base_url}/"
    page.goto(f"{product.base_url}/accounts/")
    expect(page.get_by_role("heading", name="Offline")).to_be_visible()
    page.get_by_role("link", name="Inbox").click()
    expect(page.locator("#offline")).to_be_visible()
    app.set_offline(False)
    page.goto(product.base_url)
    expect(page.locator("#offline")).to_be_hidden()
    expect(page.locator("#live-word")).not_to_have_text("Offline")


def test_the_policy_of_a_page_is_kept_with_it(page, app, product):
    app.set_offline(True)
    answer = page.goto(product.base_url)
    assert answer is not None
    assert answer.from_service_worker
    policy = (answer.header_value("content-security-policy") or "").split("; ")
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy)


def test_nothing_is_kept_after_signing_out(page, app, product):
    page.locator("#user-menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in/**")
    product.wait_until(lambda: names(page) == ["site"], "nothing of the person is left")
    app.set_offline(True)
    for path in ("/", "/inbox/", "/overview/"):
        page.goto(product.base_url + path)
        expect(page.locator("main")).to_contain_text("is not kept on this device")
        assert page.locator("[data-user]").count() == 0


def test_a_session_that_is_over_leaves_nothing_when_the_sign_in_page_comes(page, app, product):
    app.clear_cookies()
    page.goto(product.base_url)
    assert "/sign-in/" in page.url
    product.wait_until(lambda: names(page) == ["site"], "nothing of the person is left")


def test_another_person_sees_nothing_of_the_one_before(page, app, product):
    product.manage(
        "shell", "-c",
        "from django.contrib.auth.models import Group, User;"
        "eve, _ = User.objects.get_or_create(username='eve');"
        f"eve.set_password('{PASSWORD}'); eve.save();"
        "eve.groups.add(Group.objects.get(name='viewer'))",
    )  # fmt: skip
    before = [name for name in page.evaluate(KEPT) if name.startswith("kept-")]
    cookies = app.cookies()
    app.clear_cookies()  # as if the session had run out, and eve came by a link of her own
    other = app.browser.new_context()  # type: ignore[union-attr]
    hers = other.new_page()
    sign_in(hers, product, "eve")
    app.add_cookies(other.cookies())
    other.close()
    page.goto(f"{product.base_url}/accounts/")
    assert page.locator("body").get_attribute("data-user") not in before[0]
    product.wait_until(lambda: names(page) == ["site"], "nothing of the one before is left")
    see(page, product)
    after = [name for name in page.evaluate(KEPT) if name.startswith("kept-")]
    assert len(before) == len(after) == 1
    assert before != after
    assert cookies


def test_the_admin_and_the_wall_are_left_alone(page, app, product):
    app.set_offline(True)
    for path in ("/admin/", "/wall/"):
        with pytest.raises(Error, match="ERR_INTERNET_DISCONNECTED"):
            app.new_page().goto(product.base_url + path)


def test_a_new_worker_takes_over_and_leaves_nothing_of_the_old_one(page, product):
    page.evaluate("async () => { await caches.open('site-of-before'); }")
    page.evaluate(
        "async () => { await (await navigator.serviceWorker.getRegistration()).unregister(); }"
    )
    page.goto(f"{product.base_url}/accounts/")
    page.wait_for_function(CONTROLLED)
    product.wait_until(lambda: names(page) == ["site"], "the caches of before are gone")
    assert "site-of-before" not in page.evaluate(KEPT)
    see(page, product)


def test_a_pushed_message_is_shown_and_leads_where_it_says(page, app, product):
    """The worker takes a real push; that this browser lets nobody show anything is seen to."""
    [worker] = app.service_workers
    worker.evaluate(
        "() => { self.shown = []; self.registration.showNotification = async (title, more) =>"
        " { self.shown.push([title, more.body, more.tag, more.data.path]); }; }"
    )
    session = app.new_cdp_session(page)
    found: dict[str, Any] = {}
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: found.update({each["scopeURL"]: each for each in event["registrations"]}),
    )
    session.send("ServiceWorker.enable")
    scope = f"{product.base_url}/"
    product.wait_until(lambda: page.evaluate("1") and scope in found, "the worker is known")
    words = {"title": "Failed: Import", "body": "Failed at noon", "path": "/inbox/", "tag": "m-1"}
    session.send(
        "ServiceWorker.deliverPushMessage",
        {
            "origin": product.base_url,
            "registrationId": found[scope]["registrationId"],
            "data": json.dumps(words),
        },
    )
    shown = product.wait_until(lambda: worker.evaluate("() => self.shown"), "it is shown")
    assert shown == [["Failed: Import", "Failed at noon", "m-1", "/inbox/"]]


def test_a_browser_asks_for_permission_by_a_click_and_never_by_itself(page, app, product):
    page.add_init_script(
        "window.asked = 0; Notification.requestPermission = async () => { window.asked++;"
        " return 'denied'; };"
    )
    page.goto(f"{product.base_url}/preferences/browsers/")
    button = page.get_by_role("button", name="Show notifications in this browser")
    expect(button).to_be_visible()
    assert page.evaluate("asked") == 0
    button.click()
    expect(page.locator("#push-said")).to_contain_text("does not let the site show notifications")
    assert page.evaluate("asked") == 1


@pytest.mark.parametrize(("name", "size"), [("icon-192.png", 192), ("icon-512.png", 512)])
def test_the_icons_are_drawn_from_the_one_picture(
    chromium: Browser, name: str, size: int, pytestconfig: pytest.Config
) -> None:
    """`--keep-screenshots` draws them anew, and the one that may be cut to any shape."""
    svg = (STATIC / "icon.svg").read_text()
    sized = svg.replace("<svg ", f'<svg width="{size}" height="{size}" ', 1)
    page = chromium.new_page(viewport={"width": size, "height": size})
    path = STATIC / "icons" / name
    if pytestconfig.getoption("--keep-screenshots"):
        page.set_content(f"<style>body {{ margin: 0 }} svg {{ display: block }}</style>{sized}")
        page.screenshot(path=path, omit_background=True)
        if size == 512:
            page.set_content(
                "<style>body { margin: 0; background: #1b2128 } svg { display: block;"
                f" transform: scale(.88) }}</style>{sized}"
            )
            page.screenshot(path=STATIC / "icons" / "icon-maskable-512.png")
    uri = "data:image/svg+xml;base64," + base64.b64encode(sized.encode()).decode()
    png = "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()
    assert page.evaluate(DRAWN, [uri, png, size]) < 1
    page.close()

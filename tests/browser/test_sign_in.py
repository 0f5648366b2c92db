"""Signing in in a real browser, at a site with an OpenID provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests import openid_provider
from tests.browser.conftest import sign_in
from tests.config.test_second_factor import code_of
from tests.product import PASSWORD, Product, own_folder
from tests.quick_postgres import wait_for_no_disk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
MINA = {
    "email": "mina@example.com", "email_verified": True, "preferred_username": "mina",
    "groups": ["ops"],
}  # fmt: skip


@pytest.fixture(scope="module")
def provider() -> Iterator[openid_provider.Running]:
    with openid_provider.running() as found:
        yield found


@pytest.fixture(scope="module")
def site(provider: openid_provider.Running, chromium: Browser) -> Iterator[Product]:
    """A product of its own, under a name: passkeys are bound to names, not to addresses."""
    entry = {
        "id": "company", "name": "Company account", "issuer": provider.issuer,
        "client_id": "annunciator", "client_secret": "s3cret", "contact": "the platform team",
        "groups": {"ops": {"roles": ["operator"]}, "lookers": {"roles": ["viewer"]}},
    }  # fmt: skip
    with own_folder() as folder:
        path = folder / "sign-in.yaml"
        path.write_text(json.dumps({"providers": [entry]}))
        with Product(folder, ANNUNCIATOR_SIGN_IN=str(path)) as running:
            running.base_url = f"http://localhost:{running.port}"
            wait_for_no_disk(running.env["DATABASE_OWNER_URL"])
            yield running


@pytest.fixture
def visitor(context: BrowserContext) -> Iterator[Page]:
    """Nobody yet; a console error or a broken content policy fails the test."""
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda said: (
            problems.append(said.text)
            if said.type == "error" and "Failed to load resource" not in said.text
            else None
        ),
    )
    yield page
    assert problems == []


def come_in(page: Page, site: Product, subject: str) -> None:
    """By the button of the provider, and on the provider's own page."""
    page.goto(f"{site.base_url}/inbox/")
    page.get_by_role("link", name="Sign in with Company account").click()
    at_provider(page, subject)


def at_provider(page: Page, subject: str) -> None:
    page.locator("input[name=sub]").fill(subject)
    page.locator("button[type=submit], button:not([type])").first.click()


def test_somebody_comes_in_by_the_provider_and_is_what_their_groups_say(
    visitor: Page, site: Product, provider: openid_provider.Running
) -> None:
    provider.person("mina", **MINA)
    come_in(visitor, site, "mina")
    expect(visitor).to_have_url(f"{site.base_url}/inbox/")
    expect(visitor.locator("#user-menu > summary")).to_contain_text("mina")
    expect(visitor.locator("#live")).to_have_attribute("data-state", "live", timeout=45_000)
    provider.person("mina", **{**MINA, "groups": ["cooks"]})
    visitor.locator("#user-menu > summary").click()
    visitor.get_by_role("button", name="Sign out").click()
    come_in(visitor, site, "mina")
    expect(visitor.locator("main")).to_contain_text("Ask the platform team.")
    visitor.goto(site.base_url)
    expect(visitor).to_have_url(f"{site.base_url}/sign-in/?next=/")


@pytest.fixture
def authenticator(context: BrowserContext, visitor: Page) -> dict[str, Any]:
    """A device with passkeys whose owner is always there."""
    devtools = context.new_cdp_session(visitor)
    devtools.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
        "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    made: dict[str, Any] = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return made


def sign_out(page: Page) -> None:
    page.locator("#user-menu > summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("input[name=username]")).to_be_visible()


def test_a_passkey_is_added_and_signs_in_alone(
    visitor: Page, site: Product, authenticator: dict[str, Any]
) -> None:
    sign_in(visitor, site)
    visitor.locator("#user-menu > summary").click()
    visitor.get_by_role("link", name="Security").click()
    visitor.get_by_role("link", name="Add a passkey").click()
    visitor.locator("#id_name").fill("The desk's computer")
    visitor.get_by_role("button", name="Add").click()
    expect(visitor.locator(".recovery-codes li")).to_have_count(10)
    visitor.get_by_role("link", name="Back").click()
    expect(visitor.locator("main")).to_contain_text("The desk's computer")
    sign_out(visitor)
    visitor.goto(f"{site.base_url}/inbox/")
    visitor.get_by_role("button", name="Sign in with a passkey").click()
    expect(visitor).to_have_url(f"{site.base_url}/inbox/")
    expect(visitor.locator("#user-menu > summary")).to_contain_text("admin")
    sign_out(visitor)
    visitor.locator("input[name=username]").fill("admin")
    visitor.locator("input[name=password]").fill(PASSWORD)
    visitor.get_by_role("button", name="Sign in", exact=True).click()
    visitor.get_by_role("button", name="Use a passkey").click()
    expect(visitor.locator("#user-menu > summary")).to_contain_text("admin")
    said = site.query(
        "SELECT detail ->> 'by' FROM executions_auditentry WHERE action = 'signed in' ORDER BY id"
    )
    assert [row[0] for row in said][-3:] == ["password", "webauthn", "password, webauthn"]
    visitor.goto(f"{site.base_url}/security/")
    visitor.get_by_role("link", name="Remove").first.click()
    visitor.get_by_role("button", name="Remove the passkey").click()
    sign_out(visitor)
    visitor.get_by_role("button", name="Sign in with a passkey").click()
    expect(visitor.locator(".messages")).to_contain_text("This passkey was not accepted")


def test_who_came_by_the_provider_proves_it_there_sets_up_an_app_and_is_asked_for_its_code(
    visitor: Page, site: Product, provider: openid_provider.Running
) -> None:
    provider.person("mina", **MINA, auth_time=1_700_000_000)
    come_in(visitor, site, "mina")
    visitor.goto(f"{site.base_url}/security/")
    visitor.get_by_role("link", name="Set up").click()
    expect(visitor.locator("input[name=sub]")).to_be_visible()  # asked again, by the provider
    provider.person("mina", **MINA)
    at_provider(visitor, "mina")
    expect(visitor).to_have_url(f"{site.base_url}/security/app/")
    secret = visitor.locator(".totp-key code").inner_text()
    visitor.locator("#id_code").fill(code_of(secret))
    visitor.get_by_role("button", name="Set up").click()
    expect(visitor.locator(".recovery-codes li")).to_have_count(10)
    used = ""
    for is_first in (True, False):
        sign_out(visitor)
        come_in(visitor, site, "mina")
        expect(visitor.locator("h1")).to_have_text("Second factor")
        used = code_of(secret) if is_first else used
        visitor.locator("#id_code").fill(used)
        visitor.get_by_role("button", name="Sign in", exact=True).click()
        if is_first:
            expect(visitor).to_have_url(f"{site.base_url}/inbox/")
    expect(visitor.locator("main")).to_contain_text("was used already")


def test_names_and_passwords_work_beside_the_provider(visitor: Page, site: Product) -> None:
    sign_in(visitor, site)
    expect(visitor.locator("#user-menu > summary")).to_contain_text("admin")

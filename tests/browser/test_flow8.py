"""flow8 in a real browser: approve, decline, start with arguments, and the hint of the socket."""

from __future__ import annotations

import time

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.browser.acting import Provider, is_marked, mark
from tests.busy import LATE

pytestmark = pytest.mark.browser
CHANGE = """row => { window.changed = new Promise(done => new MutationObserver(() => {
    if (document.querySelector(row).innerText.includes("Running")) done(Date.now());
}).observe(document.body, {subtree: true, childList: true, characterData: true})); }"""


@pytest.fixture(scope="module")
def back_office(open_provider) -> Provider:
    return open_provider("flow8", "flow8 desk", speed=2)


@pytest.fixture(scope="module")
def rarely_polled(open_provider) -> Provider:
    """Polled every ten minutes; only the socket tells more."""
    provider: Provider = open_provider("flow8", "flow8 by hints", speed=2)
    provider.stored(provider.begin("long_running"))
    provider.product.query(
        "UPDATE providers_provideraccount SET poll_every = 600, next_poll_at = now() + '10 min'"
        " WHERE id = %s RETURNING id",
        provider.account,
    )
    provider.product.wait_until(lambda: provider.received("WEBSOCKET", "/ws"), "the socket is open")
    return provider


def test_a_pay_out_is_approved_with_a_note(page: Page, back_office: Provider) -> None:
    ref = back_office.see_appear(page, "approval")
    steps, question = page.locator("#steps .step"), page.locator(".question")
    expect(steps.filter(has_text="Read claim")).to_contain_text("Succeeded")
    expect(steps.filter(has_text="Approve pay out")).to_contain_text("Needs you")
    expect(question).to_be_visible()
    assert is_marked(page)

    question.get_by_label("Note").press_sequentially("Checked by phone, 4-eyes done")
    question.get_by_role("button", name="Approve").click()
    expect(page.locator(".message")).to_contain_text("Your answer is recorded")
    mark(page)
    expect(page.locator("#run-head .run-state")).to_contain_text("Succeeded")
    expect(steps.filter(has_text="Notify customer")).to_contain_text("Succeeded")
    expect(page.locator("#people li").filter(has_text="answered")).to_contain_text("confirmed")
    assert is_marked(page)

    (approved,) = back_office.sim.effects["approve"]
    assert (approved["ref"], approved["layer"]) == (ref, "approvePayOut")
    assert approved["note"] == "Checked by phone, 4-eyes done"
    (body,) = back_office.received("POST", f"{ref}/approve")
    assert body["decision"] == "approved"


def test_a_pay_out_is_declined_from_the_inbox(page: Page, back_office: Provider) -> None:
    page.goto(f"{back_office.product.base_url}/inbox/")
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    mark(page)
    ref = back_office.begin("approval")
    sql = "SELECT id FROM executions_question WHERE execution_id = %s"
    run = back_office.stored(ref)
    back_office.product.wait_until(lambda: back_office.product.query(sql, run), "it asks")
    [(question,)] = back_office.product.query(sql, run)
    expect(page.locator(f"#task-{question}")).to_be_visible()
    assert is_marked(page)
    page.locator(f"#task-{question} a").click()
    expect(page.locator(f"#answer-{question}")).to_be_visible()
    page.get_by_label("Note").press_sequentially("Cover ended in May")
    page.get_by_role("button", name="Decline…").click()
    page.locator("dialog[open]").get_by_role("button", name="Decline", exact=True).click()
    page.locator("#sent").get_by_role("link", name="Open run").click()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    mark(page)
    expect(page.locator("#run-head .run-state")).to_contain_text("Failed")
    expect(page.locator("#run-error")).to_contain_text("Declined: Cover ended in May")
    expect(page.locator("#people li").filter(has_text="answered")).to_contain_text("confirmed")
    assert is_marked(page)

    (declined,) = back_office.sim.effects["decline"]
    assert (declined["ref"], declined["note"]) == (ref, "Cover ended in May")
    assert len(back_office.received("POST", f"{ref}/approve")) == 1


def test_a_play_is_started_with_arguments(page: Page, back_office: Provider) -> None:
    page.goto(f"{back_office.product.base_url}/workflows/?q=Stock+level")
    page.get_by_role("row").filter(has_text="flow8 desk").get_by_role("link", name="Start").click()
    page.get_by_label("Arguments").fill('{"reference": "LOG-7001", "depot": "Bremen"}')
    page.get_by_role("button", name="Start the run").click()
    mark(page)
    expect(page.locator("#command")).to_contain_text("confirmed")
    assert is_marked(page)
    page.get_by_role("link", name="Open the run").click()
    expect(page.locator("#run-head .run-state")).to_contain_text("Succeeded")
    page.get_by_role("link", name="Data").click()
    expect(page.locator("#payload-input")).to_contain_text("LOG-7001")

    (started,) = back_office.sim.effects["start"]
    assert started["values"] == {"reference": "LOG-7001", "depot": "Bremen"}
    (body,) = back_office.received("POST", "/run")
    assert body["args"] == started["values"]
    assert body["idempotencyKey"] == started["key"]


def test_a_hint_of_the_socket_shows_a_changed_play_within_a_second(
    page: Page, rarely_polled: Provider
) -> None:
    rarely_polled.open_list(page)
    mark(page)
    ref = rarely_polled.begin("approval")
    page.locator("#newer .pill").click()  # nobody polled for it either
    row = page.locator(f"#run-{rarely_polled.stored(ref)}")
    expect(row).to_contain_text("Needs you")
    mark(page)
    polls = "SELECT count(*) FROM executions_pollrun WHERE account_id = %s"
    before = rarely_polled.product.query(polls, rarely_polled.account)
    layer = rarely_polled.sim.world.runs[ref].layers["approvePayOut"]["id"]  # type: ignore[attr-defined]
    time.sleep(1.5)  # the hints of its beginning are over

    page.evaluate(CHANGE, f"#run-{rarely_polled.stored(ref)}")
    began = time.time()
    requests.post(  # somebody approves at the provider
        f"{rarely_polled.sim.base_url}/api/plays/{ref}/approve",
        json={"layerId": layer, "decision": "approved"},
        headers={"Authorization": f"Bearer {rarely_polled.sim.api_key}"},
        timeout=5,
    ).raise_for_status()
    took = page.evaluate("window.changed") / 1000 - began
    expect(row).to_contain_text("Running")
    assert is_marked(page)
    assert took < LATE, f"the change showed after {took:.2f} s"
    assert rarely_polled.product.query(polls, rarely_polled.account) == before

"""Smart Flows in a real browser: a form of two rounds, a cancel and a document."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.acting import Provider, act, is_marked, mark

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def documents(open_provider) -> Provider:
    return open_provider("smartflows", "Smart Flows desk", speed=3)


def test_a_form_of_two_rounds_is_typed_in_and_the_run_goes_on(
    page: Page, documents: Provider
) -> None:
    ref = documents.see_appear(page, "two_round_form")
    steps, first = page.locator("#steps .step"), page.locator(".question").first
    expect(first).to_be_visible()
    expect(steps.filter(has_text="Kind of customer").first).to_contain_text("Needs you")
    assert is_marked(page)  # the form came by itself
    first.get_by_role("button", name="Business").click()  # one question, one button per choice

    expect(page.locator(".message")).to_contain_text("Your answer is recorded")
    second = page.locator(".question").filter(has_text="Company name")
    expect(second).to_be_visible()
    second.get_by_label("Company name").press_sequentially("Nordhafen Marine GmbH")
    second.get_by_label("VAT number").press_sequentially("DE811234567")
    second.locator(".buttons .primary").click()

    expect(page.locator(".message")).to_contain_text("Your answer is recorded")
    mark(page)
    expect(page.locator("#run-head .run-state")).to_contain_text("Succeeded")
    expect(steps.filter(has_text="Generating Document")).to_contain_text("Succeeded")
    answered = page.locator("#people li").filter(has_text="admin answered")
    expect(answered.filter(has_text="confirmed")).to_have_count(2)
    assert is_marked(page)

    stored = [each["stored"].values() for each in documents.sim.effects["answer"]]
    assert [list(values) for values in stored] == [
        ["business"],
        ["Nordhafen Marine GmbH", "DE811234567"],
    ]
    assert len(documents.received("POST", f"{ref}/progress")) == 2


def test_a_cancel_is_sent_once_and_shown_when_the_provider_has_done_it(
    page: Page, documents: Provider
) -> None:
    ref = documents.see_appear(page, "long_running", seconds=6000)
    steps, state = page.locator("#steps .step"), page.locator("#run-head .run-state")
    expect(steps.filter(has_text="1 of 10")).to_contain_text("Running")
    documents.proceed(ref)
    expect(steps.filter(has_text="1 of 10")).to_contain_text("Succeeded")
    expect(steps.filter(has_text="2 of 10")).to_contain_text("Running")
    assert is_marked(page)

    with documents.no_worker():
        act(page, "Cancel run", "Wrong data set")
        expect(page.locator("#run-head .pending")).to_contain_text("Cancel requested")
        expect(state).to_contain_text("Running")  # our request is not the provider's word
    expect(state).to_contain_text("Canceled")
    requested = "requested cancel (“Wrong data set”), confirmed"
    expect(page.locator("#people li")).to_contain_text(requested)
    expect(page.get_by_role("button", name="Cancel run")).to_have_count(0)
    assert is_marked(page)
    page.get_by_role("link", name="History").click()
    command = page.locator("#history .command")
    expect(command.locator(".trail li")).to_have_count(4)  # requested, sent, accepted, confirmed

    assert documents.sim.effects["cancel"] == [ref]
    assert len(documents.received("DELETE", ref)) == 1
    assert documents.moves(ref)[-1] == "canceled"


def test_a_document_is_downloaded_under_its_own_name(
    page: Page, documents: Provider, tmp_path: Path
) -> None:
    ref = documents.see_appear(page, "with_documents")
    page.get_by_role("link", name="Data").click()
    data = page.locator("#data")
    expect(data.get_by_role("link", name="Lease Oslo 12")).to_be_visible()
    made = {each.name: each for each in documents.sim.world.runs[ref].documents}  # type: ignore[attr-defined]
    for name, expected in {
        "Lease Oslo 12": "Lease Oslo 12.docx",
        "Kündigung 3/4: Müller & Söhne": "Kündigung 34 Müller & Söhne.pdf",
    }.items():
        with page.expect_download() as caught:
            data.get_by_role("link", name=name).click()
        assert caught.value.suggested_filename == expected
        caught.value.save_as(tmp_path / "got")
        assert (tmp_path / "got").read_bytes() == made[name].content()
        assert len(documents.received("GET", f"content/{made[name].id}")) == 1

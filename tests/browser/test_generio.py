"""Generio in a real browser: an abort, an output, and a start with arguments."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.acting import Provider, act, is_marked, mark

pytestmark = pytest.mark.browser
SPEED = 4.0
PROMPT = "A sturdy oak table, four turned legs"


@pytest.fixture(scope="module")
def studio(open_provider) -> Provider:
    return open_provider("generio", "Generio desk", speed=SPEED)


def test_an_abort_is_shown_as_accepted_and_then_confirmed(page: Page, studio: Provider) -> None:
    ref = studio.see_appear(page, "long_running", seconds=200)
    state, progress = page.locator("#run-head .run-state"), page.locator("#run-head .progress")
    expect(state).to_contain_text("Running")
    expect(progress).to_contain_text("%")  # no steps here: the progress moves
    seen = progress.inner_text()
    expect(progress).not_to_have_text(seen)
    assert is_marked(page)

    studio.sim.world.speed = 0.01  # aborting takes minutes
    act(page, "Cancel run", "Wrong template")
    expect(page.locator("#run-head .pending")).to_contain_text("Cancel accepted, not confirmed yet")
    expect(state).to_contain_text("Running")
    studio.sim.world.speed = SPEED
    studio.proceed(ref)
    expect(state).to_contain_text("Canceled")
    expect(page.locator("#people li")).to_contain_text(
        "requested cancel (“Wrong template”), confirmed"
    )
    assert is_marked(page)

    assert studio.sim.effects["cancel"] == [ref]
    assert studio.received("PATCH", ref) == [{"action": "abort"}]


def test_what_happened_before_the_stream_was_open_is_shown(page: Page, studio: Provider) -> None:
    ref = studio.begin("long_running", seconds=6000)
    run = studio.stored(ref)
    held: list[Route] = []
    page.route(lambda url: "/live/" in url, lambda route: held.append(route))
    page.goto(f"{studio.product.base_url}/executions/{run}/")
    expect(page.locator("#run-head .run-state")).to_contain_text("Running")
    mark(page)
    studio.proceed(ref)
    studio.product.wait_until(lambda: studio.moves(ref)[-1] == "succeeded", "it has ended")
    held[0].continue_()
    expect(page.locator("#run-head .run-state")).to_contain_text("Succeeded")
    assert is_marked(page)


def test_an_output_is_downloaded(page: Page, studio: Provider, tmp_path: Path) -> None:
    ref = studio.see_appear(page, "optimize_success", seconds=6)
    page.get_by_role("link", name="Data").click()
    links = page.locator("#data").get_by_role("link").filter(has=page.locator(".icon-file"))
    expect(links).to_have_count(2)
    outputs = studio.sim.world.runs[ref].outputs  # type: ignore[attr-defined]
    for asset in outputs:
        with page.expect_download() as caught:
            links.filter(has_text=asset.id).click()
        assert caught.value.suggested_filename == f"{asset.id}.glb"
        caught.value.save_as(tmp_path / "got")
        assert (tmp_path / "got").read_bytes() == asset.content
        assert len(studio.received("GET", f"outputs/{asset.id}")) == 1


def test_a_run_is_started_with_arguments(page: Page, studio: Provider) -> None:
    page.goto(f"{studio.product.base_url}/workflows/?q=fromprompt")
    own = page.get_by_role("row").filter(has_text=studio.name)
    own.get_by_role("link", name="Start a run").click()
    expect(page.get_by_label("Prompt")).to_have_value("")  # nothing is filled in unasked
    page.get_by_label("Prompt").press_sequentially(PROMPT)
    page.get_by_label("Reason").fill("Ordered by the furniture team")
    page.get_by_role("button", name="Start the run").click()
    mark(page)
    expect(page.locator("#command")).to_contain_text("confirmed")
    assert is_marked(page)
    page.get_by_role("link", name="Open the run").click()
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    mark(page)
    expect(page.locator("#run-head .run-state")).to_contain_text("Succeeded")
    expect(page.locator("#people li")).to_contain_text(
        "started it (“Ordered by the furniture team”), confirmed"
    )
    assert is_marked(page)

    (started,) = studio.sim.effects["start"]
    (body,) = studio.received("POST", "/flows")
    assert (started["template"], started["inputs"]) == ("model_generate_fromprompt", 1)
    assert body["inputs"] == [{"data": PROMPT}]
    (asset,) = studio.sim.world.runs[started["ref"]].inputs  # type: ignore[attr-defined]
    assert asset.content.decode() == PROMPT

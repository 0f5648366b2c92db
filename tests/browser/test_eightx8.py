"""8x8 in a real browser: put on hold, resumed, terminated."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.acting import Provider, act, actions_of, is_marked, others_under

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def messaging(open_provider) -> Provider:
    return open_provider("eightx8", "8x8 desk")


def test_a_run_is_suspended_resumed_and_terminated(page: Page, messaging: Provider) -> None:
    ref = messaging.see_appear(page, "running_long")
    steps, state = page.locator("#steps .step"), page.locator("#run-head .run-state")
    history = page.locator("#people li")
    expect(state).to_contain_text("Running")
    expect(steps.filter(has_text="read_deliveries")).to_contain_text("Running")
    messaging.proceed(ref)
    expect(steps.filter(has_text="read_deliveries")).to_contain_text("Succeeded")
    expect(steps.filter(has_text="send_north")).to_contain_text("Running")
    assert is_marked(page)

    running = actions_of(page.locator("#run-head"))
    assert len(running) == 2
    with messaging.no_worker():
        act(page, "Suspend", "Waiting for the depot")
        expect(page.locator("#run-head .pending")).to_contain_text("Suspend requested")
        expect(state).to_contain_text("Running")  # until a poll says otherwise
        assert others_under(page, running) == []
    expect(state).to_contain_text("Paused")
    paused = actions_of(page.locator("#run-head"))
    assert others_under(page, running) == []
    suspended = "requested suspend (“Waiting for the depot”), confirmed"
    expect(history).to_contain_text([suspended])
    assert is_marked(page)

    act(page, "Resume", "The depot is open again")
    expect(state).to_contain_text("Running")
    resumed = "requested resume (“The depot is open again”), confirmed"
    expect(history).to_contain_text([resumed, suspended])
    assert is_marked(page)

    act(page, "Cancel run", "No longer needed")
    expect(state).to_contain_text("Canceled")
    assert others_under(page, running) == others_under(page, paused) == []
    canceled = "requested cancel (“No longer needed”), confirmed"
    expect(history).to_contain_text([canceled, resumed, suspended])
    assert is_marked(page)

    own = ref.rpartition("/")[2]
    assert {kind: messaging.sim.effects[kind] for kind in ("suspend", "resume", "terminate")} == {
        "suspend": [own],
        "resume": [own],
        "terminate": [own],
    }
    assert messaging.received("PATCH", own) == [
        {"status": "suspend"},
        {"status": "resume"},
        {"status": "terminate"},
    ]
    assert messaging.moves(ref) == ["running", "paused", "running", "canceled"]

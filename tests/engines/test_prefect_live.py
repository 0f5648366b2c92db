"""The whole product, as real processes and in a real browser, against a real Prefect.

`make live` runs this. The account is there before the first run is made, so everything that the
pages show was seen by polling. What Prefect itself says, asked past our adapter, decides.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.acting import act
from tests.engines.prefect import CLOSED, Engine
from tests.product import Product

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]

WITHIN = 150.0  # seconds for a command: Prefect's SQLite may be locked, then reading settles it
SHOWN_WITHIN = 40.0  # seconds for what Prefect knows already to be on the open page
LONGEST = 2000  # characters of a line that are compared; the page shows 4,000, spaces included
ACCOUNT = "Back office engine"

EXPECTED = {
    "succeeded": ("COMPLETED Completed", "Succeeded"),
    "failed": ("FAILED Failed", "Failed"),
    "warning": ("COMPLETED Completed", "Warning"),  # one of its tasks failed
    "timed_out": ("FAILED TimedOut", "Timed out"),
    "parallel": ("COMPLETED Completed", "Succeeded"),
    "parent": ("COMPLETED Completed", "Succeeded"),
    "running": ("RUNNING Running", "Running"),
    "canceled": ("CANCELLED Cancelled", "Canceled"),
    "input": ("PAUSED Paused", "Needs you"),
    "declined": ("FAILED Failed", "Failed"),
    "paused": ("PAUSED Paused", "Paused"),
    "suspended": ("PAUSED Suspended", "Needs you"),
    "scheduled": ("SCHEDULED Scheduled", "Queued"),
    "sub-flow 1": ("COMPLETED Completed", "Succeeded"),
    "sub-flow 2": ("COMPLETED Completed", "Succeeded"),
}
TASK_WORDS = {
    "COMPLETED": "Succeeded", "FAILED": "Failed", "RUNNING": "Running", "CANCELLED": "Canceled",
    "PENDING NotReady": "Skipped", "PENDING": "Queued", "CRASHED": "Failed",
}  # fmt: skip


@dataclass(frozen=True)
class Scene:
    product: Product
    engine: Engine
    runs: dict[str, str]
    account: int

    def stored(self, ref: str) -> int:
        """The id of a run in our database, as soon as it is there."""
        sql = "SELECT id FROM executions_execution WHERE account_id = %s AND ref = %s"
        rows = self.product.wait_until(
            lambda: self.product.query(sql, self.account, ref), f"{ref} is stored", WITHIN
        )
        return int(rows[0][0])

    def open(self, page: Page, ref: str) -> None:
        page.goto(f"{self.product.base_url}/executions/{self.stored(ref)}/")
        expect(page.locator("#live")).to_have_attribute("data-state", "live")

    def prefect(self, ref: str) -> dict[str, Any]:
        return dict(self.engine.api("GET", f"/flow_runs/{ref}"))

    def state(self, ref: str) -> str:
        run = self.prefect(ref)
        return f"{run['state_type']} {run['state_name']}"

    def tasks(self, ref: str) -> list[tuple[str, str]]:
        """Names and words of the task runs at Prefect, those of sub-flows included."""
        query = {"flow_runs": {"id": {"any_": [ref]}}, "limit": 200}
        found = []
        for task in self.engine.api("POST", "/task_runs/filter", query):
            kind = task["state_type"]
            word = TASK_WORDS.get(f"{kind} {task['state_name']}") or TASK_WORDS[kind]
            found.append((task["name"], word))
            child = task["state"]["state_details"].get("child_flow_run_id")
            found += self.tasks(child) if child else []
        return sorted(found)

    def lines(self, ref: str) -> list[str]:
        query = {"logs": {"flow_run_id": {"any_": [ref]}}, "sort": "TIMESTAMP_ASC", "limit": 200}
        return sorted(
            tidy(row["message"]) for row in self.engine.api("POST", "/logs/filter", query)
        )

    def command(self, ref: str, kind: str) -> dict[str, Any]:
        """The newest command of this kind about a run."""
        sql = """SELECT c.state, c.message, c.attempts, c.accepted_at, c.settled_at
                 FROM executions_command c JOIN executions_execution e ON e.id = c.execution_id
                 WHERE e.ref = %s AND c.kind = %s ORDER BY c.requested_at DESC LIMIT 1"""
        names = ("state", "message", "attempts", "accepted_at", "settled_at")
        rows = self.product.query(sql, ref, kind)
        return dict(zip(names, rows[0], strict=True)) if rows else {}

    def wait_for_command(self, ref: str, kind: str, state: str) -> dict[str, Any]:
        try:
            self.product.wait_until(
                lambda: self.command(ref, kind).get("state") == state, f"{kind} {state}", WITHIN
            )
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.command(ref, kind)}") from None
        return self.command(ref, kind)


@pytest.fixture(scope="module")
def scene(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home: Path = tmp_path_factory.mktemp("prefect-live")
    expect.set_options(timeout=SHOWN_WITHIN * 1000)
    with Engine.running(home) as engine:
        account = add_account(product, engine, home)
        runs = engine.mix()
        children = {"flow_runs": {"parent_task_run_id": {"is_null_": False}}}
        found = engine.api("POST", "/flow_runs/filter", children)
        runs |= {f"sub-flow {n}": run["id"] for n, run in enumerate(found, start=1)}
        yield Scene(product, engine, runs, account)


def add_account(product: Product, engine: Engine, home: Path) -> int:
    entry = {
        "name": ACCOUNT,
        "provider": "prefect",
        "settings": {"base_url": engine.base_url},
        "credentials": {"auth": engine.auth},
        "poll_every": 2,
    }
    path = home / "accounts.yaml"
    path.write_text(json.dumps({"accounts": [entry]}))
    product.manage("accounts", "apply", str(path))
    sql = "SELECT id FROM providers_provideraccount WHERE name = %s"
    return int(product.query(sql, ACCOUNT)[0][0])


def tidy(text: str) -> str:
    """Without line breaks, and no longer than what the page shows of a long line."""
    return " ".join(text.split())[:LONGEST]


def status_of(page: Page) -> Locator:
    return page.locator("#run-head .run-state")


def steps_of(page: Page) -> list[tuple[str, str]]:
    found: list[list[str]] = page.locator("#steps .step").evaluate_all(
        """(all) => all.map((step) => [
            step.querySelector(".step-name > span").textContent,
            step.querySelector(".step-status .lamp").textContent.trim()])"""
    )
    return sorted((name, word) for name, word in found)


def lines_of(page: Page) -> list[str]:
    found: list[str] = page.locator("#log-lines code").evaluate_all(
        """(all) => all.map((line) => [...line.childNodes]
            .filter((each) => !each.matches?.(".log-step, .log-more"))
            .map((each) => each.textContent).join(""))"""
    )
    return sorted(tidy(text) for text in found)


def picture(page: Page, name: str) -> None:
    """Kept beside the installation of Prefect, for a person to look at."""
    folder = Engine.folder() / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png", full_page=True)


def sees(page: Page, scene: Scene, ref: str) -> tuple[int, int]:
    """Wait, without reload, until the open page has the steps and lines that Prefect has now; their
    numbers."""
    end = time.monotonic() + SHOWN_WITHIN
    log = page.context.new_page()
    log.goto(f"{page.url.partition('?')[0]}?tab=log")
    while True:
        theirs = scene.tasks(ref), scene.lines(ref)
        ours = steps_of(page), lines_of(log)
        if ours == theirs:
            log.close()
            return len(ours[0]), len(ours[1])
        if time.monotonic() > end:
            assert ours == theirs
        page.wait_for_timeout(500)


def test_every_run_shows_in_the_right_status_with_its_steps_and_log(
    page: Page, scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = scene.engine.api("POST", "/flow_runs/filter", {})
    assert {run["id"] for run in listed} == set(scene.runs.values())
    ids = {name: scene.stored(ref) for name, ref in scene.runs.items()}
    page.goto(f"{scene.product.base_url}/?account={scene.account}")
    for name, (_, word) in EXPECTED.items():
        lamp = page.locator(f"#run-{ids[name]} .state-word")
        expect(lamp, name).to_have_text(word, timeout=SHOWN_WITHIN * 1000)
    table = [f"{'run':<12} {'Prefect says':<22} {'we show':<10} {'steps':>5} {'log lines':>9}"]
    for name, (state, word) in EXPECTED.items():
        ref = scene.runs[name]
        scene.open(page, ref)
        expect(status_of(page), name).to_contain_text(word)
        steps, lines = sees(page, scene, ref)
        assert scene.state(ref) == state
        table.append(f"{name:<12} {state:<22} {word:<10} {steps:>5} {lines:>9}")
        if name == "failed":
            expect(page.locator("#run-error")).to_contain_text("ledger refused the entry")
            picture(page, "run")
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(table) + "\n")


def test_a_paused_run_is_answered_in_the_inbox_and_completes(page: Page, scene: Scene) -> None:
    ref = scene.runs["input"]
    page.goto(f"{scene.product.base_url}/inbox/")
    task = page.locator("li.inbox-row", has_text=scene.prefect(ref)["name"])
    expect(task).to_contain_text("approve-payment")
    task.locator("a").click()
    question = page.locator("#desk")
    expect(question).to_contain_text("A payment of 1200 is waiting.")
    question.get_by_label("Note").fill("checked against the order")
    picture(page, "inbox")
    question.get_by_role("group", name="Approve").get_by_role("button", name="Yes").click()
    page.locator("#sent").get_by_role("link", name="Open run").click()
    expect(status_of(page)).to_contain_text("Succeeded", timeout=WITHIN * 1000)
    assert scene.state(ref) == "COMPLETED Completed"
    assert "decided: True checked against the order" in scene.lines(ref)
    command = scene.wait_for_command(ref, "answer", "confirmed")
    expect(page.locator("#people li").filter(has_text="answered")).to_contain_text("confirmed")
    assert command["attempts"] == 1
    sees(page, scene, ref)


def test_an_answer_that_prefect_would_refuse_is_not_sent_and_can_be_corrected(
    page: Page, scene: Scene
) -> None:
    """A program with a token is told what the form tells, and Prefect says the same."""
    ref = scene.runs["suspended"]
    pk = scene.stored(ref)
    asked = scene.product.api("GET", f"executions/{pk}").json()["questions"][0]
    posted = {"kind": "answer", "question": asked["ref"], "values": {"amount": "plenty"}}
    told = scene.product.api("POST", f"executions/{pk}/commands", json=posted)
    assert told.status_code == 422
    assert "amount" in told.text
    assert scene.command(ref, "answer") == {}
    said = scene.engine.api("POST", f"/flow_runs/{ref}/resume", {"run_input": posted["values"]})
    assert said["status"] == "REJECT"
    scene.open(page, ref)
    question = page.locator("section.question")
    question.get_by_label("Amount").fill("340")
    question.locator("button[data-answers]").click()
    expect(status_of(page)).to_contain_text("Succeeded", timeout=WITHIN * 1000)
    assert scene.state(ref) == "COMPLETED Completed"


def test_a_long_run_is_canceled_from_its_page_and_a_later_poll_confirms_it(
    page: Page, scene: Scene
) -> None:
    ref = scene.runs["running"]
    scene.open(page, ref)
    act(page, "Cancel run", "the mailbox moved")
    scene.engine.wait_for(ref, {"CANCELLED"})
    expect(status_of(page)).to_contain_text("Canceled", timeout=WITHIN * 1000)
    command = scene.wait_for_command(ref, "cancel", "confirmed")
    assert command["accepted_at"] < command["settled_at"]
    assert command["attempts"] == 1
    requested = "requested cancel (“the mailbox moved”), confirmed"
    expect(page.locator("#people li")).to_contain_text(requested)
    sql = """SELECT observed_at FROM executions_transition
             WHERE execution_id = %s AND to_status = 'canceled'"""
    (seen,) = scene.product.query(sql, scene.stored(ref))
    assert command["accepted_at"] < seen[0] <= command["settled_at"]


def test_a_cancel_that_comes_too_late_shows_the_reason(page: Page, scene: Scene) -> None:
    """Nobody polls or reads, so the page still says Paused when the run has ended at Prefect."""
    ref = scene.runs["paused"]
    scene.open(page, ref)
    expect(status_of(page)).to_contain_text("Paused")
    scene.product.kill("beat")
    try:
        lease = "SELECT 1 FROM providers_provideraccount WHERE id = %s AND lease_until > now()"
        scene.product.wait_until(
            lambda: not scene.product.query(lease, scene.account), "no poll is under way"
        )
        scene.product.kill("poller")
        scene.engine.api("POST", f"/flow_runs/{ref}/resume", {})
        scene.engine.wait_for(ref, CLOSED)
        expect(status_of(page)).to_contain_text("Paused")
        act(page, "Cancel run", "not needed any more")
    finally:
        for name in ("poller", "beat"):
            scene.product.start(name)
    scene.wait_for_command(ref, "cancel", "rejected")
    cancelling = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    said = scene.engine.api("POST", f"/flow_runs/{ref}/set_state", cancelling)
    expect(status_of(page)).to_contain_text("Succeeded")
    page.get_by_role("link", name="History").click()
    command = page.locator("#history .command")
    expect(command).to_contain_text("rejected")
    expect(command).to_contain_text(tidy(said["details"]["reason"]))
    expect(status_of(page)).to_contain_text("Succeeded")


def test_a_run_is_started_with_arguments_from_the_start_page(page: Page, scene: Scene) -> None:
    page.goto(f"{scene.product.base_url}/workflows/?q=import-invoices")
    page.get_by_role("link", name="Start a run").click()
    form = page.locator("form.answer")
    form.get_by_label("count").fill("3")
    form.get_by_label("priority").select_option("urgent")
    form.get_by_role("button", name="Start the run").click()
    page.get_by_role("link", name="Open the run").click(timeout=WITHIN * 1000)
    expect(status_of(page)).to_contain_text("Succeeded", timeout=WITHIN * 1000)
    ref = page.locator("#run-head code").first.text_content() or ""  # in a menu that is shut
    assert scene.prefect(ref)["parameters"] == {"count": 3, "priority": "urgent"}
    assert scene.state(ref) == "COMPLETED Completed"
    assert "importing with priority urgent" in scene.lines(ref)
    sees(page, scene, ref)

"""A viewer finds no way to act, and a day's work is done without a mouse."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from providers.demo import serve
from tests.browser.acting import press_until
from tests.browser.conftest import stay_signed_in
from tests.product import Product

pytestmark = pytest.mark.browser


@pytest.fixture
def office(product: Product) -> Iterator[tuple[serve.Running, str]]:
    """A simulated provider with an account, and one person per role."""
    name = f"Office {uuid.uuid4().hex[:6]}"
    with serve.running("smartflows", seed=int(name[7:], 16), speed=10) as sim:
        if not product.query("SELECT 1 FROM auth_user WHERE username = 'vera'"):
            product.manage("shell", "-v", "0", "-c", ROLES)
        product.add_account(name, "smartflows", {"base_url": sim.base_url}, api_key=sim.api_key)
        yield sim, name
        product.query(
            "UPDATE providers_provideraccount SET enabled = false WHERE name = %s RETURNING id",
            name,
        )


ROLES = """
from django.contrib.auth.models import Group, User
for name, role in (("vera", "viewer"), ("otto", "operator")):
    user = User.objects.create_user(name, password="lamps-of-" + name)
    user.groups.add(Group.objects.get(name=role))
"""


@pytest.fixture
def signed_in(chromium: Browser, product: Product) -> Iterator[Callable[[str], Page]]:
    contexts = []

    def open_page(name: str) -> Page:
        contexts.append(chromium.new_context(viewport={"width": 1440, "height": 1000}))
        page = contexts[-1].new_page()
        page.set_default_timeout(45_000)
        stay_signed_in(page, product, name, f"lamps-of-{name}")
        return page

    yield open_page
    for context in contexts:
        context.close()


def waiting_run(sim: serve.Running, product: Product) -> tuple[str, int, int]:
    """Ref and id of a run that asks, and the id of its question."""
    ref = sim.start("one_round_form")
    sql = (
        "SELECT e.id, q.id FROM executions_execution e"
        " JOIN executions_question q ON q.execution_id = e.id WHERE e.ref = %s"
    )
    run, question = product.wait_until(lambda: product.query(sql, ref), "it asks")[0]
    return ref, run, question


def test_a_viewer_sees_everything_and_no_way_to_act(office, product, signed_in) -> None:
    sim, account = office
    _, run, question = waiting_run(sim, product)
    workflow, of = product.query(
        "SELECT workflow_id, account_id FROM executions_execution WHERE id = %s", run
    )[0]
    pages = ("/", "/inbox/", f"/executions/{run}/", f"/questions/{question}/", "/workflows/",
             f"/workflows/{workflow}/", "/accounts/", f"/accounts/{of}/")  # fmt: skip
    acting = {}
    for name in ("vera", "otto"):
        page = signed_in(name)
        for path in pages:
            assert page.goto(f"{product.base_url}{path}").status == 200
            assert account in page.locator("main").inner_text() or path == "/workflows/"
            # Of class "own": how a person likes the page, which is no act on a run.
            forms = page.locator(
                "main form[method=post]:not(.own), main [data-dialog], main dialog"
            )
            acting[name, path] = forms.count()
    assert {path: acting["vera", path] for path in pages} == dict.fromkeys(pages, 0)
    able = {path for path in pages if acting["otto", path]}
    assert {f"/executions/{run}/", f"/questions/{question}/", f"/workflows/{workflow}/"} <= able


def test_a_question_is_found_answered_and_a_run_canceled_by_keyboard(
    office, product, signed_in
) -> None:
    sim, _ = office
    ref, run, _ = waiting_run(sim, product)
    page = signed_in("otto")
    page.goto(product.base_url)
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type(ref)
    page.keyboard.press("Enter")
    expect(page.locator("[data-row]")).to_have_count(1)
    press_until(page, "Tab", f'a[href^="/executions/{run}/"]')
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/executions/{run}/**")
    press_until(page, "Tab", 'form.answer input[type="text"]')
    page.keyboard.press("Control+A")
    page.keyboard.type("Bergen")
    press_until(page, "Tab", "button[data-answers]")
    page.keyboard.press("Enter")
    product.wait_until(lambda: sim.effects.get("answer"), "the provider has the answer")
    [answer] = sim.effects["answer"]
    assert (answer["ref"], "Bergen" in answer["values"].values()) == (ref, True)

    long = sim.start("long_running")
    sql = "SELECT id FROM executions_execution WHERE ref = %s AND status = 'running'"
    [(number,)] = product.wait_until(lambda: product.query(sql, long), "it runs")
    page.goto(f"{product.base_url}/executions/{number}/")
    press_until(page, "Tab", '[data-dialog="dialog-cancel"]')
    page.keyboard.press("Enter")
    expect(page.locator("#dialog-cancel")).to_be_visible()
    press_until(page, "Tab", "#dialog-cancel button.danger")
    page.keyboard.press("Enter")
    product.wait_until(lambda: sim.effects.get("cancel"), "the provider has the cancel")
    assert sim.effects["cancel"] == [long]
    expect(page.locator("#run-head")).to_contain_text("Canceled")

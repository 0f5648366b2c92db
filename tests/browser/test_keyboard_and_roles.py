"""Who may do what, address by address, and a day's work without a mouse."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client
from django.urls import get_resolver, reverse
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from executions.models import (
    ApiToken,
    Batch,
    BatchItem,
    Command,
    Execution,
    Note,
    Notice,
    NoticeMessage,
    NoticeMute,
    NoticeRule,
    Output,
    PollTrace,
    Proposal,
    RunKey,
    SavedView,
    WallLink,
)
from executions.storage.store import store
from executions.urls import urlpatterns
from providers import contract
from providers.contract import Snapshot, Status, Verb
from providers.demo import serve
from providers.models import ProviderAccount
from tests.browser.conftest import sign_in
from tests.product import Product

PEOPLE = ("anonymous", "vik", "ana", "eve")
"""Nobody, a viewer and an operator of the team the account belongs to, an operator of another."""

LOOK = {"anonymous": 302, "vik": 200, "ana": 200, "eve": 404}  # at something of the account
LISTS = {"anonymous": 302, "vik": 200, "ana": 200, "eve": 200}  # each sees what is theirs
ACT = {"anonymous": 302, "vik": 403, "ana": 302, "eve": 404}  # the page comes back by redirect
NEVER = {"anonymous": 302, "vik": 405, "ana": 405, "eve": 405}  # not with this method
FORM = {"anonymous": 302, "vik": 302, "ana": 302, "eve": 302}  # to the page that holds its form
ERROR = "The disk is full"
ADMINISTRATORS = {"anonymous": 302, "vik": 403, "ana": 403, "eve": 403}
OWN = {"anonymous": 302, "vik": 302, "ana": 302, "eve": 302}  # a matter of one's own
SETS_UP = {"anonymous": 302, "vik": 403, "ana": 403, "eve": 403}  # administrators alone
NOBODYS = {"anonymous": 302, "vik": 404, "ana": 404, "eve": 404}  # of a view of somebody else

# Address: what GET gives and what POST gives.
ADDRESSES: dict[str, tuple[dict[str, int], dict[str, int]]] = {
    "list": (LISTS, NEVER),
    "chrome-changes": (LISTS, NEVER),
    "changes": (LISTS, NEVER),
    "options": (LISTS, NEVER),
    "compare": (NOBODYS, NEVER),  # without two runs
    "table-preference": (FORM, OWN),
    "export": (LISTS, NEVER),
    "views": (LISTS, NEVER),
    "view-creation": (FORM, OWN),
    "view-default": (FORM, OWN),
    "view-change": (FORM, NOBODYS),
    "view-deletion": (FORM, NOBODYS),
    "detail": (LOOK, NEVER),
    "run-changes": (LOOK, NEVER),
    "peek": (LOOK | {"vik": 302, "ana": 302}, NEVER),  # the list, with the run beside it
    "log": (LOOK, NEVER),
    "log-text": (LOOK, NEVER),
    "step": (LOOK | {"vik": 302, "ana": 302}, NEVER),  # the page, turned to the step
    "step-output": (LOOK, NEVER),
    "payload-tree": (LOOK, NEVER),
    "payload": (LOOK, NEVER),
    "run-record": (LOOK, NEVER),
    "output": (LOOK | {"vik": 502, "ana": 502}, NEVER),  # nobody answers at the provider
    "cancellation": (FORM, ACT),
    "suspension": (FORM, ACT),
    "resumption": (FORM, ACT),
    "retry": (FORM, ACT),
    "run-note": (FORM, ACT),
    "wall": (LISTS, NEVER),
    "wall-links": (SETS_UP, SETS_UP),
    "wall-link-revocation": (FORM, SETS_UP),
    "wall-screen": (dict.fromkeys(PEOPLE, 410), dict.fromkeys(PEOPLE, 405)),  # of no screen
    "overview": (LISTS, NEVER),
    "overview-changes": (LISTS, NEVER),
    "overview-hours": (LISTS, NEVER),
    "overview-answers": (LISTS, NEVER),
    "inbox": (LISTS, NEVER),
    "inbox-changes": (LISTS, NEVER),
    "answered": (LISTS, NEVER),
    "decision-creation": (FORM, ACT | {"eve": 302}),  # of nothing: back to the inbox
    "delegations": (  # of nothing: back to the inbox
        {"anonymous": 302, "vik": 403, "ana": 302, "eve": 302},
        ACT | {"eve": 302},
    ),
    "question": (LOOK, NEVER),
    "answer": (FORM, ACT | {"ana": 409}),  # of no form
    "draft": (FORM, ACT | {"ana": 200}),
    "preview": (FORM, ACT | {"ana": 200}),
    "claim": (FORM, ACT),
    "release": (FORM, ACT),
    "delegation-withdrawal": (FORM, ACT),
    "agreement": (FORM | {"eve": 404}, ACT),
    "proposal-return": (FORM | {"eve": 404}, ACT),
    "proposal-withdrawal": (FORM | {"eve": 404}, ACT),
    "workflows": (LISTS, NEVER),
    "workflow": (LOOK, NEVER),
    "run-creation": (FORM, ACT),
    "start-draft": (FORM, ACT | {"ana": 200}),
    "workflow-note": (FORM, ACT),
    "note-pin": (FORM | {"eve": 404}, ACT),
    "note-deletion": (FORM | {"eve": 404}, ACT | {"ana": 403}),  # not her note
    "command": (LOOK, NEVER),
    "command-changes": (LOOK, NEVER),
    "command-undo": (FORM, ACT),
    "accounts": (LISTS, NEVER),
    "accounts-changes": (LISTS, NEVER),
    "account": (LOOK, NEVER),
    "account-changes": (LOOK, NEVER),
    "poll-requests": (LOOK, NEVER),
    "poll": (FORM, ACT | {"ana": 403}),  # administrators only
    "batches": (LISTS, NEVER),
    "batches-changes": (LISTS, NEVER),
    "batch-creation": (FORM, ACT | {"eve": 302}),  # of nothing: back to the list
    "batch": (LOOK, NEVER),
    "batch-changes": (LOOK, NEVER),
    "batch-start": (FORM, ACT),
    "batch-stop": (FORM, ACT),
    "batch-undo": (FORM, ACT),
    "batch-retry": (FORM, ACT),
    "batch-result": (LOOK, NEVER),
    "blind-test": (FORM, ACT | {"ana": 403}),
    "audit": (ADMINISTRATORS, NEVER),
    "audit-export": (ADMINISTRATORS, NEVER),
    "palette": (LISTS, NEVER),
    "shift": (LISTS, NEVER),
    "shift-changes": (LISTS, NEVER),
    "handover": (FORM, OWN),
    "tokens": (LISTS, {"anonymous": 302, "vik": 422, "ana": 422, "eve": 422}),
    "token-revocation": (FORM, NOBODYS),
    "guide-dismissal": (FORM, OWN),
    "preferences": (LISTS, {"anonymous": 302, "vik": 422, "ana": 422, "eve": 422}),
    "errors": (LISTS, NEVER),
    "errors-changes": (LISTS, NEVER),
    "error": (LOOK, NEVER),
    "error-changes": (LOOK, NEVER),
    "acknowledgement": (FORM, ACT),
    "error-release": (FORM, ACT),
    "error-ignoring": (FORM, ACT),
    "error-resolution": (FORM, ACT),
    "triage": (FORM, ACT | {"eve": 302}),  # of nothing: back to the list
    "key-rule": (LOOK | {"vik": 403}, {"anonymous": 302, "vik": 403, "ana": 422, "eve": 404}),
    "shown-values": (FORM, ACT),
    "workflows-changes": (LISTS, NEVER),
    "workflow-changes": (LOOK, NEVER),
    "runbook": (FORM, ACT),
    "workflow-description": (FORM, ACT),
    "second-person": (FORM, ACT | {"ana": 403}),
    "keys": (LISTS, NEVER),
    "key-changes": (LISTS, NEVER),
    "key": (LISTS, NEVER),  # a stranger finds nothing under it
    "notices": (LISTS, NEVER),
    "notices-changes": (LISTS, NEVER),
    "notice-messages": (LISTS, NEVER),
    "notice-message": (LOOK, NEVER),
    "notice-acknowledgement": (FORM, ACT),
    "notice-rules": (
        {"anonymous": 302, "vik": 403, "ana": 200, "eve": 200},
        {"anonymous": 302, "vik": 403, "ana": 422, "eve": 422},  # nothing was typed
    ),
    "notice-rule-preview": (FORM, ACT | {"ana": 200, "eve": 200}),
    "notice-rule-test": (FORM, ACT | {"ana": 200, "eve": 200}),
    "notice-rule-switch": (FORM, ACT),
    "notice-mutes": (FORM, ACT | {"ana": 404}),  # of nothing
    "notice-mute-end": (FORM, ACT),
    "statuses": (LISTS, NEVER),
    "help": (LISTS, NEVER),
    "help-page": (LISTS, NEVER),
}

POST_ALONE = [
    name
    for name, (looking, posting) in ADDRESSES.items()
    if posting is not NEVER and looking["vik"] == 302
]
IN_THE_MENU = {"view-change", "view-deletion", "view-creation", "view-default"}
"""Drawn by /views/ when the menu of the list is opened."""
TWINS = {
    "suspension": "cancellation", "resumption": "cancellation", "retry": "cancellation",
    "release": "claim", "delegation-withdrawal": "claim",
    "zone-choice": "preferences",
    "batch-start": "batch-stop", "batch-retry": "batch-stop", "batch-undo": "batch-stop",
    "command-undo": "command-changes", "proposal-withdrawal": "agreement",
    "error-release": "acknowledgement",
}  # fmt: skip
"""What the present state does not offer is drawn where its twin is."""


@pytest.fixture
def clients(db: None) -> dict[str, Client]:
    found = {"anonymous": Client(), "admin": Client()}
    found["admin"].force_login(User.objects.create_superuser("root"))
    for name, role, team in (("vik", "viewer", "east"), ("ana", "operator", "east"),
                             ("eve", "operator", "west")):  # fmt: skip
        user = User.objects.create_user(name)
        user.groups.set([Group.objects.get(name=role), Group.objects.get_or_create(name=team)[0]])
        found[name] = Client()
        found[name].force_login(user)
    return found


@pytest.fixture
def run(clients: dict[str, Client]) -> Execution:
    """A run that asks, with an output and a command, at an account of the team "east"."""
    account = ProviderAccount.objects.create(
        name="Claims",
        provider="smartflows",
        group=Group.objects.get(name="east"),
        settings={"base_url": "http://127.0.0.1:9"},
        health="ok",
        last_success_at=timezone.now(),
    )
    account.set_credentials({"api_key": "made-up-key"}, by="test")
    account.save()
    amount = {
        "type": "object",
        "required": ["amount"],
        "properties": {"amount": {"type": "number"}},
    }
    snapshot = Snapshot(
        ref="r1",
        workflow=contract.Workflow(ref="w1", name="Settle a claim", can_start=True),
        status=Status.USER_INPUT,
        native_status="UserInput",
        started_at=timezone.now(),
        steps=(contract.Step(ref="s1", name="Ask", status=Status.USER_INPUT, native_status="x"),),
        questions=(contract.Question(ref="q1", kind="form", title="How much?", schema=amount),),
        outputs=(contract.Output(ref="o1", name="letter.pdf"),),
        input={"claim": "C-4711"},
        output={"so": "far"},
        offers=frozenset({Verb.CANCEL, Verb.ANSWER}),
    )
    broken = Snapshot(
        ref="r2",
        workflow=snapshot.workflow,
        status=Status.FAILED,
        native_status="Failed",
        started_at=timezone.now(),
        finished_at=timezone.now(),
        error=ERROR,
    )
    store(account.pk, 1, [snapshot, broken])
    run = Execution.objects.get(ref="r1")
    RunKey.objects.create(
        execution=run, account=account, name="claim", value="4711", text="4711", sort_at=run.sort_at
    )
    PollTrace.objects.create(
        account=account, slot=1, poll_seq=1, started_at=timezone.now(), outcome="ok"
    )
    rule = NoticeRule.objects.create(name="Night shift", event="failed", group=account.group)
    Notice.objects.create(
        rule=rule, subject=f"run:{run.pk}", account=account, group_key="g", since=timezone.now()
    )
    NoticeMessage.objects.create(
        rule=rule, kind="raised", title="A run failed", body="r2", account_ids=[account.pk]
    )
    NoticeMute.objects.create(
        account=account, reason="moving", until=timezone.now() + timedelta(hours=1)
    )
    Note.objects.create(account=account, execution=run, text="Look at the disk")
    Command.objects.create(
        kind="cancel", account=account, execution=run, target="run:0", state="rejected"
    )
    Proposal.objects.create(  # of a form that has changed since
        question=run.questions.get(), fingerprint="x", sealed_arguments="x",
        requested_by=User.objects.get(username="vik"),
    )  # fmt: skip
    batch = Batch.objects.create(
        kind="cancel", state="running", reason="drill", started_at=timezone.now(),
        accounts=[account.pk],
    )  # fmt: skip
    BatchItem.objects.create(
        batch=batch, execution=run, account=account, status="user_input", state="skipped"
    )
    root = User.objects.get(username="root")
    ApiToken.objects.create(user=root, hash="of root")
    SavedView.objects.create(owner=root, name="Of root", audience=SavedView.EVERYBODY)
    WallLink.objects.create(name="Control room", hash="x", made_by=root)
    return run


def address_of(name: str, run: Execution) -> str:
    """The address of this name for what is there."""
    question = run.questions.get()
    numbers = {
        "execution": run.pk,
        "question": question.pk,
        "workflow": run.workflow_id,
        "account": run.account_id,
        "batch": Batch.objects.get().pk,
        "note": run.notes.get().pk,
        "view": SavedView.objects.get(name="Of root").pk,
        "notice": Notice.objects.get().pk,
        "message": NoticeMessage.objects.get().pk,
        "mute": NoticeMute.objects.get().pk,
        "rule": NoticeRule.objects.get().pk,
        "wall link": WallLink.objects.get().pk,
        "token": ApiToken.objects.get().pk,
    }
    route = str(next(each.pattern for each in urlpatterns if each.name == name))
    of = {"executions/": "execution", "questions/": "question", "workflows/": "workflow",
          "accounts/": "account", "batches/": "batch", "notes/": "note", "views/": "view",
          "notices/": "notice", "notices/messages/": "message",
          "notices/mutes/": "mute", "notices/rules/": "rule",
          "wall/links/": "wall link",
          "preferences/tokens/": "token"}  # fmt: skip
    values: dict[str, Any] = {}
    if "<int:pk>" in route:
        values["pk"] = numbers[of[route.split("<")[0]]]
    if "<slug:key>" in route:
        values["key"] = Execution.objects.get(ref="r2").error_key
    if "<int:seq>" in route:
        values["seq"] = PollTrace.objects.get().poll_seq
    if "<path:value>" in route:
        values["value"] = "4711"
    if "<slug:slug>" in route:
        values["slug"] = "runs"
    if "<uuid:key>" in route:
        of_proposal = route.startswith("proposals/")
        values["key"] = (
            Proposal.objects.get().key if of_proposal else Command.objects.get(target="run:0").key
        )
    if "<str:secret>" in route:
        values["secret"] = "of-no-screen"
    if "<slug:part>" in route:
        values["part"] = "output"
    if "<int:step_pk>" in route:
        values["step_pk"] = run.steps.get().pk
    if "<int:output_pk>" in route:
        values["output_pk"] = Output.objects.get().pk
    return reverse(f"executions:{name}", kwargs=values)


def test_the_table_names_every_address() -> None:
    assert {pattern.name for pattern in urlpatterns} == set(ADDRESSES)


@pytest.mark.django_db
@pytest.mark.parametrize("who", PEOPLE)
def test_every_address_answers_each_role_as_the_table_says(clients, run, who) -> None:
    got, expected = {}, {}
    for name, (looking, posting) in ADDRESSES.items():
        address = address_of(name, run)
        expected[name] = (looking[who], posting[who])
        with transaction.atomic():  # each asks the same world
            answers = (clients[who].get(address), clients[who].post(address, {"next": "/"}))
            got[name] = tuple(answer.status_code for answer in answers)
            for answer in answers:
                for close in answer._resource_closers:  # a download counts until it is left
                    close()
            transaction.set_rollback(True)
    assert got == expected


@pytest.mark.django_db
def test_who_may_not_act_leaves_no_trace(clients, run) -> None:
    for who in ("anonymous", "vik", "eve"):
        for name in ADDRESSES:
            clients[who].post(address_of(name, run), {"key": str(uuid.uuid4())})
    assert Command.objects.count() == 1
    question = run.questions.get()
    assert (question.claimed_by, question.draft_set.count()) == (None, 0)


@pytest.mark.django_db
def test_nobody_is_led_to_the_sign_in_page_and_a_fragment_says_so(clients, run) -> None:
    address = address_of("detail", run)
    assert clients["anonymous"].get(address)["Location"] == f"/sign-in/?next={address}"
    fragment = clients["anonymous"].get(address, headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment["HX-Trigger"]) == (401, "signed-out")


@pytest.mark.django_db
def test_a_post_without_the_forms_token_does_nothing(clients, run) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="ana"))
    for name in POST_ALONE:
        assert strict.post(address_of(name, run), {}).status_code == 403, name
    assert Command.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("name", POST_ALONE)
def test_an_address_that_takes_posts_alone_leads_to_the_page_of_its_form(clients, run, name):
    if name not in ("agreement", "proposal-return", "proposal-withdrawal"):
        Proposal.objects.all().delete()  # a held answer hides the form of another
    admin, address = clients["admin"], address_of(name, run)
    page = admin.get(address, follow=True)
    assert page.status_code == 200
    holder = f"{page.request['PATH_INFO']}?{page.request['QUERY_STRING']}"
    if name in IN_THE_MENU:
        page = admin.get(f"/views/?{page.request['QUERY_STRING']}")
    assert f'"{address_of(TWINS.get(name, name), run)}"' in page.content.decode(), holder
    asked_by_htmx = admin.get(address, headers={"HX-Request": "true"})
    assert asked_by_htmx.status_code == 200
    assert asked_by_htmx["HX-Redirect"] == admin.get(address)["Location"]
    assert asked_by_htmx.content == b""


@pytest.mark.django_db
def test_no_address_of_the_site_answers_a_look_with_a_bare_refusal(clients, run) -> None:
    """Those of the admin too; the API answers programs."""
    bare = []
    for route in routes_of(get_resolver().url_patterns):
        path = "/" + re.sub(r"<uuid:\w+>", str(uuid.uuid4()), re.sub(r"<(\w+:)?\w+>", "1", route))
        if path == "/csp-reports/":
            continue  # of browsers: nobody opens it
        for headers in ({}, {"HX-Request": "true"}):
            if clients["admin"].get(path, headers=headers).status_code == 405:
                bare.append(path)
    assert bare == []


def routes_of(patterns: Any, before: str = "") -> Iterator[str]:
    for each in patterns:
        route = before + re.sub(r"[\^$]", "", str(each.pattern))
        if hasattr(each, "url_patterns"):
            yield from routes_of(each.url_patterns, route)
        elif not route.startswith("api/"):
            yield route


@pytest.mark.django_db
def test_looking_changes_nothing(clients, run) -> None:
    """No address changes anything by GET, however often it is asked."""
    before = [list(model.objects.order_by("pk").values()) for model in (Execution, Command)]
    for _ in range(2):
        for name in ADDRESSES:
            clients["ana"].get(address_of(name, run))
    after = [list(model.objects.order_by("pk").values()) for model in (Execution, Command)]
    assert after == before


# ------------------------------------------------------------------------------------- in a browser


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
        page.set_default_timeout(15_000)
        sign_in(page, product, name, f"lamps-of-{name}")
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


@pytest.mark.browser
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


@pytest.mark.browser
def test_a_question_is_found_answered_and_a_run_canceled_by_keyboard(
    office, product, signed_in
) -> None:
    sim, _ = office
    ref, run, _ = waiting_run(sim, product)
    page = signed_in("otto")
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


def press_until(page: Page, key: str, selector: str, most: int = 80) -> None:
    """Move the focus with the keyboard until it is on something that matches, and is seen there."""
    for _ in range(most):
        page.keyboard.press(key)
        if page.evaluate("(s) => document.activeElement.matches(s)", selector):
            shown = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(shown) != "none", f"{selector} does not show its focus"
            return
    raise AssertionError(f"{selector} was not reached with {most} times {key}")

"""What holds of every address alike: looking changes nothing, and nobody is left at a bare refusal.

Who may reach which is in `test_matrix`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from executions.models import Batch, Command, Execution, Proposal
from executions.urls import urlpatterns
from tests.executions.access import addresses, matrix, world

pytestmark = pytest.mark.django_db
BY_NAME = {str(each.name): str(each.pattern) for each in urlpatterns}
POSTED = [name for name, route in BY_NAME.items() if "o" in matrix.TABLE[route][2]]
ON_ITS_OWN_PAGE = {
    "delegations", "tokens", "preferences", "key-rule", "notice-rules", "wall-links", "browsers",
    "invitations",
}  # fmt: skip
"""Their page and their form have one address."""
IN_THE_MENU = {"view-change", "view-deletion", "view-creation", "view-default"}
"""Drawn by /views/ when the menu of the list is opened."""
TWINS = {
    "suspension": "cancellation", "resumption": "cancellation", "retry": "cancellation",
    "release": "claim", "delegation-withdrawal": "claim",
    "batch-start": "batch-stop", "batch-retry": "batch-stop", "batch-undo": "batch-stop",
    "command-undo": "command-changes", "command-sending": "command-changes",
    "proposal-withdrawal": "agreement",
    "error-release": "acknowledgement",
}  # fmt: skip
"""What the present state does not offer is drawn where its twin is."""


@pytest.fixture
def people() -> dict[str, User]:
    return world.people()


@pytest.fixture
def things(people: dict[str, User]) -> dict[str, Any]:
    return world.everything(people)


@pytest.fixture
def client_of(
    people: dict[str, User], sign_in: Callable[[User], Client]
) -> Callable[[str], Client]:
    return lambda who: sign_in(people[who]) if who in people else Client()


def test_nobody_is_led_to_the_sign_in_page_and_a_fragment_says_so(things) -> None:
    address = f"/executions/{things['run'].pk}/"
    assert Client().get(address)["Location"] == f"/sign-in/?next={address}"
    fragment = Client().get(address, headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment["HX-Trigger"]) == (401, "signed-out")


def test_a_post_without_the_forms_token_does_nothing(things, people) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(people["operator"])
    before = Command.objects.count()
    for name in POSTED:
        answer = strict.post(addresses.address(BY_NAME[name], things), {})
        assert answer.status_code == 403, name
    assert Command.objects.count() == before


def test_who_may_not_act_leaves_no_trace(things, client_of) -> None:
    before = Command.objects.count()
    for who in (world.NOBODY, "viewer", "foreign operator"):
        client = client_of(who)
        for name in POSTED:
            key = {"key": str(uuid.uuid4())}
            with transaction.atomic():
                client.post(addresses.address(BY_NAME[name], things), key)
    assert Command.objects.count() == before
    question = things["question"]
    question.refresh_from_db()
    assert (question.claimed_by, question.draft_set.count()) == (None, 0)


def test_an_address_that_takes_posts_alone_leads_to_the_page_of_its_form(
    things, people, client_of
) -> None:
    Batch.objects.update(state="running", reason="drill", started_at=timezone.now())
    held = {"state": "held", "requested_at": timezone.now(), "requested_by": people["viewer"]}
    Proposal.objects.update(**held)
    missing = {}
    for name in POSTED:
        if name in ON_ITS_OWN_PAGE:
            continue
        route = BY_NAME[name]
        may = dict(zip(world.PRINCIPALS, matrix.TABLE[route][2], strict=True))
        client = client_of(
            next(who for who in ("operator", "admin", "superuser") if may[who] == "o")
        )
        address = addresses.address(route, things)
        with transaction.atomic():
            if name not in ("agreement", "proposal-return", "proposal-withdrawal"):
                Proposal.objects.all().delete()  # a held answer hides the form of another
            page = client.get(address, follow=True)
            holder = f"{page.request['PATH_INFO']}?{page.request['QUERY_STRING']}"
            if name in IN_THE_MENU:
                page = client.get(f"/views/?{page.request['QUERY_STRING']}")
            form = addresses.address(BY_NAME[TWINS.get(name, name)], things)
            by_htmx = client.get(address, headers={"HX-Request": "true"})
            transaction.set_rollback(True)
        if (
            page.status_code != 200
            or f'"{form}"' not in page.content.decode()
            or not holder.startswith(by_htmx["HX-Redirect"].partition("#")[0].partition("?")[0])
            or by_htmx.content
        ):
            missing[name] = (page.status_code, holder, by_htmx.get("HX-Redirect"))
    assert missing == {}


def test_no_address_of_the_site_answers_a_look_with_a_bare_refusal() -> None:
    """Those of the admin too; the API answers programs, and reports come from browsers."""
    refusing = {
        route
        for route, (_, looking, *_) in matrix.TABLE.items()
        if "m" in looking and not route.startswith("api/")
    }
    assert refusing == {"csp-reports/"}


def test_looking_changes_nothing(things, client_of) -> None:
    """No address changes anything by GET."""
    operator = client_of("operator")
    before = [list(model.objects.order_by("pk").values()) for model in (Execution, Command)]
    for route in BY_NAME.values():
        operator.get(addresses.address(route, things))
    after = [list(model.objects.order_by("pk").values()) for model in (Execution, Command)]
    assert after == before

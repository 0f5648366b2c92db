"""What a person sees until they send it away: where to begin, what is simulated, their zone."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User

from executions.models import Preference
from providers.contract import Status
from providers.models import ProviderAccount
from tests.pages import Page

DEMO = "http://127.0.0.1:8101"

pytestmark = pytest.mark.django_db


def bar(client):
    return Page(client.get("/")).all("#first-visit")


def test_the_first_visit_leads_to_what_waits_and_to_what_failed(ana, question, put):
    failed = put("f-1", Status.FAILED)
    (shown,) = bar(ana)
    assert "1 question waits for a person" in shown
    assert shown.link("answer one") == f"/questions/{question.pk}/"
    assert shown.link("see why") == f"/executions/{failed.pk}/"
    assert "imulated" not in shown
    assert not shown.link("account")  # an operator adds none
    assert not Page(ana.get("/inbox/")).has("#first-visit")


def test_it_is_sent_away_for_good_and_for_one_person_alone(ana, vik, put):
    put("r-1")
    (shown,) = bar(ana)
    ana.post(shown.one("form")["action"], shown.posted())
    assert not bar(ana)
    assert bar(vik)


def test_without_an_account_the_empty_page_is_the_guide(ana):
    assert not bar(ana)


def test_a_simulated_world_says_so(people, account, sign_in, settings):
    settings.DEMO_SITES = frozenset({DEMO})
    ProviderAccount.objects.filter(pk=account.pk).update(settings={"base_url": DEMO})
    head = User.objects.create_user("head", is_staff=True)
    head.groups.set(Group.objects.filter(name__in=("admin", "east")))
    client = sign_in(head)
    (shown,) = bar(client)
    assert "all accounts are simulated" in shown
    assert shown.link("Add a real account") == "/admin/providers/provideraccount/add/"
    assert ", simulated" in Page(client.get("/accounts/")).one(f"#account-{account.pk}")
    assert "This account is simulated" in Page(client.get(f"/accounts/{account.pk}/"))
    east = Group.objects.get(name="east")
    ProviderAccount.objects.create(name="Real", provider="flow8", settings={}, group=east)
    assert f"Simulated, not real: {account.name}." in bar(client)[0]


@pytest.mark.parametrize(
    ("answer", "zone"), [("Yes", "Europe/Zurich"), ("Keep UTC", "UTC")], ids=["yes", "no"]
)
def test_the_zone_of_the_browser_is_offered_once(ana, people, answer, zone):
    ana.cookies["browser_zone"] = "Europe/Zurich"
    offer = Page(ana.get("/")).one("#zone-offer")
    assert "Your browser is in Europe/Zurich. Show times there?" in offer
    button = offer.one("button", answer)
    ana.post(
        offer.one("form")["action"],
        {button.get("name"): button.get("value")} if button.get("name") else {},
    )
    assert Preference.objects.get(user=people["ana"]).zone == zone
    page = Page(ana.get("/"))
    assert f"Times are in {zone}" in page
    assert not page.has("#zone-offer")


@pytest.mark.parametrize("zone", ["", "UTC", "Mars/Olympus", "<script>", "x" * 4000])
def test_a_zone_that_is_none_or_the_same_is_not_offered(ana, zone):
    ana.cookies["browser_zone"] = zone
    assert not Page(ana.get("/")).has("#zone-offer")

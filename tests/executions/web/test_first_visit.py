"""What a person sees until they send it away: where to begin, what is simulated, their zone."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

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
    ("here", "says"),
    [("localhost:8000", True), ("127.0.0.1:8000", False), ("localhost:9000", False)],
)
def test_a_sign_in_page_at_another_name_of_this_machine_leads_to_the_one(settings, here, says):
    settings.ANNUNCIATOR_SITE_URL = "http://127.0.0.1:8000"
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    page = Page(Client().get("/sign-in/?next=/inbox/", headers={"host": here}))
    there = "http://127.0.0.1:8000/sign-in/?next=/inbox/"
    assert page.link("go on there") == (there if says else "")
    assert ("A sign-in is valid for one address only" in page) == says


def signed_in_from(zone: str) -> Page:
    """The first page after a sign-in with a browser of this zone."""
    browser = Client()
    browser.cookies["browser_zone"] = zone
    return Page(browser.post("/sign-in/", {"username": "ana", "password": "secret"}, follow=True))


@pytest.fixture
def secret(people):
    people["ana"].set_password("secret")
    people["ana"].save()


def test_the_zone_of_the_browser_is_taken_at_the_first_sign_in_and_kept(people, secret):
    assert "Times are in Europe/Zurich" in signed_in_from("Europe/Zurich")
    assert "Times are in Europe/Zurich" in signed_in_from("America/Lima")
    kept = Preference.objects.get(user=people["ana"])
    assert (kept.zone, kept.is_relative) == ("Europe/Zurich", True)


@pytest.mark.parametrize(
    "chosen", [{"zone": "UTC", "has_chosen_zone": True}, {"zone": "Asia/Aden"}]
)
def test_a_zone_that_somebody_chose_stays(people, secret, chosen):
    Preference.objects.create(user=people["ana"], **chosen)
    assert f"Times are in {chosen['zone']}" in signed_in_from("Europe/Zurich")


@pytest.mark.parametrize("zone", ["", "UTC", "Mars/Olympus", "<script>", "x" * 4000])
def test_without_a_zone_of_the_browser_times_are_in_utc_and_may_be_taken_later(secret, zone):
    page = signed_in_from(zone)
    assert "Times are in UTC." in page
    assert "Without JavaScript they stand still: this page was made" in page
    assert "Times are in Europe/Zurich" in signed_in_from("Europe/Zurich")

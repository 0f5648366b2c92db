"""The wall on a screen of its own: what it shows and to whom, and how its addresses end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from executions.models import AuditEntry, WallLink
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status
from providers.models import ProviderAccount
from tests.pages import Page

pytestmark = pytest.mark.django_db


def account(name: str, team: str = "", **more: Any) -> ProviderAccount:
    group = Group.objects.get_or_create(name=team)[0] if team else None
    values = {"provider": "smartflows", "health": "ok", "last_success_at": timezone.now()}
    return ProviderAccount.objects.create(name=name, group=group, **{**values, **more})


def put(at: ProviderAccount, ref: str, status: Status, **more: Any) -> None:
    begun = timezone.now() - timedelta(minutes=5)
    ended = timezone.now() if status.is_final else None
    store(at.pk, 1, [Snapshot(
        ref=ref, workflow=contract.Workflow(ref=f"w-{ref}", name=f"Workflow {ref}"), status=status,
        native_status="x", started_at=begun, finished_at=ended, **more,
    )])  # fmt: skip


@pytest.fixture
def claims() -> ProviderAccount:
    found = account("Claims", "east")
    put(found, "a", Status.SUCCEEDED)
    put(found, "b", Status.FAILED, error="The disk is full")
    return found


@pytest.fixture
def administrator(claims: ProviderAccount) -> Client:
    user = User.objects.create_user("ada", is_staff=True)
    user.groups.set([Group.objects.get(name="admin"), Group.objects.get(name="east")])
    client = Client()
    client.force_login(user)
    return client


def made(client: Client, **posted: Any) -> str:
    """The path of a new screen, as its maker reads it once."""
    values = {"name": "Control room", "group": "", "zone": "Europe/Zurich", "days": ""} | posted
    answer = client.post("/wall/links/", values)
    assert answer.status_code == 201, Page(answer).text
    shown = Page(answer).one("input[readonly]")["value"]
    assert shown.startswith("http://testserver/wall/screens/")
    return urlsplit(shown).path


def tiles(page: Page) -> list[str]:
    return [tile.text for tile in page.all("#tiles > li")]


def test_a_screen_shows_every_workflow_and_offers_nothing_to_do(administrator) -> None:
    path = made(administrator)
    screen = Client()
    page = Page(answer := screen.get(path))
    assert tiles(page) == ["Workflow a quiet", "Workflow b 1 failed"]
    assert "Workflow b, b: failed The disk is full" in page
    assert page.links() == []
    assert not page.has("form, input, [hx-get], [hx-post]")
    assert "sessionid" not in answer.cookies
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]


def test_its_address_opens_nothing_else(administrator) -> None:
    path = made(administrator)
    screen = Client()
    screen.get(path)
    assert screen.get("/").status_code == 302
    assert screen.post(path).status_code == 405
    assert screen.get(path + "links/").status_code == 404


def test_a_screen_of_a_team_shows_what_its_members_may_see(administrator, claims) -> None:
    put(account("Payroll", "west"), "secret", Status.FAILED)
    put(account("Shared"), "open", Status.FAILED)
    path = made(of_root(), group=Group.objects.get(name="east").pk)
    page = Page(Client().get(path))
    assert "Workflow open" in page
    assert "Workflow b" in page
    assert "secret" not in page
    assert "Payroll" not in page


def of_root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_an_administrator_of_a_team_puts_no_other_on_a_screen(administrator) -> None:
    account("Payroll", "west")
    for group in ("", Group.objects.get(name="west").pk):
        posted = {"name": "Hall", "group": group, "zone": "UTC", "days": ""}
        assert administrator.post("/wall/links/", posted).status_code == 422
    assert not WallLink.objects.exists()
    theirs = made(of_root(), name="Board room")
    assert theirs
    assert "Board room" not in Page(administrator.get("/wall/links/")).text


def test_asked_with_the_stamp_of_what_it_shows_it_gets_only_what_is_new(
    administrator, claims
) -> None:
    path = made(administrator)
    screen = Client()
    stamp = Page(screen.get(path)).one("#screen")["data-stamp"]
    assert screen.get(path, {"stamp": stamp}).status_code == 204
    put(claims, "c", Status.USER_INPUT)
    answer = screen.get(path, {"stamp": stamp})
    assert answer.status_code == 200
    part = Page(answer)
    assert "Workflow c 1 needs you" in part
    assert not part.has("head script")


def test_what_cannot_be_read_is_not_shown_as_new(administrator, claims) -> None:
    path = made(administrator)
    good = account("Orders", "east")
    put(good, "o", Status.SUCCEEDED)
    old = timezone.now() - timedelta(minutes=20)
    ProviderAccount.objects.filter(pk=claims.pk).update(
        health="failing", health_since=old, last_success_at=old
    )
    page = Page(Client().get(path))
    own = next(each for each in tiles(page) if "Workflow b" in each)
    assert "can’t read since" in own
    assert "failed" not in own
    assert "data-blind-since" not in page.one("#screen").markup
    ProviderAccount.objects.update(health="failing", health_since=old, last_success_at=old)
    assert Page(Client().get(path)).one("#screen")["data-blind-since"] == str(int(old.timestamp()))


def test_a_revoked_address_says_so_and_tells_no_more(administrator) -> None:
    path = made(administrator)
    link = WallLink.objects.get()
    administrator.post(f"/wall/links/{link.pk}/revocation/")
    page = Page(answer := Client().get(path))
    assert answer.status_code == 410
    assert "The address of Control room was revoked on" in page
    assert "Workflow" not in page
    acts = AuditEntry.objects.filter(action__startswith="wall_link").order_by("pk")
    assert [(each.actor, each.action) for each in acts] == [
        ("ada", "wall_link.made"), ("ada", "wall_link.revoked"),
    ]  # fmt: skip
    secret = path.split("/")[-2]
    assert secret not in str(list(acts.values()))
    assert secret not in str(WallLink.objects.values())


def test_an_address_ends_when_its_time_is_over(administrator) -> None:
    path = made(administrator, days="30")
    assert Client().get(path).status_code == 200
    WallLink.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    answer = Client().get(path)
    assert answer.status_code == 410
    assert "was valid until" in Page(answer)


def test_what_was_typed_stays_when_the_form_is_refused(administrator) -> None:
    posted = {"name": "Hall", "group": "", "zone": "Moon/Sea", "days": "30"}
    page = Page(administrator.post("/wall/links/", posted))
    assert page.one("input[name=name]")["value"] == "Hall"
    assert "There is no such time zone" in page


def test_a_person_sees_the_wall_of_what_they_may_see(claims) -> None:
    put(account("Payroll", "west"), "secret", Status.FAILED)
    user = User.objects.create_user("vik")
    user.groups.set([Group.objects.get(name="viewer"), Group.objects.get(name="east")])
    client = Client()
    client.force_login(user)
    page = Page(client.get("/wall/"))
    assert "Workflow b" in page
    assert "secret" not in page
    assert client.get("/wall/links/").status_code == 403


def test_times_and_clock_are_in_the_zone_of_the_screen(administrator) -> None:
    body = Page(Client().get(made(administrator, zone="Asia/Tokyo"))).one("body")
    assert body["data-zone"] == "Asia/Tokyo"
    assert "JST" in body

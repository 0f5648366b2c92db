"""Accounts, workflows, sign-in, preferences and the help: the pages around the runs."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from itertools import chain

import pytest
from django.contrib.auth.models import Group, User
from django.urls import get_resolver
from django.utils import timezone

from executions.accounts.views import ABILITIES
from executions.models import AuditEntry, Command, Workflow
from executions.polling import schedule
from providers.contract import Status
from providers.models import Health, ProviderAccount
from providers.registry import all_adapters
from tests.pages import Page

pytestmark = pytest.mark.django_db


def test_an_account_says_how_it_is_why_and_what_to_do(ana, account):
    ProviderAccount.objects.filter(pk=account.pk).update(
        health="auth", last_error="401: the key was revoked", last_success_at=timezone.now()
    )
    for page in ("/accounts/", f"/accounts/{account.pk}/"):
        text = ana.get(page).content.decode()
        assert "Credentials refused" in text
        assert "401: the key was revoked" in text
        assert "enter working credentials" in text


def test_the_accounts_page_says_what_each_provider_can_be_asked(ana, account):
    part = Page(ana.get("/accounts/")).under("What each provider supports")
    told = {
        row.one("th").text: ["yes" in cell for cell in row.all("td")]
        for row in part.all("tbody tr")
    }
    adapters = all_adapters().values()
    assert told == {each.name: [each.can(verb) for _, verb in ABILITIES] for each in adapters}
    assert {True, False} <= set(chain(*told.values()))


def test_only_administrators_poll_now(ana, people, account, sign_in):
    later = timezone.now() + timedelta(hours=1)
    ProviderAccount.objects.filter(pk=account.pk).update(next_poll_at=later)
    assert ana.post(f"/accounts/{account.pk}/poll/").status_code == 403
    admin = User.objects.create_user("root", is_staff=True)
    admin.groups.set([Group.objects.get(name="admin"), Group.objects.get(name="east")])
    sign_in(admin).post(f"/accounts/{account.pk}/poll/")
    account.refresh_from_db()
    assert account.next_poll_at <= timezone.now()


@pytest.fixture
def head(people, account, sign_in):
    """Somebody who administers the accounts of the team."""
    user = User.objects.create_user("root", is_staff=True)
    user.groups.set([Group.objects.get(name="admin"), Group.objects.get(name="east")])
    return sign_in(user)


@pytest.mark.parametrize("door", ["/accounts", "/admin/providers/provideraccount"])
def test_poll_now_is_one_act_wherever_it_is_asked_for(head, account, door):
    """It looks again at an account whose credentials were refused, says the same, leaves the same
    word, and spares a provider that was just asked."""
    later = timezone.now() + timedelta(hours=1)
    rows, address = ProviderAccount.objects.filter(pk=account.pk), f"{door}/{account.pk}/poll/"
    rows.update(health=Health.AUTH, next_poll_at=later, last_poll_at=None)
    assert "will be polled within" in head.post(address, follow=True).content.decode()
    account.refresh_from_db()
    assert (account.health, account.next_poll_at <= timezone.now()) == (Health.NEW, True)
    rows.update(last_poll_at=timezone.now(), next_poll_at=later)
    assert "a moment ago" in head.post(address, follow=True).content.decode()
    rows.update(last_poll_at=None, enabled=False)
    assert "is disabled" in head.post(address, follow=True).content.decode()
    account.refresh_from_db()
    assert account.next_poll_at == later
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.account_name) == ("account.poll_asked", account.name)


def test_a_first_poll_is_under_way_until_it_has_ended(ana, account, put):
    """A claim pushes the next poll away, in case its worker dies: nobody shall read that."""
    pages = ("/accounts/", f"/accounts/{account.pk}/")
    rows = ProviderAccount.objects.filter(pk=account.pk)
    rows.update(health=Health.NEW, last_success_at=None, last_poll_at=None)
    assert "Waiting for its first poll" in ana.get(pages[0]).content.decode()
    assert schedule.claim(account.pk)
    put("one-of-41")
    account.refresh_from_db()
    for page in pages:
        text = ana.get(page).content.decode()
        assert "First poll under way" in text
        assert "Waiting for its first poll" not in text
    told = Page(ana.get(pages[1])).facts
    assert told["Next poll"] == "under way"
    rows.update(health=Health.OK, lease_until=None, last_success_at=timezone.now())
    later = timezone.now() + timedelta(seconds=12)
    rows.update(next_poll_at=later)
    assert Page(ana.get(pages[1])).facts["Next poll"] == "in less than 1 min"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"enabled": False}, "not while the account is disabled"),
        ({"health": Health.AUTH}, "not with these credentials"),
    ],
)
def test_an_account_that_is_not_polled_names_no_next_poll(ana, account, state, said):
    ProviderAccount.objects.filter(pk=account.pk).update(**state)
    assert Page(ana.get(f"/accounts/{account.pk}/")).facts["Next poll"] == said


def test_two_accounts_that_read_the_same_runs_say_so(ana, account):
    other = ProviderAccount.objects.create(
        name="Claims again", provider=account.provider, settings=account.settings
    )
    for row in (account, other):
        row.set_credentials({"api_key": "one-and-the-same"}, by="ana")
        row.save()
    text = ana.get("/accounts/").content.decode()
    assert "Claims again has the same address and credentials: every run is there twice" in text
    assert (
        f"{account.name} has the same address" in ana.get(f"/accounts/{other.pk}/").content.decode()
    )
    other.set_credentials({"api_key": "another"}, by="ana")
    other.save()
    assert "every run is there twice" not in ana.get("/accounts/").content.decode()


def test_an_account_of_another_team_is_not_there(eve, account):
    assert eve.get(f"/accounts/{account.pk}/").status_code == 404
    assert account.name not in eve.get("/accounts/").content.decode()


def test_a_run_is_started_through_a_form_made_from_the_adapters_fields(ana, put, account):
    put("r1")
    workflow = Workflow.objects.get()
    names = Page(ana.get(f"/workflows/{workflow.pk}/")).names("argument_")
    answer = ana.post(f"/workflows/{workflow.pk}/runs/", dict.fromkeys(names, "{}"), follow=True)
    assert Command.objects.get().kind == "start"
    assert "waiting for Claims" in answer.content.decode()


def test_a_viewer_cannot_start_a_run(vik, put):
    put("r1")
    workflow = Workflow.objects.get()
    assert "Start the run" not in vik.get(f"/workflows/{workflow.pk}/").content.decode()
    assert vik.post(f"/workflows/{workflow.pk}/runs/").status_code == 403


def test_the_theme_is_kept(ana, account):
    assert 'data-theme="system"' in ana.get("/").content.decode()
    ana.post("/preferences/", {"theme": "dark", "next": "//evil.example"}, follow=True)
    assert 'data-theme="dark"' in ana.get("/").content.decode()


def test_the_switch_does_not_lead_away(ana):
    answer = ana.post("/preferences/", {"theme": "dark", "next": "https://evil.example/"})
    assert answer["Location"] == "/"


def test_every_status_is_explained(ana):
    text = ana.get("/statuses/").content.decode()
    assert all(status.meaning in text for status in Status)


def test_every_page_wants_a_signed_in_person(client, db):
    for pattern in get_resolver("executions.urls").url_patterns:
        if pattern.name in ("wall-screen", "manifest", "service-worker", "offline"):
            continue  # the address is the key; and what an installed site is made of
        path = "/" + str(pattern.pattern).replace("<uuid:key>", str(uuid.uuid4()))
        path = re.sub(r"<slug:\w+>", "raw", re.sub(r"<int:\w+>", "1", path))
        for method in (client.get, client.post):
            answer = method(path)
            assert answer.status_code == 302, path
            assert answer["Location"].startswith("/sign-in/"), path


def test_no_page_has_an_inline_script_or_style(ana, put, question):
    paths = ["/", "/inbox/", "/workflows/", "/accounts/", "/statuses/", "/?q=nothing"]
    paths += [f"/executions/{question.execution_id}/", f"/questions/{question.pk}/"]
    for path in paths:
        answer = ana.get(path)
        text = answer.content.decode()
        assert answer.status_code == 200, path
        assert not re.search(r"<style|\sstyle=|\son\w+=\"|<script(?![^>]*\ssrc=)", text), path
        assert "'unsafe" not in answer["Content-Security-Policy"]


def test_a_page_that_is_not_there_looks_like_ours(ana):
    answer = ana.get("/nowhere/")
    assert answer.status_code == 404
    assert "Page not found" in answer.content.decode()


@pytest.mark.parametrize(
    "address",
    [
        "/?account={}", "/?not_workflow={}", "/?view={}", "/?rows={}:1", "/overview/?opened={}",
        "/overview/?tiles={}", "/inbox/?top={}", "/inbox/?workflow={}", "/batches/?before={}",
        "/notices/messages/?before={}", "/shift/?workflow={}", "/executions/changes/?rows={}:1",
        "/workflows/{workflow}/?run={}",
    ],
)  # fmt: skip
def test_a_number_longer_than_any_id_is_no_number(ana, put, address):
    """Python itself refuses to read one of more than 4,300 digits."""
    workflow = put("r1").workflow_id
    page = ana.get(address.format("9" * 5000, workflow=workflow))
    assert page.status_code == 200


def test_a_view_is_shared_with_no_team_of_such_a_number(ana):
    posted = {"name": "Mine", "audience": "team:" + "9" * 5000}
    said = ana.post("/views/creation/", posted, follow=True).content.decode()
    assert "You share views with teams that you are in." in said

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

from executions.models import Command, Workflow
from executions.views.accounts import ABILITIES
from providers.models import ProviderAccount
from providers.registry import all_adapters

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
    table = ana.get("/accounts/").content.decode().split("What each provider can be asked")[1]
    told = {}
    for row in table.split("</table>")[0].split("<tr>")[2:]:
        name = re.sub(r"<[^>]*>", "", row.split("</th>")[0])
        told[name] = [cell.startswith("yes") for cell in row.split('class="unseen">')[1:]]
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


def test_an_account_of_another_team_is_not_there(eve, account):
    assert eve.get(f"/accounts/{account.pk}/").status_code == 404
    assert account.name not in eve.get("/accounts/").content.decode()


def test_a_run_is_started_through_a_form_made_from_the_adapters_fields(ana, put, account):
    put("r1")
    workflow = Workflow.objects.get()
    page = ana.get(f"/workflows/{workflow.pk}/").content.decode()
    names = set(re.findall(r'name="(argument_[^"]+)"', page))
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
    from providers.contract import STATUS_MEANINGS

    text = ana.get("/statuses/").content.decode()
    assert all(meaning in text for meaning in STATUS_MEANINGS.values())


def test_every_page_wants_a_signed_in_person(client, db):
    for pattern in get_resolver("executions.urls").url_patterns:
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
    assert "Not here" in answer.content.decode()


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
    wish = {"name": "Mine", "audience": "team:" + "9" * 5000}
    said = ana.post("/views/creation/", wish, follow=True).content.decode()
    assert "You share views with teams that you are in." in said

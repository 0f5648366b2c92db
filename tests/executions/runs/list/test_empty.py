"""Three kinds of empty: nothing yet, nothing matches, and cannot know."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from providers.contract import Status
from providers.models import ProviderAccount

LISTS = ("/inbox/", "/workflows/", "/accounts/", "/shift/")


@pytest.fixture
def blind(account):
    """The account answers no more, since an hour."""
    past = timezone.now() - timedelta(hours=1)
    told = {"health": "failing", "health_since": past, "last_success_at": past}
    ProviderAccount.objects.update(**told, last_error="No answer within 20 seconds.")
    return account


@pytest.mark.parametrize("path", LISTS)
def test_without_an_account_it_says_how_to_begin(eve, path):
    page = eve.get(path).content.decode()
    assert "No provider account yet" in page


@pytest.mark.parametrize("path", ["/inbox/", "/workflows/"])
def test_what_cannot_be_known_is_not_told_as_nothing(ana, blind, path):
    page = ana.get(path).content.decode()
    assert "cannot be read now" in page
    for told in ("is unreachable", "Polls fail since", "Data is from", "No answer within 20"):
        assert told in page, told
    assert "Nothing waits for a person" not in page
    assert "No workflow yet" not in page


def test_an_account_that_is_disabled_hides_what_waits_there(ana, account):
    ProviderAccount.objects.update(enabled=False)
    page = ana.get("/inbox/").content.decode()
    assert "The inbox cannot be read now" in page
    assert "Polling is disabled." in page


def test_one_blind_account_of_two_leaves_the_answer_open(ana, blind):
    ProviderAccount.objects.create(
        name="Other", provider="flow8", health="ok", last_success_at=timezone.now()
    )
    page = ana.get("/inbox/").content.decode()
    assert "Nothing waits for a person" in page
    assert "But not every account can be read now:" in page


def test_nothing_matches_offers_to_show_all(ana, put):
    put("r1")
    page = ana.get("/workflows/?q=zzz").content.decode()
    assert "No workflow has “zzz” in its name" in page
    assert 'href="/workflows/">Show all' in page


def test_nothing_yet_says_that_it_comes_by_itself(ana, account):
    assert "appear here automatically" in ana.get("/inbox/").content.decode()
    assert "They appear with the first poll" in ana.get("/workflows/").content.decode()


@pytest.mark.parametrize("query", ["", "&status=running"])
def test_that_no_run_is_out_of_date_is_told_as_that(ana, put, query):
    put("r1")
    page = ana.get(f"/?is=stale{query}").content.decode()
    assert "No run is out of date" in page
    assert "exclude each other" not in page


def test_where_all_accounts_can_be_read_none_is_asked_for(ana, account):
    page = ana.get("/accounts/?is=unseen").content.decode()
    assert "All accounts can be read" in page
    assert "No provider account yet" not in page


def test_a_run_of_unknown_status_that_ended_waits_for_no_steps(ana, put):
    ended = {"finished_at": timezone.now() - timedelta(days=2), "age": 4000}
    run = put("r1", Status.UNKNOWN, steps=(), questions=(), outputs=(), **ended)
    page = ana.get(f"/executions/{run.pk}/").content.decode()
    assert "provide steps for this run" in page
    assert "No steps yet" not in page


def test_parts_of_a_run_tell_their_three_kinds_of_empty(ana, put, account):
    running, unread = put("r1"), put("r2", Status.SUCCEEDED)
    read = put("r3", Status.SUCCEEDED, steps=(), questions=(), outputs=())
    page = ana.get(f"/executions/{running.pk}/").content.decode()
    assert "No steps yet" in page
    assert "No log yet" in ana.get(f"/executions/{running.pk}/?tab=log").content.decode()
    page = ana.get(f"/executions/{unread.pk}/").content.decode()
    assert "The steps have not been read from the provider yet" in page
    page = ana.get(f"/executions/{read.pk}/").content.decode()
    assert "Smart Flows doesn’t provide steps for this run." in page
    past = timezone.now() - timedelta(hours=1)
    ProviderAccount.objects.update(health="failing", last_success_at=past, last_error="No answer.")
    for what, tab in (("Steps", "run"), ("Data", "data"), ("The log", "log")):
        page = ana.get(f"/executions/{running.pk}/?tab={tab}").content.decode()
        assert f"{what} cannot be read now:" in page

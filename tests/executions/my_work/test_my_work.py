"""My work: what a person took on, or was given, and nothing of anybody else's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from executions.errors import acts as error_acts
from executions.inbox import claims, delegation
from executions.models import Execution
from executions.triage import acts
from providers.contract import Status
from tests.pages import Page, RunList


def runs() -> dict[str, Execution]:
    return {run.ref: run for run in Execution.objects.all()}


def work(client: Any) -> Page:
    answer = client.get("/my-work/")
    assert answer.status_code == 200
    return Page(answer)


def test_it_is_one_click_from_every_page(ana, question):
    for address in ("/", "/inbox/"):
        page = Page(ana.get(address))
        assert page.has("nav[aria-label=Main] a[href='/my-work/']", "My work")
        assert page.has("#user-menu a[href='/my-work/']", "My work")


def test_without_anything_it_says_where_work_is_found(ana, account):
    page = work(ana)
    assert "Nothing is assigned to you" in page
    assert page.has("main a[href='/?is=unresolved']")


def test_runs_that_i_took_on_and_that_were_given_to_me_are_there(ana, people, put):
    bob = User.objects.create_user("bob")
    bob.groups.set([Group.objects.get(name="operator"), Group.objects.get(name="east")])
    for ref in ("taken", "given", "of-bob", "nobodys"):
        put(ref, Status.FAILED, error=f"Broken {ref}", finished_at=timezone.now())
    pick = {ref: acts.picked([run.pk]) for ref, run in runs().items()}
    acts.assign(people["ana"], pick["taken"], to=people["ana"])
    acts.assign(bob, pick["given"], to=people["ana"])
    acts.assign(bob, pick["of-bob"], to=bob)
    section = work(ana).under("Runs")
    assert {link["href"] for link in section.all("a.run-link")} == {
        f"/executions/{runs()[ref].pk}/" for ref in ("taken", "given")
    }
    given, taken = section.all("li")
    assert "given to you by bob" in given
    assert "given to you" not in taken


def test_what_is_settled_is_no_longer_work(ana, people, put):
    run = put("r1", Status.FAILED, finished_at=timezone.now())
    acts.assign(people["ana"], acts.picked([run.pk]), to=people["ana"])
    acts.resolve(people["ana"], acts.picked([run.pk]))
    assert "Nothing is assigned to you" in work(ana)


def test_a_whole_error_stands_once_with_the_number_of_its_runs(ana, people, account, put):
    for ref in ("r1", "r2"):
        put(ref, Status.FAILED, error="Disk full", finished_at=timezone.now())
    key = runs()["r1"].error_key
    error_acts.take(key, [account], people["ana"], "Ticket 812")
    put("r3", Status.FAILED, error="Disk full", finished_at=timezone.now())
    page = work(ana)
    error = page.under("Errors").one("li")
    assert "Disk full" in error
    assert "3 unresolved runs: Ticket 812" in error
    Execution.objects.update(finished_at=timezone.now() - timedelta(days=9))
    href = error.link("3 unresolved runs")
    assert href == f"/?error={key}&is=unresolved"
    assert len(RunList(ana.get(href)).runs) == 3
    assert not page.has("h2", "Runs")


def test_questions_that_i_claimed_or_was_delegated_are_there(ana, people, question):
    claims.claim(people["ana"], question, address=None)
    assert question.title in work(ana).under("Questions")
    claims.release(people["ana"], question, address=None)
    assert "Nothing is assigned to you" in work(ana)
    bob = User.objects.create_user("bob")
    bob.groups.set([Group.objects.get(name="operator"), Group.objects.get(name="east")])
    delegation.delegate(bob, [question], to=people["ana"], note="You know them", address=None)
    line = work(ana).under("Questions").one("li")
    assert "given to you by bob" in line
    assert "You know them" in line


def test_nothing_of_an_account_that_i_may_no_longer_see_is_told(ana, people, account, put):
    run = put("r1", Status.FAILED, error="Disk full", finished_at=timezone.now())
    error_acts.take(run.error_key, [account], people["ana"], "")
    account.group = Group.objects.get(name="west")
    account.save()
    assert "Nothing is assigned to you" in work(ana)


def test_an_open_page_hears_of_what_is_given_to_me(ana, people, put):
    run = put("r1", Status.FAILED, finished_at=timezone.now())
    changes = work(ana).one("body")["data-changes-url"]
    stamp = work(ana).one("#stamp")
    asked = {"stamp": stamp.get("data-stamp")}
    assert ana.get(changes, asked).status_code == 204
    acts.assign(people["ana"], acts.picked([run.pk]), to=people["ana"])
    assert ana.get(changes, asked).status_code == 200

"""The table of all runs: its filter, pages and counts, and its answer to "what is new?"."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executions.models import Execution, Preference, Quarantine
from providers.contract import Status, Verb, Workflow
from providers.models import ProviderAccount
from tests.pages import Page, RunList, labels

pytestmark = pytest.mark.django_db


def test_the_newest_run_comes_first_with_its_error_in_the_row(ana, put):
    put("old", Status.SUCCEEDED, age=60)
    put("new", Status.FAILED, age=1, error="ERP timeout")
    response = ana.get("/")
    assert labels(response) == ["new", "old"]
    assert "ERP timeout" in response.content.decode()


def test_a_stranger_sees_no_run_of_another_team(eve, put):
    put("secret")
    assert labels(eve.get("/")) == []
    assert eve.get("/?account=1&q=secret").status_code == 200


def test_every_filter_narrows_the_table(ana, put, account):
    put("a", Status.FAILED, error="disk full", age=5)
    put("b", Status.RUNNING, age=90, workflow=Workflow(ref="w2", name="Price list"))
    price = Execution.objects.get(ref="b").workflow_id
    assert labels(ana.get("/?lamp=failed")) == ["a"]
    assert labels(ana.get("/?status=running")) == ["b"]
    assert labels(ana.get("/?not_status=running")) == ["a"]
    assert labels(ana.get(f"/?workflow={price}")) == ["b"]
    assert labels(ana.get(f"/?workflow={price}&status=failed")) == []
    assert labels(ana.get(f"/?not_workflow={price}")) == ["a"]
    assert labels(ana.get("/?started=1h")) == ["a"]
    assert labels(ana.get(f"/?account={account.pk}&provider=smartflows")) == ["a", "b"]
    assert labels(ana.get(f"/?not_account={account.pk}")) == []


def test_text_finds_workflow_names_run_ids_and_errors(ana, put):
    put("a-1", Status.FAILED, error="100% disk_full")
    put("b-2", name="claim 77", workflow=Workflow(ref="w2", name="Price list"))
    assert labels(ana.get("/?q=price")) == ["claim 77"]
    assert labels(ana.get("/?q=b-2")) == ["claim 77"]
    assert labels(ana.get("/?q=claim")) == ["claim 77"]
    assert labels(ana.get("/?q=disk_full")) == ["a-1"]
    assert labels(ana.get("/?q=1%25")) == []  # a wildcard is only text: "1%" is nowhere


def test_old_runs_are_found_by_their_workflow_behind_the_searched_window(ana, put, monkeypatch):
    monkeypatch.setattr("executions.search.merged_scans.WINDOW", 3)
    put("deep", age=500, workflow=Workflow(ref="w2", name="Price list"))
    for number in range(6):
        put(f"r{number}", age=number)
    found = RunList(ana.get("/?q=price"))
    assert "searched only back to" in found
    for _ in range(4):
        if found.labels or not found.older:
            break
        found = RunList(ana.get(found.older))
    assert found.labels == ["deep"]


def test_pages_go_back_and_forth_without_losing_or_doubling_a_run(ana, put):
    for number in range(120):
        put(f"r{number}", age=number)
    seen: list[str] = []
    address = "/?status=running"
    for _ in range(3):
        page = RunList(ana.get(address))
        seen += page.labels
        address = page.older
    assert seen == [f"r{number}" for number in range(120)]
    assert labels(ana.get("/" + page.address("prev"))) == [f"r{n}" for n in range(50, 100)]


def test_runs_that_started_in_the_same_moment_are_all_listed_once(ana, put):
    for number in range(70):
        put(f"r{number}", age=3)
    page = RunList(ana.get("/"))
    both = [*page.labels, *labels(ana.get(page.older))]
    assert (len(both), len(set(both))) == (70, 70)


QUERIES = (
    "",
    "lamp=failed",
    "status=failed&workflow=1",
    "started=24h",
    "q=import",
    "not_workflow=9",
)


@pytest.mark.parametrize("query", QUERIES)
def test_the_first_page_needs_at_most_eight_queries(ana, put, people, query):
    Preference.objects.create(user=people["ana"], has_seen_guide=True)
    for number in range(5):
        put(f"r{number}", Status.FAILED, age=number, error="boom")
    ana.get("/")  # notes in the session, once a minute, that she is at work
    with CaptureQueriesContext(connection) as queries:
        assert ana.get(f"/?{query}").status_code == 200
    assert len(queries) <= 8


def test_lamps_count_under_the_same_filter_and_open_the_list_behind_them(ana, put):
    put("a", Status.FAILED, age=5)
    put("b", Status.TIMED_OUT, age=500)
    assert Page(ana.get("/")).one("#lamp-failed").text == "failing 2"
    lately = Page(ana.get("/?started=1h")).one("#lamp-failed")
    assert lately["href"] == "?lamp=failed&started=1h&is=unresolved"
    assert lately.text == "failing 1"


def test_what_is_not_understood_is_ignored_and_said(ana, put):
    put("a")
    answer = ana.get("/?foo=1&status=broken&account=99999&started=ever&before=x&from=soon")
    assert answer.status_code == 200
    page = RunList(answer)
    assert page.labels == ["a"]
    assert len(page.ignored) == 6
    assert "“foo” is not a filter" in page


def test_every_filter_is_a_chip_that_can_be_taken_away(ana, put):
    put("a")
    page = Page(ana.get("/?lamp=active&q=import&not_status=paused"))
    assert "/?lamp=active&not_status=paused" in page.chips.values()  # without the text
    assert len(page.chips) == 3
    assert page.link("Clear all")


def test_provider_text_is_text(ana, put):
    put("x", Status.FAILED, name="<b hx-post=/x>\u202e", error="<script>alert(1)</script>")
    text = ana.get("/").content.decode()
    assert "<script>alert" not in text
    assert "<b hx-post" not in text
    assert "⟨U+202E⟩" in text


def test_an_old_account_marks_its_open_rows_and_the_page(ana, put, account):
    put("a")
    old = timezone.now() - timedelta(hours=1)
    ProviderAccount.objects.filter(pk=account.pk).update(health="failing", last_success_at=old)
    text = ana.get("/").content.decode()
    assert "Was running" in text
    assert "as of" in text
    assert "is unreachable" in text


def test_a_run_that_is_gone_at_the_provider_stays_and_says_so(ana, put):
    run = put("a", Status.SUCCEEDED)
    Execution.objects.update(missing_since=timezone.now(), misses=3)
    assert "no longer at the provider" in ana.get("/").content.decode()
    page = ana.get(f"/executions/{run.pk}/").content.decode()
    assert "Missing at the provider <time" in page
    assert "Succeeded" in page


def test_an_open_run_that_cannot_be_read_is_not_shown_as_current(ana, put, account):
    run = put("a", offers=frozenset({Verb.CANCEL}))
    Execution.objects.update(missing_since=timezone.now())
    Quarantine.objects.create(account=account, ref="a", reason="Smart Flows answered 500.", count=2)
    row = ana.get("/").content.decode()
    assert "Was running" in row
    assert "cannot be read now" in row
    page = ana.get(f"/executions/{run.pk}/").content.decode()
    assert "Cannot be read <time" in page
    assert "Smart Flows answered 500." in page
    assert "Missing at the provider" not in page
    assert "Cancel run" in page  # it may still be asked to end


def test_an_empty_table_says_why(ana, put, account):
    assert "No runs yet" in ana.get("/").content.decode()
    put("a")
    assert "No run matches" in ana.get("/?q=zzz").content.decode()
    Execution.objects.all().delete()
    ProviderAccount.objects.filter(pk=account.pk).update(health="auth")
    assert "No account can be read now" in ana.get("/").content.decode()
    ProviderAccount.objects.all().delete()
    assert "No provider account yet" in ana.get("/").content.decode()


def test_a_new_filter_changes_only_the_inner_part_and_the_address(ana, put):
    put("a")
    response = ana.get("/?lamp=active&account=", headers={"HX-Request": "true"})
    assert response["HX-Push-Url"] == "/?lamp=active"
    assert "<html" not in response.content.decode()
    assert "HX-Request" in response["Vary"]


# -------------------------------------------------------------------------------------- changes


def test_nothing_new_is_204(ana, put):
    put("a")
    page = RunList(ana.get("/"))
    query = {"rows": page.known, "stamp": page.stamp}
    assert ana.get("/executions/changes/", query).status_code == 204


def test_a_changed_row_comes_back_as_the_same_row(ana, put):
    put("a", Status.RUNNING)
    page = RunList(ana.get("/"))
    put("a", Status.SUCCEEDED, seq=2)
    query = {"rows": page.known, "stamp": page.stamp}
    answer = RunList(ana.get("/executions/changes/", query))
    (row,) = answer.runs
    assert row.markup == RunList(ana.get("/")).runs[0].markup
    assert "#lamps" in answer.targets


def test_a_row_that_no_longer_matches_stays_and_says_so(ana, put):
    run = put("a", Status.RUNNING)
    page = RunList(ana.get("/?status=running"))
    put("a", Status.SUCCEEDED, seq=2)
    answer = Page(ana.get("/executions/changes/", {"status": "running", "rows": page.known}))
    assert f"#run-{run.pk}" in answer.targets
    assert "no longer matches the filter" in answer


def test_new_runs_are_counted_only_if_they_match(ana, put):
    put("a", Status.FAILED, age=9)
    top = Page(ana.get("/?lamp=failed")).top
    put("b", Status.FAILED, age=2)
    put("c", Status.RUNNING, age=1)
    answer = ana.get("/executions/changes/", {"lamp": "failed", "top": top}).content.decode()
    assert "1 new run" in answer


def test_rows_of_another_team_do_not_answer(eve, put):
    run = put("secret")
    answer = eve.get("/executions/changes/", {"rows": f"{run.pk}:0"})
    assert "run-" not in answer.content.decode()


def test_who_is_signed_out_is_told_without_a_redirect(client, db):
    answer = client.get("/executions/changes/", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Trigger"]) == (401, "signed-out")


def test_a_row_offers_at_most_two_verbs_and_only_to_those_who_may_act(ana, vik, put):
    put("bad", Status.FAILED, error="boom")
    put("going", Status.RUNNING, offers=frozenset(Verb) - {Verb.START, Verb.ANSWER})
    going, bad = sorted(RunList(ana.get("/")).runs, key=lambda row: "Failed" in row)
    assert bad.one("button", "I’m on it")["value"] == bad["data-row"].split(":")[0]
    assert len(going.all("a[href*='#dialog-']")) == 2
    assert not RunList(vik.get("/")).has("tr[data-row] button[name='ids'], a[href*='#dialog-']")


def test_what_stopped_for_a_person_in_a_minute_is_counted_and_no_part_of_its_link(ana, put):
    put("asks", Status.USER_INPUT)
    at = timezone.now() - timedelta(minutes=9)
    Execution.objects.update(changed_at=at)
    hour = Page(ana.get("/")).one("#hour")
    assert hour.one("tr", "1 waiting for a person")
    assert hour.one("g", "1 waiting for a person")
    assert not hour.has("a", "waiting for a person")
    put("good", Status.SUCCEEDED, finished_at=at)
    link = Page(ana.get("/")).one("#hour").one("a", "1 done")
    assert "waiting" not in link
    assert labels(ana.get(link["href"])) == ["good"]


def test_the_last_hour_says_that_no_filter_narrows_it(ana):
    for asked, more in (("/", ""), ("/?sort=started", ""), ("/?status=failed", ", unfiltered")):
        words = Page(ana.get(asked)).one("#hour-words").text
        assert words.startswith(f"Ended runs per minute, last hour{more}"), words
        assert ("unfiltered" in words) == bool(more)


def test_a_minute_of_the_last_hour_counts_what_ended_and_opens_it(ana, eve, put):
    ended = timezone.now() - timedelta(minutes=5)
    put("good", Status.SUCCEEDED, finished_at=ended)
    put("bad", Status.FAILED, finished_at=ended)
    put("older", Status.FAILED, finished_at=ended - timedelta(minutes=3))
    page = Page(ana.get("/"))
    minute = page.one("#hour").one("a", "1 done, 1 failed")
    assert sorted(labels(ana.get(minute["href"]))) == ["bad", "good"]
    assert page.one("#hour").one("tr", "1 done, 1 failed")
    narrowed = Page(ana.get("/?lamp=failed")).one("#hour").one("a", "1 done, 1 failed")
    assert sorted(labels(ana.get(narrowed["href"]))) == ["bad", "good"]
    assert not Page(eve.get("/")).one("#hour").has("tbody tr")
    drawn = int(page.one("#hour")["data-hour"]) - 11
    assert "#hour" in Page(ana.get("/executions/changes/", {"hour": drawn})).targets

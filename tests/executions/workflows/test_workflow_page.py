"""The page of a workflow: how it does, what is open, and what people say about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from executions.models import AuditEntry, Execution
from executions.triage import acts
from providers.contract import Status
from tests.pages import Page, Part

NOW = datetime.now(UTC)
MOST_QUERIES = 16


def page_of(client: Client, run: Execution, query: str = "") -> Page:
    answer = client.get(f"/workflows/{run.workflow_id}/{query}")
    assert answer.status_code == 200
    return Page(answer)


def figure(page: Page, word: str) -> Part:
    return page.one("dt", word).around("div")


@pytest.fixture
def history(put: Any) -> Execution:
    """Every hour a run: the last 30 days good ones of a minute, the 30 before half of them bad.
    The newest run."""
    for days, number in ((0.5, 12), (40, 8)):
        for each in range(number):
            ended = NOW - timedelta(days=days) - timedelta(hours=each)
            is_bad = days > 30 and each % 2
            put(
                f"r{days}-{each}",
                Status.FAILED if is_bad else Status.SUCCEEDED,
                started_at=ended - timedelta(seconds=60),
                finished_at=ended,
                error="Timeout after 30 s" if is_bad else "",
            )
    return Execution.objects.get(ref="r0.5-0")


def test_six_figures_say_how_the_workflow_does_and_did_in_the_thirty_days_before(ana, history):
    page = page_of(ana, history)
    assert len(page.one("dl", "Median").all("dt")) == 6
    assert "100 %" in figure(page, "Succeeded, 30 days")
    assert "50.0 % the 30 days before" in figure(page, "Succeeded, 30 days")
    assert "12 runs in 30 days" not in figure(page, "Runs a day")
    assert "0.4" in figure(page, "Runs a day")
    assert "every 1 h 00 m, learned from its last starts" in figure(page, "Next run expected") or (
        "Not known" in figure(page, "Next run expected")
    )


def test_of_fewer_than_five_runs_no_figure_is_given(ana, put):
    run = put("r1", Status.SUCCEEDED, finished_at=NOW)
    page = page_of(ana, run)
    for word in ("Succeeded, 30 days", "Median", "95 % within", "Runs a day"):
        assert "Too few to tell" in figure(page, word), word
    assert figure(page, "Time to answer").one("b").text == "No question"


def test_the_success_rate_says_which_runs_it_does_not_count(ana, put):
    for each in range(6):
        put(f"r{each}", Status.SUCCEEDED, finished_at=NOW)
    run = put("stopped", Status.CANCELED, finished_at=NOW)
    said = figure(page_of(ana, run), "Succeeded, 30 days")
    assert "of 6 runs in 30 days, 1 canceled or skipped not counted" in said


def test_both_charts_have_a_table_of_their_figures_behind_them(ana, history):
    page = page_of(ana, history)
    assert "12" in page.one("#behind-runs table")
    assert "1 m" in page.one("#behind-took table") or "s" in page.one("#behind-took table")


def test_who_answered_is_named_once_with_how_often(ana, people, question):
    question.answered_by, question.closed_at = people["ana"], NOW
    question.save()
    page = page_of(ana, question.execution)
    assert page.one("section", "Who answers").one("li").text == "ana 1"
    assert not page.one("#notes").has("li")


def test_open_errors_are_named_with_who_has_them_until_they_are_settled(ana, people, put):
    runs = [
        put(f"r{each}", Status.FAILED, finished_at=NOW, error="Timeout after 30 s")
        for each in range(3)
    ]
    page = page_of(ana, runs[0])
    error = page.under("Open errors").one("li")
    assert "Timeout after 30 s" in error
    assert "3 runs, nobody is on it" in error
    assert "in 30 days, newest at the right: 3" in error.one("svg")["aria-label"]
    mine = Execution.objects.filter(pk=runs[0].pk)
    acts.assign(people["ana"], mine, to=people["ana"])
    assert "ana is on 1 of them" in page_of(ana, runs[0]).under("Open errors")
    acts.resolve(people["ana"], Execution.objects.all())
    assert not page_of(ana, runs[0]).has("h2", "Open errors")


def test_a_regular_workflow_that_is_late_did_not_run_and_the_page_says_so(ana, account, put):
    for each in range(8):
        started = NOW - timedelta(hours=2 + each)
        put(f"r{each}", Status.SUCCEEDED, started_at=started, finished_at=started)
    run = Execution.objects.get(ref="r0")
    page = page_of(ana, run)
    assert "Did not run" in figure(page, "Next run expected")
    assert "every 1 h 00 m, learned" in figure(page, "Next run expected")
    account.last_success_at = NOW - timedelta(hours=1, minutes=30)  # not read since it was due
    account.save()
    assert "Did not run" not in page_of(ana, run)


def test_the_strip_says_in_words_how_the_last_runs_ended(ana, put):
    put("r1", Status.SUCCEEDED, finished_at=NOW)
    put("r2", Status.FAILED, finished_at=NOW)
    run = put("r3")
    strip = page_of(ana, run).under("Recent runs").one("svg")
    assert strip["aria-label"] == "Last 3 runs: 1 succeeded, 1 failed, 1 running"


# ---------------------------------------------------------------------- what people say about it


def test_a_runbook_is_written_in_place_shown_as_markup_and_audited(ana, put):
    run = put("r1")
    form = page_of(ana, run).one("#runbook form")
    text = "# First\n\n- call **the desk**\n- see [docs](https://example.com/run)"
    answer = ana.post(form["action"], {**form.posted(), "runbook": text}, follow=True)
    shown = Page(answer).one("#runbook")
    assert shown.one("strong").text == "the desk"
    assert shown.link("docs") == "https://example.com/run"
    assert AuditEntry.objects.get().action == "runbook.written"
    assert AuditEntry.objects.get().detail["text"] == text


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](https://tracker.example/x.png)",
    '<a href="https://x.example" onclick="alert(1)">x</a>',
    '<b style="position:fixed">x</b>',
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_runbook_becomes_a_script_an_image_or_an_attribute(ana, put, text):
    run = put("r1")
    form = page_of(ana, run).one("#runbook form")
    ana.post(form["action"], {**form.posted(), "runbook": text})
    drawn = page_of(ana, run).one("#runbook > [hx-ignore]")
    assert not drawn.has("script, img, [style], [onerror], [onclick], a[href^='javascript']")


def test_a_runbook_that_somebody_else_changed_is_not_overwritten_and_nothing_typed_is_lost(
    ana, put
):
    run = put("r1")
    form = page_of(ana, run).one("#runbook form")
    ana.post(form["action"], {**form.posted(), "runbook": "theirs"})
    answer = ana.post(form["action"], {**form.posted(), "runbook": "mine"})
    assert answer.status_code == 409
    assert "Somebody has changed the runbook" in Page(answer)
    assert Page(answer).value("runbook") == "mine"
    assert "theirs" in page_of(ana, run).one("#runbook")


def test_a_workflow_is_owned_by_a_person_who_may_see_it_or_by_a_team(ana, people, put):
    run = put("r1")
    form = page_of(ana, run).one("#about form")

    def named(owner: str) -> Page:
        return Page(ana.post(form["action"], {**form.posted(), "owner": owner}, follow=True))

    assert "There is no person and no team called “bob”" in named("bob").one("#about")
    assert "cannot see this account" in named("eve").one("#about")
    assert named("east").one("#about dd", "east").text == "east team"
    assert named("ana").one("#about dd", "ana").text == "ana"


def test_an_expected_run_that_a_person_set_counts_before_what_was_learned(ana, put):
    run = put("r1", age=120)
    form = page_of(ana, run).one("#about form")
    values = {**form.posted(), "expected_seconds": "1h", "labels": "night, billing"}
    page = Page(ana.post(form["action"], values, follow=True))
    assert "every 1 h 00 m, set by a person" in figure(page, "Next run expected")
    assert "Did not run" in page
    assert [each.text for each in page.one("#about").all("a", "night")] == ["night"]


def test_viewers_read_the_page_and_change_nothing_and_strangers_do_not_see_it(vik, eve, put):
    run = put("r1")
    page = page_of(vik, run)
    assert not page.has("#about form, #runbook")
    for part in ("runbook", "description"):
        assert vik.post(f"/workflows/{run.workflow_id}/{part}/").status_code == 403
        assert eve.post(f"/workflows/{run.workflow_id}/{part}/").status_code == 404
    assert eve.get(f"/workflows/{run.workflow_id}/").status_code == 404


def test_the_page_takes_as_many_queries_with_many_runs_as_with_few(ana, people, put, history):
    put("bad", Status.FAILED, finished_at=NOW, error="Timeout after 30 s")
    with CaptureQueriesContext(connection) as queries:
        page_of(ana, history)
    assert len(queries) <= MOST_QUERIES, [each["sql"][:150] for each in queries]
    assert User.objects.exists()

"""The handover view: what changed since a person was last here."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from executions.handover import activity
from executions.handover.activity import Window
from executions.models import AuditEntry, Command, Note, PollRun, Preference, Question
from providers.contract import Status, Workflow
from providers.models import ProviderAccount
from tests.pages import Page

OTHER = Workflow(ref="w2", name="Settle claims")


@pytest.fixture
def happened(account):
    """The events of the last hour, as (word, label or account) by group."""

    def told(hours: float = 1) -> dict[str, list[tuple[str, str]]]:
        found = ProviderAccount.objects.in_bulk()
        now = timezone.now()
        window = Window(found, now - timedelta(hours=hours), now)
        return {
            group.key: [(event.word, event.label or event.account) for event in group.events]
            for group in activity.groups(window)
            if group.events
        }

    return told


def test_runs_that_failed_and_were_canceled_are_told_once_each(put, happened):
    put("r1")
    put("r1", Status.FAILED, seq=2)
    put("r2", Status.TIMED_OUT, finished_at=timezone.now())
    put("r3", Status.CANCELED, finished_at=timezone.now())
    assert sorted(happened()["failed"]) == [("Failed", "r1"), ("Timed out", "r2")]
    assert happened()["canceled"] == [("Canceled", "r3")]


def test_an_old_failure_that_a_first_poll_brings_in_is_no_news(put, happened):
    put("old", Status.FAILED, age=6000, finished_at=timezone.now() - timedelta(days=4))
    assert "failed" not in happened()


def test_a_run_that_was_seen_only_long_after_its_end_says_when_it_ended(ana, put):
    put("late", age=9000)
    put("late", Status.FAILED, age=9000, seq=2, finished_at=timezone.now() - timedelta(days=4))
    put("fresh", Status.TIMED_OUT, workflow=OTHER, finished_at=timezone.now())
    late, fresh = sorted(
        Page(ana.get("/shift/")).all("main section li"),
        key=lambda row: "late" not in row,
    )
    assert "seen" in late.one(".event-time")
    assert "ended" in late.one(".event-time")
    assert "ended" not in fresh.one(".event-time")


def test_a_workflow_that_failed_and_works_again_has_recovered(put, happened):
    put("r1", Status.FAILED, age=30, finished_at=timezone.now())
    put("c1", Status.FAILED, workflow=OTHER, finished_at=timezone.now())
    assert "recovered" not in happened()
    put("r2", Status.SUCCEEDED, age=5, finished_at=timezone.now() + timedelta(seconds=1))
    assert happened()["recovered"] == [("Succeeded again", "r2")]


def test_questions_are_told_with_who_answered(question, people, happened):
    assert happened()["asked"] == [("Waits", "waits")]
    Question.objects.update(closed_at=timezone.now())
    now = timezone.now()
    window = Window(ProviderAccount.objects.in_bulk(), now - timedelta(hours=1), now)
    assert [(each.word, each.lamp) for each in activity.asked(window)] == [("Asked", "done")]
    (closed,) = activity.answered(window)
    assert (closed.word, closed.who) == ("Answered elsewhere or no longer asked", "")
    Command.objects.create(
        kind="answer", account=question.execution.account, execution=question.execution,
        target="question:1", question_ref=question.ref, requested_by=people["ana"],
        state="confirmed",
    )  # fmt: skip
    assert [event.who for event in activity.answered(window)] == ["ana"]


def test_a_question_says_since_when_it_waits_as_the_inbox_does(ana, question):
    opened = timezone.now() - timedelta(minutes=41)
    Question.objects.update(opened_at=opened, is_opening_reported=True)
    (told,) = Page(ana.get("/shift/")).all("section[aria-labelledby='shift-asked'] li")
    assert "waits for 41 min" in told.one(".event-time")


def test_what_people_asked_for_and_noted_is_told(put, people, happened):
    run = put("r1")
    given = {"account": run.account, "execution": run}
    Command.objects.create(
        kind="cancel", target="run:1", requested_by=people["ana"], state="rejected", **given
    )
    Note.objects.create(author=people["ana"], text="Disk was full", **given)
    assert happened()["commands"] == [("Cancel rejected", "r1")]
    assert happened()["notes"] == [("Note", "r1")]


def test_accounts_that_broke_and_recovered_are_told(account, happened):
    now = timezone.now()
    assert "accounts" not in happened()  # it has always been well
    ProviderAccount.objects.update(health="failing", health_since=now, last_error="No answer.")
    assert happened()["accounts"] == [("Polls fail", "Claims")]
    PollRun.objects.create(
        id=1, account=account, poll_seq=1, started_at=now - timedelta(minutes=5), outcome="bad"
    )
    ProviderAccount.objects.update(health="ok", health_since=timezone.now(), last_error="")
    assert happened()["accounts"] == [("Can be read again", "Claims")]


@pytest.mark.parametrize(
    ("number", "words"), [(1, "1 poll failed, "), (2, "2 polls failed, from ")]
)
def test_failed_polls_are_counted_in_words_that_fit_their_number(account, number, words):
    now = timezone.now()
    for poll in range(1, number + 1):
        at = now - timedelta(minutes=5 * poll)
        PollRun.objects.create(
            id=poll, account=account, poll_seq=poll, started_at=at, outcome="bad"
        )
    ProviderAccount.objects.update(health="failing", health_since=now, last_error="No answer.")
    window = Window(ProviderAccount.objects.in_bulk(), now - timedelta(hours=1), timezone.now())
    (failing,) = activity.changed_accounts(window)
    assert failing.text.startswith(f"No answer. {words}")


def test_nothing_of_other_teams_is_told(ana, eve, put):
    put("r1", Status.FAILED, finished_at=timezone.now())
    assert "Nightly import" in ana.get("/shift/").content.decode()
    page = eve.get("/shift/").content.decode()
    assert "Nightly import" not in page
    assert "No provider account yet" in page


def count_of(page: Page, group: str) -> tuple[str, str]:
    """The number of a group and where it leads."""
    link = page.one(f"nav a[href$='group={group}']")
    return link.one("b").text, link["href"]


def rows(page: Page) -> int:
    return len(page.all("main section li"))


def test_a_count_opens_exactly_what_it_counts(ana, put):
    for number in range(11):
        put(f"r{number}", Status.FAILED, finished_at=timezone.now())
    put("c1", Status.FAILED, workflow=OTHER, finished_at=timezone.now())
    page = Page(ana.get("/shift/?since=8h"))
    number, href = count_of(page, "failed")
    assert number == "12"
    assert rows(Page(ana.get(f"/shift/{href}"))) == 12
    assert rows(Page(ana.get(f"/shift/{page.link('all 11')}"))) == 11


def test_taking_over_begins_the_next_shift(ana, put, people):
    put("r1", Status.FAILED, finished_at=timezone.now())
    until = Page(ana.get("/shift/")).value("until")
    put("r2", Status.FAILED, finished_at=timezone.now())  # after the page was made
    after = Page(ana.post("/shift/handover/", {"until": until}, follow=True))
    assert "Marked as read up to" in after
    assert count_of(after, "failed")[0] == "1"
    assert after.has("section li", "r2")
    assert AuditEntry.objects.get().action == "shift taken over"
    assert Preference.objects.get(user=people["ana"]).seen_at.isoformat() == until


@pytest.mark.parametrize("until", ["", "never", "2026-99-99T00:00", "2999-01-01T00:00:00+00:00"])
def test_a_wrong_moment_of_handover_is_now(ana, people, until):
    ana.post("/shift/handover/", {"until": until})
    seen = Preference.objects.get(user=people["ana"]).seen_at
    assert timedelta(0) <= timezone.now() - seen < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("since=tomorrow", "“tomorrow” is not a time; write"),
        ("since=2999-01-01T00:00", "is not a time in the past."),
        ("since=2026-99-01T00:00", "is not a time; write"),
        ("since=2001-01-01T00:00", "Only the last 7 days are shown."),
        ("group=gossip", "There is no group “gossip”."),
        ("group=failed&workflow=abc", "Handover"),
    ],
)
def test_an_address_that_makes_no_sense_is_said_not_refused(ana, account, query, says):
    answer = ana.get(f"/shift/?{query}")
    assert answer.status_code == 200
    assert says in answer.content.decode() or query.endswith("abc")


def test_the_start_is_read_in_the_zone_of_the_reader(ana, people, account):
    Preference.objects.create(user=people["ana"], zone="Asia/Kolkata")
    hour_ago = timezone.now() - timedelta(hours=1)
    typed = (hour_ago + timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M")
    page = ana.get(f"/shift/?since={typed}").content.decode()
    assert f'value="{typed}"' in page
    assert "IST" in page


def test_the_open_page_hears_of_what_is_new(ana, put):
    put("r1")
    page = ana.get("/shift/").content.decode()
    stamp = page.split('data-stamp="')[1].split('"')[0]
    assert ana.get("/shift/changes/", {"stamp": stamp}).status_code == 204
    put("r1", Status.FAILED, seq=2)
    news = ana.get("/shift/changes/", {"stamp": stamp}).content.decode()
    assert 'hx-target="#shift"' in news
    assert "Failed" in news


def test_a_shift_costs_no_more_queries_however_much_happened(
    ana, put, people, django_assert_max_num_queries
):
    for number in range(30):
        put(f"r{number}", Status.FAILED, finished_at=timezone.now())
    with django_assert_max_num_queries(18):
        ana.get("/shift/")


def test_blind_accounts_are_named(ana, account):
    old = timezone.now() - timedelta(hours=1)
    ProviderAccount.objects.update(health="failing", last_success_at=old)
    assert "Changes at Claims may be missing" in ana.get("/shift/").content.decode()


def test_who_has_never_been_here_sees_half_a_day(ana, people: dict[str, User], account):
    page = ana.get("/shift/").content.decode()
    assert "You have not marked it as read yet." in page

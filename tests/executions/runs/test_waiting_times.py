"""Since when a run is in its status and a question waits: the provider's time, on every page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from executions.display.formatting import iso
from executions.models import Execution, Preference, Question, Transition
from providers import contract
from providers.contract import Status
from tests.executions.conftest import FORM, NOW
from tests.pages import Page, RunList

pytestmark = pytest.mark.django_db


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def step(ref: str, status: Status, start: float | None, end: float | None = None, **more: Any):
    """From `start` to `end`, in minutes ago."""
    return contract.Step(
        ref=ref, name=more.pop("name", ref), status=status, native_status=status.value,
        started_at=None if start is None else ago(start),
        finished_at=None if end is None else ago(end), **more,
    )  # fmt: skip


ENDED = step("read", Status.SUCCEEDED, 60, 40)
ASKS = step("ask", Status.USER_INPUT, 30)


@pytest.fixture
def asking(put) -> Callable[..., Execution]:
    """A run that started an hour ago and asks, as a poll sees it now."""

    def stored(*steps: contract.Step, ref: str = "asks", **more: Any) -> Execution:
        given = {"questions": (FORM,), "outputs": (), "age": 60, **more}
        return put(ref, Status.USER_INPUT, steps=steps, **given)

    return stored


@pytest.fixture(autouse=True)
def _by_the_clock(people) -> None:
    """Who has the times of rows by the clock: what is compared is a moment."""
    Preference.objects.create(user=people["ana"], is_relative=False)


def until_now() -> float:
    """Minutes since NOW, which is when these tests were collected."""
    return (timezone.now() - NOW).total_seconds() / 60


def minutes_of(text: str, words: str) -> int:
    """`waited 1 h 02 m` as 62."""
    found = re.search(rf"{words} (?:(\d+) h )?(\d+) m", text)
    assert found is not None
    return 60 * int(found[1] or 0) + int(found[2])


@pytest.mark.parametrize(
    ("steps", "since"),
    [
        ((ENDED, ASKS), 30),  # the start of the open step
        ((ENDED, step("ask", Status.USER_INPUT, None)), 40),  # else the end of what was before it
        ((step("ask", Status.USER_INPUT, None),), 60),  # else the creation of the run
        ((step("block", Status.USER_INPUT, 60), ENDED,  # the block around it began before
          step("ask", Status.USER_INPUT, 30, path=("block",))), 30),
        ((ENDED, step("slow", Status.RUNNING, 50), ASKS), 30),
    ],
)  # fmt: skip
def test_every_place_tells_the_wait_of_the_provider(ana, asking, steps, since):
    run = asking(*steps)
    question = run.questions.get()
    at = iso(ago(since))
    page = Page(ana.get(f"/executions/{run.pk}/"))
    assert page.times("waiting since") == [at]
    assert page.all("#run-head dl time")[0]["datetime"] == at
    assert Page(ana.get("/")).times("waiting since") == [at]
    asked = Page(ana.get(f"/questions/{question.pk}/"))
    assert asked.times("waiting since") == [at]
    assert Page(ana.get("/inbox/")).has(f"[data-since='{at}']")
    export = b"".join(ana.get("/executions.csv").streaming_content).decode()
    assert at in export
    assert since <= minutes_of(page.text, r"\(waiting") <= since + until_now()
    for each in (page, asked):
        assert "at least since" not in each


def test_where_no_time_tells_it_the_wait_is_at_least_what_we_saw(ana, asking):
    run = asking()
    page = Page(ana.get(f"/executions/{run.pk}/"))
    assert "waiting at least since" in page
    assert "for at least" in page.one("#run-head")
    assert "waiting at least since" in Page(ana.get("/"))
    assert "at least" in Page(ana.get("/inbox/")).one("#inbox")


def test_of_a_run_of_unknown_status_it_says_since_when_it_was_seen(ana, put):
    page = Page(ana.get(f"/executions/{put('odd', Status.UNKNOWN, age=4000).pk}/"))
    assert "seen here since" in page.one("#run-head")
    assert "at least" not in page.one("#run-head")


def test_the_filter_for_long_waits_goes_by_the_wait(ana, asking):
    asking(ENDED, ASKS)
    assert RunList(ana.get("/?waiting=20m")).runs
    assert not RunList(ana.get("/?waiting=90m")).runs
    assert b"asks" in b"".join(ana.get("/executions.csv?waiting=20m").streaming_content)


def test_the_inbox_begins_with_what_waits_longest(ana, asking):
    asking(step("ask", Status.USER_INPUT, 5), ref="short")
    asking(step("ask", Status.USER_INPUT, 50), ref="long")
    asking(ref="unknown")
    text = ana.get("/inbox/").content.decode()
    assert [text.index(f">{ref}<") for ref in ("long", "short", "unknown")] == sorted(
        text.index(f">{ref}<") for ref in ("long", "short", "unknown")
    )


def test_a_time_that_is_learned_later_replaces_our_first_look(asking):
    asking()
    assert not Question.objects.get().is_opening_reported
    run = asking(ENDED, ASKS, seq=2)
    question = Question.objects.get()
    assert (question.opened_at, question.is_opening_reported) == (ago(30), True)
    assert (run.changed_at, run.is_change_reported) == (ago(30), True)
    assert question.seen_at > ago(1)


def test_a_provider_whose_clock_is_ahead_makes_no_wait_that_begins_in_the_future(asking):
    run = asking(step("ask", Status.USER_INPUT, -30))
    assert run.changed_at <= timezone.now()
    assert run.questions.get().opened_at <= timezone.now()


def test_what_the_provider_says_itself_comes_first(asking, put):
    asked = contract.Question(ref="q", kind="approval", asked_at=ago(10))
    run = asking(ENDED, ASKS, questions=(asked,), status_since=ago(12))
    assert run.changed_at == ago(12)
    assert run.questions.get().opened_at == ago(10)


@pytest.mark.parametrize(
    ("status", "more", "since"),
    [
        (Status.SUCCEEDED, {"finished_at": ago(3)}, 3),
        (Status.QUEUED, {}, 60),
        (Status.RUNNING, {"steps": (step("a", Status.RUNNING, 55),)}, 55),
        (Status.RUNNING, {"steps": (ENDED, step("a", Status.RUNNING, 20))}, None),
        (Status.RUNNING, {}, None),
        (Status.USER_INPUT, {"steps": (step("a", Status.RUNNING, 50),
                                       step("b", Status.USER_INPUT, None))}, None),
        (Status.PAUSED, {"steps": (ENDED,)}, None),
    ],
)  # fmt: skip
def test_each_status_has_its_own_beginning(put, status, more, since):
    given = {"questions": (), "outputs": (), **more} if "steps" in more else more
    run = put("r", status, age=60, **given)
    assert run.is_change_reported is (since is not None)
    if since is not None:
        assert run.changed_at == ago(since)


# -------------------------------------------------------------------- what no poll has seen


def waiting(put, seq: int, *steps: contract.Step, status: Status = Status.WAITING, **more: Any):
    return put("r", status, age=60, steps=steps, questions=(), outputs=(), seq=seq, **more)


def moves(run: Execution) -> list[tuple[str, str, datetime | None, bool]]:
    return [
        (each.from_status, each.to_status, each.provider_time, "reported" in each.flags)
        for each in Transition.objects.filter(execution=run)
    ]


FIRST = step("wait 1", Status.WAITING, 50)
FIRST_OVER = step("wait 1", Status.SUCCEEDED, 50, 30)
WORK = step("work", Status.SUCCEEDED, 30, 20)
SECOND = step("wait 2", Status.WAITING, 20)


def test_a_run_that_ran_between_two_waits_is_told_by_the_times_of_its_steps(ana, put):
    waiting(put, 1, FIRST)
    run = waiting(put, 2, FIRST_OVER, WORK, SECOND)
    assert moves(run) == [
        ("", "waiting", ago(50), False),
        ("waiting", "running", ago(30), True),
        ("running", "waiting", ago(20), True),
    ]
    assert (run.version, run.changed_at) == (3, ago(20))
    page = ana.get(f"/executions/{run.pk}/").content.decode()
    history = Page(ana.get(f"/executions/{run.pk}/?tab=history")).one("#history").text
    assert history.count("reported by the provider") == 2
    assert history.count("not seen") == 2
    assert 40 <= minutes_of(page, "waited") <= 40 + until_now()  # 20, and 20 until now
    told = json.loads(ana.get(f"/executions/{run.pk}.json").getvalue())
    told = told["transitions"]
    assert [(each["is_reported"], each["observed_at"] is None) for each in told] == [
        (False, False), (True, True), (True, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "status", "more", "told"),
    [
        ((FIRST,), (FIRST_OVER, WORK), Status.SUCCEEDED, {"finished_at": ago(20)},
         [("waiting", "running", ago(30), True), ("running", "succeeded", ago(20), False)]),
        ((FIRST,), (FIRST_OVER, WORK), Status.PAUSED, {},
         [("waiting", "running", ago(30), True), ("running", "paused", None, False)]),
        ((FIRST,), (FIRST_OVER, step("work", Status.RUNNING, 30)), Status.RUNNING, {},
         [("waiting", "running", ago(30), False)]),
        ((FIRST,), (FIRST_OVER,), Status.CANCELED, {"finished_at": ago(30)},
         [("waiting", "canceled", ago(30), False)]),
        ((FIRST,), (FIRST_OVER, step("wait 2", Status.WAITING, 30)), Status.WAITING, {}, []),
        ((FIRST,), (FIRST, WORK), Status.WAITING, {}, []),
    ],
)  # fmt: skip
def test_only_what_the_steps_tell_is_recorded(put, before, after, status, more, told):
    waiting(put, 1, *before)
    run = waiting(put, 2, *after, status=status, **more)
    assert moves(run)[1:] == told


def test_a_run_that_was_queued_ran_before_it_waited(put):
    put("r", Status.QUEUED, age=60, steps=(), questions=(), outputs=())
    run = waiting(put, 2, step("work", Status.SUCCEEDED, 40, 20), SECOND)
    assert moves(run)[1:] == [
        ("queued", "running", ago(40), True), ("running", "waiting", ago(20), False),
    ]  # fmt: skip


def test_the_same_news_again_records_nothing(put):
    waiting(put, 1, FIRST)
    waiting(put, 2, FIRST_OVER, WORK, SECOND)
    run = waiting(put, 3, FIRST_OVER, WORK, SECOND, progress=50)
    assert len(moves(run)) == 3
    assert (run.version, run.changed_at, run.is_change_reported) == (4, ago(20), True)

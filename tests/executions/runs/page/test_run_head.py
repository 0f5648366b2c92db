"""The page of one run around its steps: head, verbs, tabs, the list one came from, waits, tries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from executions.models import Execution, LogEntry, Question
from providers.contract import Status, Verb
from tests.executions.conftest import FORM, NOW, START, step
from tests.pages import Page

pytestmark = pytest.mark.django_db


def shown(client: Any, run: Execution, query: str = "", **more: Any) -> Page:
    answer = client.get(f"/executions/{run.pk}/{query}", **more)
    assert answer.status_code == 200
    return Page(answer)


# ------------------------------------------------------------------------------------------ verbs


def test_what_is_not_possible_now_is_off_and_says_why(ana, vik, put):
    run = put("r", Status.USER_INPUT, offers=frozenset())
    button = shown(ana, run).one("#run-head button", "Cancel run")
    assert button.get("disabled") == "disabled"
    why = shown(ana, run).one(f"#{button['aria-describedby']}")
    assert why.text == "It cannot be canceled while its status is “Needs you”."
    assert not shown(ana, run).has("#run-head button", "Suspend")  # Smart Flows cannot
    assert not shown(vik, run).has("#run-head button", "Cancel run")


@pytest.mark.parametrize(
    ("provider", "status", "said"),
    [
        ("flow8", Status.RUNNING, "flow8 cannot cancel, suspend or resume a run."),
        ("smartflows", Status.RUNNING, "Smart Flows cannot suspend or resume a run."),
        ("flow8", Status.FAILED, "flow8 cannot retry this run. Run again starts a new one."),
        ("flow8", Status.SUCCEEDED, ""),
        ("prefect", Status.RUNNING, "Prefect cannot suspend a run."),
    ],
)
def test_what_the_provider_has_no_way_to_do_is_said_once_where_the_buttons_are(
    ana, vik, account, put, provider, status, said
):
    account.provider = provider
    account.save()
    run = put("r", status, offers=frozenset())
    pages = (shown(ana, run).one("#run-head"), Page(ana.get(f"/?peek={run.pk}")).one("#peek"))
    for page in pages:
        found = [
            each.text for each in page.all("small") if each.text.endswith((" a run.", " new one."))
        ]
        assert found == ([said] if said else [])
    assert not shown(vik, run).has("#run-head small", " cannot ")


def test_the_dialog_of_a_verb_says_which_run_by_its_face_and_not_by_a_long_id(ana, put):
    ref = "runs/2026/5f3c9a2e-0000-4000-8000-00000000beef"
    run = put(ref, Status.RUNNING, name="PO-2026-117")
    dialog = shown(ana, run).one("#dialog-cancel")
    assert "Nightly import" in dialog
    assert "PO-2026-117" in dialog
    assert ref not in dialog.text
    assert "0000beef" in dialog


def test_a_run_that_has_ended_has_no_verbs_of_a_run_that_goes_on(ana, put):
    page = shown(ana, put("r", Status.SUCCEEDED, offers=frozenset()))
    assert not page.has("#run-head button", "Cancel run")
    assert page.link("Run again")


def test_a_failed_run_is_taken_on_from_its_head(ana, put):
    run = put("r", Status.FAILED, error="Disk full")
    form = shown(ana, run).one("#run-head form")
    ana.post(form["action"], {**form.posted(), "act": "take"})
    assert Execution.objects.get().assignee == User.objects.get(username="ana")
    assert not shown(ana, run).has("#run-head form")


# ------------------------------------------------------------------------------------------ error


def test_a_long_error_shows_six_lines_and_holds_the_others(ana, put):
    text = "\n".join(f"line {n}" for n in range(40))
    run = put("r", Status.FAILED, error=text, steps=(), questions=(), outputs=())
    error = shown(ana, run).one("#run-error")
    rest = error.one("details", "Show all, 40 lines")
    assert "line 39" in rest
    assert "line 5" not in rest
    assert "line 6" in rest


def test_the_same_error_elsewhere_is_taken_on_from_the_page_of_one_run(ana, vik, put):
    run, _, other = (put(ref, Status.FAILED, error="Disk full") for ref in "abc")
    for each in Execution.objects.all():
        Execution.objects.filter(pk=each.pk).update(finished_at=timezone.now())
    error = shown(ana, run).one("#run-error")
    form = error.one("form[action*='/acknowledgement/']")
    assert "I’m on all 3" in form
    ana.post(form["action"], {**form.posted(), "mine": "1"})
    assert Execution.objects.get(pk=other.pk).assignee is not None
    assert "ana is on it" in shown(vik, run).one("#run-error")


# ------------------------------------------------------------------------------------------- tabs


def test_each_part_has_an_address_and_only_its_own_content(ana, put):
    run = put("r", Status.RUNNING, input={"order": "A-1"})
    LogEntry.objects.create(execution=run, seq=1, text="began", level="info", at=NOW)
    parts = {"Log": "log", "Data": "data", "History": "history"}
    tabs = shown(ana, run).one("nav[aria-label='Parts of this run']")
    for word, name in parts.items():
        page = shown(ana, run, tabs.link(word))
        assert page.has(f"section#{name}")
        assert not any(page.has(f"section#{each}") for each in parts.values() if each != name)
        assert not page.has("section#steps")
        news = Page(ana.get(page.changes + ("&" if "?" in page.changes else "?") + "stamp=old"))
        assert "#steps" not in news.targets
        assert "#run-head" in news.targets


def test_a_log_that_the_provider_cannot_have_has_no_tab_and_is_said_once(ana, put):
    page = shown(ana, put("r", Status.FAILED, error="no"))
    assert not page.one("nav[aria-label='Parts of this run']").link("Log")
    assert page.text.count("Smart Flows doesn’t provide logs.") == 1
    assert "provide logs" not in shown(ana, put("good", Status.SUCCEEDED))


def test_the_last_lines_of_the_step_that_failed_stand_below_the_steps(ana, put):
    steps = (step("Read"), step("Post", Status.FAILED, start=2, error="no"))
    run = put("r", Status.FAILED, error="no", steps=steps, questions=(), outputs=())
    LogEntry.objects.bulk_create(
        LogEntry(execution=run, seq=n + 1, text=f"line {n}", step_ref="Post" if n < 9 else "Read")
        for n in range(20)
    )
    tail = shown(ana, run).one("#log-tail")
    assert [each.text for each in tail.all("code")] == [f"line {n}" for n in range(4, 9)]
    assert tail.link("All 20 lines") == "?tab=log"


# -------------------------------------------------------------------------- the list one came from


@pytest.fixture
def failures(put) -> list[Execution]:
    """Three that fail, the newest first, a success between."""
    put("good", Status.SUCCEEDED, age=15)
    return [put(f"f{n}", Status.FAILED, error="no", age=10 * (n + 1)) for n in range(3)]


def came(page: Page) -> str:
    """The list that the page keeps."""
    return parse_qs(urlsplit(page.address("next") or page.address("prev")).query)["from"][0]


def test_the_list_one_came_from_is_walked_through(ana, failures):
    newest, middle, oldest = failures
    page = shown(ana, middle, headers={"Referer": "http://testserver/?status=failed"})
    assert page.address("prev").startswith(f"/executions/{newest.pk}/?from=")
    assert page.address("next").startswith(f"/executions/{oldest.pk}/?from=")
    assert "Run 2 of 3" in page
    back = page.one("#back-to-list")
    assert back["href"] == "/?status=failed"
    assert page.one("nav[aria-label='Where this run is listed']").has("span", "Failed")
    there = Page(ana.get(page.address("next")))
    assert came(there) == "status=failed"
    assert there.address("next") == ""
    log = there.one("nav[aria-label='Parts of this run']").link("History")
    assert "from=status%3Dfailed" in log


def test_a_list_in_the_address_is_read_as_a_list_reads_it(ana, eve, failures):
    kept = "?from=status%3Dfailed%26account%3D99999%26nonsense%3D1%26q%3D%2500"
    page = shown(ana, failures[1], kept)
    assert came(page) == "status=failed"
    assert page.one("#back-to-list")["href"] == "/?status=failed"
    assert shown(ana, failures[0], "?from=%2F%2Fevil.example%2F").one("#back-to-list")["href"] == (
        "/?all=1"
    )
    assert eve.get(f"/executions/{failures[1].pk}/{kept}").status_code == 404


def test_the_next_failing_run_is_one_press_away(ana, put, failures):
    newest, middle, _ = failures
    assert shown(ana, newest).link("Next failing").startswith(f"/executions/{middle.pk}/?from=")
    good = Execution.objects.get(ref="good")
    assert shown(ana, good).link("Next failing").startswith(f"/executions/{middle.pk}/")
    failing = shown(ana, newest, "?from=lamp%3Dfailed%26is%3Dunresolved")
    assert not failing.link("Next failing")  # its own list is that one
    assert failing.address("next")


def test_the_cost_of_the_page_does_not_grow_with_the_list(ana, put, django_assert_max_num_queries):
    runs = [put(f"r{n}", Status.FAILED, error=f"e{n}", age=n + 1) for n in range(12)]
    with django_assert_max_num_queries(42):
        shown(ana, runs[6], "?from=status%3Dfailed")


# ------------------------------------------------------------------------------- waits and tries


def test_a_wait_for_a_person_is_drawn_in_the_step_that_asked_with_who_ended_it(ana, put):
    asks = step("Release", Status.USER_INPUT)
    put("r", Status.USER_INPUT, steps=(asks,), questions=(FORM,), outputs=())
    done = step("Release", took=200)
    run = put("r", Status.RUNNING, seq=2, steps=(done,), questions=(), outputs=())
    asked = {
        "opened_at": START + timedelta(seconds=20),
        "closed_at": START + timedelta(seconds=190),
    }
    Question.objects.update(**asked, answered_by=User.objects.get(username="ana"))
    steps = shown(ana, run).one("section#steps")
    bars = steps.all(f"#step-{run.steps.get().pk} rect[fill]")
    assert [each["fill"] for each in bars] == ["url(#hatch)"]
    assert len(steps.all(f"#step-{run.steps.get().pk} svg > rect")) == 3  # work, wait, work
    assert "waiting for a person: ana" in steps
    folded = shown(ana, run).one("#answered details")
    assert "open" not in folded.markup.partition(">")[0]
    assert "Decide on the claim waited 2 m 50 s, answered by ana" in folded


def test_a_wait_that_is_open_has_no_right_edge(ana, put):
    asks = step("Release", Status.USER_INPUT, start=100)
    run = put("r", Status.USER_INPUT, steps=(step("Read"), asks), questions=(FORM,), outputs=())
    (bar,) = shown(ana, run).one("section#steps").all("tr[id^='step-'] rect[fill]")
    assert float(bar["x"].rstrip("%")) + float(bar["width"].rstrip("%")) > 100


def test_a_step_that_was_tried_again_is_one_row_with_its_pauses(ana, put):
    tries = [step(f"t{n}", Status.FAILED, start=20 * n, took=5, name="Post") for n in range(2)]
    good = step("t2", start=40, took=5, name="Post")
    run = put("r", Status.SUCCEEDED, steps=(*tries, good), questions=(), outputs=())
    page = shown(ana, run)
    assert [each.text for each in page.all("tr[id^='step-'] > th")] == ["Post 3 attempts"]
    steps = page.one("section#steps")
    assert "pause before the next attempt" in steps
    assert len(steps.all("tr[id^='step-'] svg line")) == 2
    opened = shown(ana, run, page.one("section#steps [data-key]")["href"].partition("#")[0])
    assert len(opened.all("tr[id^='step-']")) == 3


def test_a_provider_that_tells_states_alone_has_them_on_the_time_line(ana, put):
    put("r", Status.QUEUED, started_at=START, steps=(), questions=(), outputs=())
    run = put("r", Status.USER_INPUT, seq=2, started_at=START, steps=(), questions=(), outputs=())
    steps = shown(ana, run).one("section#steps")
    assert steps.one("tbody tr").has("rect[fill='url(#hatch)']")
    assert "waiting for a person" in steps


def test_a_run_that_never_started_is_not_said_to_go_on(ana, put, account):
    offers = frozenset({Verb.RESUME})
    held, created = put("h", Status.PAUSED, offers=offers), put("c", Status.QUEUED, offers=offers)
    goes_on = "goes on where it was put on hold"
    assert goes_on in Page(ana.get(f"/executions/{held.pk}/")).one("#dialog-resume")
    type(account).objects.update(provider="generio")
    dialog = Page(ana.get(f"/executions/{created.pk}/")).one("#dialog-resume")
    assert goes_on not in dialog
    assert "created but never started" in dialog


def test_a_run_without_offers_at_a_provider_that_suspends_keeps_one_place_for_both(
    ana, put, account
):
    account.provider = "eightx8"
    account.save()
    run = put("r", Status.PAUSED, offers=frozenset({Verb.RESUME, Verb.CANCEL}))
    head = shown(ana, run).one("#run-head")
    assert head.has("button", "Resume")
    assert not head.has("button", "Suspend")


def test_what_a_run_says_is_not_repeated_above_the_question_that_says_it(ana, put):
    read = {"steps": (), "questions": (FORM,), "outputs": ()}
    asks = put("asks", Status.USER_INPUT, message=FORM.title, **read)
    assert FORM.title not in shown(ana, asks).one("#run-head")
    says = put("says", Status.USER_INPUT, message="2 of 3 have signed", **read)
    assert "2 of 3 have signed" in shown(ana, says).one("#run-head")

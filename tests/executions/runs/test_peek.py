"""One run beside the list: what it says and offers, to whom, where its forms lead, its changes."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from executions.models import Command, Execution, Note, SavedView
from executions.notes import acts as notes
from providers.contract import Status, Verb, Workflow
from tests.executions.conftest import NOW, step
from tests.pages import Page, RunList

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def peeked(client, run: Execution, query: str = "") -> Page:
    answer = client.get(f"/executions/{run.pk}/peek/{query}", headers=HTMX)
    assert answer.status_code == 200
    return Page(answer)


def lines_of(page: Page) -> list[str]:
    return [each.text for each in page.all("#peek-steps li")]


@pytest.fixture
def failed(put) -> Execution:
    return put(
        "f1",
        Status.FAILED,
        error="Timeout to the ERP after 30 s",
        finished_at=NOW,
        steps=(
            step("Read the order", took=2),
            step("Post to the ERP", Status.FAILED, start=2, took=30, error="Timeout", attempt=3),
        ),
        questions=(),
        outputs=(),
        input={
            "order": "ORD-9028",
            "customer": "Hofer AG",
            "bill": "Hofer AG",
            "trace": "4f2a-77",
        },
        offers=frozenset(),
    )


# --------------------------------------------------------------------------------- what it says


def test_it_says_what_failed_where_and_at_which_try_and_links_to_the_rest(ana, failed):
    page = peeked(ana, failed)
    assert page.one("#peek h2").text == "Nightly import"
    assert "Timeout to the ERP after 30 s" in page.one("#peek-error")
    assert "in “Post to the ERP”, attempt 3, ended" in page.one("#peek-error")
    assert lines_of(page) == ["Succeeded: Read the order 2.0 s", "Failed: Post to the ERP 30 s"]
    assert page.link("all 2") == f"/executions/{failed.pk}/#steps"
    assert page.one("#peek-open")["href"] == f"/executions/{failed.pk}/"


def test_a_value_stands_in_its_head_or_in_its_input_but_not_in_both(ana, failed):
    Execution.objects.filter(pk=failed.pk).update(telling_values=["ORD-9028"])
    page = peeked(ana, failed)
    assert "ORD-9028" in page.one("#peek-head")
    said = [each.text for each in page.all("#peek-values dd")]
    assert said == ["Hofer AG"]  # once, and no identifier where there is something to know it by


def test_what_there_is_nothing_of_is_not_shown(ana, put):
    page = peeked(ana, put("bare", Status.SUCCEEDED, steps=(), questions=(), outputs=()))
    assert [each.text for each in page.all("#peek h3")] == []
    for part in ("error", "same", "steps", "values", "notes"):
        assert page.one(f"#peek-{part}").text == ""


def test_of_many_steps_it_shows_problems_then_what_goes_on_then_the_slowest(ana, put):
    steps = (
        *(step(f"quick {n}", start=n) for n in range(40)),
        step("slow", start=1, took=100),
        step("endless", start=0, finished_at=None),  # it ended, and nobody knows when
        step("going", Status.RUNNING, start=5),
        step("later", Status.QUEUED, started_at=None),
        step("broken", Status.FAILED, start=6),
    )
    page = peeked(ana, put("many", Status.RUNNING, steps=steps, questions=(), outputs=()))
    names = [each.text for each in page.all("#peek-steps li [title]")]
    assert names[:3] == ["broken", "going", "slow"]
    assert len(names) == 8
    assert page.link("all 45")


def test_the_same_error_elsewhere_is_one_line_with_one_button(ana, put, failed, people):
    put("f2", Status.FAILED, error="Timeout to the ERP after 30 s", finished_at=NOW, offers=())
    same = peeked(ana, failed).one("#peek-same")
    assert "Same error in 2 runs" in same
    assert "nobody is on it" in same
    form = same.one("form", "I’m on all 2")
    answer = ana.post(form["action"], form.posted())
    assert answer["Location"] == f"/executions/{failed.pk}/peek/"
    assert "ana is on it" in peeked(ana, failed).one("#peek-same")
    assert not peeked(ana, failed).has("#peek-same form")


def test_notes_are_the_newest_three_and_a_link_to_all(ana, people, failed):
    for number in range(4):
        notes.write(people["ana"], failed, f"Note {number}", is_pinned=False, address=None)
    page = peeked(ana, failed)
    assert [each.text for each in page.all("#peek-notes .note-text")] == [
        "Note 3", "Note 2", "Note 1",
    ]  # fmt: skip
    assert page.link("all 4") == f"/executions/{failed.pk}/#notes"


# ------------------------------------------------------------------------------ what it offers


def test_what_is_done_in_it_leads_back_to_it_and_to_the_same_list(ana, failed, put):
    foot = peeked(ana, failed, "?lamp=failed").one("#peek-foot")
    back = f"/executions/{failed.pk}/peek/?lamp=failed"
    take = foot.one("form", "I’m on it")
    assert ana.post(take["action"], {**take.posted(), "act": "take"})["Location"] == back
    note = foot.one("#note-form")
    assert ana.post(note["action"], {**note.posted(), "text": "Look"})["Location"] == back
    assert Note.objects.get().text == "Look"
    landed = ana.get(back)
    assert landed["Location"] == f"/?lamp=failed&peek={failed.pk}"
    after = peeked(ana, failed)
    assert "ana is on it" in after.one("#peek-head")
    assert after.has("#peek-foot button", "Let go")

    going = put("g1", offers=frozenset({Verb.CANCEL}))
    dialog = peeked(ana, going, "?lamp=active").one("#dialog-cancel form")
    answer = ana.post(dialog["action"], dialog.posted())
    assert answer["Location"] == f"/executions/{going.pk}/peek/?lamp=active"
    assert Command.objects.get().execution == going
    pending = peeked(ana, going).one("#peek-head").one("li", "Cancel requested")
    assert pending.text.endswith("by ana")


def test_verbs_that_the_engine_does_not_know_are_absent(ana, put):
    run = put("v1", offers=frozenset({Verb.CANCEL}), workflow=Workflow(ref="w9", name="Fixed"))
    foot = peeked(ana, run).one("#peek-foot")
    assert foot.has("button", "Cancel run")
    assert not foot.has("button", "Resume")
    assert not foot.links("/workflows/")  # nobody can start it


def test_a_question_is_answered_with_the_form_of_the_run_page(ana, question):
    run = question.execution
    page = peeked(ana, run, "?lamp=needs_you")
    form = page.one(f"form#answer-{question.pk}")
    key = page.value("key")
    given = {**form.posted(), "key": key, form.names(f"q{question.pk}")[0]: "12"}
    answer = ana.post(form["action"], given)
    assert answer["Location"] == f"/executions/{run.pk}/peek/?lamp=needs_you"
    assert Command.objects.get().kind == "answer"
    assert "Answer of ana: requested" in peeked(ana, run).one("#questions")


def test_a_viewer_sees_it_without_verbs_and_a_stranger_not_at_all(vik, eve, failed):
    page = peeked(vik, failed)
    assert "Timeout to the ERP" in page
    assert not page.all("#peek button:not([id^='peek-']), #peek form")
    assert not page.links("/workflows/")
    assert eve.get(f"/executions/{failed.pk}/peek/", headers=HTMX).status_code == 404
    assert eve.get(f"/executions/{failed.pk}/peek/").status_code == 404


# ------------------------------------------------------------------------ in the list's address


def test_an_address_of_the_list_opens_it_with_the_runs_around(ana, put, failed):
    put("newer", Status.FAILED, age=1)
    older = put("older", Status.FAILED, age=9)
    page = Page(ana.get(f"/?lamp=failed&peek={failed.pk}"))
    aside = page.one("#peek")
    assert aside["data-peek"] == str(failed.pk)
    assert "2 of 3 in this list" in aside
    assert aside.one("#peek-down")["href"] == f"/?lamp=failed&peek={older.pk}"
    assert aside.one("#peek-close")["href"] == "/?lamp=failed"
    assert page.ignored == []
    assert "peek" not in page.one("#selection")["data-filter"]  # it is no filter


@pytest.mark.parametrize("asked", ["{pk}", "999999999", "x"])
def test_a_run_that_is_not_there_is_said_and_the_list_is_shown_all_the_same(eve, failed, asked):
    answer = eve.get(f"/?peek={asked.format(pk=failed.pk)}")
    assert answer.status_code == 200
    page = Page(answer)
    assert page.ignored == ["The run to show beside the list is not there, or not yours."]
    assert page.one("#peek").get("data-peek") == ""


def test_a_saved_view_keeps_the_peek_of_its_address(ana, failed):
    ana.post("/views/creation/", {"name": "Failures", "query": "lamp=failed"})
    view = SavedView.objects.get()
    answer = ana.get(f"/?view={view.pk}&peek={failed.pk}")
    assert answer["Location"] == f"/?lamp=failed&view={view.pk}&peek={failed.pk}"


def test_the_list_asks_for_its_changes_along_with_its_own(ana, put, failed):
    page = Page(ana.get(f"/?peek={failed.pk}"))
    kept = page.one("#peek-head")["data-keep"]
    asking = f"{page.changes}?{kept}&stamp={page.stamp}&top={page.top}"
    assert ana.get(asking).status_code == 204
    put("f1", Status.FAILED, error="Another error", seq=2, finished_at=NOW, steps=(), offers=())
    changed = Page(ana.get(asking))
    assert "#peek-error" in changed.targets
    assert "Another error" in changed.one("#peek-error")
    again = changed.one("#peek-head")["data-keep"]
    assert "#peek-error" not in Page(ana.get(f"{page.changes}?{again}")).targets


def test_a_form_that_is_shown_is_not_drawn_again_by_a_change(ana, put, question):
    page = peeked(ana, question.execution)
    shown = page.one("[data-question]")["data-question"]
    changed = Page(
        ana.get(f"/executions/changes/?peek={question.execution_id}&seen=old&questions={shown}")
    )
    assert f"#question-{question.pk}-notice" in changed.targets
    assert not changed.has("form.answer")


def test_a_run_of_another_team_tells_nothing_in_changes(eve, failed):
    targets = Page(eve.get(f"/executions/changes/?peek={failed.pk}&seen=old")).targets
    assert not [each for each in targets if each.startswith("#peek")]


def test_one_request_of_few_queries_whatever_the_run_has(ana, put, people):
    few = put("few", Status.FAILED, error="E1", steps=(step("a"),), questions=(), outputs=())
    steps = tuple(
        step(f"s{n}", Status.FAILED if n % 9 == 0 else Status.SUCCEEDED) for n in range(300)
    )
    many = put("many", Status.FAILED, error="E2", steps=steps, questions=(), outputs=())
    for number in range(20):
        notes.write(people["ana"], many, f"Note {number}", is_pinned=False, address=None)

    def queries(run: Execution) -> int:
        with CaptureQueriesContext(connection) as found:
            peeked(ana, run)
        return len(found)

    queries(few)  # sign-in and content types are read once
    assert queries(few) == queries(many) <= 35


def test_the_row_still_leads_to_the_page_of_the_run(ana, failed):
    assert RunList(ana.get("/")).links(f"/executions/{failed.pk}/")

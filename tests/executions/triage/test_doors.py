"""The same acts from a list, from the page of a run, from that of an error and from a program."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from executions.access import api_tokens
from executions.models import AuditEntry, Execution
from providers.contract import Status
from tests.pages import Page, RunList

pytestmark = pytest.mark.django_db


def unresolved(client: Any, query: str = "is=unresolved") -> list[str]:
    return sorted(RunList(client.get(f"/?{query}")).labels)


def failed(put: Any, *refs: str, **more: Any) -> list[Execution]:
    return [put(ref, Status.FAILED, error="Disk full", **more) for ref in refs]


# --------------------------------------------------------------------------------- one run


def test_the_page_of_a_run_resolves_it_and_tells_by_whom_and_why(ana, vik, put):
    (run,) = failed(put, "a")
    home = f"/executions/{run.pk}/"
    form = Page(ana.get(home)).one("#standing form")
    sent = {**form.posted(), "act": "resolve", "reason": "Ticket 812"}
    page = Page(ana.post(form["action"], sent, follow=True))
    assert "The run is resolved." in page
    assert "Resolved by ana" in page.one("#standing")
    decisions = Page(ana.get(f"{home}?tab=history")).one("#decisions")
    assert "Resolved by ana at" in decisions
    assert "Ticket 812" in decisions
    assert not Page(vik.get(home)).has("#standing form")  # who may look sees it, without buttons
    assert unresolved(ana) == []


def test_a_resolved_run_is_reopened_on_its_page(ana, put):
    (run,) = failed(put, "a")
    ana.post("/executions/triage/", {"ids": run.pk, "act": "resolve"})
    form = Page(ana.get(f"/executions/{run.pk}/")).one("#standing form")
    ana.post(form["action"], {**form.posted(), "act": "reopen"})
    assert unresolved(ana) == ["a"]


def test_a_run_that_went_well_has_nothing_to_decide(ana, put):
    run = put("a", Status.SUCCEEDED)
    assert not Page(ana.get(f"/executions/{run.pk}/")).has("#standing")


# ------------------------------------------------------------------------------- many runs


def test_selected_runs_are_taken_on_at_once_and_their_rows_say_so(ana, put):
    runs = failed(put, "a", "b", "c")
    sent = {"ids": f"{runs[0].pk},{runs[1].pk}", "act": "take", "query": "?lamp=failed"}
    page = RunList(ana.post("/executions/triage/", sent, follow=True))
    assert "2 runs are in hand." in page
    assert [("ana is on it" in row) for row in page.runs] == [False, True, True]
    assert unresolved(ana, "is=in_hand") == ["a", "b"]


def test_all_that_match_are_ignored_with_a_reason_and_never_without(ana, put):
    failed(put, "a", "b")
    put("slow", Status.WARNING)
    sent = {"scope": "all", "query": "?lamp=failed", "act": "ignore", "until": "4h"}
    assert (
        b"Enter a reason. It is kept with the runs."
        in ana.post("/executions/triage/", sent, follow=True).content
    )
    ana.post("/executions/triage/", {**sent, "reason": "Planned"})
    assert unresolved(ana) == ["slow"]


def test_somebody_else_is_assigned_by_user_name_if_they_may_act(ana, put, people):
    failed(put, "a")
    sent = {"scope": "all", "query": "", "act": "assign"}
    page = ana.post("/executions/triage/", {**sent, "assignee": "vik"}, follow=True)
    assert "Nobody who may act has the user name “vik”." in Page(page)
    people["vik"].groups.add(people["ana"].groups.get(name="operator"))
    ana.post("/executions/triage/", {**sent, "assignee": "vik"})
    assert Execution.objects.get().assignee == people["vik"]


@pytest.mark.parametrize(
    "sent",
    [
        {"act": "explode"},
        {},
        {"act": "resolve", "ids": "x,-1"},
        {"act": "resolve", "scope": "all", "query": "?is=overdue&lamp=failed"},
    ],
)
def test_what_is_no_act_changes_nothing_and_is_no_error_page(ana, put, sent):
    failed(put, "a")
    assert ana.post("/executions/triage/", sent, follow=True).status_code == 200
    assert unresolved(ana) == ["a"]


def test_who_may_look_only_is_refused(vik, put):
    (run,) = failed(put, "a")
    answer = vik.post("/executions/triage/", {"ids": run.pk, "act": "resolve"})
    assert answer.status_code == 403


# ------------------------------------------------------------------------------- whole errors


def test_the_page_of_an_error_resolves_and_ignores_it(ana, put):
    runs = failed(put, "a", "b", finished_at=None)
    key = runs[0].error_key
    Execution.objects.update(finished_at=runs[0].started_at)
    ana.post(f"/errors/{key}/ignoring/", {"note": "Known", "until": "1d"})
    assert (unresolved(ana), unresolved(ana, "is=ignored")) == ([], ["a", "b"])
    assert "Ignored by ana" in Page(ana.get("/errors/"))
    ana.post(f"/errors/{key}/release/")
    assert unresolved(ana) == ["a", "b"]
    ana.post(f"/errors/{key}/resolution/", {"note": "Mended"})
    assert unresolved(ana) == []
    assert "Cleared" in Page(ana.get("/errors/"))


# ---------------------------------------------------------------------------------- programs


@pytest.fixture
def api(people: Any) -> Any:
    token = api_tokens.issue(people["ana"], label="test")
    headers = {"authorization": f"Bearer {token}"}

    def asked(path: str, body: dict[str, Any]) -> Any:
        client = Client(headers=headers)
        return client.post(f"/api/v1/{path}", body, content_type="application/json")

    return asked


def test_a_program_decides_about_one_run_and_reads_how_it_stands(api, put):
    (run,) = failed(put, "a")
    told = api(f"executions/{run.pk}/decisions", {"act": "resolve", "reason": "Mended"}).json()
    found = {key: told[key] for key in ("is_unresolved", "settled_how", "settled_by")}
    assert found == {"is_unresolved": False, "settled_how": "resolved", "settled_by": "ana"}
    assert AuditEntry.objects.filter(action="runs.resolved").count() == 1


def test_a_program_decides_about_all_that_a_filter_finds(api, put, ana):
    failed(put, "a", "b")
    assert api("decisions", {"act": "assign", "filter": "lamp=failed"}).json() == {"changed": 2}
    assert unresolved(ana, "is=in_hand") == ["a", "b"]
    ids = list(Execution.objects.values_list("pk", flat=True))
    assert api("decisions", {"act": "let_go", "ids": ids}).json() == {"changed": 2}


@pytest.mark.parametrize(
    "body",
    [
        {"act": "resolve"},
        {"act": "resolve", "filter": "colour=red"},
        {"act": "ignore", "filter": "lamp=failed", "reason": "Known"},
        {"act": "assign", "filter": "lamp=failed", "assignee": "nobody"},
        {"act": "explode", "filter": "lamp=failed"},
    ],
    ids=["of nothing", "a filter that is none", "without an end", "to nobody", "no act"],
)
def test_a_program_is_refused_what_a_page_refuses(api, put, ana, body):
    failed(put, "a")
    answer = api("decisions", body)
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")
    assert unresolved(ana) == ["a"]

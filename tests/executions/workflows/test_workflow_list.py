"""The list of workflows: what is in trouble stands first, and each says how its last runs went."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from executions.models import Execution, Workflow, WorkflowProfile
from executions.triage import acts
from executions.workflows import list_views
from providers import contract
from providers.contract import Status
from tests.pages import Page, Part

NOW = datetime.now(UTC)


def rows(client: Client, query: str = "") -> list[Part]:
    return Page(client.get(f"/workflows/{query}")).all("tbody tr")


def names(client: Client, query: str = "") -> list[str]:
    return [row.all("a")[0].text for row in rows(client, query)]


def row_of(client: Client, name: str) -> Part:
    return next(row for row in rows(client) if row.all("a")[0].text == name)


@pytest.fixture
def run(put: Any) -> Any:
    def one(name: str, status: Status, ref: str = "r", **more: Any) -> Execution:
        workflow = contract.Workflow(ref=name, name=name, can_start=True)
        return put(f"{name}-{ref}", status, workflow=workflow, **more)

    return one


@pytest.fixture
def some(run: Any, people: Any) -> None:
    run("Appraisal", Status.SUCCEEDED, finished_at=NOW)
    run("Billing", Status.FAILED, finished_at=NOW, error="No money")
    taken = run("Claims", Status.FAILED, finished_at=NOW, error="No form")
    acts.assign(people["ana"], Execution.objects.filter(pk=taken.pk), to=people["ana"])
    for hours in range(2, 10):
        at = NOW - timedelta(hours=hours)
        run("Dunning", Status.SUCCEEDED, str(hours), started_at=at, finished_at=at)


def test_what_nobody_is_on_stands_first_then_in_hand_then_what_did_not_run_then_the_rest(ana, some):
    assert names(ana) == ["Billing", "Claims", "Dunning", "Appraisal"]


def test_a_row_says_how_it_stands_and_its_link_leads_to_exactly_those_runs(ana, some):
    billing = row_of(ana, "Billing")
    workflow = Workflow.objects.get(name="Billing").pk
    assert billing.link("1 failed") == f"/?workflow={workflow}&lamp=failed&is=unresolved"
    assert "1 in hand" in row_of(ana, "Claims")
    assert "Did not run: expected" in row_of(ana, "Dunning")
    assert "Did not run" not in row_of(ana, "Appraisal")


def test_a_row_has_its_last_runs_in_words_its_success_rate_and_its_owner(ana, some, people):
    workflow = Workflow.objects.get(name="Dunning")
    WorkflowProfile.objects.create(workflow=workflow, owner=people["ana"], labels=["night"])
    row = row_of(ana, "Dunning")
    assert row.one("svg")["aria-label"] == "Last 8 runs: 8 succeeded"
    assert "100 %" in row
    assert "ana" in row
    assert "Too few to tell" in row_of(ana, "Billing")


def test_the_list_is_narrowed_by_text_account_and_label(ana, some, account):
    workflow = Workflow.objects.get(name="Dunning")
    WorkflowProfile.objects.create(workflow=workflow, labels=["night"])
    assert names(ana, "?q=bill") == ["Billing"]
    assert names(ana, "?label=night") == ["Dunning"]
    assert len(names(ana, f"?account={account.pk}")) == 4
    assert "No workflow matches" in Page(ana.get("/workflows/?label=day"))


def test_of_more_workflows_than_are_shown_those_in_trouble_are_among_them(ana, run, monkeypatch):
    monkeypatch.setattr(list_views, "MAX_SHOWN", 3)
    for name in "ABCDE":
        run(name, Status.SUCCEEDED, finished_at=NOW)
    run("Zoning", Status.FAILED, finished_at=NOW)
    assert names(ana)[0] == "Zoning"
    assert "Only 3 are shown" in Page(ana.get("/workflows/"))


def test_an_open_list_is_told_what_changed_and_nothing_else(ana, some, run):
    page = Page(ana.get("/workflows/"))
    address = f"{page.changes}?stamp={page.stamp}"
    assert ana.get(address).status_code == 204
    run("Billing", Status.SUCCEEDED, "later", started_at=NOW, finished_at=datetime.now(UTC))
    assert "#workflows" in Page(ana.get(address)).targets


def test_an_open_list_keeps_its_order_whatever_happens(ana, some, run):
    page = Page(ana.get("/workflows/"))
    shown = [row["data-line"] for row in page.all("tbody tr[data-line]")]
    run("Appraisal", Status.FAILED, "later", error="No one")
    run("Zoning", Status.FAILED, error="No one")
    asked = {"stamp": page.stamp, "lines": ",".join(shown)}
    moved = Page(ana.get("/workflows/changes/", asked)).all("tbody tr[data-line]")
    assert [row["data-line"] for row in moved][:-1] == shown
    assert "Zoning" in moved[-1]
    assert names(ana)[:2] == ["Appraisal", "Billing"]


def test_the_list_takes_as_many_queries_for_many_workflows_as_for_few(ana, some):
    with CaptureQueriesContext(connection) as queries:
        rows(ana)
    assert len(queries) <= 12, [each["sql"][:150] for each in queries]


@pytest.fixture
def troubled(run: Any) -> None:
    """Alpha failed once of many runs, Beta three times, Gamma never; Gamma ran last."""
    for number in range(6):
        at = NOW - timedelta(hours=20 - number)
        run("Alpha", Status.SUCCEEDED, str(number), started_at=at, finished_at=at)
        run("Gamma", Status.SUCCEEDED, str(number), started_at=at, finished_at=at)
    run("Alpha", Status.FAILED, "bad", started_at=NOW - timedelta(hours=3), finished_at=NOW)
    for number in range(3):
        at = NOW - timedelta(hours=9 - number)
        run("Beta", Status.SUCCEEDED, f"ok {number}", started_at=at, finished_at=at)
        run(
            "Beta", Status.FAILED, str(number), started_at=NOW - timedelta(hours=4), finished_at=NOW
        )
    run("Gamma", Status.SUCCEEDED, "last", started_at=NOW, finished_at=NOW)


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("failures", ["Beta", "Alpha", "Gamma"]),
        ("rate", ["Beta", "Alpha", "Gamma"]),
        ("last", ["Gamma", "Alpha", "Beta"]),
        ("name", ["Alpha", "Beta", "Gamma"]),
        ("nonsense", ["Alpha", "Beta", "Gamma"]),
    ],
)
def test_the_address_says_how_it_is_sorted(ana, troubled, order, found):
    assert names(ana, f"?sort={order}") == found


def test_a_head_sorts_and_sorts_back_and_keeps_what_is_looked_for(ana, troubled):
    page = Page(ana.get("/workflows/?q=a"))
    assert page.one("th a", "State now")["href"] == "/workflows/?q=a&sort=failures"
    sorted_page = Page(ana.get("/workflows/?q=a&sort=failures"))
    assert sorted_page.one("th[aria-sort]")["aria-sort"] == "descending"
    assert sorted_page.one("th[aria-sort] a")["href"] == "/workflows/?q=a"
    assert sorted_page.one("select[name=sort] option[selected]").text == "Most failures first"
    assert "sort=failures" in sorted_page.one("body")["data-changes-url"]


def test_of_very_many_those_with_the_most_failures_are_shown(ana, troubled, monkeypatch):
    monkeypatch.setattr(list_views, "MAX_SHOWN", 1)
    assert names(ana, "?sort=failures") == ["Beta"]
    assert names(ana, "?sort=name") == ["Alpha"]

"""What a run came of and what came of it, its labels, the tries of a step, an output's step."""

from __future__ import annotations

from datetime import timedelta

import pytest

from executions.models import Step
from providers import contract
from providers.contract import Status
from tests.executions.conftest import NOW
from tests.pages import Page

pytestmark = pytest.mark.django_db
PARTS = {"steps": (), "questions": (), "outputs": ()}


def step(ref: str, run_ref: str = "", **more) -> contract.Step:
    return contract.Step(
        ref=ref,
        name=f"Step {ref}",
        status=Status.FAILED,
        native_status="x",
        run_ref=run_ref,
        **more,
    )


def family(client, run) -> list[tuple[str, str]]:
    """The depth and the label of each run of the tree on the page of this one."""
    page = Page(client.get(f"/executions/{run.pk}/"))
    lines = page.all("#family li")
    return [(line["data-depth"], line.one("[hx-ignore]").text.split(" · ")[1]) for line in lines]


def test_a_run_shows_the_runs_above_and_below_it_as_a_tree(ana, put):
    top = put("top", **PARTS)
    put("mid", parent_ref="top", **PARTS)
    put("leaf", parent_ref="mid", **PARTS)
    put("other", parent_ref="top", **PARTS)
    assert family(ana, top) == [("0", "top"), ("1", "mid"), ("2", "leaf"), ("1", "other")]
    middle = put("mid", parent_ref="top", message="on", seq=2, **PARTS)
    assert family(ana, middle) == [("0", "top"), ("1", "mid"), ("2", "leaf")]
    page = ana.get(f"/executions/{middle.pk}/").content.decode()
    assert f'href="/executions/{top.pk}/"' in page


def test_a_run_that_two_steps_link_stands_below_the_nearest_and_a_circle_ends(ana, put):
    run = put("top", **{**PARTS, "steps": (step("1", "mid"), step("2", "leaf"))})
    put("mid", **{**PARTS, "steps": (step("1", "leaf"), step("2", "top"))})
    put("leaf", parent_ref="top", **PARTS)
    lines = family(ana, run)
    assert ("2", "leaf") in lines
    assert sorted(name for _, name in lines if name == "leaf") == ["leaf"]


def test_a_run_alone_has_no_tree(ana, put):
    assert family(ana, put("alone", **PARTS)) == []


def test_a_retry_is_linked_both_ways(ana, put):
    first = put("first", Status.FAILED, **PARTS)
    second = put("second", retry_of="first", **PARTS)
    assert "tries this run again" in ana.get(f"/executions/{first.pk}/").content.decode()
    assert "tried again by this run" in ana.get(f"/executions/{second.pk}/").content.decode()


def test_how_long_a_run_queued_stands_beside_its_start(ana, put):
    made = NOW - timedelta(minutes=5, seconds=90)
    page = Page(ana.get(f"/executions/{put('r1', created_at=made).pk}/"))
    assert " after 1 m 30 s in the queue" in page
    waits = put("r2", Status.QUEUED, created_at=made, started_at=None)
    assert "created" in ana.get(f"/executions/{waits.pk}/").content.decode()


def test_a_label_leads_to_the_runs_that_have_it(ana, put):
    run = put("r1", labels={"team": "sales & co", "nightly": ""}, **PARTS)
    put("r2", labels={"team": "stock"}, **PARTS)
    put("r3", labels={"nightly": ""}, age=9)
    page = Page(ana.get(f"/executions/{run.pk}/"))
    links = {link.text: link["href"] for link in page.all("#run-labels a")}
    assert sorted(links) == ["nightly", "team=sales & co"]

    def shown(address: str) -> list[str]:
        text = ana.get(address).content.decode()
        return [ref for ref in ("r1", "r2", "r3") if f">{ref}<" in text]

    assert shown(links["team=sales & co"]) == ["r1"]
    assert shown(links["nightly"]) == ["r1", "r3"]
    assert shown("/?not_label=nightly") == ["r2"]
    assert shown("/?label=nightly&label=team%3Dstock") == ["r1", "r2", "r3"]
    assert "label" in ana.get(links["nightly"]).content.decode()


def test_the_tries_of_a_step_stand_below_it(ana, put):
    tried = contract.Try(
        attempt=1, status=Status.FAILED, error="no <b>stock</b>", started_at=NOW,
        finished_at=NOW + timedelta(seconds=3),
    )  # fmt: skip
    run = put("r1", Status.FAILED, **{**PARTS, "steps": (step("1", tries=(tried,), attempt=2),)})
    address = f"/executions/{run.pk}/steps/{Step.objects.get().pk}/"
    text = ana.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "no &lt;b&gt;stock&lt;/b&gt;" in text
    assert "3.0 s" in text


def test_a_document_names_the_step_that_made_it(ana, put):
    made = contract.Output(ref="o1", name="report.pdf", step_ref="1")
    run = put("r1", **{**PARTS, "steps": (step("1"),), "outputs": (made,)})
    page = Page(ana.get(f"/executions/{run.pk}/?tab=data"))
    (link,) = page.all('#data td a[href*="step="]')
    assert link.text == "Step 1"


def test_a_question_says_whom_the_provider_asks_and_where(ana, put):
    asked = contract.Question(
        ref="q1", kind="approval", title="Release?", assignees=("finance", "ana"),
        url="https://engine.example/q1", choices=(contract.Choice(value="yes", label="Yes"),),
    )  # fmt: skip
    run = put("r1", Status.USER_INPUT, **{**PARTS, "questions": (asked,)})
    text = ana.get(f"/executions/{run.pk}/").content.decode()
    assert "finance, ana" in text
    assert 'href="https://engine.example/q1"' in text

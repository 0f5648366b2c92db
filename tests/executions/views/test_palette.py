"""The command palette: what a few letters find, for whom."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User

from executions.views import palette
from executions.views.palette import Place
from providers.contract import Status, Workflow


def found(client, text, at="/"):
    """Label of what was found, and where it leads."""
    html = client.get("/palette/", {"q": text, "at": at}).content.decode()
    options = re.findall(
        r'<a role="option".*?href="([^"]*)".*?palette-label">(.*?)</span>', html, re.S
    )
    return {label: href for href, label in options}


def test_it_begins_with_the_pages(ana):
    assert {"Runs": "/", "Accounts": "/accounts/"}.items() <= found(ana, "").items()


@pytest.mark.parametrize("text", ["order-4711", "  order-4711 ", "ORDER-47"])
def test_a_run_is_found_by_its_identifier(ana, put, text):
    run = put("order-4711")
    assert f"/executions/{run.pk}/" in found(ana, text).values()


def test_a_run_is_found_by_the_last_part_of_a_packed_identifier_and_by_our_number(ana, put):
    run = put("definition-1/3f2a")
    assert found(ana, "3f2a") == {"Nightly import definition-1/3f2a": f"/executions/{run.pk}/"}
    assert f"/executions/{run.pk}/" in found(ana, f"#{run.pk}").values()


def test_workflows_and_accounts_are_found_by_name(ana, put):
    run = put("r1", workflow=Workflow(ref="w9", name="Settle claims"))
    places = found(ana, "claims")
    assert places["Settle claims"] == f"/?workflow={run.workflow_id}"
    assert places["Claims"] == f"/accounts/{run.account_id}/"


def test_on_the_page_of_a_run_it_offers_what_can_be_asked_of_it(ana, vik, put):
    run = put("r1")
    at = f"/executions/{run.pk}/"
    html = ana.get("/palette/", {"q": "cancel", "at": at}).content.decode()
    assert 'data-dialog="dialog-cancel"' in html
    assert "Cancel run" not in found(vik, "cancel", at)
    assert "Cancel run" not in found(ana, "cancel", "/inbox/")
    done = put("r2", Status.SUCCEEDED, offers=frozenset())
    assert "Cancel run" not in found(ana, "cancel", f"/executions/{done.pk}/")


def test_strangers_find_nothing(eve, put):
    run = put("order-4711")
    for text in ("order-4711", f"#{run.pk}", "Nightly", "Claims"):
        assert found(eve, text, f"/executions/{run.pk}/") == {}


@pytest.mark.parametrize("text", ["\0", "%", "_", "'\"<b>", "#99999999999999999999", "x" * 900])
def test_whatever_is_typed_gets_an_answer(ana, put, text):
    put("r1")
    answer = ana.get("/palette/", {"q": text, "at": "/executions/9223372036854775808/"})
    assert answer.status_code == 200
    assert "<b>" not in answer.content.decode()


def test_another_kind_of_place_is_one_more_source(ana, monkeypatch):
    own = ("Views", lambda asked: [Place("My view", "/?view=7", "lamp")])
    monkeypatch.setattr(palette, "SOURCES", (*palette.SOURCES, own))
    assert found(ana, "")["My view"] == "/?view=7"


def test_administration_is_offered_to_administrators(ana, people, sign_in):
    root = sign_in(User.objects.create_superuser("root"))
    assert found(root, "administration") == {"Administration": "/admin/"}
    assert found(ana, "administration") == {}

"""The command palette: what a few letters find, for whom."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from executions.correlation.views import key_address
from executions.display.formatting import stamped
from executions.models import Batch, RunKey, SavedView
from executions.models import Workflow as WorkflowRow
from executions.palette import views as palette_views
from executions.palette.sources import Destination
from executions.payloads.business_keys import normalized
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
    assert found(ana, "3f2a") == {"Nightly import 3f2a": f"/executions/{run.pk}/"}
    assert f"/executions/{run.pk}/" in found(ana, f"#{run.pk}").values()


def test_workflows_and_accounts_are_found_by_name(ana, put):
    run = put("r1", workflow=Workflow(ref="w9", name="Settle claims"))
    places = found(ana, "claims")
    assert places["Settle claims"] == f"/?workflow={run.workflow_id}"
    assert places["Claims"] == f"/accounts/{run.account_id}/"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("overview", "/overview/"), ("notif", "/notices/"), ("handover", "/shift/"),
        ("batches", "/batches/"), ("errors", "/errors/"), ("keys", "/keys/"),
    ],
)  # fmt: skip
def test_every_page_is_found_by_its_name_and_all_of_them_without_a_word(ana, text, address):
    assert address in found(ana, text).values()
    assert address in found(ana, "").values()


def test_saved_views_are_found_by_name_ones_own_and_shared_ones(ana, vik, people):
    own = SavedView.objects.create(owner=people["ana"], name="Night desk")
    shared = SavedView.objects.create(
        owner=people["vik"], name="Night failures", audience=SavedView.EVERYBODY
    )
    SavedView.objects.create(owner=people["vik"], name="Nightcap")
    assert found(ana, "night") == {
        "Night desk": f"/?view={own.pk}", "Night failures": f"/?view={shared.pk}",
    }  # fmt: skip
    assert "Night desk" not in found(vik, "night")


def test_an_error_is_found_by_its_text_once_and_the_newest_first(ana, eve, put):
    for number, text in enumerate(("ERP said 17: locked", "ERP said 18: locked", "ERP is down")):
        run = put(f"r{number}", Status.FAILED, error=text,
                  finished_at=timezone.now() - timedelta(minutes=9 - number))  # fmt: skip
    places = found(ana, "erp ")
    own = [label for label, href in places.items() if href.startswith("/errors/")]
    assert own == ["ERP is down", "ERP said 18: locked"]
    assert places["ERP is down"] == f"/errors/{run.error_key}/"
    assert found(eve, "ERP ") == found(ana, "100% of _") == {}


def test_a_business_key_is_found_by_how_it_begins(ana, eve, put):
    run = put("r1")
    RunKey.objects.create(
        execution=run, account=run.account, name="order", value=normalized("PO/4711"),
        text="PO/4711", sort_at=run.sort_at,
    )  # fmt: skip
    assert key_address(normalized("PO/4711")) in found(ana, "po/47").values()
    assert found(eve, "po/47") == {}


def test_a_batch_is_found_by_its_number_its_reason_and_who_asked(ana, vik, people, account):
    batch = Batch.objects.create(
        kind="cancel", requested_by=people["ana"], reason="The ERP is down", accounts=[account.pk]
    )
    for text in (f"batch #{batch.pk}", "erp is", "ana"):
        assert f"/batches/{batch.pk}/" in found(ana, text).values()
    html = ana.get("/palette/", {"q": "erp is"}).content.decode()
    assert f"Not started, prepared by ana {stamped(batch.created_at)}" in html
    assert found(vik, "erp is") == {}  # a draft is nobody else's


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
    own = ("Views", lambda asked: [Destination("My view", "/?view=7", "lamp")])
    monkeypatch.setattr(palette_views, "SOURCES", (*palette_views.SOURCES, own))
    assert found(ana, "")["My view"] == "/?view=7"


def test_administration_is_offered_to_administrators(ana, people, sign_in):
    root = sign_in(User.objects.create_superuser("root"))
    assert found(root, "administration") == {"Administration": "/admin/"}
    assert found(ana, "administration") == {}


def test_what_is_called_just_so_stands_first_then_what_begins_so_then_the_rest(ana, put):
    for number in range(8):
        put(f"a{number}", workflow=Workflow(ref=f"a{number}", name=f"A{number} of payroll"))
    put("b", workflow=Workflow(ref="b", name="Payroll preview"))
    put("c", workflow=Workflow(ref="c", name="Payroll"))
    labels = [label for label in found(ana, "payroll") if not label[-1].isdigit()]
    exact = WorkflowRow.objects.get(name="Payroll")
    assert next(iter(found(ana, "payroll").items())) == ("Payroll", f"/?workflow={exact.pk}")
    workflows = [each for each in labels if each in ("Payroll", "Payroll preview")]
    assert workflows == ["Payroll", "Payroll preview"]


def test_an_account_that_is_called_just_so_stands_before_runs_that_only_hold_the_word(ana, put):
    put("claims-1", workflow=Workflow(ref="w9", name="Settle claims"))
    assert next(iter(found(ana, "Claims"))) == "Claims"


def test_a_page_that_begins_so_stands_before_what_only_holds_the_word(ana, put):
    put("r1", workflow=Workflow(ref="w9", name="Send the inbox"))
    assert next(iter(found(ana, "inbox").values())) == "/inbox/"

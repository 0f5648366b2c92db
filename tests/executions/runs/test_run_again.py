"""A run as a document, and once more: what is handed out, and what the form begins with."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from executions.access import api_tokens
from executions.models import Command, Workflow
from providers import contract
from providers.adapters.flow8 import Flow8
from providers.adapters.generio import Generio
from providers.adapters.prefect import Prefect
from providers.contract import Field, Status
from providers.models import ProviderAccount
from tests.pages import Page, Part

CLOSER: dict[str, Any] = {"steps": (), "questions": (), "outputs": ()}
WITH_EVERYTHING: dict[str, Any] = {
    "steps": (contract.Step(ref="s1", name="Read", status=Status.FAILED, native_status="Failed"),),
    "questions": (),
    "outputs": (contract.Output(ref="o1", name="report.pdf"),),
}


def start_form(answer: Any) -> Part:
    return Page(answer).one("form[action$='/runs/']")


def values_in(answer: Any) -> dict[str, str]:
    """What stands in the fields of the form."""
    form = start_form(answer)
    return {name.removeprefix("argument_"): form.value(name) for name in form.names("argument_")}


@pytest.fixture
def asking(monkeypatch):
    """The provider of the account asks for these fields when a run is started."""

    def asks(*fields: Field) -> None:
        monkeypatch.setattr(
            "executions.workflows.start_form.start_fields", lambda workflow: (fields, "")
        )
        cls = ProviderAccount.objects.get().adapter_class
        monkeypatch.setattr(cls, "arguments_of", staticmethod(lambda given: given or {}))

    return asks


# --------------------------------------------------------------------------------- the document


def test_a_run_is_handed_out_as_the_document_that_the_api_tells(ana, people, put):
    run = put("r1", Status.FAILED, error="Timeout", **WITH_EVERYTHING)
    answer = ana.get(f"/executions/{run.pk}.json")
    assert answer["Content-Disposition"] == f'attachment; filename="run-{run.pk}.json"'
    told = json.loads(answer.getvalue())
    bearer = {"Authorization": f"Bearer {api_tokens.issue(people['ana'])}"}
    api = Client().get(f"/api/v1/executions/{run.pk}", headers=bearer)
    assert told == api.json()
    assert [step["name"] for step in told["steps"]] == ["Read"]
    assert f'href="/executions/{run.pk}.json"' in ana.get(f"/executions/{run.pk}/").content.decode()


def test_viewers_may_have_the_document_and_strangers_not(vik, eve, put):
    run = put("r1")
    assert vik.get(f"/executions/{run.pk}.json").status_code == 200
    assert eve.get(f"/executions/{run.pk}.json").status_code == 404


# ------------------------------------------------------------------------------------ once more


def test_only_who_may_start_runs_is_offered_to_run_it_again(ana, vik, put):
    run = put("r1", Status.FAILED)
    link = f'href="/workflows/{run.workflow_id}/?run={run.pk}"'
    assert link in ana.get(f"/executions/{run.pk}/").content.decode()
    assert link not in vik.get(f"/executions/{run.pk}/").content.decode()
    Workflow.objects.update(can_start=False)
    assert link not in ana.get(f"/executions/{run.pk}/").content.decode()


def test_the_form_begins_with_the_input_of_the_run_where_it_asks_for_the_same(ana, put, asking):
    asking(
        Field(key="month", label="Month"),
        Field(key="lines", label="Lines", kind="json", default={}),
        Field(key="note", label="Note", default="none"),
    )
    run = put("r1", **CLOSER, input={"month": "2026-10", "lines": {"a": [1, 2]}, "other": "x"})
    html = Page(ana.get(f"/workflows/{run.workflow_id}/?run={run.pk}")).source
    values = values_in(html)
    assert (values["month"], values["note"]) == ("2026-10", "none")
    assert json.loads(values["lines"]) == {"a": [1, 2]}
    assert "Filled in from the input of" in html
    assert "Not taken over" not in html


def test_secrets_files_and_what_does_not_fit_are_never_filled_in(ana, put, asking):
    asking(
        Field(key="pin", label="PIN", secret=True),
        Field(key="api_token", label="Access"),
        Field(key="scan", label="Scan", kind="file"),
        Field(key="grade", label="Grade", kind="choice", choices=(("a", "A"),), required=False),
        Field(key="rest", label="Rest", kind="json"),
    )
    run = put("r1", **CLOSER, input={
        "pin": "1234-secret", "api_token": "planted-1", "scan": "data:,x", "grade": "z",
        "rest": {"who": "Ada", "password": "planted-2", "in": {"token": "planted-3"},
                 "lines": ["x", "token=planted-4"]},
    })  # fmt: skip
    html = Page(ana.get(f"/workflows/{run.workflow_id}/?run={run.pk}")).source
    values = values_in(html)
    assert (values["pin"], values["api_token"]) == ("", "")
    assert json.loads(values["rest"]) == {"who": "Ada", "in": {}}
    left_out = start_form(html).one("p", "type it again:")
    for name in ("PIN", "Access", "Scan", "Grade", "password", "token", "lines"):
        assert name in left_out
    assert "1234-secret" not in html
    assert "planted" not in html
    assert "redacted" not in html


@pytest.mark.parametrize("asked", ["0", "abc", "99999999999999999999", "\0", "other"])
def test_a_run_of_another_workflow_or_none_fills_in_nothing_and_the_page_says_so(ana, put, asked):
    run = put("r1", input={"month": "2026-10"})
    other = put("r2", workflow=contract.Workflow(ref="w2", name="Other", can_start=True))
    page = ana.get(
        f"/workflows/{run.workflow_id}/", {"run": other.pk if asked == "other" else asked}
    )
    assert page.status_code == 200
    assert "Nothing is filled in. There is no such run" in page.content.decode()


def test_an_input_that_was_too_large_to_keep_fills_in_nothing(ana, put, asking):
    asking(Field(key="month", label="Month"))
    run = put("r1", **CLOSER, input={"month": "x" * 3_000_000})
    html = Page(ana.get(f"/workflows/{run.workflow_id}/?run={run.pk}")).source
    assert "too large to be stored in full" in html
    assert values_in(html)["month"] == ""


def test_each_adapter_knows_what_a_start_would_take_from_an_input():
    assert Flow8.arguments_of({"a": 1}) == {"arguments": {"a": 1}}
    assert Prefect.arguments_of({"a": 1}) == {"a": 1}
    generio = {"parameters": {"seed": 7}, "additional": {"annunciator_key": "k"}}
    assert Generio.arguments_of(generio) == {"seed": 7, "arguments": {"seed": 7}}
    assert Prefect.arguments_of(None) == Generio.arguments_of(None) == {}


def test_a_refused_start_says_in_one_sentence_what_is_wrong(ana, put, asking):
    workflow = put("r1").workflow
    asking(Field(key="plan", label="Plan", kind="json"))
    given = {"argument_plan": "{", "reason": "why"}
    answer = Page(ana.post(f"/workflows/{workflow.pk}/runs/", given))
    assert "Not started: Plan is not valid JSON." in answer.one("[role='alert']", "Not started")


def test_nothing_that_is_pasted_into_a_start_is_cut(ana, put, asking):
    workflow = put("r1").workflow
    asking(Field(key="note", label="Note"), Field(key="mail", label="Mail", kind="email"))
    assert not start_form(ana.get(f"/workflows/{workflow.pk}/")).has("[maxlength]")
    given = {"argument_note": "x" * 2001, "argument_mail": "a@example.com", "reason": "why"}
    answer = ana.post(f"/workflows/{workflow.pk}/runs/", given)
    assert answer.status_code == 422
    assert "at most 2000 characters (it has 2001)" in answer.content.decode()
    assert values_in(answer)["note"] == "x" * 2001
    given |= {"argument_note": "x", "reason": "y" * 501}
    answer = ana.post(f"/workflows/{workflow.pk}/runs/", given)
    assert answer.status_code == 409
    assert "The reason has 501 characters" in answer.content.decode()
    assert f'value="{"y" * 501}"' in answer.content.decode()
    assert not Command.objects.exists()


def test_a_reason_to_cancel_is_kept_whole_or_not_at_all(ana, put):
    run = put("r1")
    assert 'name="reason" maxlength' not in ana.get(f"/executions/{run.pk}/").content.decode()
    answer = ana.post(f"/executions/{run.pk}/cancellation/", {"reason": "y" * 501}, follow=True)
    assert "The reason has 501 characters" in answer.content.decode()
    assert not Command.objects.exists()
    ana.post(f"/executions/{run.pk}/cancellation/", {"reason": "y" * 500})
    assert Command.objects.get().reason == "y" * 500


# ------------------------------------------------------------------- the values of the last start


MONTH = (Field(key="month", label="Month"), Field(key="pin", label="PIN", secret=True))


@pytest.fixture
def flow(put, asking) -> Workflow:
    run = put("r1", Status.SUCCEEDED, **CLOSER, input={"month": "2026-09"})
    asking(*MONTH)
    return run.workflow


def start(client: Client, flow: Workflow, month: str) -> None:
    given = {"argument_month": month, "argument_pin": "1234", "key": str(uuid.uuid4())}
    assert client.post(f"/workflows/{flow.pk}/runs/", given).status_code == 302
    Command.objects.update(sent_at=timezone.now())


def test_nothing_is_filled_in_that_nobody_asked_for(ana, flow):
    page = ana.get(f"/workflows/{flow.pk}/?start=1")
    assert values_in(page) == {"month": "", "pin": ""}
    assert "your last start" not in Page(page)


def test_the_values_of_my_last_start_are_offered_and_taken_when_i_want_them(ana, flow):
    start(ana, flow, "2026-10")
    offered = ana.get(f"/workflows/{flow.pk}/?start=1")
    assert values_in(offered)["month"] == ""
    link = Page(offered).one("#start a", "Use the values of your last start")
    taken = ana.get(link["href"].partition("#")[0])
    assert values_in(taken) == {"month": "2026-10", "pin": ""}
    assert "Filled in with the values of your last start" in Page(taken)


def test_the_start_of_somebody_else_is_not_my_last_one(ana, people, sign_in, flow):
    start(ana, flow, "2026-10")
    people["vik"].groups.set(people["ana"].groups.all())
    page = sign_in(people["vik"]).get(f"/workflows/{flow.pk}/?values=last")
    assert values_in(page) == {"month": "", "pin": ""}
    assert "your last start" not in Page(page)

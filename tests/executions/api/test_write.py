"""What programs can ask for: recorded once, refused in words."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.contrib.auth.models import User

from executions.access.permissions import may_act
from executions.commands import sealed_arguments, submit
from executions.models import AuditEntry, Command, Workflow
from providers.contract import Status
from providers.models import ProviderAccount
from tests.executions.api.conftest import APPROVAL, QUESTION, Api


@pytest.fixture
def run(put: Callable[..., int]) -> int:
    return put("r1", Status.USER_INPUT, steps=(), questions=(QUESTION, APPROVAL))


def test_what_the_provider_has_no_way_to_do_is_refused(ana: Api, run: int) -> None:
    forced = ana.post(f"executions/{run}/commands", {"kind": "cancel", "option": "forced"})
    assert (forced.status_code, forced.json()["message"]) == (
        409, "Smart Flows knows no “forced” for this.",
    )  # fmt: skip
    retry = ana.post(f"executions/{run}/commands", {"kind": "retry"})
    assert (retry.status_code, retry.json()["message"]) == (
        409, "Smart Flows cannot retry a run.",
    )  # fmt: skip


def test_a_cancel_is_recorded_and_answered_with_202(ana: Api, run: int) -> None:
    answer = ana.post(f"executions/{run}/commands", {"kind": "cancel", "reason": "stuck"})
    assert answer.status_code == 202
    told = answer.json()
    assert set(told) == {
        "key", "kind", "state", "requested_by", "requested_at", "not_before", "message", "new_ref",
    }  # fmt: skip
    assert (told["kind"], told["state"], told["requested_by"]) == ("cancel", "pending", "ana")
    assert ana.get(f"commands/{told['key']}").json() == told
    assert ana.get(f"executions/{run}").json()["commands"] == [told]
    entry = AuditEntry.objects.get(command_key=told["key"])
    assert (entry.actor, entry.action, entry.account_name) == ("ana", "cancel", "Claims")


def test_the_same_wish_twice_is_one_command(ana: Api, run: int) -> None:
    first = ana.post(f"executions/{run}/commands", {"kind": "cancel"}).json()
    second = ana.post(f"executions/{run}/commands", {"kind": "cancel"}).json()
    assert first["key"] == second["key"]
    assert Command.objects.count() == 1


def test_the_same_idempotency_key_is_one_command(ana: Api, run: int) -> None:
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    for _ in range(2):
        answer = ana.post(f"executions/{run}/commands", {"kind": "start"}, **headers)
        assert (answer.status_code, answer.json()["key"]) == (202, headers["Idempotency-Key"])
    assert Command.objects.count() == 1
    assert ana.post(
        f"executions/{run}/commands", {"kind": "start"}, **{"Idempotency-Key": "mine"}
    ).status_code == 422  # fmt: skip


def test_a_key_that_was_used_for_another_wish_is_refused(
    ana: Api, run: int, put: Callable[..., int]
) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    other, workflow = put("r2"), Workflow.objects.get()
    assert ana.post(f"executions/{run}/commands", {"kind": "cancel"}, **key).status_code == 202
    for path, posted in (
        (f"executions/{other}/commands", {"kind": "cancel"}),
        (f"executions/{run}/commands", {"kind": "start"}),
        (f"executions/{run}/commands", {"kind": "answer", "question": "q1", "values": {}}),
        (f"workflows/{workflow.pk}/runs", {}),
    ):
        answer = ana.post(path, posted, **key)
        assert (answer.status_code, answer.json()["error"]) == (409, "key_in_use")
    assert Command.objects.count() == 1


def test_a_key_of_somebody_else_shows_nothing_of_their_command(
    ana: Api, eve: Api, run: int, people: dict[str, User]
) -> None:
    ana.post(f"executions/{run}/commands", {"kind": "cancel"})
    key = str(Command.objects.get().key)
    people["eve"].groups.add(*people["ana"].groups.all())
    answer = eve.post(f"executions/{run}/commands", {"kind": "suspend"}, **{"Idempotency-Key": key})
    assert answer.status_code == 409
    assert answer.json()["error"] == "key_in_use"


def test_an_answer_is_kept_sealed(ana: Api, run: int) -> None:
    posted = {"kind": "answer", "question": "q1", "values": {"iban": "DE00-made-up"}}
    answer = ana.post(f"executions/{run}/commands", posted)
    assert answer.status_code == 202
    row = Command.objects.get()
    assert row.question_ref == "q1"
    assert "made-up" not in row.sealed_arguments
    assert "made-up" not in json.dumps(list(AuditEntry.objects.values("detail", "target")))


@pytest.mark.parametrize(
    ("posted", "says"),
    [
        ({"kind": "answer", "values": {}}, "question: "),
        ({"kind": "answer", "question": "gone", "values": {}}, "question: "),
        ({"kind": "answer", "question": "q2", "values": {"choice": "maybe"}}, "one of yes, no"),
        ({"kind": "explode"}, "kind"),
        ({"kind": "cancel", "force": True}, "force"),
        ({}, "kind"),
        ([], "body"),
    ],
)
def test_a_wish_that_cannot_be_understood_is_refused(
    ana: Api, run: int, posted: object, says: str
) -> None:
    answer = ana.post(f"executions/{run}/commands", posted)
    assert answer.status_code == 422
    assert says in answer.json()["message"]
    assert Command.objects.count() == 0


def test_what_was_typed_is_not_repeated_in_a_complaint(ana: Api, run: int) -> None:
    answer = ana.post(
        f"executions/{run}/commands", {"kind": "answer", "question": 7, "values": "hush-hush"}
    )
    assert answer.status_code == 422
    assert "hush-hush" not in answer.content.decode()


@pytest.mark.parametrize("body", ["{", '{"kind": NaN}', "[" * 200, '{"kind": "a", "kind": "b"}'])
def test_a_body_that_is_no_json_is_refused(ana: Api, run: int, body: str) -> None:
    answer = ana.post(f"executions/{run}/commands", body)
    assert answer.status_code == 400
    assert answer.json()["error"] == "bad_request"


def test_what_the_run_does_not_offer_is_a_409_with_the_reason(
    ana: Api, put: Callable[..., int]
) -> None:
    run = put("r9", Status.SUCCEEDED)
    answer = ana.post(f"executions/{run}/commands", {"kind": "suspend"})
    assert answer.status_code == 409
    assert answer.json() == {
        "error": "not_possible",
        "message": "Smart Flows cannot suspend a run.",
    }


def test_viewers_look_and_do_not_act(vik: Api, run: int, people: dict[str, User]) -> None:
    assert not may_act(people["vik"])
    assert vik.get(f"executions/{run}").status_code == 200
    workflow = Workflow.objects.get()
    for path, body in (
        (f"executions/{run}/commands", {"kind": "cancel"}),
        (f"workflows/{workflow.pk}/runs", {}),
    ):
        answer = vik.post(path, body)
        assert answer.status_code == 403
        assert answer.json()["error"] == "forbidden"
    assert Command.objects.count() == 0


def test_a_run_is_started_from_its_workflow(ana: Api, eve: Api, run: int) -> None:
    workflow = Workflow.objects.get()
    posted = {"arguments": {"xml": "<a/>"}, "reason": "month end"}
    assert eve.post(f"workflows/{workflow.pk}/runs", posted).status_code == 404
    answer = ana.post(f"workflows/{workflow.pk}/runs", posted)
    assert answer.status_code == 202
    row = Command.objects.get()
    assert (row.kind, row.workflow, row.reason) == ("start", workflow, "month end")
    assert eve.get(f"commands/{row.key}").status_code == 404


def test_commands_are_rationed_per_person(
    ana: Api, run: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submit, "COMMANDS_PER_MINUTE", 2)
    codes = [
        ana.post(f"executions/{run}/commands", {"kind": "start"}).status_code for _ in range(3)
    ]
    assert codes == [202, 202, 429]
    answer = ana.post(f"executions/{run}/commands", {"kind": "start"})
    assert 50 <= int(answer["Retry-After"]) <= 60
    assert f"try again in {answer['Retry-After']} s" in answer.json()["message"]


def test_an_account_that_moved_to_another_team_takes_no_commands(
    ana: Api, run: int, account: ProviderAccount, people: dict[str, User]
) -> None:
    account.group = people["eve"].groups.get(name="west")
    account.save()
    assert ana.post(f"executions/{run}/commands", {"kind": "cancel"}).status_code == 404


def test_a_mask_that_comes_back_means_unchanged(ana, put):
    question = replace(QUESTION, model={"user": "bo", "deep": {"password": "stored-1"}})
    pk = put("r9", Status.USER_INPUT, steps=(), questions=(question,))
    values = ana.get(f"executions/{pk}").json()["questions"][0]["model"]
    assert values["deep"]["password"] == "[redacted]"
    posted = {"kind": "answer", "question": "q1", "values": {**values, "user": "cy"}}
    assert ana.post(f"executions/{pk}/commands", posted).status_code == 202
    sent = sealed_arguments.unseal(Command.objects.get())["values"]
    assert sent == {"user": "cy", "deep": {"password": "stored-1"}}


CLAIM = replace(
    QUESTION,
    schema={
        "type": "object",
        "required": ["amount"],
        "properties": {
            "amount": {"type": "integer", "maximum": 500},
            "note": {"type": "string", "maxLength": 5},
            "way": {"type": "string"},
            "old": {"type": "integer"},
            "lines": {"type": "array", "items": {"type": "object", "properties": {
                "price": {"type": "number", "minimum": 1}}}},
            "password": {"type": "string", "minLength": 20, "x-schema-form": {
                "validationMessage": "{{value}} is too short"}},
        },
    },
    form=["amount", "note", "old", "lines", "password", {
        "key": "way", "type": "select", "titleMap": {"post": "Post", "bank": "Bank"}}],
    model={"way": "carrier pigeon", "old": "as it came", "password": "stored-secret"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "values.amount: This field is required."),
        ({"amount": "7"}, "values.amount: Enter a whole number, not a text."),
        ({"amount": 501}, "values.amount: Enter at most 500."),
        ({"amount": 1, "note": "too long"}, "values.note: Enter at most 5 characters, not 8."),
        ({"amount": 1, "way": "taxi"}, "values.way: Choose one of the options."),
        ({"amount": 1, "old": "another text"}, "values.old: Enter a whole number, not a text."),
        ({"amount": 1, "lines": [{"price": 2}, {"price": 0}]}, "values.lines[1].price: Enter at"),
        ({"amount": 1, "password": "[redacted]"}, "values.password: [redacted] is too short"),
    ],
)
def test_an_answer_that_the_page_would_refuse_is_refused(ana, put, values, says):
    pk = put("r9", Status.USER_INPUT, steps=(), questions=(CLAIM,))
    answer = ana.post(
        f"executions/{pk}/commands", {"kind": "answer", "question": "q1", "values": values}
    )
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid")
    assert says in answer.json()["message"]
    assert Command.objects.count() == 0


@pytest.mark.parametrize(
    "values",
    [
        {"amount": 500, "note": "", "way": "bank", "lines": [{"price": 1.5}], "unknown": [1]},
        {"amount": 1, "way": "carrier pigeon", "old": "as it came"},
    ],
    ids=["what the form asks for", "what the provider gave itself"],
)
def test_an_answer_that_the_page_would_take_is_recorded_as_it_is(ana, put, values):
    pk = put("r9", Status.USER_INPUT, steps=(), questions=(CLAIM,))
    posted = {"kind": "answer", "question": "q1", "values": values}
    assert ana.post(f"executions/{pk}/commands", posted).status_code == 202
    assert sealed_arguments.unseal(Command.objects.get())["values"] == values


def test_a_question_is_delegated_only_to_who_may_answer_and_taken_back(
    ana: Api, vik: Api, eve: Api, run: int
) -> None:
    address = f"executions/{run}/delegations"
    told = ana.post(address, {"question": "q1", "person": "ana", "note": "Mine"}).json()
    question = told["questions"][0]
    assert (question["delegated_to"], question["delegated_by"]) == ("ana", "ana")
    assert question["delegation_note"] == "Mine"
    told = ana.post(address, {"question": "q1", "team": "east"}).json()
    assert [told["questions"][0][f"delegated_{name}"] for name in ("to", "team")] == [None, "east"]
    for wrong in ({"person": "vik"}, {"person": "eve"}, {"team": "west"}, {"question": "q9"}):
        answer = ana.post(address, {"question": "q1", **wrong})
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid"), wrong
    assert vik.post(address, {"question": "q1"}).status_code == 403
    assert eve.post(address, {"question": "q1"}).status_code == 404
    told = ana.post(address, {"question": "q1"}).json()
    assert (told["questions"][0]["delegated_team"], told["questions"][0]["delegated_at"]) == (
        None, None,
    )  # fmt: skip

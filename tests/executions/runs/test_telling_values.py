"""The values by which a person knows a run: found, learned, chosen; and where a run is."""

from __future__ import annotations

from typing import Any

import pytest

from executions import tasks
from executions.access import api_tokens
from executions.models import AuditEntry, CorrelationRule, Execution, Workflow
from executions.payloads.telling_paths import learn
from executions.polling import poller
from executions.storage import telling_values
from providers import contract
from providers.contract import Snapshot, Status
from providers.models import ProviderAccount
from tests.executions.conftest import NOW
from tests.pages import Page, RunList

pytestmark = pytest.mark.django_db
FLOW = contract.Workflow(ref="w1", name="Claim intake")
CUSTOMERS = ("Meier & Co", "Sato Ltd", "Okafor AG", "Dubois SA", "Ruiz SL", "Novak sro")


@pytest.fixture
def run(account: ProviderAccount) -> Any:
    def stored(number: int = 0, **more: Any) -> Execution:
        given: dict[str, Any] = {
            "status": Status.RUNNING, "native_status": "Running", "workflow": FLOW, "steps": (),
            "started_at": NOW, "input": {"customer": CUSTOMERS[number], "batch_id": f"b-{number}"},
            **more,
        }  # fmt: skip
        ref = given.pop("ref", f"9f86d081-884c-4d63-a0b1-0000000000{number:02}")
        poller.store_and_tell(account, [Snapshot(ref=ref, **given)])
        return Execution.objects.get(ref=ref)

    return stored


@pytest.fixture
def learned(run: Any) -> list[Execution]:
    """Six runs whose workflow was looked at."""
    runs = [run(number) for number in range(6)]
    telling_values.learn([each.pk for each in runs])
    tasks.sweep()
    return [Execution.objects.get(pk=each.pk) for each in runs]


# ------------------------------------------------------------------------------------- learning


def inputs(**columns: list[Any]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


DULL = {
    "the same everywhere": ("region", ["EU"] * 6),
    "uuids": ("subject", [f"9f86d081-884c-4d63-a0b1-0000000000{n:02}" for n in range(6)]),
    "identifiers by name": ("customer_id", [f"c{n}" for n in range(6)]),
    "times": ("label", [f"2026-11-0{n + 1}T09:00:00Z" for n in range(6)]),
    "addresses": ("label", [f"https://example.com/{n}" for n in range(6)]),
    "emails": ("label", [f"p{n}@example.com" for n in range(6)]),
    "secrets": ("password", [f"word{n}" for n in range(6)]),
    "long texts": ("title", ["x" * 60 + str(n) for n in range(6)]),
    "yes and no": ("label", [True, False] * 3),
    "hashes": ("label", [f"{n}da39a3ee5e6b4b0d3255bfef" for n in range(6)]),
}


@pytest.mark.parametrize(("name", "values"), DULL.values(), ids=DULL)
def test_what_tells_a_person_nothing_is_not_learned(name, values):
    assert learn(inputs(**{name: values})) == []


def test_names_that_differ_are_learned_the_best_first_at_most_two():
    found = learn(
        inputs(
            count=[1, 2, 3, 4, 5, 6], customer=list(CUSTOMERS), note=["a1", "b2", "c3"] * 2,
            request_id=[f"r{n}" for n in range(6)],
        )
    )  # fmt: skip
    assert found == ["customer", "note"]


def test_values_one_level_down_are_learned_too():
    assert learn([{"order": {"customer": name}} for name in CUSTOMERS]) == ["order/customer"]


def test_few_inputs_teach_nothing():
    assert learn(inputs(customer=list(CUSTOMERS[:4]))) is None


# ------------------------------------------------------------------------------------- in lists


def test_runs_are_known_by_what_differs_in_their_input(ana, learned):
    assert {each.label for each in learned} == set(CUSTOMERS)
    assert set(RunList(ana.get("/")).labels) == set(CUSTOMERS)


def test_a_new_run_has_its_values_at_once(run, learned):
    assert run(0, ref="new", input={"customer": "Lindt"}).telling_values == ["Lindt"]


def test_a_business_key_and_a_name_go_before_what_was_learned(account, run, learned):
    CorrelationRule.objects.create(account=account, name="claim", source="input", path="claim")
    found = run(0, ref="new", name="Hail damage", input={"customer": "Lindt", "claim": "C-17"})
    assert found.telling_values == ["C-17", "Hail damage"]


@pytest.mark.parametrize(
    "name", ["9f86d081-884c-4d63-a0b1-000000000001", "claim intake", "8812345", ""]
)
def test_a_name_that_tells_nothing_is_not_shown(run, name):
    found = run(1, name=name, input=None)
    assert found.telling_values == []


def test_without_values_the_end_of_the_identifier_is_shown_and_not_what_all_share(run):
    found = run(1, ref="projects/eu/9f86d081-884c-4d63-a0b1-0000000000ab", input=None)
    assert found.label == "…000000ab"


def test_a_masked_value_is_never_shown(run, learned):
    found = run(0, ref="new", input={"customer": "[redacted]"})
    assert found.telling_values == []


def test_text_search_finds_a_run_by_a_part_of_its_values(ana, learned):
    assert RunList(ana.get("/?q=kafor")).labels == ["Okafor AG"]


def test_the_api_has_the_values_and_the_label(client, learned, people):
    token = api_tokens.issue(people["ana"], label="test")
    answer = client.get(
        f"/api/v1/executions/{learned[1].pk}", headers={"authorization": f"Bearer {token}"}
    ).json()
    assert (answer["values"], answer["label"]) == (["Sato Ltd"], "Sato Ltd")


# ------------------------------------------------------------------------------------- choosing


def test_an_operator_shows_another_value_from_a_run_and_stored_runs_follow(ana, learned):
    page = Page(ana.get(f"/executions/{learned[0].pk}/?tab=data"))
    assert "customer: Meier & Co" in page.one("#shown-values")
    ana.post(f"/executions/{learned[0].pk}/values/", {"path": "batch_id"})
    tasks.sweep()
    assert set(RunList(ana.get("/")).labels) == {f"b-{number}" for number in range(6)}
    entry = AuditEntry.objects.get(action="value.shown")
    assert (entry.actor, entry.detail) == ("ana", {"value": "batch_id"})


def test_a_value_that_an_operator_hides_is_gone_and_stays_so(ana, learned):
    ana.post(f"/executions/{learned[0].pk}/values/", {"path": "customer", "hide": "1"})
    tasks.sweep()
    Workflow.objects.update(values_learned_at=None)
    telling_values.learn([each.pk for each in learned])
    tasks.sweep()
    assert not set(RunList(ana.get("/")).labels) & set(CUSTOMERS)
    assert AuditEntry.objects.filter(action="value.hidden").count() == 1


def test_what_the_input_does_not_have_cannot_be_shown(ana, vik, learned):
    address = f"/executions/{learned[0].pk}/values/"
    assert b"has no such value" in ana.post(address, {"path": "nothing"}, follow=True).content
    assert vik.post(address, {"path": "batch_id"}).status_code == 403
    assert Workflow.objects.get().shown_values == []


# ---------------------------------------------------------------------------------- where it is


def step(name: str, status: Status, **more: Any) -> contract.Step:
    return contract.Step(ref=name, name=name, status=status, native_status="x", **more)


STEPS = (step("Read", Status.SUCCEEDED), step("Check", Status.SUCCEEDED))
QUESTION = contract.Question(ref="q", kind="form", title="Approve the payment?")
PLACES = {
    "a question": (Status.USER_INPUT, (), (QUESTION,), "Approve the payment?"),
    "a failed step": (
        Status.FAILED,
        (*STEPS, step("Post", Status.FAILED, error="no route", attempt=3)),
        (),
        "Step 3: Post, attempt 3",
    ),
    "a running step": (
        Status.RUNNING, (*STEPS, step("Post", Status.RUNNING)), (), "Step 3: Post",
    ),
    "what it waits at": (
        Status.WAITING, (*STEPS, step("Bank", Status.WAITING)), (), "Waits at step 3: Bank",
    ),
    "nothing once it went well": (Status.SUCCEEDED, STEPS, (), ""),
}  # fmt: skip


@pytest.mark.parametrize(("status", "steps", "asked", "words"), PLACES.values(), ids=PLACES)
def test_a_row_says_where_its_run_is(ana, run, status, steps, asked, words):
    found = run(0, status=status, steps=steps, questions=asked, outputs=())
    assert found.whereabouts == words
    assert words in RunList(ana.get("/")).runs[0]


def test_a_total_is_told_only_where_the_provider_tells_its_plan(ana, run):
    planned = (*STEPS, step("Post", Status.RUNNING), step("Tell", Status.QUEUED))
    given = {"status": Status.RUNNING, "steps": planned, "questions": (), "outputs": ()}
    assert run(0, **given, is_planned=True).whereabouts == "Step 3 of 4: Post"
    assert run(1, **given).whereabouts == "Step 3: Post"

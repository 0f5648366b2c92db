"""A search finds `Köln` whether it was stored or typed with a composed or a decomposed letter."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from executions.models import Execution
from providers.contract import Status, Step, Workflow
from providers.models import ProviderAccount
from tests.executions.conftest import FORM, NOW

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.parametrize("stored", ["NFC", "NFD"]),
    pytest.mark.parametrize("typed", ["NFC", "NFD"]),
]
Put = Callable[..., Execution]


def form_of(form: str, text: str) -> str:
    return unicodedata.normalize(form, text)  # type: ignore[arg-type]


@pytest.fixture
def town(put: Put, account: ProviderAccount, stored: str) -> Execution:
    """A run that says Köln wherever a provider can say it, and one that does not."""

    def said(text: str) -> str:
        return form_of(stored, text)

    account.name = said("Übersee")
    account.save()
    put("unlike-it", Status.FAILED, error="nothing of the kind")
    return put(
        "town",
        Status.FAILED,
        name=said("Lieferung nach Köln"),
        workflow=Workflow(ref="w2", name=said("Düsseldorf anfahren"), can_start=True),
        error=said("Straße zu schmal für LKW"),
        finished_at=NOW,
        steps=(),
        questions=(),
        outputs=(),
        input={"ziel": said("Zürich"), "deep": [{"er": said("Genève")}]},
    )


def page(client: Client, address: str, typed: str, text: str) -> str:
    """Its text in one spelling."""
    answer = client.get(f"{address}{quote(form_of(typed, text))}")
    assert answer.status_code == 200
    body = b"".join(answer) if answer.streaming else answer.content
    return form_of("NFC", body.decode())


@pytest.mark.parametrize("address", ["/?q=", "/executions.csv?q=", "/?status=failed&q="])
def test_in_the_list_and_its_file(ana: Client, town: Execution, typed: str, address: str) -> None:
    for text in ("Köln", "KÖLN", "düsseldorf", "für lkw", "Zürich", "genève"):
        found = page(ana, address, typed, text)
        assert "Lieferung nach Köln" in found, text
        assert "unlike-it" not in found


def test_in_the_palette(ana: Client, town: Execution, typed: str) -> None:
    for text, label in (
        ("köln", "Lieferung nach Köln"),
        ("düssel", "runs of this workflow"),
        ("für lkw", "Straße zu schmal"),
        ("übersee", "/accounts/"),
    ):
        assert label in page(ana, "/palette/?q=", typed, text), text


def test_among_workflows_and_options(ana: Client, town: Execution, typed: str) -> None:
    for address in ("/workflows/?q=", "/executions/options/?of=workflow&find_workflow="):
        assert "Düsseldorf anfahren" in page(ana, address, typed, "düsseldorf")
    found = page(ana, "/executions/options/?of=account&find_account=", typed, "ÜBERSEE")
    assert "Übersee" in found


def test_in_the_inbox(ana: Client, put: Put, stored: str, typed: str) -> None:
    question = replace(FORM, title=form_of(stored, "Kühlwagen bestellen?"))
    put("asks", Status.USER_INPUT, steps=(), questions=(question,), outputs=())
    assert "Kühlwagen bestellen?" in page(ana, "/inbox/?q=", typed, "KÜHLWAGEN")


def test_in_the_steps_of_a_run(ana: Client, put: Put, stored: str, typed: str) -> None:
    said = form_of(stored, "Prüfung der Größe")
    steps: Any = (Step(ref="s1", name=said, status=Status.SUCCEEDED, native_status="done"),)
    run = put("walks", Status.SUCCEEDED, steps=steps, questions=(), outputs=())
    found = page(ana, f"/executions/{run.pk}/?steps_q=", typed, "größe")
    assert "Prüfung der Größe" in found

"""What polls do with an engine that reads several runs at once and tells how its parts are."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from config.metrics import Figures
from executions.models import Execution, LastAsked
from executions.polling.engine_components import components_of
from providers.contract import Component, Pace, Rejected, Status
from tests.flow.again import Again
from tests.pages import Page

RUNNING = {"status": Status.RUNNING, "native_status": "run"}
SILENT = Component(
    name="scheduler", is_well=False, message="No heartbeat.",
    seen_at=timezone.now() - timedelta(minutes=4),
)  # fmt: skip


@pytest.fixture
def page(ana: User, settings) -> Client:
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
    client = Client()
    client.force_login(ana, "config.eager_user_backend.PeopleBackend")
    return client


def asked(engine, word: str) -> list[tuple[str, ...]]:
    return [each[1:] for each in engine.asked if each[0] == word]


def test_runs_that_need_their_detail_are_read_with_one_call(again, engine):
    engine.runs = {ref: dict(RUNNING) for ref in ("a", "b", "c")}
    engine.listed = {"needs_detail": True}
    again.poll()
    assert asked(engine, "details") == [("a", "b", "c")]
    assert asked(engine, "snapshot") == []
    assert Execution.objects.filter(detail__read_at__isnull=False).count() == 4


def test_a_run_that_several_lack_is_no_longer_there(again, engine):
    engine.runs = {ref: dict(RUNNING) for ref in ("a", "b")}
    again.poll()
    engine.runs = {}
    LastAsked.objects.all().delete()
    again.poll()
    assert [again.run(ref).misses for ref in ("a", "b")] == [1, 1]


def test_one_bad_run_of_several_costs_one_call_and_no_other_run(again, engine, monkeypatch):
    engine.runs = {ref: dict(RUNNING) for ref in ("a", "b")}
    engine.listed = {"needs_detail": True}

    def refuse(self, refs):
        raise Rejected("One of them is unknown.")

    monkeypatch.setattr(Again, "details", refuse)
    again.poll()
    assert sorted(asked(engine, "snapshot")) == [("a",), ("b",)]
    assert {again.status(ref) for ref in ("a", "b")} == {"running"}


def test_a_run_that_needs_its_detail_is_read_as_often_as_the_pace_says(again, engine, monkeypatch):
    monkeypatch.setattr(Again, "pace", Pace(detail_every=timedelta(minutes=1)))
    engine.runs = {"a": dict(RUNNING)}
    engine.listed = {"needs_detail": True}
    for _ in range(3):
        again.poll()
    assert len(asked(engine, "snapshot") + asked(engine, "details")) == 1
    monkeypatch.setattr(Again, "pace", Pace())
    again.poll()
    assert len(asked(engine, "snapshot") + asked(engine, "details")) == 2


def test_a_silent_scheduler_stands_on_the_page_of_its_account(again, engine, page, monkeypatch):
    monkeypatch.setattr(Again, "pace", Pace(engine_every=timedelta(0)))
    engine.components = [SILENT, Component(name="triggerer", is_well=True)]
    account = again.poll()
    first = components_of(account)
    text = Page(page.get(f"/accounts/{account.pk}/"))
    assert "has been silent for" in text
    assert "No heartbeat." in text
    assert "Its engine reports a problem" in page.get("/accounts/").content.decode()
    samples = {
        sample.labels["component"]: sample.value
        for family in Figures().collect()
        for sample in family.samples
        if family.name == "annunciator_engine_component_up"
    }
    assert samples == {"scheduler": 0.0, "triggerer": 1.0}
    assert [part.since for part in components_of(again.poll())] == [part.since for part in first]
    engine.components = [Component(name="scheduler", is_well=True)]
    again.poll()
    assert "has been silent" not in page.get(f"/accounts/{account.pk}/").content.decode()


def test_the_engine_is_looked_at_now_and_then_and_never_stops_a_poll(again, engine):
    engine.components = Rejected("You may not see that.")
    again.account.poll_warnings = {}
    again.account.save(update_fields=["poll_warnings"])
    account = again.poll()
    again.poll()
    assert len(asked(engine, "engine")) == 1
    assert account.health == "ok"
    assert [(part.name, part.message) for part in components_of(account)] == [
        ("health", "You may not see that.")
    ]


def test_an_engine_that_forgets_says_so_on_the_page_of_its_account(again, page, monkeypatch):
    monkeypatch.setattr(Again, "keeps_history", False)
    text = page.get(f"/accounts/{again.account.pk}/").content.decode()
    assert "kept only here: the engine does not keep them" in text

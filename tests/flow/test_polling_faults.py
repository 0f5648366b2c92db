"""Faults of a provider that concern the polling itself: when it is asked again, how much, and what
an administrator is shown. The ids are rows of the fault matrix."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

import pytest
from django.utils import timezone

from executions import tasks
from executions.models import Execution, PollRun, Quarantine, Rank, Reading
from executions.polling import read_queue
from providers import registry
from providers.adapter import Adapter
from providers.contract import Field, Snapshot, Status, Unreadable, Workflow
from providers.models import Health, ProviderAccount
from tests.flow.conftest import poll_once

KEY = "odd"


class Odd(Adapter):
    """Answers what a test has put into `listed` and `read`: a function, or an error to raise."""

    name = "Odd"
    docs = "https://odd.example/docs"
    settings = (Field(key="api_key", label="Key", secret=True),)
    listed: ClassVar[Any] = ()
    one: ClassVar[Any] = None

    def check(self) -> str:
        return "Reads all runs."

    def snapshots(self, since: datetime | None) -> Iterable[Snapshot | Unreadable]:
        if isinstance(self.listed, Exception):
            raise self.listed
        yield from self.listed

    def snapshot(self, ref: str) -> Snapshot:
        if isinstance(self.one, Exception):
            raise self.one
        found: Snapshot = self.one(ref)
        return found


def run(ref: str, status: Status = Status.RUNNING, **more: Any) -> Snapshot:
    return Snapshot(
        ref=ref,
        workflow=Workflow(ref="w", name="A workflow"),
        status=status,
        native_status=more.pop("native_status", status.value),
        **more,
    )


@pytest.fixture
def odd(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> ProviderAccount:
    """An account whose adapter does what the test says."""
    everyone = {**registry.all_adapters(), KEY: Odd}
    monkeypatch.setattr(registry, "all_adapters", lambda: everyone)
    monkeypatch.setattr(Odd, "listed", ())
    monkeypatch.setattr(Odd, "one", staticmethod(run))
    account = ProviderAccount.objects.create(name="Odd one", provider=KEY, poll_every=1)
    account.set_credentials({"api_key": "s3cret-s3cret"}, by="test")
    account.save()
    return account


# ----------------------------------------------------------------------- errors that nobody expects


@pytest.mark.fault("P15")
@pytest.mark.parametrize("error", [OSError, RuntimeError, AssertionError, MemoryError])
def test_an_error_that_no_adapter_may_raise_is_a_failed_poll_like_any_other(
    odd, monkeypatch, error
):
    monkeypatch.setattr(Odd, "listed", error("it broke near s3cret-s3cret"))
    account = poll_once(odd)
    poll = PollRun.objects.get()
    assert (account.health, account.failures, account.lease_until) == (Health.FAILING, 1, None)
    assert account.next_poll_at > timezone.now()
    assert poll.outcome == "bad_response"
    assert error.__name__ in poll.error
    assert "s3cret" not in poll.error + account.last_error
    poll_once(odd)
    monkeypatch.setattr(Odd, "listed", ())
    account = poll_once(odd)
    assert (account.health, account.failures) == (Health.OK, 0)


@pytest.mark.fault("P15")
def test_an_adapter_that_cannot_even_be_opened_is_a_failed_poll(odd, monkeypatch):
    def broken(self: Any, *args: Any) -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(Odd, "__init__", broken)
    account = poll_once(odd)
    assert (account.health, account.failures, PollRun.objects.get().outcome) == (
        Health.FAILING, 1, "broken",
    )  # fmt: skip
    assert "RuntimeError" in account.last_error


@pytest.mark.fault("P15")
def test_what_breaks_inside_annunciator_while_polling_is_a_failed_poll_too(odd, monkeypatch):
    from executions.polling import poller

    def broken(*args: Any, **more: Any) -> None:
        raise RuntimeError("nothing can be stored near s3cret-s3cret")

    monkeypatch.setattr(Odd, "listed", [run("a")])
    monkeypatch.setattr(poller, "store", broken)
    account = poll_once(odd)
    assert (account.health, account.failures, PollRun.objects.get().outcome) == (
        Health.FAILING, 1, "broken",
    )  # fmt: skip
    assert "s3cret" not in account.last_error


@pytest.mark.fault("P15")
def test_one_run_that_makes_the_adapter_break_stops_no_other(odd, monkeypatch):
    def one(ref: str) -> Snapshot:
        if ref == "a":
            raise RuntimeError("not this one")
        return run(ref, steps=())

    monkeypatch.setattr(Odd, "listed", [run("a", needs_detail=True), run("b", needs_detail=True)])
    monkeypatch.setattr(Odd, "one", staticmethod(one))
    assert poll_once(odd).health == Health.OK
    assert list(Execution.objects.values_list("ref", flat=True)) == ["b"]
    assert "RuntimeError" in Quarantine.objects.get(ref="a").reason


@pytest.mark.fault("P15")
def test_a_reader_that_breaks_leaves_its_account_alone_for_a_while(odd, monkeypatch):
    from executions.polling import queue_reader

    monkeypatch.setattr(Odd, "listed", [run("a")])
    poll_once(odd)
    read_queue.ask([Execution.objects.get().pk], Rank.PERSON)

    def broken(*args: Any, **more: Any) -> None:
        raise RuntimeError("nothing can be stored")

    monkeypatch.setattr(queue_reader.poller, "store_and_tell", broken)
    with pytest.raises(RuntimeError):
        tasks.read_due(odd.pk)
    assert read_queue.due_accounts() == []
    assert Reading.objects.count() == 1

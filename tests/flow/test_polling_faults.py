"""Faults of a provider that concern the polling itself: when it is asked again, how much, and what
an administrator is shown. The ids are rows of the fault matrix."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

import pytest
from django.test import Client
from django.utils import timezone
from starlette.requests import Request
from starlette.responses import JSONResponse

from executions import tasks
from executions.models import (
    Command,
    CommandState,
    Execution,
    PollRun,
    Quarantine,
    Rank,
    Reading,
)
from executions.polling import read_queue, schedule
from providers import registry
from providers.account_setup import Wish, set_up
from providers.adapter import Adapter
from providers.contract import (
    Field,
    RateLimited,
    Snapshot,
    Status,
    Unreadable,
    Verb,
    Workflow,
)
from providers.http import parse_retry_after
from providers.models import Health, ProviderAccount, open_account
from tests.flow.conftest import Desk, poll_once

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


# ------------------------------------------------------------------------ left alone when it asks


class Server:
    """Answers everything with one status and headers, and keeps what was asked for."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []

    async def answer(self, request: Request) -> JSONResponse:
        self.asked.append(request.url.path)
        body: Any = {"flows": [], "templates": []}
        return JSONResponse(body, status_code=self.status, headers=self.headers)


@pytest.fixture
def limited(open_desk: Any, served: Any) -> tuple[Desk, Server]:
    """A desk that has a running run, whose provider is a `Server` from now on."""
    desk = open_desk("generio", speed=5)
    ref = desk.begin("long_running")
    desk.poll_until(lambda: desk.status(ref) == "running")
    server = Server()
    desk.account.settings = {**desk.account.settings, "base_url": served(server.answer)}
    desk.account.poll_every = 7
    desk.account.save()
    return desk, server


PAST = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.fault("H7")
@pytest.mark.parametrize(
    ("told", "least", "most"),
    [
        ("0", 7, 8), ("1", 7, 8), (PAST, 7, 8), ("Sun Nov  6 08:49:37 1994", 7, 8),
        ("120", 120, 133), ("-5", 30, 34), ("1.5", 30, 34), ("1e9", 30, 34),
        ("soon", 30, 34), ("９", 30, 34),
        ("99999999999999999999", 30, 34), ("999999999", 3600, 3970),
    ],
)  # fmt: skip
def test_whatever_a_provider_asks_for_polling_is_never_faster_than_normal(
    limited, told, least, most
):
    desk, server = limited
    server.status, server.headers = 429, {"Retry-After": told.encode().decode("latin-1")}
    before = timezone.now()
    account = poll_once(desk.account)
    assert account.health == Health.FAILING
    wait = (account.next_poll_at - before).total_seconds()
    assert least <= wait <= most + 1


@pytest.mark.fault("H7")
def test_a_date_to_wait_for_is_by_the_providers_own_clock():
    assert parse_retry_after("Sun, 06 Nov 1994 08:51:37 GMT", PAST) == 120
    assert parse_retry_after(PAST, "Sun, 06 Nov 1994 08:51:37 GMT") == 0


@pytest.mark.fault("H6")
def test_what_one_request_is_asked_to_wait_for_holds_for_every_other(limited, monkeypatch):
    desk, server = limited
    ref = Execution.objects.get().ref
    server.status, server.headers = 429, {"Retry-After": "120"}
    tasks.read_ref(desk.account.pk, ref)  # as a hint has it read
    assert len(server.asked) == 1
    server.status = 200
    ProviderAccount.objects.update(next_poll_at=timezone.now(), lease_until=None)
    assert schedule.claim_due() == []
    read_queue.ask([Execution.objects.get().pk], Rank.PERSON)
    assert read_queue.due_accounts() == []
    tasks.read_due(desk.account.pk)
    tasks.read_ref(desk.account.pk, ref)
    tasks.list_workflows(desk.account.pk)
    command = desk.ask(ref, Verb.CANCEL)
    tasks.carry_out(str(command.pk))
    with pytest.raises(RateLimited):
        open_account(desk.account).snapshot(ref)
    poll_once(desk.account)
    assert len(server.asked) == 1
    command.refresh_from_db()
    assert (command.state, command.attempts) == (CommandState.PENDING, 0)
    assert "asked us to wait" in command.message
    Command.objects.update(state=CommandState.UNKNOWN, not_before=timezone.now())
    tasks.reconcile(str(command.pk))
    assert len(server.asked) == 1


@pytest.mark.fault("H6")
def test_the_account_page_says_until_when_the_provider_asked_to_wait(limited, ana):
    desk, server = limited
    server.status, server.headers = 429, {"Retry-After": "120"}
    poll_once(desk.account)
    client = Client()
    client.force_login(ana)
    shown = client.get(f"/accounts/{desk.account.pk}/").content.decode()
    assert "The provider asked us to wait until" in shown


@pytest.mark.fault("H6")
def test_a_waiting_account_goes_on_by_itself_and_another_key_need_not_wait(limited):
    desk, server = limited
    server.status, server.headers = 429, {"Retry-After": "120"}
    poll_once(desk.account)
    server.status = 200
    ProviderAccount.objects.update(quiet_until=timezone.now())
    assert poll_once(desk.account).health == Health.OK
    server.status = 429
    poll_once(desk.account)
    wish = Wish(
        provider="generio", settings=desk.account.settings, credentials={"api_key": "another"}
    )
    set_up(desk.account, wish, by="test")
    desk.account.refresh_from_db()
    assert desk.account.quiet_until is None

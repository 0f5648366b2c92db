"""Faults of a provider that concern the polling itself: when it is asked again, how much, and what
an administrator is shown. The ids are rows of the fault matrix."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from html import unescape
from itertools import count
from typing import Any, ClassVar

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from starlette.requests import Request
from starlette.responses import JSONResponse

from executions import tasks
from executions.models import (
    Command,
    CommandState,
    Execution,
    LastAsked,
    PollRun,
    Quarantine,
    Rank,
    Reading,
)
from executions.polling import poller, read_queue, schedule
from providers import registry
from providers.adapter import Adapter
from providers.contract import (
    Field,
    NotFound,
    RateLimited,
    Snapshot,
    Status,
    Unreachable,
    Unreadable,
    Verb,
    Workflow,
)
from providers.http import parse_retry_after
from providers.models import Health, ProviderAccount, open_account
from providers.save_account import AccountDraft, set_up
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
    def broken(*args: Any, **more: Any) -> None:
        raise RuntimeError("nothing can be stored near s3cret-s3cret")

    monkeypatch.setattr(Odd, "listed", [run("a")])
    monkeypatch.setattr(poller, "store", broken)
    account = poll_once(odd)
    assert (account.health, account.failures, PollRun.objects.get().outcome) == (
        Health.FAILING, 1, "broken",
    )  # fmt: skip
    assert "s3cret" not in account.last_error


@pytest.mark.fault("P10")
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_statement_that_the_database_breaks_off_is_made_again_by_the_next_poll(
    odd, monkeypatch, error
):
    store = poller.store

    def broken(*args: Any, **more: Any) -> None:
        raise error("deadlock detected near s3cret-s3cret")

    monkeypatch.setattr(Odd, "listed", [run("a")])
    monkeypatch.setattr(poller, "store", broken)
    account = poll_once(odd)
    assert (account.health, PollRun.objects.get().outcome) == (Health.FAILING, "database")
    assert account.last_error.startswith("The database was too slow, or broke off")
    assert not Execution.objects.exists()
    monkeypatch.setattr(poller, "store", store)
    assert poll_once(odd).health == Health.OK
    assert Execution.objects.get().ref == "a"


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
    from executions.polling import read_queue_worker

    monkeypatch.setattr(Odd, "listed", [run("a")])
    poll_once(odd)
    read_queue.ask([Execution.objects.get().pk], Rank.PERSON)

    def broken(*args: Any, **more: Any) -> None:
        raise RuntimeError("nothing can be stored")

    monkeypatch.setattr(read_queue_worker.poller, "store_and_tell", broken)
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
    assert "The provider asked us to wait" in shown


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
    wish = AccountDraft(
        provider="generio", settings=desk.account.settings, credentials={"api_key": "another"}
    )
    set_up(desk.account, wish, by="test")
    desk.account.refresh_from_db()
    assert desk.account.quiet_until is None


# ------------------------------------------------------------- when a run is asked for again


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The refs that were asked for one by one; each is running."""
    refs: list[str] = []
    ask = Odd.one

    def one(ref: str) -> Snapshot:
        refs.append(ref)
        return ask(ref)

    monkeypatch.setattr(Odd, "one", staticmethod(one))
    return refs


def later(**span: float) -> None:
    """As if all polls so far had been that much earlier."""
    back = timedelta(**span)
    LastAsked.objects.update(at=F("at") - back)
    Execution.objects.update(observed_at=F("observed_at") - back, changed_at=F("changed_at") - back)


@pytest.mark.fault("D3")
def test_a_run_with_an_unknown_word_is_asked_for_rarely(odd, asked, monkeypatch):
    def one(ref: str) -> Snapshot:
        asked.append(ref)
        return run(ref, Status.UNKNOWN, native_status="QUANTUM", steps=())

    monkeypatch.setattr(Odd, "one", staticmethod(one))
    rows = [
        run(ref, Status.UNKNOWN, native_status="QUANTUM", needs_detail=True) for ref in "abcdef"
    ]
    monkeypatch.setattr(Odd, "listed", rows)
    for _ in range(10):
        poll_once(odd)
    assert len(asked) == 6
    for _ in range(60):
        later(minutes=1)
        poll_once(odd)
    assert len(asked) <= 6 * 8


@pytest.mark.fault("D3")
def test_a_new_status_word_is_told_once_with_what_to_do(odd, ana, monkeypatch, caplog):
    def one(ref: str) -> Snapshot:
        return run(ref, Status.UNKNOWN, native_status="QUANTUM", steps=())

    monkeypatch.setattr(Odd, "one", staticmethod(one))
    monkeypatch.setattr(Odd, "listed", [one(ref) for ref in "abc"])
    for _ in range(3):
        poll_once(odd)
    assert [line for line in caplog.messages if "QUANTUM" in line] == [
        "account Odd one: its provider calls runs 'QUANTUM', an unknown word"
    ]
    assert "“QUANTUM”, which Annunciator does not know" in page_of(odd, ana)
    monkeypatch.setattr(Odd, "one", staticmethod(run))
    monkeypatch.setattr(Odd, "listed", [run(ref) for ref in "abc"])
    poll_once(odd)
    assert "QUANTUM" not in page_of(odd, ana)


def page_of(account: ProviderAccount, user: Any) -> str:
    client = Client()
    client.force_login(user)
    return client.get(f"/accounts/{account.pk}/").content.decode()


def test_a_waiting_run_whose_turn_failed_is_asked_for_at_the_next_poll(odd, asked, monkeypatch):
    def one(ref: str) -> Snapshot:
        asked.append(ref)
        return run(ref, Status.WAITING, steps=())

    waiting = [run("a", Status.WAITING)]
    monkeypatch.setattr(Odd, "one", staticmethod(one))
    monkeypatch.setattr(Odd, "listed", waiting)
    poll_once(odd)
    poll_once(odd)
    asked.clear()
    poll_once(odd)
    assert asked == []
    later(seconds=61)
    monkeypatch.setattr(Odd, "listed", Unreachable("not now"))
    for _ in range(3):
        poll_once(odd)
    monkeypatch.setattr(Odd, "listed", waiting)
    poll_once(odd)
    assert asked == ["a"]


def test_runs_are_asked_for_in_the_order_of_their_last_look(odd, asked, monkeypatch):
    refs = [f"r{number:02}" for number in range(30)]
    monkeypatch.setattr(Odd, "listed", [run(ref) for ref in refs])
    monkeypatch.setattr(poller, "DETAILS", 30)
    poll_once(odd)
    Reading.objects.all().delete()
    monkeypatch.setattr(poller, "DETAILS", 10)
    asked.clear()
    for _ in range(3):
        later(seconds=40)
        poll_once(odd)
        Reading.objects.all().delete()
    assert len(set(asked)) == 30


# --------------------------------------------------------------------------- gone and empty


@pytest.mark.fault("D8")
def test_a_vanished_run_costs_two_requests_and_is_called_missing_in_minutes(
    odd, asked, monkeypatch
):
    everything = [run(f"r{number}") for number in range(9)]
    monkeypatch.setattr(Odd, "listed", everything)
    poll_once(odd)

    def one(ref: str) -> Snapshot:
        asked.append(ref)
        if ref == "r0":
            raise NotFound("there is no such run")
        return run(ref, steps=())

    monkeypatch.setattr(Odd, "one", staticmethod(one))
    monkeypatch.setattr(Odd, "listed", everything[1:])
    asked.clear()
    for _ in range(40):  # ten minutes
        later(seconds=15)
        poll_once(odd)
    gone = Execution.objects.get(ref="r0")
    assert (gone.status, gone.is_gone, gone.misses) == ("running", True, 2)
    assert asked.count("r0") == 2
    monkeypatch.setattr(Odd, "listed", everything)
    monkeypatch.setattr(Odd, "one", staticmethod(run))
    poll_once(odd)
    assert not Execution.objects.get(ref="r0").is_gone


@pytest.mark.fault("H13")
def test_a_list_that_is_suddenly_empty_is_a_warning_and_not_the_end_of_all_runs(
    odd, ana, asked, monkeypatch
):
    everything = [run(f"r{number:03}", steps=()) for number in range(300)]
    monkeypatch.setattr(Odd, "listed", everything)
    poll_once(odd)
    monkeypatch.setattr(Odd, "listed", [])
    asked.clear()
    for _ in range(20):
        later(seconds=5)
        assert poll_once(odd).health == Health.OK
    assert not Execution.objects.exclude(missing_since=None).exists()
    assert len(asked) <= 300
    assert "The provider's list contains none of the 300 runs that were open" in unescape(
        page_of(odd, ana)
    )
    monkeypatch.setattr(Odd, "listed", everything)
    poll_once(odd)
    assert "0 of 300" not in page_of(odd, ana)


# --------------------------------------------------------------------------- walks without an end


@pytest.mark.fault("B10")
def test_a_million_empty_records_cost_a_bounded_number_of_statements(odd, monkeypatch):
    monkeypatch.setattr(poller, "WALK_ITEMS", 5_000)

    def endless() -> Any:
        while True:
            yield Unreadable(ref="?", reason="KeyError: 'id'", excerpt="{}")

    monkeypatch.setattr(Odd, "listed", endless())
    with CaptureQueriesContext(connection) as queries:
        account = poll_once(odd)
    assert len(queries) < 60
    assert Quarantine.objects.get().count <= 5_000
    assert (PollRun.objects.get().outcome, account.health) == ("truncated", Health.OK)


@pytest.mark.fault("D10")
def test_a_list_without_an_end_is_cut_and_the_account_page_says_what_to_do(odd, ana, monkeypatch):
    monkeypatch.setattr(poller, "WALK_ITEMS", 2_000)
    listed = (run(f"r{number}", Status.SUCCEEDED) for number in count())
    monkeypatch.setattr(Odd, "listed", listed)
    account = poll_once(odd)
    assert Execution.objects.count() == 2_000
    assert PollRun.objects.get().outcome == "truncated"
    assert account.covered_since is None
    shown = unescape(page_of(odd, ana))
    assert "Only the first 2,000 runs of the provider's list are read" in shown
    assert "split the account" in shown
    monkeypatch.setattr(Odd, "listed", [run("r1", Status.SUCCEEDED)])
    account = poll_once(odd)
    assert (account.poll_warnings, account.covered_since is not None) == ({}, True)


@pytest.mark.fault("D10")
def test_a_list_that_comes_round_again_is_cut(odd, monkeypatch):
    again = [run(f"r{number}", Status.SUCCEEDED) for number in range(700)]
    monkeypatch.setattr(Odd, "listed", (each for _ in count() for each in again))
    poll_once(odd)
    assert (Execution.objects.count(), PollRun.objects.get().outcome) == (700, "truncated")


@pytest.mark.fault("D10")
def test_pages_without_an_end_cost_a_bounded_number_of_requests(open_desk, served, monkeypatch):
    monkeypatch.setattr(poller, "WALK_REQUESTS", 12)
    asked: list[str] = []

    async def page(request: Request) -> JSONResponse:
        asked.append(str(request.url))
        number = len(asked)
        plays = [{"id": f"{number}-{place}", "state": "RUN"} for place in range(5)]
        return JSONResponse({"data": plays, "page": number, "pages": 10**9, "token": "t" * 40})

    desk = open_desk("flow8")
    desk.account.settings = {**desk.account.settings, "base_url": served(page)}
    desk.account.save()
    poll_once(desk.account)
    assert len(asked) <= 12 + 12
    assert PollRun.objects.get().outcome in ("truncated", "bad_response")


@pytest.mark.fault("P13")
def test_a_poll_that_has_lost_its_claim_stops_and_writes_nothing_more(odd, monkeypatch):
    monkeypatch.setattr(schedule, "LEASE", timedelta(seconds=0))

    def listed() -> Any:
        for number in range(2_000):
            if number == 1_100:
                ProviderAccount.objects.update(poll_seq=F("poll_seq") + 1)
            yield run(f"r{number}", Status.SUCCEEDED)

    monkeypatch.setattr(Odd, "listed", listed())
    ProviderAccount.objects.update(
        lease_until=timezone.now() + timedelta(minutes=1), poll_seq=1, next_poll_at=timezone.now()
    )
    assert poller.poll(odd.pk, 1) is None
    assert Execution.objects.count() == 1_000
    assert not PollRun.objects.exists()


# ------------------------------------------------------------------------------- one for another


def due_at(origin: str, number: int, **more: Any) -> list[int]:
    """That many accounts of one origin, due for a minute; their numbers."""
    return [
        ProviderAccount.objects.create(
            name=f"{origin} {place}",
            provider="generio",
            settings={"base_url": f"https://{origin}/api/{place}"},
            next_poll_at=timezone.now() - timedelta(minutes=1),
            **more,
        ).pk
        for place in range(number)
    ]


@pytest.mark.fault("N8")
def test_accounts_of_one_origin_leave_workers_to_the_others(transactional_db):
    crowd = set(due_at("crowded.example", 40))
    alone = set(due_at("alone.example", 1))
    ProviderAccount.objects.filter(pk__in=alone).update(next_poll_at=timezone.now())
    taken = {pk for pk, _ in schedule.claim_due()}
    assert len(taken & crowd) == schedule.PER_ORIGIN
    assert alone < taken
    assert schedule.claim_due() == []
    ProviderAccount.objects.filter(pk__in=list(taken & crowd)[:3]).update(lease_until=None)
    assert len(schedule.claim_due()) == 3


@pytest.mark.fault("N8")
def test_accounts_that_fail_hold_a_few_workers_only(transactional_db):
    hanging = {pk for each in range(100) for pk in due_at(f"h{each}.example", 1, failures=1)}
    same = set(due_at("same.example", 10, failures=2))
    good = {pk for each in range(50) for pk in due_at(f"g{each}.example", 1)}
    taken = {pk for pk, _ in schedule.claim_due()}
    assert good < taken
    assert len(taken & (hanging | same)) == schedule.FAILING_AT_ONCE
    assert len(taken & same) <= schedule.FAILING_PER_ORIGIN
    assert schedule.claim_due() == []


@pytest.mark.fault("P11")
def test_accounts_that_became_due_together_while_nothing_ran_do_not_stay_in_step(odd):
    every = 100
    ProviderAccount.objects.update(poll_every=every)
    waits = []
    for _ in range(40):
        ProviderAccount.objects.update(last_poll_at=timezone.now() - timedelta(minutes=30))
        odd.refresh_from_db()
        began = timezone.now()
        waits.append((poll_once(odd).next_poll_at - began).total_seconds())
    assert max(waits) - min(waits) > every / 2
    waits = [(poll_once(odd).next_poll_at - timezone.now()).total_seconds() for _ in range(20)]
    assert max(waits) - min(waits) <= every / 10 + 1

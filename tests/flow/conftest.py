"""A simulated provider over real HTTP, an account that polls it, and people who act."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from starlette.applications import Starlette
from starlette.routing import Route

from config.demo_accounts import EXTRA_SETTINGS
from executions import tasks
from executions.commands import dispatch, reconciliation, submit
from executions.forms import compile_question
from executions.models import Command, Execution, Question, Workflow
from executions.polling import read_queue, schedule
from providers import registry
from providers.contract import Verb
from providers.demo import serve
from providers.http import Http
from providers.models import ProviderAccount
from tests.flow.again import Again, Engine


def poll_once(account: ProviderAccount) -> ProviderAccount:
    """One poll of the account, now, whatever the schedule says; the account as it is afterwards."""
    ProviderAccount.objects.filter(pk=account.pk).update(lease_until=None)
    seq = schedule.claim(account.pk)
    assert seq is not None
    tasks.poll(account.pk, seq)
    account.refresh_from_db()
    return account


class Desk:
    """One simulator, its account, and what ana does at her desk; workers run inline."""

    def __init__(self, sim: Any, account: ProviderAccount, user: User) -> None:
        self.sim = sim
        self.account = account
        self.user = user

    def begin(self, scenario: str, **options: Any) -> str:
        """Start a run of a scenario; its ref as ours, which at 8x8 names the definition too."""
        ref = self.sim.start(scenario, **options)
        told = next((run for run in self.sim.script if run["ref"] == ref), {})
        return f"{told['definition']}/{ref}" if "definition" in told else ref

    def poll(self) -> ProviderAccount:
        """One poll, now, whatever the schedule and the provider's last answer say, and what readers
        do after it."""
        self.wait()
        poll_once(self.account)
        tasks.read_due(self.account.pk)
        self.account.refresh_from_db()
        return self.account

    def poll_until(self, done: Callable[[], Any], seconds: float = 20) -> Any:
        """Poll until `done` gives something true; that."""
        deadline = time.monotonic() + seconds
        while True:
            self.poll()
            if result := done():
                return result
            assert time.monotonic() < deadline, f"not within {seconds} s: {self.describe()}"
            time.sleep(0.1)

    def wait(self) -> None:
        """As long as the provider has asked for."""
        ProviderAccount.objects.filter(pk=self.account.pk).update(quiet_until=None)

    def run(self, ref: str) -> Execution:
        return Execution.objects.select_related("account").get(account=self.account, ref=ref)

    def status(self, ref: str) -> str:
        rows = Execution.objects.filter(account=self.account, ref=ref)
        return rows.values_list("status", flat=True).first() or ""

    def open_question(self, ref: str) -> Question | None:
        return Question.objects.filter(execution__ref=ref, closed_at=None).order_by("ref").first()

    def ask(self, ref: str, kind: Verb, **more: Any) -> Command:
        """Record a command without carrying it out."""
        if question := more.get("question"):
            more["form"] = compile_question(question)
        return submit.request_command(user=self.user, execution=self.run(ref), kind=kind, **more)

    def do(self, ref: str, kind: Verb, **more: Any) -> Command:
        """Record a command and carry it out as a worker would."""
        command = self.ask(ref, kind, **more)
        tasks.carry_out(str(command.pk))
        command.refresh_from_db()
        return command

    def start(self, workflow: Workflow, arguments: dict[str, Any]) -> Command:
        command = submit.request_start(user=self.user, workflow=workflow, arguments=arguments)
        tasks.carry_out(str(command.pk))
        command.refresh_from_db()
        return command

    def settle(self, command: Command) -> Command:
        """Reconcile as the sweep would, long after the sending."""
        self.wait()
        past = command.sent_at - 2 * dispatch.RESEND_AFTER if command.sent_at else None
        Command.objects.filter(pk=command.pk).update(sent_at=past, not_before=past)
        for key in reconciliation.unsettled():
            tasks.reconcile(key)
        for key in reconciliation.due_commands():
            tasks.carry_out(key)
        command.refresh_from_db()
        return command

    def describe(self) -> list[Any]:
        rows = Execution.objects.filter(account=self.account)
        return [self.account.last_error, *rows.values_list("ref", "status", "native_status")]


@pytest.fixture(autouse=True)
def _readers_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers run inline, so a reader that waits for the next turn of a watched run waits here."""
    monkeypatch.setattr(read_queue, "SOON", timedelta(0))


@pytest.fixture
def ana(transactional_db: None) -> User:
    """May act."""
    user = User.objects.create_user("ana", password="pass-word-for-ana")
    user.groups.add(Group.objects.get_or_create(name="operator")[0])
    return user


@pytest.fixture
def open_desk(ana: User) -> Iterator[Callable[..., Desk]]:
    """`open_desk("flow8", speed=20)`: a desk at a simulator of its own."""
    with ExitStack() as stack:

        def open_one(key: str, *, speed: float = 20, **options: Any) -> Desk:
            sim = stack.enter_context(serve.running(key, seed=11, speed=speed, **options))
            account = ProviderAccount.objects.create(
                name=f"Test {key}",
                provider=key,
                settings={"base_url": sim.base_url, **EXTRA_SETTINGS.get(key, {})},
                poll_every=1,
            )
            account.set_credentials({"api_key": sim.api_key}, by="test")
            account.save()
            return Desk(sim, account, ana)

        yield open_one


@pytest.fixture
def served() -> Iterator[Callable[..., str]]:
    """`served(endpoint)`: the address of a server that answers everything with this endpoint."""
    with ExitStack() as stack:

        def start(endpoint: Any) -> str:
            routes = [Route("/{rest:path}", endpoint, methods=["GET", "POST"])]
            return stack.enter_context(serve.serving(Starlette(routes=routes)))

        yield start


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The door's own waits, shorter."""
    from tests.flow import trouble as rig

    send = Http.send

    def quickly(http: Http, *args: Any, read_timeout: float, deadline: float, **more: Any) -> Any:
        waits = min(read_timeout, rig.READ_TIMEOUT), min(deadline, rig.DEADLINE)
        return send(http, *args, read_timeout=waits[0], deadline=waits[1], **more)

    monkeypatch.setattr(Http, "send", quickly)


@pytest.fixture
def trouble(ana: User, caplog: Any, hurry: None) -> Iterator[Any]:
    """Two accounts, one of which meets what a test puts into `provider.fault`; waits are short."""
    from tests.flow import trouble as rig

    caplog.set_level("INFO")
    with rig.running() as provider, rig.running() as beside:
        yield rig.Trouble(provider, beside, ana, caplog)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    known = {**registry.all_adapters(), "again": Again}
    monkeypatch.setattr(registry, "all_adapters", lambda: known)
    monkeypatch.setattr(Again, "engine_of_test", Engine(), raising=False)
    return Again.engine_of_test


@pytest.fixture
def again(engine: Engine, ana: User) -> Desk:
    account = ProviderAccount.objects.create(
        name="Test again", provider="again", settings={"base_url": "http://127.0.0.1:9"}
    )
    desk = Desk(None, account, ana)
    desk.poll()
    engine.asked.clear()
    return desk

"""Two teams with an account each. Ana may act, vik may look, eve is a stranger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from executions.models import Execution, Question
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status, Verb
from providers.models import ProviderAccount

NOW = datetime.now(UTC).replace(microsecond=0)
START = NOW - timedelta(minutes=5)
FORM = contract.Question(
    ref="q1",
    kind="form",
    title="Decide on the claim",
    schema={
        "type": "object",
        "required": ["amount"],
        "properties": {"amount": {"type": "integer", "title": "Amount"}},
    },
)


def step(
    ref: str,
    status: Status = Status.SUCCEEDED,
    start: float = 0.0,
    took: float = 1.0,
    since: datetime = START,
    **more: Any,
) -> contract.Step:
    """From `start` to `start + took`, in seconds after `since`."""
    given: dict[str, Any] = {
        "name": ref,
        "native_status": status.value,
        "started_at": since + timedelta(seconds=start),
        "finished_at": since + timedelta(seconds=start + took) if status.is_final else None,
        **more,
    }
    return contract.Step(ref=ref, status=status, **given)


@pytest.fixture
def people(db: None) -> dict[str, User]:
    found = {}
    for name, role, team in (
        ("ana", "operator", "east"), ("vik", "viewer", "east"), ("eve", "operator", "west"),
    ):  # fmt: skip
        found[name] = User.objects.create_user(name)
        found[name].groups.add(Group.objects.get_or_create(name=role)[0])
        found[name].groups.add(Group.objects.get_or_create(name=team)[0])
    return found


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, "config.eager_user_backend.PeopleBackend")
    return client


@pytest.fixture(autouse=True)
def _static_folder(settings: Any) -> None:
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


@pytest.fixture
def sign_in() -> Callable[[User], Client]:
    return signed_in


@pytest.fixture
def schema() -> Any:
    return FORM.schema


@pytest.fixture
def ana(people: dict[str, User]) -> Client:
    return signed_in(people["ana"])


@pytest.fixture
def vik(people: dict[str, User]) -> Client:
    return signed_in(people["vik"])


@pytest.fixture
def eve(people: dict[str, User]) -> Client:
    return signed_in(people["eve"])


@pytest.fixture
def account(people: dict[str, User]) -> ProviderAccount:
    return ProviderAccount.objects.create(
        name="Claims",
        provider="smartflows",
        group=Group.objects.get(name="east"),
        settings={"base_url": "https://claims.example.com"},
        health="ok",
        last_success_at=timezone.now(),
    )


@pytest.fixture
def put(account: ProviderAccount) -> Callable[..., Execution]:
    """Store one run, as a poll would."""

    def stored(ref: str, status: Status = Status.RUNNING, age: int = 5, **more: Any) -> Execution:
        given: dict[str, Any] = {
            "workflow": contract.Workflow(ref="w1", name="Nightly import", can_start=True),
            "native_status": status.value.title(),
            "started_at": NOW - timedelta(minutes=age),
            "offers": frozenset({Verb.CANCEL, Verb.ANSWER}),
            **more,
        }
        seq = int(given.pop("seq", 1))
        store(account.pk, seq, [Snapshot(ref=ref, status=status, **given)])
        return Execution.objects.get(account=account, ref=ref)

    return stored


@pytest.fixture
def question(put: Callable[..., Execution]) -> Question:
    run = put("waits", Status.USER_INPUT, steps=(), questions=(FORM,), outputs=())
    return run.questions.get()

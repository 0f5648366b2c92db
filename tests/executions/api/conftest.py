"""An account of the team east with a few runs. Ana may act, vik may look, eve is a stranger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from executions.access import api_tokens
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status, Verb
from providers.models import ProviderAccount

NOW = datetime.now(UTC).replace(microsecond=0)
QUESTION = contract.Question(
    ref="q1", kind="form", title="Amount", schema={"type": "object"}, form=["*"], model={"a": 1}
)
APPROVAL = contract.Question(
    ref="q2",
    kind="approval",
    title="Release?",
    choices=(contract.Choice(value="yes", label="Yes"), contract.Choice(value="no", label="No")),
)


@pytest.fixture
def people(db: None) -> dict[str, User]:
    found = {}
    for name, role, team in (
        ("ana", "operator", "east"), ("vik", "viewer", "east"), ("eve", "operator", "west"),
    ):  # fmt: skip
        found[name] = User.objects.create_user(name)
        found[name].groups.add(Group.objects.get(name=role))
        found[name].groups.add(Group.objects.get_or_create(name=team)[0])
    return found


@pytest.fixture
def account(people: dict[str, User]) -> ProviderAccount:
    return ProviderAccount.objects.create(
        name="Claims", provider="smartflows", group=Group.objects.get(name="east"),
        settings={"base_url": "https://claims.example.com"},
    )  # fmt: skip


@pytest.fixture
def put(account: ProviderAccount) -> Callable[..., int]:
    """Store one run and return its id."""

    def stored(ref: str, status: Status = Status.RUNNING, age: int = 5, **more: Any) -> int:
        snapshot = Snapshot(
            ref=ref,
            workflow=contract.Workflow(ref="w1", name="Nightly import", can_start=True),
            status=status,
            native_status=status.value.title(),
            started_at=NOW - timedelta(minutes=age),
            offers=frozenset({Verb.CANCEL, Verb.ANSWER}),
            **more,
        )
        rows, _ = store(account.pk, 1, [snapshot])
        return rows[0].execution_id

    return stored


class Api:
    """A client with one person's token."""

    def __init__(self, client: Client, user: User) -> None:
        self.client = client
        self.token = api_tokens.issue(user)
        self.headers = {"Authorization": f"Bearer {self.token}"}

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1/{path}", query, headers=self.headers)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.post(
            f"/api/v1/{path}",
            body,
            content_type="application/json",
            headers={**self.headers, **headers},
        )


@pytest.fixture
def ana(client: Client, people: dict[str, User]) -> Api:
    return Api(client, people["ana"])


@pytest.fixture
def vik(client: Client, people: dict[str, User]) -> Api:
    return Api(client, people["vik"])


@pytest.fixture
def eve(client: Client, people: dict[str, User]) -> Api:
    return Api(client, people["eve"])

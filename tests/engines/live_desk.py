"""A real engine with its mix of runs, and an account of it with the product's own poller, sender
and sweep, called in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pytest
from django.contrib.auth.models import User

from executions.models import Command
from providers.models import ProviderAccount
from tests.flow.conftest import Desk

Engine = TypeVar("Engine")


@dataclass(frozen=True)
class LiveScene(Generic[Engine]):
    engine: Engine
    runs: dict[str, str]
    """What each is an example of, and its reference."""


def scene_of(engine: Any, key: str, folders: pytest.TempPathFactory) -> Iterator[LiveScene[Any]]:
    with engine.running(folders.mktemp(key)) as running:
        yield LiveScene(running, running.mix())


class LiveDesk(Desk):
    within: float  # seconds for a run to get where a command sends it

    def __init__(
        self, user: User, provider: str, settings: dict[str, Any], **credentials: str
    ) -> None:
        account = ProviderAccount.objects.create(
            name=f"{provider} of {settings.get('username', user.username)}",
            provider=provider,
            settings=settings,
            poll_every=1,
        )
        if credentials:
            account.set_credentials(credentials, by="test")
            account.save()
        super().__init__(None, account, user)

    def settled(self, command: Command) -> Command:
        """Until the command is decided by what is read, as the sweep of the product does."""
        self.poll_until(lambda: self.settle(command).settled_at is not None, self.within)
        return command

    def polled(self) -> ProviderAccount:
        """Twice: the second one reads what the first one only listed."""
        self.poll()
        return self.poll()


@pytest.fixture
def reachable(settings: Any) -> None:
    """Engines on this machine may be asked."""
    settings.ANNUNCIATOR_ALLOWED_NETWORKS = ["127.0.0.0/8:*"]

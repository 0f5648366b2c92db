"""What was read first never undoes what was read later, whoever stores it last."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from executions.models import Execution, Transition
from executions.storage.store import store
from providers.contract import Snapshot, Status, Workflow
from providers.models import ProviderAccount

WORDS = {"Running": Status.RUNNING, "Paused": Status.PAUSED, "Canceled": Status.CANCELED}


@pytest.fixture
def account(db: None) -> ProviderAccount:
    return ProviderAccount.objects.create(name="Ordered", provider="flow8")


def read(account: ProviderAccount, word: str, seconds_ago: float) -> list[str]:
    """Store a reading that began then; the statuses written."""
    workflow = Workflow(ref="w", name="Pay-out")
    snapshot = Snapshot(ref="r", workflow=workflow, status=WORDS[word], native_status=word)
    began_at = timezone.now() - timedelta(seconds=seconds_ago)
    stored, _ = store(account.pk, 1, [snapshot], read_at={"r": began_at})
    return [row.status for row in stored]


def history(account: ProviderAccount) -> list[str]:
    moves = Transition.objects.filter(execution__account=account).order_by("version")
    return [move.to_status for move in moves]


@pytest.mark.fault("D12")
def test_what_a_poll_read_before_a_cancel_does_not_bring_the_run_back(
    account: ProviderAccount,
) -> None:
    read(account, "Running", 30)
    assert read(account, "Canceled", 1) == ["canceled"]  # read at once, after the command
    assert read(account, "Running", 5) == []  # the poll that had read it before
    assert history(account) == ["running", "canceled"]
    assert Execution.objects.get(account=account).status == "canceled"


@pytest.mark.fault("D7")
def test_a_slow_reading_does_not_hide_what_a_poll_reads_after_it(account: ProviderAccount) -> None:
    read(account, "Running", 30)
    assert read(account, "Paused", 10) == ["paused"]
    assert read(account, "Running", 5) == ["running"]
    assert history(account) == ["running", "paused", "running"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.fault("D12")
def test_news_that_another_write_came_before_is_compared_again() -> None:
    account = ProviderAccount.objects.create(name="Overtaken", provider="flow8")
    read(account, "Running", 30)

    def cancel() -> None:
        read(account, "Canceled", 0)
        connection.close()

    late = threading.Thread(target=cancel)
    with transaction.atomic():
        assert read(account, "Paused", 10) == ["paused"]  # holds the row until the commit
        late.start()
        time.sleep(0.5)
    late.join()
    assert history(account) == ["running", "paused", "canceled"]

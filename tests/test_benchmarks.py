"""What the benchmarks count is what they measure, however busy the machine is."""

from __future__ import annotations

from threading import Thread

import pytest
from django.db import connection
from django.db.models import F

from benchmarks.polling import cost_of
from executions.models import Workflow
from providers.models import ProviderAccount

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = 500


def workflows(account: ProviderAccount, name: str, number: int = ROWS) -> None:
    Workflow.objects.bulk_create(
        Workflow(account=account, ref=f"{name}-{row}", name=name) for row in range(number)
    )


def test_what_others_write_meanwhile_does_not_count_as_written_by_a_poll() -> None:
    account = ProviderAccount.objects.create(name="Noise", provider="generio")

    def noise() -> None:
        workflows(account, "noise")
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_force_next_flush()")
        connection.close()

    def poll() -> None:
        writer = Thread(target=noise)
        writer.start()
        writer.join()

    cost = cost_of(poll)
    assert Workflow.objects.count() == ROWS
    assert cost.tuples == 0
    assert cost.wal < 20 * ROWS


def test_every_row_that_a_poll_writes_counts() -> None:
    account = ProviderAccount.objects.create(name="Own", provider="generio")

    def poll() -> None:
        workflows(account, "new")
        Workflow.objects.update(name=F("ref"))
        Workflow.objects.filter(ref="new-0").delete()

    cost = cost_of(poll)
    assert cost.tuples == 2 * ROWS + 1
    assert cost.wal > 100 * ROWS

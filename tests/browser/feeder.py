"""Changes runs in the product's database at a steady rate, through the door that polls use.

`python -m tests.browser.feeder ACCOUNT SECONDS RATE` in the product's environment. Prints how many
changes it stored.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import time
from datetime import UTC, datetime, timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.utils import timezone  # noqa: E402

from executions.live import publish  # noqa: E402
from executions.storage.store import store  # noqa: E402
from providers.contract import Snapshot, Status, Verb, Workflow  # noqa: E402
from providers.models import ProviderAccount  # noqa: E402

KNOWN = 60  # runs that go on changing
BATCHES = 4  # a second
NEW_EVERY = 40  # changes
GOING = (Status.RUNNING, Status.WAITING, Status.PAUSED)
ENDS = (Status.SUCCEEDED, Status.FAILED)


def snapshot(number: int, turn: int, began: datetime) -> Snapshot:
    is_over = number >= KNOWN
    status = ENDS[number % 2] if is_over else GOING[turn % len(GOING)]
    return Snapshot(
        ref=f"soak-{number:06d}",
        workflow=Workflow(ref=f"w{number % 7}", name=f"Workflow number {number % 7}"),
        name=f"Order {number}",
        status=status,
        native_status=status.value.title(),
        progress=None if is_over else turn % 100,
        message="" if is_over else f"Turn {turn}",
        error=f"Order {number} has no address" if status is Status.FAILED else "",
        started_at=began + timedelta(seconds=number),
        finished_at=datetime.now(UTC) if is_over else None,
        offers=frozenset() if is_over else frozenset({Verb.CANCEL, Verb.SUSPEND}),
    )


def main(account_id: int, seconds: float, rate: int) -> int:
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=10)
    dice = random.Random(5)
    turns = dict.fromkeys(range(KNOWN), 0)
    new, done = itertools.count(KNOWN), 0
    account = ProviderAccount.objects.filter(pk=account_id)
    seq = int(account.values_list("poll_seq", flat=True)[0])
    put(account_id, seq, [snapshot(number, 0, began) for number in turns])
    until, due = time.monotonic() + seconds, time.monotonic()
    while time.monotonic() < until:
        batch = []
        for number in dice.sample(sorted(turns), rate // BATCHES):
            turns[number] += 1
            batch.append(snapshot(number, turns[number], began))
        if done % NEW_EVERY < rate // BATCHES:
            batch.append(snapshot(next(new), 0, began))
        done += put(account_id, seq, batch)
        account.update(last_success_at=timezone.now(), health="ok")
        due += 1 / BATCHES
        time.sleep(max(0.0, due - time.monotonic()))
    return done


def put(account_id: int, seq: int, batch: list[Snapshot]) -> int:
    stored, bad = store(account_id, seq, batch)
    assert not bad, "a snapshot was quarantined"
    pairs = [(row.execution_id, row.version) for row in stored]
    publish.publish_runs(account_id, pairs, [row.execution_id for row in stored if row.is_new])
    return len(stored)


if __name__ == "__main__":
    print(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))  # noqa: T201

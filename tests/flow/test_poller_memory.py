"""The memory of a poller: as much after thousands of polls as after hundreds, whatever it meets.

ANNUNCIATOR_FAULT_POLLS makes it more polls (`make faults`)."""

from __future__ import annotations

import gc
import itertools
import json
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
from django.contrib.auth.models import User
from django.db import connection

from executions import tasks
from executions.models import PollRun
from executions.polling import schedule
from providers.models import ProviderAccount
from tests.flow import trouble as rig
from tests.flow.test_provider_faults import BODY, LONG, bomb, chunked, packed, resets, streams
from tests.flow.trouble import answer, flow, sends

POLLS = int(os.environ.get("ANNUNCIATOR_FAULT_POLLS", "480"))
THREADS = 8
ACCOUNTS = 24
GROWTH = 0.15  # of what it takes once every thread has met the largest answers
ROWS = [flow(f"r{number}", parameters={"n": "x" * 300}) for number in range(200)]
LARGE = answer({"flows": [flow(f"r{n}", parameters={"n": "y" * 9_000}) for n in range(400)]})
FAULTS = [
    sends(answer({"message": "x" * 1000}, 500)), sends(answer(b"", 503, Retry_After="1")),
    sends(answer({}, 404)), sends(answer("<html></html>")), sends(answer({})), sends(LARGE),
    sends(packed(bomb())), sends(chunked(BODY[:50], end=b"")), sends(LONG + b"\r\n" + BODY[:-20]),
    streams(LONG + b"Content-Length: 104857600\r\n\r\n[", b" " * 65536, 90), resets,
    sends(answer(json.dumps([[1, 2.5, "x"]] * 40_000))), sends(answer(b"[" * 9_000 + b"]" * 9_000)),
    None, None, None, None,
]  # fmt: skip


def resident() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


@pytest.mark.long
@pytest.mark.fault("P14")
@pytest.mark.timeout(60 + POLLS)
def test_the_memory_of_a_poller_stays_as_it_is_over_many_polls_that_fail_in_many_ways(
    ana: User, hurry: None, caplog: Any
) -> None:
    caplog.set_level("CRITICAL")
    chance = random.Random(7)
    turns = itertools.count()
    with rig.running() as provider:
        provider.flows = {row["flow_id"]: row for row in ROWS}
        accounts = [
            rig.Trouble._account(f"Account {number}", provider.url) for number in range(ACCOUNTS)
        ]
        free = {account.pk: threading.Lock() for account in accounts}

        def one(_: int) -> None:
            pk = accounts[next(turns) % ACCOUNTS].pk
            with free[pk]:
                ProviderAccount.objects.filter(pk=pk).update(quiet_until=None, lease_until=None)
                seq = schedule.claim(pk)
                assert seq is not None
                tasks.poll(pk, seq)
                provider.fault = chance.choice(FAULTS)
                if next(turns) % 3 == 0:
                    row = chance.choice(ROWS)
                    provider.flows[row["flow_id"]] = row | {"progress": chance.random()}
            provider.asked.clear()
            connection.close()

        seen = []
        with ThreadPoolExecutor(THREADS) as threads:
            for _ in range(8):
                list(threads.map(one, range(POLLS // 8)))
                seen.append(resident())
    told = [f"{each / 2**20:.0f}" for each in seen]
    print("MiB after each eighth:", told)  # noqa: T201
    outcomes = set(PollRun.objects.values_list("outcome", flat=True))
    assert {"ok", "bad_response", "unreachable"} <= outcomes
    half = len(seen) // 2
    assert min(seen[half:]) < max(seen[:half]) * (1 + GROWTH), told
    assert seen[-1] < max(seen[:half]) * (1 + GROWTH), told

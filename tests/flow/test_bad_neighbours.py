"""A hundred accounts hang, as many as an installation of two thousand may have: the others are
polled when they are due. A poller's threads and the real schedule, over real sockets."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from executions import database_clock, tasks
from executions.models import PollRun
from executions.polling import schedule
from providers.http import Http
from providers.http.deadlines import Guard
from providers.models import Health, ProviderAccount
from tests.busy import LATE
from tests.flow import trouble as rig
from tests.flow.test_provider_faults import hangs

HANGING = 100
GOOD = 100
THREADS = 32  # of the poller
EVERY = 20  # seconds
DEADLINE = 6.0  # seconds of a request, instead of 30
LASTS = 45.0  # seconds
P99 = 10.0  # seconds that a good account is late at most, in 99 of 100 polls


@pytest.mark.long
@pytest.mark.fault("N8")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("origins", [1, HANGING], ids=["one provider begins to hang", "many hang"])
def test_a_hundred_accounts_that_hang_make_no_other_late(
    ana: User, monkeypatch: pytest.MonkeyPatch, origins: int
) -> None:
    send, finish = Http.send, Guard.finish
    took: list[float] = []

    def hurried(http: Http, *args: Any, **more: Any) -> Any:
        return send(http, *args, **{**more, "deadline": DEADLINE, "read_timeout": DEADLINE})

    def timed(guard: Guard) -> None:
        took.append(time.monotonic() - guard.ends_at + DEADLINE)
        finish(guard)

    monkeypatch.setattr(Http, "send", hurried)
    monkeypatch.setattr(Guard, "finish", timed)
    lags: list[float] = []
    due: dict[int, datetime] = {}
    with rig.running("0.0.0.0") as bad, rig.running() as good:  # noqa: S104 - every 127.x.x.x
        bad.fault = hangs
        good.flows = {ref: rig.flow(ref) for ref in "abc"}
        port = bad.server_address[1]
        for number in range(HANGING):
            host = f"127.0.1.{number % origins + 1}"
            rig.Trouble._account(f"Hangs {number}", f"http://{host}:{port}")
        ProviderAccount.objects.update(failures=int(origins > 1))
        well = {rig.Trouble._account(f"Good {number}", good.url).pk for number in range(GOOD)}
        now = database_clock.now()
        ProviderAccount.objects.update(poll_every=EVERY, next_poll_at=now)
        for place, pk in enumerate(sorted(well)):  # spread, as they are after a while
            later = now + timedelta(seconds=EVERY * place / GOOD)
            ProviderAccount.objects.filter(pk=pk).update(next_poll_at=later)

        def poll(pk: int, seq: int) -> None:
            if pk in well:
                lags.append((database_clock.now() - due.pop(pk)).total_seconds())
            try:
                tasks.poll(pk, seq)
            finally:
                connection.close()

        threads = ThreadPoolExecutor(THREADS)
        until = time.monotonic() + LASTS
        while time.monotonic() < until:
            rows = ProviderAccount.objects.filter(next_poll_at__lte=database_clock.now())
            for pk, at in rows.values_list("pk", "next_poll_at"):
                due.setdefault(pk, at)
            for pk, seq in schedule.claim_due():
                due.setdefault(pk, database_clock.now())
                threads.submit(poll, pk, seq)
            time.sleep(1)
        threads.shutdown(wait=True, cancel_futures=True)
    late = statistics.quantiles(lags, n=100)[98]
    failed = PollRun.objects.filter(outcome="unreachable").count()
    print(f"{len(lags)} polls of good accounts, p99 {late:.1f} s late; {failed} that hung")  # noqa: T201
    assert len(lags) > GOOD
    assert failed >= schedule.FAILING_AT_ONCE
    assert late <= P99, sorted(lags)[-10:]
    assert max(took) < DEADLINE + LATE
    assert not ProviderAccount.objects.filter(pk__in=well).exclude(health=Health.OK).exists()

"""Listens to the push channels of providers that have one, and has the named runs read at once.

Run by the `listen` command as a process of its own. A hint is never believed: the poll stays the
truth, and a lost connection costs only speed. Reconnects quietly.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from django.db import InterfaceError, OperationalError, close_old_connections, connection

from executions.live import publish
from executions.live.wake_workers import wake
from providers.adapter import Adapter
from providers.contract import ProviderError, RateLimited
from providers.models import Health, ProviderAccount, open_account
from providers.sealing import SealError

LOOK_EVERY = 5.0  # seconds between two looks at the accounts
SHORTEST, LONGEST = 1.0, 60.0  # seconds before connecting again
SETTLE = 0.2  # seconds in which several hints about one run are one
MOST = 200  # runs of an account with a hint that has not been followed yet

log = logging.getLogger(__name__)


@dataclass
class Ear:
    """One account being listened to, in a thread of its own."""

    account: ProviderAccount
    is_wanted: bool = True
    due: dict[str, float] = field(default_factory=dict)

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True, name=f"ear-{self.account.pk}").start()
        threading.Thread(target=self._nudge, daemon=True, name=f"nudge-{self.account.pk}").start()

    def _run(self) -> None:
        wait = SHORTEST
        while self.is_wanted:
            began = time.monotonic()
            try:
                adapter = open_account(self.account, fresh_for=math.inf)
                adapter.http.gate.check()
                connection.close()  # none is held while listening
                for ref in adapter.hints():
                    if len(self.due) < MOST:  # a flood is left to the poll
                        self.due.setdefault(ref, time.monotonic() + SETTLE)
                    if not self.is_wanted:
                        return
            except (ProviderError, SealError, OperationalError, InterfaceError) as error:
                log.debug("%s: %s", self.account, error)
                if isinstance(error, RateLimited):
                    time.sleep(error.retry_after)
            finally:
                connection.close()
            wait = SHORTEST if time.monotonic() - began > LONGEST else min(wait * 2, LONGEST)
            time.sleep(wait * random.uniform(0.5, 1.0))

    def _nudge(self) -> None:
        while self.is_wanted:
            now = time.monotonic()
            for ref in [ref for ref, at in tuple(self.due.items()) if at <= now]:
                self.due.pop(ref, None)
                if publish.is_first(f"hint:{self.account.pk}:{ref}", 1):
                    wake("read_ref", self.account.pk, ref)
                else:
                    self.due.setdefault(ref, now + 1.0)  # the last of many hints counts too
            time.sleep(0.05)


def listen_forever(sign_of_life: Path | None = None) -> None:
    """Keep one ear per account that has a push channel, as accounts come, change and go. The file
    is touched at every look at the accounts."""
    ears: dict[tuple[int, int], Ear] = {}
    while True:
        close_old_connections()
        try:
            wanted = _wanted()
        except (OperationalError, InterfaceError):  # the database is away: who listens goes on
            time.sleep(LOOK_EVERY)
            continue
        for key in set(ears) - set(wanted):
            ears.pop(key).is_wanted = False
        for key in set(wanted) - set(ears):
            ears[key] = Ear(wanted[key])
            ears[key].start()
        if sign_of_life:
            with suppress(OSError):  # a full disk
                sign_of_life.touch()
        time.sleep(LOOK_EVERY)


def _wanted() -> dict[tuple[int, int], ProviderAccount]:
    """The accounts with a push channel, by id and revision."""
    accounts = ProviderAccount.objects.filter(enabled=True).exclude(health=Health.AUTH)
    return {
        (account.pk, account.revision): account for account in accounts if _has_channel(account)
    }


def _has_channel(account: ProviderAccount) -> bool:
    try:
        return account.adapter_class.can(Adapter.hints)
    except KeyError:
        return False

"""Tells open pages what changed: ids and versions, never markup, on one Valkey channel.

Called after commit. A lost message costs a page 15 seconds, never a change: what a page missed it
asks for, and the rows in Postgres are the answer.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.db import transaction

CHANNEL = "annunciator:live"
MAX_RUNS = 500  # ids in one message

log = logging.getLogger(__name__)


@cache
def client() -> redis.Redis:
    """The connection pool of this process, with short timeouts: a page never waits for it."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1, health_check_interval=30
    )


def publish_runs(account_id: int, runs: Iterable[tuple[int, int]], new: Iterable[int] = ()) -> None:
    """Executions that changed, as (id, version), and which of them are new."""
    changed, fresh = list(runs), set(new)
    for start in range(0, len(changed), MAX_RUNS):
        part = changed[start : start + MAX_RUNS]
        _publish(
            {
                "account": account_id,
                "runs": [list(pair) for pair in part],
                "new": [run_id for run_id, _ in part if run_id in fresh],
            }
        )


def publish_health(account_id: int, health: str) -> None:
    _publish({"account": account_id, "health": health})


def publish_command(account_id: int, execution_id: int | None, key: object, state: str) -> None:
    _publish({"account": account_id, "commands": [[execution_id, str(key), state]]})


def publish_notes(account_id: int) -> None:
    """A note on a workflow came or went: any row of the account may show it."""
    _publish({"account": account_id, "notes": True})


def publish_questions(account_id: int) -> None:
    """Claims changed; the inbox may look different."""
    _publish({"account": account_id, "questions": True})


def publish_rest(account_ids: Iterable[int]) -> None:
    """Something that pages tell of these accounts changed beside their runs: who is on an error,
    which keys runs carry, what was raised or sent, how far a batch is."""
    for account_id in account_ids:
        _publish({"account": account_id, "rest": True})


def is_first(key: str, seconds: int) -> bool:
    """Whether nobody else said so within `seconds`; True when Valkey does not answer."""
    try:
        return bool(client().set(f"annunciator:once:{key}", 1, nx=True, ex=seconds))
    except redis.RedisError:
        return True


def _publish(message: dict[str, Any]) -> None:
    try:
        client().publish(CHANNEL, json.dumps(message, separators=(",", ":")))
    except redis.RedisError as error:
        log.warning("live message not sent: %s", type(error).__name__)


def publish_changed(rows: Iterable[tuple[int, int, int]]) -> None:
    """After the commit: (account, run, version) of runs that changed."""
    by_account: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for account_id, pk, version in rows:
        by_account[account_id].append((pk, version))

    def say() -> None:
        for account_id, pairs in by_account.items():
            publish_runs(account_id, pairs)

    if by_account:
        transaction.on_commit(say)

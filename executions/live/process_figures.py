"""What each process says of itself, twice a minute: how far its clock is off, the memory it holds,
the pages it streams to. Kept in Valkey, and gone when a process has been silent for SAYS_FOR."""

from __future__ import annotations

import os
import socket
import sys
from typing import NamedTuple

import psutil
import redis

from executions.live import publish

SAYS_FOR = 90  # seconds
KEY = "annunciator:process"
WORDS = {
    "poller": "poller",
    "worker": "worker",
    "beat": "beat",
    "listen": "listener",
    "granian": "pages",
    "uvicorn": "live",
}
"""Names of processes by what stands in their command lines."""


class Process(NamedTuple):
    name: str
    host: str
    pid: str

    def __str__(self) -> str:
        return f"{self.name} on {self.host} ({self.pid})"


def say(**figures: float) -> None:
    """Keep `figures` of this process, and its memory. Silently nothing where the broker is away."""
    key = ":".join((KEY, _name(), socket.gethostname(), str(os.getpid())))
    with_memory = figures | {"memory_bytes": psutil.Process().memory_info().rss}
    try:
        with publish.client().pipeline() as commands:
            commands.hset(key, mapping={name: str(number) for name, number in with_memory.items()})
            commands.expire(key, SAYS_FOR)
            commands.execute()
    except redis.RedisError:
        return


def latest() -> dict[Process, dict[str, float]]:
    """The last figures of every process that lives. Empty if the broker does not answer."""
    try:
        keys = sorted(publish.client().scan_iter(match=f"{KEY}:*", count=100))
        with publish.client().pipeline(transaction=False) as commands:
            for key in keys:
                commands.hgetall(key)
            rows = commands.execute()
    except redis.RedisError:
        return {}
    return {
        Process(*key.decode().removeprefix(f"{KEY}:").split(":")): {
            name.decode(): float(number) for name, number in row.items()
        }
        for key, row in zip(keys, rows, strict=True)
        if row
    }


def _name() -> str:
    words = (word for word in WORDS if any(word in part for part in sys.argv))
    return WORDS.get(next(words, ""), "command")

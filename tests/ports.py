"""Ports for servers that a test starts: below those that the system hands out by itself, so that
nothing takes one between the choice and the start."""

from __future__ import annotations

import random
import socket

FIRST, LAST = 10_000, 32_000  # Linux and macOS hand out higher ones

_chance = random.SystemRandom()  # no test decides it by a seed


def free_port(in_a_row: int = 1) -> int:
    """The first of so many that nobody has."""
    while True:
        first = _chance.randrange(FIRST, LAST - in_a_row)
        if all(_is_free(port) for port in range(first, first + in_a_row)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

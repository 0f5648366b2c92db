"""A provider in a process of its own: as little server as HTTP allows, so that it is not what is
measured. Speaks the part of Generio's API that a poll reads.

`/<world>/<milliseconds>/flows` lists, `/<world>/<milliseconds>/flows/<ref>` is one flow. Worlds:
`moving-N` lists nothing, and a flow has another state and progress each time it is asked for
(`bare-N` is the same, so that who asks there does not take the changes from who asks here);
`still-N` lists N flows that never change; `stepping-N` lists N flows, changed each time.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from typing import Any

STATES = ("created", "running")
STARTED = "2026-11-20T08:15:30.123456+00:00"

_asked: Counter[str] = Counter()


def flow(ref: str, turn: int) -> dict[str, Any]:
    """About 600 bytes, like the documented example with its parameters."""
    return {
        "flow_id": ref,
        "template": "model_generate_fromprompt",
        "state": STATES[turn % len(STATES)],
        "progress": (turn % 97 + 1) / 100,
        "created_at": STARTED,
        "started_at": STARTED,
        "finished_at": None,
        "parameters": {
            "quality": "high",
            "seed": -1,
            "texture": True,
            "polygon_count": 100_000,
            "prompt": "A gearbox housing with two flanges and a mounting plate, cast aluminium",
        },
        "additional": {
            "order": "PO-2026-118842",
            "customer": "Northern warehouse",
            "priority": "normal",
            "requested_by": "planning",
            "tags": ["housing", "cast", "second revision"],
        },
    }


def answer(path: str) -> tuple[bytes, float]:
    """The body of a path and the seconds to wait before it is sent."""
    _, world, wait, _, *ref = path.split("?")[0].split("/")
    kind, _, count = world.partition("-")
    thing = "/".join([world, *ref])
    _asked[thing] += 1
    turn = 0 if kind == "still" else _asked[thing]
    body: Any
    if ref:
        body = flow(ref[0], turn)
    elif kind in ("moving", "bare"):
        body = []
    else:
        body = [flow(f"{world}-{number:05}", turn) for number in range(int(count))]
    return json.dumps(body).encode(), int(wait) / 1000


class _Connection(asyncio.Protocol):
    transport: asyncio.Transport
    kept = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.kept += data
        while b"\r\n\r\n" in self.kept:  # only GETs come here: no bodies
            head, _, self.kept = self.kept.partition(b"\r\n\r\n")
            body, wait = answer(head.split(b" ", 2)[1].decode())
            reply = (
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: benchmark\r\n"
                b"Date: %s\r\nContent-Length: %d\r\n\r\n"
                % (formatdate(usegmt=True).encode(), len(body))
            ) + body
            if wait:
                asyncio.get_running_loop().call_later(wait, self.transport.write, reply)
            else:
                self.transport.write(reply)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def running() -> Iterator[str]:
    """The address of a provider that runs in another process while the block does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bare_provider_server"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


if __name__ == "__main__":
    asyncio.run(_serve())

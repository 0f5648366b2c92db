"""Serves the simulated providers: all in one process for the demo, or one in a thread for a test.

`python -m providers.demo.serve --ports smartflows=8101,flow8=8104 --seed 7 --speed 1`
With `--state FOLDER` the simulated worlds outlive the process.
"""

import argparse
import asyncio
import contextlib
import http.client
import importlib
import json
import logging
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from providers.demo import persistence
from providers.demo.simulator import World

PORTS = {"smartflows": 8101, "eightx8": 8102, "generio": 8103, "flow8": 8104}
HOST = "127.0.0.1"  # not reachable from another machine, unless --host says so
STARTS_WITHIN = 15.0  # seconds
STOPS_WITHIN = 2  # seconds an open connection may hold up the end

logger = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Leaves signals to `main`: one process runs several of these."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def app_of(key: str, world: World) -> ASGIApp:
    """Make one provider's application; its module is imported here, by its key."""
    application: ASGIApp = importlib.import_module(f"providers.demo.{key}.api").app(world)
    return application


def build(application: ASGIApp, port: int = 0, host: str = HOST) -> Server:
    return Server(
        uvicorn.Config(
            application,
            host=host,
            port=port,
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOPS_WITHIN,
        )
    )


class Running:
    """One simulator at work in a thread, and shortcuts to its control endpoints."""

    def __init__(self, key: str, base_url: str, world: World) -> None:
        self.key = key
        self.base_url = base_url
        self.world = world
        self.api_key: str = importlib.import_module(f"providers.demo.{key}.api").API_KEY

    def start(self, scenario: str, **options: Any) -> str:
        """Start one run of a scenario at once; returns its ref."""
        return str(self._post("runs", scenario=scenario, **options)["ref"])

    def fault(self, mode: str, **options: Any) -> None:
        """Make the next requests fail; `fault("ok")` ends it."""
        self._post("faults", mode=mode, **options)

    def option(self, **options: Any) -> None:
        """Set switches of this simulator."""
        self._post("options", **options)

    @property
    def log(self) -> list[dict[str, Any]]:
        return list(self._get("log"))

    @property
    def effects(self) -> dict[str, list[Any]]:
        return dict(self._get("effects"))

    @property
    def script(self) -> list[dict[str, Any]]:
        return list(self._get("script"))

    def _get(self, what: str) -> Any:
        return self._ask("GET", what, None)

    def _post(self, what: str, **values: Any) -> Any:
        return self._ask("POST", what, json.dumps(values))

    def _ask(self, method: str, what: str, body: str | None) -> Any:
        connection = http.client.HTTPConnection(self.base_url.removeprefix("http://"), timeout=10)
        try:
            connection.request(method, f"/__demo/{what}", body)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise ValueError(text)
        return json.loads(text)


@contextlib.contextmanager
def running(
    key: str, *, seed: int = 7, speed: float = 1.0, populate: bool = False, **options: Any
) -> Iterator[Running]:
    """Run one simulator in a thread on a free port. `options` are its switches."""
    world = World(seed=seed, speed=speed, populate=populate, options=options)
    with serving(app_of(key, world)) as base_url:
        yield Running(key, base_url, world)


@contextlib.contextmanager
def serving(application: ASGIApp) -> Iterator[str]:
    """Serve an application in a thread; gives its base URL."""
    server = build(application)
    with listening() as listener:
        run = threading.Thread(target=server.run, args=([listener],), daemon=True, name="demo")
        run.start()
        try:
            wait_until_started(server, run)
            yield f"http://{HOST}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            run.join(STARTS_WITHIN)


def listening() -> socket.socket:
    """A socket on a free port; closes at the end of its `with`."""
    listener = socket.socket()
    listener.bind((HOST, 0))
    return listener


def wait_until_started(server: Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("The simulator did not start.")
        time.sleep(0.01)


def read_ports(text: str) -> dict[str, int]:
    """Read `flow8=8104,generio=8103`."""
    pairs = (pair.split("=", 1) for pair in text.split(",") if pair)
    try:
        ports = {key.strip(): int(port) for key, port in pairs}
    except ValueError as exc:
        raise argparse.ArgumentTypeError("ports are written flow8=8104,generio=8103") from exc
    unknown = sorted(set(ports) - set(PORTS))
    if unknown:
        raise argparse.ArgumentTypeError(f"there is no simulator named {', '.join(unknown)}")
    return ports


async def serve(
    ports: dict[str, int], seed: int, speed: float, state: Path | None, host: str = HOST
) -> None:
    """Serve until SIGTERM or SIGINT. `state`: folder of the worlds, or None to forget them."""
    worlds = {key: World(seed=seed + place, speed=speed) for place, key in enumerate(ports)}
    if state:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        for key, world in worlds.items():
            persistence.load(key, world, state)
    servers = [build(app_of(key, worlds[key]), port, host) for key, port in ports.items()]

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    for key, port in ports.items():
        logger.info("%s answers at http://%s:%d", key, host, port)
    async with saving(worlds, state):
        await asyncio.gather(*(server.serve() for server in servers))


@contextlib.asynccontextmanager
async def saving(worlds: dict[str, World], state: Path | None) -> AsyncIterator[None]:
    """Save the worlds now and then, and a last time at the end."""
    if state is None:
        yield
        return
    task = asyncio.create_task(persistence.keep_saving(worlds, state))
    try:
        yield
    finally:
        task.cancel()
        persistence.save_all(worlds, state)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="providers.demo.serve", description=__doc__)
    parser.add_argument("--ports", type=read_ports, default=PORTS)
    parser.add_argument("--host", default=HOST, help="address to listen on")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--state", type=Path, help="folder of the worlds; none: forget them")
    chosen = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    asyncio.run(serve(chosen.ports, chosen.seed, chosen.speed, chosen.state, chosen.host))


if __name__ == "__main__":
    main()

"""The shell around every simulated provider: clock, chance, runs, log, effects and faults.

A simulator (`smartflows`, `eightx8`, `generio`, `flow8`) builds a `World`, adds scenarios to it and
hands its routes to `simulator`, which puts the control endpoints under `/__demo/` and the recorder
in front of everything. Written from the providers' documentation; imports nothing of ours, so that
a mistake in an adapter cannot hide behind the same mistake here.
"""

import asyncio
import contextlib
import logging
import random
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from providers.demo.fault_plan import Faults
from providers.demo.request_recorder import CONTROL, ErrorMaker, Recorder
from providers.demo.runs import Run, Stage

__all__ = ["GOES_ON_AFTER", "Run", "Stage", "World", "simulator"]

GOES_ON_AFTER = 20 * 60.0  # seconds a run waits for a person before it goes on by itself
TICK_EVERY = 0.2  # seconds between two looks of the background task
LOG_KEPT = 20_000  # requests; the demo is polled day and night
AWAY_FOR = timedelta(hours=1)  # a world stopped for longer finds things under way again

Kept = TypeVar("Kept")

logger = logging.getLogger(__name__)


class World:
    """One simulated installation. Used from one event loop; tests may read it from outside."""

    def __init__(
        self,
        *,
        seed: int = 7,
        speed: float = 1.0,
        now: Callable[[], float] = time.time,
        populate: bool = True,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.random = random.Random(seed)
        self.speed = speed
        self.populate = populate
        self.options: dict[str, Any] = dict(options or {})  # switches of one simulator
        self.closed_at: datetime | None = None  # end of the earlier life that was loaded
        self.log: list[dict[str, Any]] = []
        self.effects: dict[str, list[Any]] = defaultdict(list)
        self.faults = Faults()
        self.runs: dict[str, Run] = {}  # by ref, oldest first
        self.erased: list[Run] = []
        self.scenarios: dict[str, Callable[..., Run]] = {}  # name -> starts a run, given options
        self.kept: dict[str, Any] = {}  # what a simulator has besides its runs; see `keep`
        self.ticks: list[Callable[[], None]] = []  # called by the background task
        self.listeners: list[Callable[[dict[str, Any]], None]] = []  # called with each event
        self._clock = now

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def elapsed(self, since: datetime) -> float:
        """Simulated seconds since that moment."""
        return (self.now() - since).total_seconds() * self.speed

    def new_uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def new_hex24(self) -> str:
        return f"{self.random.getrandbits(96):024x}"

    @property
    def begins_anew(self) -> bool:
        """Whether somebody who opens this world should find things under way at once."""
        known = self.closed_at is not None and self.now() - self.closed_at < AWAY_FOR
        return self.populate and not known

    def keep(self, name: str, make: Callable[[], Kept]) -> Kept:
        """A part of the installation that is made once and outlives a restart."""
        if name not in self.kept:
            self.kept[name] = make()
        kept: Kept = self.kept[name]
        return kept

    def tell(self, event: dict[str, Any]) -> None:
        """Say something on the provider's push channel, if it has one."""
        for listener in self.listeners:
            listener(event)

    def effect(self, kind: str, what: Any) -> None:
        """Record something that was really carried out."""
        self.effects[kind].append(what)

    def add(self, run: Run) -> Run:
        self.runs[run.ref] = run
        return run

    def erase(self, run: Run) -> None:
        """Remove a run from the API; the script still tells of it. It goes no further."""
        if self.runs.pop(run.ref, None) is not None:
            del run.plan[run.position + 1 :]
            self.erased.append(run)

    def advance(self) -> None:
        self.open_runs()

    def open_runs(self) -> list[Run]:
        """Those that have not ended, after catching up with the clock."""
        return [run for run in list(self.runs.values()) if not run.is_made_up and not run.is_final]

    def tick(self) -> None:
        self.advance()
        del self.log[:-LOG_KEPT]
        for each in list(self.ticks):
            each()


def simulator(
    world: World, routes: Sequence[BaseRoute], *, key: str, error: ErrorMaker
) -> Starlette:
    """Build the application of one provider.

    `key` is the provider's short name, `error` makes the provider's documented error body.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(keep_ticking(world, key))
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def refuse(request: Request, exc: Exception) -> Response:
        if isinstance(exc, HTTPException):
            return error(exc.status_code, exc.detail)
        return error(500, "Internal server error")

    return Starlette(
        routes=[Mount(CONTROL, routes=controls(world)), *routes],
        middleware=[Middleware(Recorder, world=world, error=error)],
        exception_handlers={HTTPException: refuse},
        lifespan=lifespan,
    )


async def keep_ticking(world: World, key: str) -> None:
    while True:
        try:
            world.tick()
        except Exception:
            logger.exception("The simulator %s stumbled; it goes on.", key)
        await asyncio.sleep(TICK_EVERY)


def controls(world: World) -> list[Route]:
    """The endpoints under /__demo/, which need no key and are never logged or faulted."""

    async def read_log(request: Request) -> Response:
        return JSONResponse(world.log)

    async def read_effects(request: Request) -> Response:
        return JSONResponse(world.effects)

    async def read_scenarios(request: Request) -> Response:
        return JSONResponse(sorted(world.scenarios))

    async def read_script(request: Request) -> Response:
        return JSONResponse([run.script() for run in [*world.erased, *world.runs.values()]])

    async def set_faults(request: Request) -> Response:
        try:
            world.faults.set(**await request.json())
        except (TypeError, ValueError) as exc:
            return JSONResponse({"error": str(exc)}, 400)
        return JSONResponse(asdict(world.faults))

    async def set_options(request: Request) -> Response:
        world.options.update(await request.json())
        return JSONResponse(world.options)

    async def start_run(request: Request) -> Response:
        options = await request.json()
        name = options.pop("scenario", None)
        if name not in world.scenarios:
            known = ", ".join(sorted(world.scenarios))
            return JSONResponse({"error": f"There is no scenario {name!r}, only {known}."}, 404)
        return JSONResponse({"ref": world.scenarios[name](**options).ref, "scenario": name})

    return [
        Route("/log", read_log),
        Route("/effects", read_effects),
        Route("/scenarios", read_scenarios),
        Route("/script", read_script),
        Route("/faults", set_faults, methods=["POST"]),
        Route("/options", set_options, methods=["POST"]),
        Route("/runs", start_run, methods=["POST"]),
    ]

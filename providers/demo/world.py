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
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from providers.demo.faults import CONTROL, ErrorMaker, Faults, Recorder

GOES_ON_AFTER = 20 * 60.0  # seconds a run waits for a person before it goes on by itself
TICK_EVERY = 0.2  # seconds between two looks of the background task
FORGET_AFTER = timedelta(days=3)  # a demo left alone for weeks must not grow for ever

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage:
    """One stretch of a run: a native status and how many simulated seconds it lasts."""

    status: str
    seconds: float | None = None  # None: until somebody turns the run
    waits: bool = False  # for a person or the outside: no work is done, it is not the end


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
        self.log: list[dict[str, Any]] = []
        self.effects: dict[str, list[Any]] = defaultdict(list)
        self.faults = Faults()
        self.runs: dict[str, Run] = {}  # by ref, oldest first
        self.erased: list[Run] = []
        self.scenarios: dict[str, Callable[..., Run]] = {}  # name -> starts a run, given options
        self.ticks: list[Callable[[], None]] = []  # called by the background task
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

    def effect(self, kind: str, what: Any) -> None:
        """Record something that was really carried out."""
        self.effects[kind].append(what)

    def add(self, run: "Run") -> "Run":
        self.runs[run.ref] = run
        return run

    def erase(self, run: "Run") -> None:
        """Remove a run from the API; the script still tells of it. It goes no further."""
        if self.runs.pop(run.ref, None) is not None:
            del run.plan[run.position + 1 :]
            self.erased.append(run)

    def advance(self) -> None:
        for run in list(self.runs.values()):
            run.advance()

    def tick(self) -> None:
        self.advance()
        for each in list(self.ticks):
            each()


class Run:
    """One execution: its plan, how far it has come, and every status change with its time.

    The status follows from the plan and the clock alone; `advance` catches up, and stamps a
    change with the moment it was due, not the moment somebody looked.
    """

    def __init__(
        self,
        world: World,
        ref: str,
        scenario: str,
        plan: Sequence[Stage],
        *,
        at: datetime | None = None,
    ) -> None:
        self.world = world
        self.ref = ref
        self.scenario = scenario
        self.plan = list(plan)
        self.position = 0
        self.created_at = self.entered_at = at or world.now()
        self._changes: list[tuple[str, datetime]] = []
        self._enter(self.created_at)

    def entered(self, stage: Stage, at: datetime) -> None:
        """Override: a stage begins. May extend `plan`, must not call `turn`."""

    @property
    def stage(self) -> Stage:
        """The present stage, after catching up with the clock."""
        self.advance()
        return self.plan[self.position]

    @property
    def status(self) -> str:
        return self.stage.status

    @property
    def changes(self) -> list[tuple[str, datetime]]:
        """Every status so far and when it took effect."""
        self.advance()
        return self._changes

    @property
    def is_final(self) -> bool:
        stage = self.stage
        return stage.seconds is None and not stage.waits and self.position == len(self.plan) - 1

    @property
    def finished_at(self) -> datetime | None:
        return self.entered_at if self.is_final else None

    def advance(self) -> None:
        while self.position < len(self.plan) - 1:
            seconds = self.plan[self.position].seconds
            if seconds is None or self.world.elapsed(self.entered_at) < seconds:
                return
            self.position += 1
            self._enter(self.entered_at + timedelta(seconds=seconds / self.world.speed))

    def turn(self, *stages: Stage) -> None:
        """Take another course from now on: cancel, abort, an answer that changes the way."""
        self.advance()
        self.plan[self.position + 1 :] = list(stages)
        self.position += 1
        self._enter(self.world.now())

    def proceed(self) -> None:
        """End the present stage now and go on as planned."""
        self.advance()
        if self.position < len(self.plan) - 1:
            self.position += 1
            self._enter(self.world.now())

    def fraction(self) -> float:
        """Share of the planned work that is done, 0 to 1; waiting is not work."""
        if self.is_final:
            return 1.0
        work = [0.0 if stage.waits else stage.seconds or 0.0 for stage in self.plan]
        done = sum(work[: self.position])
        done += min(work[self.position], self.world.elapsed(self.entered_at))
        return min(1.0, done / sum(work)) if sum(work) else 0.0

    def _enter(self, at: datetime) -> None:
        self.entered_at = at
        stage = self.plan[self.position]
        if not self._changes or self._changes[-1][0] != stage.status:
            self._changes.append((stage.status, at))
        self.entered(stage, at)

    def script(self) -> dict[str, Any]:
        return {
            "ref": self.ref,
            "scenario": self.scenario,
            "created_at": self.created_at.isoformat(),
            "changes": [{"status": s, "at": at.isoformat()} for s, at in self.changes],
            "planned": [{"status": s.status, "seconds": s.seconds} for s in self.plan],
        }


@dataclass
class Population:
    """Keeps a believable morning going: a history first, then a new run now and then."""

    world: World
    begin: Callable[[datetime], Any]  # starts one run of chance at that moment
    history: int = 60
    hours: float = 36.0
    every: tuple[float, float] = (10.0, 25.0)  # simulated seconds between two new runs
    next_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.next_at = self.world.now()
        if self.world.populate:
            self._write_history()
            self.world.ticks.append(self.tick)

    def _write_history(self) -> None:
        now, chance = self.world.now(), self.world.random
        # squared: more of it lies in the last hours than in the night before
        ages = sorted(
            (chance.random() ** 2 * self.hours for _ in range(self.history)), reverse=True
        )
        for age in ages:
            self.begin(now - timedelta(hours=age))

    def tick(self) -> None:
        now = self.world.now()
        if now < self.next_at:
            return
        self.begin(now)
        pause = self.world.random.uniform(*self.every) / self.world.speed
        self.next_at = now + timedelta(seconds=pause)
        for run in list(self.world.runs.values()):
            if run.finished_at and now - run.finished_at > FORGET_AFTER:
                del self.world.runs[run.ref]


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

"""One simulated execution: its plan, how far it has come, and what became of it when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from providers.demo.simulator import World


@dataclass(frozen=True)
class Stage:
    """One stretch of a run: a native status and how many simulated seconds it lasts."""

    status: str
    seconds: float | None = None  # None: until somebody turns the run
    waits: bool = False  # for a person or the outside: no work is done, it is not the end


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
        self.is_made_up = False  # a part of history that is written anew at each start
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

"""One simulated 8x8 workflow instance: its steps, its errors, and the JSON that shows it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from providers.demo.eightx8.definitions import ACCOUNT_ID, Definition, stamp
from providers.demo.eightx8.scenarios import TERMINATED, Beat
from providers.demo.simulator import Run, Stage, World


class Instance(Run):
    """One workflow instance with the log of its steps and its errors."""

    def __init__(
        self,
        world: World,
        definition: Definition,
        version: int,
        scenario: str,
        plan: Sequence[Stage],
        payload: Any,
        at: datetime,
    ) -> None:
        self.definition = definition
        self.version = version
        self.payload = payload
        self.steps: list[dict[str, Any]] = []
        self.errors: list[dict[str, Any]] = []
        self.open: tuple[dict[str, Any], Beat] | None = None
        self.next_id = world.new_uuid()
        # begins with the second of its creation, as the published ids do
        ref = f"{int(at.timestamp()):08x}{world.random.getrandbits(64):016x}"
        super().__init__(world, ref, scenario, plan, at=at)

    def entered(self, stage: Stage, at: datetime) -> None:
        beat = cast(Beat, stage)
        if beat.keeps:
            return
        if self.open:
            self._close(at)
        if beat.step:
            step = {"id": self.next_id, "stepName": beat.step, "startedAt": at}
            step |= {"completedAt": None, "status": beat.step_status}
            self.next_id = self.world.new_uuid()
            self.open = step, beat
            self.steps.append(step)
        if beat.disables:
            self.definition.status = "disabled"

    def _close(self, at: datetime) -> None:
        if self.open:
            step, beat = self.open
            step |= {"completedAt": at, "status": beat.ends}
            if beat.error:
                self.errors.append({"step": beat.step, "message": beat.error, "errorTime": at})
            self.open = None

    def suspend(self) -> None:
        self.advance()
        now, *rest = cast(list[Beat], self.plan[self.position :])
        if now.seconds is not None:
            left = max(0.0, now.seconds - self.world.elapsed(self.entered_at))
            now = replace(now, seconds=left)
        held = Beat("Suspended", None, waits=True, keeps=True)
        self.turn(held, replace(now, keeps=True), *rest)

    def terminate(self) -> None:
        self.advance()
        if self.open:
            step, beat = self.open
            self.open = step, replace(beat, ends="Cancelled", error="")
        self.turn(TERMINATED)

    def as_json(self) -> dict[str, Any]:
        status, ended = self.status, self.finished_at
        if status == "Terminated" and not self.world.options.get("terminated_time", True):
            ended = None
        triggered_at = self.created_at - timedelta(milliseconds=187)
        return {
            "workflowId": self.ref,
            "data": {
                "payload": self.payload,
                "accountId": ACCOUNT_ID,
                "subAccountId": self.definition.sub_account,
                "triggeredAt": stamp(triggered_at, digits=7),
            },
            "definitionId": self.definition.id,
            "version": self.version,
            "status": status,
            "startedAt": stamp(self.created_at),
            "completedAt": ended and stamp(ended),
        }

    def logs(self) -> list[dict[str, Any]]:
        """Steps begun so far, and the next one of a long run as Pending."""
        self.advance()
        steps = [{k: stamp(v) if k.endswith("At") else v for k, v in s.items()} for s in self.steps]
        follows = cast(list[Beat], self.plan[self.position + 1 :])
        if self.scenario == "running_long" and follows and follows[0].step:
            pending = {"id": self.next_id, "stepName": follows[0].step, "startedAt": None}
            steps.append(pending | {"completedAt": None, "status": "Pending"})
        if self.world.options.get("open_steps") == "missing":
            steps = [{k: v for k, v in step.items() if v is not None} for step in steps]
        return steps

    def script(self) -> dict[str, Any]:
        script = super().script()
        return script | {"definition": self.definition.id, "steps": self.logs()}

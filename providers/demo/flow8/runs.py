"""One simulated flow8 play: the layers it has reached, its events, and the JSON that shows it."""

from collections.abc import Sequence
from datetime import datetime
from random import Random
from typing import Any, cast

from providers.demo.flow8.flows import FAILURES, Flow, stamp
from providers.demo.flow8.scenarios import Beat
from providers.demo.simulator import Run, Stage, World

ENDED = ("DONE", "FAIL", "SKIP", "FILTERED")
BIG_ROWS = 3_400  # of an exported ledger: about 200 kB of JSON


class Play(Run):
    """One execution with the layers reached so far."""

    def __init__(
        self,
        world: World,
        flow: Flow,
        scenario: str,
        plan: Sequence[Stage],
        args: dict[str, Any],
        at: datetime,
    ) -> None:
        self.flow = flow
        self.args = args
        self.key: str | None = None  # idempotency key it was started with
        self.started_at: datetime | None = None
        self.layers: dict[str, dict[str, Any]] = {}  # by ref
        super().__init__(world, new_id(world.random, at), scenario, plan, at=at)

    def entered(self, stage: Stage, at: datetime) -> None:
        beat = cast(Beat, stage)
        if beat.status not in ("NEW", "DEFERRED") and self.started_at is None:
            self.started_at = at
            if beat.status not in ENDED:  # there is no event of a play that is filtered out
                self._tell("play:started", at, state="RUN")
        for ref, state in beat.sets.items():
            self.set_layer(ref, state, at)
        asking = [ref for ref in self.asking() if beat.status == "WAIT"]
        if beat.status == "DONE":
            self._tell("play:completed", at, state="DONE", duration=self._lasted(at))
        elif beat.status == "FAIL":
            failed = next(x for x in reversed(self.layers.values()) if x["state"] == "FAIL")
            failure = {"ref": failed["ref"], "error": failed["error"]}
            self._tell("play:failed", at, state="FAIL", **failure)
        elif asking:
            layer = self.layers[asking[0]]
            self._tell("play:waiting", at, state="WAIT", layerId=layer["id"], ref=asking[0])

    def asking(self) -> list[str]:
        """Refs of the layers that wait for an approval."""
        asked = [layer.ref for layer in self.flow.layers if "!" in layer.marks]
        return [ref for ref in asked if self.layers.get(ref, {}).get("state") == "WAIT"]

    def set_layer(self, ref: str, state: str, at: datetime) -> None:
        layer = self.layers.get(ref)
        if layer is None:
            layer = self.layers[ref] = {"id": new_id(self.world.random, at), "ref": ref}
        if layer.get("state") == state:
            return
        layer["state"] = state
        fields: dict[str, Any] = {"layerId": layer["id"], "ref": ref, "state": state}
        if state == "RUN":
            layer.setdefault("startedAt", at)
            self._tell("play:layer:started", at, **fields)
        elif state == "FAIL":
            if "error" not in layer:
                layer["error"] = self.world.random.choice(FAILURES[ref])
            layer["completedAt"] = at
            self._tell("play:layer:failed", at, error=layer["error"], **fields)
        elif state in ENDED:
            if state == "DONE":
                layer["completedAt"] = at
                fields["out"] = self.out_of(ref)
            self._tell("play:layer:completed", at, **fields)

    def decide(self, ref: str, decision: str, note: str) -> None:
        """Approve or decline one waiting layer; the play goes on when none is left."""
        now = self.world.now()
        if decision == "declined":
            target = self.world.options.get("decline_to", "FAIL")
            if target == "FAIL":
                self.layers[ref]["error"] = f"Declined: {note}" if note else "Declined"
            self._break_off(ref, target)
            return
        self.set_layer(ref, "RUN", now)
        if not self.asking():
            self.proceed()

    def skip(self) -> None:
        """Nobody decided for long: skipped by the logic of the flow."""
        self._break_off(self.asking()[0], "SKIP")

    def _break_off(self, ref: str, target: str) -> None:
        ends = {"RUN": "DONE", "WAIT": "SKIP"}  # of layers beside it
        open_layers = [x for x in self.layers.values() if x["state"] in ends and x["ref"] != ref]
        others = {layer["ref"]: ends[layer["state"]] for layer in open_layers}
        self.turn(Beat(target, sets={ref: target} | others))

    def _tell(self, kind: str, at: datetime, **more: Any) -> None:
        if self.world.listeners:
            event = {"type": kind, "playId": self.ref, "flowId": self.flow.id}
            self.world.tell(event | more | {"timestamp": stamp(at)})

    def _lasted(self, at: datetime) -> int:
        return int((at - (self.started_at or at)).total_seconds() * 1000)

    def out_of(self, ref: str) -> dict[str, Any]:
        """What a step has put out; made anew each time, so that nothing big is kept."""
        headers: dict[str, Any] = {"content-type": "application/json"}
        if ref == "exportLedger":
            # made up, to look like what must not be shown
            headers |= {"authorization": "Bearer demo-secret-5f1c9e77d0", "set-cookie": "s=8d1f"}
            chance = Random(self.ref)
            rows = [
                {
                    "account": 4000 + n % 800,
                    "amount": chance.randrange(10**6) / 100,
                    "text": "Premium",
                }
                for n in range(BIG_ROWS)
            ]
            keys = {"api_key": "demo-secret-0b64a2c1", "period": "2026-11"}
            return {"statusCode": 200, "headers": headers, "body": keys | {"rows": rows}}
        if ref.startswith("extract"):
            amount = self.args.get("amount", "EUR 1,250.00")
            return {"text": f"Invoice {self.args.get('invoiceId', '-')}\nAmount: {amount}\n"}
        if ref.startswith(("read", "download")):
            return {"statusCode": 200, "headers": headers, "body": self.args}
        return {"ok": True}

    def as_json(self) -> dict[str, Any]:
        state, ended = self.status, self.finished_at
        shown: dict[str, Any] = {"id": self.ref, "flowId": self.flow.id, "state": state}
        if self.started_at:
            shown["startedAt"] = stamp(self.started_at)
        if self.world.options.get("created_at"):
            shown["createdAt"] = stamp(self.created_at)
        if ended and state in ENDED:
            # `completedAt` is described as the time of a successful end alone (data model page)
            name = self.world.options.get("failed_at") if state == "FAIL" else "completedAt"
            shown |= ({name: stamp(ended)} if name else {}) | {"duration": self._lasted(ended)}
        return shown | {"args": self.args}

    def layers_json(self) -> list[dict[str, Any]]:
        self.advance()
        extra = self.world.options.get("layer_field")
        ids = {layer.ref: layer.id for layer in self.flow.layers}
        rows = []
        for layer in self.layers.values():
            times = {k: stamp(layer[k]) for k in ("startedAt", "completedAt") if k in layer}
            row = layer | times | ({extra: ids[layer["ref"]]} if extra else {})
            if layer["state"] == "DONE":
                row["out"] = self.out_of(layer["ref"])
            rows.append(row)
        return rows

    def script(self) -> dict[str, Any]:
        script, layers = super().script(), self.layers.values()
        states = [{"ref": layer["ref"], "state": layer["state"]} for layer in layers]
        return script | {"flow": self.flow.id, "layers": states}


def new_id(chance: Random, at: datetime) -> str:
    """An object id as the database behind flow8 makes them: it begins with the second."""
    return f"{int(at.timestamp()):08x}{chance.getrandbits(64):016x}"

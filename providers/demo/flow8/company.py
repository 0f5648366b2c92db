"""One simulated flow8 company: its flows, and who starts their plays."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from string import ascii_letters
from typing import Any, cast

from providers.demo.flow8.flows import FLOWS, SWITCHED_OFF, Flow, Layer
from providers.demo.flow8.plays import Play
from providers.demo.flow8.scenarios import SCENARIOS, STANDING, Beat, goes_well
from providers.demo.world import Population, World

MARKS = "!?-~"  # after the name of a step in `FLOWS`


class Company:
    """Registers the scenarios with its world and fills it, if the world is to be populated."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.by_key = world.keep("flows by key", self._make_flows)
        self.flows = {flow.id: flow for flow in self.by_key.values()}
        for scenario in SCENARIOS:
            world.scenarios[scenario] = partial(self.begin, scenario)
        if world.begins_anew:
            for scenario, minutes in STANDING.items():
                self.begin(scenario, ago=minutes * 60.0)
        Population(world, self.begin_any)

    def _make_flows(self) -> dict[str, Flow]:
        made = {}
        for key, (name, category, text) in FLOWS.items():
            since = self.world.now() - timedelta(days=self.world.random.randrange(100, 500))
            made[key] = self._make_flow(key, name, category, text, since)
        return made

    def _make_flow(self, key: str, name: str, category: str, text: str, since: datetime) -> Flow:
        layers = [
            Layer(self.world.new_hex24(), each.rstrip(MARKS), index, each.lstrip(ascii_letters))
            for index, group in enumerate(text.split())
            for each in group.split("+")
        ]
        enabled = key not in SWITCHED_OFF
        ident = self.world.new_hex24()
        return Flow(ident, key, name, category, enabled, since, tuple(layers))

    def begin(
        self, scenario: str, *, at: datetime | None = None, ago: float = 0.0, varied: bool = False
    ) -> Play:
        """Start one play of a scenario, `ago` real seconds in the past."""
        plan_of, keys, _ = SCENARIOS[scenario]
        flow = self.by_key[self.world.random.choice(keys.split())]
        plan = plan_of(flow)
        if varied:
            plan = [self._vary(beat) for beat in plan]
        at = at or self.world.now() - timedelta(seconds=ago)
        return self._add(flow, scenario, plan, self._args(flow), at)

    def begin_any(self, at: datetime) -> None:
        weights = [weight for _, _, weight in SCENARIOS.values()]
        self.begin(self.world.random.choices(list(SCENARIOS), weights)[0], at=at, varied=True)

    def _vary(self, beat: Beat) -> Beat:
        if beat.seconds is None:
            return beat
        low, high = (0.1, 1.0) if beat.waits else (0.4, 2.0)
        return replace(beat, seconds=beat.seconds * self.world.random.uniform(low, high))

    def _args(self, flow: Flow) -> dict[str, Any]:
        number = self.world.random.randrange(1_000, 9_999)
        if flow.category == "finance":
            return {"invoiceId": f"INV-{number}", "customerEmail": "client@example.com"}
        if flow.category == "claims":
            return {"claim": f"C-{number}", "amount": self.world.random.randrange(400, 9_000)}
        return {"reference": f"{flow.category[:3].upper()}-{number}"}

    def _add(
        self, flow: Flow, scenario: str, plan: list[Beat], args: dict[str, Any], at: datetime
    ) -> Play:
        play = Play(self.world, flow, scenario, plan, args, at)
        self.world.add(play)
        return play

    def plays(self) -> list[Play]:
        """All plays; their order is not documented."""
        plays = cast(list[Play], list(self.world.runs.values()))
        for play in plays:
            play.advance()
        order = self.world.options.get("order", "newest")
        if order == "mixed":
            return sorted(plays, key=lambda play: play.ref[::-1])
        reverse = order == "newest"
        return sorted(plays, key=lambda play: (play.created_at, play.ref), reverse=reverse)

    def start(self, flow: Flow, args: dict[str, Any], key: str | None) -> Play:
        """A play started through the API."""
        play = self._add(flow, "started", goes_well(flow), args, self.world.now())
        play.proceed()  # the documented answer says RUN
        play.key = key
        what = {"ref": play.ref, "flow": flow.id, "values": args, "key": key}
        self.world.effect("start", what)
        return play

    def done_with(self, flow: Flow, key: str) -> Play | None:
        """A finished play started with this key; only DONE ones count (seed)."""
        for play in self.plays():
            if play.flow is flow and play.key == key and play.status == "DONE":
                return play
        return None

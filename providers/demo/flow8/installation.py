"""One simulated flow8 company: its flows, and who starts their plays."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from string import ascii_letters
from typing import Any, cast

from providers.demo.flow8.flows import FLOWS, SWITCHED_OFF, Flow, Layer, id_of
from providers.demo.flow8.runs import Play
from providers.demo.flow8.scenarios import (
    ASKS,
    FAILS,
    MANY_STEPS,
    SCENARIOS,
    STANDING,
    Beat,
    goes_well,
    travels,
)
from providers.demo.simulator import GOES_ON_AFTER, Run, World
from providers.demo.trade import case_at
from providers.demo.traffic import PATIENCE, Population, answered_within

MARKS = "!?-~"  # after the name of a step in `FLOWS`


class Company:
    """Registers the scenarios with its world and fills it, if the world is to be populated."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.by_key = world.keep("flows by key", self._make_flows)
        self.flows = {flow.id: flow for flow in self.by_key.values()}
        for scenario in SCENARIOS:
            world.scenarios[scenario] = partial(self.begin, scenario)
        Population(world, self, a_day=45, every=(28.0, 42.0))

    def _make_flows(self) -> dict[str, Flow]:
        made = {}
        for key, (name, category, text) in FLOWS.items():
            since = self.world.now() - timedelta(days=self.world.random.randrange(100, 500))
            made[key] = self._make_flow(key, name, category, text, since)
        return made

    def _make_flow(self, key: str, name: str, category: str, text: str, since: datetime) -> Flow:
        layers = [
            Layer(
                id_of(f"{key} {each.rstrip(MARKS)}"),
                each.rstrip(MARKS),
                index,
                each.lstrip(ascii_letters),
            )
            for index, group in enumerate(text.split())
            for each in group.split("+")
        ]
        enabled = key not in SWITCHED_OFF
        return Flow(id_of(key), key, name, category, enabled, since, tuple(layers))

    def begin(
        self,
        scenario: str,
        *,
        at: datetime | None = None,
        ago: float = 0.0,
        varied: bool = False,
        answered_in: float = 0.0,
        like: Play | None = None,
    ) -> Play:
        """Start one play of a scenario, `ago` real seconds in the past. `answered_in`: seconds
        until somebody decides in flow8 itself; `like`: of the flow and with the arguments of that
        one."""
        plan_of, keys, _ = SCENARIOS[scenario]
        flow = like.flow if like else self.by_key[self.world.random.choice(keys.split())]
        at = at or self.world.now() - timedelta(seconds=ago)
        plan = plan_of(flow)
        if varied:
            plan = [self._vary(beat) for beat in plan]
            if scenario in ASKS:
                answered_in = answered_within(self.world.random, at, self.world.now())
        if answered_in:
            plan = [replace(beat, seconds=answered_in) if beat.asks else beat for beat in plan]
        args = like.args if like else self._args(flow, at)
        return self._add(flow, scenario, plan, args, at)

    def begin_any(self, at: datetime, *, asks: bool, is_brief: bool = False) -> None:
        weights = {name: float(weight) for name, (*_, weight) in SCENARIOS.items()}
        weights |= {} if asks else dict.fromkeys(ASKS, 0.0)
        weights |= dict.fromkeys(MANY_STEPS, 6.0) if is_brief else {}
        scenario = self.world.random.choices(list(weights), list(weights.values()))[0]
        self.begin(scenario, at=at, varied=True)

    def begin_failing(self, at: datetime) -> None:
        self.begin("erp_away", at=at, varied=True)

    def begin_standing(self) -> None:
        for scenario, minutes in STANDING:
            self.begin(scenario, ago=minutes * 60.0, answered_in=2 * PATIENCE.total_seconds())

    def questions_of(self, run: Run) -> int:
        return len(run.asking()) if isinstance(run, Play) and run.status == "WAIT" else 0

    def withdraw(self, run: Run) -> None:
        """Skipped by its own logic: no endpoint or state says that a play was withdrawn."""
        if isinstance(run, Play):
            run.skip()

    def needs_retry(self, run: Run) -> bool:
        """What a person declined stays so."""
        return run.status == "FAIL" and run.scenario in FAILS

    def retry(self, run: Run, at: datetime, *, succeeds: bool) -> Play:
        before = cast(Play, run)
        goes_well = "order_through" if before.flow.key == "order" else "quick_done"
        scenario = goes_well if succeeds else run.scenario
        return self.begin(scenario, at=at, varied=True, like=before)

    def _vary(self, beat: Beat) -> Beat:
        if beat.seconds is None:
            return beat
        is_long = beat.seconds > GOES_ON_AFTER / 2
        low, high = (0.1, 1.0) if is_long else (0.8, 1.3)
        return replace(beat, seconds=beat.seconds * self.world.random.uniform(low, high))

    def _args(self, flow: Flow, at: datetime) -> dict[str, Any]:
        case = case_at(at, self.world.random)
        match flow.category:
            case "finance":
                kept = {"invoiceId": case.invoice, "order": case.order}
                return kept | {"customer": case.customer, "amount": case.amount}
            case "claims" | "contracts":
                kept = {"claim": case.claim, "customer": case.customer}
                return kept | {"amount": case.amount}
            case "procurement":
                return {"article": case.article, "product": case.product}
            case "service":
                return {"customer": case.customer, "order": case.order}
            case _:
                kept = {"order": case.order, "customer": case.customer}
                return kept | {"article": case.article, "carrier": case.carrier}

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
        plan = travels(flow) if flow.key in ("order", "tour") else goes_well(flow)
        play = self._add(flow, "started", plan, args, self.world.now())
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

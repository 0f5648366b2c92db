"""One simulated 8x8 account: its definitions, and who starts their instances."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

from providers.demo.eightx8.definitions import DEFINITIONS, Definition, id_of
from providers.demo.eightx8.instances import Instance
from providers.demo.eightx8.scenarios import SCENARIOS, STANDING, Beat, goes_well
from providers.demo.simulator import Run, World
from providers.demo.trade import case_at
from providers.demo.traffic import Population


class Account:
    """Registers the scenarios with its world and fills it, if the world is to be populated."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.by_key = world.keep("definitions by key", self._make_definitions)
        by_id = {made.id: made for made in self.by_key.values()}
        self.definitions = world.keep("definitions", lambda: by_id)  # without the deleted ones
        for scenario in SCENARIOS:
            world.scenarios[scenario] = partial(self.begin, scenario)
        Population(world, self, a_day=38, every=(90.0, 140.0))

    def _make_definitions(self) -> dict[str, Definition]:
        world, made = self.world, dict[str, Definition]()
        for key, (name, trigger, sub_account, version, text) in DEFINITIONS.items():
            steps = [cast(tuple[str, str], tuple(step.split(":"))) for step in text.split()]
            since = world.now() - timedelta(days=world.random.randrange(120, 700))
            made[key] = Definition(id_of(key), name, trigger, sub_account, version, steps, since)
        return made

    def begin(
        self,
        scenario: str,
        *,
        at: datetime | None = None,
        ago: float = 0.0,
        varied: bool = False,
        like: Instance | None = None,
    ) -> Instance:
        """Start one run of a scenario, `ago` real seconds in the past. `like`: of the definition
        and with the payload of that one."""
        plan_of, keys, _ = SCENARIOS[scenario]
        definition = like.definition if like else self._one_of(keys)
        if scenario == "disabled_definition":
            definition.status = "enabled"
        version = 1 if scenario == "old_version" else definition.version
        plan = plan_of(definition.steps_of(version), self.world.random)
        if varied:
            plan = [self._vary(beat) for beat in plan]
        at = at or self.world.now() - timedelta(seconds=ago)
        payload = like.payload if like else self._payload(definition, at)
        return self._add(Instance(self.world, definition, version, scenario, plan, payload, at))

    def _one_of(self, keys: str) -> Definition:
        return self.by_key[self.world.random.choice(keys.split())]

    def begin_any(self, at: datetime, *, asks: bool, is_brief: bool = False) -> None:
        """`asks` changes nothing: it is the customers who reply, never a person here."""
        weights = [weight for _, _, weight in SCENARIOS.values()]
        self.begin(self.world.random.choices(list(SCENARIOS), weights)[0], at=at, varied=True)

    def begin_failing(self, at: datetime) -> None:
        self.begin("erp_away", at=at, varied=True)

    def begin_standing(self) -> None:
        for scenario, minutes in STANDING:
            self.begin(scenario, ago=minutes * 60.0)

    def questions_of(self, run: Run) -> int:
        return 0

    def withdraw(self, run: Run) -> None:
        """Never called, since nothing asks."""

    def needs_retry(self, run: Run) -> bool:
        return run.status == "Terminated" and bool(cast(Instance, run).errors)

    def retry(self, run: Run, at: datetime, *, succeeds: bool) -> Instance:
        scenario = "quick_success" if succeeds else run.scenario
        return self.begin(scenario, at=at, varied=True, like=cast(Instance, run))

    def _vary(self, beat: Beat) -> Beat:
        if beat.seconds is None or beat.status == "Suspended":
            return beat
        # customers answer soon or late; every other step takes long enough to be seen
        low, high = (0.05, 1.0) if beat.waits else (2.0, 6.0)
        return replace(beat, seconds=beat.seconds * self.world.random.uniform(low, high))

    def _payload(self, definition: Definition, at: datetime) -> dict[str, Any]:
        chance = self.world.random
        case = case_at(at, chance)
        number = f"+4930555{chance.randrange(10_000):04d}"
        payload: dict[str, Any] = {"order": case.order, "customer": case.customer}
        if definition is self.by_key["claim"]:
            payload = {"claim": case.claim, "customer": case.customer}
        elif definition is self.by_key["dunning"]:
            payload = {"invoice": case.invoice, "amount": case.amount, "customer": case.customer}
        if definition.trigger == "http_request":
            return payload | {"phoneNumber": number, "carrier": case.carrier}
        user = {"msisdn": number, "name": case.customer}
        text = chance.choice(("Where is my parcel?", "Ich bin morgen nicht da", "Hi, new claim"))
        return payload | {"umid": self.world.new_uuid(), "user": user, "content": {"text": text}}

    def _add(self, instance: Instance) -> Instance:
        self.world.add(instance)
        return instance

    def start(self, definition: Definition, version: int, payload: Any) -> Instance:
        plan = goes_well(definition.steps_of(version), self.world.random)
        now = self.world.now()
        made = Instance(self.world, definition, version, "started", plan, payload, now)
        what = {"ref": made.ref, "definition": definition.id, "version": version}
        self.world.effect("start", what | {"values": payload})
        return self._add(made)

    def instances(self, definition: Definition) -> list[Instance]:
        """Newest first."""
        runs = cast(list[Instance], list(self.world.runs.values()))
        mine = [each for each in runs if each.definition is definition]
        return sorted(mine, key=lambda each: (each.created_at, each.ref), reverse=True)

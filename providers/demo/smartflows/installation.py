"""One simulated Smart Flows installation: its flows, its runs, and who starts them."""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from providers.demo.simulator import GOES_ON_AFTER, Run, World
from providers.demo.smartflows.made_documents import Document
from providers.demo.smartflows.runs import Execution, Flow, skipping_questions
from providers.demo.smartflows.scenarios import (
    ASKS,
    CATALOG,
    IN_PARTS,
    SCENARIOS,
    SOMEONE,
    STANDING,
)
from providers.demo.trade import case_at
from providers.demo.traffic import PATIENCE, Population, answered_within

ME = {
    "id": "77a1c0de-0002-4b1f-9a55-000000000007",
    "displayName": "Operations dashboard",
    "type": "user",
}


class Site:
    """Registers the scenarios with its world and fills it, if the world is to be populated."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.flows: list[Flow] = world.keep(
            "flows", lambda: [Flow(id_of(name), name, name, kind) for name, kind, _ in CATALOG]
        )
        for name in SCENARIOS:
            world.scenarios[name] = self._scenario(name)
        self.population = Population(world, self, a_day=42, every=(44.0, 66.0), most_questions=7)

    def executions(self) -> list[Execution]:
        return [run for run in self.world.runs.values() if isinstance(run, Execution)]

    def flow(self, ref: str) -> Flow | None:
        """A flow of the catalog, or one that a scenario made up by name."""
        known = [*self.flows, *(run.flow for run in self.executions())]
        return next((flow for flow in known if flow.id == ref), None)

    def document(self, ref: str) -> Document | None:
        made = (document for run in self.executions() for document in run.documents)
        return next((document for document in made if document.id == ref), None)

    def started(self, flow: Flow, body: str, *, silent: bool) -> Execution:
        """A run started through the API: the first scenario of the flow; `silent` never asks."""
        mixtures = {name: mixture for name, _, mixture in CATALOG}
        scenario = next(iter(mixtures.get(flow.name, {"quick_success": 1})))
        recipe = SCENARIOS[scenario]()
        if silent:
            recipe.blocks = skipping_questions(recipe.blocks)
        run = Execution(self.world, scenario, flow, recipe, owner=ME)
        run.input = body or None
        self.world.add(run)
        return run

    def _scenario(self, name: str) -> Callable[..., Execution]:
        def begin(*, age: float = 0.0, flow: str = "", **options: Any) -> Execution:
            """`age`: begun so many wall seconds ago; `flow`: another name for the flow."""
            at = self.world.now() - timedelta(seconds=age)
            chosen = Flow(self.world.new_uuid(), flow) if flow else self._flow_of(name)
            return self._begin(name, chosen, at, **options)

        return begin

    def _flow_of(self, scenario: str) -> Flow:
        for flow, (_, _, mixture) in zip(self.flows, CATALOG, strict=True):
            if scenario in mixture:
                return flow
        return self.flows[0]

    def _begin(self, scenario: str, flow: Flow, at: datetime, **options: Any) -> Execution:
        recipe = SCENARIOS[scenario](**options)
        owner = SOMEONE if self.world.random.random() < 0.5 else ME
        run = Execution(self.world, scenario, flow, recipe, owner=owner, at=at)
        run.input = self._input(flow, at)
        self.world.add(run)
        return run

    def _input(self, flow: Flow, at: datetime) -> dict[str, Any]:
        case = case_at(at, self.world.random)
        if "laim" in flow.name:
            return {"claim": case.claim, "customer": case.customer, "amount": case.amount}
        order = {"order": case.order, "customer": case.customer}
        return order | {"article": case.article, "pieces": case.pieces, "amount": case.amount}

    # who keeps the population going

    def begin_any(self, at: datetime, *, asks: bool, is_brief: bool = False) -> None:
        chance = self.world.random
        choices = [
            (flow, name, weight)
            for flow, (_, _, mixture) in zip(self.flows, CATALOG, strict=True)
            for name, weight in mixture.items()
            if asks or name not in ASKS
        ]
        flow, scenario, _ = chance.choices(choices, [weight for *_, weight in choices])[0]
        options: dict[str, Any] = {}
        if scenario in ASKS:
            options["seconds"] = answered_within(chance, at, self.world.now())
        elif scenario == "waiting_esign":
            options["seconds"] = chance.uniform(0.2, 1.0) * GOES_ON_AFTER
        elif scenario in IN_PARTS and is_brief:
            options |= {"parts": 2, "seconds": chance.uniform(40.0, 60.0)}  # as long in all
        self._begin(scenario, flow, at, **options)

    def begin_failing(self, at: datetime) -> None:
        flow = self._flow_of("erp_away")
        self._begin("erp_away", flow, at)

    def begin_standing(self) -> None:
        for scenario, minutes in STANDING:
            at = self.world.now() - timedelta(minutes=minutes)
            waits = {"seconds": 2 * PATIENCE.total_seconds()} if scenario in ASKS else {}
            self._begin(scenario, self._flow_of(scenario), at, **waits)

    def questions_of(self, run: Run) -> int:
        return int(run.status in ("UserInput", "SelectFlow"))

    def withdraw(self, run: Run) -> None:
        """Its owner stops it in the vendor's own panel."""
        if isinstance(run, Execution):
            run.cancel(SOMEONE)

    def needs_retry(self, run: Run) -> bool:
        return run.status in ("Error", "Interrupted", "Warning")

    def retry(self, run: Run, at: datetime, *, succeeds: bool) -> Execution:
        before = cast(Execution, run)
        mixtures = {name: mixture for name, _, mixture in CATALOG}
        others = (name for name in mixtures.get(before.flow.name, {}) if name != run.scenario)
        scenario = next(others, "quick_success") if succeeds else run.scenario
        again = self._begin(scenario, before.flow, at)
        again.input = before.input
        return again


def id_of(name: str) -> str:
    """The id of a flow: the same in every installation."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"Smart Flows {name}"))

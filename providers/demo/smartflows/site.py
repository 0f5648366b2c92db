"""One simulated Smart Flows installation: its flows, its runs, and who starts them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from providers.demo.smartflows.documents import Document
from providers.demo.smartflows.runs import Execution, Flow, skipping_questions
from providers.demo.smartflows.scenarios import CATALOG, SCENARIOS, SOMEONE
from providers.demo.world import Population, World

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
            "flows", lambda: [Flow(world.new_uuid(), name, name, kind) for name, kind, _ in CATALOG]
        )
        for name in SCENARIOS:
            world.scenarios[name] = self._scenario(name)
        self.population = Population(world, self._begin_by_chance)

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
        self.world.add(run)
        return run

    def _begin_by_chance(self, at: datetime) -> None:
        chance = self.world.random
        weights = [sum(mixture.values()) for _, _, mixture in CATALOG]
        place = chance.choices(range(len(CATALOG)), weights)[0]
        mixture = CATALOG[place][2]
        scenario = chance.choices(list(mixture), list(mixture.values()))[0]
        self._begin(scenario, self.flows[place], at)

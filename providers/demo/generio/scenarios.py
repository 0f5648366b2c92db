"""The scenarios of simulated Generio, its templates, and the mixture of a believable morning."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from providers.demo.generio.runs import GLB, Flow, Job, Template, glb
from providers.demo.simulator import GOES_ON_AFTER, Run, Stage, World
from providers.demo.trade import case_at
from providers.demo.traffic import Population

QUALITY = {"quality": "high", "seed": -1, "texture": True}
IMAGES = ("image/png", "image/jpeg", "image/jpg", "image/tiff", "image/webp")
# the three published templates, and two of the account's own
TEMPLATES: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("model_generate_fromprompt", QUALITY, ("text/plain",)),
    ("model_generate_fromimage", QUALITY, IMAGES),
    ("model_optimize", {"polygon_count": 100_000}, (GLB,)),
    ("catalogue_render_for_web", {"polygon_count": 20_000}, (GLB,)),
    ("möbelkatalog_optimieren", {"polygon_count": 50_000}, (GLB,)),
]
PROMPT = b"A sturdy office chair with five castors and a mesh back"
TOO_FINE = "Mesh has 41,208,114 triangles after repair; the limit of this account is 25,000,000."
NO_UV = "Texture baking failed: the part has no UV coordinates."
MIXTURE = {
    "generate_success": 34,
    "optimize_success": 36,
    "failing": 5,
    "partial_output_error": 4,
    "created_waits": 2,
    "long_running": 14,
    "aborted": 3,
}

WORK = (60.0, 320.0)  # seconds

Begin = Callable[..., Flow]
Moment = datetime | None


def auto(seconds: float, ending: str = "completed") -> list[Stage]:
    """A flow created with inputs passes `created` in a moment and starts itself."""
    return [
        Stage("created", 0.5),
        Stage("starting", 1.5),
        Stage("running", seconds),
        Stage(ending),
    ]


class Studio:
    """One simulated account: templates, scenarios, population."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.templates: list[Template] = world.keep(
            "templates", lambda: [Template(id_of(each[0]), *each) for each in TEMPLATES]
        )
        makers: tuple[Begin, ...] = (
            self.generate_success,
            self.optimize_success,
            self.failing,
            self.partial_output_error,
            self.created_waits,
            self.long_running,
            self.aborted,
            self.unknown_state,
        )
        for maker in makers:
            world.scenarios[maker.__name__] = maker
        self.population = Population(world, self, a_day=12, every=(150.0, 220.0))

    def template(self, name: str) -> Template | None:
        """A template by its name or its id."""
        return next((each for each in self.templates if name in (each.name, each.id)), None)

    def flows(self) -> list[Flow]:
        return [run for run in self.world.runs.values() if isinstance(run, Flow)]

    def generate_success(
        self, *, seconds: float = 20.0, age: float = 0.0, at: Moment = None, size: int = 0
    ) -> Flow:
        """`seconds` of work, begun `age` wall seconds ago, `size` bytes of padding in the model."""
        job = self._job("model_generate_fromprompt", size=size)
        return self._begin("generate_success", job, auto(seconds), age, at)

    def optimize_success(
        self,
        *,
        seconds: float = 12.0,
        age: float = 0.0,
        at: Moment = None,
        template: str = "model_optimize",
    ) -> Flow:
        job = self._job(template, makes=("leg", "seat"))
        return self._begin("optimize_success", job, auto(seconds), age, at)

    def failing(self, *, seconds: float = 6.0, age: float = 0.0, at: Moment = None) -> Flow:
        """No field for the reason is documented: it stands with the output."""
        job = self._job("model_optimize", broken=("model",), error=TOO_FINE)
        flow = self._begin("failing", job, auto(seconds, "failed"), age, at)
        flow.reached = 0.35
        return flow

    def partial_output_error(
        self, *, seconds: float = 8.0, age: float = 0.0, at: Moment = None
    ) -> Flow:
        job = self._job("model_optimize", makes=("leg", "seat"), broken=("seat",), error=NO_UV)
        return self._begin("partial_output_error", job, auto(seconds), age, at)

    def created_waits(
        self,
        *,
        seconds: float = GOES_ON_AFTER,
        age: float = 0.0,
        at: Moment = None,
        inputs: int = 1,
    ) -> Flow:
        """Created without inputs, `inputs` added since: needs a start all the same."""
        job = self._job("model_generate_fromprompt")
        plan = [Stage("created", seconds, waits=True), *auto(15.0)[1:]]
        flow = self._begin("created_waits", job, plan, age, at, inputs=False)
        for _ in range(inputs):
            flow.add_input("text/plain", PROMPT, None)
        return flow

    def long_running(self, *, seconds: float = 240.0, age: float = 0.0, at: Moment = None) -> Flow:
        job = self._job("model_generate_fromimage", makes=("body", "lid", "hinge", "foot"))
        return self._begin("long_running", job, auto(seconds), age, at)

    def aborted(self, *, seconds: float = 10.0, age: float = 0.0, at: Moment = None) -> Flow:
        """Somebody else stops it after these seconds."""
        job = self._job("model_optimize", makes=("leg", "seat"))
        plan = [*auto(seconds)[:-1], Stage("aborting", 3.0), Stage("aborted")]
        flow = self._begin("aborted", job, plan, age, at)
        flow.reached = 0.5
        return flow

    def unknown_state(
        self, *, seconds: float = GOES_ON_AFTER, age: float = 0.0, at: Moment = None
    ) -> Flow:
        plan = [*auto(4.0)[:-1], Stage("hibernating", seconds, waits=True), Stage("completed")]
        return self._begin("unknown_state", self._job("model_optimize"), plan, age, at)

    def _job(self, name: str, **what: Any) -> Job:
        template = self.template(name) or self.templates[0]
        return Job(template, dict(template.parameters), **what)

    def _begin(
        self,
        scenario: str,
        job: Job,
        plan: list[Stage],
        age: float,
        at: Moment,
        *,
        inputs: bool = True,
    ) -> Flow:
        at = at or self.world.now() - timedelta(seconds=age)
        case = case_at(at, self.world.random)
        job.additional = {"order": case.order, "article": case.article, "product": case.product}
        flow = Flow(self.world, scenario, job, plan, at=at)
        if inputs:
            mime = job.template.accepts[0]
            flow.add_input(mime, glb("input") if mime == GLB else PROMPT, {"part": "input"})
        self.world.add(flow)
        return flow

    def begin_any(self, at: datetime, *, asks: bool, is_brief: bool = False) -> None:
        """`asks` changes nothing: a flow asks nobody."""
        chance = self.world.random
        name = chance.choices(list(MIXTURE), list(MIXTURE.values()))[0]
        options: dict[str, Any] = {}
        if name == "optimize_success":
            optimizers = [each.name for each in self.templates if GLB in each.accepts]
            options["template"] = chance.choice(optimizers)
        if name != "created_waits":
            options["seconds"] = chance.uniform(*WORK)
        self.world.scenarios[name](**options, at=at)

    def begin_failing(self, at: datetime) -> None:
        """The ERP is nothing to Generio: an ordinary flow."""
        self.begin_any(at, asks=False)

    def begin_standing(self) -> None:
        self.created_waits(age=8 * 60.0, seconds=2 * GOES_ON_AFTER)
        self.long_running(age=4 * 60.0, seconds=900.0)
        self.long_running(age=60.0, seconds=420.0)
        self.failing(age=5 * 60.0, seconds=90.0)

    def questions_of(self, run: Run) -> int:
        return 0

    def withdraw(self, run: Run) -> None:
        """Never called, since nothing asks."""

    def needs_retry(self, run: Run) -> bool:
        """A flow may be completed with an output in error."""
        return run.is_final and any(each.status == "error" for each in cast(Flow, run).outputs)

    def retry(self, run: Run, at: datetime, *, succeeds: bool) -> Flow:
        name = "optimize_success" if succeeds else run.scenario
        seconds = self.world.random.uniform(*WORK)
        again = cast(Flow, self.world.scenarios[name](seconds=seconds, at=at))
        again.job.additional = cast(Flow, run).job.additional
        return again


def id_of(name: str) -> str:
    """The id of a template: the same in every account."""
    return hashlib.blake2b(name.encode(), digest_size=12).hexdigest()

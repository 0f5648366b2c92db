"""The scenarios of simulated flow8: the beats of a play, and their mixture in the demo."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from providers.demo.flow8.flows import Flow, Layer
from providers.demo.simulator import GOES_ON_AFTER, Stage

STEP_TAKES = 3.0  # seconds
HELD_FOR = 2 * 3600.0  # seconds until somebody releases what is on hold


@dataclass(frozen=True)
class Beat(Stage):
    """A stage of a play and the layers whose state changes when it begins."""

    sets: dict[str, str] = field(default_factory=dict)
    asks: bool = False  # waits for an approval


def walk(
    groups: Sequence[Sequence[Layer]], seconds: float = STEP_TAKES, waits: float = GOES_ON_AFTER
) -> list[Beat]:
    """Run group after group; a group that waits is one WAIT beat more. The last beat ends all."""
    beats, ended = [Beat("NEW", 1.0)], dict[str, str]()
    for group in groups:
        runs = {x.ref: "FILTERED" if "-" in x.marks else "RUN" for x in group}
        if any(layer.waits for layer in group):
            waiting = {layer.ref: "WAIT" for layer in group if layer.waits}
            asks = any("!" in layer.marks for layer in group)
            beats.append(Beat("WAIT", waits, True, ended | runs | waiting, asks))
            ended = {}
        beats.append(Beat("RUN", seconds, sets=ended | runs))
        ended = {x.ref: "FILTERED" if "-" in x.marks else "DONE" for x in group}
    return [*beats, Beat("DONE", sets=ended)]


def goes_well(flow: Flow) -> list[Beat]:
    return walk(flow.groups())


def travels(flow: Flow) -> list[Beat]:
    """From hand to hand: each one takes it over within seconds."""
    return walk(flow.groups(), seconds=9.0, waits=10.0)


def loses_erp(flow: Flow) -> list[Beat]:
    """The booking fails, after the steps before it."""
    place = next(n for n, group in enumerate(flow.groups()) if group[0].ref == "booking")
    beats = walk(flow.groups()[: place + 1], seconds=8.0, waits=10.0)
    sets = beats[-1].sets | {"booking": "FAIL"}
    return [*beats[:-1], replace(beats[-1], status="FAIL", sets=sets)]


def fails(flow: Flow) -> list[Beat]:
    """The second group fails; what would follow is never reached."""
    groups = flow.groups()[:2]
    beats = walk(groups)
    failed = groups[-1][0].ref
    return [*beats[:-1], replace(beats[-1], status="FAIL", sets=beats[-1].sets | {failed: "FAIL"})]


def fails_and_goes_on(flow: Flow) -> list[Beat]:
    tolerant = [layer.ref for layer in flow.layers if "~" in layer.marks]
    return [
        replace(beat, sets={k: "FAIL" if k in tolerant and v == "DONE" else v
                            for k, v in beat.sets.items()})
        for beat in walk(flow.groups())
    ]  # fmt: skip


def is_held(flow: Flow) -> list[Beat]:
    new, first, *rest = walk(flow.groups())
    second = {layer.ref: "ON_HOLD" for layer in flow.groups()[1]}
    held = Beat("ON_HOLD", HELD_FOR, True, rest[0].sets | second)
    return [new, first, held, *rest]


def is_deferred(flow: Flow) -> list[Beat]:
    return [Beat("DEFERRED", 15 * 60.0, True), *walk(flow.groups())]


def is_filtered(flow: Flow) -> list[Beat]:
    return [Beat("NEW", 1.0), Beat("FILTERED", sets={x.ref: "FILTERED" for x in flow.layers})]


def is_skipped(flow: Flow) -> list[Beat]:
    new, first, *_ = walk(flow.groups())
    done, *others = (layer.ref for layer in flow.layers)
    return [new, first, Beat("SKIP", sets={done: "DONE"} | dict.fromkeys(others, "SKIP"))]


def is_long(flow: Flow) -> list[Beat]:
    new, first, *rest = walk(flow.groups(), seconds=50.0)
    later = {layer.ref: "NEW" for layer in flow.layers[1:]}
    return [new, replace(first, sets=first.sets | later), *rest]


def is_strange(flow: Flow) -> list[Beat]:
    """A state of a later version, say; nothing documents it."""
    *beats, done = walk(flow.groups())
    return [*beats, Beat("ARCHIVING", 600.0, True, done.sets), Beat("DONE")]


# scenario -> (its plan, the flows it happens to, its weight in the demo)
SCENARIOS: dict[str, tuple[Callable[[Flow], list[Beat]], str, int]] = {
    "order_through": (travels, "order", 20),
    "tour_of_stops": (travels, "tour", 60),
    "erp_away": (loses_erp, "order", 2),
    "quick_done": (goes_well, "intake address stock matching suppliers damage", 18),
    "failing": (fails, "intake address matching carrier stock", 3),
    "approval": (goes_well, "payout", 4),
    "two_approvals": (goes_well, "release", 3),
    "parallel_approvals": (goes_well, "addendum", 1),
    "external_event": (goes_well, "carrier", 2),
    "on_hold": (is_held, "intake suppliers", 0),
    "deferred": (is_deferred, "ledger suppliers", 1),
    "filtered": (is_filtered, "stock", 2),
    "skip": (is_skipped, "suppliers address", 1),
    "big_out": (goes_well, "ledger", 1),
    "continue_on_error": (fails_and_goes_on, "damage suppliers", 2),
    "long_running": (is_long, "close", 2),
    "unknown_state": (is_strange, "intake", 0),
}
MANY_STEPS = ("tour_of_stops",)
FAILS = ("erp_away", "failing")
ASKS = ("approval", "two_approvals", "parallel_approvals")
# what waits already when somebody opens the demo: scenario, minutes ago
STANDING = (
    ("on_hold", 52), ("approval", 26), ("parallel_approvals", 17), ("two_approvals", 14),
    ("deferred", 6), ("external_event", 5), ("approval", 4), ("long_running", 3), ("erp_away", 2),
)  # fmt: skip

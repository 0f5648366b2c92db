"""The scenarios of simulated flow8: the beats of a play, and their mixture in the demo."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from providers.demo.flow8.flows import Flow, Layer
from providers.demo.world import GOES_ON_AFTER, Stage

STEP_TAKES = 3.0  # seconds
HELD_FOR = 2 * 3600.0  # seconds until somebody releases what is on hold


@dataclass(frozen=True)
class Beat(Stage):
    """A stage of a play and the layers whose state changes when it begins."""

    sets: dict[str, str] = field(default_factory=dict)


def walk(groups: Sequence[Sequence[Layer]], seconds: float = STEP_TAKES) -> list[Beat]:
    """Run group after group; a group that waits is one WAIT beat more. The last beat ends all."""
    beats, ended = [Beat("NEW", 1.0)], dict[str, str]()
    for group in groups:
        runs = {x.ref: "FILTERED" if "-" in x.marks else "RUN" for x in group}
        if any(layer.waits for layer in group):
            waits = {layer.ref: "WAIT" for layer in group if layer.waits}
            beats.append(Beat("WAIT", GOES_ON_AFTER, True, ended | runs | waits))
            ended = {}
        beats.append(Beat("RUN", seconds, sets=ended | runs))
        ended = {x.ref: "FILTERED" if "-" in x.marks else "DONE" for x in group}
    return [*beats, Beat("DONE", sets=ended)]


def goes_well(flow: Flow) -> list[Beat]:
    return walk(flow.groups())


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
    "quick_done": (goes_well, "intake address stock matching suppliers damage", 44),
    "failing": (fails, "intake address matching carrier stock", 8),
    "approval": (goes_well, "payout", 8),
    "two_approvals": (goes_well, "release", 6),
    "parallel_approvals": (goes_well, "addendum", 4),
    "external_event": (goes_well, "carrier", 6),
    "on_hold": (is_held, "intake suppliers", 2),
    "deferred": (is_deferred, "ledger suppliers", 3),
    "filtered": (is_filtered, "stock", 5),
    "skip": (is_skipped, "suppliers address", 3),
    "big_out": (goes_well, "ledger", 3),
    "continue_on_error": (fails_and_goes_on, "damage suppliers", 4),
    "long_running": (is_long, "close", 4),
    "unknown_state": (is_strange, "intake", 1),
}
# what is going on when somebody opens the demo: scenario -> minutes ago
STANDING = {
    "on_hold": 52, "failing": 17, "parallel_approvals": 11, "two_approvals": 8,
    "deferred": 6, "external_event": 5, "approval": 3, "long_running": 2,
}  # fmt: skip

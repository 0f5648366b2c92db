"""The scenarios of simulated 8x8 Automation: the beats of an instance, and their mixture."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from providers.demo.eightx8.definitions import BLOCKED, FAULTS, FAULTS_OF_STEP, SECONDS
from providers.demo.simulator import Stage

RESUMED_AFTER = 3 * 3600.0  # seconds after which somebody else resumes what a fault suspended


@dataclass(frozen=True)
class Beat(Stage):
    """A stage of an instance and the step that is open in it."""

    step: str = ""
    step_status: str = "Running"
    ends: str = "Complete"  # what becomes of the step when the next beat begins
    error: str = ""  # recorded when the step ends
    keeps: bool = False  # the open step stays as it is: suspended, or going on after that
    disables: bool = False  # the definition is switched off now


COMPLETE, TERMINATED = Beat("Complete"), Beat("Terminated")

Steps = Sequence[tuple[str, str]]


def walk(steps: Steps, **changes: Any) -> list[Beat]:
    """Every step after the other, as long as its type takes."""
    return [
        replace(
            Beat("Runnable", SECONDS[kind], kind in BLOCKED, name, BLOCKED.get(kind, "Running")),
            **changes,
        )
        for name, kind in steps
    ]


def split(steps: Steps, kinds: Iterable[str]) -> tuple[list[Beat], tuple[str, str], list[Beat]]:
    """The beats before a step of these kinds (never the first one), it, and the beats after it."""
    place = min(at for at, (_, kind) in enumerate(steps) if at and kind in kinds)
    return walk(steps[:place]), steps[place], walk(steps[place + 1 :])


def goes_well(steps: Steps, chance: Random) -> list[Beat]:
    return [*walk(steps), COMPLETE]


def is_long(steps: Steps, chance: Random) -> list[Beat]:
    return [*walk(steps, seconds=45.0), COMPLETE]


def faults(steps: Steps, chance: Random) -> list[Beat]:
    before, (name, kind), _ = split(steps, FAULTS)
    error = chance.choice(FAULTS_OF_STEP.get(name) or FAULTS[kind])
    return [*before, *walk([(name, kind)], ends="Failed", error=error), TERMINATED]


def is_stopped_elsewhere(steps: Steps, chance: Random) -> list[Beat]:
    before, step, _ = split(steps, BLOCKED)
    return [*before, *walk([step], seconds=90.0, ends="Cancelled"), TERMINATED]


def is_suspended_by_fault(steps: Steps, chance: Random) -> list[Beat]:
    before, step, after = split(steps, FAULTS)
    failed = walk([step], ends="Failed", error=chance.choice(FAULTS[step[1]]))
    suspended = Beat("Suspended", RESUMED_AFTER, waits=True)
    return [*before, *failed, suspended, *walk([step]), *after, COMPLETE]


def times_out(steps: Steps, chance: Random) -> list[Beat]:
    before, step, after = split(steps, BLOCKED)
    return [*before, *walk([step], seconds=60.0, ends="Cancelled"), *after, COMPLETE]


def loops(steps: Steps, chance: Random) -> list[Beat]:
    return [*walk(steps), *walk(steps), *walk(steps), COMPLETE]


def loses_definition(steps: Steps, chance: Random) -> list[Beat]:
    first, second, *rest = walk(steps)
    return [replace(first, seconds=20.0), replace(second, disables=True), *rest, COMPLETE]


def has_strange_step(steps: Steps, chance: Random) -> list[Beat]:
    # no documented step status; the engine 8x8 seems to be built on has it
    first, *rest = walk(steps)
    return [replace(first, seconds=120.0, step_status="Compensated"), *rest, COMPLETE]


# scenario -> (its plan, the definitions it happens to, its weight in the demo)
SCENARIOS: dict[str, tuple[Callable[[Steps, Random], list[Beat]], str, int]] = {
    "quick_success": (goes_well, "order order notice roadside dunning redelivery", 40),
    "waits_for_reply": (goes_well, "reschedule claim alarm", 12),
    "sleeps": (goes_well, "reminder", 6),
    "running_long": (is_long, "survey", 8),
    "faulted": (faults, "notice claim roadside dunning", 3),
    "erp_away": (faults, "order", 1),
    "terminated_elsewhere": (is_stopped_elsewhere, "reschedule claim", 2),
    "suspended_by_fault": (is_suspended_by_fault, "notice dunning", 1),
    "event_timeout": (times_out, "reschedule claim alarm", 9),
    "loop": (loops, "driver", 10),
    "old_version": (goes_well, "reschedule", 1),
    "disabled_definition": (loses_definition, "campaign", 0),
    "unknown_step_status": (has_strange_step, "notice roadside", 0),
}
# what is going on when somebody opens the demo: scenario, minutes ago
STANDING = (
    ("suspended_by_fault", 47), ("faulted", 13), ("sleeps", 6), ("old_version", 5),
    ("waits_for_reply", 4), ("running_long", 3), ("erp_away", 2), ("waits_for_reply", 2),
    ("disabled_definition", 1),
)  # fmt: skip

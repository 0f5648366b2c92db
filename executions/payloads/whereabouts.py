"""Where a run is, in one line: what is asked, what failed, what it waits for, how far it is."""

from __future__ import annotations

from providers.contract import Snapshot, Status, Step

MAX = 200
_HELD = (Status.USER_INPUT, Status.WAITING, Status.PAUSED)


def whereabouts(snapshot: Snapshot) -> str:
    """Empty where the steps and questions of the snapshot say nothing, or the run went well."""
    steps = list(snapshot.steps or ())
    numbered = {id(step): number for number, step in enumerate(steps, 1)}

    def place(step: Step) -> str:
        # without a plan it is no total, only what was seen so far
        total = f" of {len(steps)}" if snapshot.is_planned else ""
        words = f"Step {numbered[id(step)]}{total}: {step.name or step.ref}"
        return f"{words}, attempt {step.attempt}" if step.attempt > 1 else words

    if snapshot.status is Status.USER_INPUT:
        asked = [question for question in snapshot.questions or () if question.title]
        if asked:
            more = f" and {len(asked) - 1} more" if len(asked) > 1 else ""
            return f"{asked[0].title}{more}"[:MAX]
    if snapshot.status.is_resolvable:
        bad = [step for step in steps if step.status.is_resolvable]
        leaf = next((step for step in reversed(bad) if step.error), bad[-1] if bad else None)
        return place(leaf)[:MAX] if leaf else ""
    if snapshot.status.is_final:
        return ""
    wanted = (snapshot.status,) if snapshot.status in _HELD else (Status.RUNNING, *_HELD)
    now = next((step for step in reversed(steps) if step.status in wanted), None)
    if now is None:
        return ""
    verb = "Waits at " if snapshot.status in (Status.WAITING, Status.USER_INPUT) else ""
    words = place(now)
    return f"{verb}{words[0].lower()}{words[1:]}"[:MAX] if verb else words[:MAX]

"""Since when a run is in its status, by the provider's own times.

Called by `storage.store`. Where the provider does not tell, what is stored is when we first saw it
so, and pages say "at least". When a run left a status between two polls is found by the statement
itself, which knows the steps that are stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from providers.contract import Phase, Snapshot, Status, Step


def status_since(snapshot: Snapshot) -> datetime | None:
    """What the provider says itself; else the end of a run that ended, the creation of one that is
    queued, the first start in one that has only begun, the start of the step that one waits in.
    None: its times do not tell."""
    if snapshot.status_since is not None:
        return snapshot.status_since
    if snapshot.status.is_final:
        return snapshot.finished_at
    if snapshot.status is Status.QUEUED:
        return snapshot.created_at or snapshot.started_at
    if snapshot.status.phase is Phase.HELD:
        return _waits_since(snapshot, _leaves(snapshot.steps or ()))
    return _has_run_since(snapshot.steps or ()) if snapshot.status is Status.RUNNING else None


def _waits_since(snapshot: Snapshot, steps: Sequence[Step]) -> datetime | None:
    """The start of the first open step that waits, else the end of what came before it, else the
    creation of the run."""
    for place, step in enumerate(steps):
        if step.status is snapshot.status and step.finished_at is None:
            return step.started_at or _came_free(snapshot, steps[:place])
    return None


def _came_free(snapshot: Snapshot, before: Sequence[Step]) -> datetime | None:
    """When the step behind these could begin, which has no time of its own."""
    ends = [step.finished_at for step in before if step.finished_at]
    if not ends and any(step.started_at for step in before):
        return None
    return max(ends, default=snapshot.started_at)


def _leaves(steps: Sequence[Step]) -> list[Step]:
    """Without the blocks around other steps: those begin before the wait inside them."""
    around = {step.path[:depth] for step in steps for depth in range(1, len(step.path) + 1)}
    return [step for step in steps if (*step.path, step.name) not in around]


def _has_run_since(steps: Sequence[Step]) -> datetime | None:
    """The first start, as long as no step has ended: one that has may have been a wait."""
    if any(step.finished_at for step in steps):
        return None
    return min((step.started_at for step in steps if step.started_at), default=None)

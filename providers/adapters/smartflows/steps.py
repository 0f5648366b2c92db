"""The steps of a Smart Flows run: its report is a tree of zones and blocks.

The shape is from https://github.com/Invenso/smart-flows-clients (README.md and typed models),
read in November 2026; the guide has no example of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from providers.contract import Status, Step, native_key
from providers.times import read_time

STEP_STATUSES = {
    "output": Status.SUCCEEDED,
    "error": Status.FAILED,
    "waiting": Status.WAITING,
    "userinput": Status.USER_INPUT,
    "skipped": Status.SKIPPED,
}


def read_steps(state: dict[str, Any]) -> tuple[Step, ...]:
    """Depth first, records before the part they share. Ids repeat where a block runs for several
    records or more than once."""
    steps: list[Step] = []
    for record in state.get("iterations") or ():
        name = str(record.get("displayName") or record["id"])
        steps += read_zones(record.get("report"), (name,), f"{record['id']}/")
    steps += read_zones(state.get("report"), (), "")
    counts: dict[str, int] = {}
    for index, step in enumerate(steps):
        counts[step.ref] = times = counts.get(step.ref, 0) + 1
        if times > 1:
            steps[index] = replace(step, ref=f"{step.ref}#{times}")
    return tuple(steps)


def read_zones(zones: Any, path: tuple[str, ...], prefix: str) -> list[Step]:
    blocks = [block for zone in zones or () for block in zone.get("blocks") or ()]
    return [step for block in blocks for step in read_block(block, path, prefix)]


def read_block(block: dict[str, Any], path: tuple[str, ...], prefix: str) -> list[Step]:
    """A step alone, or a container and what is in it."""
    name = str(block.get("displayName") or block["id"])
    ref = f"{prefix}{block['id']}"
    branches = read_branches(block)
    if branches is None:
        return [read_step(block.get("step") or {}, ref, name, path)]
    inner = [
        step
        for label, zones in branches
        for step in read_zones(zones, (*path, name, *([label] if label else [])), prefix)
    ]
    error = str((block.get("try") or {}).get("error") or "")
    starts = [step.started_at for step in inner if step.started_at]
    container = Step(
        ref=ref,
        name=name,
        status=Status.WARNING if error else summary_of(inner),
        native_status="",  # conditions, switches and tries have no status of their own
        path=path,
        started_at=min(starts, default=None),
        error=error,
    )
    return [container, *inner]


def read_branches(block: dict[str, Any]) -> list[tuple[str, Any]] | None:
    if "condition" in block:
        return [("", block["condition"].get("body"))]
    if "switch" in block:
        return [(str(block["switch"].get("caseValue") or ""), block["switch"].get("caseBody"))]
    if "try" in block:
        return [("try", block["try"].get("bodyTry")), ("catch", block["try"].get("bodyCatch"))]
    return None


def read_step(step: dict[str, Any], ref: str, name: str, path: tuple[str, ...]) -> Step:
    word, output = step.get("status"), step.get("output")
    if word:
        status = STEP_STATUSES.get(native_key(word), Status.UNKNOWN)
    elif step.get("end"):
        status = Status.UNKNOWN
    else:
        status = Status.RUNNING if step.get("start") else Status.QUEUED
    words = output.get("message") or output.get("error") if isinstance(output, dict) else output
    return Step(
        ref=ref,
        name=name,
        status=status,
        native_status=str(word or ""),
        path=path,
        started_at=read_time(step.get("start")),
        finished_at=read_time(step.get("end")),
        error=str(words or "") if status is Status.FAILED else "",
        output=output,
    )


def summary_of(inner: list[Step]) -> Status:
    """What a container is doing, by what is in it: the liveliest, then the worst."""
    found = {step.status for step in inner}
    order = (Status.USER_INPUT, Status.WAITING, Status.RUNNING, Status.UNKNOWN, Status.FAILED)
    for status in (*order, Status.WARNING):
        if status in found:
            return status
    if found == {Status.QUEUED}:
        return Status.QUEUED
    if Status.QUEUED in found:
        return Status.RUNNING
    return Status.SUCCEEDED if Status.SUCCEEDED in found else Status.SKIPPED

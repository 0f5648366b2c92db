"""Dagster's words in ours: runs, steps, errors, outputs, parts. Read `__init__.py` first.

Nothing here asks the server.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from providers.contract import (
    Component,
    LogLine,
    Output,
    Snapshot,
    Status,
    Step,
    Try,
    Verb,
    Workflow,
    native_key,
)
from providers.http import parse_json
from providers.times import read_time

RUNS = {
    "queued": Status.QUEUED,
    "notstarted": Status.QUEUED,
    "starting": Status.QUEUED,
    "started": Status.RUNNING,
    "managed": Status.RUNNING,
    "canceling": Status.RUNNING,
    "suspended": Status.PAUSED,
    "success": Status.SUCCEEDED,
    "failure": Status.FAILED,
    "canceled": Status.CANCELED,
}
REASONS = {"notstarted": "not_started", "starting": "starting", "canceling": "canceling"}
STEPS = {
    "inprogress": Status.RUNNING,
    "success": Status.SUCCEEDED,
    "failure": Status.FAILED,
    "skipped": Status.SKIPPED,
}
OPEN = ["QUEUED", "NOT_STARTED", "STARTING", "STARTED", "MANAGED", "CANCELING", "SUSPENDED"]
KEY_TAG = "annunciator/key"  # by which a run that we launched is found again
# Shown elsewhere on the page, or Dagster's own bookkeeping.
NOT_LABELS = {
    KEY_TAG, "dagster/parent_run_id", "dagster/root_run_id", "dagster/code_location",
    "dagster/is_resume_retry", "dagster/run_key", "dagster/tick", "dagster/will_retry",
    "dagster/failure_reason",
}  # fmt: skip
HIDDEN = ".dagster/"
PLAIN_REPOSITORY = "__repository__"  # what Dagster calls the only one of a location
ASSETS = re.compile(r"__ASSET_JOB(_\d+)?")  # the job of assets that were chosen one by one
TOO_LONG = ("xceeded maximum runtime", "exceeding maximum runtime",
            "timed out due to taking longer than")  # fmt: skip
# What Dagster puts around what was raised.
WRAPPERS = {"DagsterExecutionStepExecutionError", "DagsterUserCodeExecutionError",
            "DagsterUserCodeLoadError", "RetryRequestedFromPolicy", "RetryRequested",
            "DagsterResourceFunctionError"}  # fmt: skip
UNRESOLVED = "[?]"  # a mapped step whose number is not known yet
LEVELS = {"warn": "warning"}


@dataclass(frozen=True)
class Trouble:
    """What the events of a run say went wrong: errors of steps by their keys, one for each try
    that failed; which of them wait for their next try; the run's own; the checks of assets that
    did not pass."""

    steps: Mapping[str, list[str]] = field(default_factory=dict)
    waiting: Collection[str] = ()
    run: str = ""
    message: str = ""
    checks: Sequence[str] = ()


# ------------------------------------------------------------------------------------------- runs


def read_run(row: Any, site: str, checked: Collection[str] = ()) -> Snapshot:
    """A run as a list shows it. `checked`: snapshots of jobs that check assets; a success of theirs
    may hide a check that did not pass, of which only its events tell."""
    status = RUNS.get(native_key(row["status"]), Status.UNKNOWN)
    tags = {tag["key"]: tag["value"] for tag in row["tags"]}
    is_over = status.is_final
    started, finished = row["startTime"], row["endTime"] if is_over else None
    # One that ended before its start has its end as its start as well (seen).
    has_begun = started is not None and started != finished
    return Snapshot(
        ref=row["runId"],
        workflow=read_workflow(row),
        status=status,
        native_status=row["status"] if isinstance(row["status"], str) else "",
        status_reason=read_reason(row["status"], status, tags),
        name=read_name(row, tags),
        attempt=read_attempt(tags),
        created_at=read_time(row["creationTime"]),
        started_at=read_time(started) if has_begun else None,
        finished_at=read_time(finished),
        url=f"{site}/runs/{quote(row['runId'], safe='')}",
        retry_of=row["parentRunId"] or "",
        labels=read_labels(tags),
        input=row["runConfig"],
        raw=row,
        offers=read_offers(row, status),
        # Dagster marks a run that took too long as failed or, where its process was quicker, as
        # canceled (seen): only its events tell.
        needs_detail=status in (Status.FAILED, Status.CANCELED)
        or (status is Status.SUCCEEDED and row["pipelineSnapshotId"] in checked),
    )


def read_workflow(row: Mapping[str, Any]) -> Workflow:
    job, origin = row["jobName"], row["repositoryOrigin"]
    if not origin:  # made by a script, from a code location that no server knows
        return Workflow(ref=job, name=job)
    place = origin["repositoryLocationName"], origin["repositoryName"]
    return workflow_of(*place, job)


def workflow_of(location: str, repository: str, job: str) -> Workflow:
    """Names of jobs and repositories have no slash in them, those of locations may."""
    group = location if repository == PLAIN_REPOSITORY else f"{repository}@{location}"
    is_own = not ASSETS.fullmatch(job)
    return Workflow(
        ref=f"{location}/{repository}/{job}",
        name=job if is_own else "Assets",
        group=group,
        can_start=is_own,
    )


def read_job(location: str, repository: str, row: Mapping[str, Any]) -> Workflow:
    return workflow_of(location, repository, row["name"])


def read_reason(word: Any, status: Status, tags: Mapping[str, str]) -> str:
    if status is Status.UNKNOWN:
        return "unrecognized"
    if status is Status.FAILED:
        return tags.get("dagster/failure_reason", "").lower()[:60]
    return REASONS.get(native_key(word), "")


def read_name(row: Mapping[str, Any], tags: Mapping[str, str]) -> str:
    """What tells it from the other runs of its job."""
    if partition := tags.get("dagster/partition"):
        return partition
    if row["assetSelection"] and ASSETS.fullmatch(row["jobName"]):
        return ", ".join(sorted(map(asset_name, row["assetSelection"])))[:300]
    return ""


def asset_name(key: Mapping[str, Any]) -> str:
    return "/".join(key["path"])


def read_attempt(tags: Mapping[str, str]) -> int:
    """Of a run that Dagster itself tried again."""
    number = tags.get("dagster/retry_number", "")
    return int(number) + 1 if number.isdigit() and number.isascii() else 0


def read_labels(tags: Mapping[str, str]) -> dict[str, str]:
    """What people set comes first, because the number of labels is limited."""
    shown = {key: tags[key] for key in tags if key not in NOT_LABELS and not key.startswith(HIDDEN)}
    return dict(sorted(shown.items(), key=lambda tag: tag[0].startswith("dagster/")))


def read_offers(row: Mapping[str, Any], status: Status) -> frozenset[Verb]:
    if not status.is_final:
        is_known = status is not Status.UNKNOWN and row["hasTerminatePermission"]
        return frozenset({Verb.CANCEL} if is_known else ())
    is_open = status in (Status.FAILED, Status.CANCELED) and row["repositoryOrigin"]
    return frozenset({Verb.RETRY} if is_open and row["hasReExecutePermission"] else ())


def checking(row: Mapping[str, Any]) -> str:
    """The snapshot of the job of a run that was to check assets, else ""."""
    return row["pipelineSnapshotId"] if row["assetChecks"] else ""


def needs_events(run: Snapshot, row: Mapping[str, Any]) -> bool:
    """Whether something went wrong of which only the events of the run tell more."""
    if run.needs_detail or (run.status is Status.SUCCEEDED and row["assetChecks"]):
        return True
    return any(
        native_key(each["status"]) == "failure" or was_tried(each) for each in row["stepStats"]
    )


def was_tried(about: Mapping[str, Any]) -> bool:
    """Whether a try of this step failed: of one that goes on, those that ended are listed."""
    return len(about["attempts"]) > (native_key(about["status"]) != "inprogress")


def whole(run: Snapshot, row: Mapping[str, Any], trouble: Trouble) -> Snapshot:
    """A run with its steps, outputs and what went wrong."""
    steps = tuple(read_steps(row, run.status, trouble))
    outputs = tuple(read_outputs(row["assetMaterializations"]))
    is_planned = bool(row["stepKeysToExecute"] or row["executionPlan"])
    run = replace(
        run, steps=steps, is_planned=is_planned, questions=(), outputs=outputs, needs_detail=False
    )
    if run.status is Status.SUCCEEDED and trouble.checks:
        failed_checks = f"Checks that did not pass: {', '.join(trouble.checks)}"
        return replace(run, status=Status.WARNING, status_reason="asset_check", error=failed_checks)
    if run.status not in (Status.FAILED, Status.CANCELED):
        return run
    if any(words in trouble.message for words in TOO_LONG):
        return replace(
            run, status=Status.TIMED_OUT, status_reason="max_runtime", error=trouble.message
        )
    if run.status is Status.CANCELED:
        return run
    first = next((step.error for step in steps if step.status is Status.FAILED), "")
    error = first or trouble.run or trouble.message or "Dagster does not say why it failed."
    message = trouble.message if trouble.message != error else ""
    return replace(run, error=error, message=message)


# ------------------------------------------------------------------------------------------ steps


def read_steps(row: Mapping[str, Any], run: Status, trouble: Trouble) -> Iterator[Step]:
    """In the order in which they depend on each other, which the plan has not; those that a
    mapping made stand where it was planned."""
    stats = {each["stepKey"]: each for each in row["stepStats"]}
    plan = row["executionPlan"] or {"steps": ()}
    planned = row["stepKeysToExecute"] or [each["key"] for each in plan["steps"]]
    keys: dict[str, None] = {}
    for key in planned:
        made = [each for each in stats if UNRESOLVED in key and is_made_of(each, key)]
        keys.update(dict.fromkeys(made or [key]))
    keys.update(dict.fromkeys(stats))
    for key in keys:
        yield read_step(key, stats.get(key), run, trouble)


def is_made_of(key: str, pattern: str) -> bool:
    before, _, after = pattern.partition(UNRESOLVED)
    return key.startswith(f"{before}[") and key.endswith(f"]{after}")


def read_step(key: str, about: Mapping[str, Any] | None, run: Status, trouble: Trouble) -> Step:
    """`about`: None of one that is planned alone."""
    *path, name = key.split(".")
    word = (about or {}).get("status")
    errors = trouble.steps.get(key, [])
    status, reason = read_step_status(about, run, is_waiting=key in trouble.waiting)
    has_begun = about is not None and about["startTime"] is not None
    tries = tuple(read_tries(about, status, errors)) if about and has_begun else ()
    return Step(
        ref=key,
        name=name,
        status=status,
        native_status=word if isinstance(word, str) else "",
        path=tuple(path),
        status_reason=reason,
        started_at=read_time(about["startTime"]) if about else None,
        finished_at=read_time(about["endTime"]) if about and status.is_final else None,
        error=errors[-1] if errors and status in (Status.FAILED, Status.WAITING) else "",
        attempt=len(tries),
        tries=tries if len(tries) > 1 else (),
    )


def read_step_status(
    about: Mapping[str, Any] | None, run: Status, *, is_waiting: bool
) -> tuple[Status, str]:
    """Once a run has ended, its steps have, whatever their last event says: that of a step which
    ended with its process is never written (seen)."""
    word = about["status"] if about else None
    if word is None:
        return (Status.SKIPPED, "not_reached") if run.is_final else (Status.QUEUED, "")
    status = STEPS.get(native_key(word), Status.UNKNOWN)
    if status is Status.UNKNOWN:
        return status, "unrecognized"
    if status is Status.RUNNING and run.is_final:
        return Status.CANCELED, "ended_with_run"
    if status is Status.RUNNING and is_waiting:
        return Status.WAITING, "retry"
    return status, ""


def read_tries(about: Mapping[str, Any], status: Status, errors: Sequence[str]) -> Iterator[Try]:
    """All but the last one failed. One that has not ended is not in Dagster's list (seen)."""
    marks = about["attempts"]
    if native_key(about["status"]) == "inprogress" and status is not Status.WAITING:
        marks = [*marks, {"startTime": None if marks else about["startTime"], "endTime": None}]
    for number, mark in enumerate(marks, start=1):
        is_last = number == len(marks) and status is not Status.WAITING
        yield Try(
            attempt=number,
            status=status if is_last else Status.FAILED,
            started_at=read_time(mark["startTime"]),
            finished_at=read_time(mark["endTime"]),
            error=errors[number - 1] if number <= len(errors) else "",
        )


# ----------------------------------------------------------------------------- errors and outputs


def read_trouble(events: Iterable[Mapping[str, Any]]) -> Trouble:
    steps: dict[str, list[str]] = {}
    waiting: dict[str, bool] = {}
    run = message = ""
    checks = {}
    for event in events:
        kind = event["__typename"]
        if kind in ("ExecutionStepFailureEvent", "ExecutionStepUpForRetryEvent"):
            key = event["stepKey"]
            steps.setdefault(key, []).append(error_text(event["error"]) or event["message"])
            waiting[key] = kind == "ExecutionStepUpForRetryEvent"
        elif kind == "ExecutionStepRestartEvent":
            waiting[event["stepKey"]] = False
        elif kind == "RunCancelingEvent":
            message = event["message"]
        elif kind == "RunFailureEvent":
            run, message = error_text(event["error"]) or run, event["message"]
        elif kind == "EngineEvent" and not message:
            run = error_text(event["error"]) or run  # why a run failed of which nothing else tells
        elif kind == "AssetCheckEvaluationEvent":
            about = event["evaluation"]
            name = f"{about['checkName']} of {asset_name(about['assetKey'])}"
            checks[name] = about["success"]
    failed = [name for name, is_passed in checks.items() if not is_passed]
    return Trouble(steps, [key for key in waiting if waiting[key]], run, message, failed)


def error_text(error: Mapping[str, Any] | None) -> str:
    """What was raised, and what by."""
    if not error:
        return ""
    chain = [error, *error["causes"]]
    while len(chain) > 1 and chain[0]["className"] in WRAPPERS:
        del chain[0]
    return "\nCaused by: ".join(each["message"].strip() for each in chain)


def read_outputs(events: Sequence[Mapping[str, Any]]) -> Iterator[Output]:
    """What was materialized, each time."""
    for ref, event in zip(output_refs(events), events, strict=True):
        partition = event["partition"]
        name = asset_name(event["assetKey"]) if event["assetKey"] else "asset"
        yield Output(
            ref=ref,
            name=f"{name} [{partition}]" if partition else name,
            content_type="application/json",
            step_ref=event["stepKey"] or "",
        )


def output_refs(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """They have no ids: an asset of a step by its name, and how often it came before."""
    seen: dict[str, int] = {}
    refs = []
    for event in events:
        name = asset_name(event["assetKey"]) if event["assetKey"] else ""
        ref = f"{event['stepKey']}/{name}"
        seen[ref] = seen.get(ref, 0) + 1
        refs.append(f"{ref}/{seen[ref]}")
    return refs


def read_output_value(event: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a materialization: the value itself stays with its storage."""
    return {
        "asset": asset_name(event["assetKey"]) if event["assetKey"] else None,
        "partition": event["partition"],
        "description": event["description"],
        "step": event["stepKey"],
        "tags": {tag["key"]: tag["value"] for tag in event["tags"]},
        "metadata": {each["label"]: read_metadata(each) for each in event["metadataEntries"]},
    }


def read_metadata(entry: Mapping[str, Any]) -> Any:
    """Numbers come as texts, because GraphQL has none of their size."""
    if "jsonString" in entry:
        return parse_json(entry["jsonString"].encode())
    for name in ("intRepr", "floatRepr"):
        if entry.get(name) is not None:
            return parse_json(entry[name].encode())
    about = {
        name: value
        for name, value in entry.items()
        if name not in ("__typename", "label", "description")
    }
    return next(iter(about.values())) if len(about) == 1 else about or entry["description"]


# ------------------------------------------------------------------------------------ logs, health


def read_line(event: Mapping[str, Any]) -> LogLine:
    """An event of Dagster's own, or a line that a step logged."""
    error = event.get("error")
    lines = [event["message"] or event["eventType"], *(traceback_of(error) if error else ())]
    level = str(event["level"]).lower()
    return LogLine(
        text="\n".join(lines),
        at=read_time(event["timestamp"]),
        level=LEVELS.get(level, level),
        step_ref=event["stepKey"] or "",
    )


def traceback_of(error: Mapping[str, Any]) -> Iterator[str]:
    """The innermost last, as Python prints them."""
    for each in [*reversed(error.get("causes") or ()), error]:
        yield from (line.rstrip("\n") for line in each["stack"])
        yield each["message"].strip()


def read_daemon(about: Mapping[str, Any]) -> Component:
    is_well = about["healthy"] is True
    errors = [str(each["message"]).strip() for each in about["lastHeartbeatErrors"]]
    complaint = (
        errors[0].splitlines()[0] if errors else "Dagster has had no sign of life of it lately."
    )
    name = about["daemonType"].removesuffix("_DAEMON").replace("_", " ").lower()
    return Component(
        name=f"{name} daemon",
        is_well=is_well,
        message="" if is_well else complaint,
        seen_at=read_time(about["lastHeartbeatTime"]),
    )


def read_location(entry: Mapping[str, Any]) -> Component:
    """Jobs of a code location that cannot be loaded are not started."""
    about = entry["locationOrLoadError"]
    is_well = about is None or about["__typename"] == "RepositoryLocation"
    return Component(
        name=f"code location {entry['name']}",
        is_well=is_well,
        message="" if is_well else error_text(about).partition("\n")[0],
    )

"""Prefect's words in ours: states, steps, parameters, log lines. Read `__init__.py` first.

Nothing here asks the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from providers.contract import (
    Field,
    LogLine,
    Question,
    Snapshot,
    Status,
    Step,
    Unsupported,
    Verb,
    Workflow,
    native_key,
)
from providers.http import parse_json
from providers.times import read_time as read_any_time

HISTORY = 1000  # finished runs, when discovery has no start
SCHEDULED = 1000  # runs that have not begun, the next ones first
LATE_LINES = timedelta(seconds=3)  # runner and flow send their lines in batches, every 2 s each
EDGE = 100  # lines that a cursor remembers

STATUSES = {
    "scheduled": (Status.QUEUED, ""),
    "pending": (Status.QUEUED, ""),
    "running": (Status.RUNNING, ""),
    "cancelling": (Status.RUNNING, "aborting"),
    "paused": (Status.PAUSED, ""),
    "completed": (Status.SUCCEEDED, ""),
    "failed": (Status.FAILED, ""),
    "crashed": (Status.FAILED, "crashed"),
    "cancelled": (Status.CANCELED, ""),
}
# A state has a type and a name. Names are free text; these are Prefect's own and add something.
NAMED = {
    ("scheduled", "awaitingretry"): (Status.WAITING, "retry"),
    ("scheduled", "awaitingconcurrencyslot"): (Status.WAITING, "concurrency"),
    ("scheduled", "late"): (Status.QUEUED, "late"),
    ("scheduled", "resuming"): (Status.QUEUED, "resuming"),
    ("pending", "notready"): (Status.QUEUED, "upstream"),
    ("running", "retrying"): (Status.RUNNING, "retry"),
    ("paused", "suspended"): (Status.PAUSED, "suspended"),
    ("completed", "cached"): (Status.SUCCEEDED, "cached"),
    ("completed", "rolledback"): (Status.SUCCEEDED, "rolled_back"),
    ("completed", "skipped"): (Status.SKIPPED, ""),
    ("failed", "timedout"): (Status.TIMED_OUT, ""),
}
SOONEST = "NEXT_SCHEDULED_START_TIME_ASC"
ACTIVE = ["PENDING", "RUNNING", "CANCELLING", "PAUSED"]
ENDED = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]
LEVELS = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}
KINDS: Mapping[str, Literal["text", "integer", "boolean"]] = {
    "string": "text",
    "integer": "integer",
    "boolean": "boolean",
}


def read_site(base_url: str) -> str:
    """Where the pages are: the API address without /api, for Cloud on another host."""
    cloud, _, workspace = base_url.partition("https://api.prefect.cloud/api/accounts/")
    if not cloud and workspace:
        path = workspace.replace("/workspaces/", "/workspace/")
        return f"https://app.prefect.cloud/account/{path}"
    return base_url.removesuffix("/api")


def discovery(since: datetime | None) -> Iterator[tuple[dict[str, Any], str, int | None]]:
    """Filter, order and most rows of each list to read. There is no filter by last change."""
    # First, so that a run which begins meanwhile is in the next list as well.
    yield {"state": {"type": {"any_": ["SCHEDULED"]}}}, SOONEST, SCHEDULED
    active = {"state": {"type": {"any_": ACTIVE}}}
    if since is None:
        yield active, "ID_DESC", None
        yield {"state": {"type": {"any_": ENDED}}}, "END_TIME_DESC", HISTORY
    else:
        # One list, so that a run which ends meanwhile stays in it.
        ended = {"end_time": {"after_": since.astimezone(UTC).isoformat()}}
        yield {"operator": "or_", **active, **ended}, "ID_DESC", None


def is_plan(run: Mapping[str, Any]) -> bool:
    """A run that a schedule made in advance, up to 100 per deployment; the server deletes them
    when the schedule changes. It is an execution once it is due."""
    return bool(run.get("auto_scheduled")) and native_key(run.get("state_name")) == "scheduled"


def details_of(run: Mapping[str, Any]) -> Mapping[str, Any]:
    return (run.get("state") or {}).get("state_details") or {}


def input_keys(run: Mapping[str, Any]) -> Mapping[str, str]:
    """Names of schema, description and response of the pause; empty unless it asks for input."""
    if native_key(run["state_type"]) != "paused":
        return {}
    return details_of(run).get("run_input_keyset") or {}


def read_status(run: Mapping[str, Any]) -> tuple[Status, str]:
    """Status and reason of a flow run or a task run."""
    kind, name = native_key(run["state_type"]), native_key(run["state_name"])
    if input_keys(run):
        return Status.USER_INPUT, "input"
    return NAMED.get((kind, name)) or STATUSES.get(kind, (Status.UNKNOWN, "unrecognized"))


def read_word(run: Mapping[str, Any]) -> str:
    """The state's type, and its name where that says more: "FAILED TimedOut"."""
    kind, name = str(run["state_type"] or ""), str(run["state_name"] or "")
    return kind if native_key(kind) == native_key(name) else f"{kind} {name}"


def read_offers(run: Mapping[str, Any]) -> frozenset[Verb]:
    kind = native_key(run["state_type"])
    offers: set[Verb] = set()
    if kind == "paused":
        offers.add(Verb.ANSWER if input_keys(run) else Verb.RESUME)
    # Without a deployment nothing would pick it up: the server refuses
    # (server/orchestration/core_policy.py of 3.8.8, as what follows).
    if kind in ("failed", "crashed") and run.get("deployment_id"):
        offers.add(Verb.RETRY)
    # A sub-flow lives in its parent's process and nobody watches a run without deployment: such a
    # run would stay in Cancelling (docs.prefect.io/v3/advanced/cancel-workflows, November 2026).
    has_no_process = kind == "scheduled" or details_of(run).get("pause_reschedule")
    if kind in ("scheduled", "pending", "running", "paused", "cancelling") and (
        run.get("deployment_id") or has_no_process
    ):
        offers.add(Verb.CANCEL)
    return frozenset(offers)


def read_run(run: Any, workflow: Workflow, site: str, *, has_damage: bool) -> Snapshot:
    """A run as a list shows it. `has_damage`: a task run of it failed."""
    status, reason = read_status(run)
    if status is Status.SUCCEEDED and has_damage:
        status, reason = Status.WARNING, "task_failed"
    message = (run.get("state") or {}).get("message") or ""
    went_wrong = status in (Status.FAILED, Status.TIMED_OUT)
    asks = bool(input_keys(run))
    return Snapshot(
        ref=run["id"],
        workflow=workflow,
        status=status,
        native_status=read_word(run),
        status_reason=reason,
        status_since=read_time((run.get("state") or {}).get("timestamp")),
        name=run["name"],
        message="" if went_wrong else message,
        error=message if went_wrong else "",
        created_at=read_time(run.get("created")),
        started_at=read_time(run["start_time"]),
        finished_at=read_time(run["end_time"]),
        labels=dict.fromkeys(run.get("tags") or (), ""),
        attempt=run.get("run_count") or 0,  # "number of times executed" (REST reference, 3.8)
        url=f"{site}/runs/flow-run/{run['id']}",
        input=run.get("parameters"),
        raw=run,
        questions=None if asks else (),
        offers=read_offers(run),
        needs_detail=asks,
    )


def read_question(run: Mapping[str, Any], values: Mapping[str, str]) -> Question:
    """The form of a pause. `values`: its inputs by key, each a JSON text."""
    keys = input_keys(run)
    parsed = {key: parse_json(value.encode()) for key, value in values.items()}
    schema = parsed.get(keys["schema"])
    return Question(
        ref=run["state"]["id"],
        kind="form",
        # The state is written a moment before its form (seen November 2026).
        title="The form is not there yet." if schema is None else schema.get("title", ""),
        description=parsed.get(keys.get("description", "")) or "",
        schema=schema,
        due_at=read_time(details_of(run).get("pause_timeout")),
        is_answerable=schema is not None,
    )


def child_of(task: Mapping[str, Any]) -> str:
    """The run of a sub-flow, which its parent shows as a task."""
    return details_of(task).get("child_flow_run_id") or ""


def read_steps(tasks: dict[str, list[Any]], ref: str, path: tuple[str, ...]) -> Iterator[Step]:
    """The task runs of a run, those of a sub-flow after the task that stands for it."""
    for task in tasks.pop(ref, []):
        status, reason = read_status(task)
        if reason == "upstream":
            status = Status.SKIPPED  # NotReady: what it needs failed, so it never begins
        message = (task.get("state") or {}).get("message") or ""
        yield Step(
            ref=task["id"],
            name=task["name"],
            status=status,
            native_status=read_word(task),
            path=path,
            status_reason=reason,
            started_at=read_time(task["start_time"]),
            finished_at=read_time(task["end_time"]),
            error=message if status in (Status.FAILED, Status.TIMED_OUT, Status.SKIPPED) else "",
            attempt=task.get("run_count") or 0,
            run_ref=child_of(task),
        )
        yield from read_steps(tasks, child_of(task), (*path, task["name"]))


def read_parameters(deployment: Mapping[str, Any]) -> Iterator[Field]:
    """One field per parameter of the flow; what is not a plain type is entered as JSON."""
    schema = deployment.get("parameter_openapi_schema") or {}
    defaults = deployment.get("parameters") or {}
    properties = (schema.get("properties") or {}).items()
    for key, about in sorted(properties, key=lambda item: item[1].get("position", 0)):
        target = about.get("$ref", "").rpartition("/")[2]
        about = {**(schema.get("definitions") or {}).get(target, {}), **about}
        kind: Any = KINDS.get(about.get("type", ""), "json")
        words = about.get("enum") if kind == "text" else None
        default = defaults.get(key, about.get("default"))
        yield Field(
            key=key,
            label=about.get("title", key),
            help=about.get("description", ""),
            kind="choice" if words else kind,
            required=key in (schema.get("required") or ()) and key not in defaults,
            default="" if default is None else default,
            choices=tuple((word, word) for word in words or ()),
        )


def refuse_templates(value: Any) -> None:
    """Prefect fills in its variables where a value is an object with `__prefect_kind`
    (utilities/schema_tools/hydration.py of 3.8.8); who may answer may not read those. Raises
    Unsupported."""
    if isinstance(value, Mapping):
        if "__prefect_kind" in value:
            raise Unsupported("Values with __prefect_kind are instructions; they are not sent.")
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            refuse_templates(item)


def read_line(row: Mapping[str, Any]) -> LogLine:
    return LogLine(
        text=row["message"],
        at=read_time(row["timestamp"]),
        level=LEVELS.get(row["level"], ""),
        step_ref=row.get("task_run_id") or "",
    )


def read_time(text: Any) -> datetime | None:
    """Prefect names the zone of every time: without one it is none."""
    return read_any_time(text, naive=None)


def mark_of(row: Mapping[str, Any]) -> str:
    return str(row["id"])[-8:]


def cursor_after(rows: list[Any], after: str) -> str:
    """Where to go on: a moment shortly before the last line, because lines of another process may
    come late, and marks of the lines since then, which were read already. `after`: the moment
    since which the rows were read. "" without rows."""
    if not rows:
        return ""
    times = [read_time(row["timestamp"]) for row in rows]
    known = [at for at in times if at is not None]
    if not known:
        return after and f"{after}~{'.'.join(map(mark_of, rows))}"
    begins = [known[-1] - LATE_LINES]
    if after:
        begins.append(datetime.fromisoformat(after))
    if len(known) > EDGE:
        begins.append(known[-EDGE])
    begin = max(begins)
    marks = [mark_of(row) for row, at in zip(rows, times, strict=True) if at is None or at >= begin]
    return f"{begin.isoformat()}~{'.'.join(marks)}"

"""n8n's words in ours: executions, nodes, errors, what a workflow can do. Read `__init__.py` first.

Nothing here asks the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from providers.adapters.n8n import questions
from providers.adapters.n8n.triggers import trigger_of
from providers.contract import Snapshot, Status, Step, Verb, Workflow, native_key
from providers.times import read_time

RUNS = {
    "new": Status.QUEUED,
    "running": Status.RUNNING,
    "waiting": Status.WAITING,
    "success": Status.SUCCEEDED,
    "error": Status.FAILED,
    "crashed": Status.FAILED,
    "canceled": Status.CANCELED,
    "unknown": Status.UNKNOWN,
}
REASONS = {"crashed": "crashed"}
# `waitTill` of what waits without a limit: 3000-01-01 for a person, the day before for another
# execution (seen).
FOREVER = datetime(2999, 12, 1, tzinfo=UTC)
TIMER_SLACK = timedelta(seconds=30)  # by which n8n may end a run after its time-out
LEAST_MS = 10**11  # of a time in ms; in s that is far ahead
NO_NODE = "n8n-nodes-base.stickyNote"
CALLS_WORKFLOW = "n8n-nodes-base.executeWorkflow"
CRASHED = "n8n ended while it ran, and says no more."
SILENT = "n8n does not say why it failed."
TOO_LARGE = "n8n does not show its data: there is too much of it."
MOST_STEPS = 2000  # the last ones of a run whose nodes run again and again


@dataclass(frozen=True)
class About:
    """What is remembered of a workflow. `asks`: a node of it may ask a person for a limited time;
    `goes_on`: one of its nodes lets the run succeed when it fails."""

    name: str = ""
    can_start: bool = False
    asks: bool = False
    goes_on: bool = False

    def write(self) -> str:
        flags = (("s", self.can_start), ("a", self.asks), ("g", self.goes_on))
        return f"{''.join(letter for letter, is_set in flags if is_set)} {self.name}"

    @classmethod
    def parse(cls, text: str) -> About:
        flags, _, name = text.partition(" ")
        return cls(name, "s" in flags, "a" in flags, "g" in flags)


def read_about(row: Mapping[str, Any]) -> About:
    """A workflow as n8n lists it, or as it was saved with an execution."""
    nodes = [node for node in row["nodes"] if not node.get("disabled")]
    is_on = bool(row.get("active")) and not row.get("isArchived")
    return About(
        name=row["name"],
        can_start=is_on and trigger_of(nodes) is not None,
        asks=any(questions.asks_for_a_while(node) for node in nodes),
        goes_on=any(map(goes_on, nodes)),
    )


def goes_on(node: Mapping[str, Any]) -> bool:
    """Whether the run goes on when this node fails."""
    return bool(node.get("continueOnFail")) or str(node.get("onError")).startswith("continue")


# ------------------------------------------------------------------------------------- executions


def read_run(row: Any, about: About, site: str) -> Snapshot:
    """An execution as a list shows it, which has neither errors nor names."""
    status = RUNS.get(native_key(row["status"]), Status.UNKNOWN)
    until = read_time(row["waitTill"])
    ref, workflow = row["id"], row["workflowId"]
    page = f"workflow/{quote(str(workflow), safe='')}/executions/{quote(str(ref), safe='')}"
    is_waiting = status is Status.WAITING
    return Snapshot(
        ref=ref,
        workflow=Workflow(ref=workflow, name=about.name, can_start=about.can_start),
        status=status,
        native_status=row["status"] if isinstance(row["status"], str) else "",
        status_reason=read_reason(row["status"], status),
        # That of a waiting one is when it was parked (seen).
        status_since=read_time(row["stoppedAt"]) if is_waiting else None,
        created_at=read_time(row.get("createdAt")),
        started_at=read_time(row["startedAt"]),
        finished_at=read_end(row, status),
        url=f"{site}/{page}",
        retry_of=row["retryOf"] or "",
        raw={name: row[name] for name in row if name not in ("data", "workflowData")},
        offers=read_offers(status),
        needs_detail=status in (Status.FAILED, Status.CANCELED)
        or (is_waiting and (about.asks or until is None or until >= FOREVER))
        or (status is Status.SUCCEEDED and about.goes_on),
    )


def read_reason(word: Any, status: Status) -> str:
    key = native_key(word)
    return "unrecognized" if status is Status.UNKNOWN and key not in RUNS else REASONS.get(key, "")


def read_end(row: Mapping[str, Any], status: Status) -> datetime | None:
    """A crashed one stopped some milliseconds after its start, by what n8n says (seen)."""
    is_end_known = status.is_final and native_key(row["status"]) != "crashed"
    return read_time(row["stoppedAt"]) if is_end_known else None


def read_offers(status: Status) -> frozenset[Verb]:
    if status in (Status.QUEUED, Status.RUNNING, Status.WAITING):
        return frozenset({Verb.CANCEL})
    if status in (Status.FAILED, Status.CANCELED, Status.TIMED_OUT):
        return frozenset({Verb.RETRY})
    return frozenset()


def whole(row: Any, about: About, site: str) -> Snapshot:
    """An execution with its data."""
    run = read_run(row, about, site)
    data = Data.of(row)
    steps = tuple(read_steps(data, run.status))
    run = replace(
        run,
        # The execution that called this one, or whose failure began it.
        parent_ref=str(data.parent.get("executionId") or ""),
        labels={"mode": row["mode"], **(row.get("customData") or {})},
        message=TOO_LARGE if row.get("dataTooLargeToDisplay") else "",
        input=output_of(data.first),
        steps=steps,
        questions=(),
        outputs=(),
        needs_detail=False,
    )
    if run.status is Status.WAITING:
        return waiting(run, row, data)
    if run.status is Status.SUCCEEDED:
        damaged = next((step for step in steps if step.status is Status.FAILED), None)
        run = replace(run, output=output_of(data.last))
        if damaged is not None:
            node_error = f"{damaged.name}: {damaged.error}"
            return replace(
                run, status=Status.WARNING, status_reason="node_failed", error=node_error
            )
        return run
    if run.status is Status.CANCELED:
        run = replace(run, **read_cancel(row, data))
    if run.status is Status.TIMED_OUT:
        run = replace(run, steps=tuple(interrupted(step, data) for step in steps))
    if run.status is Status.FAILED:
        silent = CRASHED if native_key(row["status"]) == "crashed" else SILENT
        run = replace(run, error=read_error(data.error) or silent)
    # Without its stack n8n does not know where to begin again, and refuses.
    is_known = data.can_go_on or bool(run.message)
    return run if is_known else replace(run, offers=run.offers - {Verb.RETRY})


def waiting(run: Snapshot, row: Mapping[str, Any], data: Data) -> Snapshot:
    """What it waits for: a time, a workflow that it called, or somebody."""
    node = data.nodes.get(data.last_name)
    kind = questions.kind_of(node) if node else ""
    until = read_time(row["waitTill"])
    if kind in questions.ASKING and node is not None:
        question = questions.read_question(run, row, node, data.last or {})
        due = until if until is not None and until < FOREVER else None
        question = replace(question, asked_at=run.status_since, due_at=due)
        offers = run.offers | ({Verb.ANSWER} if question.is_answerable else set())
        steps = tuple(asking(step, data.last_name) for step in run.steps or ())
        return replace(
            run, status=Status.USER_INPUT, status_reason=kind, questions=(question,),
            offers=offers, steps=steps,
        )  # fmt: skip
    if until is None or until >= FOREVER:
        is_call = node is not None and node["type"] == CALLS_WORKFLOW
        return replace(run, status_reason="workflow" if is_call else "")
    return replace(
        run, status_reason="timer", message=f"Waits until {until:%Y-%m-%d %H:%M:%S} UTC."
    )


def interrupted(step: Step, data: Data) -> Step:
    """The node at which the time was over says that it succeeded (seen)."""
    is_last = step.ref == f"{data.last_name}/{len(data.runs.get(data.last_name, ())) - 1}"
    if not is_last or data.present or step.status is not Status.SUCCEEDED:
        return step
    return replace(step, status=Status.TIMED_OUT, status_reason="timeout")


def asking(step: Step, name: str) -> Step:
    is_asking = step.ref.rpartition("/")[0] == name and step.status is Status.WAITING
    return replace(step, status=Status.USER_INPUT) if is_asking else step


def read_cancel(row: Mapping[str, Any], data: Data) -> dict[str, Any]:
    """Canceled is also what took longer than its workflow allows: n8n says so in no word of its
    own (seen), so the time tells. What a person stops while it goes on has its reason."""
    reason = (data.error or {}).get("reason") or ""
    limit = (row.get("workflowData") or {}).get("settings") or {}
    seconds = limit.get("executionTimeout")
    if isinstance(seconds, int | float) and seconds > 0 and not data.error:
        started, ended = read_time(row["startedAt"]), read_time(row["stoppedAt"])
        allowed = timedelta(seconds=float(seconds))
        took = ended - started if started and ended else timedelta()
        if allowed <= took <= allowed + TIMER_SLACK:
            reason = "timeout"
    if reason != "timeout":
        return {"status_reason": str(reason)}
    explanation = f"It took longer than its workflow allows ({seconds} s)." if seconds else ""
    explanation = explanation or "It took longer than n8n allows."
    return {"status": Status.TIMED_OUT, "status_reason": "timeout", "error": explanation}


# ------------------------------------------------------------------------------------------- data


@dataclass(frozen=True)
class Data:
    """The parts of an execution's data that tell something, where it was kept."""

    runs: Mapping[str, Sequence[Any]]
    """Of nodes, by their names."""
    nodes: Mapping[str, Any]
    last_name: str
    error: Mapping[str, Any] | None
    parent: Mapping[str, Any]
    can_go_on: bool
    present: str
    """The node that it is at, or was when it ended, if that has left nothing yet."""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Data:
        data = row.get("data") or {}
        result = data.get("resultData") or {}
        nodes = (row.get("workflowData") or {}).get("nodes") or ()
        runs = result.get("runData") or {}
        stack = (data.get("executionData") or {}).get("nodeExecutionStack") or ()
        present = stack[0]["node"]["name"] if stack else ""
        return cls(
            runs=runs,
            nodes={node["name"]: node for node in nodes},
            last_name=result.get("lastNodeExecuted") or "",
            error=result.get("error"),
            parent=data.get("parentExecution") or {},
            can_go_on=bool(data.get("executionData")),
            present="" if present in runs else present,
        )

    @property
    def first(self) -> Mapping[str, Any] | None:
        """What the trigger gave. After a crash n8n makes entries up for what left none."""
        entries = [entry for runs in self.runs.values() for entry in runs if entry.get("data")]
        return min(entries, key=place_of, default=None)

    @property
    def last(self) -> Mapping[str, Any] | None:
        runs = self.runs.get(self.last_name)
        return runs[-1] if runs else None


def place_of(entry: Mapping[str, Any]) -> tuple[float, int]:
    """The start is in ms; that of a node that crashed in whole seconds (seen), so it was later."""
    began = entry["startTime"]
    is_whole = began < LEAST_MS
    return began * 1000 + 999 if is_whole else began, entry.get("executionIndex") or 0


def output_of(entry: Mapping[str, Any] | None) -> Any:
    """What a node gave: its only item, else a list; of several outputs a list of such."""
    branches = ((entry or {}).get("data") or {}).get("main") or []
    outputs = [[item["json"] for item in branch or ()] for branch in branches]
    if len(outputs) > 1 and sum(map(bool, outputs)) > 1:
        return outputs
    items = [item for branch in outputs for item in branch]
    return items[0] if len(items) == 1 else items or None


# ------------------------------------------------------------------------------------------ steps


def read_steps(data: Data, run: Status) -> Iterator[Step]:
    """Each time that a node ran, as they began; then those that did not, as they were drawn.
    Without any that ran, nothing is known: n8n keeps the progress of a run only if told to."""
    if not data.runs:
        return
    ran = [(name, index) for name, runs in data.runs.items() for index in range(len(runs))]
    ran.sort(key=lambda at: place_of(data.runs[at[0]][at[1]]))
    for name, index in ran[-MOST_STEPS:]:
        yield read_step(data, name, index, run)
    for name, node in data.nodes.items():
        if name not in data.runs and node["type"] != NO_NODE and not node.get("disabled"):
            status, reason = read_idle_status(run, is_present=name == data.present)
            yield Step(
                ref=f"{name}/0", name=name, status=status, native_status="", status_reason=reason
            )


def read_idle_status(run: Status, *, is_present: bool) -> tuple[Status, str]:
    """Of a node that has left nothing."""
    if run.is_final and is_present:
        return Status.CANCELED, "ended_with_run"
    if run.is_final:
        return Status.SKIPPED, "not_reached"
    return (Status.RUNNING if is_present and run is Status.RUNNING else Status.QUEUED), ""


def read_step(data: Data, name: str, index: int, run: Status) -> Step:
    runs = data.runs[name]
    entry = runs[index]
    word = entry.get("executionStatus")
    status, reason = read_step_status(word, run)
    error = read_error(entry.get("error"))
    if not error and (found := item_error(entry, data.nodes.get(name) or {})):
        error, status, reason = found, Status.FAILED, "run_went_on"
    began = read_time(entry["startTime"])
    took = timedelta(milliseconds=float(entry.get("executionTime") or 0))
    about = entry.get("metadata") or {}
    return Step(
        ref=f"{name}/{index}",
        name=name if len(runs) == 1 else f"{name} [{index + 1}]",
        status=status,
        native_status=word if isinstance(word, str) else "",
        status_reason=reason,
        started_at=began,
        finished_at=began + took if began and status.is_final else None,
        error=error,
        # While it waits, n8n has what it was given there.
        output=output_of(entry) if status.is_final else None,
        run_ref=str((about.get("subExecution") or {}).get("executionId") or ""),
    )


def read_step_status(word: Any, run: Status) -> tuple[Status, str]:
    """Once a run has ended, its nodes have, whatever was written of the last one."""
    status = RUNS.get(native_key(word), Status.UNKNOWN)
    if status is Status.UNKNOWN:
        return status, "" if native_key(word) in RUNS else "unrecognized"
    if run.is_final and not status.is_final:
        return Status.CANCELED, "ended_with_run"
    return status, ""


def item_error(entry: Mapping[str, Any], node: Mapping[str, Any]) -> str:
    """What went wrong in a node after which the run goes on: n8n calls it a success and puts the
    error among its items (seen)."""
    if not goes_on(node):
        return ""
    branches = ((entry.get("data") or {}).get("main")) or []
    for item in (item for branch in branches for item in branch or ()):
        error = item.get("error") or item["json"].get("error")
        if error:
            return read_error(error) if isinstance(error, dict) else str(error)
    return ""


def read_error(about: Any) -> str:
    """By the node that met it, where it is named."""
    if not isinstance(about, dict):
        return str(about or "")
    message, more = about.get("message") or about.get("name") or "", about.get("description") or ""
    node = about.get("node")
    name = node.get("name") if isinstance(node, dict) else ""
    words = "\n".join(dict.fromkeys(part for part in (str(message), str(more)) if part))
    return f"{name}: {words}" if name and words else words

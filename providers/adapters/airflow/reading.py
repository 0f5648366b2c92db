"""Airflow's words in ours: states, steps, questions, parameters. Read `__init__.py` first.

Nothing here asks the server.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote

from providers.contract import (
    Component,
    Field,
    Output,
    Question,
    Snapshot,
    Status,
    Step,
    Try,
    Verb,
    Workflow,
    native_key,
)
from providers.times import read_time as read_any_time

RUNS = {
    "queued": (Status.QUEUED, ""),
    "running": (Status.RUNNING, ""),
    "success": (Status.SUCCEEDED, ""),
    "failed": (Status.FAILED, ""),
}
TASKS = {
    "": (Status.QUEUED, ""),  # null: not looked at by the scheduler yet
    "scheduled": (Status.QUEUED, ""),
    "queued": (Status.QUEUED, ""),
    "running": (Status.RUNNING, ""),
    "restarting": (Status.RUNNING, "restarting"),
    "success": (Status.SUCCEEDED, ""),
    "failed": (Status.FAILED, ""),
    "skipped": (Status.SKIPPED, ""),
    "upstreamfailed": (Status.SKIPPED, "upstream"),
    "removed": (Status.SKIPPED, "removed"),
    "deferred": (Status.WAITING, "deferred"),
    "upforreschedule": (Status.WAITING, "reschedule"),
    "upforretry": (Status.WAITING, "retry"),
    "awaitinginput": (Status.USER_INPUT, "input"),
}
OPEN = ["queued", "running"]
ENDED = ["success", "failed"]
ACTIVE = ["running", "queued", "scheduled", "restarting"]
HELD = ["deferred", "up_for_reschedule", "up_for_retry"]
ASKING = {"awaitinginput", "deferred"}  # 3.3, and 3.1 to 3.2: what a task is while it asks
BY_LAST_HELD = {native_key(word): word for word in HELD}
TIMEOUTS = {
    "AirflowTaskTimeout": "execution_timeout",
    "AirflowSensorTimeout": "sensor_timeout",
    "HITLTimeoutError": "unanswered",
    "TaskDeferralTimeout": "deferral_timeout",
}
CANCELED = "Canceled by Annunciator"
MOST_NOTE = 1000  # characters that Airflow keeps of a note
OPTIONS = "chosen_options"
KINDS: Mapping[str, Literal["text", "integer", "boolean"]] = {
    "string": "text",
    "integer": "integer",
    "boolean": "boolean",
}
# They move with every look of the scheduler and tell nothing: each poll would find a changed run.
RESTLESS = {"last_scheduling_decision", "duration"}

OWN_VALUES = ("_link_", "skipmixin_key")  # keys of values that Airflow leaves for itself

NONE: Mapping[str, Any] = {}
NO_ERROR = "Its log tells no error."
MARKED_WITHIN = timedelta(seconds=5)

Key = tuple[str, str]
"""A run: ids of a DAG's runs are its own, so both."""


@dataclass(frozen=True)
class Beside:
    """What other lists than that of the runs say about one. `states`: of tasks, None where not
    asked; `has_failed`: one of them failed although the run succeeded."""

    states: Collection[str] | None = None
    asks: bool = False
    has_failed: bool = False


def key_of(row: Mapping[str, Any]) -> Key:
    return row["dag_id"], row["dag_run_id"]


def ref_of(key: Key) -> str:
    return "/".join(key)


def path_of(ref: str) -> tuple[str, ...]:
    """Where a run is below /api/v2. Ids of DAGs have no slash in them."""
    dag, _, run = ref.partition("/")
    return "dags", dag, "dagRuns", run


def read_time(text: Any) -> datetime | None:
    """Airflow names the zone of every time: without one it is none."""
    return read_any_time(text, naive=None)


# ------------------------------------------------------------------------------------------- runs


def read_run(row: Any, beside: Beside, site: str) -> Snapshot:
    """A run as a list shows it."""
    status, reason, word = read_status(row, beside)
    dag, run = key_of(row)
    is_final = status.is_final
    note = row.get("note") or ""
    return Snapshot(
        ref=ref_of((dag, run)),
        workflow=Workflow(ref=dag, name=row.get("dag_display_name") or dag, can_start=True),
        status=status,
        native_status=word,
        status_reason=reason,
        name=run,
        message=note,
        created_at=read_time(row["queued_at"]),
        started_at=read_time(row["start_date"]),
        finished_at=read_time(row["end_date"]),
        url=f"{site}/dags/{quote(dag, safe='')}/runs/{quote(run, safe='')}",
        input=row.get("conf"),
        raw={name: row[name] for name in row if is_final or name not in RESTLESS},
        offers=read_offers(status),
        # What ended it stands in the logs of its tasks; what it asks, beside them.
        needs_detail=status in (Status.FAILED, Status.USER_INPUT),
    )


def read_status(row: Mapping[str, Any], beside: Beside) -> tuple[Status, str, str]:
    """Status, reason and Airflow's own word, with that of a waiting task: "running, deferred"."""
    word = row["state"]
    key = native_key(word)
    status, reason = RUNS.get(key, (Status.UNKNOWN, "unrecognized"))
    if status is Status.RUNNING and beside.asks:
        return Status.USER_INPUT, "input", f"{word}, awaiting_input"
    if status is Status.RUNNING and (held := held_word(beside.states or ())):
        return Status.WAITING, TASKS[native_key(held)][1], f"{word}, {held}"
    if status is Status.SUCCEEDED and beside.has_failed:
        return Status.WARNING, "task_failed", word
    if status is Status.FAILED and cancel_mark(row) in (row.get("note") or ""):
        return Status.CANCELED, "", word
    return status, reason, word if isinstance(word, str) else ""


def held_word(states: Collection[str]) -> str:
    """What the tasks of a run wait for, "" as long as one of them goes on."""
    known = {native_key(state) for state in states}
    if known & set(ACTIVE):
        return ""
    return next((word for key, word in BY_LAST_HELD.items() if key in known), "")


def cancel_mark(row: Mapping[str, Any]) -> str:
    """What a cancel of ours writes into the note: Airflow has no canceled state. It names the
    start, because a run that is cleared keeps its note and gets another start."""
    return f"{CANCELED} (start: {row.get('start_date') or 'none'})"


def noted(row: Mapping[str, Any]) -> str | None:
    """The note of a run with our mark below it. None where the mark has no room: what a person
    wrote stays."""
    note = "\n".join(filter(None, [row.get("note"), cancel_mark(row)]))
    return note if len(note) <= MOST_NOTE else None


def read_offers(status: Status) -> frozenset[Verb]:
    if status in (Status.QUEUED, Status.RUNNING, Status.WAITING):
        return frozenset({Verb.CANCEL})
    if status is Status.USER_INPUT:
        return frozenset({Verb.CANCEL, Verb.ANSWER})
    if status in (Status.FAILED, Status.CANCELED, Status.WARNING):
        return frozenset({Verb.RETRY})
    return frozenset()


def with_parts(
    run: Snapshot,
    steps: tuple[Step, ...],
    questions: tuple[Question, ...],
    outputs: tuple[Output, ...] = (),
) -> Snapshot:
    """The same run, complete."""
    asked = questions if run.status is Status.USER_INPUT else ()
    return replace(
        run, steps=steps, is_planned=True, questions=asked, outputs=outputs, needs_detail=False
    )


# ------------------------------------------------------------------------------------------ tasks


def state_of(task: Mapping[str, Any]) -> str:
    """ "" for null."""
    return task["state"] or ""


def step_ref(task: Mapping[str, Any]) -> str:
    """A mapped task is one step for each of its indexes."""
    index = task["map_index"]
    return task["task_id"] if index < 0 else f"{task['task_id']}[{index}]"


def in_order(tasks: list[Any]) -> list[Any]:
    """As they began; what has not begun comes last."""
    return sorted(
        tasks,
        key=lambda task: (
            task["start_date"] is None, task["start_date"] or "", task["task_id"],
            task["map_index"],
        ),
    )  # fmt: skip


@dataclass(frozen=True)
class Failure:
    """What the log of a failed task says, and its tries as Airflow lists them."""

    kind: str
    error: str
    tries: Sequence[Any] = ()


def read_steps(
    tasks: list[Any], failures: Mapping[str, Failure] = NONE, children: Mapping[str, str] = NONE
) -> tuple[Step, ...]:
    """`failures` and the runs that tasks started (`children`) by the refs of the steps."""
    return tuple(read_step(task, failures, children) for task in in_order(tasks))


def read_step(task: Any, failures: Mapping[str, Failure], children: Mapping[str, str]) -> Step:
    word = state_of(task)
    status, reason = task_status(word)
    # The ids of groups stand before that of the task.
    *path, own = task["task_id"].split(".")
    name = task.get("task_display_name") or ""
    name = own if name in ("", task["task_id"]) else name
    if task["map_index"] >= 0:
        name += f" [{task.get('rendered_map_index') or task['map_index']}]"
    ref = step_ref(task)
    failure = failures.get(ref, Failure("", ""))
    return Step(
        ref=ref,
        name=name,
        status=status,
        native_status=word,
        path=tuple(path),
        status_reason=reason,
        # A task that is tried again keeps the times of its last try until it begins.
        started_at=None if status is Status.QUEUED else read_time(task["start_date"]),
        finished_at=read_time(task["end_date"]) if status.is_final else None,
        error=failure.error,
        attempt=task["try_number"] or 0,
        run_ref=children.get(ref, ""),
        tries=tuple(read_tries(failure)),
    )


def task_status(word: str) -> tuple[Status, str]:
    return TASKS.get(native_key(word), (Status.UNKNOWN, "unrecognized"))


def read_tries(failure: Failure) -> Iterator[Try]:
    """The error is that of the last one: each has a log of its own."""
    rows = sorted(failure.tries, key=lambda row: row["try_number"])
    for row in rows:
        yield Try(
            attempt=row["try_number"],
            status=task_status(state_of(row))[0],
            native_status=state_of(row),
            started_at=read_time(row["start_date"]),
            finished_at=read_time(row["end_date"]),
            error=failure.error if row is rows[-1] else "",
        )


def is_to_retry(task: Mapping[str, Any], run: Mapping[str, Any]) -> bool:
    """Whether it is what a run has to do again: it failed, was cut off, or was skipped when the run
    was marked failed, which happens in a moment."""
    word = native_key(state_of(task))
    if word != "skipped" or was_cut_off(task):
        return word in ("failed", "upstreamfailed", "skipped")
    ended, task_ended = read_time(run["end_date"]), read_time(task["end_date"])
    is_marked = native_key(run["state"]) == "failed" and ended is not None
    return bool(is_marked and ended and task_ended and ended - task_ended < MARKED_WITHIN)


def was_cut_off(task: Mapping[str, Any]) -> bool:
    """Whether `dagrun_timeout` ended it: skipped, and without an end, which a task that was skipped
    by a condition has (seen)."""
    return native_key(state_of(task)) == "skipped" and task["end_date"] is None


def is_value(entry: Any) -> bool:
    """Whether a person would look for it: Airflow keeps notes of its own beside."""
    return isinstance(entry, dict) and not str(entry["key"]).startswith(OWN_VALUES)


def read_component(part: tuple[str, Any]) -> Component:
    """A part of the server, by the key that its health has."""
    name, about = part
    beats = [about[key] for key in about if key.startswith("latest_")]
    word = about["status"]
    return Component(
        name=name.replace("_", " "),
        is_well=word == "healthy",
        message="" if word == "healthy" else f"Airflow says {word or 'nothing of it'}.",
        seen_at=read_time(beats[0]) if beats else None,
    )


def read_output(entry: Mapping[str, Any]) -> Output:
    """A value that a task left (XCom)."""
    index = entry["map_index"]
    task = entry["task_id"] if index < 0 else f"{entry['task_id']}[{index}]"
    key = entry["key"]
    name = task if key == "return_value" else f"{task} {key}"
    return Output(
        ref=f"{entry['task_id']}/{index}/{key}",
        name=name,
        content_type="application/json",
        step_ref=task,
    )


# -------------------------------------------------------------------------------------- questions


def is_asked(detail: Mapping[str, Any]) -> bool:
    """Whether it can still be answered. One whose time is over stays in the list of those without
    an answer for ever: only its task tells."""
    return native_key(state_of(detail["task_instance"])) in ASKING


def options_key(params: Collection[str]) -> str:
    """The name under which the form has the options, beside those of the parameters."""
    key = OPTIONS
    while key in params:
        key += "_"
    return key


def read_question(detail: Mapping[str, Any]) -> Question:
    """Options and parameters as one form. The id of the task is another in each try."""
    params = detail.get("params") or {}
    key = options_key(params)
    one = {"type": "string", "enum": list(detail["options"])}
    many = {"type": "array", "items": one, "minItems": 1, "uniqueItems": True}
    chosen = many if detail.get("multiple") else one
    properties: dict[str, Any] = {}
    model: dict[str, Any] = {}
    required = [key]
    for name, about in params.items():
        properties[name] = read_param_schema(name, about)
        if (value := default_of(about)) is not None:
            model[name] = value
    properties[key] = {"title": "Answer", **chosen}
    if defaults := detail.get("defaults"):
        model[key] = defaults if detail.get("multiple") else defaults[0]
    return Question(
        ref=str(detail["task_instance"]["id"]),
        kind="form",
        title=detail["subject"],
        description=detail.get("body") or "",
        schema={"type": "object", "properties": properties, "required": required},
        model=model,
        asked_at=read_time(detail["created_at"]),
        assignees=tuple(each["name"] or each["id"] for each in detail.get("assigned_users") or ()),
    )


def read_answer(detail: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The body of an answer. Every parameter is named, since a task refuses an answer that leaves
    one out."""
    params = detail.get("params") or {}
    chosen = values.get(options_key(params))
    sent = {
        name: default_of(about) if values.get(name) is None else values[name]
        for name, about in params.items()
    }
    return {
        OPTIONS: list(chosen) if isinstance(chosen, list | tuple) else [chosen],
        "params_input": sent,
    }


# ------------------------------------------------------------------------------------- parameters


def default_of(about: Any) -> Any:
    return about.get("value") if isinstance(about, dict) and "schema" in about else about


def read_param_schema(name: str, about: Any) -> dict[str, Any]:
    """The JSON schema of a parameter, with its words."""
    known = about if isinstance(about, dict) and "schema" in about else {}
    schema = dict(known.get("schema") or {})
    if text := known.get("description"):
        schema.setdefault("description", text)
    return {"title": name, **schema}


def read_params(params: Mapping[str, Any]) -> Iterator[Field]:
    """One field per parameter of the DAG; what is not a plain type is entered as JSON."""
    for name, about in params.items():
        schema, default = read_param_schema(name, about), default_of(about)
        types = schema.get("type")
        listed = types if isinstance(types, list) else [types]
        plain = [each for each in listed if each != "null"]
        kind: Any = KINDS.get(str(plain[0]), "json") if len(plain) == 1 else "json"
        words = schema.get("enum")
        is_choice = isinstance(words, list) and all(isinstance(each, str) for each in words)
        if not is_choice and not any(listed) and isinstance(default, str):
            kind = "text"
        yield Field(
            key=name,
            label=schema["title"],
            help=schema.get("description", ""),
            kind="choice" if words and is_choice else kind,
            required=default is None and "null" not in listed,
            default="" if default is None else default,
            choices=tuple((word, word) for word in words or ()) if is_choice else (),
        )

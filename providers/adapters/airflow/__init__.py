"""Apache Airflow 3.1 and later, REST API v2.

Written from airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html and a real 3.3.2
server ("seen"), November 2026.

A workflow is a DAG, a run one of its runs; its ref is both ids, since those of runs are unique
within their DAG only. Airflow cannot suspend a run: pausing a DAG keeps its next runs from starting
and lets the present ones go on, so it is not offered here.
"""

from __future__ import annotations

import email.utils
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from providers import exact_json
from providers.adapter import Adapter
from providers.adapters.airflow import logs
from providers.adapters.airflow.reading import (
    ACTIVE,
    ENDED,
    HELD,
    NO_ERROR,
    OPEN,
    TIMEOUTS,
    Beside,
    Failure,
    Key,
    default_of,
    is_asked,
    is_to_retry,
    is_value,
    key_of,
    noted,
    path_of,
    read_answer,
    read_component,
    read_output,
    read_params,
    read_question,
    read_run,
    read_steps,
    ref_of,
    state_of,
    step_ref,
    was_cut_off,
    with_parts,
)
from providers.adapters.airflow.session import Session
from providers.contract import (
    BadResponse,
    Component,
    Download,
    Field,
    LogChunk,
    LogLine,
    Pace,
    Question,
    Rejected,
    Snapshot,
    Status,
    Unreachable,
    Unreadable,
    Verb,
    Workflow,
    native_key,
)
from providers.http import Http, Reply

PAGE = 100  # rows that a server gives at most where the filter stands in the address
BATCH = 500  # rows where it stands in a body: seen without a limit of the server
BATCH_CAP = 24 * 2**20  # bytes of such an answer
HISTORY = 1000  # ended runs, when discovery has no start
FEW = 100  # open runs whose steps a discovery reads along, in one request
STEPS = 2000  # tasks of a run
QUESTIONS = 2000  # of all runs
ERRORS = 3  # failed tasks of a run whose log is read for the reason
CHILDREN = 3  # runs that its tasks started
LINES = 10_000  # of a log per call: Airflow sends a log from its beginning each time
LOGS = 10  # tasks whose log is read per call
LOG_CAP = 24 * 2**20  # bytes of the log of one try
_UNANSWERED: Mapping[str, Any] = {"response_received": "false"}
_ASKING = ("awaiting_input", "deferred")
ASKS_ITSELF = (3, 3)  # before, a task that asks is deferred, and the first word is an error
# A task that is answered in the moment in which it asks fails, and its run with it (seen).
SETTLED = timedelta(seconds=5)


class Airflow(Adapter):
    name = "Apache Airflow"
    docs = "https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html"
    settings = (
        Field(key="base_url", label="Address", kind="url",
              help="Address of the web interface, for example https://airflow.example.com."),
        Field(key="username", label="User name", required=False),
        Field(key="password", label="Password", required=False, secret=True),
        Field(key="token", label="Token", required=False, secret=True,
              help="Instead of user name and password. It usually expires within a day."),
    )  # fmt: skip
    pace = Pace(per_second=8.0)
    # A second answer is refused with 409; a run that was marked failed is not marked again.
    # One that is cleared goes on, or has another end.
    repeatable = frozenset({Verb.CANCEL, Verb.ANSWER, Verb.RETRY})
    details_at_once = 20
    notes = {
        Verb.CANCEL: "Airflow ends its tasks, marks the run failed and notes who canceled it.",
        Verb.RETRY: "Clears the tasks that failed and those after them; the same run goes on.",
        Verb.START: "Triggers the DAG. While the DAG is paused, the run stays queued.",
    }

    def __init__(
        self, settings: Mapping[str, Any], http: Http, memory: MutableMapping[str, Any]
    ) -> None:
        super().__init__(settings, http, memory)
        self.session = Session(http, settings)

    def check(self) -> str:
        version, _ = self.session.version()
        dags, runs = (
            self.session.get(*path, params={"limit": 1}).json()["total_entries"]
            for path in (("dags",), ("dags", "~", "dagRuns"))
        )
        user = self.config.get("username")
        who = f"The login of {user} works" if not self.config.get("token") else "The token works"
        return f"{who} at Airflow {version}. It sees DAGs: {int(dags):,}, runs: {int(runs):,}."

    # ---------------------------------------------------------------------------------- reading

    def snapshots(self, since: datetime | None) -> Iterator[Snapshot | Unreadable]:
        _, version = self.session.version()
        yield from self._open_runs(_ASKING if version >= ASKS_ITSELF else _ASKING[1:])
        for rows in self._ended_pages(since):
            damaged = self._damaged(rows)
            yield from self.each(rows, partial(self._ended, damaged))

    def snapshot(self, ref: str) -> Snapshot:
        path = path_of(ref)
        row = self.session.get(*path).json()
        return self._whole(row, self._tasks_of(path))

    def details(self, refs: Sequence[str]) -> Iterator[Snapshot | Unreadable]:
        """Their tasks with one request. Raises NotFound where one of them is not there."""
        rows = [self.session.get(*path_of(ref)).json() for ref in refs]
        tasks: dict[Key, list[Any]] = {key_of(row): [] for row in rows}
        for task in self._batch(_ids(rows), most=STEPS * len(refs)):
            tasks.setdefault(key_of(task), []).append(task)
        yield from self.each(rows, lambda row: self._whole(row, tasks[key_of(row)]))

    def _whole(self, row: Any, tasks: list[Any]) -> Snapshot:
        """A run with everything that belongs to it."""
        key = key_of(row)
        path = path_of(ref_of(key))
        states = {state_of(task) for task in tasks}
        is_asking = native_key(row["state"]) == "running" and bool(states.intersection(_ASKING))
        questions = self._asked(path).get(key, ()) if is_asking else ()
        beside = Beside(states, bool(questions), "failed" in map(native_key, states))
        run = read_run(row, beside, self.session.site)
        if not run.status.is_final:
            return with_parts(run, read_steps(tasks), questions)
        outputs = tuple(map(read_output, self._values(path)))
        run, more = self._with_cause(run, path, tasks)
        return with_parts(run, read_steps(tasks, more, self._children(path, tasks)), (), outputs)

    def engine(self) -> Iterator[Component]:
        """The scheduler and its like; the server itself answers without them. One that never was
        there has no status."""
        parts = self.session.get("monitor", "health").json()
        known = [(name, about) for name, about in parts.items() if about["status"] is not None]
        yield from self.readable(known, read_component)

    def workflows(self) -> Iterator[Workflow]:
        for rows in self._pages(("dags",), "dags", {"order_by": "dag_id"}):
            known = [row for row in rows if isinstance(row, dict)]
            yield from self.readable(known, self._workflow)

    @staticmethod
    def _workflow(row: Mapping[str, Any]) -> Workflow:
        ref = row["dag_id"]
        return Workflow(ref=ref, name=row.get("dag_display_name") or ref, can_start=True)

    def log(self, ref: str, cursor: str) -> LogChunk:
        path = path_of(ref)
        is_complete = native_key(self.session.get(*path).json()["state"]) in ENDED
        known = logs.Cursor.parse(cursor)
        lines: list[LogLine] = []
        for count, part in enumerate(logs.parts_of(self._tasks_of(path), known)):
            room = LINES - len(lines)
            if count == LOGS or room <= 0:
                is_complete = False
                break
            left = self._entries(path, part.task, part.number)[part.start :]
            lines += [logs.read_line(entry, step_ref(part.task)) for entry in left[:room]]
            is_complete = is_complete and len(left) <= room
            known.note(part, min(len(left), room), is_whole=len(left) <= room)
        return LogChunk(lines=tuple(lines), next_cursor=known.write(), is_complete=is_complete)

    def open_output(self, ref: str, output_ref: str) -> Download:
        task, index, key = _value_of(output_ref)
        value = self._value(path_of(ref), task, index, key)
        content = exact_json.write(value)
        name = f"{task} {key}.json"
        return Download(
            name=name, content_type="application/json", chunks=iter([content]), size=len(content)
        )

    # --------------------------------------------------------------------------------- commands

    def answer(self, ref: str, question_ref: str, values: Mapping[str, Any]) -> None:
        path = path_of(ref)
        reply = self.session.get(*path, "hitlDetails", params=_UNANSWERED)
        details = [row for row in _rows(reply, "hitl_details") if is_asked(row)]
        asked = {str(detail["task_instance"]["id"]): detail for detail in details}
        if question_ref not in asked:
            raise Rejected("This question is closed: it was answered, or its time is over.")
        detail = asked[question_ref]
        if _age(read_question(detail), reply) < SETTLED:
            raise Unreachable(
                "Airflow asked this a moment ago and is not ready for an answer yet.",
                was_sent=False,
            )
        task = detail["task_instance"]
        place = (*path, "taskInstances", task["task_id"], str(task["map_index"]), "hitlDetails")
        self.session.request("PATCH", *place, json=read_answer(detail, values))

    def cancel(self, ref: str) -> None:
        """Reads first: Airflow would mark a run failed that has ended well."""
        path = path_of(ref)
        row = self.session.get(*path).json()
        if native_key(row["state"]) not in OPEN:
            raise Rejected(f"It has already ended: Airflow says {row['state']}.")
        body = {"state": "failed"}
        if (note := noted(row)) is not None:
            body["note"] = note
        self.session.request("PATCH", *path, json=body)

    def retry(self, ref: str, key: str) -> str:
        """What failed, was cut off or ended with the run is cleared, with all that comes after it:
        the same run goes on."""
        path = path_of(ref)
        row = self.session.get(*path).json()
        if native_key(row["state"]) not in ENDED:
            raise Rejected(f"It has not ended: Airflow says {row['state']}.")
        tasks = [task for task in self._tasks_of(path) if is_to_retry(task, row)]
        if not tasks:
            raise Rejected("None of its tasks failed, so there is nothing to try again.")
        body = {
            "dry_run": False,
            "dag_run_id": row["dag_run_id"],
            "task_ids": [
                [task["task_id"], task["map_index"]] if task["map_index"] >= 0 else task["task_id"]
                for task in tasks
            ],
            "only_failed": False,
            "include_downstream": True,
            "reset_dag_runs": True,
        }
        self.session.request("POST", "dags", row["dag_id"], "clearTaskInstances", json=body)
        return ref

    def start_fields(self, workflow_ref: str) -> tuple[Field, ...]:
        params = self._params(workflow_ref)
        if not params:
            help_text = (
                "A JSON object, which the DAG gets as its conf. This DAG names no parameters."
            )
            return (
                Field(key="arguments", label="Configuration", kind="json", required=False,
                      help=help_text),
            )  # fmt: skip
        return tuple(read_params(params))

    @staticmethod
    def arguments_of(given: Any) -> Mapping[str, Any]:
        """By the names of parameters, and as a whole for a DAG without any."""
        return {**given, "arguments": given} if isinstance(given, Mapping) else {}

    def start(self, workflow_ref: str, arguments: Mapping[str, Any], key: str) -> str:
        # A field left empty stands for the DAG's own default.
        conf = {name: value for name, value in arguments.items() if value is not None}
        if isinstance(free := conf.get("arguments"), Mapping) and len(conf) == 1:
            conf = dict(free)
        if "" in conf.values():  # an empty text is no date and no null
            params = self._params(workflow_ref)
            unset = {name for name, about in params.items() if default_of(about) is None}
            conf = {name: conf[name] for name in conf if conf[name] != "" or name not in unset}
        body = {"dag_run_id": run_id_of(key), "logical_date": None, "conf": conf}
        reply = self.session.request("POST", "dags", workflow_ref, "dagRuns", json=body)
        return "/".join(key_of(reply.json()))

    def started(self, workflow_ref: str, key: str) -> str | None:
        wanted = run_id_of(key)
        params = {"run_id_pattern": wanted, "limit": PAGE}
        reply = self.session.get("dags", workflow_ref, "dagRuns", params=params)
        rows = _rows(reply, "dag_runs")
        return next(("/".join(key_of(row)) for row in rows if row["dag_run_id"] == wanted), None)

    # ---------------------------------------------------------------------------- lists of runs

    def _open_runs(self, asking: Sequence[str]) -> Iterator[Snapshot | Unreadable]:
        """All of them, with what their tasks say. Of few the tasks are read along; of many only
        those that wait and those that go on, so that a poll stays below a request per 100 runs.
        `asking`: states of tasks that ask a person."""
        pages = self._open_pages()
        rows, total = next(pages)
        read = self._tasks_of_runs(rows) if total <= FEW else None
        if read is None:
            states = self._states(list(dict.fromkeys([*HELD, *asking])))
            for key, more in (self._states(ACTIVE) if states else {}).items():
                if key in states:
                    states[key] |= more
        else:
            states = {key: {state_of(task) for task in tasks} for key, tasks in read.items()}
        # Of a deferred task only a question tells that it asks; of few runs it is shown at once.
        present = [word for word in asking if any(word in known for known in states.values())]
        if read is None:
            present = [word for word in present if word in HELD]
        everywhere = ("dags", "~", "dagRuns", "~")
        asked = self._asked(everywhere, {"state": present}) if present else {}
        look = partial(self._open, states, asked, read)
        yield from self.each(rows, look)
        for rows, _ in pages:
            yield from self.each(rows, look)

    def _open(
        self,
        states: Mapping[Key, Collection[str]],
        asked: Mapping[Key, tuple[Question, ...]],
        read: Mapping[Key, list[Any]] | None,
        row: Any,
    ) -> Snapshot:
        key = key_of(row)
        known, questions = states.get(key, ()), asked.get(key, ())
        asks = bool(questions) or (read is None and _ASKING[0] in known)
        run = read_run(row, Beside(known, asks), self.session.site)
        if read is None or run.status.is_final:
            return run
        return with_parts(run, read_steps(read.get(key, [])), questions)

    def _open_pages(self) -> Iterator[tuple[list[Any], int]]:
        """Rows not given yet, and how many there are from here on. The next page begins where the
        last one ended, since runs that end meanwhile would shift an offset."""
        begin: str | None = None
        offset, seen = 0, set[str]()
        while True:
            body = {"states": OPEN, "order_by": "run_after", "page_limit": BATCH}
            if begin is not None:
                body |= {"run_after_gte": begin, "page_offset": offset}
            reply = self.session.read("dags", "~", "dagRuns", "list", json=body, cap=BATCH_CAP)
            rows = _rows(reply, "dag_runs")
            named = {_name_of(row): row for row in rows}
            fresh = {name: row for name, row in named.items() if name not in seen}
            seen.update(fresh)
            total = int(reply.json()["total_entries"])
            yield list(fresh.values()), total
            if not rows or offset + len(rows) >= total:
                return
            last = next(
                (row["run_after"] for row in reversed(rows)
                 if isinstance(row, dict) and "run_after" in row), begin,
            )  # fmt: skip
            offset = offset + len(rows) if last == begin else 0
            begin = last

    def _ended_pages(self, since: datetime | None) -> Iterator[list[Any]]:
        """Those that changed since then, or the latest."""
        query: dict[str, Any] = {"state": ENDED, "order_by": "-id"}
        if since is not None:
            query["updated_at_gte"] = since.astimezone(UTC).isoformat()
        most = HISTORY if since is None else None
        yield from self._pages(("dags", "~", "dagRuns"), "dag_runs", query, most)

    def _ended(self, damaged: Collection[Key], row: Any) -> Snapshot:
        beside = Beside(has_failed=key_of(row) in damaged)
        return read_run(row, beside, self.session.site)

    def _damaged(self, rows: list[Any]) -> set[Key]:
        """Which of these succeeded although a task of theirs failed. At most one request, if no
        more tasks failed than fit in it."""
        ended = [
            row
            for row in rows
            if isinstance(row, dict) and native_key(row.get("state")) == "success"
        ]
        if not ended:
            return set()
        tasks = self._batch({**_ids(ended), "state": ["failed"]}, most=STEPS)
        return {key_of(task) for task in tasks}

    def _pages(
        self, path: tuple[str, ...], name: str, query: Mapping[str, Any], most: int | None = None
    ) -> Iterator[list[Any]]:
        """Rows page by page, none twice. By the server's cursor where it has one (3.2), which
        holds while rows come and go, else by their number."""
        cursor, offset, seen = "", 0, set[str]()
        while most is None or offset < most:
            params = {**query, "limit": PAGE, "offset": offset, "cursor": cursor}
            reply = self.session.get(*path, params=params)
            rows = _rows(reply, name)
            named = {_name_of(row): row for row in rows}
            fresh = {key: row for key, row in named.items() if key not in seen}
            seen.update(fresh)
            yield list(fresh.values())
            body = reply.json()
            offset += len(rows)
            if "next_cursor" in body:
                cursor = body["next_cursor"] or ""
                is_last = not cursor
            else:
                is_last = offset >= int(body["total_entries"])
            if is_last or not fresh:
                return

    # --------------------------------------------------------------------------- tasks, values

    def _tasks_of(self, path: tuple[str, ...]) -> list[Any]:
        pages = self._pages((*path, "taskInstances"), "task_instances", {}, STEPS)
        return [row for page in pages for row in page if isinstance(row, dict)]

    def _tasks_of_runs(self, rows: list[Any]) -> dict[Key, list[Any]] | None:
        """The tasks of these runs in one request; None where they do not fit in it."""
        runs = [row for row in rows if isinstance(row, dict) and _is_named(row)]
        if not runs:
            return {}
        reply = self._read_tasks({**_ids(runs), "page_limit": BATCH})
        tasks = _rows(reply, "task_instances")
        if int(reply.json()["total_entries"]) > len(tasks):
            return None
        found: dict[Key, list[Any]] = {key_of(row): [] for row in runs}
        for task in tasks:
            found.setdefault(key_of(task), []).append(task)
        return found

    def _states(self, wanted: list[str]) -> dict[Key, set[str]]:
        """The states, of these, in which runs have tasks now."""
        found: dict[Key, set[str]] = defaultdict(set)
        for task in self._batch({"state": wanted}, most=None):
            found[key_of(task)].add(state_of(task))
        return found

    def _batch(self, where: Mapping[str, Any], most: int | None) -> Iterator[Any]:
        offset = 0
        while most is None or offset < most:
            body = {**where, "order_by": "id", "page_limit": BATCH, "page_offset": offset}
            reply = self._read_tasks(body)
            rows = _rows(reply, "task_instances")
            yield from rows
            offset += len(rows)
            if not rows or offset >= int(reply.json()["total_entries"]):
                return

    def _read_tasks(self, body: Mapping[str, Any]) -> Reply:
        path = ("dags", "~", "dagRuns", "~", "taskInstances", "list")
        return self.session.read(*path, json=body, cap=BATCH_CAP)

    def _asked(
        self, path: tuple[str, ...], query: Mapping[str, Any] = _UNANSWERED
    ) -> dict[Key, tuple[Question, ...]]:
        """Open questions by run."""
        found: dict[Key, tuple[Question, ...]] = {}
        where = {**_UNANSWERED, **query}
        for rows in self._pages((*path, "hitlDetails"), "hitl_details", where, QUESTIONS):
            for row in rows:
                if is_asked(row):
                    key = key_of(row["task_instance"])
                    found[key] = (*found.get(key, ()), read_question(row))
        return found

    def _entries(self, path: tuple[str, ...], task: Mapping[str, Any], number: int) -> list[Any]:
        """The log of one try, line by line."""
        place = (*path, "taskInstances", task["task_id"], "logs", str(number))
        params = {"map_index": task["map_index"], "full_content": "true"}
        return _rows(self.session.get(*place, params=params, cap=LOG_CAP), "content")

    def _with_cause(
        self, run: Snapshot, path: tuple[str, ...], tasks: list[Any]
    ) -> tuple[Snapshot, dict[str, Failure]]:
        """What ended it, by the logs of the tasks that failed first; and what these say."""
        found: dict[str, Failure] = {}
        failed = [task for task in tasks if native_key(state_of(task)) == "failed"]
        failed.sort(key=lambda task: task["end_date"] or "")
        for task in failed[:ERRORS]:
            kind, sentence = logs.cause(self._entries(path, task, task["try_number"]))
            found[step_ref(task)] = Failure(kind, sentence or NO_ERROR, self._tries(path, task))
        if run.status is not Status.FAILED:
            return run, found
        first = next(
            iter(found.values()), Failure("", "Airflow says that it failed, no task does.")
        )
        if any(map(was_cut_off, tasks)):
            first = Failure("", "The run took longer than its DAG allows (dagrun_timeout).")
            run = replace(run, status=Status.TIMED_OUT, status_reason="dagrun_timeout")
        elif first.kind in TIMEOUTS:
            run = replace(run, status=Status.TIMED_OUT, status_reason=TIMEOUTS[first.kind])
        return replace(run, error=first.error), found

    def _tries(self, path: tuple[str, ...], task: Mapping[str, Any]) -> list[Any]:
        """All of a task that was tried more than once."""
        if task["try_number"] < 2:
            return []
        place = (*path, "taskInstances", task["task_id"], str(task["map_index"]), "tries")
        return _rows(self.session.get(*place), "task_instances")

    def _values(self, path: tuple[str, ...]) -> list[Any]:
        reply = self.session.get(*path, "taskInstances", "~", "xcomEntries", params={"limit": PAGE})
        return [row for row in _rows(reply, "xcom_entries") if is_value(row)]

    def _value(self, path: tuple[str, ...], task: str, index: str, key: str) -> Any:
        place = (*path, "taskInstances", task, "xcomEntries", key)
        return self.session.get(*place, params={"map_index": index}).json()["value"]

    def _children(self, path: tuple[str, ...], tasks: list[Any]) -> dict[str, str]:
        """Runs that tasks of this one started, by the refs of the steps."""
        starters = [task for task in tasks if task.get("operator") == "TriggerDagRunOperator"]
        found = {}
        for task in [each for each in starters if native_key(state_of(each)) == "success"][
            :CHILDREN
        ]:
            dag = (task.get("rendered_fields") or {}).get("trigger_dag_id")
            run = self._value(path, task["task_id"], str(task["map_index"]), "trigger_run_id")
            if isinstance(dag, str) and isinstance(run, str):
                found[step_ref(task)] = f"{dag}/{run}"
        return found

    def _params(self, workflow_ref: str) -> Mapping[str, Any]:
        details = self.session.get("dags", workflow_ref, "details").json()
        return details["params"] or {}


def run_id_of(key: str) -> str:
    """A start whose answer is lost is found by it; Airflow refuses the same once more (seen)."""
    return f"manual__{key}"


def _value_of(output_ref: str) -> tuple[str, str, str]:
    task, index, key = output_ref.split("/", 2)
    return task, index, key


def _age(question: Question, reply: Reply) -> timedelta:
    """How long it is asked, by the server's own clock."""
    try:
        now = email.utils.parsedate_to_datetime(reply.headers.get("Date", ""))
    except (ValueError, TypeError):
        return SETTLED
    return now - question.asked_at if question.asked_at else SETTLED


def _rows(reply: Reply, name: str) -> list[Any]:
    body = reply.json()
    rows = body.get(name) if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise BadResponse(f"{reply.where} answered without {name}.")
    return rows


def _name_of(row: Any) -> str:
    """What tells two rows apart, also where one is not as documented."""
    if not isinstance(row, dict):
        return str(row)
    parts = [row.get(name) for name in ("id", "dag_id", "dag_run_id")]
    return str(parts) if any(parts) else str(row)


def _is_named(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("dag_id"), str) and isinstance(row.get("dag_run_id"), str)


def _ids(rows: list[Any]) -> dict[str, list[str]]:
    named = [row for row in rows if _is_named(row)]
    return {
        "dag_ids": sorted({row["dag_id"] for row in named}),
        "dag_run_ids": sorted({row["dag_run_id"] for row in named}),
    }

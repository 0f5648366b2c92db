"""Prefect 3, self-hosted server or Cloud, REST API.

Written from docs.prefect.io/v3 and a real 3.8.8 server ("seen"), November 2026.

What a person can start at Prefect is a deployment, so the workflow of a run is its deployment where
it has one (named "flow / deployment") and its flow where it has none (sub-flows, runs started by
hand). Only the former can be started.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from providers.adapter import Adapter
from providers.adapters.prefect.reading import (
    child_of,
    cursor_after,
    discovery,
    input_keys,
    is_plan,
    mark_of,
    read_line,
    read_parameters,
    read_question,
    read_run,
    read_site,
    read_status,
    read_steps,
    refuse_templates,
)
from providers.contract import (
    BadResponse,
    Field,
    LogChunk,
    Option,
    Question,
    Rejected,
    Snapshot,
    Step,
    Unreadable,
    Verb,
    Workflow,
    native_key,
)
from providers.http import Http, Reply, by_offset, row_key

PAGE = 200  # ids in one question, and a measure for the following
STEPS = 600  # task runs per level of sub-flows
LINES = 1000  # of a log per call
NESTING = 3  # levels of sub-flows whose steps are shown inside a run

RESUMED = {"RUNNING", "SCHEDULED"}  # the latter a suspended run, which needs a new process
COMPLAINT = re.compile(r"for field '([^'.\[]+)[^']*'\. Failure reason: (.+)", re.DOTALL)


class Prefect(Adapter):
    name = "Prefect"
    docs = "https://docs.prefect.io/v3/api-ref/rest-api"
    settings = (
        Field(key="base_url", label="API address", kind="url",
              help="Ends in /api; for Prefect Cloud it goes on to the workspace."),
        Field(key="api_key", label="API key", required=False, secret=True,
              help="Prefect Cloud."),
        Field(key="auth", label="Login", required=False, secret=True,
              help="user:password, for a server with PREFECT_SERVER_API_AUTH_STRING."),
    )  # fmt: skip
    # https://docs.prefect.io/v3/concepts/rate-limits (November 2026), of Prefect Cloud. A server of
    # one's own answers 503 when its database is busy: nothing says that nothing was done.
    not_carried_out = frozenset({429})
    # Cancelling again changes nothing; an answer names the state of the run that it is for; a run
    # that was scheduled for a retry shows it until it runs.
    repeatable = frozenset({Verb.CANCEL, Verb.ANSWER, Verb.RETRY})
    options = {
        Verb.CANCEL: (
            Option(
                value="graceful",
                label="Ask the process to end",
                means="Its runner or worker ends it.",
            ),
            Option(
                value="forced",
                label="Set it to Cancelled at once",
                means="For a run that nobody ends: a process that is still alive goes on.",
                is_danger=True,
            ),
        )
    }
    notes = {
        Verb.CANCEL: "Prefect's runner or worker ends the process; if none is alive, the run "
        "stays in Cancelling.",
        Verb.RESUME: "The flow goes on where it paused; a suspended one starts again from the top.",
        Verb.RETRY: "The same run begins again from the top; tasks whose result Prefect has kept "
        "are not done again.",
        Verb.START: "Makes a run of a deployment; it begins when a runner or worker picks it up.",
    }

    def __init__(
        self, settings: Mapping[str, Any], http: Http, memory: MutableMapping[str, Any]
    ) -> None:
        super().__init__(settings, http, memory)
        base_url = settings["base_url"].rstrip("/")
        headers = {}
        if settings.get("api_key"):
            headers["Authorization"] = f"Bearer {settings['api_key']}"
        elif settings.get("auth"):
            token = b64encode(settings["auth"].encode()).decode()
            http.remember_secret(token)
            http.remember_secret(settings["auth"].partition(":")[2])
            headers["Authorization"] = f"Basic {token}"
        self.api = http.at(base_url, headers=headers, service=self.name)
        self.site = read_site(base_url)

    def check(self) -> str:
        # Counts, because /health answers without credentials and Cloud has no /admin/version.
        runs, deployments = (
            self.api.post(kind, "count", json={}, changes=False).json()
            for kind in ("flow_runs", "deployments")
        )
        who = "The API key" if self.config.get("api_key") else "The login"
        who = f"{who} works" if "Authorization" in self.api.headers else "No login was needed"
        return f"{who}. It sees flow runs: {int(runs):,}, deployments: {int(deployments):,}."

    def snapshots(self, since: datetime | None) -> Iterator[Snapshot | Unreadable]:
        seen: set[str] = set()
        for where, sort, most in discovery(since):
            for rows in self._pages("flow_runs", {"flow_runs": where}, sort, most, seen):
                known = [row for row in rows if isinstance(row, dict)]
                runs = [row for row in known if not is_plan(row)]
                self._learn_names(runs)
                read = partial(self._read, damaged=self._damaged(runs))
                odd = [row for row in rows if not isinstance(row, dict)]
                yield from self.each(runs + odd, read)

    def snapshot(self, ref: str) -> Snapshot:
        run = self._run(ref)
        self._learn_names([run])
        questions = self._questions(run)
        is_ready = any(question.is_answerable for question in questions)
        found = self._read(run, self._damaged([run]))
        return replace(
            found,
            steps=self._steps(ref),
            questions=questions,
            outputs=(),  # results stay with the flow, the API has none
            offers=found.offers - (set() if is_ready else {Verb.ANSWER}),
            needs_detail=False,
        )

    def workflows(self) -> Iterator[Workflow]:
        for rows in self._pages("deployments", {}, "NAME_ASC", None, set()):
            known = [row for row in rows if isinstance(row, dict)]
            self._learn_names(known)
            yield from self.readable(known, self._deployment)

    def _deployment(self, row: Mapping[str, Any]) -> Workflow:
        self.memory[f"deployment:{row['id']}"] = row["name"]
        return self._workflow({"flow_id": row["flow_id"], "deployment_id": row["id"]})

    def start_fields(self, workflow_ref: str) -> tuple[Field, ...]:
        deployment = self.api.get("deployments", workflow_ref).json()
        return tuple(read_parameters(deployment))

    def answer(self, ref: str, question_ref: str, values: Mapping[str, Any]) -> None:
        refuse_templates(values)
        state = self._run(ref).get("state") or {}
        if state.get("id") != question_ref:
            raise Rejected("This question is closed: the run has moved on since it was asked.")
        body = {"run_input": dict(values)}
        self._settle(self.api.post("flow_runs", ref, "resume", json=body), RESUMED)

    def cancel(self, ref: str, option: str = "") -> None:
        state = {"type": "CANCELLING", "name": "Cancelling"}
        if option == "forced":
            state = {"type": "CANCELLED", "name": "Cancelled"}
        body = {"state": state, "force": False}
        reply = self.api.post("flow_runs", ref, "set_state", json=body)
        self._settle(reply, {"CANCELLING", "CANCELLED"})

    def resume(self, ref: str) -> None:
        self._settle(self.api.post("flow_runs", ref, "resume", json={}), RESUMED)

    def retry(self, ref: str, key: str) -> str:
        """The same run again: its `run_count` grows."""
        body = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": False}
        self._settle(self.api.post("flow_runs", ref, "set_state", json=body), {"SCHEDULED"})
        return ref

    def start(self, workflow_ref: str, arguments: Mapping[str, Any], key: str) -> str:
        refuse_templates(arguments)
        # A field left empty stands for the deployment's own default.
        parameters = {name: value for name, value in arguments.items() if value is not None}
        body = {"parameters": parameters, "idempotency_key": key}
        reply = self.api.post("deployments", workflow_ref, "create_flow_run", json=body)
        return str(reply.json()["id"])

    def started(self, workflow_ref: str, key: str) -> str | None:
        where = {"idempotency_key": {"any_": [key]}, "deployment_id": {"any_": [workflow_ref]}}
        rows = self._filter("flow_runs", flow_runs=where, limit=1)
        return str(rows[0]["id"]) if rows else None

    def log(self, ref: str, cursor: str) -> LogChunk:
        status = read_status(self._run(ref))[0]
        after, _, known = cursor.partition("~")
        where: dict[str, Any] = {"flow_run_id": {"any_": [ref]}}
        if after:
            where["timestamp"] = {"after_": after}
        pages = list(self._pages("logs", {"logs": where}, "TIMESTAMP_ASC", LINES, set()))
        rows = [row for page in pages for row in page]
        fresh = [row for row in rows if mark_of(row) not in known.split(".")]
        return LogChunk(
            lines=tuple(read_line(row) for row in fresh),
            next_cursor=cursor_after(rows, after) or cursor,
            # The last lines arrive after the final state: over when a final run brings nothing new.
            is_complete=status.is_final and not fresh,
        )

    def _settle(self, reply: Reply, wanted: set[str]) -> None:
        """Refusals come as 200; a 201 with REJECT set another state than asked for, which is as
        good when it is a wanted one: a run without a process is Cancelled at once (seen November
        2026). Raises Rejected with the server's reason."""
        body = reply.json()
        if reply.status == 201 and (body.get("state") or {}).get("type") in wanted:
            return
        reason = (body.get("details") or {}).get("reason") or f"it answered {body['status']}"
        reason = self.http.redact(reason)[:500]
        field = COMPLAINT.search(reason)
        raise Rejected(
            f"Prefect refused: {reason}",
            status=reply.status,
            detail=reason,
            fields={field[1]: field[2]} if field else None,
        )

    # ------------------------------------------------------------------------------- reading

    def _run(self, ref: str) -> Any:
        return self.api.get("flow_runs", ref).json()

    def _filter(self, *path: str, **body: Any) -> list[Any]:
        rows = self.api.post(*path, "filter", json=body, changes=False).json()
        if not isinstance(rows, list):
            raise BadResponse("Prefect answered a list request with something else.")
        return rows

    def _pages(
        self, kind: str, query: Mapping[str, Any], sort: str, most: int | None, seen: set[str]
    ) -> Iterator[list[Any]]:
        """Rows not in `seen` yet, page by page, up to `most`. Rows that move while we read come
        twice, and a page without a new one ends it. Without a `limit`, since a server refuses one
        above its own PREFECT_API_DEFAULT_LIMIT (200 unless set; seen November 2026)."""
        ask = partial(self._filter, kind, **query, sort=sort)
        return by_offset(lambda offset: ask(offset=offset), most=most, seen=seen)

    def _learn_names(self, runs: Iterable[Mapping[str, Any]]) -> None:
        """Names of flows and deployments never change: one request for those not met yet."""
        for kind in ("flow", "deployment"):
            wanted = {str(run[f"{kind}_id"]) for run in runs if run.get(f"{kind}_id")}
            ids = sorted(ref for ref in wanted if f"{kind}:{ref}" not in self.memory)
            if not ids:
                continue
            rows = self._filter(f"{kind}s", **{f"{kind}s": {"id": {"any_": ids}}})
            named = [row for row in rows if isinstance(row, dict) and {"id", "name"} <= row.keys()]
            # A deleted deployment leaves its id in its runs: remembered as nameless.
            found = dict.fromkeys(ids, "") | {row["id"]: row["name"] for row in named}
            self.memory.update({f"{kind}:{ref}": name for ref, name in found.items()})

    def _workflow(self, run: Mapping[str, Any]) -> Workflow:
        flow = self.memory.get(f"flow:{run['flow_id']}") or run["flow_id"]
        ref = run.get("deployment_id")
        if not ref:
            return Workflow(ref=run["flow_id"], name=flow)
        name = self.memory.get(f"deployment:{ref}", "")
        title = f"{flow} / {name}" if name not in ("", flow) else flow
        return Workflow(ref=ref, name=title, can_start=bool(name))

    def _damaged(self, runs: list[Any]) -> set[str]:
        """Which of these completed although a task run of theirs failed. At most one request."""
        ended = [run for run in runs if native_key(run.get("state_type")) == "completed"]
        ids = [run["id"] for run in ended if isinstance(run.get("id"), str)]
        if not ids:
            return set()
        failed = {"state": {"type": {"any_": ["FAILED", "CRASHED"]}}}
        where = {"id": {"any_": ids}}
        rows = self._filter("flow_runs", flow_runs=where, task_runs=failed)
        return {row_key(row) for row in rows}

    def _steps(self, ref: str) -> tuple[Step, ...]:
        tasks: dict[str, list[Any]] = {}
        level, seen = [ref], set[str]()
        for _ in range(NESTING):
            where = {"flow_runs": {"id": {"any_": level}}}
            # From the end, so that of a very long run the present is shown.
            sort = "EXPECTED_START_TIME_DESC"
            pages = list(self._pages("task_runs", where, sort, STEPS, seen))
            rows = [row for page in pages for row in page]
            for row in reversed(rows):
                tasks.setdefault(row["flow_run_id"], []).append(row)
            level = [child for child in map(child_of, rows) if child][:PAGE]
            if not level:
                break
        return tuple(read_steps(tasks, ref, ()))

    def _questions(self, run: Mapping[str, Any]) -> tuple[Question, ...]:
        if not (keys := input_keys(run)):
            return ()
        # One request for schema and description; the latter alone would be a 404 if there is none.
        prefix = keys["schema"].removesuffix("schema")
        rows = self._filter("flow_runs", run["id"], "input", prefix=prefix, limit=20)
        return (read_question(run, {row["key"]: row["value"] for row in rows}),)

    def _read(self, run: Any, damaged: set[str]) -> Snapshot:
        return read_run(run, self._workflow(run), self.site, has_damage=run["id"] in damaged)

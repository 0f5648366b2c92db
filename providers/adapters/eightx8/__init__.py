"""8x8 Automation (8x8 Connect), API v1: messaging workflows, listed per definition and version.

Documentation: https://developer.8x8.com/connect/reference/get-instance-status ("seed" in comments)
and its neighbors, read November 2026. `adapters.eightx8.reading` says what the words mean:
`Runnable` needs the step log, `Terminated` the errors resource. `definition_discovery` says where
to look.

Beside the definitions, `memory` holds "terminated:<ref>" (our own terminate was accepted) and
"unread:<ref>" (failed tries to read why a run was terminated).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

from providers.adapter import Adapter
from providers.adapters.eightx8 import reading
from providers.adapters.eightx8.definition_discovery import (
    PAGE,
    Definitions,
    Visit,
    get_rows,
    read_definition,
)
from providers.contract import (
    BadResponse,
    Field,
    LogChunk,
    NotFound,
    Pace,
    ProviderError,
    RateLimited,
    Snapshot,
    Unreadable,
    Verb,
    Workflow,
)
from providers.http import Reply, parse_json, plain_explanation

PUBLIC_HOST = "https://automation.8x8.com"
HISTORY_ROWS = 500  # per version, when the account is polled for the first time
MOST_ROWS = 100_000  # per list; only a server that repeats itself gets there
MOST_MARKS = 500  # accepted terminate commands that are remembered


class EightX8(Adapter):
    name = "8x8 Automation"
    docs = "https://developer.8x8.com/connect/reference/get-instance-status"
    settings = (
        Field(
            key="base_url",
            label="Address",
            kind="url",
            required=False,
            default=PUBLIC_HOST,
            help="The public host, unless 8x8 gave you another one.",
        ),
        Field(key="account_id", label="Account id", help="As 8x8 Connect shows it."),
        Field(key="api_key", label="API key", secret=True, help="Made in 8x8 Connect, API keys."),
    )
    # Nothing is documented about limits of Automation calls (November 2026; those of SMS calls
    # are 1,800 a second).
    pace = Pace(
        busy_every=timedelta(seconds=30),
        idle_every=timedelta(seconds=60),
        watched_every=timedelta(seconds=5),
        per_second=7.0,
    )
    # https://developer.8x8.com/connect/docs/api-rate-limiting (November 2026): "rejected".
    not_carried_out = frozenset({429})
    repeatable = frozenset({Verb.CANCEL})  # a run is terminated once, but suspended any time
    notes = {
        Verb.CANCEL: "Terminates the run at 8x8. A terminated run cannot be resumed.",
        Verb.SUSPEND: "Puts the run on hold until somebody resumes it.",
        Verb.START: "Starts a real run of the newest version. The values become its trigger data.",
    }

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        host = self.http.at(self.config.get("base_url") or PUBLIC_HOST)
        self._api = self.http.at(
            host.url("api", "v1", "accounts", self.config["account_id"]),
            headers={"Authorization": f"Bearer {self.config['api_key']}"},
            explain=explain,
            service="8x8",
        )
        self._definitions = Definitions(self._api, self.memory)

    # --------------------------------------------------------------------------------- reading

    def check(self) -> str:
        rows = get_rows(self._api, "definitions", limit=1)
        sees = "at least one active workflow" if rows else "no active workflow"
        return f"The key opens the 8x8 account {self.config['account_id']}, which has {sees}."

    def snapshots(self, since: datetime | None) -> Iterator[Snapshot | Unreadable]:
        """Per version: what started after `since`, and what is open."""
        self._definitions.learn()
        for item in self._definitions.odd:
            yield self.unreadable(item, TypeError("not a definition as documented"))
        seen: set[str] = set()
        for visit in self._definitions.due(since):
            row = partial(self._row, self._definitions.workflow(visit.ref), seen)
            yield from self.each(visit.through(self._runs(visit)), row)
            self._definitions.note(visit, since)

    def _row(self, workflow: Workflow, seen: set[str], run: Any) -> Snapshot | None:
        if not isinstance(run["workflowId"], str):
            raise TypeError("the run's id is no text")
        ref = f"{workflow.ref}/{run['workflowId']}"
        if ref in seen:
            return None
        seen.add(ref)
        return reading.read_row(ref, run, workflow, is_ours=self._is_ours(ref))

    def snapshot(self, ref: str) -> Snapshot:
        """One GET, and one for the errors where the state or a failed step asks for them."""
        definition, instance = reading.split(ref)
        path = ("definitions", definition, "workflows", instance)
        run = self._api.get(*path, params={"includeLogs": "true"}).json()
        errors = self._errors(*path) if reading.needs_errors(run) else []
        workflow = self._definitions.workflow(definition)
        is_ours, tries = self._is_ours(ref), self._tries(ref) + 1
        result = reading.read_run(ref, run, workflow, errors, is_ours=is_ours, tries=tries)
        self._note_try(ref, failed=result.status_reason in reading.UNDECIDED)
        return result

    def log(self, ref: str, cursor: str) -> LogChunk:
        """The instance's step log and its errors as lines, in the order of their times. The cursor
        counts the lines that were given: later ones only follow."""
        definition, instance = reading.split(ref)
        path = ("definitions", definition, "workflows", instance)
        run = self._api.get(*path, params={"includeLogs": "true"}).json()
        errors = self._errors(*path) if reading.needs_errors(run) else []
        lines = reading.read_log(run, errors or [])[int(cursor or 0) :]
        return LogChunk(
            lines=tuple(lines),
            next_cursor=str(int(cursor or 0) + len(lines)),
            is_complete=errors is not None and not lines and reading.has_ended(run),
        )

    def workflows(self) -> Iterator[Workflow]:
        for item in self._definitions.listed():
            ref, _, name = read_definition(item)
            yield Workflow(ref=ref, name=name, can_start=True)

    # -------------------------------------------------------------------------------- commands

    def start_fields(self, workflow_ref: str) -> tuple[Field, ...]:
        label = "Trigger data"
        return (Field(key="arguments", label=label, kind="json", required=False, default={}),)

    @staticmethod
    def arguments_of(given: Any) -> Mapping[str, Any]:
        return {"arguments": given}

    def cancel(self, ref: str) -> None:
        self._command(ref, "terminate")
        marks = {k: n for k, n in self.memory.items() if k.startswith("terminated:") and n}
        self.memory[f"terminated:{ref}"] = max(marks.values(), default=0) + 1
        for oldest in sorted(marks, key=marks.__getitem__)[: max(0, len(marks) - MOST_MARKS)]:
            self.memory[oldest] = None

    def suspend(self, ref: str) -> None:
        self._command(ref, "suspend")

    def resume(self, ref: str) -> None:
        self._command(ref, "resume")

    def start(self, workflow_ref: str, arguments: Mapping[str, Any], key: str) -> str:
        """`key` is not sent: 8x8 has no idempotency keys and takes any body as the run's data."""
        body = arguments["arguments"] if "arguments" in arguments else dict(arguments)
        given = {} if body in (None, "") else body
        reply = self._api.post("definitions", workflow_ref, "workflows", json=given)
        # 201, the instance's path in Location, no documented body:
        # articles/59375122713113-Test-workflow-definition (November 2026).
        path = urlsplit(reply.headers.get("Location", "")).path.rstrip("/")
        instance = unquote(path.rpartition("/")[2])
        if not instance:
            raise BadResponse("8x8 started a run but did not say which.", status=reply.status)
        return f"{workflow_ref}/{instance}"

    def _command(self, ref: str, word: str) -> None:
        """In a PATCH `status` holds a command, not a state:
        articles/59375106785945-Update-workflow-instance-status (November 2026)."""
        definition, instance = reading.split(ref)
        self._api.patch("definitions", definition, "workflows", instance, json={"status": word})

    # ------------------------------------------------------------------------------ in detail

    def _runs(self, visit: Visit) -> Iterator[Any]:
        """One list, or three. Without `version`, 8x8 lists the latest version only."""
        query = {"version": visit.version}
        recent = {"startTimeFrom": reading.write_time(visit.start)} if visit.start else {}
        try:
            most = MOST_ROWS if visit.start else HISTORY_ROWS
            is_complete = yield from self._walk(visit.ref, {**query, **recent}, most)
            if not visit.asks_open or (visit.start is None and is_complete):
                return  # the open ones were among them
            for status in ("Runnable", "Suspended"):
                yield from self._walk(visit.ref, {**query, "status": status}, MOST_ROWS)
        except NotFound:  # deleted at 8x8; that must not hide the others
            self._definitions.forget(visit.ref, visit.version)

    def _walk(
        self, definition: str, query: Mapping[str, Any], most: int
    ) -> Generator[Any, None, bool]:
        """Back in time, newest first; returns whether the end was reached. It is undocumented
        whether `offset` counts rows or pages (November 2026), so it stays 0. The end is a page
        that brings nothing new, whatever its length: a server may give less than asked for."""
        seen: set[str] = set()
        params = {**query, "limit": PAGE, "offset": 0}
        while len(seen) < most:
            rows = get_rows(self._api, "definitions", definition, "workflows", **params)
            refs = [repr(run.get("workflowId") if isinstance(run, dict) else run) for run in rows]
            yield from (run for run, ref in zip(rows, refs, strict=True) if ref not in seen)
            oldest = reading.oldest_start(rows)
            if seen.issuperset(refs) or oldest is None:
                return True
            seen.update(refs)
            # One millisecond more: the bound may be exclusive, and runs may start together.
            params["startTimeTo"] = reading.write_time(oldest + timedelta(milliseconds=1))
        return False

    def _errors(self, *path: str) -> list[Any] | None:
        """None: not readable now. A run whose cause is hidden must still be shown."""
        try:
            return reading.read_errors(self._api.get(*path, "errors").json())
        except RateLimited:
            raise
        except ProviderError:
            return None

    def _is_ours(self, ref: str) -> bool:
        return bool(self.memory.get(f"terminated:{ref}"))

    def _tries(self, ref: str) -> int:
        return self.memory.get(f"unread:{ref}") or 0

    def _note_try(self, ref: str, *, failed: bool) -> None:
        if failed:
            self.memory[f"unread:{ref}"] = min(self._tries(ref) + 1, reading.TRIES)
        elif self._tries(ref):
            self.memory[f"unread:{ref}"] = None


def explain(reply: Reply) -> str:
    """Message, code and error id; the id is what 8x8's support asks for."""
    words = plain_explanation(reply)
    try:
        body = parse_json(reply.content)
    except (ValueError, RecursionError):
        return words
    if not isinstance(body, dict):
        return words
    marks = [("code", body.get("code")), ("error id", body.get("errorId"))]
    known = ", ".join(f"{label} {value}" for label, value in marks if value is not None)
    return f"{words} ({known})" if known else words

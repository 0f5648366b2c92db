"""Dagster 1.12 and later, open source or Dagster+, GraphQL API.

Written from docs.dagster.io/api/graphql, the schema below /graphql and a real 1.13.27 server
("seen"), November 2026.

A workflow is a job of a repository in a code location, and its ref all three names. Dagster cannot
suspend a run by its API. It answers 200 to refusals, and 500 to some: the type of the answer tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from providers import exact_json
from providers.adapter import Adapter
from providers.adapters.dagster import config_form, queries
from providers.adapters.dagster.reading import (
    KEY_TAG,
    OPEN,
    RUNS,
    Trouble,
    checking,
    needs_events,
    output_refs,
    read_daemon,
    read_job,
    read_line,
    read_location,
    read_output_value,
    read_run,
    read_trouble,
    whole,
)
from providers.contract import (
    AuthFailed,
    BadResponse,
    Component,
    Download,
    Field,
    LogChunk,
    NotFound,
    Option,
    Pace,
    Rejected,
    Snapshot,
    Status,
    Unreachable,
    Unreadable,
    Verb,
    Workflow,
    native_key,
)
from providers.http import Endpoint, Reply, by_cursor, parse_json, plain_explanation

PAGE = 500  # runs; the server sets no limit to it
HISTORY = 1000  # runs, when discovery has no start
EVENTS = 1000  # of a run, in one request; a server gives at most its own limit
EVENT_PAGES = 50  # that are looked through for what went wrong
LINES = 1000  # of a log per request
LOG_PAGES = 10  # per call
OLDEST, TOO_NEW = (1, 12), (2,)
WORKS_WITH = "This works with Dagster 1.12 and every later 1.x"
CLOUD, CLOUD_HEADER = ".dagster.cloud", "Dagster-Cloud-Api-Token"
REFUSED = "Dagster refused"
PLACE = re.compile(r"at path root:([\w:]+)")
COMMANDS = {"LaunchRunSuccess", "TerminateRunSuccess"}
# Raised before anything is made; after any other error of Python a run may be there.
REFUSALS = {"DagsterInvariantViolationError", "DagsterInvalidSubsetError"}
NOT_THERE = {"RunNotFoundError", "PipelineNotFoundError", "RepositoryNotFoundError"}


class Dagster(Adapter):
    name = "Dagster"
    docs = "https://docs.dagster.io/api/graphql"
    settings = (
        Field(key="base_url", label="Address", kind="url",
              help="Address of the web interface; for Dagster+ with the deployment, "
              "as https://acme.dagster.cloud/prod."),
        Field(key="token", label="Token", required=False, secret=True,
              help="A user token of Dagster+, or what a proxy before Dagster asks for."),
    )  # fmt: skip
    pace = Pace(per_second=8.0)
    details_at_once = 20
    # A second one is refused. A run that ended is marked no more.
    repeatable = frozenset({Verb.CANCEL})
    options = {
        Verb.CANCEL: (
            Option(
                value="graceful",
                label="Ask the process to end",
                means="For a run that is queued or goes on: its steps are interrupted.",
            ),
            Option(
                value="forced",
                label="Mark it as canceled at once",
                means="For a run that nobody ends: a process that is still alive goes on.",
                is_danger=True,
            ),
        ),
        Verb.RETRY: (
            Option(
                value="from_failure",
                label="From where it failed",
                means="Steps that succeeded are not done again.",
            ),
            Option(value="all", label="All of its steps"),
        ),
    }
    notes = {
        Verb.CANCEL: "Dagster interrupts the steps; a run that is only being started cannot be "
        "asked to end.",
        Verb.RETRY: "Makes a new run, with the same config and tags.",
        Verb.START: "Launches the job; the run is queued where the deployment has a queue.",
    }

    @property
    def api(self) -> Endpoint:
        headers = {}
        if token := self.config.get("token"):
            is_cloud = (urlsplit(self.site).hostname or "").endswith(CLOUD)
            name, value = (
                (CLOUD_HEADER, token) if is_cloud else ("Authorization", f"Bearer {token}")
            )
            headers[name] = value
        return self.http.at(self.site, headers=headers, explain=explain, service=self.name)

    @property
    def site(self) -> str:
        return str(self.config["base_url"]).rstrip("/").removesuffix("/graphql")

    def check(self) -> str:
        data = self.api.graphql(queries.CHECK)
        version = supported(data)
        runs = part_of(data, "runsOrError", "Runs")["count"]
        places = part_of(data, "workspaceOrError", "Workspace")["locationEntries"]
        who = "The token works at" if self.config.get("token") else "No login was needed at"
        return (
            f"{who} Dagster {version}. "
            f"It sees code locations: {len(places):,}, runs: {int(runs):,}."
        )

    # ---------------------------------------------------------------------------------- reading

    def snapshots(self, since: datetime | None) -> Iterator[Snapshot | Unreadable]:
        """The open ones; then all that changed, without regard to their status."""
        seen: set[str] = set()
        changed = {"updatedAfter": since.timestamp()} if since else {}
        for where, most in (
            ({"statuses": OPEN}, None),
            (changed, None if since else HISTORY),
        ):
            for rows in self._pages(where, most, seen):
                read = partial(read_run, site=self.site, checked=self._checked(rows))
                yield from self.each(rows, read)

    def snapshot(self, ref: str) -> Snapshot:
        found = list(self._details([ref]))
        if not found:
            raise NotFound("Dagster knows no such run.")
        return self._whole(*found)

    def details(self, refs: Sequence[str]) -> Iterator[Snapshot | Unreadable]:
        """One request, and one more for those of which something went wrong."""
        rows = list(self._details(refs))
        troubles = self._troubles(rows)
        yield from self.each(rows, lambda row: self._whole(row, troubles))

    def _whole(self, row: Any, troubles: Mapping[str, Trouble] | None = None) -> Snapshot:
        run = read_run(row, self.site)
        found = self._troubles([row]) if troubles is None else troubles
        return whole(run, row, found.get(run.ref, Trouble()))

    def engine(self) -> Iterator[Component]:
        """The daemons, without which nothing is taken from the queue, and the code locations."""
        data = self.api.graphql(queries.HEALTH)
        daemons = data["instance"]["daemonHealth"]["allDaemonStatuses"]
        yield from self.readable([each for each in daemons if each["required"]], read_daemon)
        places = part_of(data, "workspaceOrError", "Workspace")["locationEntries"]
        yield from self.readable(places, read_location)

    def workflows(self) -> Iterator[Workflow]:
        data = self.api.graphql(queries.JOBS)
        for each in part_of(data, "repositoriesOrError", "RepositoryConnection")["nodes"]:
            read = partial(read_job, each["location"]["name"], each["name"])
            yield from (job for job in self.readable(each["jobs"], read) if job.can_start)

    def log(self, ref: str, cursor: str) -> LogChunk:
        lines = []
        for _ in range(LOG_PAGES):
            data = self.api.graphql(queries.LOG, id=ref, cursor=cursor or None, limit=LINES)
            run = part_of(data, "runOrError", "Run")
            page = part_of(data, "logsForRun", "EventConnection")
            lines += [read_line(event) for event in page["events"]]
            cursor = page["cursor"] or cursor
            if not page["hasMore"]:
                break
        status = RUNS.get(native_key(run["status"]), Status.UNKNOWN)
        return LogChunk(
            lines=tuple(lines),
            next_cursor=cursor,
            # The last events arrive after the final status: over when a run that has ended brings
            # nothing new.
            is_complete=status.is_final and not page["hasMore"] and not page["events"],
        )

    def open_output(self, ref: str, output_ref: str) -> Download:
        run = part_of(self.api.graphql(queries.OUTPUT, id=ref), "runOrError", "Run")
        events = run["assetMaterializations"]
        found = dict(zip(output_refs(events), events, strict=True))
        if output_ref not in found:
            raise NotFound("Dagster no longer has this output.")
        value = read_output_value(found[output_ref])
        content = exact_json.write(value)
        return Download(
            name=f"{(value['asset'] or 'asset').replace('/', ' ')}.json",
            content_type="application/json",
            chunks=iter([content]),
            size=len(content),
        )

    # --------------------------------------------------------------------------------- commands

    def cancel(self, ref: str, option: str = "") -> None:
        policy = "MARK_AS_CANCELED_IMMEDIATELY" if option == "forced" else "SAFE_TERMINATE"
        data = self.api.graphql(queries.TERMINATE, id=ref, policy=policy)
        part_of(data, "terminateRun", "TerminateRunSuccess")

    def retry(self, ref: str, key: str, option: str = "") -> str:
        """A new run, which names this one as its parent."""
        params = {
            "parentRunId": ref,
            "strategy": "ALL_STEPS" if option == "all" else "FROM_FAILURE",
            "extraTags": [{"key": KEY_TAG, "value": key}],
        }
        return self._launched("launchRunReexecution", queries.REEXECUTE, params)

    def start_fields(self, workflow_ref: str) -> tuple[Field, ...]:
        """The whole run config as JSON where Dagster cannot say what the job takes."""
        schema = self._schema(workflow_ref)
        fields = [leaf.field for leaf in schema.leaves] or [config_form.whole_field()]
        partition = [config_form.partition_field(schema.partitions)] if schema.partitions else []
        return (*partition, *fields)

    @staticmethod
    def arguments_of(given: Any) -> Mapping[str, Any]:
        """By the fields of a form, and as a whole for a job without any."""
        if not isinstance(given, Mapping):
            return {}
        return {**dict(config_form.flat(given)), config_form.WHOLE: given}

    def start(self, workflow_ref: str, arguments: Mapping[str, Any], key: str) -> str:
        free = {config_form.WHOLE, config_form.PARTITION}
        if arguments.keys() <= free:
            config = dict(arguments.get(config_form.WHOLE) or {})
        else:
            config = config_form.write_config(self._schema(workflow_ref).leaves, arguments)
        tags = [{"key": KEY_TAG, "value": key}]
        if partition := arguments.get(config_form.PARTITION):
            tags.append({"key": "dagster/partition", "value": partition})
        location, repository, job = place_of(workflow_ref)
        params = {
            "selector": {
                "repositoryLocationName": location,
                "repositoryName": repository,
                "jobName": job,
            },
            "runConfigData": config,
            "executionMetadata": {"tags": tags},
        }
        return self._launched("launchRun", queries.LAUNCH, params)

    def started(self, workflow_ref: str, key: str) -> str | None:
        """The first of them: one that Dagster itself tries again keeps its tags."""
        where = {"tags": [{"key": KEY_TAG, "value": key}]}
        data = self.api.graphql(queries.STARTED, filter=where)
        rows = part_of(data, "runsOrError", "Runs")["results"]
        return str(rows[-1]["runId"]) if rows else None

    def _launched(self, name: str, query: str, params: Mapping[str, Any]) -> str:
        made = part_of(self.api.graphql(query, params=params), name, "LaunchRunSuccess")
        return str(made["run"]["runId"])

    # ---------------------------------------------------------------------------- what is asked

    def _pages(
        self, where: Mapping[str, Any], most: int | None, seen: set[str]
    ) -> Iterator[list[Any]]:
        """Rows that are not in `seen`, newest first; a cursor is the id of the last one read."""
        count = 0

        def ask(cursor: str | None) -> tuple[list[Any], str | None]:
            nonlocal count
            data = self.api.graphql(queries.RUNS, filter=where, cursor=cursor, limit=PAGE)
            supported(data)
            page = part_of(data, "runsOrError", "Runs")
            rows = listed(page, "results")
            count += len(rows)
            named = [row["runId"] for row in rows if isinstance(row, dict) and row.get("runId")]
            return rows, str(named[-1]) if named and count < page["count"] else None

        return by_cursor(ask, key=row_key, most=most, seen=seen)

    def _checked(self, rows: list[Any]) -> set[str]:
        """Which of the jobs, as they were then, of those that succeeded check assets. At most one
        request: of each of them one run tells."""
        known = [row for row in rows if isinstance(row, dict)]
        ended = [row for row in known if native_key(row.get("status")) == "success"]
        one = {str(row.get("pipelineSnapshotId")): row.get("runId") for row in ended}
        if not one:
            return set()
        data = self.api.graphql(queries.CHECKED, ids=list(one.values()))
        found = listed(part_of(data, "runsOrError", "Runs"), "results")
        return set(filter(None, self.readable(found, checking)))

    def _details(self, refs: Sequence[str]) -> list[Any]:
        data = self.api.graphql(queries.DETAILS, ids=list(refs))
        return listed(part_of(data, "runsOrError", "Runs"), "results")

    def _troubles(self, rows: list[Any]) -> dict[str, Trouble]:
        """What went wrong in those of these runs that have something to tell."""
        asked = [
            row["runId"]
            for row in self.readable(rows, lambda row: row)
            if isinstance(row, dict) and self._has_trouble(row)
        ]
        if not asked:
            return {}
        data = self.api.graphql(queries.TROUBLES, ids=asked, limit=EVENTS)
        found = listed(part_of(data, "runsOrError", "Runs"), "results")
        return {row["runId"]: read_trouble(self._events(row)) for row in found}

    def _has_trouble(self, row: Mapping[str, Any]) -> bool:
        return any(self.readable([row], lambda each: needs_events(read_run(each, ""), each)))

    def _events(self, row: Mapping[str, Any]) -> Iterator[Any]:
        """Those that tell what went wrong; a long log is looked through page by page."""
        page = row["eventConnection"]
        yield from page["events"]
        for _ in range(EVENT_PAGES):
            if not page["hasMore"]:
                return
            given = {"id": row["runId"], "cursor": page["cursor"], "limit": EVENTS}
            data = self.api.graphql(queries.MORE_TROUBLES, **given)
            page = part_of(data, "logsForRun", "EventConnection")
            yield from page["events"]

    def _schema(self, workflow_ref: str) -> Schema:
        location, repository, job = place_of(workflow_ref)
        where = {
            "pipelineName": job,
            "repositoryName": repository,
            "repositoryLocationName": location,
        }
        data = self.api.graphql(queries.SCHEMA, job=where)
        keys = part_of(data, "pipelineOrError", "Pipeline")["partitionKeysOrError"]["partitionKeys"]
        about = data["runConfigSchemaOrError"]
        is_known = about["__typename"] == "RunConfigSchema"
        return Schema(config_form.leaves(about) if is_known else (), list(keys))


@dataclass(frozen=True)
class Schema:
    """What a start asks for."""

    leaves: tuple[config_form.Leaf, ...] = ()
    partitions: list[str] = field(default_factory=list)


def place_of(workflow_ref: str) -> tuple[str, str, str]:
    """Location, repository and job. Raises Rejected for a job that no server knows."""
    location, *rest = workflow_ref.rsplit("/", 2)
    if len(rest) != 2:
        raise Rejected("This job belongs to no code location, so it cannot be started here.")
    return location, rest[0], rest[1]


def part_of(data: Mapping[str, Any], name: str, wanted: str) -> Any:
    """The part of an answer, which may be an error by its type."""
    part = data[name]
    kind = part["__typename"]
    if kind == wanted:
        return part
    words = "; ".join(str(each).strip() for each in complaints(part)) or kind
    if kind in NOT_THERE:
        raise NotFound(f"Dagster does not have it: {words}", detail=words)
    if kind == "UnauthorizedError":
        raise AuthFailed(f"{REFUSED}: {words}", detail=words)
    if wanted in COMMANDS and (kind != "PythonError" or part["className"] in REFUSALS):
        raise Rejected(f"{REFUSED}: {words}", detail=words, fields=fields_of(part))
    if kind == "PythonError":
        raise Unreachable(f"Dagster met an error of its own: {words}", detail=words)
    raise BadResponse(f"Dagster answered with {kind}: {words}", detail=words)


def complaints(part: Mapping[str, Any]) -> Iterator[str]:
    for each in part.get("errors") or ():
        yield each["message"]
    for name in ("message", "invalidStepKey", "invalidOutputName"):
        if part.get(name):
            yield part[name]


def fields_of(part: Mapping[str, Any]) -> dict[str, str]:
    """Complaints about the run config by the fields of the form. Their `path` is empty (seen), so
    the words tell the place."""
    found = {}
    for each in part.get("errors") or ():
        if place := PLACE.search(each["message"]):
            found["__".join(place[1].split(":"))] = each["message"]
    return found


def supported(data: Mapping[str, Any]) -> str:
    """The server's version. Raises BadResponse for one that this adapter cannot speak with."""
    version = str(data["version"])
    parts = version.split(".")[:2]
    numbers = tuple(int(part) for part in parts if part.isdigit())
    if len(numbers) == 2 and not OLDEST <= numbers < TOO_NEW:
        old = "old" if numbers < OLDEST else "new"
        raise BadResponse(f"Dagster {version} is too {old}. {WORKS_WITH}.")
    return version


def listed(part: Mapping[str, Any], name: str) -> list[Any]:
    if not isinstance(part[name], list):
        raise BadResponse(f"Dagster answered without {name}.")
    return list(part[name])


def row_key(row: Any) -> str:
    return str((row.get("runId") if isinstance(row, dict) else None) or repr(row))


def explain(reply: Reply) -> str:
    """The words of `errors`, which a query that the server's schema does not have gets with a
    400, and one that broke in it with a 500."""
    if reply.status == 404 and reply.where.endswith("/graphql)"):
        return f"There is no GraphQL API of Dagster at this address. {WORKS_WITH}."
    try:
        body = parse_json(reply.content)
    except (ValueError, RecursionError):
        return plain_explanation(reply)
    errors = body.get("errors") if isinstance(body, dict) else None
    if not isinstance(errors, list):
        return plain_explanation(reply)
    words = [
        str(each.get("message", "")) if isinstance(each, dict) else str(each) for each in errors
    ]
    if any(word.startswith(("Cannot query field", "Unknown ")) for word in words):
        return f"This version of Dagster lacks something: {words[0]} {WORKS_WITH}."
    return "; ".join(words[:5])

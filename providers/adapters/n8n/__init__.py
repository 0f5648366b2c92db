"""n8n, self-hosted or cloud, public API v1.

Written from docs.n8n.io/api, the OpenAPI description below /api/v1 and a real 2.41.1 server
("seen"), November 2026.

A run is an execution. The API starts none: workflows with a webhook or a form trigger are started
by calling that, and the execution is found by a key of ours in its data. n8n cannot suspend one,
keeps no log, and gives out no files. Rows of lists have neither errors nor names of workflows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from providers import exact_json
from providers.adapter import Adapter
from providers.adapters.n8n.form_fields import fields_of, parts_of
from providers.adapters.n8n.questions import (
    FORM,
    GIVEN,
    TOKEN,
    Door,
    door_of,
    kind_of,
    question_ref,
)
from providers.adapters.n8n.reading import About, Data, read_about, read_run, whole
from providers.adapters.n8n.triggers import ARGUMENTS, BODIES, Trigger, trigger_of
from providers.contract import (
    BadResponse,
    Field,
    Option,
    Pace,
    Rejected,
    Snapshot,
    Unreadable,
    Unsupported,
    Verb,
    Workflow,
    native_key,
)
from providers.http import Endpoint, Http, Reply, by_cursor, plain_explanation

PAGE = 250  # executions; n8n gives no more, whatever it is asked for (seen)
WORKFLOWS = 25  # a page of them: each comes with its nodes
RECENT = 20  # executions of a workflow that are looked through for a key of ours
HISTORY = 1000  # executions, when discovery has no start
CAP = 24 * 2**20  # bytes of an answer with data
OPEN = ("running", "waiting", "new")
ABOUT = "workflow "  # before the id of one, in the account's memory
KEY = "annunciator"  # the parameter by which an execution that we started is found
WORKS_WITH = "This works with n8n 2.41 and later versions that have the public API v1"
SERVICE = "n8n"


class N8n(Adapter):
    name = "n8n"
    docs = "https://docs.n8n.io/api/"
    settings = (
        Field(key="base_url", label="Address", kind="url",
              help="Address of the web interface, for example https://n8n.example.com."),
        Field(key="api_key", label="API key", secret=True,
              help="From n8n, Settings, n8n API. It needs the scopes workflow:list, workflow:read, "
              "execution:list, execution:read, and for commands execution:stop, execution:retry."),
    )  # fmt: skip
    # A list tells the status; what a running one has done so far n8n mostly does not keep.
    pace = Pace(open_every=timedelta(minutes=2), per_second=8.0)
    repeatable = frozenset({Verb.CANCEL})  # what has stopped is not stopped again
    options = {
        Verb.RETRY: (
            Option(
                value="original",
                label="With the workflow as it was",
                means="As it was saved when this run began.",
            ),
            Option(value="current", label="With the workflow as it is now"),
        )
    }
    notes = {
        Verb.CANCEL: "n8n stops it at once; a node that is busy may still finish what it does.",
        Verb.RETRY: "Makes a new run, which begins at the node that failed with the data it had.",
        Verb.ANSWER: "Calls the address for which the run waits.",
        Verb.START: "Calls the webhook or the form of the workflow, which has to be active.",
    }

    def __init__(
        self, settings: Mapping[str, Any], http: Http, memory: MutableMapping[str, Any]
    ) -> None:
        super().__init__(settings, http, memory)
        self.site = str(settings["base_url"]).rstrip("/").removesuffix("/api/v1").rstrip("/")
        headers = {"X-N8N-API-KEY": str(settings["api_key"])}
        self.api = http.at(f"{self.site}/api/v1", headers=headers, explain=explain, service=SERVICE)
        # Without the key: a webhook keeps the headers of its calls in the data of its runs.
        self.plain: Endpoint = http.at(self.site, service=SERVICE)

    def check(self) -> str:
        self._page("executions", limit=1, startedAfter="2000-01-01T00:00:00.000Z")
        rows, more = self._page("workflows", limit=WORKFLOWS)
        count = f"{len(rows)}{' and more' if more else ''}"
        return f"The API key works at n8n. It sees workflows: {count}."

    # ---------------------------------------------------------------------------------- reading

    def snapshots(self, since: datetime | None) -> Iterator[Snapshot | Unreadable]:
        """The open ones by their status: a list without one has none that run (seen). Then what
        started lately, and the last that were canceled in the queue, which never started (seen).
        What else has ended since then was open before."""
        seen: set[str] = set()
        for status in OPEN:
            yield from self._listed(seen, None, status=status)
        if since is None:
            yield from self._listed(seen, HISTORY)
            return
        yield from self._listed(seen, None, startedAfter=write_time(since))
        rows, _ = self._page("executions", limit=RECENT, status="canceled")
        fresh = [row for row in rows if key_of(row) not in seen]
        self._learn(fresh)
        yield from self.each([row for row in fresh if not has_begun(row)], self._row)

    def _listed(
        self, seen: set[str], most: int | None, **query: str
    ) -> Iterator[Snapshot | Unreadable]:
        for rows in self._pages("executions", PAGE, most, seen, **query):
            self._learn(rows)
            yield from self.each(rows, self._row)

    def _row(self, row: Any) -> Snapshot:
        return read_run(row, self._about(row["workflowId"]), self.site)

    def snapshot(self, ref: str) -> Snapshot:
        row = self._execution(ref)
        known = self.memory.get(f"{ABOUT}{row['workflowId']}")
        saved = row.get("workflowData")
        about = read_about(saved) if known is None and saved else About.parse(known or " ")
        return whole(row, about, self.site)

    def workflows(self) -> Iterator[Workflow]:
        for rows in self._pages("workflows", WORKFLOWS, None, set(), excludePinnedData="true"):
            for row, about in self.readable(rows, lambda row: (row, read_about(row))):
                self.memory[f"{ABOUT}{row['id']}"] = about.write()
                if not row.get("isArchived"):
                    yield Workflow(ref=row["id"], name=about.name, can_start=about.can_start)

    def _learn(self, rows: Iterable[Any]) -> None:
        """All workflows again, once, where one is met that was not there before. One that is not
        among them is remembered as nameless."""
        ids = {str(row.get("workflowId")) for row in rows if isinstance(row, dict)}
        unknown = {ref for ref in ids if f"{ABOUT}{ref}" not in self.memory}
        if unknown:
            for _ in self.workflows():
                pass
            for ref in unknown:
                self.memory.setdefault(f"{ABOUT}{ref}", About().write())

    def _about(self, ref: Any) -> About:
        return About.parse(str(self.memory.get(f"{ABOUT}{ref}") or " "))

    # --------------------------------------------------------------------------------- commands

    def answer(self, ref: str, question: str, values: Mapping[str, Any]) -> None:
        row = self._execution(ref)
        data = Data.of(row)
        node, entry = data.nodes.get(data.last_name), data.last or {}
        is_waiting = native_key(row["status"]) == "waiting"
        if not is_waiting or node is None or question_ref(node, entry) != question:
            raise Rejected("This question is closed: the run has moved on since it was asked.")
        door = door_of(row, node, entry)
        if door is None:
            raise Unsupported("This question can be answered in n8n alone.")
        if kind_of(node) == FORM:
            fields = fields_of(node.get("parameters") or {}) or []
            texts, files = parts_of(fields, values)
            self._call(door, form=texts, files=files)
        else:
            self._call(door, given=values.get(GIVEN))

    def cancel(self, ref: str) -> None:
        self.api.post("executions", ref, "stop")

    def retry(self, ref: str, key: str, option: str = "") -> str:
        """A new run, which names this one. n8n answers when that has ended: the answer of a long
        one is lost, and the list shows it."""
        body = {"loadWorkflow": option == "current"}
        reply = self.api.post("executions", ref, "retry", json=body, cap=CAP)
        return str(reply.json()["id"])

    def start_fields(self, workflow_ref: str) -> tuple[Field, ...]:
        return tuple(self._trigger(workflow_ref).start_fields())

    @staticmethod
    def arguments_of(given: Any) -> Mapping[str, Any]:
        """What a webhook was called with; a form has other names for what it asks."""
        if not isinstance(given, Mapping):
            return {}
        return {ARGUMENTS: given.get("body") or given.get("query") or {}}

    def start(self, workflow_ref: str, arguments: Mapping[str, Any], key: str) -> str:
        trigger = self._trigger(workflow_ref)
        door = Door(trigger.method, trigger.path, {KEY: key})
        if trigger.fields is not None:
            values = {name.replace("_", "-", 1): arguments[name] for name in arguments}
            texts, files = parts_of(trigger.fields, values)
            self._call(door, form=texts, files=files)
        else:
            self._call(door, given=arguments.get(ARGUMENTS))
        return self.started(workflow_ref, key) or ""

    def started(self, workflow_ref: str, key: str) -> str | None:
        """The oldest with it: a run that this one called has it as well, and so has a retry."""
        wanted = exact_json.write(key)[1:-1]
        for status in ({}, {"status": "running"}):
            query = {"workflowId": workflow_ref, "includeData": "true", "limit": RECENT, **status}
            rows, _ = self._page("executions", **query)
            first = [row for row in rows if not row["retryOf"]]
            found = [
                row for row in first if wanted in exact_json.write(row.get("data"), notes=True)
            ]
            if found:
                return str(found[-1]["id"])
        return None

    def _trigger(self, workflow_ref: str) -> Trigger:
        row = self.api.get("workflows", workflow_ref, cap=CAP).json()
        trigger = trigger_of(row["nodes"])
        if trigger is None:
            raise Unsupported("n8n starts this workflow by itself: it has no open webhook or form.")
        return trigger

    def _call(self, door: Door, *, given: Any = None, form: Any = None, files: Any = None) -> None:
        """A webhook or a form. Whatever a workflow says to it is an answer, a web page as well."""
        options: dict[str, Any] = {"params": dict(door.query)}
        if form is not None:
            # n8n takes nothing but several parts here, also where there is nothing to send (seen).
            options |= {"form": form, "files": files or {}}
        elif door.method in BODIES:
            options["json"] = {} if given is None else given
        elif isinstance(given, Mapping):
            options["params"] = {**given, **door.query}
        path = self._below(door.path)
        self.plain.request(door.method, *path, changes=True, is_answer=is_success, **options)

    def _below(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """As a path below the address of the account, whose host n8n may know by another name."""
        prefix = tuple(part for part in urlsplit(self.site).path.split("/") if part)
        return path[len(prefix) :] if prefix and path[: len(prefix)] == prefix else path

    # ------------------------------------------------------------------------- lists and objects

    def _execution(self, ref: str) -> Any:
        row = self.api.get("executions", ref, params={"includeData": "true"}, cap=CAP).json()
        data = Data.of(row)
        node = data.nodes.get(data.last_name)
        if native_key(row["status"]) == "waiting" and node is not None:
            door = door_of(row, node, data.last or {})
            if door is not None and door.query.get(TOKEN):
                self.http.remember_secret(door.query[TOKEN])  # workflows send it around
        return row

    def _pages(
        self, kind: str, limit: int, most: int | None, seen: set[str], **query: str
    ) -> Iterator[list[Any]]:
        """A cursor names a place alone, so the filters are sent with each (seen)."""

        def ask(cursor: str | None) -> tuple[list[Any], str | None]:
            more = {"cursor": cursor} if cursor else {}
            return self._page(kind, limit=limit, **query, **more)

        return by_cursor(ask, key=key_of, most=most, seen=seen)

    def _page(self, kind: str, **query: Any) -> tuple[list[Any], str | None]:
        reply = self.api.get(kind, params=query, cap=CAP)
        body = reply.json()
        rows = body.get("data") if isinstance(body, dict) else None
        if not isinstance(rows, list):
            raise BadResponse(f"{reply.where} answered without a list.")
        return rows, body.get("nextCursor")


def key_of(row: Any) -> str:
    """What tells two rows apart, also where one is not as documented."""
    ref = row.get("id") if isinstance(row, dict) else None
    return f"id {ref}" if ref else repr(row)


def has_begun(row: Any) -> bool:
    return not isinstance(row, dict) or bool(row.get("startedAt"))


def is_success(reply: Reply) -> bool:
    return 200 <= reply.status < 300


def write_time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def explain(reply: Reply) -> str:
    words = plain_explanation(reply)
    if reply.status == 404 and reply.content_type != "application/json":
        return f"There is no public API of n8n at this address. {WORKS_WITH}."
    if reply.status == 400 and ("query parameter" in words or "request/query" in words):
        return f"This version of n8n is too old or too new: {words} {WORKS_WITH}."
    return words

"""Celery, as Flower 1.0 and later tells of it through its HTTP API.

Written from flower.readthedocs.io/en/latest/api.html and a real Flower 2.2 over Celery 5.7
("seen"), November 2026.

A workflow is a task by its name, a run one sending of it; the tasks of a chain, group or chord name
the one that sent them as their parent. Flower knows tasks by the events of their workers, in memory
alone: what was not reported, or was reported before it began, it does not know.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from providers.adapter import Adapter
from providers.adapters.flower.reading import OPEN, has_ended, read_task, wants_backend
from providers.contract import (
    BadResponse,
    Component,
    Field,
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
)
from providers.http import Http, Reply, by_cursor, plain_explanation
from providers.times import read_time

PAGE = 500  # tasks
FIRST_PAGE = 100  # of the latest changes: mostly enough
HISTORY = 1000  # tasks, when discovery has no start
CAP = 24 * 2**20  # bytes of a page: each task has its traceback
WORKS_WITH = "This works with Flower 1.0 and later"
REVOKED = "revoked "  # before the id of a task, in the account's memory
SIGNALS = {"terminate": "SIGTERM", "kill": "SIGKILL"}


class Flower(Adapter):
    name = "Celery Flower"
    docs = "https://flower.readthedocs.io/en/latest/api.html"
    settings = (
        Field(key="base_url", label="Address", kind="url",
              help="Of Flower's web pages, as https://flower.example.com."),
        Field(key="username", label="User name", required=False,
              help="As in Flower's basic_auth; without one it needs FLOWER_UNAUTHENTICATED_API."),
        Field(key="password", label="Password", required=False, secret=True),
    )  # fmt: skip
    # The state that a running task gave itself is read now and then; a page that shows it, at once.
    pace = Pace(open_every=timedelta(minutes=2))
    keeps_history = False
    repeatable = frozenset({Verb.CANCEL})
    options = {
        Verb.CANCEL: (
            Option(
                value="terminate",
                label="Revoke and terminate",
                means="A task that has not begun never will; one that runs gets SIGTERM.",
            ),
            Option(
                value="revoke",
                label="Revoke only",
                means="Keeps a task from beginning; one that runs goes on to its end.",
            ),
            Option(
                value="kill",
                label="Revoke and kill",
                means="As terminate, with SIGKILL: nothing of the task can clean up.",
                is_danger=True,
            ),
        )
    }
    notes = {
        Verb.CANCEL: "Only workers with processes of their own (prefork) can end a running task.",
        Verb.START: "Sends the task. Flower shows it once a worker has taken it, or at once where "
        "Celery has task_send_sent_event.",
    }

    def __init__(
        self, settings: Mapping[str, Any], http: Http, memory: MutableMapping[str, Any]
    ) -> None:
        super().__init__(settings, http, memory)
        self.site = str(settings["base_url"]).rstrip("/").removesuffix("/api")
        headers = {}
        if settings.get("username") or settings.get("password"):
            login = f"{settings.get('username') or ''}:{settings.get('password') or ''}"
            token = b64encode(login.encode()).decode()
            http.remember_secret(token)
            headers["Authorization"] = f"Basic {token}"
        address = f"{self.site}/api"
        self.api = http.at(address, headers=headers, explain=explain, service="Flower")

    def check(self) -> str:
        workers = self._workers()
        kinds = len(self._seen_types())
        user = self.config.get("username")
        who = f"The login of {user} works" if user else "No login was needed"
        online = f"{sum(workers.values()):,} of {len(workers):,}"
        return f"{who} at Flower. It sees workers online: {online}, kinds of task: {kinds:,}."

    # ---------------------------------------------------------------------------------- reading

    def snapshots(self, since: datetime | None) -> Iterator[Snapshot | Unreadable]:
        """Flower has no filter of ends. Its list begins with what was reported last, so it is read
        as far as `since`; open tasks of before are asked for by their states."""
        seen: set[str] = set()
        for state in OPEN:
            for rows in self._pages(PAGE, state=state):
                yield from self.each(fresh(rows, seen), self._listed)
        self._forget_all_but(seen)
        most = HISTORY if since is None else None
        for rows in self._pages(FIRST_PAGE, most):
            news = [row for row in rows if since is None or not is_before(row, since)]
            yield from self.each(fresh(news, seen), self._listed)
            if len(news) < len(rows):
                return

    def snapshot(self, ref: str) -> Snapshot:
        row = self._task(ref)
        if not row["name"]:
            raise NotFound("Flower began again after this task, and has forgotten what it is.")
        run = read_task(row, self.site, self._in_backend(ref) if wants_backend(row) else None)
        if run.status.is_final and row["state"] in OPEN:
            self.memory[REVOKED + ref] = row["state"]
        return run

    def engine(self) -> Iterator[Component]:
        workers = self._workers()
        if not workers:
            yield Component(name="workers", is_well=False, message="Flower knows of no worker.")
        for name, is_well in sorted(workers.items()):
            message = "" if is_well else "Flower has not heard of this worker for some time."
            yield Component(name=name, is_well=bool(is_well), message=message)

    def workflows(self) -> Iterator[Workflow]:
        """What workers have registered, and what Flower has seen of other ones."""
        names = dict.fromkeys(self._seen_types())
        for about in self._object("workers").values():
            # With the options that a task has: "sales.add [rate_limit=10/m]".
            names |= {each.partition(" [")[0]: None for each in about.get("registered") or ()}
        for name in sorted(names):
            yield Workflow(ref=name, name=name, can_start=True)

    # --------------------------------------------------------------------------------- commands

    def cancel(self, ref: str, option: str = "") -> None:
        """Reads first: Flower takes any id, and says yes to all."""
        state = self._task(ref)["state"]
        if has_ended(state):
            raise Rejected(f"It has already ended: Flower says {state}.")
        if option == "revoke" and state == "STARTED":
            raise Rejected("It runs already, so revoking alone would not end it.")
        how = {}
        if option != "revoke":
            how = {"terminate": "true", "signal": SIGNALS.get(option, "SIGTERM")}
        self.api.post("task", "revoke", ref, params=how)

    def start_fields(self, workflow_ref: str) -> tuple[Field, ...]:
        return (
            Field(key="args", label="Arguments", kind="json", required=False,
                  help="A JSON array: the positional arguments of the task."),
            Field(key="kwargs", label="Keyword arguments", kind="json", required=False,
                  help="A JSON object."),
        )  # fmt: skip

    @staticmethod
    def arguments_of(given: Any) -> Mapping[str, Any]:
        """What Flower could not tell as values cannot be sent again."""
        if not isinstance(given, Mapping):
            return {}
        kinds = {"args": list, "kwargs": dict}
        return {name: given[name] for name in kinds if isinstance(given.get(name), kinds[name])}

    def start(self, workflow_ref: str, arguments: Mapping[str, Any], key: str) -> str:
        """The key becomes the id of the task. A Flower that does not know the task itself, only
        that a worker does, sends it by its name alone."""
        args, kwargs = arguments.get("args") or [], arguments.get("kwargs") or {}
        if not isinstance(args, list) or not isinstance(kwargs, Mapping):
            raise Rejected("Arguments are a JSON array, keyword arguments a JSON object.")
        body = {"args": args, "kwargs": kwargs, "task_id": key}
        try:
            reply = self.api.post("task", "async-apply", workflow_ref, json=body)
        except NotFound:
            reply = self.api.post("task", "send-task", workflow_ref, json=body)
        return str(reply.json()["task-id"])

    def started(self, workflow_ref: str, key: str) -> str | None:
        try:
            return str(self._task(key)["uuid"])
        except NotFound:
            return None

    # ------------------------------------------------------------------------- lists and objects

    def _listed(self, row: Any) -> Snapshot | None:
        """What the list alone decides. None: Flower began again and knows no more than its end."""
        if not row["name"]:
            return None
        run = read_task(row, self.site)
        if self.memory.get(REVOKED + run.ref):
            return replace(run, needs_detail=True)  # its end is known, by a reading
        if run.status is Status.QUEUED or not wants_backend(row):
            return run
        is_cut = run.status.is_final
        return replace(run, steps=None, questions=None, outputs=None, needs_detail=is_cut)

    def _forget_all_but(self, listed: set[str]) -> None:
        for key in [key for key in self.memory if key.startswith(REVOKED)]:
            if key.removeprefix(REVOKED) not in listed:
                self.memory[key] = None

    def _pages(self, first: int, most: int | None = None, **query: str) -> Iterator[list[Any]]:
        """Tasks, those first of which Flower heard last."""

        def ask(offset: int) -> tuple[list[Any], int | None]:
            limit = PAGE if offset else first
            rows = list(self._object("tasks", limit=limit, offset=offset, **query).values())
            return rows, offset + len(rows) if len(rows) >= limit else None

        return by_cursor(ask, start=0, key=id_of, most=most)

    def _task(self, ref: str) -> Mapping[str, Any]:
        return self._object("task", "info", ref)

    def _in_backend(self, ref: str) -> Mapping[str, Any] | None:
        """What the result backend says, None where there is none or it does not answer."""
        try:
            return self._object("task", "result", ref)
        except Unreachable as error:
            if error.status != 503:
                raise
            return None

    def _workers(self) -> dict[str, bool]:
        known = self._object("workers", status="true")
        return {name: bool(is_well) for name, is_well in known.items()}

    def _seen_types(self) -> list[str]:
        return [str(name) for name in self._object("task", "types")["task-types"]]

    def _object(self, *path: str, **params: Any) -> dict[str, Any]:
        reply = self.api.get(*path, params=params, cap=CAP)
        body = reply.json()
        if not isinstance(body, dict):
            raise BadResponse(f"{reply.where} answered with no object.")
        return body


def id_of(row: Any) -> str:
    return str(row.get("uuid") if isinstance(row, dict) else row)


def fresh(rows: list[Any], seen: set[str]) -> list[Any]:
    """Those that are not among `seen` yet; now they are."""
    found = [row for row in rows if id_of(row) not in seen]
    seen.update(map(id_of, found))
    return found


def is_before(row: Any, since: datetime) -> bool:
    at = read_time(row.get("timestamp")) if isinstance(row, dict) else None
    return at is not None and at < since


def explain(reply: Reply) -> str:
    """Flower says why as plain text, or not at all."""
    if reply.status == 404 and reply.content_type == "text/html":
        return f"There is no API of Flower at this address. {WORKS_WITH}."
    if reply.status == 500 and "-apply/" in reply.where and not reply.content:
        return "Flower could not send the task, as with arguments that it does not take."
    if reply.status == 401 and not reply.content:
        return "It did not take the user name and password, or there are none."
    return plain_explanation(reply)

"""Restate 1.7 and later, admin API and ingress.

Written from docs.restate.dev/admin-api, docs.restate.dev/references/sql-introspection and a real
1.7.12 server ("seen"), November 2026.

A workflow is a handler of a service, a run one invocation of it. Invocations are read by SQL, by
which their journals can be read as well; commands go to the admin API, starts and answers to the
ingress, which may stand at another address.
"""

from __future__ import annotations

import email.utils
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from providers import exact_json
from providers.adapter import Adapter
from providers.adapters.restate import forms, queries
from providers.adapters.restate.journal import (
    NOBODY,
    Entry,
    Waits,
    awakeable_id,
    last_good,
    may_wait_for_people,
    pause_error,
    read_entry,
    read_waits,
)
from providers.adapters.restate.reading import asking, read_run, read_workflow, whole
from providers.contract import (
    BadResponse,
    Field,
    NotFound,
    Option,
    Pace,
    Question,
    Rejected,
    Snapshot,
    Status,
    Unreadable,
    Verb,
    Workflow,
    native_key,
)
from providers.http import Endpoint, Reply, by_cursor, parse_json, plain_explanation, row_key
from providers.times import read_time

HISTORY = 1000  # invocations, when discovery has no start
MOST_ENTRIES = 10_000  # of a journal
GROWTH = 5  # entries that come between two requests
JOURNAL_CAP = 24 * 2**20  # bytes of one page of a journal
OLDEST, TOO_NEW = (1, 7), (2,)
WORKS_WITH = "This works with Restate 1.7 and every later 1.x"
KEY_HEADER = "x-annunciator-key"  # by which a workflow that we started is found again
GONE = "Restate knows no such invocation, or no longer."
CANCELED = "canceled "  # and the ref: what is remembered of one that had not begun
NOT_BEGUN = {"scheduled", "pending"}
REMEMBERED_FOR = timedelta(minutes=1)  # before the polls begin to look later
LACKS = ("No field named", "not found", "Invalid function", "Schema error")


class Restate(Adapter):
    name = "Restate"
    docs = "https://docs.restate.dev/admin-api"
    settings = (
        Field(key="base_url", label="Address", kind="url",
              help="Of the admin API, as http://restate.example.com:9070."),
        Field(key="ingress_url", label="Ingress", kind="url",
              help="Where services are called, as http://restate.example.com:8080."),
        Field(key="token", label="Token", required=False, secret=True,
              help="An API key of Restate Cloud, or what a proxy before Restate asks for."),
    )  # fmt: skip
    pace = Pace(per_second=8.0)
    details_at_once = 50
    # Twice is once. A second cancel would interrupt what the first one made the service undo.
    repeatable = frozenset({Verb.SUSPEND, Verb.RESUME})
    options = {
        Verb.CANCEL: (
            Option(
                value="cancel",
                label="Ask it to end",
                means="The service may undo what it did; its calls of other services end as well.",
            ),
            Option(
                value="kill",
                label="Kill it at once",
                means="Nothing is undone: the state of objects and other services may not fit.",
                is_danger=True,
            ),
        ),
        Verb.RETRY: (
            Option(
                value="from_failure",
                label="From where it failed",
                means="Takes over the results of the steps before the one that failed.",
            ),
            Option(value="all", label="All of it", means="With the same input."),
        ),
    }
    notes = {
        Verb.CANCEL: "Takes effect when the service next waits for something.",
        Verb.SUSPEND: "Stops after the current try.",
        Verb.RESUME: "Tries it again now.",
        Verb.RETRY: "Makes a new invocation; Restate cannot do it with a workflow.",
        Verb.START: "Sends the invocation and does not wait for its result.",
    }

    @property
    def _headers(self) -> dict[str, str]:
        token = self.config.get("token")
        return {"Authorization": f"Bearer {token}"} if token else {}

    @property
    def api(self) -> Endpoint:
        return self.http.at(self.site, headers=self._headers, explain=explain, service=self.name)

    @property
    def ingress(self) -> Endpoint:
        address = str(self.config["ingress_url"])
        return self.http.at(address, headers=self._headers, service="Restate's ingress")

    @property
    def site(self) -> str:
        return str(self.config["base_url"]).rstrip("/").removesuffix("/ui")

    def check(self) -> str:
        """Whether the ingress answers, too."""
        version = supported(self.api.get("version").json())
        services = listed(self.api.get("services").json(), "services")
        (counted,) = self._rows(queries.COUNTS)
        self.ingress.get("restate", "health")
        who = "The token works at" if self.config.get("token") else "No login was needed at"
        return (
            f"{who} Restate {version}. It sees services: {len(services):,}, "
            f"invocations: {int(counted['invocations']):,}."
        )

    # ---------------------------------------------------------------------------------- reading

    def snapshots(self, since: datetime | None) -> Iterator[Snapshot | Unreadable]:
        """The open ones, whose last change is no sign of a retry; then those that ended."""
        seen: set[str] = set()
        yield from self._pages(queries.open_page, seen)
        if since is None:
            latest = self._rows(queries.latest_ended(HISTORY))
            yield from self._read([row for row in latest if row_key(row) not in seen])
        else:
            yield from self._pages(lambda after: queries.ended_page(since, after), seen)
        yield from self._canceled_in_time(since, seen)

    def snapshot(self, ref: str) -> Snapshot:
        found = list(self.details([ref]))
        if not found:
            raise NotFound(GONE)
        if isinstance(found[0], Unreadable):
            raise BadResponse(f"Restate did not answer as documented ({found[0].reason}).")
        return found[0]

    def details(self, refs: Sequence[str]) -> Iterator[Snapshot | Unreadable]:
        """Three requests; one more where a promise is waited for, and for each long journal."""
        rows = self._rows(queries.runs(refs))
        known = [ref for ref in map(id_of, rows) if ref]
        journals = self._journals([row for row in rows if id_of(row)])
        events = by_id(self._rows(queries.events(known)) if known else [])
        handlers: list[forms.Handler] = []

        def read(row: Any) -> Snapshot:
            ref = row["id"]
            run = whole(row, journals[ref], events.get(ref, ()), self.site)
            waits = read_waits(row, journals[ref])
            if run.status is Status.USER_INPUT and waits.promises and not handlers:
                handlers.extend(self._handlers())
            return asking(run, list(questions(row, run, waits, handlers)))

        yield from self.each(rows, read)
        for ref in refs:
            if ref not in known and (kept := self.memory.get(f"{CANCELED}{ref}")):
                yield replace(self._never_begun(kept), steps=(), questions=(), outputs=())

    def workflows(self) -> Iterator[Workflow]:
        for handler in self._handlers():
            if handler.is_public:
                yield read_workflow(handler.service, handler.name, can_start=True)

    # --------------------------------------------------------------------------------- commands

    def answer(self, ref: str, question_ref: str, values: Mapping[str, Any]) -> None:
        """Reads first: Restate says yes to any answer of an awakeable, also to a second one."""
        row, waits = self._waiting(ref)
        kind, _, number = question_ref.partition(" ")
        if kind == "signal" and int(number) in waits.awakeables:
            verb, body = forms.awakeable_answer(values)
            name = awakeable_id(ref, int(number))
            self.ingress.post("restate", "awakeables", name, verb, **body)
        elif kind == "promise" and int(number) in waits.promises:
            service = row["target_service_name"]
            shared = forms.shared(self._handlers(), service)
            handler, body = forms.promise_answer(shared, values)
            self.ingress.post(service, row["target_service_key"], handler, **body)
        else:
            raise Rejected("It does not wait for this any more.")

    def cancel(self, ref: str, option: str = "") -> None:
        """Of one that has not begun Restate keeps nothing (seen), so what it was is remembered."""
        rows = self._rows(queries.runs([ref]))
        reply = self.api.patch("invocations", ref, "kill" if option == "kill" else "cancel")
        if rows and native_key(rows[0].get("state")) in NOT_BEGUN:
            kept = {**rows[0], "completed_at": date_of(reply)}
            self.memory[f"{CANCELED}{ref}"] = exact_json.write(kept).decode()

    def suspend(self, ref: str) -> None:
        self.api.patch("invocations", ref, "pause")

    def resume(self, ref: str) -> None:
        self.api.patch("invocations", ref, "resume")

    def retry(self, ref: str, key: str, option: str = "") -> str:
        """A new invocation, which names this one as the one that it was restarted from."""
        kept = 0 if option == "all" else last_good(list(self._journal(ref)))
        params = {"from": kept} if kept else {}
        made = self.api.patch("invocations", ref, "restart-as-new", params=params).json()
        return str(made["new_invocation_id"])

    def start_fields(self, workflow_ref: str) -> tuple[Field, ...]:
        return tuple(forms.start_fields(self._handler(workflow_ref)))

    @staticmethod
    def arguments_of(given: Any) -> Mapping[str, Any]:
        return forms.arguments_of(given)

    def start(self, workflow_ref: str, arguments: Mapping[str, Any], key: str) -> str:
        """The key of a workflow is one of idempotency; Restate takes no other beside it."""
        handler = self._handler(workflow_ref)
        typed = str(arguments.get(forms.KEY) or "")
        place = [typed or key] if handler.is_keyed else []
        mark = KEY_HEADER if handler.begins_workflow else "idempotency-key"
        path = (handler.service, *place, handler.name, "send")
        body = forms.start_body(handler, arguments)
        made = self.ingress.post(*path, headers={mark: key}, **body).json()
        if typed and handler.begins_workflow and native_key(made["status"]) != "accepted":
            raise Rejected(f"There is a run of this workflow with the key {typed} already.")
        return str(made["invocationId"])

    def started(self, workflow_ref: str, key: str) -> str | None:
        place = place_of(workflow_ref)
        rows = self._rows(queries.started(*place, key))
        rows = rows or self._rows(queries.started_as_workflow(*place, key))
        return str(rows[0]["id"]) if rows else None

    # ----------------------------------------------------------------- canceled before it began

    def _canceled_in_time(self, since: datetime | None, seen: set[str]) -> Iterator[Snapshot]:
        """Those that Restate no longer has, reported as long as a list of it would tell them."""
        kept = {name: canceled for name, canceled in self.memory.items() if canceled}
        for name in filter(lambda name: name.startswith(CANCELED), kept):
            run = self._never_begun(kept[name])
            ended = run.finished_at
            is_outdated = since and (ended is None or ended < since - REMEMBERED_FOR)
            if run.ref in seen or is_outdated:
                self.memory[name] = None
            if run.ref not in seen:
                yield run

    def _never_begun(self, kept: str) -> Snapshot:
        row = parse_json(kept.encode())
        return replace(
            read_run(row, self.site),
            status=Status.CANCELED,
            status_reason="never_begun",
            finished_at=read_time(row["completed_at"]),
            message="Restate keeps nothing of what is canceled before it begins.",
            offers=frozenset(),
        )

    # ---------------------------------------------------------------------------- what is asked

    def _rows(self, query: str, **options: Any) -> list[Any]:
        reply = self.api.post("query", json={"query": query}, changes=False, **options)
        return listed(reply.json(), "rows")

    def _pages(
        self, query: Callable[[str], str], seen: set[str]
    ) -> Iterator[Snapshot | Unreadable]:
        def ask(after: str) -> tuple[list[Any], str | None]:
            rows = self._rows(query(after))
            ids = [id_of(row) for row in rows]
            return rows, max(ids) if len(rows) >= queries.PAGE else None

        for rows in by_cursor(ask, start="", most=None, seen=seen):
            yield from self._read(rows)

    def _read(self, rows: list[Any]) -> Iterator[Snapshot | Unreadable]:
        """With what journals and events tell of those that wait and that are paused: at most two
        requests more for all of them."""
        waits = self._waits(rows)
        pauses = self._pauses(rows)

        def read(row: Any) -> Snapshot:
            ref = row["id"]
            return read_run(row, self.site, waits.get(ref, NOBODY), pauses.get(ref, ""))

        yield from self.each(rows, read)

    def _waits(self, rows: list[Any]) -> dict[str, Waits]:
        asked = {
            row["id"]: row
            for row in self.readable(rows, lambda row: row if may_wait_for_people(row) else None)
            if row is not None and id_of(row)
        }
        if not asked:
            return {}
        found: dict[str, list[Entry]] = {ref: [] for ref in asked}
        entries = self._rows(queries.waits(asked))
        for ref, entry in self.readable(entries, lambda each: (each["id"], read_entry(each))):
            found.setdefault(ref, []).append(entry)
        return {ref: read_waits(row, found[ref]) for ref, row in asked.items()}

    def _pauses(self, rows: list[Any]) -> dict[str, str]:
        """Why they are paused; of several reasons the last one."""
        asked = [
            id_of(row) for row in rows if id_of(row) and native_key(row.get("state")) == "paused"
        ]
        if not asked:
            return {}
        events = self._rows(queries.pauses(asked))
        return dict(self.readable(events, lambda each: (each["id"], pause_error(each))))

    def _journals(self, rows: list[Any]) -> dict[str, list[Entry]]:
        """By id. The short ones with one request, as far as they fit in its answer."""
        found: dict[str, list[Entry]] = {}
        left, short = queries.ENTRIES - 1, []
        for row in rows:
            size = row.get("journal_size", 1)  # left out before it begins
            if isinstance(size, int) and size + GROWTH <= left:
                left -= size + GROWTH
                short.append(row["id"])
        journal_rows = (
            self._rows(queries.journals(short), cap=JOURNAL_CAP) if len(short) > 1 else []
        )
        if journal_rows and len(journal_rows) < queries.ENTRIES:
            entries = by_id(journal_rows)
            found = {ref: [read_entry(each) for each in entries.get(ref, ())] for ref in short}
        for row in rows:
            if row["id"] not in found:
                found[row["id"]] = list(self._journal(row["id"]))
        return found

    def _journal(self, ref: str) -> Iterator[Entry]:
        after, count = -1, 0
        while count < MOST_ENTRIES:
            rows = self._rows(queries.journal(ref, after), cap=JOURNAL_CAP)
            yield from map(read_entry, rows)
            count += len(rows)
            if len(rows) < queries.ENTRIES:
                return
            after = rows[-1]["index"]

    def _waiting(self, ref: str) -> tuple[Any, Waits]:
        rows = self._rows(queries.runs([ref]))
        if not rows:
            raise NotFound(GONE)
        entries: Iterable[Entry] = map(read_entry, self._rows(queries.waits([ref])))
        return rows[0], read_waits(rows[0], entries)

    def _handlers(self) -> list[forms.Handler]:
        """Those of all services: a run is there when its service no longer is. Restate lists them
        in another order each time (seen)."""
        services = listed(self.api.get("services").json(), "services")
        found = self.readable(services, lambda each: list(forms.read_handlers(each)))
        handlers = [handler for each in found for handler in each]
        return sorted(handlers, key=lambda handler: (handler.service, handler.name))

    def _handler(self, workflow_ref: str) -> forms.Handler:
        place = place_of(workflow_ref)
        for each in self._handlers():
            if (each.service, each.name) == place:
                return each
        raise NotFound(f"Restate no longer has the handler {workflow_ref}.")


def questions(
    row: Any, run: Snapshot, waits: Waits, handlers: Iterable[forms.Handler]
) -> Iterator[Question]:
    """`handlers`: of all services."""
    if run.status is not Status.USER_INPUT:
        return
    since, until = run.status_since, waits.until
    for index in waits.awakeables:
        yield forms.awakeable_question(run.ref, index, run.steps or (), since, until)
    shared = forms.shared(handlers, row["target_service_name"])
    for number, key in waits.promises.items():
        yield forms.promise_question(number, key, shared, since, until)


def by_id(rows: list[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row["id"], []).append(row)
    return found


def date_of(reply: Reply) -> str:
    """The server's own clock; "" where it tells none."""
    try:
        date = email.utils.parsedate_to_datetime(reply.headers.get("Date", ""))
    except (ValueError, TypeError):
        return ""
    return date.isoformat()


def place_of(workflow_ref: str) -> tuple[str, str]:
    """Service and handler. Raises Rejected for what Restate does not know."""
    service, slash, handler = workflow_ref.partition("/")
    if not slash:
        raise Rejected("This is no handler of a service.")
    return service, handler


def id_of(row: Any) -> str:
    ref = row.get("id") if isinstance(row, dict) else None
    return ref if isinstance(ref, str) else ""


def listed(body: Any, name: str) -> list[Any]:
    rows = body.get(name) if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise BadResponse(f"Restate answered without {name}.")
    return rows


def supported(about: Mapping[str, Any]) -> str:
    """The server's version. Raises BadResponse for one that this adapter cannot speak with."""
    version = str(about["version"])
    parts = version.split(".")[:2]
    numbers = tuple(int(part) for part in parts if part.isdigit())
    if len(numbers) == 2 and not OLDEST <= numbers < TOO_NEW:
        old = "old" if numbers < OLDEST else "new"
        raise BadResponse(f"Restate {version} is too {old}. {WORKS_WITH}.")
    return version


def explain(reply: Reply) -> str:
    """Restate's own words. A column that its version does not have is refused by SQL."""
    words = plain_explanation(reply)
    if reply.where.endswith("/query)") and any(word in words for word in LACKS):
        complaint = words.partition(" Valid fields are")[0]
        return f"This version of Restate lacks something: {complaint} {WORKS_WITH}."
    return words

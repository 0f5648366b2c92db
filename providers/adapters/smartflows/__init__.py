"""Smart Flows by Experlogix (once Xpertdoc): document automation, API v1.

Written from the vendor's public guide, https://github.com/Invenso/smart-flows, read in November
2026. Each installation shows its own API at `/swagger-ui.html`. What the guide leaves open is
marked "undocumented" below, with the choice made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from providers.adapter import Adapter
from providers.adapters.smartflows.reading import (
    PAGE_SIZE,
    STATUSES,
    explain,
    file_name,
    is_past,
    key_of,
    once,
    properties_of,
    read_flow,
    read_page,
    read_row,
    read_run,
    round_of,
)
from providers.contract import (
    BadResponse,
    Download,
    Field,
    NotFound,
    Pace,
    Rejected,
    Snapshot,
    Status,
    Unreadable,
    Verb,
    Workflow,
    native_key,
)
from providers.http import Endpoint, by_page

MOST_ROWS = 10_000  # of one walk
HISTORY_ROWS = 1000  # how far the first discovery looks back
HOLD = "1"  # seconds the provider may hold a progress call; its own default is 30
PROGRESS_TIMEOUT = 40.0  # seconds; in case it holds the call for its default all the same

OPEN_WORDS = ["Queued", "Running", "Waiting", "UserInput"]  # the seed's; a server may refuse others
LISTINGS: dict[str, str | None] = {"filter": "sorted", "sorted": "plain", "plain": None}
"""Ways to list, best first, and what to try when the server refuses one: the filter's operators
and the sort key are documented for some versions only. None: nothing is left, start over."""


class SmartFlows(Adapter):
    name = "Smart Flows"
    docs = "https://github.com/Invenso/smart-flows"
    settings = (
        Field(
            key="base_url",
            label="Address",
            kind="url",
            help="The project's own host, for instance https://acme-docs.example.com.",
        ),
        Field(
            key="api_key",
            label="API key",
            secret=True,
            help="Made in the project console. It sees the runs that its user sees.",
        ),
    )
    repeatable = frozenset({Verb.CANCEL})  # the run is read first, and a canceled one refused
    wants_whole_answers = True  # a property left out is blanked, not defaulted (seed)
    refuses_empty_texts = True  # as its own form does, where "" is a missing value (tv4, code 302)
    # Nothing is documented about limits (November 2026), and an ended run takes two requests.
    pace = Pace(per_second=10.0)
    notes = {
        Verb.ANSWER: "The run goes on at once. It may ask again later.",
        Verb.START: "The run may stop for input; the form then shows up with the run.",
    }

    @property
    def api(self) -> Endpoint:
        return self.http.at(
            self.config["base_url"] + "/api/v1",
            headers={"X-API-Key": self.config["api_key"]},
            explain=explain,
            service=self.name,
        )

    def check(self) -> str:
        user = self.api.get("users", "me").json()
        names = [user.get(key) for key in ("displayName", "username", "email", "id")]
        name = next((str(name) for name in names if name), "a user without a name")
        return (
            f"Signed in as {name}. Only runs that this user may see are shown: "
            "an ordinary user's key may show that user's own runs alone."
        )

    def snapshots(self, since: datetime | None) -> Iterator[Snapshot | Unreadable]:
        return self.each(once(self._rows(since)), read_row)

    def snapshot(self, ref: str) -> Snapshot:
        """Two GETs: the details hold the steps, the progress (read last, so the newest word)
        the status, the form and the documents. A run that went on between the two is asked for its
        details again: its steps would stay behind its status as long as it waits."""
        details = self.api.get("flows", "executions", ref).json()
        progress = self._progress(ref)
        if native_key(details.get("status")) != native_key(progress.get("status")):
            details = self.api.get("flows", "executions", ref).json()
        return read_run(ref, progress, details)

    def workflows(self) -> Iterator[Workflow]:
        yield from self.readable(self._walk("GET", "flows"), read_flow)

    def start_fields(self, workflow_ref: str) -> tuple[Field, ...]:
        return (
            Field(
                key="xml",
                label="Input data (XML)",
                required=False,
                help="Only for flows that are based on a schema data set; empty for others.",
            ),
        )

    @staticmethod
    def arguments_of(given: Any) -> Mapping[str, Any]:
        return {"xml": given} if isinstance(given, str) else {}

    def answer(self, ref: str, question_ref: str, values: Mapping[str, Any]) -> None:
        """One GET, one POST. Whatever property is left out would be blanked (seed), so the body
        names every one: the values, else the model's, else null."""
        progress = self._progress(ref)
        word = progress.get("status")
        if native_key(word) != "userinput":
            raise Rejected(
                f"Answered elsewhere or closed: the run is now {word}. Nothing was sent."
            )
        if round_of(progress) != question_ref:
            raise Rejected("Answered elsewhere: the run now asks something else. Nothing was sent.")
        model = progress.get("model") or {}
        body = {key: model.get(key) for key in properties_of(progress)} | dict(values)
        self.api.post("flows", "executions", ref, "progress", json=body)

    def cancel(self, ref: str) -> None:
        """One GET, one DELETE. On a run that has ended the same DELETE may erase it: executions
        are also entities with generic deletion (guide, "CRUD"), so anything final or unknown
        is refused here."""
        word = self._progress(ref).get("status")
        status = STATUSES.get(native_key(word), Status.UNKNOWN)
        if status.is_final or status is Status.UNKNOWN:
            raise Rejected(f"The run is {word}; there is nothing to cancel. Nothing was sent.")
        path = ("flows", "executions", ref)
        try:
            self.api.delete(*path)
        except (NotFound, Rejected) as error:
            if error.status not in (404, 405):
                raise
            # The vendor's client of 2019 cancels there; the seed's path is newer.
            self.api.delete(*path, "progress")

    def start(self, workflow_ref: str, arguments: Mapping[str, Any], key: str) -> str:
        """One POST. The provider has no idempotency keys and no place for a mark."""
        options: dict[str, Any] = {"params": {"flowId": workflow_ref}}
        xml = str(arguments.get("xml") or "").strip()
        if xml:
            options |= {"body": xml.encode(), "content_type": 'application/xml; charset="utf-8"'}
        return str(self.api.post("flows", "executions", **options).json()["id"])

    def open_output(self, ref: str, output_ref: str) -> Download:
        about = self.api.get("documents", output_ref).json()
        try:
            opened = self.api.open("documents", "content", output_ref)
        except NotFound:
            # The seed and the guide's page "Documents" name different paths.
            opened = self.api.open("documents", output_ref, "content")
        content_type = about.get("contentType") or opened.content_type
        return Download(
            name=file_name(about.get("displayName") or output_ref, content_type),
            content_type=content_type,
            chunks=opened.chunks,
            size=opened.size,
        )

    # ------------------------------------------------------------------------------- requests

    def _progress(self, ref: str) -> dict[str, Any]:
        path = ("flows", "executions", ref, "progress")
        reply = self.api.get(*path, params={"timeout": HOLD}, read_timeout=PROGRESS_TIMEOUT)
        progress: dict[str, Any] = reply.json()
        if "id" not in progress:
            raise BadResponse(f"{reply.where} sent something that is no progress.")
        return progress

    def _rows(self, since: datetime | None) -> Iterator[Any]:
        """Open runs, then recent ones; some come twice. Falls back along LISTINGS and keeps in
        memory what works."""
        listing = self.memory.get("listing") or "filter"
        try:
            yield from self._listed(listing, since)
        except (NotFound, Rejected):
            self.memory["listing"] = LISTINGS[listing]
            if LISTINGS[listing] is None:
                raise
            yield from self._rows(since)

    def _listed(self, listing: str, since: datetime | None) -> Iterator[Any]:
        path = ("flows", "executions")
        sort = None if listing == "plain" else "createdAt,desc"
        if listing == "filter":
            is_open = condition("status", "in", OPEN_WORDS)
            yield from self._walk("POST", *path, "filter", sort=sort, tree=is_open)
        if listing == "filter" and since:
            # The documented value is a day, in whose time zone it does not say.
            day = (since - timedelta(days=1)).date().isoformat()
            recent = condition("createdAt", "greaterThanOrEqualTo", [day])
            yield from self._walk("POST", *path, "filter", sort=sort, tree=recent, since=since)
        else:
            most = MOST_ROWS if since else HISTORY_ROWS
            yield from self._walk("GET", *path, sort=sort, since=since, most=most)

    def _walk(
        self,
        method: str,
        *path: str,
        sort: str | None = None,
        tree: Any = None,
        since: datetime | None = None,
        most: int = MOST_ROWS,
    ) -> Iterator[Any]:
        """Page after page until one is empty, brings nothing new or is older than `since`. Its
        length says nothing: a server may give less than it is asked for."""
        options = {"json": tree, "changes": False} if tree else {}

        def ask(page: int) -> tuple[list[Any], bool]:
            params = {"page": page, "size": PAGE_SIZE} | ({"sort": sort} if sort else {})
            rows, is_last = read_page(self.api.request(method, *path, params=params, **options))
            return rows, is_last or bool(since and is_past(rows, since))

        for rows in by_page(ask, key=key_of, most=most):
            yield from rows


def condition(key: str, operator: str, values: list[str]) -> dict[str, Any]:
    """A filter of one condition, as the guide's page "Filtering" spells it."""
    node = {"condition": {"key": key, "operator": operator, "values": values}}
    return {"group": {"type": "and", "nodes": [node]}}

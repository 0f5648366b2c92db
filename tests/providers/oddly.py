"""Oddly, a provider that does not exist and asks of the shared suite whatever real APIs may ask:

one path for everything (GraphQL); a list that is an object keyed by the runs' ids, in an envelope,
paged by a cursor and a limit; a status of two typed values, of which `null` is a documented word
(still running); ids in a field of their own name; refusals inside a 200; no credentials.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from providers.adapter import Adapter
from providers.contract import (
    BadResponse,
    Field,
    LogChunk,
    LogLine,
    NotFound,
    Rejected,
    Snapshot,
    Status,
    Step,
    Unreadable,
    Verb,
    Workflow,
)
from providers.http import Endpoint
from providers.times import read_time

LIMIT = 2  # rows of a page
STATUSES = {
    (False, None): Status.RUNNING,
    (True, 0): Status.SUCCEEDED,
    (True, 1): Status.WARNING,
    (True, 2): Status.FAILED,
    (True, 6): Status.CANCELED,
}
WORDS = {json.dumps(pair): status for pair, status in STATUSES.items()}  # 1 is not true

COUNT = "query Count { builds { count } }"
BUILDS = """query Builds($since: Time, $after: String, $first: Int) {
  builds(endedSince: $since, after: $after, first: $first) { nodes next } }"""
BUILD = "query Build($uid: ID!) { build(uid: $uid) { uid complete results steps } }"
LOG = "query Log($uid: ID!, $offset: Int) { log(uid: $uid, offset: $offset) { lines complete } }"
STOP = "mutation Stop($uid: ID!) { stopBuild(uid: $uid) { uid } }"
HOLD = "mutation Hold($uid: ID!) { holdBuild(uid: $uid) { uid } }"


class Oddly(Adapter):
    name = "Oddly"
    docs = "https://oddly.example/graphql"
    settings = (Field(key="base_url", label="Address", kind="url"),)

    @property
    def api(self) -> Endpoint:
        return self.http.at(self.config["base_url"], service=self.name)

    def check(self) -> str:
        return f"It knows {self._ask(COUNT)['builds']['count']} builds, and asks for no login."

    def snapshots(self, since: datetime | None) -> Iterator[Snapshot | Unreadable]:
        """What is still running always comes first, whatever the filter."""
        after = None
        while True:
            window = since and since.isoformat()
            page = self._ask(BUILDS, since=window, after=after, first=LIMIT)["builds"]
            nodes, after = page["nodes"], page["next"]
            if not isinstance(nodes, dict):
                raise BadResponse("Oddly sent no builds.")
            yield from self.each(nodes.values(), read_build)
            if after is None:
                return

    def snapshot(self, ref: str) -> Snapshot:
        build = self._ask(BUILD, uid=ref)["build"]
        if build is None:
            raise NotFound("Oddly knows no such build.")
        steps = tuple(map(read_step, build["steps"]))
        return read_build(build, steps=steps, questions=(), outputs=())

    def cancel(self, ref: str) -> None:
        self._ask(STOP, changes=True, uid=ref)

    def suspend(self, ref: str) -> None:
        self._ask(HOLD, changes=True, uid=ref)

    def log(self, ref: str, cursor: str) -> LogChunk:
        start = int(cursor or 0)
        log = self._ask(LOG, uid=ref, offset=start)["log"]
        lines = tuple(LogLine(text=text) for text in log["lines"])
        return LogChunk(
            lines=lines, next_cursor=str(start + len(lines)), is_complete=log["complete"]
        )

    def _ask(self, query: str, *, changes: bool = False, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        reply = self.api.post("graphql", json=body, changes=changes).json()
        if reply.get("errors"):
            raise Rejected(f"Oddly refused: {reply['errors'][0]['message']}")
        return reply["data"]


def read_build(build: dict[str, Any], **more: Any) -> Snapshot:
    status, word = read_status(build)
    return Snapshot(
        ref=build["uid"],
        workflow=Workflow(ref=build["job"], name=build["job"]),
        status=status,
        native_status=word,
        status_reason="" if status is not Status.UNKNOWN else "unrecognized",
        error=build["said"] if status is Status.FAILED else "",
        started_at=read_time(build["begun"]),
        finished_at=read_time(build["ended"]),
        offers=frozenset({Verb.CANCEL, Verb.SUSPEND} if status is Status.RUNNING else ()),
        raw=build,
        **more,
    )


def read_step(step: dict[str, Any]) -> Step:
    status, word = read_status(step)
    return Step(
        ref=step["name"],
        name=step["name"],
        status=status,
        native_status=word,
        started_at=read_time(step["begun"]),
        finished_at=read_time(step["ended"]),
        error=step["said"] if status is Status.FAILED else "",
    )


def read_status(thing: dict[str, Any]) -> tuple[Status, str]:
    word = json.dumps([thing["complete"], thing["results"]])
    return WORDS.get(word, Status.UNKNOWN), word

"""Acme Jobs, REST API version 2. Written from https://acme.example/api, read November 2026."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from providers.adapter import Adapter
from providers.contract import (
    BadResponse,
    Field,
    Snapshot,
    Status,
    Step,
    Unreadable,
    Verb,
    Workflow,
    native_key,
)
from providers.http import Endpoint, by_cursor
from providers.times import read_time

STATUSES = {
    "waiting": Status.QUEUED,
    "working": Status.RUNNING,
    "done": Status.SUCCEEDED,
    "broken": Status.FAILED,
    "stopped": Status.CANCELED,
}


class Acme(Adapter):
    name = "Acme Jobs"
    docs = "https://acme.example/api"
    settings = (
        Field(key="base_url", label="Address", kind="url"),
        Field(key="api_key", label="Token", secret=True, help="From Acme, My profile, Tokens."),
    )
    repeatable = frozenset({Verb.CANCEL})
    notes = {Verb.CANCEL: "Stops after the present step."}

    @property
    def api(self) -> Endpoint:
        headers = {"X-Token": self.config["api_key"]}
        return self.http.at(f"{self.config['base_url']}/v2", headers=headers, service=self.name)

    def check(self) -> str:
        return f"Signed in to Acme as {self.api.get('me').json()['name']}."

    def snapshots(self, since: datetime | None) -> Iterator[Snapshot | Unreadable]:
        """What is open always comes, what has ended since then, newest first."""

        def ask(cursor: str | None) -> tuple[list[Any], str | None]:
            params = {"ended_since": since and since.isoformat(), "cursor": cursor}
            reply = self.api.get("jobs", params={k: v for k, v in params.items() if v})
            page = reply.json()
            if not isinstance(page, dict) or not isinstance(page.get("jobs"), list):
                raise BadResponse(f"{reply.where} sent no list of jobs.")
            return page["jobs"], page["next"]

        for rows in by_cursor(ask):
            yield from self.each(rows, read_job)

    def snapshot(self, ref: str) -> Snapshot:
        job = self.api.get("jobs", ref).json()
        steps = tuple(read_step(step) for step in job["steps"])
        return read_job(job, steps=steps, questions=(), outputs=())

    def cancel(self, ref: str) -> None:
        self.api.post("jobs", ref, "stop", json={})


def read_job(job: dict[str, Any], **more: Any) -> Snapshot:
    status = STATUSES.get(native_key(job["state"]), Status.UNKNOWN)
    return Snapshot(
        ref=job["id"],
        workflow=Workflow(ref=job["kind"], name=job["kind"], group=job.get("folder", "")),
        status=status,
        native_status=str(job["state"] or ""),
        status_reason="unrecognized" if status is Status.UNKNOWN else "",
        error=job.get("error") or "",
        created_at=read_time(job["made"]),
        started_at=read_time(job["begun"]),
        finished_at=read_time(job["ended"]),
        labels=job.get("tags", {}),
        raw=job,
        offers=frozenset({Verb.CANCEL} if status is Status.RUNNING else ()),
        **more,
    )


def read_step(step: dict[str, Any]) -> Step:
    return Step(
        ref=step["name"],
        name=step["name"],
        status=STATUSES.get(native_key(step["state"]), Status.UNKNOWN),
        native_status=str(step["state"] or ""),
        started_at=read_time(step["begun"]),
        finished_at=read_time(step["ended"]),
        error=step.get("error") or "",
    )

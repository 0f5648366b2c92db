"""Again, a provider that does not exist: a scripted engine without HTTP, for what no simulator's
documents allow (a retry, several runs with one call, the health of the engine)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from providers.adapter import Adapter
from providers.contract import (
    Component,
    Field,
    NotFound,
    Option,
    ProviderError,
    Snapshot,
    Status,
    Unreadable,
    Verb,
    Workflow,
)
from providers.times import read_time

FAILED = {
    "status": Status.FAILED,
    "native_status": "failed",
    "error": "no stock",
    "finished_at": read_time("2026-11-29T10:05:00Z"),
    "offers": frozenset({Verb.RETRY}),
}


class Engine:
    """What the invented provider below holds, and how it takes a retry."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {"r1": dict(FAILED)}
        self.asked: list[tuple[str, ...]] = []
        self.makes_new = False
        self.answer: Exception | None = None
        self.is_done = True
        self.listed: dict[str, Any] = {}
        self.components: list[Component] | ProviderError = []
        """How its parts are, or what stands in the way of telling."""

    def open_again(self, ref: str) -> str:
        if self.makes_new:
            self.runs["r2"] = {"status": Status.RUNNING, "native_status": "run", "retry_of": ref}
            return "r2"
        self.runs[ref] = {"status": Status.RUNNING, "native_status": "run"}
        return ref


class Again(Adapter):
    name = "Again"
    docs = "https://again.example/api"
    settings = (Field(key="base_url", label="Address", kind="url"),)
    options = {
        Verb.CANCEL: (
            Option(value="graceful", label="Let it finish its step"),
            Option(value="forced", label="At once", is_danger=True),
        )
    }
    engine_of_test: Engine

    def check(self) -> str:
        return "It asks for no login."

    def snapshots(self, since: Any) -> Iterator[Snapshot]:
        for ref in self.engine_of_test.runs:
            listed = {"steps": None, "questions": None, "outputs": None}
            yield replace(self._read(ref), **listed, **self.engine_of_test.listed)

    def snapshot(self, ref: str) -> Snapshot:
        self.engine_of_test.asked.append(("snapshot", ref))
        return self._read(ref)

    def details(self, refs: Sequence[str]) -> Iterator[Snapshot | Unreadable]:
        self.engine_of_test.asked.append(("details", *sorted(refs)))
        known = self.engine_of_test.runs
        return (self._read(ref) for ref in refs if ref in known)

    def engine(self) -> list[Component]:
        self.engine_of_test.asked.append(("engine",))
        if isinstance(self.engine_of_test.components, ProviderError):
            raise self.engine_of_test.components
        return self.engine_of_test.components

    def _read(self, ref: str) -> Snapshot:
        known = self.engine_of_test.runs.get(ref)
        if known is None:
            raise NotFound("There is no such run.")
        workflow = Workflow(ref="w1", name="Nightly import")
        parts: dict[str, Any] = {"steps": (), "questions": (), "outputs": (), **known}
        return Snapshot(ref=ref, workflow=workflow, **parts)

    def retry(self, ref: str, key: str) -> str:
        engine = self.engine_of_test
        engine.asked.append(("retry", ref, key))
        again = engine.open_again(ref) if engine.is_done else ref
        if engine.answer is not None:
            self.http.unproven += 1
            raise engine.answer
        return again

    def cancel(self, ref: str, option: str = "") -> None:
        self.engine_of_test.asked.append(("cancel", ref, option))

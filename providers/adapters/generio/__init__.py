"""Generio Flows: 3D models generated and optimized. A *template* says what to do; a *flow* is one
execution of it, not a definition. The API has no version.

Written from https://test-docs.generio.ai/docs/flow_endpoints/flows-_flow_id (the seed) and its
neighbours, and https://github.com/GenerIO-ai/api-flows-quickstart, read in November 2026. No
answer's schema is published: names and fallbacks marked "undocumented" are our choice.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from providers.adapter import Adapter
from providers.adapters.generio.reading import (
    GLB,
    explain,
    file_name,
    is_since,
    key_of,
    listed,
    next_page,
    read_data_uri,
    read_flow,
    read_output,
    read_template,
    ref_of,
)
from providers.contract import (
    Download,
    Field,
    NotFound,
    Pace,
    Rejected,
    Snapshot,
    Unreadable,
    Verb,
    Workflow,
)
from providers.http import Endpoint, by_cursor, parse_json

PUBLIC_HOST = "https://flows.generio.ai"
MOST_ROWS = 10_000  # of one list
MARK = "annunciator_key"  # our own reference, kept in a flow's `additional`

QUALITY = Field(
    key="quality",
    label="Quality",
    kind="choice",
    default="high",
    choices=(("high", "High"), ("low", "Low")),
)
SEED = Field(key="seed", label="Seed", kind="integer", default=-1, help="-1: a random one.")
TEXTURE = Field(key="texture", label="With texture", kind="boolean", default=True, required=False)
POLYGONS = Field(key="polygon_count", label="Polygons", kind="integer", default=100_000)
FILE_HELP = "As a data URI: data:TYPE;base64,..."
TEMPLATES: dict[str, tuple[Field, ...]] = {
    "model_generate_fromprompt": (
        Field(key="input", label="Prompt", help="What the model should show."),
        QUALITY,
        SEED,
        TEXTURE,
    ),
    "model_generate_fromimage": (
        Field(key="input", label="Image", help=f"PNG, JPEG, TIFF or WebP. {FILE_HELP}"),
        QUALITY,
        SEED,
        TEXTURE,
    ),
    "model_optimize": (
        Field(key="input", label="Model", help=f"A {GLB}. {FILE_HELP}"),
        POLYGONS,
    ),
}
"""Published templates: https://test-docs.generio.ai/docs/intro/flows/intro_to_templates."""
ANY_TEMPLATE = (
    Field(key="arguments", label="Parameters", kind="json", default={}, required=False),
    Field(
        key="input",
        label="Input",
        required=False,
        help=f"A prompt, or a file. {FILE_HELP} Without it the flow waits in the state created.",
    ),
)


class Generio(Adapter):
    name = "Generio"
    docs = "https://test-docs.generio.ai/docs/flow_endpoints/flows-_flow_id"
    settings = (
        Field(
            key="base_url",
            label="Address",
            kind="url",
            required=False,
            default=PUBLIC_HOST,
            help=f"Empty: {PUBLIC_HOST}.",
        ),
        Field(
            key="api_key",
            label="API key",
            secret=True,
            help="From account.generio.ai, tab API Keys. It expires on the date chosen there.",
        ),
    )
    # Nothing is documented about limits (November 2026), and an ended run takes two requests.
    pace = Pace(per_second=10.0)
    repeatable = frozenset({Verb.CANCEL, Verb.RESUME})  # a flow is aborted once, and started once
    notes = {
        Verb.CANCEL: "Aborts the flow: it passes through aborting. Partial outputs may remain.",
        Verb.RESUME: "Starts a flow that was created but never started; its inputs have to be "
        "there.",
        Verb.START: "Creates a flow of the template. With an input it starts by itself.",
    }

    @property
    def api(self) -> Endpoint:
        return self.http.at(
            self.config.get("base_url") or PUBLIC_HOST,
            headers={"Authorization": f"Bearer {self.config['api_key']}"},
            explain=explain,
            service=self.name,
        )

    def check(self) -> str:
        names = [workflow.name for workflow in self.workflows()]
        listed = f": {', '.join(names[:5])}" if names else ""
        return (
            f"The key works. Templates it may use ({len(names)}){listed}. "
            "Only flows of its own account are shown."
        )

    def snapshots(self, since: datetime | None) -> Iterator[Snapshot | Unreadable]:
        """The whole list: its order and page parameters are undocumented, its filter knows no
        `starting`. Flows that ended before `since` are left out here."""

        def read(flow: dict[str, Any]) -> Snapshot | None:
            snapshot = read_flow(flow)
            is_wanted = since is None or not snapshot.status.is_final or is_since(flow, since)
            return snapshot if is_wanted else None

        return self.each(self._flows(), read)

    def snapshot(self, ref: str) -> Snapshot:
        """One GET, and one more for the outputs once the flow has ended: before, asking for them
        is an error (https://test-docs.generio.ai/docs/flow_endpoints/flows-_flow_id-outputs)."""
        flow = self.api.get("flows", ref).json()
        snapshot = read_flow(flow, outputs=())
        if not snapshot.status.is_final:
            return snapshot
        try:
            # Never with data here: it is whole 3D models.
            assets = list(
                self._rows("flows", ref, "outputs", keys=("outputs",), include_data="false")
            )
        except (NotFound, Rejected):  # the flow has ended all the same, and left nothing
            return snapshot
        return read_flow(flow, outputs=tuple(read_output(asset) for asset in assets))

    def workflows(self) -> Iterator[Workflow]:
        yield from map(read_template, self._rows("templates", keys=("templates",)))

    def start_fields(self, workflow_ref: str) -> tuple[Field, ...]:
        return TEMPLATES.get(workflow_ref, ANY_TEMPLATE)

    @staticmethod
    def arguments_of(given: Any) -> Mapping[str, Any]:
        """The parameters, each by its name and all of them for a template that we do not know;
        what went in as a file is not among them."""
        parameters = given.get("parameters") if isinstance(given, Mapping) else None
        return {**parameters, "arguments": parameters} if isinstance(parameters, Mapping) else {}

    def cancel(self, ref: str) -> None:
        """One PATCH. Never DELETE: that erases the flow and its files for good."""
        self.api.patch("flows", ref, json={"action": "abort"})

    def resume(self, ref: str) -> None:
        self.api.patch("flows", ref, json={"action": "start"})

    def start(self, workflow_ref: str, arguments: Mapping[str, Any], key: str) -> str:
        """One POST. There are no idempotency keys: the mark in `additional` finds it again."""
        parameters = {name: value for name, value in arguments.items() if value not in ("", None)}
        data = parameters.pop("input", None)
        parameters |= parameters.pop("arguments", {})
        inputs = {"inputs": [{"data": data}]} if data else {}
        body = {"template": workflow_ref, "parameters": parameters, "additional": {MARK: key}}
        return ref_of(self.api.post("flows", json=body | inputs).json())

    def started(self, workflow_ref: str, key: str) -> str | None:
        for flow in self._flows():
            additional = flow.get("additional") if isinstance(flow, dict) else None
            if isinstance(additional, dict) and additional.get(MARK) == key:
                return ref_of(flow)
        return None

    def open_output(self, ref: str, output_ref: str) -> Download:
        """The outputs page answers with JSON that holds a data URI, the quickstart with the bytes
        themselves: the first byte decides."""
        opened = self.api.open("flows", ref, "outputs", output_ref)
        first = next(opened.chunks, b"")
        if opened.content_type == "application/json" or first.lstrip().startswith(b"{"):
            body = parse_json(first + b"".join(opened.chunks))
            content_type, data = read_data_uri(body["data"])
            name = file_name(output_ref, content_type)
            return Download(
                name=name, content_type=content_type, chunks=iter((data,)), size=len(data)
            )
        content_type = GLB if first.startswith(b"glTF") else opened.content_type
        return Download(
            name=file_name(output_ref, content_type),
            content_type=content_type,
            chunks=itertools.chain((first,), opened.chunks),
            size=opened.size,
        )

    def _flows(self) -> Iterator[Any]:
        return self._rows("flows", keys=("flows", "items", "data", "results"))

    def _rows(self, *path: str, keys: tuple[str, ...], **params: str) -> Iterator[Any]:
        """Every row once, following whatever hint at a next page an answer holds."""
        seen: set[str] = set()

        def ask(place: str | dict[str, Any]) -> tuple[list[Any], str | dict[str, Any] | None]:
            if isinstance(place, str):
                reply = self.api.follow(urljoin(self.api.url(*path), place))
            else:
                reply = self.api.get(*path, params={**params, **place})
            rows = listed(reply, *keys)
            return rows, next_page(reply.json(), len(seen.union(map(key_of, rows))))

        for rows in by_cursor(ask, start={}, key=key_of, most=MOST_ROWS, seen=seen):
            yield from rows

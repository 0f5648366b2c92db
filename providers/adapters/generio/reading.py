"""Generio responses to contract values: pure functions.

"seed" is https://test-docs.generio.ai/docs/flow_endpoints/flows-_flow_id. Read November 2026.
"""

from __future__ import annotations

import base64
import itertools
import re
from datetime import datetime
from typing import Any
from urllib.parse import unquote_to_bytes

from providers.contract import (
    BadResponse,
    NotFound,
    Output,
    Snapshot,
    Status,
    Verb,
    Workflow,
    native_key,
)
from providers.http import Reply, plain_explanation
from providers.times import read_time

GLB = "model/gltf-binary"  # what every published template makes
ENDINGS = {GLB: ".glb", "image/png": ".png", "image/jpeg": ".jpg", "text/plain": ".txt"}

STATUSES = {
    "created": Status.QUEUED,
    "starting": Status.RUNNING,  # short preparation; can be aborted already
    "running": Status.RUNNING,
    "aborting": Status.RUNNING,  # missing from the seed's list; in the pages on list and abort
    "completed": Status.SUCCEEDED,
    "aborted": Status.CANCELED,
    "failed": Status.FAILED,
}
REASONS = {"created": "not_started", "aborting": "aborting"}
OUTPUT_STATUSES = {
    "ready": Status.SUCCEEDED,  # the outputs page: "available" in its text, this in its example
    "available": Status.SUCCEEDED,
    "processing": Status.RUNNING,
    "error": Status.FAILED,
}
OFFERS = {
    "created": frozenset({Verb.RESUME}),
    "starting": frozenset({Verb.CANCEL}),
    "running": frozenset({Verb.CANCEL}),
}


def explain(reply: Reply) -> str:
    """422 is documented without its body: FastAPI's is a list of places and complaints. Raises
    NotFound where the complaint is about the flow's own id."""
    words = plain_explanation(reply)
    places = re.findall(r'"loc"\s*:\s*\[([^\]]*)\]', words)
    complaints = re.findall(r'"msg"\s*:\s*"([^"\\]*)"', words)
    if reply.status != 422 or not complaints:
        return words[:300]
    if any('"flow_id"' in place for place in places):
        raise NotFound(f"{reply.where} answered 422: no such flow.", status=422)
    names = [".".join(re.findall(r"[\w-]+", place)[1:]) for place in places]
    pairs = itertools.zip_longest(names, complaints, fillvalue="")
    return "; ".join(f"{name}: {complaint}".strip(": ") for name, complaint in pairs)


def listed(reply: Reply, *keys: str) -> list[Any]:
    """A bare list, or the list an object holds under one of `keys` (undocumented)."""
    body = reply.json()
    if isinstance(body, dict):
        body = next((body[key] for key in keys if key in body), None)
    if not isinstance(body, list):
        raise BadResponse(f"{reply.where} sent no list.")
    return body


def next_page(body: Any, seen: int) -> str | dict[str, int] | None:
    """The list is called paginated, its parameters are unpublished: a link is followed, counters
    are counted on, anything else is the whole list. `seen`: rows of this list so far; a size may
    be what was asked for instead of what was given."""
    if not isinstance(body, dict):
        return None
    if isinstance(body.get("next"), str) and body["next"].startswith(("http", "/", "?")):
        return str(body["next"])
    page, pages, total = (body.get(key) for key in ("page", "pages", "total"))
    is_more = isinstance(total, int) and seen < total
    if isinstance(page, int) and (is_more or (isinstance(pages, int) and page < pages)):
        return {"page": page + 1}
    return {"offset": seen} if is_more else None


def ref_of(flow: dict[str, Any]) -> str:
    ref = flow.get("flow_id") or flow["id"]
    if not ref or not isinstance(ref, str | int):
        raise TypeError("the flow has no id")
    return str(ref)


def key_of(flow: Any) -> str:
    """What tells two rows apart, also where one is not as documented."""
    names = ("flow_id", "asset_id", "id", "name")
    ids = [flow.get(name) for name in names] if isinstance(flow, dict) else []
    return next((str(ref) for ref in ids if ref), repr(flow))


def is_since(flow: dict[str, Any], since: datetime) -> bool:
    times = [read_time(flow.get(key)) for key in ("finished_at", "started_at", "created_at")]
    known = [time for time in times if time]
    return not known or max(known) >= since


def read_flow(flow: dict[str, Any], outputs: tuple[Output, ...] | None = None) -> Snapshot:
    """A flow has no steps and asks no questions. `outputs` None: not asked for."""
    word = flow.get("state", flow.get("status"))
    key = native_key(word)
    status = STATUSES.get(key, Status.UNKNOWN)
    reason = REASONS.get(key, "" if key in STATUSES else "unrecognized")
    output_errors = [item.error for item in outputs or () if item.status is Status.FAILED]
    if status is Status.SUCCEEDED and output_errors:
        status, reason = Status.WARNING, "output_error"
    errors = [*([words_of(flow)] if status is Status.FAILED else []), *output_errors]
    return Snapshot(
        ref=ref_of(flow),
        workflow=read_template(flow.get("template")),
        status=status,
        native_status=str(word or ""),
        status_reason=reason,
        progress=read_fraction(flow.get("progress"), is_open=not status.is_final),
        error=next(filter(None, errors), ""),
        started_at=read_time(flow.get("started_at")),
        finished_at=read_time(flow.get("finished_at")),
        input={key: flow[key] for key in ("parameters", "additional") if flow.get(key)} or None,
        raw=flow,
        steps=(),
        questions=(),
        outputs=outputs if status.is_final else (),
        offers=OFFERS.get(key, frozenset()),
        # What a flow left behind is shown by another call, and it can turn success to warning.
        needs_detail=status.is_final and outputs is None,
    )


def read_template(template: Any) -> Workflow:
    """A name or id; an object where the provider sends one (undocumented)."""
    if isinstance(template, dict):
        name = str(template.get("name") or template.get("id") or "")
    else:
        name = str(template or "")
    if not name:
        return Workflow(ref="unknown", name="(template not named)")
    return Workflow(ref=name, name=name, can_start=True)


def read_fraction(value: Any, *, is_open: bool) -> int | None:
    """0.0 to 1.0 as a percentage; above 1 it is taken for one already. 0 while the flow is open
    only says "processing" (seed), so nothing is known."""
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        return None
    if value == 0 and is_open:
        return None
    return min(round(value * 100 if value <= 1 else value), 100)


def read_output(asset: dict[str, Any]) -> Output:
    """`asset_id` on the outputs page, `id` in the quickstart."""
    ref = str(asset.get("asset_id") or asset["id"])
    status = OUTPUT_STATUSES.get(native_key(asset.get("status")), Status.UNKNOWN)
    error = words_of(asset) or "The output could not be made."
    return Output(
        ref=ref,
        name=file_name(ref, GLB),
        content_type=GLB,
        status=status,
        error=error if status is Status.FAILED else "",
    )


def words_of(thing: dict[str, Any]) -> str:
    """What went wrong; no field is documented for it."""
    found = (thing.get(key) for key in ("error", "error_message", "message", "detail"))
    return next((text for text in found if isinstance(text, str) and text), "")


def read_data_uri(uri: str) -> tuple[str, bytes]:
    """Content type and bytes of `data:<mime>;base64,<payload>`. Raises ValueError."""
    head, comma, payload = uri.partition(",")
    if not head.startswith("data:") or not comma:
        raise ValueError("the output is no data URI")
    kind, *options = head.removeprefix("data:").split(";")
    if "base64" in options:
        return kind, base64.b64decode(payload, validate=True)
    return kind, unquote_to_bytes(payload)


def file_name(ref: str, content_type: str) -> str:
    return ref + ENDINGS.get(content_type, "")

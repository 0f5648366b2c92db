"""What an execution of n8n that waits asks, and where the answer goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from providers.adapters.n8n.form_fields import fields_of, model_of, schema_of, text_of
from providers.adapters.n8n.triggers import BODIES
from providers.contract import Question, Snapshot

WAIT, PAGE = "n8n-nodes-base.wait", "n8n-nodes-base.form"
FORM, WEBHOOK, APPROVAL = "form", "webhook", "approval"
ASKING = (FORM, WEBHOOK, APPROVAL)
ADDRESSES = {FORM: "resumeFormUrl", WEBHOOK: "resumeUrl"}
PLACES = {FORM: "form-waiting", WEBHOOK: "webhook-waiting"}
TOKEN = "signature"  # noqa: S105 - the parameter of an address that has it
GIVEN = "given"  # what a call carries, in the form of its question


@dataclass(frozen=True)
class Door:
    """Where an answer goes. `path`: segments as n8n names them, of its own address."""

    method: str
    path: tuple[str, ...]
    query: Mapping[str, str]


def kind_of(node: Mapping[str, Any]) -> str:
    """Whom it waits for; "" for a time, or another workflow."""
    parameters = node.get("parameters") or {}
    if node["type"] == PAGE:
        return FORM
    if node["type"] == WAIT:
        resume = parameters.get("resume")
        return resume if resume in (FORM, WEBHOOK) else ""
    return APPROVAL if parameters.get("operation") == "sendAndWait" else ""


def asks_for_a_while(node: Mapping[str, Any]) -> bool:
    """Whether it may ask for a limited time: then a list shows it as it shows a timer."""
    parameters = node.get("parameters") or {}
    options = parameters.get("options") or {}
    is_limited = parameters.get("limitWaitTime") or options.get("limitWaitTime")
    return bool(is_limited) and kind_of(node) in ASKING


def door_of(
    row: Mapping[str, Any], node: Mapping[str, Any], entry: Mapping[str, Any]
) -> Door | None:
    """From the address that n8n noted with the node, which is signed; else put together. None
    where only n8n can answer."""
    kind, parameters = kind_of(node), node.get("parameters") or {}
    if kind not in ADDRESSES or (parameters.get("incomingAuthentication") or "none") != "none":
        return None
    method = "POST" if kind == FORM else str(parameters.get("httpMethod") or "GET")
    suffix = text_of((parameters.get("options") or {}).get("webhookSuffix"))
    if address := (entry.get("metadata") or {}).get(ADDRESSES[kind]):
        parts = urlsplit(address)
        path = [unquote(part) for part in parts.path.split("/")]
        return Door(method, segments_of(*path, suffix), dict(parse_qsl(parts.query)))
    token = (row.get("data") or {}).get("resumeToken")
    path = [PLACES[kind], str(row["id"])]
    return Door(method, segments_of(*path, suffix), {TOKEN: token}) if token else None


def segments_of(*path: str) -> tuple[str, ...]:
    return tuple(part for each in path for part in each.split("/") if part)


def question_ref(node: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    """A node that asks again begins anew."""
    return f"{node['name']}/{entry.get('startTime')}"


def read_question(
    run: Snapshot, row: Mapping[str, Any], node: Mapping[str, Any], entry: Mapping[str, Any]
) -> Question:
    """A form that can be answered here, else the reason why not, with a link."""
    kind, parameters = kind_of(node), node.get("parameters") or {}
    options = parameters.get("options") or {}
    title = text_of(parameters.get("formTitle")) or text_of(options.get("formTitle"))
    description = parameters.get("formDescription") or options.get("formDescription")
    question = Question(
        ref=question_ref(node, entry),
        kind="form",
        title=title or str(node["name"]),
        description=text_of(description),
    )
    door = door_of(row, node, entry)
    fields = fields_of(parameters) if kind == FORM else None
    if door is None:
        why = "n8n has sent the question" if kind == APPROVAL else "its address wants credentials"
        return elsewhere(question, why, run.url)
    if kind == FORM and fields is None:
        return elsewhere(question, "its form is worked out in n8n", run.url)
    if fields is not None:
        return replace(question, schema=schema_of(fields), model=model_of(fields))
    has_body = door.method in BODIES
    part: dict[str, Any] = {
        "title": "Body" if has_body else "Query",
        "description": f"What the call carries, as JSON. n8n waits for a {door.method} request.",
    }
    if not has_body:
        part["type"] = "object"
    return replace(question, schema={"type": "object", "properties": {GIVEN: part}}, model={})


def elsewhere(question: Question, why: str, url: str) -> Question:
    title = f"It is answered in n8n or from there, since {why}: {question.title}"
    return replace(question, title=title, url=url, is_answerable=False)

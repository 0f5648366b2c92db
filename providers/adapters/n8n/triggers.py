"""How a workflow of n8n can be started from outside: n8n's API starts none (2.41), its webhooks
and form triggers do, and say nothing of the execution that they began."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from providers.adapters.n8n.form_fields import (
    Fields,
    can_start,
    fields_of,
    is_expression,
    start_fields,
    text_of,
)
from providers.contract import Field

WEBHOOK, FORM = "n8n-nodes-base.webhook", "n8n-nodes-base.formTrigger"
BODIES = ("POST", "PUT", "PATCH")
METHODS = (*BODIES, "DELETE", "GET", "HEAD")
ARGUMENTS = "arguments"


@dataclass(frozen=True)
class Trigger:
    """`path`: its segments below the site. `fields`: of a form; None of a webhook."""

    method: str
    path: tuple[str, ...]
    fields: Fields | None = None

    @property
    def has_body(self) -> bool:
        return self.method in BODIES

    def start_fields(self) -> Iterator[Field]:
        if self.fields is not None:
            yield from start_fields(self.fields)
            return
        about = "the body of the call" if self.has_body else "the query of its address"
        yield Field(
            key=ARGUMENTS,
            label="Body" if self.has_body else "Query",
            kind="json",
            required=False,
            help=f"A JSON object: {about}.",
        )


def trigger_of(nodes: Iterable[Mapping[str, Any]]) -> Trigger | None:
    """The first by which the workflow can be started here: without credentials, which the API gives
    to nobody, and at an address that is known."""
    found = (read(node) for node in nodes if not node.get("disabled"))
    return next((trigger for trigger in found if trigger is not None), None)


def read(node: Mapping[str, Any]) -> Trigger | None:
    parameters = node.get("parameters") or {}
    if (parameters.get("authentication") or "none") != "none":
        return None
    options = parameters.get("options") or {}
    if node["type"] == WEBHOOK:
        given = parameters.get("httpMethod") or "GET"
        listed = given if isinstance(given, list) else [given]
        method = next((each for each in METHODS if each in listed), "")
        path = segments(parameters.get("path"))
        return Trigger(method, ("webhook", *path)) if method and path else None
    if node["type"] == FORM:
        path = form_path(node, parameters.get("path"), options.get("path"))
        fields = fields_of(parameters)
        is_open = path and can_start(fields)
        return Trigger("POST", ("form", *path), fields or []) if is_open else None
    return None


def form_path(node: Mapping[str, Any], early: Any, late: Any) -> tuple[str, ...]:
    """Versions of the node have it at different places: 2.2 and later forget that of before (seen
    with 2.2)."""
    version = float(node.get("typeVersion") or 1)
    path = segments((early if version < 2.2 else None) or late or node.get("webhookId"))
    return (*path, "n8n-form") if path and version < 2 else path


def segments(path: Any) -> tuple[str, ...]:
    """() for one with a part that the caller has to know."""
    parts = tuple(part for part in text_of(path).split("/") if part)
    is_fixed = parts and not any(part.startswith(":") or is_expression(part) for part in parts)
    return parts if is_fixed else ()

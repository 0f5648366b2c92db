"""What a handler takes, as fields to start it and as questions; and bodies out of what was typed.

An awakeable takes any JSON. A promise of a workflow is completed by a handler of that workflow,
which only its author knows: those that may be called while it runs are offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from providers.adapters.restate.journal import FIRST_AWAKEABLE, awakeable_id
from providers.contract import Field, Question, Rejected, Step, native_key

KEY = "restate_key"  # of an object or a workflow, beside what the handler takes
WHOLE = "arguments"
VALUE, DECISION, REASON, HANDLER = "value", "decision", "reason", "handler"
RESOLVE, REJECT = "resolve", "reject"
KINDS: Mapping[str, Literal["text", "integer", "boolean"]] = {
    "string": "text",
    "integer": "integer",
    "boolean": "boolean",
}
ANY_JSON = "Any JSON value; a text stands in quotes."
ANY_VALUE: Mapping[str, Any] = {
    "title": "Value",
    "description": ANY_JSON,
    "type": ["object", "array", "string", "number", "boolean", "null"],
}


@dataclass(frozen=True)
class Handler:
    """One of a service. `kind`: Exclusive or Shared of an object, Workflow or Shared of a workflow,
    "" of a service without keys."""

    service: str
    name: str
    service_kind: str
    kind: str
    schema: Any
    about: str
    is_public: bool

    @property
    def is_keyed(self) -> bool:
        return self.service_kind != "Service"

    @property
    def begins_workflow(self) -> bool:
        return self.kind == "Workflow"

    @property
    def properties(self) -> Mapping[str, Any]:
        """Of what it takes, where each can be a field of its own; {} where it is one value."""
        schema = self.schema
        if not isinstance(schema, Mapping) or schema.get("type") != "object":
            return {}
        known = schema.get("properties")
        if not isinstance(known, Mapping) or not known.keys().isdisjoint({KEY, WHOLE}):
            return {}
        is_plain = all(
            name.isidentifier() and isinstance(about, Mapping) for name, about in known.items()
        )
        return known if is_plain else {}

    @property
    def required(self) -> Sequence[str]:
        needed = self.schema.get("required") if isinstance(self.schema, Mapping) else None
        return needed if isinstance(needed, list) else ()


def read_handlers(service: Mapping[str, Any]) -> Iterator[Handler]:
    for row in service["handlers"]:
        yield Handler(
            service=service["name"],
            name=row["name"],
            service_kind=service["ty"],
            kind=row.get("ty") or "",
            schema=row.get("input_json_schema"),
            about=row.get("documentation") or "",
            is_public=service.get("public", True) is not False
            and row.get("public", True) is not False,
        )


def shared(handlers: Iterable[Handler], service: str) -> list[Handler]:
    """Those of a workflow that may be called while it runs."""
    return [
        each
        for each in handlers
        if each.service == service and native_key(each.kind) == "shared" and each.is_public
    ]


# ------------------------------------------------------------------------------------------ starts


def start_fields(handler: Handler) -> Iterator[Field]:
    if handler.is_keyed:
        is_free = handler.begins_workflow
        help_text = "Of the workflow: a second run with it is refused. Left empty: one is made."
        yield Field(
            key=KEY,
            label="Key",
            required=not is_free,
            help=help_text if is_free else "Of the object that is called.",
        )
    for name, about in handler.properties.items():
        yield read_field(name, about, is_required=name in handler.required)
    if not handler.properties:
        yield Field(key=WHOLE, label="Input", kind="json", required=False, help=ANY_JSON)


def read_field(name: str, about: Mapping[str, Any], *, is_required: bool) -> Field:
    words = about.get("enum")
    is_choice = isinstance(words, list) and all(isinstance(each, str) for each in words)
    default = about.get("default")
    kind: Any = KINDS.get(str(about.get("type")), "json")
    return Field(
        key=name,
        label=str(about.get("title") or name),
        help=str(about.get("description") or ""),
        kind="choice" if words and is_choice else kind,
        required=is_required and default is None and kind != "boolean",
        default="" if default is None else default,
        choices=tuple((word, word) for word in words or ()) if is_choice else (),
    )


def start_body(handler: Handler, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """As an option of a request; {} where there is nothing to send. A field that is left empty
    stands for what the handler makes of it."""
    if WHOLE in arguments or not handler.properties:
        value = arguments.get(WHOLE)
        return {} if value in (None, "") else {"json": value}
    given = {name: arguments[name] for name in handler.properties if name in arguments}
    kept = {
        name: value
        for name, value in given.items()
        if value is not None and (value != "" or name in handler.required)
    }
    return {"json": kept}


# --------------------------------------------------------------------------------------- questions


def awakeable_question(
    ref: str,
    index: int,
    steps: Sequence[Step],
    asked_at: datetime | None,
    due_at: datetime | None = None,
) -> Question:
    """Its name is that of the step that gave its id away."""
    name = awakeable_id(ref, index)
    number = index - FIRST_AWAKEABLE + 1
    title = next(
        (step.name for step in steps if name and name in str(step.output)), f"Awakeable {number}"
    )
    decision = {
        "title": "Decision",
        "type": "string",
        "enum": [RESOLVE, REJECT],
        "default": RESOLVE,
    }
    return Question(
        ref=f"signal {index}",
        kind="form",
        title=title if name else "Restate's id of this awakeable is not known here.",
        description=f"Awakeable {name}" if name else "",
        schema={
            "type": "object",
            "properties": {DECISION: decision},
            "required": [DECISION],
            "if": {"properties": {DECISION: {"const": REJECT}}, "required": [DECISION]},
            "then": {"properties": {REASON: {"title": "Reason", "type": "string"}}},
            "else": {"properties": {VALUE: ANY_VALUE}},
        },
        asked_at=asked_at,
        due_at=due_at,
        is_answerable=bool(name),
    )


def awakeable_answer(values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The last part of the path, and the body."""
    if values.get(DECISION, RESOLVE) == REJECT:
        reason = str(values.get(REASON) or "Rejected.")
        return REJECT, {"body": reason.encode(), "content_type": "text/plain"}
    return RESOLVE, {"json": values.get(VALUE)}


def promise_question(
    number: int,
    key: str,
    handlers: Sequence[Handler],
    asked_at: datetime | None,
    due_at: datetime | None = None,
) -> Question:
    """`handlers`: those that may be called while the workflow runs."""
    schema: dict[str, Any] = {}
    description = ""
    if len(handlers) == 1:
        (only,) = handlers
        description = " ".join(filter(None, (f"Calls {only.service}/{only.name}.", only.about)))
        value = {"title": "Value", **only.schema} if is_schema(only.schema) else ANY_VALUE
        one = {"type": "object", "properties": {VALUE: value}}
        schema = dict(only.schema) if only.properties else one
    elif handlers:
        names = [each.name for each in handlers]
        description = "Calls a handler of this workflow."
        schema = {
            "type": "object",
            "properties": {
                HANDLER: {"title": "Handler", "type": "string", "enum": names},
                VALUE: ANY_VALUE,
            },
            "required": [HANDLER],
        }
    return Question(
        ref=f"promise {number}",
        kind="form",
        title=key if handlers else "No handler of this workflow can be called while it runs.",
        description=description,
        schema=schema or None,
        asked_at=asked_at,
        due_at=due_at,
        is_answerable=bool(handlers),
    )


def is_schema(schema: Any) -> bool:
    """Whether it says anything."""
    return isinstance(schema, Mapping) and bool(schema)


def promise_answer(
    handlers: Sequence[Handler], values: Mapping[str, Any]
) -> tuple[str, dict[str, Any]]:
    """The handler to call, and the body. Raises Rejected for one that is not there."""
    names = [each.name for each in handlers]
    name = names[0] if len(names) == 1 else values.get(HANDLER)
    chosen = next((each for each in handlers if each.name == name), None)
    if chosen is None:
        raise Rejected("This workflow has no such handler.", fields={HANDLER: "Choose one."})
    if len(names) == 1 and chosen.properties:
        return chosen.name, {"json": dict(values)}
    value = values.get(VALUE)
    return chosen.name, {} if value is None else {"json": value}


def arguments_of(given: Any) -> dict[str, Any]:
    """By the names of fields, and as a whole."""
    named = dict(given) if isinstance(given, Mapping) else {}
    return named if given is None else {**named, WHOLE: given}

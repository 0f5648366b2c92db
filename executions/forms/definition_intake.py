"""The three parts as they came: made plain JSON, bounded, or refused with a sentence."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NoReturn

from providers import exact_json

MAX_CHARACTERS = 1_000_000  # of schema, form and model together, as JSON

_SCHEMA_WORDS = {"type", "properties", "$ref", "allOf", "anyOf", "oneOf", "items", "enum"}
_TYPES = {"object", "string", "number", "integer", "boolean", "array", "null", "any"}
_OWN_WORDS = (_SCHEMA_WORDS - {"type"}) | {
    "$schema", "$id", "id", "title", "description", "required", "definitions", "$defs", "default",
    "additionalProperties", "const", "not",
}  # fmt: skip


class CannotShow(Exception):
    """The form cannot be shown here; `str()` says why, as the end of a sentence."""


@dataclass(frozen=True)
class Triple:
    """Schema, form and model, read."""

    schema: dict[str, Any]
    form: list[Any]
    model: dict[str, Any]


def read_triple(schema: Any, form: Any, model: Any) -> Triple:
    """Any of the three may be missing, null or a JSON text. Raises CannotShow."""
    parts = _plain({"schema": schema, "form": form, "model": model})
    schema = _parsed(parts["schema"], "schema")
    model = _parsed(parts["model"], "model")
    form = parts["form"]
    if isinstance(form, str) and form.strip()[:1] in ("[", "{", '"', "n", ""):
        form = _parsed(form, "form")
    _plain([schema, form, model])  # the texts may have held what no body may hold
    if not isinstance(schema, dict | None):
        raise CannotShow("its schema is not an object")
    if not isinstance(model, dict | None):
        raise CannotShow("its values are not an object")
    entries = [form] if isinstance(form, dict | str) else form
    if not isinstance(entries, list | None):
        raise CannotShow("its layout is not a list")
    return Triple(_with_properties(schema or {}), entries or ["*"], model or {})


def _plain(parts: Any) -> Any:
    """A deep copy that is JSON and nothing else, within the size limit."""
    try:
        size = len(json.dumps(parts, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise CannotShow("it is not JSON") from error
    if size > MAX_CHARACTERS:
        raise CannotShow("it is larger than 1 MB")
    return deepcopy(parts)


def _parsed(part: Any, name: str) -> Any:
    if not isinstance(part, str):
        return part
    if not part.strip():
        return None
    try:
        return json.loads(part, cls=exact_json.StoredJSON, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise CannotShow(f"its {name} is a text that is not JSON") from error


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def speaks_otherwise(schema: dict[str, Any]) -> bool:
    """Whether an object says nothing that JSON Schema has a word for: it is something else."""
    kind = schema.get("type")
    is_typed = isinstance(kind, list) or (isinstance(kind, str) and kind in _TYPES)
    return bool(schema) and not is_typed and not any(word in schema for word in _OWN_WORDS)


def _with_properties(schema: dict[str, Any]) -> dict[str, Any]:
    """JSON Form also takes the bare map of properties as a schema
    (jsf-fields-select.json of angular2-json-schema-form; read November 2026)."""
    is_schema = any(
        word in schema and not (word == "type" and isinstance(schema[word], dict))
        for word in _SCHEMA_WORDS
    )
    if is_schema or not schema or not all(isinstance(value, dict) for value in schema.values()):
        return schema
    return {"type": "object", "properties": schema}

"""A whole value against its schema: defaults put in, empties made explicit."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from executions.forms.json_path import MISSING
from executions.forms.json_schema import MAX_DEPTH, Schemas, properties_of
from executions.forms.nodes import Kind, Shape


def with_defaults(schemas: Schemas, value: Any, shape: Shape, depth: int = 0) -> Any:
    """`value` with the schema's defaults in nested objects, not in list items that exist."""
    if value is MISSING and "default" in shape.rules:
        value = deepcopy(shape.rules["default"])
    is_missing = value is MISSING
    filled = {} if is_missing else value
    if depth > MAX_DEPTH or not isinstance(filled, dict):
        return value
    for name, schema in properties_of(shape).items():
        if not isinstance(schema, dict):
            continue
        below = schemas.shape(schema, shape.trail)
        given = with_defaults(schemas, filled.get(name, MISSING), below, depth + 1)
        if given is not MISSING:
            filled[name] = given
    return MISSING if is_missing and not filled else filled


def explicit(schemas: Schemas, value: Any, shape: Shape, depth: int = 0) -> Any:
    """`value` with every property present, empty ones in the way their type is empty."""
    if value is MISSING:
        value = _empty(shape)
    if isinstance(value, dict) and depth <= MAX_DEPTH:
        for name, schema in properties_of(shape).items():
            below = schemas.shape(schema, shape.trail)
            value[name] = explicit(schemas, value.get(name, MISSING), below, depth + 1)
    return value


def _empty(shape: Shape) -> Any:
    if shape.is_nullable:
        return None
    empties: dict[Kind, Any] = {"string": "", "boolean": False, "array": [], "object": {}}
    return deepcopy(empties.get(shape.kind))

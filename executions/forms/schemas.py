"""JSON Schema, one level at a time: local references, unions with null, and guessed types.

Only what a form needs. Nothing is ever fetched; a circle, a remote reference and a union that
cannot be one field become the kind "any", which is drawn as JSON text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from executions.forms.dialects import is_demanded, pointed
from executions.forms.keys import EACH, MISSING, Path
from executions.forms.tree import Kind, Shape
from executions.forms.triples import CannotShow
from executions.forms.validation import Validation

MAX_DEPTH = 8  # objects and lists inside each other
MAX_LOOKS = 20_000  # schemas resolved for one form: a small bomb doubles at every level
MAX_HOPS = 20  # references that lead to references

_KINDS: dict[str, Kind] = {
    "string": "string", "text": "string", "number": "number", "integer": "integer",
    "boolean": "boolean", "object": "object", "array": "array", "any": "any",
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A property found in the schema, and whether its object demands it."""

    shape: Shape
    is_required: bool


class Schemas:
    """The schemas of one form, resolved on demand."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.looks = 0
        self.root_shape = self.shape(root)

    def shape(
        self, schema: Any, trail: frozenset[str] = frozenset(), example: Any = MISSING
    ) -> Shape:
        """`example` is the present value, for a schema that names no type."""
        self.looks += 1
        if self.looks > MAX_LOOKS:
            raise CannotShow("its schema unfolds into too many parts")
        rules, trail, doubt = self.follow(schema, trail)
        rules, is_nullable, union_doubt = self.unite(rules, trail)
        kind, type_doubt, null_type = _kind(rules, example)
        doubt = doubt or union_doubt or type_doubt
        is_nullable = is_nullable or null_type or _allows_null(rules)
        return Shape("any" if doubt else kind, rules, is_nullable, trail, doubt)

    def follow(
        self, schema: Any, trail: frozenset[str]
    ) -> tuple[dict[str, Any], frozenset[str], str]:
        """The keywords behind references and `allOf`, the trail, and why it was given up."""
        rules = schema if isinstance(schema, dict) else {}
        for _ in range(MAX_HOPS):
            if "$ref" in rules:
                ref = rules["$ref"]
                target = pointed(self.root, ref)
                if not isinstance(target, dict):
                    return _without(rules, "$ref"), trail, "it refers to another place"
                if ref in trail:
                    return _without(rules, "$ref"), trail, "it refers to itself"
                trail = trail | {ref}
                rules = {**target, **_without(rules, "$ref")}
            elif isinstance(rules.get("allOf"), list) and rules["allOf"]:
                merged = _merged([part for part in rules["allOf"] if isinstance(part, dict)])
                if merged is None:
                    return rules, trail, "it combines schemas"
                rules = {**merged, **_without(rules, "allOf")}
            else:
                return rules, trail, ""
        return rules, trail, "it refers too far"

    @cached_property
    def validation(self) -> Validation:
        """The whole schema, ready to look at answers."""
        return Validation(self.root)

    def unite(
        self, rules: dict[str, Any], trail: frozenset[str]
    ) -> tuple[dict[str, Any], bool, str]:
        """`anyOf` and `oneOf`: the keywords, whether null is allowed, why it was given up."""
        for word in ("anyOf", "oneOf"):
            branches = rules.get(word)
            if not isinstance(branches, list) or not branches:
                continue
            parts = [self.follow(branch, trail)[0] for branch in branches[:100]]
            others = [part for part in parts if not _is_null(part)]
            has_null = len(others) < len(parts)
            outer = _without(rules, word)
            if len(others) == 1:
                return {**others[0], **outer}, has_null, ""
            choices = _as_choices(others)
            if choices is not None:
                return {**choices, **outer}, has_null, ""
            if others and all(part.get("type") == "string" for part in others):
                # A date or one of a list (PrefectHQ/prefect#22753, read November 2026): any text.
                return {"type": "string", **outer}, has_null, ""
            if outer.get("type") == "object" and "properties" in outer:
                return outer, has_null, ""  # branches only say what is required together
            return rules, has_null, "it allows several kinds of value"
        return rules, False, ""

    def find(self, path: Path, model: Any = None) -> Place | None:
        """The property at `path`, None where the schema does not know it."""
        shape, is_required = self.root_shape, False
        for part in path:
            if isinstance(part, int):
                if not isinstance(shape.rules.get("items"), dict):
                    return None
                shape, is_required = self.shape(shape.rules["items"], shape.trail), False
            else:
                properties = properties_of(shape)
                if part not in properties:
                    return None
                is_required = is_required_in(shape, part)
                shape = self.shape(properties[part], shape.trail)
        return Place(shape, is_required)


def properties_of(shape: Shape) -> dict[str, Any]:
    """Properties in their order; Prefect numbers them with `position`."""
    properties = shape.rules.get("properties")
    if shape.doubt or not isinstance(properties, dict):
        return {}
    if properties and all(
        isinstance(schema, dict) and type(schema.get("position")) is int
        for schema in properties.values()
    ):
        return dict(sorted(properties.items(), key=lambda item: item[1]["position"]))
    return properties


def is_required_in(shape: Shape, name: str) -> bool:
    """Draft 4 lists names on the object, draft 3 says `required: true` on the property."""
    names = shape.rules.get("required")
    if isinstance(names, list) and name in names:
        return True
    return is_demanded(properties_of(shape).get(name))


def each(path: Path) -> Path:
    return (*path, EACH)


def _without(rules: dict[str, Any], word: str) -> dict[str, Any]:
    return {key: value for key, value in rules.items() if key != word}


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """`allOf` as one schema: one part as it is, several if they agree on the type."""
    if len(parts) == 1:
        return parts[0]
    if not parts or any("$ref" in part for part in parts):
        return None
    types = {part["type"] for part in parts if isinstance(part.get("type"), str)}
    if len(types) > 1:
        return None
    merged: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            before = merged.get(key)
            if key == "properties" and isinstance(before, dict) and isinstance(value, dict):
                value = {**before, **value}
            elif key == "required" and isinstance(before, list) and isinstance(value, list):
                value = [*before, *value]
            merged[key] = value
    return merged


def _is_null(rules: dict[str, Any]) -> bool:
    return rules.get("type") == "null" or ("const" in rules and rules["const"] is None)


def _as_choices(branches: list[dict[str, Any]]) -> dict[str, Any] | None:
    """`oneOf: [{const, title}]`, the usual way to give choices names."""
    values: list[Any] = []
    names: list[str] = []
    for branch in branches:
        if "const" in branch:
            values.append(branch["const"])
            names.append(str(branch.get("title", branch["const"])))
        elif isinstance(branch.get("enum"), list):
            values.extend(branch["enum"])
            names.extend(str(value) for value in branch["enum"])
        else:
            return None
    return {"enum": values, "enumNames": names} if values else None


def _allows_null(rules: dict[str, Any]) -> bool:
    values = rules.get("enum")
    return isinstance(values, list) and any(value is None for value in values)


def _kind(rules: dict[str, Any], example: Any) -> tuple[Kind, str, bool]:
    """The kind, why it is "any", and whether null is among the types."""
    named = rules.get("type")
    types = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    words = {word for word in types if isinstance(word, str)}
    has_null = "null" in words
    kinds = {_KINDS[word] for word in words if word in _KINDS} - {"any"}
    if kinds == {"integer", "number"}:
        kinds = {"number"}
    if len(kinds) == 1:
        return kinds.pop(), "", has_null
    if len(kinds) > 1:
        return "any", "it allows several kinds of value", has_null
    return _guessed(rules, example, is_null_only=words == {"null"}), "", has_null


def _guessed(rules: dict[str, Any], example: Any, *, is_null_only: bool) -> Kind:
    """The kind of a schema without a type, from what else it says."""
    if "properties" in rules:
        return "object"
    if "items" in rules:
        return "array"
    values = [rules["const"]] if "const" in rules else rules.get("enum")
    if not isinstance(values, list) or not values:
        values = [rules["default"]] if rules.get("default") is not None else [example]
    kinds = {kind_of(value) for value in values if value not in (None, MISSING)}
    if len(kinds) == 1:
        return kinds.pop()
    return "any" if kinds or is_null_only else "string"


def kind_of(value: Any) -> Kind:
    """The kind of a JSON value; "any" for MISSING."""
    if isinstance(value, bool):
        return "boolean"
    for types, kind in ((int, "integer"), (float, "number"), (str, "string"), (list, "array")):
        if isinstance(value, cast(type, types)):
            return cast(Kind, kind)
    return "object" if isinstance(value, dict) else "any"

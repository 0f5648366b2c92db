"""JSON Schema, one level at a time: local references, unions with null, guessed types, and the
parts that count only under a condition.

Only what a form needs. Nothing is ever fetched; a circle, a remote reference and a union that
cannot be one field become the kind "any", which is drawn as JSON text.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

from executions.forms.compiled_nodes import Branch, Kind, Shape
from executions.forms.conditional_schema import (
    DISCRIMINATOR,
    Test,
    branches_of,
    differs,
    discriminated,
    is_about,
    joined,
    merged,
)
from executions.forms.definition_intake import CannotShow
from executions.forms.json_path import EACH, MISSING, Path
from executions.forms.schema_dialects import is_demanded, pointed
from executions.forms.validation import Validation

MAX_DEPTH = 8  # objects and lists inside each other
MAX_LOOKS = 20_000  # schemas resolved for one form: a small bomb doubles at every level
MAX_HOPS = 20  # references that lead to references
MAX_PLACES = 50  # schemas that one property may have, depending on others
MAX_NESTING = 5  # conditions inside each other

_SHAPING = ("type", "properties", "items", "enum", "const", "$ref", "anyOf", "oneOf", "allOf")
_KINDS: dict[str, Kind] = {
    "string": "string", "text": "string", "number": "number", "integer": "integer",
    "boolean": "boolean", "object": "object", "array": "array", "any": "any",
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A property found in the schema, and whether its object demands it.

    It counts while all of `tests` hold and none of the sets in `unless` does. It is demanded as
    well while one of the sets in `demands` holds.
    """

    shape: Shape
    is_required: bool
    tests: tuple[Test, ...] = ()
    unless: tuple[tuple[Test, ...], ...] = ()
    demands: tuple[tuple[Test, ...], ...] = ()


class Schemas:
    """The schemas of one form, resolved on demand."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.looks = 0
        self.unfollowed: list[str] = []
        """Rules that decide about fields and are not understood."""
        self.viewed: dict[tuple[int, Path], tuple[Shape, list[tuple[tuple[Test, ...], Shape]]]] = {}
        self.root_shape = self.shape(root)

    @cached_property
    def validation(self) -> Validation:
        """The whole schema, ready to look at answers."""
        return Validation(self.root)

    def shape(
        self, schema: Any, trail: frozenset[str] = frozenset(), example: Any = MISSING
    ) -> Shape:
        """`example` is the present value, for a schema that names no type."""
        rules, trail, doubt = self.follow(schema, trail)
        rules, is_nullable, union_doubt, branches = self.unite(rules, trail)
        kind, type_doubt, null_type = _kind(rules, example)
        doubt = doubt or union_doubt or type_doubt
        is_nullable = is_nullable or null_type or _allows_null(rules)
        branches = (*branches_of(rules), *branches)
        return Shape("any" if doubt else kind, rules, is_nullable, trail, doubt, branches)

    def follow(
        self, schema: Any, trail: frozenset[str], hops: int = MAX_HOPS
    ) -> tuple[dict[str, Any], frozenset[str], str]:
        """The keywords behind references and `allOf`, the trail, and why it was given up."""
        self.looks += 1
        if self.looks > MAX_LOOKS:
            raise CannotShow("its schema unfolds into too many parts")
        rules = schema if isinstance(schema, dict) else {}
        if "$ref" in rules:
            own, ref = _without(rules, "$ref"), rules["$ref"]
            target = pointed(self.root, ref)
            if not isinstance(target, dict):
                return own, trail, "it refers to another place"
            if ref in trail:
                return own, trail, "it refers to itself"
            if not hops:
                return own, trail, "it refers too far"
            found, trail, doubt = self.follow(target, trail | {ref}, hops - 1)
            own, trail, own_doubt = self.follow(own, trail, hops - 1)
            return joined(found, own), trail, doubt or own_doubt
        parts = rules.get("allOf")
        if not isinstance(parts, list) or not parts:
            return rules, trail, ""
        if not hops:
            return rules, trail, "it refers too far"
        return self.follow_all(parts, _without(rules, "allOf"), trail, hops - 1)

    def follow_all(
        self, parts: list[Any], own: dict[str, Any], trail: frozenset[str], hops: int
    ) -> tuple[dict[str, Any], frozenset[str], str]:
        """`allOf` and the keywords beside it as one. A part that cannot be followed is left to the
        check of the whole answer, unless it is the only one."""
        found, before = [], trail
        for part in parts:
            rules, own_trail, doubt = self.follow(part, before, hops)
            if not doubt or len(parts) == 1:
                found.append(rules)
                trail |= own_trail
        if doubt and not own.get("properties") and (len(parts) == 1 or not found):
            return joined(found[0] if found else {}, own), trail, doubt
        one = merged(found)
        if one is None:
            return own, trail, "it combines schemas"
        return joined(one, own), trail, ""

    def unite(
        self, rules: dict[str, Any], trail: frozenset[str]
    ) -> tuple[dict[str, Any], bool, str, tuple[Branch, ...]]:
        """`anyOf` and `oneOf`: the keywords, whether null is allowed, why it was given up, and the
        alternatives of an object that one property tells apart."""
        for word in ("anyOf", "oneOf"):
            alternatives = rules.get(word)
            if not isinstance(alternatives, list) or not alternatives:
                continue
            parts = [self.follow(each, trail)[0] for each in alternatives[:100]]
            others = [part for part in parts if not _is_null(part)]
            has_null = len(others) < len(parts)
            outer = _without(rules, word)
            if len(others) == 1:
                return joined(others[0], outer), has_null, "", ()
            choices = _as_choices(others)
            if choices is not None:
                return {**choices, **outer}, has_null, "", ()
            if others and all(part.get("type") == "string" for part in others):
                # A date or one of a list (PrefectHQ/prefect#22753, read November 2026): any text.
                return {"type": "string", **outer}, has_null, "", ()
            apart = discriminated(others, outer, self.follow, trail)
            if apart is not None:
                return apart[0], has_null, "", apart[1]
            is_object = outer.get("type", "object") == "object" and "properties" in outer
            if is_object or not any(word in part for part in others for word in _SHAPING):
                self.look_over(word, others, outer)
                return outer, has_null, "", ()  # they only check more
            return rules, has_null, "it allows several kinds of value", ()
        return rules, False, "", ()

    def look_over(self, word: str, parts: list[dict[str, Any]], outer: dict[str, Any]) -> None:
        """Notes alternatives that would add fields and that no constant tells apart."""
        names = {name for part in parts for name in _properties(part)}
        if names - set(_properties(outer)):
            self.note(f"alternatives that no constant tells apart ({word})")

    def note(self, rule: str) -> None:
        if rule not in self.unfollowed:
            self.unfollowed.append(rule)

    # ------------------------------------------------------------------------------------- places

    def find(self, path: Path) -> Place | None:
        """The property at `path` as it is without any condition, else as it may be; None where the
        schema does not know it."""
        places = self.places(path)
        return places[-1] if places else None

    def places(self, path: Path) -> list[Place]:
        """Every schema that the property at `path` may have. Those under a condition come first."""
        places = [Place(self.root_shape, False)]
        for length, part in enumerate(path):
            below: list[Place] = []
            for place in places:
                below += self.below(place, path[:length], part)
            places = below
            if len(places) > MAX_PLACES:
                raise CannotShow("its schema unfolds into too many parts")
        return places

    def below(self, place: Place, at: Path, part: str | int) -> list[Place]:
        """The property or item `part` of the value at `at`."""
        if isinstance(part, int):
            items = place.shape.rules.get("items")
            if not isinstance(items, dict):
                return []
            shape = self.shape(items, place.shape.trail)
            return [Place(shape, False, place.tests, place.unless)]
        base, refined, demands = None, [], []
        for tests, view in self.views(place.shape, at):
            is_required = is_required_in(view, part)
            if is_required and tests:
                demands.append((*place.tests, *tests))
            if part not in properties_of(view):
                continue
            if not tests or (base is None and any(is_about(test, part) for test in tests)):
                base = (tests, view)
            elif not any(is_about(test, part) for test in tests):
                refined.append((tests, view))
        found: list[Place] = []
        unless: tuple[tuple[Test, ...], ...] = ()
        for tests, view in refined:
            one = self.refined(part, base[1] if base else None, view)
            if one is not None:
                all_tests = (*place.tests, *tests)
                is_required = is_required_in(view, part) or is_required_in(place.shape, part)
                found.append(Place(one, is_required, all_tests, (*place.unless, *unless)))
                unless = (*unless, all_tests)
        if base is not None:
            shape = self.shape(properties_of(base[1])[part], base[1].trail)
            is_required = is_required_in(place.shape, part) and not is_optional(place, at, part)
            found.append(Place(shape, is_required, place.tests, (*place.unless, *unless)))
        return [replace(each, demands=tuple(demands)) for each in found]

    def refined(self, name: str, base: Shape | None, view: Shape) -> Shape | None:
        """The schema of a property in a part that counts under a condition; None where it draws the
        field no other way, and only checks more."""
        own = properties_of(view)[name]
        if base is None:
            return self.shape(own, view.trail)
        usual = self.shape(properties_of(base)[name], base.trail)
        both = {"allOf": [properties_of(base)[name], own]}
        shape = self.shape(both, base.trail | view.trail)
        return shape if differs(shape.rules, usual.rules) else None

    def views(self, shape: Shape, at: Path) -> list[tuple[tuple[Test, ...], Shape]]:
        """The schema of an object, and each part of it that counts under a condition."""
        known = self.viewed.get((id(shape), at))
        if known is None:
            known = self.viewed[id(shape), at] = (shape, list(self.look(shape, at, ())))
        return known[1]

    def look(
        self, shape: Shape, at: Path, tests: tuple[Test, ...]
    ) -> Iterator[tuple[tuple[Test, ...], Shape]]:
        yield tests, shape
        for branch in shape.branches:
            if len(tests) >= MAX_NESTING:
                self.note("conditions inside conditions")
                return
            test = Test(at, branch.test, branch.is_negated)
            below = self.shape(branch.schema, shape.trail)
            if below.doubt:
                self.note(f"a condition whose part {below.doubt.removeprefix('it ')}")
                continue
            yield from self.look(below, at, (*tests, test))

    def names(self, shape: Shape, at: Path = ()) -> list[str]:
        """The properties of an object, those under a condition behind the others."""
        names: dict[str, None] = {}
        for _, view in self.views(shape, at):
            names |= dict.fromkeys(properties_of(view))
        return list(names)


def properties_of(shape: Shape) -> dict[str, Any]:
    """Properties in their order; Prefect numbers them with `position`."""
    properties = {} if shape.doubt else _properties(shape.rules)
    if properties and all(
        isinstance(schema, dict) and type(schema.get("position")) is int
        for schema in properties.values()
    ):
        return dict(sorted(properties.items(), key=lambda item: item[1]["position"]))
    return properties


def _properties(rules: dict[str, Any]) -> dict[str, Any]:
    properties = rules.get("properties")
    return properties if isinstance(properties, dict) else {}


def is_optional(place: Place, at: Path, name: str) -> bool:
    """Whether this property makes the choice among alternatives of an object that may be left out:
    without a choice there is no object."""
    is_there = not at or at[-1] == EACH or place.is_required
    return place.shape.rules.get(DISCRIMINATOR) == name and not is_there


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


# --------------------------------------------------------------- whole values against their schema


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

"""The parts of a schema that count under a condition, as tests and what follows from them.

`if`/`then`/`else`, `dependentRequired`, `dependentSchemas`, `dependencies`, and alternatives that a
constant tells apart. A test is itself a schema: the object fits it, or does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from executions.forms.compiled_nodes import Branch
from executions.forms.condition_expressions import Condition, Scope
from executions.forms.json_path import EACH, MISSING, Path, dig
from executions.forms.options import is_equal
from executions.forms.validation import TooMuch, Validation

ALSO = "allOf"
"""Where several schemas that were made one keep those of their conditions that would overwrite one
another: under the very word that means the same."""
CONDITIONAL = ("if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies")
_ALTERNATIVES = ("anyOf", "oneOf", "not")
COMBINING = frozenset({*CONDITIONAL, *_ALTERNATIVES, "allOf"})
_DRAWING = ("type", "enum", "const", "properties", "items", "format", "anyOf", "oneOf", "title")
DISCRIMINATOR = "x-told-by"
"""Names the property that tells alternatives apart, in the keywords of the object made of them."""
MAX_BRANCHES = 50  # of one object

Follow = Callable[[Any, frozenset[str]], tuple[dict[str, Any], frozenset[str], str]]


@dataclass(frozen=True)
class Test:
    """A condition: the object at `at` fits `schema`, or does not."""

    at: Path
    schema: Any
    is_negated: bool = False


def branches_of(rules: dict[str, Any]) -> Iterator[Branch]:
    """What the keywords of one object say under a condition."""
    yield from islice(_branches(rules), MAX_BRANCHES)
    for part in _listed(rules, ALSO)[:MAX_BRANCHES]:
        if not isinstance(part, dict):
            continue  # true, false, or no schema: nothing that depends on another value
        if any(word in part for word in _ALTERNATIVES):
            yield Branch({}, False, part)
        else:
            yield from islice(_branches(part), MAX_BRANCHES)


def _branches(rules: dict[str, Any]) -> Iterator[Branch]:
    if "if" in rules:
        for word, is_negated in (("then", False), ("else", True)):
            if isinstance(rules.get(word), dict):
                yield Branch(rules["if"], is_negated, rules[word])
    for word in ("dependentRequired", "dependentSchemas", "dependencies"):
        given = rules.get(word)
        for name, follows in given.items() if isinstance(given, dict) else ():
            if isinstance(follows, str | list):
                follows = {"required": [follows] if isinstance(follows, str) else follows}
            if isinstance(follows, dict):
                yield Branch({"required": [name]}, False, follows)


def joined(inner: dict[str, Any], outer: dict[str, Any]) -> dict[str, Any]:
    """Two sets of keywords that hold together. The outer one has the last word on what is drawn;
    no condition of either is lost."""
    if not inner or not outer:
        return inner or outer
    kept = {word: rule for word, rule in inner.items() if word in COMBINING - {ALSO}}
    also = [*_listed(inner, ALSO), *_listed(outer, ALSO)]
    if kept and any(word in outer for word in COMBINING - {ALSO}):
        also.append(kept)
        inner = {word: rule for word, rule in inner.items() if word not in kept}
    found = {**inner, **outer}
    if also:
        found[ALSO] = also
    if "properties" in inner and "properties" in outer:
        found["properties"] = _with_both(inner["properties"], outer["properties"])
    if isinstance(inner.get("required"), list) and isinstance(outer.get("required"), list):
        found["required"] = [*inner["required"], *outer["required"]]
    return found


def merged(parts: list[dict[str, Any]]) -> dict[str, Any] | None:
    """`allOf` as one schema, None where its parts do not agree on the type."""
    types = {part["type"] for part in parts if isinstance(part.get("type"), str)}
    if len(types) > 1:
        return None
    found: dict[str, Any] = {}
    for part in parts:
        found = joined(found, part)
    return found


def _listed(rules: dict[str, Any], word: str) -> list[Any]:
    value = rules.get(word)
    return value if isinstance(value, list) else []


def _with_both(inner: Any, outer: Any) -> Any:
    """Properties of two schemas; one that both describe is described by both."""
    if not isinstance(inner, dict) or not isinstance(outer, dict):
        return outer
    both = {**inner, **outer}
    for name in inner.keys() & outer.keys():
        if inner[name] != outer[name]:
            both[name] = {"allOf": [inner[name], outer[name]]}
    return both


def discriminated(
    parts: list[dict[str, Any]], outer: dict[str, Any], follow: Follow, trail: frozenset[str]
) -> tuple[dict[str, Any], tuple[Branch, ...]] | None:
    """Alternatives of an object as one object, if a property has other constants in each."""
    if not all(isinstance(part.get("properties"), dict) for part in parts) or not parts:
        return None
    if not {part.get("type", "object") for part in [*parts, outer]} <= {"object"}:
        return None
    for name in _candidates(parts, outer):
        values = [_constants(part["properties"].get(name), follow, trail) for part in parts]
        if all(values) and _are_apart(values):
            return _as_one(name, values, parts, outer)
    return None


def _candidates(parts: list[dict[str, Any]], outer: dict[str, Any]) -> list[str]:
    named = outer.get("discriminator")
    hint = named.get("propertyName") if isinstance(named, dict) else None
    names = list(parts[0]["properties"])
    return [name for name in names if name == hint] + [name for name in names if name != hint]


def _constants(schema: Any, follow: Follow, trail: frozenset[str]) -> list[Any]:
    rules = follow(schema, trail)[0]
    if "const" in rules:
        return [rules["const"]]
    values = rules.get("enum")
    return values if isinstance(values, list) else []


def _are_apart(values: list[list[Any]]) -> bool:
    flat = [value for part in values for value in part]
    return len(flat) < 200 and not any(
        is_equal(one, other) for i, one in enumerate(flat) for other in flat[:i]
    )


def _as_one(
    name: str, values: list[list[Any]], parts: list[dict[str, Any]], outer: dict[str, Any]
) -> tuple[dict[str, Any], tuple[Branch, ...]]:
    first = parts[0]["properties"][name]
    words = {key: first[key] for key in ("title", "description") if key in first}
    choice = {**words, "enum": [value for part in values for value in part]}
    properties = outer.get("properties")
    known = properties if isinstance(properties, dict) else {}
    required = [*_listed(outer, "required")]
    if all(name in _listed(part, "required") for part in parts):
        required.append(name)
    one = {
        **outer, "type": "object", "required": required, DISCRIMINATOR: name,
        "properties": known if name in known else {name: choice, **known},
    }  # fmt: skip
    tests = [{"required": [name], "properties": {name: {"enum": each}}} for each in values]
    return one, tuple(
        Branch(test, False, part) for test, part in zip(tests, parts, strict=True)
    )  # fmt: skip


def is_about(test: Test, name: str) -> bool:
    """Whether a test looks at this property of its object."""
    return name in _named(test.schema)


def _named(schema: Any, depth: int = 0) -> set[str]:
    """The properties of its object that a test looks at."""
    if not isinstance(schema, dict) or depth > 10:
        return set()
    properties = schema.get("properties")
    names = set(properties) if isinstance(properties, dict) else set()
    names |= {name for name in _listed(schema, "required") if isinstance(name, str)}
    for word in ("allOf", "anyOf", "oneOf"):
        for part in _listed(schema, word):
            names |= _named(part, depth + 1)
    for word in ("not", "if", "then", "else"):
        names |= _named(schema.get(word), depth + 1)
    return names


def differs(refined: dict[str, Any], usual: dict[str, Any]) -> bool:
    """Whether a field would be drawn in another way."""
    return any(refined.get(word) != usual.get(word) for word in _DRAWING)


# ---------------------------------------------------------------------------------- as conditions


def as_condition(
    tests: tuple[Test, ...], unless: tuple[tuple[Test, ...], ...], validation: Validation
) -> Condition:  # fmt: skip
    """All of `tests`, and none of the sets in `unless`, as the condition of a field."""

    def read(scope: Scope) -> bool:
        def hold(some: tuple[Test, ...]) -> bool:
            return all(holds(test, scope, validation) for test in some)

        return hold(tests) and not any(map(hold, unless))

    every = [*tests, *(test for some in unless for test in some)]
    looked_at = [path for test in every for path in _paths(test)]
    return Condition("", read, tuple(dict.fromkeys(looked_at)))


def holds(test: Test, scope: Scope, validation: Validation) -> bool:
    """An object that is not there is looked at as an empty one: the first value makes it one."""
    left = iter(scope.indices)
    at = tuple(next(left, EACH) if part == EACH else part for part in test.at)
    key = (id(test.schema), at)
    if key not in scope.tests:
        value = dig(scope.model, at)
        try:
            scope.tests[key] = validation.fits({} if value is MISSING else value, test.schema)
        except TooMuch:
            return False
    return scope.tests[key] is not test.is_negated


def _paths(test: Test) -> list[Path]:
    """What a test looks at; the whole object where it does not name its properties."""
    names = sorted(_named(test.schema))
    return [(*test.at, name) for name in names] or ([test.at] if test.schema else [])

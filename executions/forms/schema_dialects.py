"""A provider's schema in the one dialect that is checked here: JSON Schema 2020-12.

Engines mix the drafts: `required: true` on a property (3), `exclusiveMinimum: true` and
`dependencies` (4), lists as `items` (to 2019). What has no meaning in any draft is left out, and so
is what cannot be followed here; the latter is named, for the people who answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import re2

MAX_PATTERN = 1000  # characters
MAX_DEPTH = 100  # schemas inside each other
MAX_UNCHECKED = 10

TYPES = {"string", "number", "integer", "boolean", "object", "array", "null"}
_NEVER = {  # rules of some draft or validator that are not followed here
    "$dynamicRef", "$recursiveRef", "unevaluatedProperties", "unevaluatedItems",
    "extends", "disallow", "$merge", "$patch", "$data", "switch", "select", "selectCases",
    "formatMinimum", "formatMaximum", "formatExclusiveMinimum", "formatExclusiveMaximum",
    "instanceof", "typeof", "allRequired", "anyRequired", "oneRequired", "patternRequired",
    "prohibited", "deepProperties", "deepRequired", "uniqueItemProperties", "regexp",
    "dynamicDefaults",
}  # fmt: skip
_MAPS = ("properties", "dependentSchemas")
_ONES = ("not", "if", "then", "else", "contains", "propertyNames", "additionalProperties")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_COUNTS = (
    "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
    "minContains", "maxContains",
)  # fmt: skip
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


@lru_cache(maxsize=512)
def compiled_pattern(pattern: str) -> Any | None:
    """A provider's JavaScript pattern in linear time; None where RE2 has no such thing."""
    if len(pattern) > MAX_PATTERN or not pattern.isprintable():
        return None
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 2**20
    try:
        return re2.compile(pattern, options=options)
    except (re2.error, UnicodeError):
        return None


def pointed(root: Any, ref: Any) -> Any:
    """What a local reference points to, None where nothing is. Others are never fetched."""
    if not isinstance(ref, str) or not re.fullmatch("#(/.*)?", ref, re.S):
        return None
    found = root
    for part in ref[1:].split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and re.fullmatch("0|[1-9][0-9]{0,4}", name):
            found = found[int(name)] if int(name) < len(found) else None
        else:
            found = found.get(name) if isinstance(found, dict) else None
    return found


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_demanded(schema: Any) -> bool:
    """Draft 3 says `required: true` on the property itself."""
    return isinstance(schema, dict) and schema.get("required") is True


class Translation:
    """`schema` is the translated one, `unchecked` names the rules that had to be left out."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.unchecked: list[str] = []
        self.targets: dict[str, str] = {}
        """By reference, the name under which `$defs` has what it points to."""
        self.schema: dict[str, Any] = {**self._object(root, 0), "$defs": {}}
        self._add_targets()

    def part(self, schema: Any) -> Any:
        """A part of the schema, or one like it."""
        found = self._of(schema, 0)
        self._add_targets()
        return found

    def _add_targets(self) -> None:
        """One after another, not inside each other: references may form long chains and circles."""
        known = self.schema["$defs"]
        while len(known) < len(self.targets):
            for ref, name in list(self.targets.items())[len(known) :]:
                known[name] = self._of(pointed(self.root, ref), 0)

    def _of(self, schema: Any, depth: int) -> Any:
        if schema is False:
            return {"not": {}}  # the same, and complaints about it know their place
        return self._object(schema, depth) if isinstance(schema, dict) else {}

    def leave_out(self, rule: str) -> None:
        if rule not in self.unchecked and len(self.unchecked) < MAX_UNCHECKED:
            self.unchecked.append(rule)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        if depth > MAX_DEPTH:
            self.leave_out(f"what is nested more than {MAX_DEPTH} levels deep")
            return {}
        found: dict[str, Any] = {}
        for word, value in schema.items():
            if word in _NEVER and value is not True:
                self.leave_out(word)
            elif word in _WORDS:
                _WORDS[word](self, found, word, value, depth + 1)
        _read_exclusive_bounds(schema, found)
        return found

    # ---------------------------------------------------------------- what a keyword's value may be

    def _one(self, found: dict[str, Any], word: str, value: Any, depth: int) -> None:
        if isinstance(value, dict | bool):
            found[word] = self._of(value, depth)

    def _map(self, found: dict[str, Any], word: str, value: Any, depth: int) -> None:
        if isinstance(value, dict):
            found[word] = {name: self._of(each, depth) for name, each in value.items()}
        if word == "properties" and isinstance(value, dict):
            demanded = [name for name, each in value.items() if is_demanded(each)]
            self._required(found, "required", demanded or None, depth)

    def _list(self, found: dict[str, Any], word: str, value: Any, depth: int) -> None:
        if isinstance(value, list) and value:
            found[word] = [self._of(each, depth) for each in value]

    def _items(self, found: dict[str, Any], word: str, value: Any, depth: int) -> None:
        if isinstance(value, list):
            self._list(found, "prefixItems", value, depth)
        else:
            self._one(found, word, value, depth)

    def _patterns(self, found: dict[str, Any], word: str, value: Any, depth: int) -> None:
        if not isinstance(value, dict):
            return
        found[word] = {}
        for pattern, each in value.items():
            if compiled_pattern(pattern) is None:
                self.leave_out(f"the pattern {pattern[:60]}")
            else:
                found[word][pattern] = self._of(each, depth)

    def _pattern(self, found: dict[str, Any], word: str, value: Any, depth: int) -> None:
        if not isinstance(value, str):
            return
        if compiled_pattern(value) is None:
            self.leave_out(f"the pattern {value[:60]}")
        else:
            found[word] = value

    def _ref(self, found: dict[str, Any], word: str, value: Any, depth: int) -> None:
        if isinstance(pointed(self.root, value), dict | bool):
            name = self.targets.setdefault(value, f"r{len(self.targets)}")
            found[word] = f"#/$defs/{name}"
        else:
            self.leave_out(f"the reference to {str(value)[:60]}")

    def _type(self, found: dict[str, Any], word: str, value: Any, depth: int) -> None:
        named = value if isinstance(value, list) else [value]
        types = ["string" if each == "text" else each for each in named]
        if types and all(isinstance(each, str) and each in TYPES for each in types):
            found[word] = types

    def _required(self, found: dict[str, Any], word: str, value: Any, depth: int) -> None:
        if isinstance(value, list):
            names = [*found.get(word, ()), *(each for each in value if isinstance(each, str))]
            found[word] = list(dict.fromkeys(names))

    def _dependent(self, found: dict[str, Any], word: str, value: Any, depth: int) -> None:
        """Names, or a schema, that come with a property."""
        for name, each in value.items() if isinstance(value, dict) else ():
            names = [each] if isinstance(each, str) else each
            if isinstance(names, list):
                texts = [other for other in names if isinstance(other, str)]
                found.setdefault("dependentRequired", {})[name] = texts
            elif word == "dependencies":
                found.setdefault("dependentSchemas", {})[name] = self._of(each, depth)

    def _enum(self, found: dict[str, Any], word: str, value: Any, depth: int) -> None:
        if isinstance(value, list) and value:
            found[word] = value

    def _const(self, found: dict[str, Any], word: str, value: Any, depth: int) -> None:
        found[word] = value

    def _count(self, found: dict[str, Any], word: str, value: Any, depth: int) -> None:
        if is_number(value) and value >= 0 and value == int(value):
            found[word] = int(value)

    def _bound(self, found: dict[str, Any], word: str, value: Any, depth: int) -> None:
        if is_number(value):
            found[word] = value

    def _factor(self, found: dict[str, Any], word: str, value: Any, depth: int) -> None:
        if is_number(value) and value > 0:
            found["multipleOf"] = value

    def _unique(self, found: dict[str, Any], word: str, value: Any, depth: int) -> None:
        if value is True:
            found[word] = True


Translate = Callable[[Translation, dict[str, Any], str, Any, int], None]

_WORDS: dict[str, Translate] = {
    **dict.fromkeys(_MAPS, Translation._map),
    **dict.fromkeys(_ONES, Translation._one),
    **dict.fromkeys(_LISTS, Translation._list),
    **dict.fromkeys(_COUNTS, Translation._count),
    **dict.fromkeys(_BOUNDS, Translation._bound),
    "items": Translation._items,
    "patternProperties": Translation._patterns,
    "pattern": Translation._pattern,
    "$ref": Translation._ref,
    "type": Translation._type,
    "required": Translation._required,
    "dependencies": Translation._dependent,
    "dependentRequired": Translation._dependent,
    "enum": Translation._enum,
    "const": Translation._const,
    "multipleOf": Translation._factor,
    "divisibleBy": Translation._factor,
    "uniqueItems": Translation._unique,
}


def _read_exclusive_bounds(schema: dict[str, Any], found: dict[str, Any]) -> None:
    """Draft 4 says `exclusiveMinimum: true` beside `minimum`, later drafts give the bound."""
    for word, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if schema.get(exclusive) is True and word in found:
            found[exclusive] = found.pop(word)

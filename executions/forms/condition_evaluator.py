"""The meaning of a condition's parts: each reads a Scope and gives a JSON value."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from executions.forms.js_semantics import COMPARISONS, is_same, is_true, to_number
from executions.forms.json_path import MISSING


class Unclear(Exception):
    """The expression cannot be evaluated here. Show the field, do not require it."""


@dataclass(frozen=True)
class Scope:
    """What names mean: the model, the field's own value, row positions, and the known names.

    `tests` remembers what the tests of a schema said about this model.
    """

    model: dict[str, Any]
    value: Any = MISSING
    indices: tuple[int, ...] = ()
    known: frozenset[str] = frozenset()
    tests: dict[Any, bool] = field(default_factory=dict)


class _UnknownRoot:
    """A first name that is neither ours nor a property: `person` in `person.eligible`."""


Reading = Callable[[Scope], Any]
OWN_NAMES = {"model", "modelValue", "arrayIndex", "arrayIndices", "$index", "$i"}


def literal(kind: str, text: str) -> Any:
    if kind == "number":
        return float(text) if "." in text else int(text)
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def named(name: str) -> Reading:
    def read(scope: Scope) -> Any:
        if name == "model":
            return scope.model
        if name == "modelValue":
            return scope.value
        if name in ("arrayIndex", "$index"):
            return scope.indices[-1] if scope.indices else MISSING
        if name in ("arrayIndices", "$i"):
            return list(scope.indices)
        if name in scope.model:
            return scope.model[name]
        return MISSING if name in scope.known else _UnknownRoot()

    return read


def member(reading: Reading, name: str) -> Reading:
    def read(scope: Scope) -> Any:
        value = reading(scope)
        if isinstance(value, _UnknownRoot):
            # One unknown root name is the host page's word for the model (`modelData.soul`).
            if name not in scope.model and name not in scope.known:
                raise Unclear(f"the condition asks for {name!r}, which is not in this form")
            return scope.model.get(name, MISSING)
        return value.get(name, MISSING) if isinstance(value, dict) else MISSING

    return read


def indexed(reading: Reading, inside: Reading) -> Reading:
    def read(scope: Scope) -> Any:
        value, index = settled(reading(scope)), settled(inside(scope))
        if isinstance(value, dict) and isinstance(index, str):
            return value.get(index, MISSING)
        if isinstance(value, list) and type(index) is int and 0 <= index < len(value):
            return value[index]
        return MISSING

    return read


def length_of(reading: Reading) -> Reading:
    def read(scope: Scope) -> Any:
        value = settled(reading(scope))
        if isinstance(value, dict):
            return value.get("length", MISSING)
        return len(value) if isinstance(value, str | list) else MISSING

    return read


def searched(reading: Reading, wanted: Reading, *, is_test: bool) -> Reading:
    def read(scope: Scope) -> Any:
        value, item = settled(reading(scope)), settled(wanted(scope))
        if isinstance(value, str):
            place = value.find(item) if isinstance(item, str) else -1
        elif isinstance(value, list):
            place = next((i for i, each in enumerate(value) if is_same(each, item)), -1)
        else:
            return MISSING
        return place >= 0 if is_test else place

    return read


def signed(sign: str, reading: Reading) -> Reading:
    if sign == "!":
        return lambda scope: not is_true(settled(reading(scope)))
    return lambda scope: -to_number(settled(reading(scope)))


def joined(sign: str, left: Reading, right: Reading) -> Reading:
    def read(scope: Scope) -> Any:
        one = settled(left(scope))
        if sign == "&&":
            return right(scope) if is_true(one) else one
        if sign == "||":
            return one if is_true(one) else right(scope)
        return COMPARISONS[sign](one, settled(right(scope)))

    return read


def settled(value: Any) -> Any:
    if isinstance(value, _UnknownRoot):
        raise Unclear("the condition asks for something that is not in this form")
    return value

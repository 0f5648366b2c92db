"""Options of a field, from `titleMap`, `options`, `enum`, `enumNames` and `const`."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from executions.display.html_sanitizing import plain, words_only
from executions.forms.compiled_nodes import Kind, Option, Shape
from executions.forms.json_path import MISSING
from providers.contract import shows

MAX_OPTIONS = 2000

_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,2})?")


def options_for(shape: Shape, attributes: dict[str, Any]) -> tuple[Option, ...]:
    """In the order given; () where the field is no choice. For a list: the shape of its items."""
    rules, kind = shape.rules, shape.kind
    titles = attributes.get("titleMap", attributes.get("options"))
    if isinstance(titles, list) and titles:
        return _listed(titles)
    values = [rules["const"]] if "const" in rules else rules.get("enum")
    if not isinstance(values, list) or not values:
        values = None
    if isinstance(titles, dict) and titles:
        return _mapped(titles, kind, values)
    if values is None:
        return ()
    names = attributes.get("enumNames", rules.get("enumNames"))
    return _enumerated(values, names)


def _listed(titles: list[Any]) -> tuple[Option, ...]:
    options = []
    for item in titles[:MAX_OPTIONS]:
        if isinstance(item, dict) and "value" in item:
            name = item.get("name", item.get("label", item["value"]))
            is_danger = "danger" in str(item.get("style", ""))
            options.append(
                Option(
                    item["value"],
                    _label(name, item["value"]),
                    plain(item.get("group", "")),
                    is_danger,
                )
            )
        elif not isinstance(item, dict | list):
            options.append(Option(item, label_of(item)))
    return tuple(options)


def _mapped(titles: dict[str, Any], kind: Kind, values: list[Any] | None) -> tuple[Option, ...]:
    """Keys of a `titleMap` object are texts: they get the type the schema asks for."""
    by_text = {_as_text(value): value for value in values or []}
    return tuple(
        Option(by_text.get(key, cast_text(key, kind)), _label(name, key))
        for key, name in list(titles.items())[:MAX_OPTIONS]
    )


def _enumerated(values: list[Any], names: Any) -> tuple[Option, ...]:
    options = []
    for position, value in enumerate(values[:MAX_OPTIONS]):
        name: Any = value
        if isinstance(names, dict):
            name = names.get(_as_text(value), value)
        elif isinstance(names, list) and position < len(names):
            name = names[position]
        options.append(Option(value, _label(name, value)))
    return tuple(options)


def _label(name: Any, value: Any) -> str:
    """A name that shows nothing is no name: the value then stands for itself."""
    return label_of(value if isinstance(name, str) and not shows(name) else name)


def label_of(value: Any) -> str:
    """What a person reads for a value."""
    if isinstance(value, str):
        text = words_only(plain(value))
        return text if shows(text) else "(empty)"
    words = {True: "Yes", False: "No", None: "No value"}
    return words[value] if value is None or isinstance(value, bool) else _as_text(value)


def cast_text(text: str, kind: Kind) -> Any:
    """A key of a map as a value of `kind`; the text itself where it is none."""
    if kind == "boolean":
        return {"true": True, "false": False, "null": None}.get(text, text)
    if kind in ("number", "integer") and re.fullmatch(r"-?[0-9]{1,40}", text):
        return int(text)
    if kind == "number" and _NUMBER.fullmatch(text):
        number = float(text)
        return number if Decimal(repr(number)) == Decimal(text) else text
    return None if kind != "string" and text == "null" else text


def _as_text(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {True: "true", False: "false", None: "null"}[value]
    return plain(str(value))


def is_equal(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, but 1 is 1.0."""
    if one is MISSING or other is MISSING:
        return one is other
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_equal(one[key], other[key]) for key in one)
    return bool(one == other)


def index_of(options: tuple[Option, ...], value: Any) -> int | None:
    """The position of a value among the options, None where it is not in the list."""
    return next((i for i, option in enumerate(options) if is_equal(option.value, value)), None)

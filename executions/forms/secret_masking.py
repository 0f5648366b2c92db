"""Triples and bodies for people and programs to look at, without their secrets.

Secrets are the values of fields with a password's type or a secret's name, wherever a part of the
triple holds them: in the model, and in defaults of the schema and the form.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from executions.forms.compiled_nodes import name_of
from executions.forms.json_path import EACH, MISSING, Path, dig, parse_key
from providers import exact_json
from providers.redaction import MASK
from providers.secret_names import has_content

MAX_DEPTH = 40
MAX_ENTRIES = 5000  # of a layout that are looked at

_VALUES = ("default", "const", "example", "examples", "value")
_MAPS = {
    "properties": True, "definitions": True, "$defs": True,
    "dependentSchemas": False, "dependencies": False,
}  # fmt: skip
"""Words that map names to schemas, and whether a name is that of the property described."""
IsSecret = Callable[[Path], bool]


def masked_part(name: str, part: Any, is_secret: IsSecret) -> Any:
    """`name` says which part it is: schema, form or model. A part that is a JSON text stays one."""
    if isinstance(part, str):
        try:
            parsed = exact_json.read_stored(part)
        except (ValueError, RecursionError):
            return part if name != "model" else MASK  # nobody can say what is secret in it
        if isinstance(parsed, dict | list):
            return exact_json.written(masked_part(name, parsed, is_secret))
        return part
    if name == "model":
        return masked(part, is_secret)
    if name == "schema":
        return _schema(part, (), is_secret, 0)
    return _form(part, is_secret, 0)


def passwords_in(form: Any) -> set[Path]:
    """The paths that a layout, however odd, types unseen."""
    if isinstance(form, str):
        try:
            form = json.loads(form)
        except (ValueError, RecursionError):
            return set()
    found: set[Path] = set()
    waiting = [form]
    for _ in range(MAX_ENTRIES):
        if not waiting:
            break
        entry = waiting.pop()
        if isinstance(entry, list):
            waiting.extend(entry)
        elif isinstance(entry, dict):
            waiting.extend(value for value in entry.values() if isinstance(value, list | dict))
            path = parse_key(entry.get("key")) if entry.get("type") == "password" else None
            found |= {path} if path else set()
    return found


def unmasked(values: Any, model: Any) -> Any:
    """A body that came back with our mask in it: there the value is what the model has."""
    if isinstance(model, str):
        try:
            model = exact_json.read_stored(model)
        except (ValueError, RecursionError):
            return values
    return _unmasked(values, model, ())


def _unmasked(value: Any, model: Any, at: Path) -> Any:
    if value == MASK:
        kept = dig(model, at)
        return value if kept is MISSING else kept
    if isinstance(value, dict):
        return {key: _unmasked(item, model, (*at, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_unmasked(item, model, (*at, i)) for i, item in enumerate(value)]
    return value


def _schema(rules: Any, at: Path, is_secret: IsSecret, depth: int) -> Any:
    if not isinstance(rules, dict) or depth > MAX_DEPTH:
        return rules
    is_hidden = bool(at) and (is_secret(at) or rules.get("format") == "password")
    shown: dict[str, Any] = {}
    for word, value in rules.items():
        if word in _VALUES and value not in (None, ""):
            shown[word] = MASK if is_hidden else masked(value, lambda path: is_secret(at + path))
        elif word in _MAPS and isinstance(value, dict):
            shown[word] = {
                name: _schema(below, (*at, name) if _MAPS[word] else at, is_secret, depth + 1)
                for name, below in value.items()
            }
        elif word == "x-schema-form" and isinstance(value, dict):
            shown[word] = {
                key: MASK if is_hidden and key in _VALUES and item not in (None, "") else item
                for key, item in value.items()
            }
        elif word == "items":
            shown[word] = _schema(value, (*at, EACH), is_secret, depth + 1)
        elif word in ("anyOf", "oneOf", "allOf") and isinstance(value, list):
            shown[word] = [_schema(below, at, is_secret, depth + 1) for below in value]
        elif word in ("if", "then", "else", "not"):
            shown[word] = _schema(value, at, is_secret, depth + 1)
        elif isinstance(value, dict) and word not in ("enumNames", "titleMap"):
            # A bare map of properties, or a word nobody knows: read as a schema.
            shown[word] = _schema(value, (*at, word), is_secret, depth + 1)
        else:
            shown[word] = value
    return shown


def _form(entry: Any, is_secret: IsSecret, depth: int) -> Any:
    if depth > MAX_DEPTH:
        return entry
    if isinstance(entry, list):
        return [_form(each, is_secret, depth + 1) for each in entry]
    if not isinstance(entry, dict):
        return entry
    path = parse_key(entry.get("key")) or ()
    is_hidden = entry.get("type") == "password" or (bool(path) and is_secret(path))
    return {
        word: MASK
        if is_hidden and word in _VALUES and value not in (None, "")
        else _form(value, is_secret, depth + 1)
        for word, value in entry.items()
    }


def secret_texts(
    value: Any, is_secret: IsSecret, at: Path = (), is_inside: bool = False
) -> Iterator[str]:
    """The texts that `masked` would replace."""
    is_inside = is_inside or (bool(at) and is_secret(at))
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from secret_texts(item, is_secret, (*at, key), is_inside)
    elif isinstance(value, str) and is_inside:
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool) and is_inside:
        yield str(value)


def masked(value: Any, is_secret: IsSecret, at: Path = ()) -> Any:
    """A copy of a body with secret values replaced, for people to look at."""
    if at and is_secret(at) and has_content(name_of(at), value):
        return MASK
    if isinstance(value, dict):
        return {key: masked(item, is_secret, (*at, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item, is_secret, (*at, i)) for i, item in enumerate(value)]
    return value

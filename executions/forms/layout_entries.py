"""The entries of a form's layout: their types, their sections, their words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from executions.display.html_sanitizing import MAX_HELP, humanised_path, plain, words_only
from executions.forms.compiled_nodes import Shape, Wording
from executions.forms.json_path import EACH, Path, parse_key

CONTAINERS = {"", "fieldset", "section", "conditional", "condition", "tabs", "steps", "array"}
IGNORED = {"template"}  # would run the provider's code

MAX_WALK = 5000  # entries looked at when collecting keys


def entry_type(entry: dict[str, Any]) -> str:
    """The form type of an entry in lower case; "" where it names none."""
    kind = entry.get("type")
    return plain(kind, 60).strip().lower() if isinstance(kind, str) else ""


def sections_of(entry: dict[str, Any]) -> list[Any] | None:
    """The entries inside a container; tabs and steps become groups with their titles."""
    for word in ("tabs", "steps"):
        if isinstance(entry.get(word), list):
            parts = [part for part in entry[word] if isinstance(part, dict)]
            return [{**part, "type": "fieldset"} for part in parts]
    return entry["items"] if isinstance(entry.get("items"), list) else None


def listed_keys(form: list[Any]) -> set[Path]:
    """The paths that are named anywhere in the layout: what "..." leaves out."""
    return {path for path in map(parse_key, _keys(form)) if path}


def _keys(form: list[Any]) -> Iterator[Any]:
    waiting = list(form)
    for _ in range(MAX_WALK):
        if not waiting:
            return
        entry = waiting.pop()
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, dict):
            yield entry.get("key")
            for word in ("items", "tabs", "steps"):
                if isinstance(entry.get(word), list):
                    waiting.extend(entry[word])


def wording_for(
    attributes: dict[str, Any], path: Path | str, rules: dict[str, Any] | None = None
) -> Wording:
    """The form's words, else the schema's, else the humanised name."""
    merged = {**_texts(rules or {}), **_texts(attributes)}
    title = merged.get("title", "")
    if not isinstance(title, str) or not title.strip():
        title = humanised_path(path) if isinstance(path, tuple) else ""
    helps = [merged.get(word) for word in ("description", "help", "helpvalue", "infoMessage")]
    return Wording(
        title=plain(words_only(title)),
        help="\n".join(plain(text, MAX_HELP) for text in helps if isinstance(text, str) and text),
        placeholder=_short(merged, "placeholder", 200),
        before=_short(merged, "fieldAddonLeft", 40),
        after=_short(merged, "fieldAddonRight", 40),
        hides_title=merged.get("notitle") is True,
        messages=merged.get("validationMessage"),
    )


def _texts(attributes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if value is not None}


def _short(attributes: dict[str, Any], word: str, limit: int) -> str:
    value = attributes.get(word)
    return words_only(plain(value, limit)) if isinstance(value, str) else ""


def merged_readonly(shape: Shape, attributes: dict[str, Any]) -> dict[str, Any]:
    """`readonly` of the form entry, else of the schema."""
    rules = shape.rules
    in_schema = any(rules.get(word) is True for word in ("readonly", "readOnly"))
    return {"readonly": in_schema, **attributes}


def button_text(attributes: dict[str, Any], word: str) -> str:
    """The text of an add or remove button; null hides the button."""
    if word in attributes and attributes[word] is None:
        return ""
    return plain(attributes.get(word) or word.capitalize(), 40)


def hiding_of(attributes: dict[str, Any]) -> str:
    strategy = attributes.get("destroyStrategy", "remove")
    if strategy is None:
        return "null"
    return strategy if strategy in ("retain", "null", "empty") else "remove"


def day_of(attributes: dict[str, Any], word: str) -> str:
    """A bound of a date as YYYY-MM-DD, "" where it is none."""
    value = attributes.get(word)
    match = re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) if isinstance(value, str) else None
    return match.group() if match else ""


def copies_of(attributes: dict[str, Any]) -> tuple[Path, ...]:
    keys = attributes.get("copyValueTo")
    paths = [parse_key(key) for key in (keys if isinstance(keys, list) else [])]
    return tuple(path for path in paths if path and EACH not in path)


def without_expression(attributes: dict[str, Any]) -> dict[str, Any]:
    """A `tabarray` names its tabs by an Angular expression (`value.name || 'Tab '+$index`,
    examples/data/tabarray.json of angular-schema-form; read November 2026), which is no title."""
    title = attributes.get("title")
    is_expression = isinstance(title, str) and re.search(r"[|+'\"{$]|^value\.", title)
    if entry_type(attributes) != "tabarray" or not is_expression:
        return attributes
    return {key: value for key, value in attributes.items() if key != "title"}

"""What a body says in the words of its form: titles for names, labels for values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from executions.forms.compiled_nodes import Leaf, Repeat
from executions.forms.files import short_files
from executions.forms.json_path import EACH, MISSING, Path, dig, drop, key_text
from providers import exact_json


def in_words(fields: Iterable[Leaf | Repeat], body: Any) -> list[tuple[str, str]]:
    """(title, text) of every field that the body holds, in the order of the form; then what no
    field asks for, by its name. A list with rows is one text."""
    pairs: list[tuple[str, str]] = []
    shown: set[Path] = set()
    for node in fields:
        value = MISSING if not node.path or EACH in node.path else dig(body, node.path)
        if value is MISSING or node.path in shown:
            continue
        shown.add(node.path)
        options = node.options if isinstance(node, Leaf) else ()
        labels = {_key(option.value): option.label for option in options}
        pairs.append((node.words.title or key_text(node.path), _text(value, labels)))
    return pairs + _rest(body, shown)


def _rest(body: Any, shown: set[Path]) -> list[tuple[str, str]]:
    """What is left of a body without the paths that are shown already."""
    holder = [deepcopy(body if isinstance(body, dict) else {"value": body})]
    for path in shown:
        drop(holder, (0, *path))
    emptied = {path[0] for path in shown}
    left = holder[0].items()
    return [(str(n), _text(v, {})) for n, v in left if v or n not in emptied]


def _text(value: Any, labels: dict[str, str]) -> str:
    if _key(value) in labels:
        return labels[_key(value)]
    if isinstance(value, list) and all(not isinstance(each, dict | list) for each in value):
        return ", ".join(_text(each, labels) for each in value)
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if value is None:
        return ""
    return value if isinstance(value, str) and len(value) < 200 else _short(value)


def _short(value: Any) -> str:
    short = short_files(value)
    return short if isinstance(short, str) else exact_json.write(short, other=str).decode()


def _key(value: Any) -> str:
    """Apart for 1, "1" and true."""
    return json.dumps(value, sort_keys=True, default=str)

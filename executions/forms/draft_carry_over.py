"""What people have typed, between a post, a draft and another version of the form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from executions.forms.compiled_nodes import Leaf, Repeat
from executions.forms.dates import chosen_moment
from executions.forms.instance_nodes import Drawn
from executions.forms.json_path import MISSING, Path, key_text
from executions.forms.value_codec import CHOICE_CONTROLS, LIST_CONTROLS, normal, shown


def collected(node: Leaf | Repeat, values: Any) -> Any:
    """Posted values of one field: all of them for a list of choices, else the last one."""
    if isinstance(node, Leaf) and node.control in LIST_CONTROLS:
        items = values if isinstance(values, list) else [values]
        return [item for item in items if isinstance(item, str) and item]
    if isinstance(values, list):
        texts = [value for value in values if isinstance(value, str)]
        if isinstance(node, Leaf) and node.control == "datetime" and len(texts) > 1:
            return chosen_moment(texts)
        values = values[-1] if values else ""
    return values if isinstance(values, str) else ""


def changed_rows(drawn: Drawn, tokens: list[str], tool: str, rest: str, is_full: bool) -> list[str]:
    """The rows after a button: within the list's limits, else as they were."""
    node = drawn.repeat
    if tool == "_add":
        used = {int(token[1:]) for token in tokens if token[0] == "n"}
        number = max(used, default=-1) + 1
        is_full = is_full or len(tokens) >= drawn.most or number > 999
        return tokens if is_full else [*tokens, f"n{number}"]
    token, _, direction = rest.partition(":")
    if token not in tokens:
        return tokens
    position = tokens.index(token)
    if tool == "_remove":
        return [each for each in tokens if each != token] if len(tokens) > node.least else tokens
    other = position + {"up": -1, "down": 1}.get(direction, 0)
    if 0 <= other < len(tokens):
        tokens[position], tokens[other] = tokens[other], tokens[position]
    return tokens


def fitting_value(old: Leaf | Repeat, new: Leaf | Repeat, value: Any) -> Any:
    """A typed value of an old field for a new one, None where it does not fit."""
    if isinstance(old, Repeat) or isinstance(new, Repeat):
        return value if isinstance(value, str) else None
    choosing = (*CHOICE_CONTROLS, *LIST_CONTROLS)
    if old.control not in choosing and new.control not in choosing:
        is_same = old.control == new.control or {old.control, new.control} <= {"text", "textarea"}
        return value if is_same else None
    if old.shape.kind == "array" or new.shape.kind == "array":
        if old.control not in LIST_CONTROLS or new.control not in LIST_CONTROLS:
            return None
        chosen = [option_value(old, text) for text in value if isinstance(text, str)]
        return normal(new.control, shown(new, new.control, [v for v in chosen if v is not MISSING]))
    chosen_value = option_value(old, value) if old.control in choosing else MISSING
    text = shown(new, new.control, chosen_value) if new.control in choosing else ""
    return text if isinstance(text, str) and text.isdigit() else None


def option_value(leaf: Leaf, text: Any) -> Any:
    is_index = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 6
    return leaf.options[int(text)].value if is_index and int(text) < len(leaf.options) else MISSING


def differences(now: Iterable[Leaf | Repeat], before: Iterable[Leaf | Repeat]) -> list[str]:
    """What a form asks for that another one did not, or asks otherwise, by title."""
    new, old = _asked(now), _asked(before)
    lines = [f"new: {title}" for path, (title, _) in new.items() if path not in old]
    lines += [f"gone: {title}" for path, (title, _) in old.items() if path not in new]
    return lines + [
        f"changed: {title}"
        for path, (title, looks) in new.items()
        if path in old and old[path][1] != looks
    ]


def _asked(nodes: Iterable[Leaf | Repeat]) -> dict[Path, tuple[str, Any]]:
    """Title and everything that matters to a person, by path."""
    return {
        node.path: (
            node.words.title or key_text(node.path),
            (type(node), node.words, node.shape.rules, node.is_required, node.is_readonly)
            + ((node.options, node.control) if isinstance(node, Leaf) else ()),
        )
        for node in nodes
    }

"""Reads an accounts file: its shape, and the line of every value for the messages.

Called by `yaml_apply`, which says what the values mean. Nothing here knows a provider.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

KEYS = (
    "name", "provider", "settings", "credentials", "enabled", "group", "poll_every",
    "certificate_authority", "keys",
)  # fmt: skip
RULE_KEYS = ("name", "source", "path", "pattern", "link")
MAX_FILE = 2**20  # characters


class BadFile(Exception):
    """Nothing was applied. `problems` are sentences, each with line and field."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass
class Entry:
    """One account of the file: plain values, and the line of each by its path."""

    place: str
    values: dict[str, Any]
    lines: dict[str, int]
    problems: list[str] = field(default_factory=list)
    blamed: set[str] = field(default_factory=set)

    def blame(self, path: str, sentence: str) -> None:
        self.blamed.add(path)
        keys = [path, path.split(".")[0], ""]
        line = next(self.lines[key] for key in keys if key in self.lines)
        where = f"{self.place}.{path}" if path else self.place
        self.problems.append(f"line {line}: {where}: {sentence}")


def read(text: str) -> list[Entry]:
    """The entries of the file, their shape checked. Raises BadFile."""
    if len(text) > MAX_FILE:
        raise BadFile([f"The file is longer than {MAX_FILE:,} characters."])
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            raise BadFile(["line 1: the file is empty. It must hold `accounts:` with a list."])
        entries = [_entry(loader, node, number) for number, node in _account_nodes(root)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise BadFile([f"line {line}: this is not valid YAML: {error.problem}."]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise BadFile([f"line {line}: a character that YAML does not allow."]) from None
    except RecursionError:
        raise BadFile(["line 1: the file is nested too deeply."]) from None
    _refuse_twins(entries)
    return entries


def _account_nodes(root: yaml.Node) -> Iterator[tuple[int, yaml.Node]]:
    if not isinstance(root, yaml.MappingNode):
        raise BadFile([f"line {_line(root)}: the file must hold `accounts:` with a list."])
    found: yaml.Node | None = None
    for key, value in root.value:
        if key.value != "accounts" or found is not None:
            word = "is named twice" if key.value == "accounts" else "is not known here"
            raise BadFile([f"line {_line(key)}: {key.value}: it {word}; only `accounts` is."])
        found = value
    if not isinstance(found, yaml.SequenceNode):
        raise BadFile([f"line {_line(found or root)}: accounts: it must be a list."])
    yield from enumerate(found.value, 1)


def _entry(loader: yaml.SafeLoader, node: yaml.Node, number: int) -> Entry:
    entry = Entry(f"accounts[{number}]", {}, {"": _line(node)})
    if not isinstance(node, yaml.MappingNode):
        entry.blame("", "an account must be a mapping with `name` and `provider`.")
        return entry
    for path, key, value in _pairs(node, entry, ""):
        if key not in KEYS:
            entry.blame(path, f"this key is not known. Known are: {', '.join(KEYS)}.")
        elif key in ("settings", "credentials"):
            entry.values[key] = _mapping(loader, value, entry, path)
        elif key == "keys":
            entry.values[key] = _rules(loader, value, entry, path)
        elif isinstance(value, yaml.ScalarNode):
            entry.values[key] = _scalar(loader, value, entry, path)
        else:
            entry.blame(path, "this must be a single value.")
    return entry


def _mapping(loader: yaml.SafeLoader, node: yaml.Node, entry: Entry, path: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if not isinstance(node, yaml.MappingNode):
        entry.blame(path, "this must be a mapping.")
        return values
    for inner, key, value in _pairs(node, entry, path + "."):
        if isinstance(value, yaml.ScalarNode):
            values[key] = _scalar(loader, value, entry, inner)
        else:
            entry.blame(inner, "this must be a single value.")
    return values


def _rules(
    loader: yaml.SafeLoader, node: yaml.Node, entry: Entry, path: str
) -> list[dict[str, Any]]:
    """The correlation rules: a list of mappings of texts."""
    rules: list[dict[str, Any]] = []
    if not isinstance(node, yaml.SequenceNode):
        entry.blame(path, "this must be a list.")
        return rules
    for number, item in enumerate(node.value, 1):
        place = f"{path}[{number}]"
        entry.lines[place] = _line(item)
        rule = _mapping(loader, item, entry, place)
        for key, value in rule.items():
            if key not in RULE_KEYS:
                known = ", ".join(RULE_KEYS)
                entry.blame(f"{place}.{key}", f"this key is not known. Known are: {known}.")
            elif not isinstance(value, str):
                entry.blame(f"{place}.{key}", "this must be a text (put it in quotes).")
        rules.append(rule)
    return rules


def _scalar(loader: yaml.SafeLoader, node: yaml.ScalarNode, entry: Entry, path: str) -> Any:
    try:
        return loader.construct_object(node)
    except ValueError as error:  # such as the 13th month
        entry.blame(path, f"this value cannot be read: {error}.")
        return None


def _pairs(
    node: yaml.MappingNode, entry: Entry, prefix: str
) -> Iterator[tuple[str, str, yaml.Node]]:
    """(path, key, value node) of a mapping; notes each line, refuses a key named twice."""
    for key, value in node.value:
        name = str(key.value)
        path = prefix + name
        if path in entry.lines:
            entry.lines[path] = _line(key)
            entry.blame(path, "this key is named twice.")
            continue
        entry.lines[path] = _line(key)
        yield path, name, value


def _refuse_twins(entries: list[Entry]) -> None:
    seen: dict[str, str] = {}
    for entry in entries:
        name = str(entry.values.get("name") or "").strip()
        if name and name in seen:
            entry.blame("name", f"{seen[name]} has the same name.")
        seen.setdefault(name, entry.place)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1

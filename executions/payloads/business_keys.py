"""Finds business keys in a run: a source, a path into it, a pattern. Bounded, and never an error.

Called by `storage.store` for what polls bring, by `storage.key_backfill` for stored runs and by
the admin's trial. What is wrong with a rule is a sentence for its account's page. Knows no rows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

from providers import exact_json
from providers.redaction import MASK
from providers.secret_names import is_secret_name

SOURCES: Mapping[str, str] = {
    "name": "the run's name",
    "ref": "the run's identifier",
    "input": "its input (parameters, labels)",
    "output": "its output",
    "raw": "the provider's own object (tags, labels)",
    "error": "its error text",
}
MAX_KEYS = 5  # of one run
MAX_KEY = 100  # characters
MAX_PATH = 200
MAX_PATTERN = 300
MAX_NODES = 2000  # values one path may touch
MAX_TEXT = 20_000  # characters a pattern looks at

_STEP = re.compile(r"\.?([^.\[\]'\"$]+)|\[(\d{1,6}|\*)\]|\[(?:'([^']*)'|\"([^\"]*)\")\]")
Step = str | int | None  # a name, a place in a list, or all of a list or mapping


@dataclass(frozen=True)
class Problem:
    field: str
    sentence: str


@dataclass(frozen=True)
class Key:
    """`value` is what keys are compared by, `text` what the provider wrote."""

    name: str
    value: str
    text: str


@dataclass
class Rule:
    """One rule, ready to use; `problem` says what was wrong with it on the way."""

    id: int
    name: str
    source: str
    path: str = ""
    pattern: str = ""
    problem: str = ""

    @property
    def needs_detail(self) -> bool:
        """Whether a row of the provider's list may lack what it looks at."""
        return self.source not in ("name", "ref")


# ------------------------------------------------------------------------------------ rules


def problem_of(source: str, path: str, pattern: str) -> Problem | None:
    """Why such a rule cannot work; None if it can."""
    if source not in SOURCES:
        return Problem("source", f"It must be one of: {', '.join(SOURCES)}.")
    if path and source in ("name", "ref", "error"):
        return Problem("path", "This source is plain text: leave the path empty.")
    if path and read_path(path) is None:
        return Problem("path", "Write it as $.order.id, order.lines[0].number or items[*].id.")
    if not pattern:
        if not path and source in ("input", "output", "raw", "error"):
            return Problem("pattern", "Without a path or a pattern, all of it would be the key.")
        return None
    compiled = _compiled(pattern)
    if isinstance(compiled, str):
        return Problem("pattern", f"This is not a valid RE2 pattern: {compiled}")
    if compiled.groups > 1:
        return Problem("pattern", "Use at most one group; its text becomes the key.")
    if compiled.search("") is not None:
        return Problem("pattern", "It matches an empty text, so it would not find a key.")
    return None


@lru_cache(1024)
def read_path(path: str) -> tuple[Step, ...] | None:
    """`$.a['b c'][0].d[*]`; None if it is no path."""
    rest = path.strip().removeprefix("$")
    steps: list[Step] = []
    while rest:
        match = _STEP.match(rest)
        if match is None or len(steps) == 20:
            return None
        name, place, single, double = match.groups()
        if place is not None:
            steps.append(None if place == "*" else int(place))
        else:
            word = next(each for each in (name, single, double) if each is not None)
            steps.append(None if word == "*" and name else word)
        rest = rest[match.end() :]
    return tuple(steps) or None


def path_below(path: str, name: str | None) -> str:
    """The path to what has this name in what is at `path`, or to each of a list; "" where there is
    none that `read_path` understands, or it is secret."""
    if not path or len(path) > MAX_PATH or name == "" or (name and is_secret_name(name)):
        return ""
    if name is None:
        return f"{path}[*]"
    if name != "*" and re.fullmatch(r"[^.\[\]'\"$\s]+", name):
        return f"{path}.{name}"
    quote = "'" if "'" not in name else '"'
    return f"{path}[{quote}{name}{quote}]" if quote not in name else ""


def can_be_key(value: Any) -> bool:
    """Whether the whole of a value can be a key."""
    text = _text(value, is_searched=False).strip()
    return bool(normalized(text)) and MASK not in text


@lru_cache(1024)
def _compiled(pattern: str) -> Any:
    """The pattern, or why there is none."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 2**20
    try:
        return re2.compile(pattern, options=options)
    except (re2.error, UnicodeError) as error:
        reason = error.args[0] if error.args else "not a pattern"
        return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


# ----------------------------------------------------------------------------------- finding


def find(rules: Sequence[Rule], sources: Mapping[str, Any]) -> list[Key]:
    """The keys of one run, at most MAX_KEYS. `sources` holds what is known of it, by SOURCES; a
    source that is not in it was not read. Never raises: a rule's `problem` says what is wrong."""
    found: dict[str, Key] = {}
    for rule in rules:
        if rule.source not in sources:
            continue
        try:
            for text in _texts(rule, sources[rule.source]):
                value = normalized(text)
                if not value or value in found:
                    continue
                if len(found) == MAX_KEYS:
                    rule.problem = f"A run had more than {MAX_KEYS} keys; the rest was left out."
                    return list(found.values())
                found[value] = Key(rule.name[:60], value, text)
        except (ValueError, TypeError, RecursionError, re2.error) as error:
            rule.problem = f"It could not be used: {type(error).__name__}: {error}"[:300]
    return list(found.values())


def normalized(text: str) -> str:
    """What keys are compared by: compatible forms, case and spaces do not count. "" for what is
    no key: nothing to read in it, or longer than MAX_KEY."""
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if len(text) > MAX_KEY or len(plain) > 2 * MAX_KEY:
        return ""
    return plain if any(letter.isalnum() for letter in plain) and "\0" not in plain else ""


def _texts(rule: Rule, source: Any) -> Iterator[str]:
    """What the rule makes of one source, trimmed; not yet judged."""
    wrong = problem_of(rule.source, rule.path, rule.pattern)
    if wrong:
        rule.problem = f"{wrong.field.capitalize()}: {wrong.sentence}"[:300]
        return
    values: Iterable[Any] = [source]
    if rule.path:
        values = _at(source, read_path(rule.path) or ())
    pattern = _compiled(rule.pattern) if rule.pattern else None
    for value in values:
        text = _text(value, is_searched=pattern is not None)
        if pattern is None:
            yield text.strip()
            continue
        for number, match in enumerate(pattern.finditer(text[:MAX_TEXT])):
            if number > MAX_KEYS:
                break
            yield (match.group(1 if pattern.groups else 0) or "").strip()


def _at(source: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    """The values a path leads to, in order; at most MAX_NODES are touched."""
    values, touched = [source], 0
    for step in steps:
        following: list[Any] = []
        for value in values:
            inner = list(_into(value, step))
            touched += len(inner)
            if touched > MAX_NODES:
                break
            following += inner
        values = following
    yield from values


def _into(value: Any, step: Step) -> Iterator[Any]:
    if step is None and isinstance(value, list | tuple):
        yield from value
    elif step is None and isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, dict) and str(step) in value:
        yield value[str(step)]
    elif isinstance(value, list | tuple) and isinstance(step, int) and step < len(value):
        yield value[step]


def _text(value: Any, *, is_searched: bool) -> str:
    """A text or a number as it is; a structure only for a pattern to look through."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return exact_json.written(value) if is_searched else ""

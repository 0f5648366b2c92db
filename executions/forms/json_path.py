"""Paths to a property: parsing the keys of a form, and reading and writing JSON values by path.

A path is a tuple of property names and positions. In a definition EACH stands for "every item of
the list"; in a drawn form it has become a position.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any, Final

Path = tuple[str | int, ...]

EACH: Final = -1


class _Missing:
    """ "Not there", which is something else than null."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False

    def __deepcopy__(self, memo: object) -> _Missing:
        return self


MISSING: Final = _Missing()

# A name, ['quoted'], ["quoted"], [bare] or []. Quoted names may hold every character, quotes too.
# A backslash is read in one way only: with two, a row of them would take time without end.
_PART = re.compile(
    r"""\.?([^.\[\]]+)|\[(?:'((?:\\.|(?!'\])[^\\])*\\?)'|"""
    r""""((?:\\.|(?!"\])[^\\])*\\?)"|([^\[\]'"]*))\]""",
    re.S,
)


def parse_key(key: object) -> Path | None:
    """The path a form's key names, None where it is no key."""
    if isinstance(key, list):
        return _from_parts(key)
    if not isinstance(key, str) or not key or len(key) > 1000:
        return None
    path: list[str | int] = []
    position = 0
    while position < len(key):
        match = _PART.match(key, position)
        if match is None:
            return None
        plain, single, double, bare = match.groups()
        quoted = single if single is not None else double
        if quoted is not None:
            path.append(re.sub(r"\\(.)", r"\1", quoted))
        else:
            path.append(plain or bare or EACH)
        position = match.end()
    return tuple(path)


def _from_parts(parts: list[Any]) -> Path | None:
    if not parts or not all(isinstance(part, str) for part in parts):
        return None
    return tuple(part if part not in ("", "[]") else EACH for part in parts)


def key_text(path: Path) -> str:
    """A path as a person reads it: `address.street`, `lines[].price`, `lines[0].price`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += "[]" if part == EACH else f"[{part}]"
        elif re.fullmatch(r"[^.\[\]'\"\s]+", part):
            text += f".{part}" if text else part
        else:
            text += f"['{part}']"
    return text


def dig(value: Any, path: Path) -> Any:
    """What is at `path` inside a JSON value, MISSING where nothing is."""
    for part in path:
        if isinstance(part, str):
            value = value.get(part, MISSING) if isinstance(value, dict) else MISSING
        elif isinstance(value, list) and 0 <= part < len(value):
            value = value[part]
        else:
            return MISSING
    return value


def put(holder: Any, path: Path, value: Any) -> None:
    """Writes `value` at `path`, making the objects and lists on the way; replaces what is none."""
    for part, following in pairwise(path):
        below = dig(holder, (part,))
        kind = dict if isinstance(following, str) else list
        if not isinstance(below, kind):
            below = kind()
            _place(holder, part, below)
        holder = below
    _place(holder, path[-1], value)


def _place(holder: Any, part: str | int, value: Any) -> None:
    """Writes one property, or one item of a list, which grows as far as it must."""
    if isinstance(holder, list) and isinstance(part, int):
        holder.extend([None] * (part + 1 - len(holder)))
    holder[part] = value


def drop(holder: Any, path: Path) -> None:
    """Removes the property at `path`, if it is there; an item becomes null, the others stay."""
    parent, part = dig(holder, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent.pop(part, None)
    elif isinstance(part, int) and dig(parent, (part,)) is not MISSING:
        parent[part] = None


def is_below(path: Path, ancestor: Path) -> bool:
    return path[: len(ancestor)] == ancestor


def complained(property_path: Any) -> Path:
    """The path in a provider's complaint: `a.b`, `rows[0].c`, `rows.0.c` or a list of parts."""
    if isinstance(property_path, list | tuple):
        return tuple(part for part in property_path if isinstance(part, str | int))
    text = re.sub(r"\.(\d+)(?=\.|\[|$)", r"[\1]", str(property_path))
    parts = re.split(r"\[(\d+)\]", text[:1000])
    path: list[str | int] = []
    for position, part in enumerate(parts):
        if position % 2:
            path.append(int(part))
        elif part.strip("."):
            path.extend(parse_key(part.strip(".")) or ())
    return tuple(path)

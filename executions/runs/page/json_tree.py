"""JSON values as trees of bounded size: a flat list of what the template opens, prints and closes.

Flat, because a template that includes itself is slow and as deep as the value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from executions.payloads.business_keys import can_be_key, path_below
from executions.payloads.text_escaping import plain
from providers import exact_json

MOST = 2000  # values of one tree
DEEPEST = 12
WIDEST = 200  # entries of one object or list
LONGEST = 2000  # characters of one text
OPEN_UP_TO = 20  # entries of what is open at once, on the first two levels
KEY = 120  # characters of a key


class Piece(NamedTuple):
    kind: str
    """`open` and `close` a group; `leaf` is a value; `more` says what is left out."""
    key: str = ""
    text: str = ""
    look: str = ""
    """`text`, `number`, `word` (true, false, null) or `json`; of a group `list` or `object`."""
    is_open: bool = False
    path: str = ""
    """Of a leaf that can be a business key: where a key rule finds it."""


class Tree(NamedTuple):
    pieces: list[Piece]
    is_cut: bool


def tree(value: Any, most: int = MOST) -> Tree:
    """The pieces of a JSON value; `is_cut` where something is left out."""
    found: list[Piece] = []
    budget = [most]
    is_cut = False
    for piece in _pieces("", value, 0, budget, "$"):
        found.append(piece)
        is_cut = is_cut or piece.kind == "more"
    return Tree(found, is_cut)


def _pieces(key: str, value: Any, depth: int, budget: list[int], path: str) -> Iterator[Piece]:
    budget[0] -= 1
    if not isinstance(value, dict | list) or not value:
        yield _leaf(key, value, path)
        return
    if depth >= DEEPEST:
        text = exact_json.written(value)
        yield Piece("leaf", key, plain(text, 300), "json")
        if len(text) > 300:
            yield Piece("more", text="deeper values")
        return
    look = "list" if isinstance(value, list) else "object"
    noun = "entries" if look == "list" else "values"
    is_open = depth == 0 or (depth == 1 and len(value) <= OPEN_UP_TO)
    yield Piece("open", key, f"{len(value):,} {noun if len(value) > 1 else noun_of(look)}", look,
                is_open)  # fmt: skip
    entries = enumerate(value) if isinstance(value, list) else iter(value.items())
    for place, (name, item) in enumerate(entries):
        if place >= WIDEST or budget[0] <= 0:
            yield Piece("more", text=f"{len(value) - place:,} more")
            break
        inner = path_below(path, None if look == "list" else str(name))
        yield from _pieces(plain(str(name), KEY), item, depth + 1, budget, inner)
    yield Piece("close")


def noun_of(look: str) -> str:
    return "entry" if look == "list" else "value"


def _leaf(key: str, value: Any, path: str) -> Piece:
    own = path if path != "$" and can_be_key(value) else ""
    if isinstance(value, str):
        return Piece("leaf", key, plain(value, LONGEST), "text", path=own)
    look = "number" if isinstance(value, int | float) and not isinstance(value, bool) else "word"
    return Piece("leaf", key, exact_json.written(value)[:LONGEST], look, path=own)

"""From fields to the body that is sent: the model, then defaults, then the edits.

The body is never built from the drawn fields alone: what the form does not show is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from executions.forms.compiled_nodes import Group, Leaf, Repeat
from executions.forms.instance_nodes import Drawn, Row
from executions.forms.json_path import MISSING, Path, drop, put

ValueOf = Callable[[Drawn], Any]


def assembled(items: list[Drawn], start: Any, value_of: ValueOf, *, with_idle: bool = False) -> Any:
    """A copy of `start` with the value of every visible field, without the hidden ones.

    `with_idle` keeps the rows nobody touched, so that positions are those on the page.
    """
    holder = [deepcopy(start)]
    write(items, holder, value_of, with_idle)
    return holder[0]


def write(items: list[Drawn], holder: list[Any], value_of: ValueOf, with_idle: bool) -> None:
    """Hidden fields first: a key may be listed twice with opposite conditions."""
    flat = list(_flat(items))
    shown = {_path(drawn) for drawn in flat if drawn.is_visible}
    for drawn in flat:
        if not drawn.is_visible and _path(drawn) not in shown:
            _hide(drawn, holder)
    for drawn in flat:
        if not drawn.is_visible:
            continue
        if isinstance(drawn.node, Repeat) and not drawn.node.is_readonly:
            _set(drawn, holder, rows_of(drawn, value_of, with_idle))
        elif isinstance(drawn.node, Leaf) and not drawn.node.is_readonly:
            _set(drawn, holder, value_of(drawn))


def rows_of(drawn: Drawn, value_of: ValueOf, with_idle: bool = False) -> Any:
    """The list a Repeat stands for; untouched it is the very value that was there."""
    values = []
    for row in drawn.rows:
        if with_idle or not row.is_idle:
            value = _row_value(row, value_of, with_idle)
            if value is not MISSING or with_idle:
                values.append(None if value is MISSING else value)
    if not values and not isinstance(drawn.start, list) and drawn.is_untouched:
        return [] if drawn.start is MISSING and drawn.is_required else drawn.start
    return values


def _row_value(row: Row, value_of: ValueOf, with_idle: bool) -> Any:
    holder = [deepcopy(row.frame.start)]
    write(row.items, holder, value_of, with_idle)
    is_object = bool(row.items) and all(_path(item) for item in row.items)
    return {} if holder[0] is MISSING and is_object else holder[0]


def places(items: list[Drawn], value_of: ValueOf, at: Path = ()) -> Iterator[tuple[Path, Drawn]]:
    """Where the body has the value of each visible field: rows that are not sent count for
    nothing."""
    for drawn in _flat(items):
        if not drawn.is_visible:
            continue
        here = (*at, *_path(drawn))
        yield here, drawn
        position = 0
        for row in drawn.rows:
            if not row.is_idle and _row_value(row, value_of, False) is not MISSING:
                yield from places(row.items, value_of, (*here, position))
                position += 1


def _flat(items: list[Drawn]) -> Iterator[Drawn]:
    """Groups opened, rows not."""
    for drawn in items:
        yield drawn
        yield from _flat(drawn.items)


def _path(drawn: Drawn) -> Path:
    """The path inside the frame."""
    return drawn.node.path[drawn.frame.skip :]


def _set(drawn: Drawn, holder: list[Any], value: Any) -> None:
    path = _path(drawn)
    if value is not MISSING:
        put(holder, (0, *path), value)
    elif path:
        drop(holder, (0, *path))
    else:
        holder[0] = MISSING


def _hide(drawn: Drawn, holder: list[Any]) -> None:
    """A hidden field's value goes, unless the form says otherwise."""
    path = _path(drawn)
    node = drawn.node
    if isinstance(node, Leaf) and node.when_hidden == "retain":
        return
    if isinstance(node, Leaf) and node.when_hidden in ("null", "empty"):
        empty = "" if node.when_hidden == "empty" and node.shape.kind == "string" else None
        _set(drawn, holder, empty)
    elif isinstance(node, Repeat) or (isinstance(node, Leaf) and path):
        _set(drawn, holder, MISSING)
    elif isinstance(node, Group) and path and _all_go(drawn):
        drop(holder, (0, *path))


def _all_go(drawn: Drawn) -> bool:
    return all(
        not isinstance(item.node, Leaf) or item.node.when_hidden == "remove"
        for item in _flat(drawn.items)
    )

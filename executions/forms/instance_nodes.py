"""Nodes in their place: with a name, the value before any edit and what has been typed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from executions.forms.form_source import CannotShow
from executions.forms.json_path import EACH, MISSING, Path
from executions.forms.nodes import Leaf, Node, Repeat
from executions.forms.value_codec import Typed, answered, is_blank, normal, shown

MAX_ROWS = 200


@dataclass
class Frame:
    """What is being filled: the whole model, or one row. `start` is its value before any edit,
    `skip` the length of the path that leads here."""

    start: Any
    skip: int = 0
    tokens: tuple[str, ...] = ()
    indices: tuple[int, ...] = ()


@dataclass
class Drawn:
    """A node in its place. `start` is the value before any edit, `typed` what the input holds."""

    node: Node
    name: str
    frame: Frame
    is_visible: bool = True
    is_unclear: bool = False
    is_demanded: bool = False
    control: str = ""
    start: Any = MISSING
    typed: Typed = ""
    items: list[Drawn] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    @property
    def leaf(self) -> Leaf:
        """The node, where it is a field."""
        if not isinstance(self.node, Leaf):
            raise TypeError("this node is no field")
        return self.node

    @property
    def repeat(self) -> Repeat:
        """The node, where it is a list with rows."""
        if not isinstance(self.node, Repeat):
            raise TypeError("this node is no list")
        return self.node

    @property
    def initial(self) -> Typed:
        """What the input holds before any edit."""
        return normal(self.control, shown(self.leaf, self.control, self.start))

    @property
    def is_untouched(self) -> bool:
        if isinstance(self.node, Leaf):
            return self.typed == self.initial
        if isinstance(self.node, Repeat):
            same = [row.token for row in self.rows] == first_tokens(self.node, self.start)
            return same and all(row.is_untouched for row in self.rows)
        return all(item.is_untouched for item in self.items)

    @property
    def is_required(self) -> bool:
        """Whether it must have a value: always, or by a rule of the schema that holds now."""
        is_demanded = isinstance(self.node, Leaf | Repeat) and self.node.is_required
        return (is_demanded or self.is_demanded) and not self.is_unclear

    @property
    def path(self) -> Path:
        """The path with positions for rows."""
        return concrete(getattr(self.node, "path", ()), self.frame.indices)

    def value(self) -> Any:
        """The value the typed text stands for. Raises Unreadable."""
        return answered(self.leaf, self.control, self.typed, self.start)


@dataclass
class Row:
    """One row of a list."""

    token: str
    frame: Frame
    items: list[Drawn]

    @property
    def is_untouched(self) -> bool:
        return all(item.is_untouched for item in self.items)

    @property
    def is_idle(self) -> bool:
        """Nobody asked for this row and nobody filled it: it is not sent and not checked."""
        if self.token[0] == "n":
            return not _is_all_boxes(self.items) and all(_is_empty(item) for item in self.items)
        return self.token[0] == "b" and self.is_untouched


def concrete(path: Path, indices: tuple[int, ...]) -> Path:
    """A path whose "every item" became positions."""
    left = iter(indices)
    return tuple(next(left, EACH) if part == EACH else part for part in path)


def first_tokens(node: Repeat, start: Any) -> list[str]:
    """The rows before any edit: those of the list, and blank ones up to the least number."""
    tokens = [str(i) for i in range(len(start))] if isinstance(start, list) else []
    if len(tokens) > MAX_ROWS:
        raise CannotShow(f"one of its lists has more than {MAX_ROWS} rows")
    if node.is_readonly:
        return tokens
    wanted = max(node.least, 0 if node.starts_empty or tokens else 1)
    return tokens + [f"b{i}" for i in range(min(wanted, MAX_ROWS) - len(tokens))]


def _is_all_boxes(items: list[Drawn]) -> bool:
    """Whether an added row holds nothing but boxes: left without a tick it says false."""
    return bool(items) and all(item.control == "checkbox" for item in items)


def _is_empty(drawn: Drawn) -> bool:
    if isinstance(drawn.node, Leaf):
        return is_blank(drawn.typed)
    if isinstance(drawn.node, Repeat):
        return all(_is_empty(item) for row in drawn.rows for item in row.items)
    return all(_is_empty(item) for item in drawn.items)

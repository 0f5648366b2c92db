"""The compiled tree: fields, groups, lists and texts, without values. Frozen.

Every node has `words`, a `path` (() where it has no data of its own), the `condition` under which
it is visible and `demands`, the conditions under which it is required as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from executions.forms.condition_expressions import Condition
from executions.forms.json_path import MISSING, Path
from providers.secret_names import is_secret_name

Kind = Literal["string", "number", "integer", "boolean", "object", "array", "any"]


@dataclass(frozen=True)
class Branch:
    """A part of an object's schema that counts while the object fits `test`, or does not."""

    test: Any
    is_negated: bool
    schema: Any


@dataclass(frozen=True)
class Shape:
    """A schema, one level resolved: `rules` are its keywords, references and unions replaced.

    `trail` names the references that led here, so that a circle is seen. `doubt` says why the
    kind is "any". `conditional_schema` hold what counts only under a condition.
    """

    kind: Kind
    rules: dict[str, Any]
    is_nullable: bool = False
    trail: frozenset[str] = frozenset()
    doubt: str = ""
    branches: tuple[Branch, ...] = ()


@dataclass(frozen=True)
class Option:
    """One choice. The value keeps its JSON type and never reaches the page."""

    value: Any
    label: str
    group: str = ""
    is_danger: bool = False


@dataclass(frozen=True)
class Wording:
    """The texts around a field. `help` is HTML as the provider gave it, to be cleaned."""

    title: str
    help: str = ""
    placeholder: str = ""
    before: str = ""
    after: str = ""
    hides_title: bool = False
    messages: Any = None


@dataclass(frozen=True)
class Text:
    """Words between fields."""

    words: Wording
    condition: Condition | None = None
    path: Path = ()
    demands: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Leaf:
    """One field. `number` makes its name, `control` its looks, `shape` its rules.

    `is_free`: the form says that it may stay empty, whatever the schema demands.
    `when_hidden`: remove | retain | null | empty. `style` is how dates are written, `accepts` which
    kinds of file are taken.
    """

    number: int
    path: Path
    control: str
    shape: Shape
    words: Wording
    is_required: bool = False
    is_free: bool = False
    is_readonly: bool = False
    options: tuple[Option, ...] = ()
    default: Any = MISSING
    condition: Condition | None = None
    demands: tuple[Condition, ...] = ()
    when_hidden: str = "remove"
    style: str = ""
    earliest: str = ""
    latest: str = ""
    copies_to: tuple[Path, ...] = ()
    accepts: tuple[str, ...] = ()

    @property
    def is_secret(self) -> bool:
        return self.control == "password" or looks_secret(self.path)


@dataclass(frozen=True)
class Group:
    """Fields under one heading."""

    number: int
    words: Wording
    items: tuple[Node, ...]
    path: Path = ()
    condition: Condition | None = None
    demands: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Repeat:
    """A list with rows; `items` are drawn once per row. `add` and `remove` are button texts,
    "" hides the button."""

    number: int
    path: Path
    shape: Shape
    words: Wording
    items: tuple[Node, ...]
    item_shape: Shape
    add: str = "Add"
    remove: str = "Remove"
    least: int = 0
    most: int | None = None
    starts_empty: bool = False
    is_readonly: bool = False
    is_required: bool = False
    is_free: bool = False
    condition: Condition | None = None
    demands: tuple[Condition, ...] = ()


Node = Text | Leaf | Group | Repeat


def looks_secret(path: Path) -> bool:
    """Whether the last name of a path sounds like something not to show."""
    return is_secret_name(name_of(path))


def name_of(path: Path) -> str:
    """The last name of a path, "" where it has only positions."""
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def every(nodes: tuple[Node, ...]) -> Iterator[Node]:
    """All nodes, outer before inner."""
    for node in nodes:
        yield node
        if isinstance(node, Group | Repeat):
            yield from every(node.items)

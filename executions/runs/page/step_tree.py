"""The steps of a run as a tree: blocks by their path, repeated steps under one row with a count.

Plain values in and out. `steps` reads the rows and draws what is built here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from executions.display.statuses import WORST_FIRST
from executions.models import FINAL_STATUSES, PROBLEM_STATUSES
from providers.contract import Status

MAX_DEPTH = 20  # blocks inside one another; what is deeper stands in the last one
REPEATS = 4  # steps of one name beside each other, from which they are one row
FEW = 10  # repetitions that a short run shows at once
ROOMY = 100  # steps of a run that is shown whole
PEEK = 5  # steps that a closed group shows all the same, because they matter
MATTERS = frozenset({*PROBLEM_STATUSES, Status.USER_INPUT.value})
NUMBERED = re.compile(r"^(.*?\S)\s*(?:-[0-9a-f]{1,3}|#\d+|\[\d+\]|\(\d+\))$")
"""`load-3f1`, `load #2`, `load[2]`, `load (2)`: marks of one repetition, not of another step."""


class Row(NamedTuple):
    """What the tree needs of a step."""

    id: int
    path: Sequence[str]
    name: str
    status: str
    started_at: datetime | None
    finished_at: datetime | None
    ref: str = ""


@dataclass
class Node:
    """A step, a block with what is in it, or the repetitions of one step."""

    key: str
    """Names the group in addresses: stays while its first step does."""
    name: str
    kind: Literal["step", "block", "repeats", "tries"] = "block"
    """The row of `tries` is the last one, its children are those before."""
    row: Row | None = None
    children: list[Node] = field(default_factory=list)
    blocks: dict[str, Node] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    """Steps in it by status; of a step alone, itself."""
    start: datetime | None = None
    end: datetime | None = None
    """None while something in it goes on."""
    ready: datetime | None = None
    """When what stands before it had ended."""

    @property
    def size(self) -> int:
        return sum(self.counts.values())

    @property
    def matters(self) -> bool:
        return any(status in MATTERS for status in self.counts)

    @property
    def problems(self) -> int:
        return sum(self.counts[status] for status in PROBLEM_STATUSES)

    @property
    def status(self) -> str:
        if self.row is not None:
            return self.row.status
        return next((status for status in WORST_FIRST if status in self.counts), "unknown")

    def leaves(self) -> Iterator[Node]:
        if not self.children or self.kind == "tries":
            yield self
            return
        for child in self.children:
            yield from child.leaves()

    def tries(self) -> list[Node]:
        """Itself, or every try of a step that was tried again."""
        if self.kind != "tries" or self.row is None:
            return [self]
        last = Node("", self.name, "step", self.row, start=self.row.started_at, end=self.end)
        return [*self.children, last]


class Shown(NamedTuple):
    """One row of the timeline."""

    node: Node
    depth: int
    is_open: bool


def build(rows: Sequence[Row], begin: datetime | None) -> Node:
    """The tree of these steps, which come in their order. `begin`: when the run started."""
    root = Node("", "")
    for row in rows:
        parent = root
        for depth, part in enumerate(_bounded(row.path)):
            parent = _block(parent, part, f"b{row.id}-{depth}")
        _put(parent, row)
    _measure(root, begin)
    return root


def _bounded(path: Sequence[str]) -> list[str]:
    names = [str(part) for part in path]
    return names if len(names) <= MAX_DEPTH else [*names[: MAX_DEPTH - 1], names[-1]]


def _block(parent: Node, name: str, key: str) -> Node:
    """The block of that name that was opened last; its own step, where it has one, is before."""
    found = parent.blocks.get(name)
    if found is None:
        found = Node(key, name)
        parent.children.append(found)
        parent.blocks[name] = found
    return found


def _put(parent: Node, row: Row) -> None:
    known = parent.blocks.get(row.name)
    if known is not None and known.row is None:  # its step comes after what is in it
        known.row = row
        return
    node = Node(f"s{row.id}", row.name, "step", row)
    parent.children.append(node)
    parent.blocks[row.name] = node


def _measure(node: Node, begin: datetime | None) -> None:
    """Counts and times from the leaves up; repetitions are put under one node on the way."""
    before = begin
    for child in node.children:
        _measure(child, (child.row.started_at if child.row else None) or before)
        child.ready = before
        before = max((at for at in (before, child.end) if at), default=None)
    row = node.row
    if not node.children:
        if row is not None:
            node.counts[row.status] += 1
            node.start, node.end = row.started_at, row.finished_at
        return
    node.kind = "block"
    node.children = _tried(node.children)
    _sum(node)
    if row is not None:
        node.start = row.started_at or node.start
        node.end = row.finished_at or (node.end if row.status in FINAL_STATUSES else None)
    node.children = _repeated(node.children)


def _sum(node: Node) -> None:
    for child in node.children:
        node.counts.update(child.counts)
    starts = [child.start for child in node.children if child.start]
    ends = [child.end for child in node.children if child.end]
    goes_on = any(status not in FINAL_STATUSES for status in node.counts)
    node.start = min(starts, default=None)
    node.end = None if goes_on else max(ends, default=None)


def _tried(children: list[Node]) -> list[Node]:
    """Siblings of one name beside each other, of which each failed before the next one began, as
    one node in their place: the same step, tried again."""
    found: list[list[Node]] = []
    for child in children:
        if found and _is_next_try(found[-1][-1], child):
            found[-1].append(child)
        else:
            found.append([child])
    return [_as_one(tries) if len(tries) > 1 else tries[0] for tries in found]


def _as_one(tries: list[Node]) -> Node:
    *earlier, last = tries
    first = earlier[0]
    return Node(
        f"t{first.key}", last.name, "tries", last.row, earlier, counts=last.counts,
        start=first.start, end=last.end, ready=first.ready,
    )  # fmt: skip


def _is_next_try(before: Node, child: Node) -> bool:
    if before.row is None or child.row is None or before.children or child.children:
        return False
    ended, began = before.row.finished_at, child.row.started_at
    is_after = ended is not None and began is not None and began >= ended
    is_failed = before.row.status in (Status.FAILED, Status.TIMED_OUT)
    return is_after and is_failed and before.name == child.name


def _repeated(children: list[Node]) -> list[Node]:
    """Siblings of one name, from `REPEATS` on, as one node in the place of the first."""
    stems = [_stem(child.name) for child in children]
    often = {stem for stem, times in Counter(stems).items() if times >= REPEATS}
    if not often:
        return children
    groups: dict[str, Node] = {}
    kept = []
    for stem, child in zip(stems, children, strict=True):
        if stem not in often:
            kept.append(child)
            continue
        if stem not in groups:
            groups[stem] = Node(f"r{child.key}", stem, "repeats", ready=child.ready)
            kept.append(groups[stem])
        groups[stem].children.append(child)
    for group in groups.values():
        _sum(group)
    return kept


def _stem(name: str) -> str:
    found = NUMBERED.match(name[:300])
    return found.group(1) if found else name


def flatten(
    root: Node, *, opened: frozenset[str], shut: frozenset[str], failed_first: bool
) -> list[Shown]:
    """The rows in the order of the page. A closed group still shows what failed in it."""
    shown: list[Shown] = []

    def add(node: Node, depth: int) -> None:
        for child in _ordered(node.children, failed_first):
            is_open = stands_open(root, child, opened, shut)
            shown.append(Shown(child, depth, is_open))
            if is_open:
                add(child, depth + 1)
            elif child.children and child.matters and child.kind != "tries":
                peeked = [leaf for leaf in child.leaves() if leaf.matters][:PEEK]
                shown.extend(Shown(leaf, depth + 1, False) for leaf in peeked)

    add(root, 0)
    return shown


def stands_open(root: Node, node: Node, opened: frozenset[str], shut: frozenset[str]) -> bool:
    """A short run is open before anybody said so, save for many repetitions."""
    if not node.children or node.key in shut:
        return False
    is_few = node.kind == "repeats" and len(node.children) <= FEW
    is_short = root.size <= ROOMY and (node.kind == "block" or is_few)
    return node.key in opened or is_short


def foremost(root: Node, most: int) -> tuple[Node, int]:
    """The tree with at most `most` of its first level, what failed before what goes on before what
    took longest, and how many steps are left out."""

    def rank(child: Node) -> tuple[bool, bool, float]:
        is_open = any(status not in FINAL_STATUSES for status in child.counts)
        took = (child.end - child.start).total_seconds() if child.start and child.end else 0.0
        return child.problems == 0, not (is_open and child.start is not None), -took

    ordered = sorted(root.children, key=rank)
    kept = Node(root.key, root.name, children=ordered[:most], counts=root.counts)
    return kept, sum(child.size for child in ordered[most:])


def find(node: Node, key: str) -> Node | None:
    """The group of that key."""
    for child in node.children:
        found = child if child.key == key and child.children else find(child, key)
        if found is not None:
            return found
    return None


def _ordered(children: list[Node], failed_first: bool) -> list[Node]:
    if not failed_first:
        return children
    return sorted(children, key=lambda child: child.problems == 0)


def way_to(root: Node, step_id: int) -> frozenset[str]:
    """Keys of the groups around a step, to open them."""

    def search(node: Node, around: tuple[str, ...]) -> tuple[str, ...] | None:
        if node.row is not None and node.row.id == step_id:
            return around
        for child in node.children:
            found = search(child, (*around, child.key) if child.children else around)
            if found is not None:
                return found
        return None

    return frozenset(search(root, ()) or ())

"""A tree with values: rows counted, names given, conditions decided.

Field names are `f<number>`, in a row `f<number>_<row>`, outer rows first. A row's token is its
position in the provider's list (`0`), `b0` for the blank row an empty list shows, or `n1` for an
added one, so a row keeps its name while others come, go and move.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from executions.forms.answer_body import assembled
from executions.forms.compiled_nodes import Group, Leaf, Node, Repeat, Text
from executions.forms.condition_expressions import Condition, Scope, Unclear
from executions.forms.definition_intake import CannotShow
from executions.forms.instance_nodes import MAX_ROWS, Drawn, Frame, Row, first_tokens
from executions.forms.json_path import MISSING, dig
from executions.forms.schema_navigator import Schemas, with_defaults
from executions.forms.validation import one_limit
from executions.forms.value_codec import Unreadable, control_for, normal

MAX_DRAWN = 1000  # fields on one page, all rows together
ROUNDS = 10  # conditions that depend on conditions

_TOKEN = re.compile(r"[bn]?(0|[1-9]\d{0,2})", re.ASCII)
NAME = re.compile(r"f(\d{1,4})((?:_[bn]?\d{1,3})*)", re.ASCII)


class Drawing:
    """All nodes of a form with the values typed so far. Raises CannotShow when it gets too big."""

    def __init__(
        self, nodes: tuple[Node, ...], schemas: Schemas, start: Any, typed: Mapping[str, Any]
    ) -> None:
        self.schemas = schemas
        self.start = start
        self.given = typed
        self.drawn = 0
        self.has_conditions = False
        self.tests: dict[Any, bool] = {}
        self.items = [self.draw(node, Frame(start)) for node in nodes]
        self.known = self.known_names()
        if self.has_conditions:
            self.settle()

    def draw(self, node: Node, frame: Frame) -> Drawn:
        self.drawn += 1
        if self.drawn > MAX_DRAWN:
            raise CannotShow(f"its lists hold more than {MAX_DRAWN} fields")
        is_conditional = node.condition is not None or bool(node.demands)
        self.has_conditions = self.has_conditions or is_conditional
        if isinstance(node, Text):
            return Drawn(node, "", frame)
        drawn = Drawn(node, "_".join((f"f{node.number}", *frame.tokens)), frame)
        if isinstance(node, Group):
            drawn.items = [self.draw(item, frame) for item in node.items]
        elif isinstance(node, Repeat):
            drawn.start = dig(frame.start, node.path[frame.skip :])
            tokens = self.tokens(drawn)
            drawn.rows = [self.row(drawn, token, i) for i, token in enumerate(tokens)]
        else:
            self.fill(drawn, node)
        return drawn

    def fill(self, drawn: Drawn, leaf: Leaf) -> None:
        start = dig(drawn.frame.start, leaf.path[drawn.frame.skip :])
        drawn.start = leaf.default if start is MISSING else start
        drawn.control = control_for(leaf, drawn.start)
        given = self.given.get(drawn.name)
        drawn.typed = drawn.initial if given is None else normal(drawn.control, given)

    def tokens(self, drawn: Drawn) -> list[str]:
        """The rows to draw: those asked for, as far as they make sense, else the first ones."""
        given = self.given.get(drawn.name)
        if not isinstance(given, str) or drawn.repeat.is_readonly:
            return first_tokens(drawn.repeat, drawn.start)
        length = len(drawn.start) if isinstance(drawn.start, list) else 0
        tokens = [
            token
            for token in dict.fromkeys(given.split(","))
            if _TOKEN.fullmatch(token) and (token[0] in "bn" or int(token) < length)
        ]
        return tokens[:MAX_ROWS]

    def row(self, drawn: Drawn, token: str, position: int) -> Row:
        """`position` is the one in the list as drawn: what `arrayIndex` means."""
        node, frame = drawn.repeat, drawn.frame
        if token.isdigit():
            start = drawn.start[int(token)]
        else:
            start = with_defaults(self.schemas, MISSING, node.item_shape)
        skip, tokens = len(node.path) + 1, (*frame.tokens, token)
        inner = Frame(start, skip, tokens, (*frame.indices, position))
        return Row(token, inner, [self.draw(item, inner) for item in node.items], drawn)

    def leaves(self, *, only_visible: bool = True) -> Iterator[Drawn]:
        """Fields in reading order."""
        for drawn in self.every():
            if isinstance(drawn.node, Leaf) and (drawn.is_visible or not only_visible):
                yield drawn

    def every(self, items: list[Drawn] | None = None) -> Iterator[Drawn]:
        for drawn in self.items if items is None else items:
            yield drawn
            yield from self.every(drawn.items)
            for row in drawn.rows:
                yield from self.every(row.items)

    def known_names(self) -> frozenset[str]:
        """First names a condition may use: properties of the schema and fields of the form."""
        rules = self.schemas.root_shape.rules.get("properties")
        names = set(rules) if isinstance(rules, dict) else set()
        names |= {str(drawn.path[0]) for drawn in self.every() if drawn.path}
        return frozenset(names)

    # --------------------------------------------------------------------------------- conditions

    def settle(self) -> None:
        """Decides who is visible; again while a hidden value changes another condition."""
        with one_limit():
            for _ in range(ROUNDS):
                before = [drawn.is_visible for drawn in self.every()]
                model = assembled(self.items, self.start, guessed, with_idle=True)
                self.tests = {}
                self.decide(self.items, model, is_shown=True)
                if before == [drawn.is_visible for drawn in self.every()]:
                    return

    def decide(self, items: list[Drawn], model: Any, *, is_shown: bool) -> None:
        for drawn in items:
            drawn.is_visible = is_shown and self.holds(drawn, drawn.node.condition, model)
            demands = drawn.node.demands
            drawn.is_demanded = any(self.holds(drawn, each, model) for each in demands)
            self.decide(drawn.items, model, is_shown=drawn.is_visible)
            for row in drawn.rows:
                self.decide(row.items, model, is_shown=drawn.is_visible)

    def holds(self, drawn: Drawn, condition: Condition | None, model: Any) -> bool:
        if condition is None:
            return True
        path = drawn.path
        value = dig(model, path) if path else MISSING
        scope = Scope(model, value, drawn.frame.indices, self.known, self.tests)
        try:
            return condition.holds(scope)
        except Unclear:
            drawn.is_unclear = True
            return True


def guessed(drawn: Drawn) -> Any:
    """A value for conditions: what can be read, else the text itself."""
    try:
        return drawn.value()
    except Unreadable:
        return drawn.typed

"""The expressions in a form's `condition`: a small grammar of our own, read and never executed.

Angular Schema Form evaluates Angular expressions. This reads the part of them that decides about
visibility: paths, literals, `! && || ?:`, comparisons, `.length`, `.indexOf(x)`, `.includes(x)`.
Everything else is `Unclear`, and the caller then shows the field. First the grammar, then what its
parts mean: each reads a Scope and gives a JSON value.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from executions.forms.js_semantics import COMPARISONS, is_same, is_true, to_number
from executions.forms.json_path import EACH, MISSING, Path

MAX_LENGTH = 1000  # characters of an expression
MAX_DEPTH = 40  # brackets and signs inside each other

OWN_NAMES = {"model", "modelValue", "arrayIndex", "arrayIndices", "$index", "$i"}
_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    r"""|(?P<name>[^\W\d][\w$]*|\$\w*)|(?P<sign>===|!==|==|!=|<=|>=|&&|\|\||[<>!?:.,()\[\]-]))"""
)
_LITERALS = {"true": True, "false": False, "null": None, "undefined": MISSING}
_LEVELS = (("||",), ("&&",), ("===", "!==", "==", "!="), ("<", ">", "<=", ">="))


class Unclear(Exception):
    """The expression cannot be evaluated here. Show the field, do not require it."""


@dataclass(frozen=True)
class Scope:
    """What names mean: the model, the field's own value, row positions, and the known names.

    `tests` remembers what the tests of a schema said about this model.
    """

    model: dict[str, Any]
    value: Any = MISSING
    indices: tuple[int, ...] = ()
    known: frozenset[str] = frozenset()
    tests: dict[Any, bool] = field(default_factory=dict)


Evaluate = Callable[[Scope], Any]


@dataclass(frozen=True)
class Condition:
    """A read expression. `references` are the properties it looks at, EACH for any row."""

    text: str
    read: Evaluate
    references: tuple[Path, ...] = ()

    def holds(self, scope: Scope) -> bool:
        """Raises Unclear."""
        return is_true(settled(self.read(scope)))


def parse_condition(expression: object) -> Condition:
    """Raises Unclear."""
    if isinstance(expression, bool):
        return Condition(str(expression), lambda scope: expression)
    if not isinstance(expression, str) or not expression.strip():
        raise Unclear("the condition is no expression")
    if len(expression) > MAX_LENGTH:
        raise Unclear("the condition is too long")
    parser = _Parser(_tokens(expression))
    value_of = parser.choice()
    parser.end()
    return Condition(expression, value_of, tuple(parser.references))


def both(one: Condition, other: Condition) -> Condition:
    """Holds while both do."""
    return Condition(
        f"{one.text} {other.text}",
        lambda scope: one.holds(scope) and other.holds(scope),
        (*one.references, *other.references),
    )


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    expression = expression.rstrip()
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if match is None or match.lastgroup is None:
            raise Unclear("the condition uses something else than paths and comparisons")
        tokens.append((match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent; each method returns a function from Scope to a value."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0
        self.references: list[Path] = []

    def accept(self, *signs: str) -> str:
        if self.position < len(self.tokens):
            kind, text = self.tokens[self.position]
            if kind == "sign" and text in signs:
                self.position += 1
                return text
        return ""

    def expect(self, sign: str) -> None:
        if not self.accept(sign):
            raise Unclear(f"the condition lacks {sign!r}")

    def take(self) -> tuple[str, str]:
        if self.position >= len(self.tokens):
            raise Unclear("the condition ends too early")
        self.position += 1
        return self.tokens[self.position - 1]

    def end(self) -> None:
        if self.position < len(self.tokens):
            raise Unclear("the condition goes on after its end")

    def choice(self) -> Evaluate:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Unclear("the condition is nested too deeply")
        test = self.level(0)
        if self.accept("?"):
            yes = self.choice()
            self.expect(":")
            no = self.choice()
            self.depth -= 1
            return lambda scope: (yes if is_true(settled(test(scope))) else no)(scope)
        self.depth -= 1
        return test

    def level(self, number: int) -> Evaluate:
        if number == len(_LEVELS):
            return self.unary()
        left = self.level(number + 1)
        while sign := self.accept(*_LEVELS[number]):
            left = joined(sign, left, self.level(number + 1))
        return left

    def unary(self) -> Evaluate:
        signs = []
        while sign := self.accept("!", "-"):
            signs.append(sign)
        if len(signs) > MAX_DEPTH:
            raise Unclear("the condition is nested too deeply")
        value_of = self.path()
        for sign in reversed(signs):
            value_of = signed(sign, value_of)
        return value_of

    def path(self) -> Evaluate:
        kind, text = self.take()
        if kind == "name" and text not in _LITERALS:
            return self.members(named(text), () if text in OWN_NAMES else (text,), text)
        if kind == "sign" and text == "(":
            inner = self.choice()
            self.expect(")")
            return self.members(inner, None, "")
        if kind == "sign":
            raise Unclear(f"the condition has an unexpected {text!r}")
        value = _LITERALS[text] if kind == "name" else literal(kind, text)
        return self.members(lambda scope: value, None, "")

    def members(self, value_of: Evaluate, path: Path | None, root: str) -> Evaluate:
        """Follows `.name`, `[index]` and the three known calls; notes what is referenced."""
        while True:
            if self.accept("."):
                kind, name = self.take()
                if kind != "name":
                    raise Unclear("the condition lacks a name after '.'")
                if self.accept("("):
                    self.noted(path, root)
                    value_of, path = self.call(value_of, name), None
                elif name == "length":
                    self.noted(path, root)
                    value_of, path = length_of(value_of), None
                else:
                    value_of = member(value_of, name)
                    path = None if path is None else (*path, name)
            elif self.accept("["):
                inside = self.choice()
                self.expect("]")
                value_of = indexed(value_of, inside)
                path = None if path is None else (*path, EACH)
            else:
                self.noted(path, root)
                return value_of

    def noted(self, path: Path | None, root: str) -> None:
        if path and root != "modelValue":
            self.references.append(path)

    def call(self, value_of: Evaluate, name: str) -> Evaluate:
        if name not in ("indexOf", "includes"):
            raise Unclear(f"the condition calls {name!r}")
        wanted = self.choice()
        self.expect(")")
        return searched(value_of, wanted, is_test=name == "includes")


# ------------------------------------------------------------------------------ what they mean


class _UnknownRoot:
    """A first name that is neither ours nor a property: `person` in `person.eligible`."""


def literal(kind: str, text: str) -> Any:
    if kind == "number":
        return float(text) if "." in text else int(text)
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def named(name: str) -> Evaluate:
    def read(scope: Scope) -> Any:
        if name == "model":
            return scope.model
        if name == "modelValue":
            return scope.value
        if name in ("arrayIndex", "$index"):
            return scope.indices[-1] if scope.indices else MISSING
        if name in ("arrayIndices", "$i"):
            return list(scope.indices)
        if name in scope.model:
            return scope.model[name]
        return MISSING if name in scope.known else _UnknownRoot()

    return read


def member(value_of: Evaluate, name: str) -> Evaluate:
    def read(scope: Scope) -> Any:
        value = value_of(scope)
        if isinstance(value, _UnknownRoot):
            # One unknown root name is the host page's word for the model (`modelData.soul`).
            if name not in scope.model and name not in scope.known:
                raise Unclear(f"the condition asks for {name!r}, which is not in this form")
            return scope.model.get(name, MISSING)
        return value.get(name, MISSING) if isinstance(value, dict) else MISSING

    return read


def indexed(value_of: Evaluate, inside: Evaluate) -> Evaluate:
    def read(scope: Scope) -> Any:
        value, index = settled(value_of(scope)), settled(inside(scope))
        if isinstance(value, dict) and isinstance(index, str):
            return value.get(index, MISSING)
        if isinstance(value, list) and type(index) is int and 0 <= index < len(value):
            return value[index]
        return MISSING

    return read


def length_of(value_of: Evaluate) -> Evaluate:
    def read(scope: Scope) -> Any:
        value = settled(value_of(scope))
        if isinstance(value, dict):
            return value.get("length", MISSING)
        return len(value) if isinstance(value, str | list) else MISSING

    return read


def searched(value_of: Evaluate, wanted: Evaluate, *, is_test: bool) -> Evaluate:
    def read(scope: Scope) -> Any:
        value, item = settled(value_of(scope)), settled(wanted(scope))
        if isinstance(value, str):
            place = value.find(item) if isinstance(item, str) else -1
        elif isinstance(value, list):
            place = next((i for i, each in enumerate(value) if is_same(each, item)), -1)
        else:
            return MISSING
        return place >= 0 if is_test else place

    return read


def signed(sign: str, value_of: Evaluate) -> Evaluate:
    if sign == "!":
        return lambda scope: not is_true(settled(value_of(scope)))
    return lambda scope: -to_number(settled(value_of(scope)))


def joined(sign: str, left: Evaluate, right: Evaluate) -> Evaluate:
    def read(scope: Scope) -> Any:
        one = settled(left(scope))
        if sign == "&&":
            return right(scope) if is_true(one) else one
        if sign == "||":
            return one if is_true(one) else right(scope)
        return COMPARISONS[sign](one, settled(right(scope)))

    return read


def settled(value: Any) -> Any:
    if isinstance(value, _UnknownRoot):
        raise Unclear("the condition asks for something that is not in this form")
    return value

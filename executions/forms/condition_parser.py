"""The expressions in a form's `condition`: a small grammar of our own, read and never executed.

Angular Schema Form evaluates Angular expressions. This reads the part of them that decides about
visibility: paths, literals, `! && || ?:`, comparisons, `.length`, `.indexOf(x)`, `.includes(x)`.
Everything else is `Unclear`, and the caller then shows the field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from executions.forms.condition_evaluator import (
    OWN_NAMES,
    Reading,
    Scope,
    Unclear,
    indexed,
    joined,
    length_of,
    literal,
    member,
    named,
    searched,
    settled,
    signed,
)
from executions.forms.js_semantics import is_true
from executions.forms.json_path import EACH, MISSING, Path

MAX_LENGTH = 1000  # characters of an expression
MAX_DEPTH = 40  # brackets and signs inside each other

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
    r"""|(?P<name>[^\W\d][\w$]*|\$\w*)|(?P<sign>===|!==|==|!=|<=|>=|&&|\|\||[<>!?:.,()\[\]-]))"""
)
_LITERALS = {"true": True, "false": False, "null": None, "undefined": MISSING}
_LEVELS = (("||",), ("&&",), ("===", "!==", "==", "!="), ("<", ">", "<=", ">="))


@dataclass(frozen=True)
class Condition:
    """A read expression. `references` are the properties it looks at, EACH for any row."""

    text: str
    read: Reading
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
    reading = parser.choice()
    parser.end()
    return Condition(expression, reading, tuple(parser.references))


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

    def choice(self) -> Reading:
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

    def level(self, number: int) -> Reading:
        if number == len(_LEVELS):
            return self.unary()
        left = self.level(number + 1)
        while sign := self.accept(*_LEVELS[number]):
            left = joined(sign, left, self.level(number + 1))
        return left

    def unary(self) -> Reading:
        signs = []
        while sign := self.accept("!", "-"):
            signs.append(sign)
        if len(signs) > MAX_DEPTH:
            raise Unclear("the condition is nested too deeply")
        reading = self.path()
        for sign in reversed(signs):
            reading = signed(sign, reading)
        return reading

    def path(self) -> Reading:
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

    def members(self, reading: Reading, path: Path | None, root: str) -> Reading:
        """Follows `.name`, `[index]` and the three known calls; notes what is referenced."""
        while True:
            if self.accept("."):
                kind, name = self.take()
                if kind != "name":
                    raise Unclear("the condition lacks a name after '.'")
                if self.accept("("):
                    self.noted(path, root)
                    reading, path = self.call(reading, name), None
                elif name == "length":
                    self.noted(path, root)
                    reading, path = length_of(reading), None
                else:
                    reading = member(reading, name)
                    path = None if path is None else (*path, name)
            elif self.accept("["):
                inside = self.choice()
                self.expect("]")
                reading = indexed(reading, inside)
                path = None if path is None else (*path, EACH)
            else:
                self.noted(path, root)
                return reading

    def noted(self, path: Path | None, root: str) -> None:
        if path and root != "modelValue":
            self.references.append(path)

    def call(self, reading: Reading, name: str) -> Reading:
        if name not in ("indexOf", "includes"):
            raise Unclear(f"the condition calls {name!r}")
        wanted = self.choice()
        self.expect(")")
        return searched(reading, wanted, is_test=name == "includes")

"""The little language of conditions."""

from __future__ import annotations

from typing import Any

import pytest

from executions.forms.condition_expressions import Scope, Unclear, parse_condition

MODEL = {
    "a": 1, "b": "2", "t": "text", "empty": "", "none": None, "on": True, "off": False,
    "list": ["x", {"n": 3}], "deep": {"er": {"est": 7}}, "zero": 0,
}  # fmt: skip


def holds(expression: Any, value: Any = None, indices: tuple[int, ...] = ()) -> bool:
    scope = Scope(MODEL, value, indices, frozenset({*MODEL, "declared"}))
    return parse_condition(expression).holds(scope)


@pytest.mark.parametrize(
    "expression",
    [
        "model.a == 1", "a === 1", "a == '1'", "b > a", "b >= 2", "'b' > 'a'", "!off", "!!on",
        "none == undefined", "declared == null", "none !== undefined",
        "model.nope.deeper === undefined",
        "deep.er.est === 7", "deep['er'].est == 7", "list[0] == 'x'", "list[1].n == 3",
        "list.length == 2", "t.length > 3", "list.indexOf('x') === 0", "list.indexOf('q') == -1",
        "list.includes('x')", "t.indexOf('ex') >= 0", "on && !off || off", "(off || on) && a",
        "a ? on : off", "off ? off : a ? on : off", "zero == false", "empty == 0", "zero === 0",
        "list && deep", "modelData.on", "anything.deep.er.est == 7", "-a < 0", "a != 2",
        "a !== '1'", "modelValue == 'v'", "arrayIndex == 2", "arrayIndices[0] == 1", "$i[1] == 2",
        "$index === 2",
        "a == '1e0'", "a > '.5'", "a == '1.'",
        "true", "1.5 < 2", "'it\\'s' == \"it's\"", "!(t < 5) && !(t > 5)", True,
    ],
)  # fmt: skip
def test_an_expression_that_holds(expression: Any) -> None:
    assert holds(expression, "v", (1, 2)) is True


@pytest.mark.parametrize(
    "expression",
    ["off", "zero", "empty", "none", "declared", "model.nope", "a === '1'", "on === 1", "t > 5",
     "none === undefined", "none == 0", "'10' < '9' === false", "list == list.length", False],
)  # fmt: skip
def test_an_expression_that_does_not_hold(expression: Any) -> None:
    assert holds(expression) is False


@pytest.mark.parametrize(
    "expression",
    ["stranger", "stranger.name", "a = 2", "a; b", "alert(1)", "a.toString()", "a |upper", "a + 1",
     "`x`", "a &&", "(a", "a.", "a ? b", "[1]", "{}", "function(){}", "a => a", "new Date()", "", 7,
     None, [], "(" * 500 + "a" + ")" * 500, "!" * 500 + "a", "a" * 2000, "constructor.constructor",
     "__class__.__mro__", "a['b'", "'open", "1..2", "\x00"],
)  # fmt: skip
def test_what_is_not_understood_is_unclear(expression: Any) -> None:
    with pytest.raises(Unclear):
        holds(expression)


def test_a_long_chain_is_read_without_exhausting_the_stack() -> None:
    assert holds("&&".join(["on"] * 200)) is True
    assert holds("model" + ".a" * 400) is False


def test_references_name_the_properties_a_condition_looks_at() -> None:
    condition = parse_condition("model.rows[arrayIndex].kind == 'x' && other.length > modelValue.z")
    assert set(condition.references) == {("rows", -1, "kind"), ("other",)}

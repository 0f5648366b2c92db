"""The tests of hostile input try as many examples together as `tests/hostile.py` says."""

from __future__ import annotations

import ast
from pathlib import Path

from tests import hostile

TESTS = sorted(Path(__file__).parent.rglob("test_*.py"))


def shares_of(path: Path) -> list[int]:
    """What the decorators `hostile.examples(...)` of a file ask for."""
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if is_share(node)]
    return [ast.literal_eval(call.args[0]) for call in calls]


def is_share(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "hostile.examples"


def test_all_shares_together_are_the_examples_of_a_run() -> None:
    shares = {str(path): sum(shares_of(path)) for path in TESTS}
    assert sum(shares.values()) >= hostile.EXAMPLES, shares


def test_a_share_is_what_a_test_tries() -> None:
    assert hostile.examples(500).max_examples == max(1, 500 * hostile.TRIED // hostile.EXAMPLES)

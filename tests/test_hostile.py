"""The tests of hostile input try as many examples together as `tests/hostile.py` says."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TypeGuard

from tests import hostile

SHARE = re.compile(r"hostile\.examples\((\d+)\)")
TESTS = sorted(Path(__file__).parent.rglob("test_*.py"))


def shares_of(path: Path) -> list[int]:
    """What the decorators `@hostile.examples(...)` of a file ask for."""
    tests = [each for each in ast.parse(path.read_text("utf-8")).body if is_test(each)]
    found = [ast.unparse(line) for test in tests for line in test.decorator_list]
    return [int(share[1]) for line in found if (share := SHARE.fullmatch(line))]


def is_test(node: ast.stmt) -> TypeGuard[ast.FunctionDef]:
    return isinstance(node, ast.FunctionDef) and node.name.startswith("test_")


def test_all_shares_together_are_the_examples_of_a_run() -> None:
    shares = {str(path): sum(shares_of(path)) for path in TESTS}
    assert sum(shares.values()) >= hostile.EXAMPLES, shares


def test_a_share_is_what_a_test_tries() -> None:
    assert hostile.examples(500).max_examples == max(1, 500 * hostile.TRIED // hostile.EXAMPLES)

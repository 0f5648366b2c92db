"""Every row of the fault matrix is held by a test that says so."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests import faults

TESTS = sorted(Path(__file__).parent.rglob("test_*.py"))
COUNT = 95


def marked_rows(path: Path) -> set[str]:
    """The rows that `mark.fault(...)` and `faults.case(...)` of a file name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            named = node.args if name.endswith("mark.fault") else node.args[:1]
            if name.endswith(("mark.fault", "faults.case")):
                found |= {each.value for each in named if isinstance(each, ast.Constant)}
    return found


def test_every_row_of_the_fault_matrix_is_held_by_a_test() -> None:
    held = {row for path in TESTS for row in marked_rows(path)}
    assert len(faults.rows()) == COUNT
    assert held <= faults.rows().keys()
    assert sorted(faults.rows().keys() - held) == faults.not_held()


class Report:
    def __init__(self, nodeid: str, *held: str) -> None:
        self.nodeid = nodeid
        self.user_properties = [("fault", row) for row in held]


@pytest.mark.parametrize("bad", faults.BAD)
def test_a_row_has_passed_only_if_all_of_its_tests_have(bad: str) -> None:
    stats = {
        "passed": [Report("tests/a.py::one[x]", "H1", "D8"), Report("tests/a.py::one[y]", "D8")],
        bad: [Report("tests/b.py::two", "D8")],
    }
    found = {row: (outcome, tests) for row, outcome, tests in faults.outcomes(stats)}
    assert found["H1"] == ("passed", ["tests/a.py::one"])
    assert found["D8"] == (bad, ["tests/a.py::one", "tests/b.py::two"])
    assert found["L1"] == ("no test", [])

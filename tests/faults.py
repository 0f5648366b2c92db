"""A pytest plugin: `@pytest.mark.fault("D8")` names the rows of the fault matrix that a test holds.

The rows stand in docs/develop/faults.md. With `--faults` a run ends with the matrix: what held each
row, how it went, and how many of all rows passed. A row that no test holds, or one of whose tests
failed or did not run, has not passed, and then neither has the run.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

MATRIX = Path(__file__).resolve().parent.parent / "docs" / "develop" / "faults.md"
ROW = re.compile(r"^\| ([A-Z]\d+) \| (.+?) \|$", re.MULTILINE)
BAD = ("failed", "error", "skipped", "xfailed", "xpassed")


def rows() -> dict[str, str]:
    """The rows of the matrix, in its order: id and a few words."""
    return dict(ROW.findall(MATRIX.read_text("utf-8")))


def not_held() -> list[str]:
    """Those that the matrix itself calls not held."""
    told = re.search(r"^Not held yet: (.+)\.$", MATRIX.read_text("utf-8"), re.MULTILINE)
    return sorted(told[1].split(", ")) if told else []


def case(row: str, *values: Any, name: str) -> Any:
    """A parameter set of a test that holds this row in this case."""
    return pytest.param(*values, id=f"{row} {name}", marks=pytest.mark.fault(row))


def one_of_each(cases: list[Any]) -> list[Any]:
    """The first case of every row for all runs of the tests, the others for `make faults`."""
    seen: set[str] = set()
    found = []
    for each in cases:
        [row] = (mark.args[0] for mark in each.marks if mark.name == "fault")
        marks = (*each.marks, pytest.mark.long) if row in seen else each.marks
        found.append(pytest.param(*each.values, id=each.id, marks=marks))
        seen.add(row)
    return found


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", action="store_true", help="end with the fault matrix, row by row")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    known = rows()
    for item in items:
        for mark in item.iter_markers("fault"):
            if not mark.args or not set(mark.args) <= known.keys():
                raise pytest.UsageError(f"{item.nodeid}: {mark.args} are no rows of {MATRIX}")
            item.user_properties += [("fault", row) for row in mark.args]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.getoption("faults") and reporter is not None:
        passed = [row for row, outcome, _ in outcomes(reporter.stats) if outcome == "passed"]
        if len(passed) < len(rows()) and not session.exitstatus:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not config.getoption("faults"):
        return
    found = outcomes(terminalreporter.stats)
    words = rows()
    terminalreporter.section("fault matrix")
    for row, outcome, tests in found:
        terminalreporter.line(f"{row:<4}{outcome:<9}{words[row]}")
        for test in tests:
            terminalreporter.line(f"             {test}")
    passed = sum(outcome == "passed" for _, outcome, _ in found)
    missing = [row for row, outcome, _ in found if outcome != "passed"]
    if missing:
        terminalreporter.line(f"Not held: {', '.join(missing)}.")
    terminalreporter.line(f"{passed} of {len(found)}")


def outcomes(stats: dict[str, list[Any]]) -> list[tuple[str, str, list[str]]]:
    """Of each row: how its tests went together, and which they were."""
    tests: dict[str, set[str]] = {}
    went: dict[str, set[str]] = {}
    for outcome in ("passed", *BAD):
        for report in stats.get(outcome, []):
            for name, row in getattr(report, "user_properties", []):
                if name == "fault":
                    tests.setdefault(row, set()).add(report.nodeid.partition("[")[0])
                    went.setdefault(row, set()).add(outcome)
    return [
        (
            row,
            next((bad for bad in BAD if bad in went.get(row, ())), "passed")
            if row in went
            else "no test",
            sorted(tests.get(row, ())),
        )
        for row in rows()
    ]

"""A pytest plugin: which process of `pytest -n` gets which tests, and in which order.

Browser tests share a product and a Chromium, so they go to two processes: those that look at
pages, and those that work with them. Everything else goes file by file. What takes longest begins
first, no long file is left for the end, and what mostly waits runs beside what mostly works.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Any

import pytest

BROWSER = "tests/browser/"
LOOKING = tuple(
    f"{BROWSER}{name}"
    for name in (
        "test_accessibility",
        "test_comfort",
        "test_hostile_text",
        "test_keyboard_and_roles",
        "test_layout_shift",
        "test_list_layout",
        "test_overview",
        "test_screenshots",
        "test_wall_screen",
        "test_without_javascript",
    )
)
"""Half of the browser tests, by the time that they take."""
WAITING = ("tests/processes/", "tests/flow/", "tests/providers/test_every_adapter")
WORKING = ("tests/executions/access/test_matrix", "tests/config/")
"""What takes longest of what mostly waits, and of what mostly works."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    browser: list[pytest.Item] = []
    waiting: dict[str, list[pytest.Item]] = {}
    working: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.nodeid.startswith(BROWSER):
            browser.append(item)
        else:
            files = waiting if item.nodeid.startswith(WAITING) else working
            files.setdefault(item.nodeid.split("::", 1)[0], []).append(item)
    browser.sort(key=lambda item: not item.nodeid.startswith(LOOKING))
    pairs = zip_longest(_in_order(waiting, WAITING), _in_order(working, WORKING), fillvalue=[])
    items[:] = chain(browser, *chain.from_iterable(pairs))


def _in_order(files: dict[str, list[pytest.Item]], first: Sequence[str]) -> list[list[pytest.Item]]:
    def place(file: str) -> int:
        return next((n for n, start in enumerate(first) if file.startswith(start)), len(first))

    return [files[file] for file in sorted(files, key=place)]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class ByProduct(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            if not file.startswith(BROWSER):
                return file
            is_looking = file.startswith(LOOKING)
            return f"{BROWSER} {'looks' if is_looking else 'works'}"

    return ByProduct(config, log)

"""A pytest plugin: which process of `pytest -n` gets which tests, and in which order.

Browser tests share a product and a Chromium, so they go to two processes: those that look at
pages, and those that work with them. Everything else goes file by file. What takes longest begins
first, no long file is left for the end, and what mostly waits runs beside what mostly works.
"""

from __future__ import annotations

from typing import Any

import pytest

BROWSER = "tests/browser/"
LOOKING = (
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
"""Half of the browser tests, by the time that they take."""
SLOW = (
    *(f"{BROWSER}{name}" for name in LOOKING),
    BROWSER,
    "tests/processes/",
    "tests/flow/",
    "tests/executions/access/test_matrix",
    "tests/providers/test_every_adapter",
    "tests/config/",
)
"""In the order in which it begins."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(
        key=lambda item: next(
            (place for place, start in enumerate(SLOW) if item.nodeid.startswith(start)), len(SLOW)
        )
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class ByProduct(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            if not file.startswith(BROWSER):
                return file
            is_looking = file.removeprefix(BROWSER).startswith(LOOKING)
            return f"{BROWSER} {'looks' if is_looking else 'works'}"

    return ByProduct(config, log)

"""A pytest plugin: which process of `pytest -n` gets which tests, and in which order.

The browser tests share one product and one Chromium, so one process gets them all. Everything
else goes file by file. What takes longest begins first: no long file is left for the end.
"""

from __future__ import annotations

from typing import Any

import pytest

BROWSER = "tests/browser/"
SLOW = (BROWSER, "tests/processes/", "tests/config/")
"""Folders whose tests start processes, in the order in which they begin."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {folder: place for place, folder in enumerate(SLOW)}
    items.sort(
        key=lambda item: next(
            (place for folder, place in order.items() if item.nodeid.startswith(folder)), len(SLOW)
        )
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling

    class ByProduct(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return BROWSER if nodeid.startswith(BROWSER) else nodeid.split("::", 1)[0]

    return ByProduct(config, log)

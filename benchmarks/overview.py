"""The overview at 100,000 runs against 1,000 runs, for every range and kind of filter.

The small table holds one day, so it draws one day of a longer range. Such a page is compared with
the small table's page of that day, hour by hour, which has about as many bars: drawing them costs
more than counting, and must not pass for it.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from benchmarks.alternating_rounds import ROUNDS, Figure
from benchmarks.lists import LARGE, SMALL
from benchmarks.page_timing_process import Pages

GOAL, MOST_QUERIES = 1.5, 12
FILTERS = {
    "the last day": "",
    "6 hours": "finished=6h",
    "7 days": "finished=7d",
    "30 days": "finished=30d",
    "30 days, failures by hour": "finished=30d&heat=failed",
    "a big account, 30 days": "account=1&finished=30d",
    "a provider, 7 days": "provider=generio&finished=7d",
    "a workflow, 30 days": "workflow=1&finished=30d",
    "all but a workflow, 7 days": "not_workflow=1&finished=7d",
    "one cell of the heat map": "hours/?finished=30d&weekday=2&hour=9",
    "the questions": "answers/?finished=30d",
}


def address(words: str) -> str:
    return f"/overview/{words}" if "/?" in words else f"/overview/?{words}"


def reference(words: str) -> str:
    """The page of the small table with about as many bars."""
    if "/?" in words:
        return words
    return "&".join(
        part for part in words.split("&") if part not in ("finished=7d", "finished=30d")
    )


def figures() -> Iterator[Figure]:
    small, large = Pages(SMALL), Pages(LARGE)
    try:
        queries = 0
        for user, who in (("admin", "superuser"), ("vik", "viewer with hidden accounts")):
            for name, words in FILTERS.items():
                path, other = address(words), address(reference(words))
                used = large.get(user, path)["queries"]
                queries = max(queries, used)
                ratios = []
                for _ in range(ROUNDS):
                    first, second = large.get(user, path, 3), small.get(user, other, 3)
                    ratios.append(min(first["seconds"]) / min(second["seconds"]))
                ratio = statistics.median(ratios)
                yield Figure(
                    f"{who}: {name}", ratio, goal=GOAL, way="at most", note=f"{used} queries"
                )
        yield Figure("most queries of an overview", queries, goal=MOST_QUERIES, way="at most")
    finally:
        small.close()
        large.close()

"""The tabs above the table: every run, the person's own and shared views, and ready-made lists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from executions.models import SavedView
from executions.search.filters import DISPLAY, Filters
from executions.search.visible_columns import switched

READY_MADE = (
    ("Needs me", "is=mine"),
    ("Failed, 24 h", "lamp=failed&finished=24h"),
    ("Running now", "status=running"),
    ("Waiting > 1 h", "waiting=1h"),
    ("Overdue", "is=overdue"),
    ("Stale", "is=stale"),
)


@dataclass(frozen=True)
class Tab:
    name: str
    query: str
    is_chosen: bool
    is_changed: bool = False
    """Whether the list shows something else than the view has."""
    hint: str = ""


def tabs(filters: Filters, views: Iterable[SavedView], current: SavedView | None) -> list[Tab]:
    """`current`: the view that is open."""
    shown = filters.query(drop=DISPLAY).removeprefix("?")
    everything = "?all=1" if filters.has_default or current else ""
    is_everything = current is None and shown in ("", "all=1")
    return [
        Tab("All runs", everything, is_everything),
        *(
            Tab(
                view.name,
                f"?view={view.pk}",
                current is not None and view.pk == current.pk,
                current is not None and view.pk == current.pk and _differs(filters, view),
                "" if view.audience == SavedView.PRIVATE else f"Shared by {view.owner}",
            )
            for view in views
        ),
        *(Tab(word, f"?{query}", current is None and query == shown) for word, query in READY_MADE),
    ]


def _differs(filters: Filters, view: SavedView) -> bool:
    asked = filters.query(drop=("view", "columns")).removeprefix("?").removeprefix("all=1")
    is_other = filters.columns is not None and switched(filters.columns) != view.columns
    return is_other or asked.removeprefix("&") != view.query

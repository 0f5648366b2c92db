"""Walks a query of any size in short pieces, so that nothing stays open in the database while a
reader takes their time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)


def walk(
    rows: QuerySet[Row], *columns: str, size: int, descending: bool = False
) -> Iterator[list[Row]]:
    """Lists of at most `size` rows in the order of one or two columns, which together are unique
    and never null. One query per list; each row is as it is at that moment."""
    sign = "-" if descending else ""
    ordered = rows.order_by(*(f"{sign}{column}" for column in columns))
    found = list(ordered[:size])
    while found:
        yield found
        if len(found) < size:
            return
        last = [getattr(found[-1], column) for column in columns]
        found = list(ordered.filter(_beyond(columns, last, "lt" if descending else "gt"))[:size])


def _beyond(columns: tuple[str, ...], last: list[Any], how: str) -> Q:
    first = columns[0]
    if len(columns) == 1:
        return Q(**{f"{first}__{how}": last[0]})
    within = Q(**{f"{first}__{how}": last[0]}) | Q(**{f"{columns[1]}__{how}": last[1]})
    return Q(**{f"{first}__{how}e": last[0]}) & within  # the first part is what an index serves

"""Paged lists of flow8: `page` from 0, `size` up to 100, `{data, total, page, size, pages}`.

Source: https://flow8-docs.pages.dev/developer/api/overview and .../api/executions (November 2026).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from providers.adapters.flow8.session import Session
from providers.contract import BadResponse, native_key
from providers.http import Reply, by_page
from providers.times import read_time

SIZE = 100  # rows of a page: the documented maximum


def walk_plays(
    session: Session, query: Mapping[str, Any], since: datetime | None, most: int
) -> Iterator[Any]:
    """At most `most` plays. The order of lists is undocumented (November 2026). Only while they
    have come newest first, two pages in a row from before `since` end the walk early."""
    seen: set[str] = set()
    starts: list[datetime] = []
    old_pages = 0
    for page in itertools.count():
        params = {**query, "page": page, "size": SIZE}
        plays, is_last = read_page(session.get("plays", **params), page)
        ids = [repr(play.get("id") if isinstance(play, dict) else play) for play in plays]
        yield from (play for play, ref in zip(plays, ids, strict=True) if ref not in seen)
        if is_last or seen.issuperset(ids) or not _fits(plays, query.get("state")):
            return
        seen.update(ids)
        if len(seen) >= most:
            return
        here = _starts(plays)
        starts += here
        is_old = since is not None and bool(here) and max(here) < since
        old_pages = old_pages + 1 if is_old else 0
        if old_pages == 2 and starts == sorted(starts, reverse=True):
            return


def walk(session: Session, *path: str, most: int) -> Iterator[Any]:
    """The rows of any other list, each once."""

    def ask(page: int) -> tuple[list[Any], bool]:
        return read_page(session.get(*path, page=page, size=SIZE), page)

    for rows in by_page(ask, key=repr, most=most):
        yield from rows


def read_page(reply: Reply, page: int) -> tuple[list[Any], bool]:
    """The rows, and whether this was the last page: by the number of pages, or an empty one. Its
    length says nothing: a server may give less than it is asked for. The envelope is documented
    (api/overview), a bare list is not but is taken as well."""
    body = reply.json()
    rows = body.get("data") if isinstance(body, dict) else body
    if not isinstance(rows, list):
        raise BadResponse(f"{reply.where} did not answer with a list.", status=reply.status)
    pages = body.get("pages") if isinstance(body, dict) else None
    return rows, not rows or (isinstance(pages, int) and page + 1 >= pages)


def _starts(plays: Iterable[Any]) -> list[datetime]:
    """Of the rows that have a readable one."""
    found = [read_time(play.get("startedAt")) for play in plays if isinstance(play, Mapping)]
    return [moment for moment in found if moment is not None]


def _fits(plays: list[Any], state: str | None) -> bool:
    """Whether a list kept to the state it was asked for. That the list of all plays takes this
    filter is assumed; one that ignores it is not walked to the end of history."""
    return state is None or all(
        isinstance(play, dict) and native_key(play.get("state")) == native_key(state)
        for play in plays
    )

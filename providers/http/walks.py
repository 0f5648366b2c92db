"""Lists that come page by page: by offset, page number, cursor or link, with one set of limits.

Each is a generator of pages, without the rows that came before: what moves while we read comes
twice. It asks for the next page only then. It ends at the page that the answer calls the last, at
an empty one, at one that brings nothing new, at one that names itself as the next, and after `most`
rows. A short page is not the last: a server may give less than it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from providers.http.replies import Reply

MOST_ROWS = 20_000  # of one list
_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[^,;<>]+)*)")
_NEXT = re.compile(r";\s*rel\s*=\s*\"?[^\";]*\bnext\b")
Rows = list[Any]
Key = Callable[[Any], str]


def row_key(row: Any) -> str:
    """What tells two rows apart, also where one is not as documented."""
    return str((row.get("id") if isinstance(row, dict) else None) or repr(row))


def by_cursor(
    ask: Callable[[Any], tuple[Rows, Any]],
    *,
    start: Any = None,
    key: Key = row_key,
    most: int | None = MOST_ROWS,
    seen: set[str] | None = None,
) -> Iterator[Rows]:
    """`ask(cursor)` gives the rows and the cursor of the next page, None or "" after the last one.
    A cursor is whatever the provider has for a place: a token, an id, parameters. `seen`: keys of
    rows that were read before, added to."""
    seen = set() if seen is None else seen
    count, place = 0, start
    while True:
        rows, following = ask(place)
        fresh = {key(row): row for row in rows}
        fresh = {name: row for name, row in fresh.items() if name not in seen}
        seen.update(fresh)
        count += len(fresh)
        yield list(fresh.values())
        if not fresh or following in (None, "", place) or (most is not None and count >= most):
            return
        place = following


def by_offset(ask: Callable[[int], Rows], **limits: Any) -> Iterator[Rows]:
    """`ask(offset)` gives the rows from there on. Limits as in `by_cursor`."""

    def page(offset: int) -> tuple[Rows, int]:
        rows = ask(offset)
        return rows, offset + len(rows)

    return by_cursor(page, start=0, **limits)


def by_page(
    ask: Callable[[int], tuple[Rows, bool]], *, first: int = 0, **limits: Any
) -> Iterator[Rows]:
    """`ask(number)` gives the rows and whether that was the last page. Limits as in `by_cursor`."""

    def page(number: int) -> tuple[Rows, int | None]:
        rows, is_last = ask(number)
        return rows, None if is_last else number + 1

    return by_cursor(page, start=first, **limits)


def by_link(
    first: Callable[[], Reply],
    follow: Callable[[str], Reply],
    read: Callable[[Reply], Rows],
    **limits: Any,
) -> Iterator[Rows]:
    """From `first()` on along the `Link` header's rel="next" (RFC 8288). `follow` is that of the
    endpoint: a link that leaves its address is refused. Limits as in `by_cursor`."""

    def page(link: str | None) -> tuple[Rows, str | None]:
        reply = first() if link is None else follow(link)
        return read(reply), next_link(reply)

    return by_cursor(page, **limits)


def next_link(reply: Reply) -> str | None:
    """The address of the next page, by the header of this one; None if there is none."""
    links = _LINK.findall(reply.headers.get("Link", ""))
    return next((url for url, about in links if _NEXT.search(about)), None)

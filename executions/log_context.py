"""What is being done, for the lines of a log that are written meanwhile: ids of a request, of an
account and its poll, of a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ids: ContextVar[dict[str, str | int] | None] = ContextVar("ids", default=None)


@contextmanager
def about(**ids: str | int) -> Iterator[None]:
    """Lines that are written within name these, besides those that they named before."""
    token = _ids.set(current() | ids)
    try:
        yield
    finally:
        _ids.reset(token)


def current() -> dict[str, str | int]:
    return _ids.get() or {}

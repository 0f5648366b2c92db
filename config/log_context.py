"""What is being done, for the lines of a log that are written meanwhile: the id of a request, or a
task with its arguments, which are ids."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from celery.signals import task_postrun, task_prerun

_ids: ContextVar[dict[str, Any] | None] = ContextVar("ids", default=None)


@contextmanager
def about(**ids: str | int) -> Iterator[None]:
    """Lines that are written within name these, besides those that they named before."""
    token = _ids.set(current() | ids)
    try:
        yield
    finally:
        _ids.reset(token)


def current() -> dict[str, Any]:
    return _ids.get() or {}


def _begin(task: Any, args: Any, kwargs: Any, **_: Any) -> None:
    given = inspect.signature(task.run).bind(*args, **kwargs).arguments
    _ids.set({"task": task.name.rpartition(".")[2], **given})


def _end(**_: Any) -> None:
    _ids.set(None)


task_prerun.connect(_begin)
task_postrun.connect(_end)

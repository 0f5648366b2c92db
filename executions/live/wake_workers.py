"""Wakes a worker for a row. A nudge, never the queue: what is not delivered the tick finds.

Publishing happens in a thread of its own, since a broker that hangs must not hold up a page.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from celery import current_app
from kombu.exceptions import OperationalError

from executions.live import publish

MOST_WAITING = 500  # messages in one queue

log = logging.getLogger(__name__)
_in_flight = threading.BoundedSemaphore(4)


def has_room(queue: str) -> bool:
    """Whether so few messages wait in this queue that more may be announced: what is due is
    announced again and again, so a backlog says nothing new. Raises redis.RedisError."""
    return int(publish.client().llen(queue)) < MOST_WAITING


def wake(task: str, *args: Any) -> None:
    """Enqueue `executions.tasks.<task>` soon. Returns at once; loses the nudge if the broker is
    away or slow."""
    if not _in_flight.acquire(blocking=False):
        return
    threading.Thread(target=_send, args=(task, args), daemon=True).start()


def _send(task: str, args: tuple[Any, ...]) -> None:
    try:
        current_app.send_task(f"executions.tasks.{task}", args=args, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("no worker woken for %s: %s", task, type(error).__name__)
    finally:
        _in_flight.release()

"""The scheduler of `celery beat`: each task of the schedule at its pace, by the monotonic clock.

Celery's own goes by the wall clock, so that nothing is polled for as long as that was set back,
and keeps a file, so that a full disk ends it. Here nothing is kept: what is due stands in rows. The
file that beat is given is touched as a sign of life.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from celery.beat import Scheduler
from kombu.exceptions import OperationalError
from redis import RedisError

from executions.live.wake_workers import has_room

ALIVE_EVERY = 30.0  # seconds
FIRST = {"executions.tasks.tidy": 300.0}  # seconds after the start; the others begin at once

log = logging.getLogger("celery.beat")


class MonotonicScheduler(Scheduler):  # type: ignore[misc]  # Celery has no types
    def __init__(self, *args: Any, schedule_filename: str, **options: Any) -> None:
        self.sign_of_life = Path(schedule_filename)
        self.alive_at = 0.0
        self.is_heard = True
        super().__init__(*args, **options)

    def setup_schedule(self) -> None:
        now = time.monotonic()
        self.every = {
            entry["task"]: float(entry["schedule"])
            for entry in self.app.conf.beat_schedule.values()
        }
        self.due = {task: now + FIRST.get(task, 0) for task in self.every}

    def tick(self, *args: Any, **options: Any) -> float:
        """Send what is due, once each however late; seconds until the next one is."""
        now = time.monotonic()
        for task, every in self.every.items():
            if self.due[task] <= now:
                self.due[task] = max(self.due[task] + every, now)
                self._send(task)
        self._show_life(now)
        return max(min(self.due.values()) - time.monotonic(), 0.01)

    def _send(self, task: str) -> None:
        """The broker may be away or full: then it is said once, and once when it is back."""
        try:
            if has_room("command"):
                self.app.send_task(task, retry=False)
        except (OperationalError, RedisError, OSError) as error:
            if self.is_heard:
                log.error("The broker takes nothing: %s", error)
            self.is_heard = False
        else:
            if not self.is_heard:
                log.warning("The broker takes messages again.")
            self.is_heard = True

    def _show_life(self, now: float) -> None:
        if now < self.alive_at + ALIVE_EVERY:
            return
        self.alive_at = now
        try:
            self.sign_of_life.touch()
        except OSError as error:  # a full disk
            log.error("%s cannot be written: %s", self.sign_of_life, error.strerror)

    def sync(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is open."""

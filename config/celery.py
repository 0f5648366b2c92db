"""The Celery app: one beat entry, everything else follows from rows in Postgres.

No message expires: that would be decided by the clocks of two machines. What is announced twice or
late does nothing, since rows decide; where too much waits already, nothing more is announced
(`executions.live.wake_workers.has_room`).
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from kombu.connection import Connection

from config import log_context  # noqa: F401 - hears when a task begins

LONGEST_PAUSE = 5  # seconds between two tries to reach the broker

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


class PatientConnection(Connection):
    """Tries to reach the broker for ever, and often enough that its return is noticed."""

    def ensure_connection(
        self, errback: Any = None, max_retries: int | None = None, **options: Any
    ) -> Any:
        pauses = {"interval_start": 1, "interval_step": 1, "interval_max": LONGEST_PAUSE}
        again: Any = super().ensure_connection
        return again(errback, None, **{**options, **pauses})


class PatientAMQP(AMQP):  # type: ignore[misc]
    Connection = PatientConnection


app = Celery("annunciator", amqp=PatientAMQP)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["executions"])
app.conf.beat_schedule = {
    "tick": {"task": "executions.tasks.tick", "schedule": 1.0},
    "sweep": {"task": "executions.tasks.sweep", "schedule": 5.0},
    "notify": {"task": "executions.tasks.notify", "schedule": 2.0},
    "tidy": {"task": "executions.tasks.tidy", "schedule": 3600.0},
}

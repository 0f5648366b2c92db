"""The Celery app: one beat entry, everything else follows from rows in Postgres."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("annunciator")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["executions"])
app.conf.beat_schedule = {
    "tick": {"task": "executions.tasks.tick", "schedule": 1.0, "options": {"expires": 2}},
    "sweep": {"task": "executions.tasks.sweep", "schedule": 5.0, "options": {"expires": 5}},
    "notify": {"task": "executions.tasks.notify", "schedule": 2.0, "options": {"expires": 4}},
    "tidy": {"task": "executions.tasks.tidy", "schedule": 3600.0, "options": {"expires": 600}},
}

"""Celery tasks of an invented office: one for each state of a task, and how it gets there.

A worker and Flower load this module; broker and backend come from CELERY_BROKER_URL.
"""

import os
import time

from celery import Celery, chain, chord, group
from celery.exceptions import Ignore, Reject

LONG = 3600  # seconds of a task that shall not end by itself
url = os.environ["CELERY_BROKER_URL"]
app = Celery("office", broker=url, backend=url)
app.conf.update(
    task_default_queue="main",
    task_send_sent_event=True,
    worker_send_task_events=True,
    task_track_started=True,
    result_extended=True,
    broker_connection_retry_on_startup=True,
)


@app.task(name="sales.import_invoices")
def import_invoices(count=1, priority="normal"):
    return {"rows": count, "priority": priority, "total": 17.5}


@app.task(name="sales.add")
def add(*numbers):
    return sum(each if isinstance(each, int) else sum(each) for each in numbers)


@app.task(name="sales.list_wares")
def list_wares(count):
    """Longer than the 1,024 characters that an event has of a result."""
    return [f"ware {number}" for number in range(count)]


@app.task(name="ledger.reconcile")
def reconcile(month, **options):
    raise ConnectionError(f"ledger refused the entry of {month}: token=abc123")


@app.task(name="rates.load", time_limit=2)
def load_rates():
    time.sleep(LONG)


@app.task(name="rates.publish", soft_time_limit=1)
def publish_rates():
    time.sleep(LONG)


@app.task(bind=True, name="mail.fetch", max_retries=5)
def fetch_mail(self, box):
    raise self.retry(exc=ConnectionError(f"{box} is locked"), countdown=LONG)


@app.task(bind=True, name="mail.send", max_retries=3)
def send_mail(self, needed):
    if self.request.retries < needed:
        raise self.retry(exc=ConnectionError("mailbox is full"), countdown=1)
    return f"sent at try {self.request.retries + 1}"


@app.task(bind=True, name="mail.forward", max_retries=1)
def forward_mail(self):
    raise self.retry(exc=ValueError("nobody there"), countdown=1)


@app.task(bind=True, name="stock.refuse", acks_late=True)
def refuse(self):
    raise Reject("no such ware", requeue=False)


@app.task(name="stock.ignore")
def ignore():
    raise Ignore


@app.task(name="stock.watch")
def watch(shelf, note=""):
    time.sleep(LONG)


@app.task(bind=True, name="payments.approve")
def approve(self, amount):
    """Its own state is known to the result backend alone."""
    self.update_state(state="WAITING_FOR_APPROVAL", meta={"amount": amount})
    time.sleep(LONG)


@app.task(bind=True, name="payments.sign")
def sign(self):
    """Its own state is told by an event of its own."""
    self.send_event("task-signing")
    time.sleep(LONG)


@app.task(name="büro.export/täglich <1> & mehr")
def export(word):
    return f"{word} – 日本"


@app.task(bind=True, name="suppliers.onboard")
def onboard(self, name):
    """Starts another task, which so has a parent."""
    return import_invoices.delay(1, priority=name).id


def canvases():
    """A chain, a group and a chord; ids of their tasks by name."""
    linked = chain(add.s(1, 2), add.s(3), add.s(4)).apply_async()
    parallel = group(add.s(1, 1), add.s(2, 2)).apply_async()
    joined = chord([add.s(5, 5), add.s(6, 6)])(add.s())
    return {
        "chain_first": linked.parent.parent.id,
        "chain_second": linked.parent.id,
        "chain_last": linked.id,
        "group_first": parallel[0].id,
        "group_second": parallel[1].id,
        "chord_first": joined.parent[0].id,
        "chord_body": joined.id,
    }

"""Runs to look at, as code for `manage.py shell` of a product: written in its own process."""

from __future__ import annotations

from typing import Any

from tests.product import Product

ACCOUNT = """
from datetime import timedelta
from django.contrib.auth.models import User
from django.utils import timezone
from executions.storage.typical_durations import measure
from executions.models import Command, Execution, LogEntry
from executions.storage.store import store
from providers import contract
from providers.contract import Snapshot, Status, Step, Verb
from providers.models import ProviderAccount

now = timezone.now()
account, _ = ProviderAccount.objects.get_or_create(name="Run page", provider="smartflows",
    defaults=dict(settings={"base_url": "https://runs.example.com"}))
ProviderAccount.objects.filter(pk=account.pk).update(
    enabled=True, health="ok", last_success_at=now + timedelta(minutes=30),
    next_poll_at=now + timedelta(days=1))

def at(seconds):
    return now - timedelta(minutes=10) + timedelta(seconds=seconds)

def step(ref, name, status=Status.SUCCEEDED, start=None, end=None, **more):
    return Step(ref=ref, name=name, status=status, native_status=status.value.title(),
                started_at=None if start is None else at(start),
                finished_at=None if end is None else at(end), **more)

def put(ref, status, seq=1, **more):
    given = dict(workflow=contract.Workflow(ref="w1", name="Nightly settlement of all depots"),
                 native_status=status.value.title(), started_at=at(0), questions=(), outputs=())
    given.update(more)
    store(account.pk, seq, [Snapshot(ref=ref, status=status, **given)])
    return Execution.objects.get(account=account, ref=ref)
"""


def seed(product: Product, code: str) -> list[Any]:
    """Run the code after what `ACCOUNT` defines; what it prints, split at spaces."""
    return product.manage("shell", "-v", "0", "-c", ACCOUNT + code).stdout.split()
